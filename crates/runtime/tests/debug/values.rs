//! Values of every kind, as locals and operands, in the innermost frame, in a caller, and in an outer activation.

use crate::fixture::{Fixture, Log};
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
    let probe = Fixture::with(probe, &linker, EngineConfig::default());
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
    let mut fixture = Fixture::with(&wat, &linker, EngineConfig::default());
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
