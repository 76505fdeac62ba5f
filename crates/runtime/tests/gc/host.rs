//! What the host and a debugger see of objects, and how long they hold them.

use crate::{MODES, Mode, Program, engine, i32s, object_of, run_with, with_prelude};
use runtime::{
    DebugEvent, DebugHook, Failure, FuncType, GcRef, HeapType, Linker, ObjectError, ObjectKind, RefType,
    Reference, Resumption, Store, TrapCode, Value, ValueType,
};
use std::sync::{Arc, Mutex, PoisonError};

const ANY: ValueType = ValueType::Ref(RefType::nullable(HeapType::Any));

/// A host function that makes garbage in the guest, and gives its argument back.
fn linker_with_host() -> Linker {
    let mut linker = Linker::new();
    linker.define_func("host", "pass", FuncType::new([ANY], [ANY]), |caller, args| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        let waste = instance.get_func(store, "waste").expect("exported");
        waste.call(store, &[]).map_err(|failure| runtime::HostError::Message(failure.to_string()))?;
        store.collect_garbage();
        Ok(args.to_vec())
    });
    linker
}

#[test]
fn the_arguments_of_a_host_function_live_until_it_returns_and_no_longer() {
    let wat = r#"(module (import "host" "pass" (func $pass (param anyref) (result anyref)))
        (type $box (struct (field i32)))
        (func $waste (export "waste") (drop (struct.new $box (i32.const 0))))
        (func (export "run") (result i32)
          (struct.get $box 0 (ref.cast (ref $box) (call $pass (struct.new $box (i32.const 9)))))))"#;
    let linker = linker_with_host();
    assert_eq!(run_with(wat, &linker, &[]), i32s(&[9]));

    // Without stress: after many calls nothing of the arguments is left.
    for mode in [Mode::Run, Mode::Debug] {
        let mut program = Program::new(&engine(mode, 1 << 20, false), mode, wat, &linker);
        for _ in 0..100 {
            assert_eq!(program.call("run", &[]), i32s(&[9]));
        }
        program.store.collect_garbage();
        assert_eq!(program.store.heap_statistics().live, 0);
    }
}

/// Makes an object for the host, and opens one of the host's.
const FOR_HOST: &str = r#"(func (export "make") (param i32) (result eqref)
        (struct.new $pair (call $box (local.get 0)) (ref.i31 (i32.const 77))))
    (func (export "waste") (call $waste))
    (func (export "first") (param anyref) (result i32)
        (call $open (struct.get $pair $left (ref.cast (ref $pair) (local.get 0)))))"#;

#[test]
fn what_the_host_holds_lives_until_it_is_released() {
    for mode in MODES {
        let wat = with_prelude(FOR_HOST);
        let mut program = Program::new(&engine(mode, 1 << 20, true), mode, &wat, &Linker::new());
        let made = program.call("make", &[Value::I32(5)]).expect("it returns")[0];
        program.call("waste", &[]).expect("it returns");
        assert_eq!(program.call("first", &[made]), i32s(&[5]));
        program.store.collect_garbage();
        assert_eq!(program.store.heap_statistics().live, 24 + 12);
        program.store.release(object_of(made));
        assert_eq!(program.store.object(object_of(made)), Err(ObjectError::Stale));
        assert_eq!(program.call("first", &[made]), Err(Failure::Arguments("[anyref] -> [i32]".into())));
        program.store.collect_garbage();
        assert_eq!(program.store.heap_statistics().live, 0);
    }
}

#[test]
fn objects_are_opened_field_by_field() {
    let wat = r#"(module
        (type $bytes (array (mut i8)))
        (type $all (struct (field i8) (field (mut i16)) (field i32) (field (mut i64)) (field f32) (field f64)
                           (field v128) (field (mut funcref)) (field externref) (field (mut (ref null $bytes)))))
        (func $f (export "f"))
        (func (export "make") (param externref) (result anyref)
          (struct.new $all (i32.const -1) (i32.const -2) (i32.const -3) (i64.const -4) (f32.const 1.5) (f64.const 2.5)
            (v128.const i64x2 1 2) (ref.func $f) (local.get 0) (array.new $bytes (i32.const 250) (i32.const 3))))
        (func (export "halfword") (param anyref) (result i32)
          (struct.get_s $all 1 (ref.cast (ref $all) (local.get 0))))
        (func (export "byte") (param anyref i32) (result i32)
          (array.get_s $bytes (struct.get $all 9 (ref.cast (ref $all) (local.get 0))) (local.get 1))))"#;
    for mode in MODES {
        let mut program = Program::new(&engine(mode, 1 << 20, true), mode, wat, &Linker::new());
        let host = Value::ExternRef(Some(Reference::Host(8)));
        let made = program.call("make", &[host]).expect("it returns")[0];
        let object = object_of(made);
        let store = &mut program.store;
        let ObjectKind::Struct(fields) = store.object(object).expect("alive").kind else {
            panic!("a structure")
        };
        assert_eq!(fields.len(), 10);
        let function = program.instance.get_func(store, "f");
        let wanted = [
            Value::I32(255),
            Value::I32(0xfffe),
            Value::I32(-3),
            Value::I64(-4),
            Value::F32(1.5f32.to_bits()),
            Value::F64(2.5f64.to_bits()),
            Value::V128(1 | 2 << 64),
            Value::FuncRef(function),
            host,
        ];
        for (index, wanted) in (0..).zip(wanted) {
            assert_eq!(store.field(object, index), Ok(wanted));
        }
        assert_eq!(store.field(object, 10), Err(ObjectError::NoSuchField));
        let bytes = object_of(store.field(object, 9).expect("a field"));
        let opened = store.object(bytes).expect("alive");
        assert!(matches!(opened.kind, ObjectKind::Array { length: 3, .. }));
        assert_eq!(store.field(bytes, 2), Ok(Value::I32(250)));
        assert_eq!(store.field(bytes, 3), Err(ObjectError::NoSuchField));

        // The program uses what is written.
        store.set_field(object, 1, Value::I32(0x1_8000)).expect("a halfword");
        store.set_field(bytes, 1, Value::I32(-128)).expect("a byte");
        assert_eq!(store.set_field(object, 3, Value::I32(1)), Err(ObjectError::Type(ValueType::I64)));
        assert!(matches!(store.set_field(object, 9, made), Err(ObjectError::Type(_))));
        assert_eq!(program.call("halfword", &[made]), i32s(&[-0x8000]));
        assert_eq!(program.call("byte", &[made, Value::I32(1)]), i32s(&[-128]));
        program.store.set_field(object, 9, Value::AnyRef(None)).expect("null");
        let outcome = program.call("byte", &[made, Value::I32(1)]);
        assert_eq!(outcome, Err(Failure::Trap(TrapCode::NullArray)));
    }
}

#[test]
fn an_object_fits_its_own_type_and_what_that_extends() {
    let wat = r#"(module (type $base (sub (struct))) (type $leaf (sub final $base (struct (field i32))))
        (type $other (struct (field i64)))
        (func (export "make") (result anyref) (struct.new_default $leaf))
        (func (export "base") (param (ref $base))) (func (export "leaf") (param (ref $leaf)))
        (func (export "other") (param (ref $other))) (func (export "array") (param arrayref))
        (func (export "struct") (param structref)) (func (export "i31") (param i31ref)))"#;
    let mut program = Program::new(&engine(Mode::Debug, 1 << 20, true), Mode::Debug, wat, &Linker::new());
    let made = program.call("make", &[]).expect("it returns")[0];
    let mut fits = |name: &str| program.call(name, &[made]).is_ok();
    assert_eq!(["base", "leaf", "struct"].map(&mut fits), [true; 3]);
    assert_eq!(["other", "array", "i31"].map(&mut fits), [false; 3]);
}

#[test]
fn a_debugger_reads_and_writes_objects_in_frames() {
    let wat = with_prelude(
        r#"(func (export "run") (result i32) (local $pair (ref null $pair))
             (local.set $pair (struct.new $pair (call $box (i32.const 1)) (call $box (i32.const 2))))
             (nop)
             (call $waste)
             (call $open (struct.get $pair $left (local.get $pair))))"#,
    );
    struct Swap(Mutex<u32>);
    impl DebugHook for Swap {
        fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
            let DebugEvent::Point { .. } = event else { return Resumption::Continue };
            let frame = store.innermost_frame().expect("at a point");
            let Ok(Value::AnyRef(Some(Reference::Object(pair)))) = frame.local(store, 0) else {
                return Resumption::Continue;
            };
            let mut swapped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if *swapped == 0 {
                let right = store.field(pair, 1).expect("a field");
                store.set_field(pair, 0, right).expect("fits");
                store.set_field(pair, 1, Value::AnyRef(None)).expect("null");
                *swapped = 1;
            }
            Resumption::Continue
        }
    }
    let engine = engine(Mode::Stepped, 1 << 20, true);
    let mut program = Program::new(&engine, Mode::Debug, &wat, &Linker::new());
    program.store.set_debug_hook(Some(Arc::new(Swap(Mutex::new(0)))));
    program.store.set_stepping(true);
    assert_eq!(program.call("run", &[]), i32s(&[2]));
}

#[test]
fn references_that_a_hook_did_not_keep_are_stale_after_it() {
    let wat =
        with_prelude(r#"(func (export "run") (local eqref) (local.set 0 (call $box (i32.const 3))) (nop))"#);
    struct Collect(Mutex<Vec<GcRef>>);
    impl DebugHook for Collect {
        fn event(&self, store: &mut Store, _: DebugEvent) -> Resumption {
            let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let local = store.innermost_frame().and_then(|frame| frame.local(store, 0).ok());
            if let Some(object) = local.and_then(|value| value.object()) {
                if seen.is_empty() {
                    assert!(store.keep(object));
                }
                seen.push(object);
            }
            Resumption::Continue
        }
    }
    for keep in [true, false] {
        let mut program =
            Program::new(&engine(Mode::Debug, 1 << 20, true), Mode::Debug, &wat, &Linker::new());
        let hook = Arc::new(Collect(Mutex::new(Vec::new())));
        program.store.set_debug_hook(Some(Arc::<Collect>::clone(&hook)));
        program.store.set_stepping(true);
        program.call("run", &[]).expect("it returns");
        let seen = hook.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.len() > 1 && seen.iter().all(|object| *object == seen[0]), "one object, one name");
        if !keep {
            program.store.release(seen[0]);
        }
        assert_eq!(program.store.object(seen[0]).is_ok(), keep);
    }
}

#[test]
fn an_exception_of_the_host_is_opened_like_an_object() {
    let wat = with_prelude(
        r#"(tag $tag (param i32 eqref))
           (func (export "waste") (call $waste))
           (func (export "throw") (throw $tag (i32.const 6) (call $box (i32.const 7))))"#,
    );
    for mode in MODES {
        let mut program = Program::new(&engine(mode, 1 << 20, true), mode, &wat, &Linker::new());
        let Err(Failure::Exception(exception)) = program.call("throw", &[]) else { panic!("it throws") };
        program.call("waste", &[]).expect("it returns");
        let store = &mut program.store;
        let eqref = ValueType::Ref(RefType::nullable(HeapType::Eq));
        let opened = store.object(exception).expect("alive");
        assert_eq!(opened.kind, ObjectKind::Exception(vec![ValueType::I32, eqref]));
        assert_eq!(store.field(exception, 0), Ok(Value::I32(6)));
        let boxed = object_of(store.field(exception, 1).expect("a value"));
        assert_eq!(store.field(boxed, 0), Ok(Value::I32(7)));
        store.release(boxed);
        store.release(exception);
        store.collect_garbage();
        assert_eq!(store.heap_statistics().live, 0);
    }
}
