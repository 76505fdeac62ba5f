//! Values of every kind, as locals and operands, in the innermost frame, in a caller, and in an outer activation.

use crate::fixture::{Fixture, Log, config};
use runtime::{
    DebugEvent, EngineConfig, Failure, Frame, FuncHandle, FuncType, HostError, Linker, Reference, Resumption,
    Store, Value, WasmFrame,
};

/// Type, an expression for it, what a debugger shows.
fn kinds(function: FuncHandle) -> Vec<(&'static str, &'static str, Value)> {
    let any = |reference| Value::AnyRef(Some(reference));
    vec![
        ("i32", "(i32.const -7)", Value::I32(-7)),
        ("i64", "(i64.const -0x123456789abcdef)", Value::I64(-0x0123_4567_89ab_cdef)),
        ("f32", "(f32.const nan:0x200001)", Value::F32(0x7fa0_0001)),
        ("f64", "(f64.const -0.5)", Value::F64((-0.5f64).to_bits())),
        (
            "v128",
            "(v128.const i64x2 0x1122334455667788 0x99aabbccddeeff00)",
            Value::V128(0x99aa_bbcc_ddee_ff00_1122_3344_5566_7788),
        ),
        ("funcref", "(ref.func $inner)", Value::FuncRef(Some(function))),
        ("funcref", "(ref.null func)", Value::FuncRef(None)),
        ("(ref null $t)", "(ref.func $inner)", Value::FuncRef(Some(function))),
        ("(ref null $t)", "(ref.null nofunc)", Value::FuncRef(None)),
        ("externref", "(global.get $host)", Value::ExternRef(Some(Reference::Host(42)))),
        ("externref", "(ref.null extern)", Value::ExternRef(None)),
        (
            "externref",
            "(extern.convert_any (ref.i31 (i32.const 6)))",
            Value::ExternRef(Some(Reference::I31(6))),
        ),
        ("anyref", "(any.convert_extern (global.get $host))", any(Reference::Host(42))),
        ("anyref", "(ref.i31 (i32.const -1))", any(Reference::I31(0x7fff_ffff))),
        ("anyref", "(ref.null any)", Value::AnyRef(None)),
        ("eqref", "(ref.i31 (i32.const 5))", any(Reference::I31(5))),
        ("i31ref", "(ref.i31 (i32.const 3))", any(Reference::I31(3))),
        ("i31ref", "(ref.null i31)", Value::AnyRef(None)),
        ("structref", "(ref.null struct)", Value::AnyRef(None)),
        ("arrayref", "(ref.null array)", Value::AnyRef(None)),
        ("nullref", "(ref.null none)", Value::AnyRef(None)),
        ("exnref", "(ref.null exn)", Value::ExnRef(None)),
    ]
}

/// A function with a local of each kind, which then pushes each of them twice, as itself and as a value that was
/// computed, and goes on with `then`.
fn body(kinds: &[(&str, &str, Value)], then: &str) -> String {
    let locals: String = kinds.iter().map(|(ty, ..)| format!("(local {ty})\n")).collect();
    let sets = kinds.iter().enumerate().map(|(i, (_, value, _))| format!("(local.set {i} {value})\n"));
    let pushes = kinds
        .iter()
        .enumerate()
        .map(|(i, (ty, ..))| format!("(local.get {i}) (block (result {ty}) (local.get {i}))\n"));
    format!("{locals}{}{}{then} unreachable", sets.collect::<String>(), pushes.collect::<String>())
}

fn check(store: &Store, frame: &WasmFrame, kinds: &[(&str, &str, Value)]) {
    assert_eq!(frame.locals().len(), kinds.len());
    assert_eq!(frame.operands().len(), 2 * kinds.len());
    for (index, (ty, value, expected)) in (0..).zip(kinds) {
        let what = format!("{ty} {value} in function {}", frame.function);
        assert_eq!(frame.local(store, index), Ok(*expected), "local {what}");
        for operand in [2 * index, 2 * index + 1] {
            assert_eq!(frame.operand(store, operand), Ok(*expected), "operand {operand}, {what}");
        }
    }
}

#[test]
fn every_kind_of_value_is_seen_in_every_kind_of_frame() {
    let mut linker = Linker::new();
    linker.define_func("host", "back", FuncType::new([], []), |caller, _| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        let middle = instance.get_func(store, "middle").expect("exported");
        let _fails = middle.call(store, &[]);
        Err(HostError::Killed)
    });
    // The function's handle is needed for the table, and the table for the module.
    let probe = r#"(module (import "host" "back" (func)) (func $inner (export "inner")))"#;
    let probe = Fixture::with(probe, &linker, config());
    let kinds = kinds(probe.instance.get_func(&probe.store, "inner").expect("exported"));
    let functions = [("inner", ""), ("middle", "call $inner"), ("run", "call $back")];
    let functions =
        functions.map(|(name, then)| format!(r#"(func ${name} (export "{name}") {})"#, body(&kinds, then)));
    let wat = format!(
        r#"(module (type $t (func)) (import "host" "back" (func $back))
            (global $host (export "host") (mut externref) (ref.null extern))
            (elem declare func $inner) {})"#,
        functions.join("\n")
    );
    let mut fixture = Fixture::with(&wat, &linker, config());
    let host = Value::ExternRef(Some(Reference::Host(42)));
    fixture.store.set_global(fixture.instance, 0, host).expect("mutable");
    let stops = Log::new();
    let seen = stops.clone();
    fixture.hook(move |store, event| {
        assert!(matches!(event, DebugEvent::Trap(_)), "{event:?}");
        let wasm = store.frames().filter_map(|frame| match frame {
            Frame::Wasm(frame) => Some(frame),
            _ => None,
        });
        let frames: Vec<WasmFrame> = wasm.collect();
        for frame in &frames {
            check(store, frame, &kinds);
        }
        seen.push(frames.iter().map(|frame| (frame.function, frame.activation)).collect::<Vec<_>>());
        Resumption::Continue
    });
    assert_eq!(fixture.call("run", &[]), Err(Failure::Killed));
    assert_eq!(stops.take(), [[(1, 1), (2, 1), (3, 0)]]);
}

/// A structure with a field of each kind of storage, an array in it, and an exception's place left null.
const OBJECTS: &str = r#"(module
    (type $a (array (mut i16)))
    (type $s (struct (field i8) (field (mut i64)) (field f32) (field v128) (field (ref $a)) (field (ref null $s))
        (field funcref) (field externref)))
    (func $make (result (ref $s))
        (struct.new $s (i32.const 0x1ff) (i64.const -3) (f32.const 0.5) (v128.const i64x2 1 2)
            (array.new_fixed $a 3 (i32.const 7) (i32.const 0x18000) (i32.const 9)) (ref.null $s)
            (ref.null func) (extern.convert_any (ref.i31 (i32.const 4)))))
    (func $inner (param anyref) unreachable)
    (func (export "run") (local (ref null $s) structref eqref)
        (local.set 0 (call $make)) (local.set 1 (local.get 0)) (local.set 2 (call $make))
        (call $inner (struct.get $s 4 (local.get 0)))))"#;

/// The object that a value refers to.
fn object(value: Result<Value, runtime::FrameError>) -> runtime::GcRef {
    match value {
        Ok(Value::AnyRef(Some(Reference::Object(object)))) => object,
        other => panic!("no object: {other:?}"),
    }
}

#[test]
fn objects_are_opened_field_by_field_in_every_frame() {
    for gc_stress in [false, true] {
        let config = EngineConfig { gc_stress, ..config() };
        let mut fixture = Fixture::with(OBJECTS, &Linker::new(), config);
        let stops = Log::new();
        let seen = stops.clone();
        fixture.hook(move |store, event| {
            if !matches!(event, DebugEvent::Trap(_)) {
                return Resumption::Continue;
            }
            let frames: Vec<Frame> = store.frames().collect();
            let [Frame::Wasm(inner), Frame::Wasm(run)] = &frames[..] else { panic!("{}", frames.len()) };
            let array = object(inner.local(store, 0));
            let elements: Vec<_> = (0..4).map(|i| store.field(array, i).ok()).collect();
            let ints = [Some(Value::I32(7)), Some(Value::I32(0x8000)), Some(Value::I32(9)), None];
            assert_eq!(elements, ints);
            let [one, same, other] = [0, 1, 2].map(|local| object(run.local(store, local)));
            assert_eq!((one == same, one == other), (true, false), "one name for one object");
            assert_eq!(store.field(one, 4), Ok(Value::AnyRef(Some(Reference::Object(array)))));
            let simple = [
                (0, Value::I32(0xff)),
                (1, Value::I64(-3)),
                (2, Value::F32(0.5f32.to_bits())),
                (3, Value::V128(2 << 64 | 1)),
                (5, Value::AnyRef(None)),
                (6, Value::FuncRef(None)),
                (7, Value::ExternRef(Some(Reference::I31(4)))),
            ];
            for object in [one, other] {
                assert_eq!(store.object(object).map(|object| object.len()), Ok(8));
                for (index, value) in simple {
                    assert_eq!(store.field(object, index), Ok(value), "field {index}");
                }
            }
            seen.push(());
            Resumption::Continue
        });
        fixture.store.set_stepping(gc_stress);
        assert!(fixture.call("run", &[]).is_err());
        assert_eq!(stops.take().len(), 1);
    }
}

#[test]
fn an_exception_that_was_caught_is_a_value_with_its_payload() {
    let wat = r#"(module (tag $t (param i64 f32))
        (func $inner (param exnref) unreachable)
        (func (export "run") (local exnref)
            (local.set 0 (block (result i64 f32 exnref)
                (try_table (catch_ref $t 0) (throw $t (i64.const -5) (f32.const 1.5)))
                unreachable))
            drop drop
            (call $inner (local.get 0))))"#;
    let mut fixture = Fixture::new(wat);
    let stops = Log::new();
    let seen = stops.clone();
    fixture.hook(move |store, event| {
        if matches!(event, DebugEvent::Trap(_)) {
            let frames: Vec<Frame> = store.frames().collect();
            let [Frame::Wasm(inner), Frame::Wasm(run)] = &frames[..] else { panic!("{}", frames.len()) };
            let value = inner.local(store, 0);
            assert_eq!(value, run.local(store, 0), "one name for one exception");
            let Ok(Value::ExnRef(Some(exception))) = value else { panic!("no exception: {value:?}") };
            assert_eq!(store.field(exception, 0), Ok(Value::I64(-5)));
            assert_eq!(store.field(exception, 1), Ok(Value::F32(1.5f32.to_bits())));
            seen.push(());
        }
        Resumption::Continue
    });
    assert!(fixture.call("run", &[]).is_err());
    assert_eq!(stops.take().len(), 1);
}
