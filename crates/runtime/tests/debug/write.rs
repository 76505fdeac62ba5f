//! What is changed at a stop is what the program uses when it goes on: locals and operands of every type, in every
//! frame, globals, memories, tables.

use crate::fixture::{Fixture, config};
use runtime::{
    DebugEvent, EntityError, Failure, Frame, FrameError, FuncHandle, FuncType, Linker, ObjectError,
    Reference, Resumption, Store, Value, ValueType, WasmFrame,
};

/// Type, an expression for a value, and the value that is written over it.
fn kinds(function: FuncHandle) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("i32", "(i32.const 1)", Value::I32(i32::MIN)),
        ("i64", "(i64.const 1)", Value::I64(i64::MIN + 1)),
        ("f32", "(f32.const 1)", Value::F32(0x7fa0_0001)),
        ("f64", "(f64.const 1)", Value::F64(0x7ff4_0000_0000_0001)),
        ("v128", "(v128.const i64x2 1 2)", Value::V128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff)),
        ("funcref", "(ref.null func)", Value::FuncRef(Some(function))),
        ("funcref", "(ref.func $inner)", Value::FuncRef(None)),
        ("(ref null $t)", "(ref.null $t)", Value::FuncRef(Some(function))),
        ("(ref $t)", "(ref.func $other)", Value::FuncRef(Some(function))),
        ("externref", "(ref.null extern)", Value::ExternRef(Some(Reference::Host(9)))),
        ("anyref", "(ref.null any)", Value::AnyRef(Some(Reference::I31(9)))),
        ("i31ref", "(ref.i31 (i32.const 4))", Value::AnyRef(Some(Reference::I31(0x7fff_ffff)))),
        ("eqref", "(ref.i31 (i32.const 4))", Value::AnyRef(None)),
    ]
}

/// Where the value that is changed lives when the guest stops at `unreachable`'s place in `$inner`.
const PLACES: [&str; 4] = ["local", "operand", "local of a caller", "operand of a caller"];

fn module(place: &str, ty: &str, value: &str) -> String {
    let computed = format!("(block (result {ty}) {value})");
    let body = match place {
        "local" => format!("(local {ty}) (local.set 0 {value}) nop (local.get 0)"),
        "operand" => format!("{computed} nop"),
        "local of a caller" => format!("(local {ty}) (local.set 0 {value}) call $inner (local.get 0)"),
        _ => format!("{computed} call $inner"),
    };
    format!(
        r#"(module (type $t (func)) (elem declare func $inner $other)
            (func $inner (export "inner") (type $t) nop) (func $other (type $t))
            (func (export "run") (result {ty}) {body}))"#
    )
}

/// Calls `run`; at the first breakpoint `edit` gets the frame whose function is 2.
fn run_edited(
    fixture: &mut Fixture,
    edit: impl Fn(&mut Store, &WasmFrame) + Send + Sync + 'static,
) -> Result<Vec<Value>, Failure> {
    fixture.hook(move |store, event| {
        assert!(matches!(event, DebugEvent::Point { breakpoint: true, .. }), "{event:?}");
        let frame = store.frames().find_map(|frame| match frame {
            Frame::Wasm(frame) if frame.function == 2 => Some(frame),
            _ => None,
        });
        edit(store, &frame.expect("it runs"));
        Resumption::Continue
    });
    fixture.call("run", &[])
}

#[test]
fn locals_and_operands_of_every_type_can_be_changed_in_every_frame() {
    let probe = Fixture::new(&module("local", "i32", "(i32.const 0)"));
    let function = probe.instance.get_func(&probe.store, "inner").expect("exported");
    for place in PLACES {
        for (ty, value, new) in kinds(function) {
            let what = format!("{place} {ty}");
            let mut fixture = Fixture::new(&module(place, ty, value));
            fixture.break_at(if place.ends_with("caller") { 0 } else { 2 }, "Nop");
            let outcome = run_edited(&mut fixture, move |store, frame| {
                let wrong = if matches!(new, Value::I64(_)) { Value::I32(3) } else { Value::I64(3) };
                let refused = |outcome: Result<(), FrameError>| {
                    assert!(matches!(outcome, Err(FrameError::Type(_))), "{outcome:?}");
                };
                if place.starts_with("local") {
                    refused(frame.set_local(store, 0, wrong));
                    assert_eq!(frame.set_local(store, 1, new), Err(FrameError::NoSuchValue));
                    assert_eq!(frame.set_local(store, 0, new), Ok(()));
                    assert_eq!(frame.local(store, 0), Ok(new), "read back");
                } else {
                    refused(frame.set_operand(store, 0, wrong));
                    assert_eq!(frame.set_operand(store, 1, new), Err(FrameError::NoSuchValue));
                    assert_eq!(frame.set_operand(store, 0, new), Ok(()));
                    assert_eq!(frame.operand(store, 0), Ok(new), "read back");
                }
            });
            assert_eq!(outcome, Ok(vec![new]), "{what}");
        }
    }
}

#[test]
fn references_are_checked_by_the_type_that_they_are_of() {
    let wat = r#"(module (type $t (func)) (type $u (func (param i32)))
        (func $of_t (export "of_t") (type $t)) (func $of_u (export "of_u") (type $u))
        (func (export "run") (result (ref null $t)) (local (ref null $t) (ref $t))
            (local.set 1 (ref.func $of_t)) nop local.get 0)
        (elem declare func $of_t $of_u))"#;
    let mut fixture = Fixture::new(wat);
    let handle = |name| fixture.instance.get_func(&fixture.store, name);
    let (of_t, of_u) = (handle("of_t"), handle("of_u"));
    fixture.break_at(2, "Nop");
    let outcome = run_edited(&mut fixture, move |store, frame| {
        assert!(matches!(frame.set_local(store, 0, Value::FuncRef(of_u)), Err(FrameError::Type(_))));
        assert!(matches!(frame.set_local(store, 1, Value::FuncRef(None)), Err(FrameError::Type(_))));
        assert!(matches!(frame.set_local(store, 0, Value::AnyRef(None)), Err(FrameError::Type(_))));
        assert_eq!(frame.set_local(store, 0, Value::FuncRef(of_t)), Ok(()));
    });
    assert_eq!(outcome, Ok(vec![Value::FuncRef(of_t)]));
}

/// An operand that is a constant of the code, or stands for a local, has no place that the code would read.
#[test]
fn operands_without_a_place_are_refused_and_stay_what_they_are() {
    let wat = r#"(module (func) (func) (func (export "run") (result i32) (local i32)
        (local.set 0 (i32.const 5)) (local.get 0) (i32.const 6) (i32.add (i32.const 3) (i32.const 4)) nop
        i32.mul i32.mul))"#;
    let mut fixture = Fixture::new(wat);
    fixture.break_at(2, "Nop");
    let outcome = run_edited(&mut fixture, |store, frame| {
        assert_eq!(frame.set_operand(store, 0, Value::I32(100)), Err(FrameError::NotWritable));
        assert_eq!(frame.set_operand(store, 1, Value::I32(100)), Err(FrameError::NotWritable));
        assert_eq!(frame.set_operand(store, 2, Value::I32(10)), Ok(()));
        // The operand that stands for the local keeps its meaning: it is the local's value now.
        assert_eq!(frame.set_local(store, 0, Value::I32(2)), Ok(()));
        assert_eq!(frame.operand(store, 0), Ok(Value::I32(2)));
    });
    assert_eq!(outcome, Ok(vec![Value::I32(2 * 6 * 10)]));
}

#[test]
fn globals_memories_and_tables_can_be_changed_and_constants_cannot() {
    let wat = r#"(module (type $t (func (result i32)))
        (global $v (mut f64) (f64.const 0)) (global $c i32 (i32.const 4))
        (memory 1) (table $f 2 (ref null $t)) (table $e 1 externref)
        (func $nine (export "nine") (result i32) i32.const 9)
        (func $wrong (export "wrong"))
        (func (export "run") (result f64 i32 i32 i32 externref) nop
            global.get $v global.get $c
            (i32.load16_u (i32.const 2)) (call_indirect $f (type $t) (i32.const 1))
            (table.get $e (i32.const 0))))"#;
    let mut fixture = Fixture::new(wat);
    let instance = fixture.instance;
    let handle = |name| fixture.instance.get_func(&fixture.store, name);
    let (nine, wrong) = (Value::FuncRef(handle("nine")), Value::FuncRef(handle("wrong")));
    let host = Value::ExternRef(Some(Reference::Host(3)));
    fixture.break_at(2, "Nop");
    let outcome = run_edited(&mut fixture, move |store, _| {
        assert_eq!(store.set_global(instance, 0, Value::F64(7)), Ok(()));
        assert_eq!(store.set_global(instance, 0, Value::I64(7)), Err(EntityError::Type(ValueType::F64)));
        assert_eq!(store.set_global(instance, 1, Value::I32(7)), Err(EntityError::Immutable));
        assert_eq!(store.set_global(instance, 2, Value::I32(7)), Err(EntityError::NoSuch));
        assert!(store.write_memory(instance, 0, 1, &[1, 2, 3]));
        assert!(!store.write_memory(instance, 0, 65535, &[1, 2]));
        assert_eq!(store.set_table_element(instance, 0, 1, nine), Ok(()));
        assert!(matches!(store.set_table_element(instance, 0, 1, wrong), Err(EntityError::Type(_))));
        assert_eq!(store.set_table_element(instance, 0, 2, nine), Err(EntityError::NoSuch));
        assert_eq!(store.set_table_element(instance, 2, 0, nine), Err(EntityError::NoSuch));
        assert_eq!(store.set_table_element(instance, 1, 0, host), Ok(()));
    });
    let expected = vec![Value::F64(7), Value::I32(4), Value::I32(0x302), Value::I32(9), host];
    assert_eq!(outcome, Ok(expected));
}

#[test]
fn values_of_an_outer_activation_can_be_changed() {
    let mut linker = Linker::new();
    linker.define_func("host", "back", FuncType::new([], []), |caller, _| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        let inner = instance.get_func(store, "inner").expect("exported");
        Ok(inner.call(store, &[]).expect("it returns"))
    });
    let wat = r#"(module (import "host" "back" (func $back)) (func (export "inner") nop)
        (func (export "run") (result i64 i32) (local i32)
            (block (result i64) (i64.const 1)) call $back (i32.add (local.get 0) (i32.const 1))))"#;
    let mut fixture = Fixture::with(wat, &linker, config());
    fixture.break_at(1, "Nop");
    let outcome = run_edited(&mut fixture, |store, frame| {
        assert_eq!(frame.activation, 0);
        assert_eq!(frame.set_local(store, 0, Value::I32(41)), Ok(()));
        assert_eq!(frame.set_operand(store, 0, Value::I64(-1)), Ok(()));
    });
    assert_eq!(outcome, Ok(vec![Value::I64(-1), Value::I32(42)]));
}

#[test]
fn fields_of_objects_can_be_changed_and_the_program_uses_them() {
    let wat = r#"(module (type $a (array (mut i16))) (type $s (struct (field (mut i64)) (field (mut (ref null $a)))))
        (func) (func)
        (func (export "run") (result i64 i32) (local (ref $s))
            (local.set 0 (struct.new $s (i64.const 1) (array.new $a (i32.const 3) (i32.const 2))))
            nop
            (struct.get $s 0 (local.get 0)) (array.get_u $a (struct.get $s 1 (local.get 0)) (i32.const 1))))"#;
    let mut fixture = Fixture::new(wat);
    fixture.break_at(2, "Nop");
    let outcome = run_edited(&mut fixture, |store, frame| {
        let object = |value| match value {
            Value::AnyRef(Some(Reference::Object(object))) => object,
            other => panic!("no object: {other:?}"),
        };
        let structure = object(frame.local(store, 0).expect("known"));
        let array = object(store.field(structure, 1).expect("known"));
        assert_eq!(store.set_field(structure, 0, Value::I64(-9)), Ok(()));
        assert_eq!(store.set_field(structure, 0, Value::I32(1)), Err(ObjectError::Type(ValueType::I64)));
        assert_eq!(store.set_field(structure, 2, Value::I64(1)), Err(ObjectError::NoSuchField));
        let itself = Value::AnyRef(Some(Reference::Object(structure)));
        assert!(matches!(store.set_field(structure, 1, itself), Err(ObjectError::Type(_))));
        assert_eq!(store.set_field(array, 1, Value::I32(0x1_ffff)), Ok(()));
    });
    assert_eq!(outcome, Ok(vec![Value::I64(-9), Value::I32(0xffff)]));
}

#[test]
fn a_reference_to_an_object_can_be_written_to_locals_globals_and_tables() {
    let wat = r#"(module (type $s (struct (field i32))) (global $g (mut anyref) (ref.null any))
        (table $t 1 anyref) (func) (func)
        (func (export "run") (result i32 i32 i32) (local (ref null $s) (ref null $s) i31ref)
            (local.set 0 (struct.new $s (i32.const 5)))
            nop
            (struct.get $s 0 (local.get 1))
            (struct.get $s 0 (ref.cast (ref $s) (global.get $g)))
            (struct.get $s 0 (ref.cast (ref $s) (table.get $t (i32.const 0))))))"#;
    let mut fixture = Fixture::new(wat);
    let instance = fixture.instance;
    fixture.break_at(2, "Nop");
    let outcome = run_edited(&mut fixture, move |store, frame| {
        let value = frame.local(store, 0).expect("known");
        assert!(matches!(frame.set_local(store, 2, value), Err(FrameError::Type(_))));
        assert_eq!(frame.set_local(store, 1, value), Ok(()));
        assert_eq!(store.set_global(instance, 0, value), Ok(()));
        assert_eq!(store.set_table_element(instance, 0, 0, value), Ok(()));
    });
    assert_eq!(outcome, Ok(vec![Value::I32(5); 3]));
}
