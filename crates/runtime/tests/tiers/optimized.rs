//! What the run tier shows of itself where it stops: at calls, loops and traps.

use crate::fixture::{Fixture, Log, tier};
use runtime::{
    EngineConfig, Failure, Frame, FrameError, FuncType, Linker, ObservableLocals, Resumption, Store, Tiers,
    TrapCode, Value,
};

/// The locals of the innermost frame, then of its caller.
fn locals(store: &Store) -> Vec<Vec<Result<Value, FrameError>>> {
    let wasm = store.frames().filter_map(|frame| match frame {
        Frame::Wasm(frame) => Some(frame),
        _ => None,
    });
    wasm.map(|frame| (0..).zip(frame.locals()).map(|(index, _)| frame.local(store, index)).collect())
        .collect()
}

/// Runs `run` until it traps; the locals of all frames there.
fn at_trap(
    wat: &str,
    observable: Option<ObservableLocals>,
    code: TrapCode,
) -> Vec<Vec<Result<Value, FrameError>>> {
    let mut fixture = Fixture::observed(wat, &Linker::new(), tier(Tiers::Run), observable);
    let seen = Log::new();
    let log = seen.clone();
    fixture.hook(move |store, _| {
        log.push(locals(store));
        Resumption::Continue
    });
    assert_eq!(fixture.call("run", &[Value::I32(5), Value::I64(-1)]), Err(Failure::Trap(code)), "{wat}");
    let mut seen = seen.take();
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

const FIVE: Result<Value, FrameError> = Ok(Value::I32(5));
const NONE: Result<Value, FrameError> = Err(FrameError::Unavailable);

#[test]
fn calls_and_traps_that_are_foreseen_leave_every_local() {
    let inner = [
        ("unreachable", TrapCode::Unreachable),
        ("(drop (i32.div_s (local.get 0) (local.get 2)))", TrapCode::IntegerDivisionByZero),
        (
            "(drop (i64.rem_u (local.get 1) (i64.extend_i32_u (local.get 2))))",
            TrapCode::IntegerDivisionByZero,
        ),
        (
            "(drop (i32.div_s (i32.sub (local.get 2) (i32.const 0x80000000)) (i32.sub (local.get 2) (i32.const 1))))",
            TrapCode::IntegerOverflow,
        ),
        ("(call_indirect (local.get 0))", TrapCode::UninitializedElement),
        ("(call_indirect (local.get 2))", TrapCode::BadSignature),
    ];
    for (body, code) in inner {
        let wat = format!(
            r#"(module (table 9 funcref) (elem (i32.const 0) $inner)
                (func $inner (param i32 i64) (local i32) {body})
                (func (export "run") (param i32 i64) (local f64) (local.set 2 (f64.const 2))
                    (call $inner (local.get 0) (i64.const 7))))"#
        );
        let expected = vec![
            vec![FIVE, Ok(Value::I64(7)), Ok(Value::I32(0))],
            vec![FIVE, Ok(Value::I64(-1)), Ok(Value::F64(2f64.to_bits()))],
        ];
        assert_eq!(at_trap(&wat, None, code), expected, "{body}");
    }
}

#[test]
fn an_access_out_of_bounds_knows_what_was_stored_and_guesses_nothing() {
    let wat = r#"(module (memory 1) (func $nothing)
        (func (export "run") (param i32 i64)
            call $nothing
            (local.set 1 (i64.const 9))
            (drop (i32.load (i32.const -1)))))"#;
    assert_eq!(at_trap(wat, None, TrapCode::MemoryOutOfBounds), [[FIVE, NONE]]);
}

#[test]
fn what_nobody_can_ask_for_is_unavailable() {
    // Behind the call, local 0 is read, local 1 is named by the debug info, local 2 is neither.
    let wat = r#"(module (func $trap unreachable)
        (func (export "run") (param i32 i64) (local i32)
            (local.set 2 (i32.const 3))
            call $trap
            (drop (local.get 0))))"#;
    let whole = frame_table::ModulePc(0)..frame_table::ModulePc(u32::MAX);
    let fixture = Fixture::new(wat);
    let body = fixture.module.body_range(1).expect("it is defined");
    let named = ObservableLocals::new([(body, 1)], [], []);
    let frames = at_trap(wat, Some(named), TrapCode::Unreachable);
    assert_eq!(frames[1], [FIVE, Ok(Value::I64(-1)), NONE]);
    let nothing = ObservableLocals::new([(whole, 1)].into_iter().take(0), [], []);
    assert_eq!(at_trap(wat, Some(nothing), TrapCode::Unreachable)[1], [FIVE, NONE, NONE]);
}

#[test]
fn a_frame_base_is_kept_wherever_it_is_written() {
    let wat = r#"(module (memory 1)
        (func (export "run") (param i32 i64) (local i32)
            (local.set 2 (i32.sub (local.get 0) (i32.const 1)))
            (drop (i32.load (i32.const -1)))))"#;
    let body = Fixture::new(wat).module.body_range(0).expect("it is defined");
    let observable = ObservableLocals::new([(body.clone(), 2)], [], [(body, 2)]);
    assert_eq!(
        at_trap(wat, Some(observable), TrapCode::MemoryOutOfBounds),
        [[NONE, NONE, Ok(Value::I32(4))]]
    );
}

#[test]
fn operands_of_callers_are_seen() {
    let mut linker = Linker::new();
    let seen = Log::new();
    let log = seen.clone();
    linker.define_func("host", "look", FuncType::new([], []), move |caller, _| {
        let store = caller.store();
        let frame = store.innermost_frame().expect("it called");
        let count = u32::try_from(frame.operands().len()).expect("few");
        log.push((0..count).map(|height| frame.operand(store, height)).collect::<Vec<_>>());
        Ok(vec![])
    });
    let wat = r#"(module (import "host" "look" (func $look))
        (func (export "run") (param i32) (result i32)
            (i32.const 3) (local.get 0) (i32.mul (local.get 0) (i32.const 2))
            call $look
            i32.add i32.add))"#;
    let config = EngineConfig { tiers: Tiers::Run, ..EngineConfig::default() };
    let mut fixture = Fixture::with(wat, &linker, config);
    assert_eq!(fixture.call("run", &[Value::I32(5)]), Ok(vec![Value::I32(18)]));
    assert_eq!(seen.take(), [[Ok(Value::I32(3)), FIVE, Ok(Value::I32(10))]]);
}

#[test]
fn a_frame_has_room_for_all_of_its_locals_and_operands() {
    // Debuggers are shown images of frames at places that follow from the frames' addresses.
    let locals = "i64 ".repeat(50);
    let wat = format!(
        r#"(module (func $inner (param i32) (local {locals}) unreachable)
            (func (export "run") (param i32 i64) (local {locals})
                (local.set 20 (local.get 1))
                (i64.const 1) (i64.const 2)
                (call $inner (local.get 0))
                (drop) (drop)))"#
    );
    let observable = ObservableLocals::new(Vec::new(), Vec::new(), Vec::new());
    let mut fixture = Fixture::observed(&wat, &Linker::new(), tier(Tiers::Automatic), Some(observable));
    let seen = Log::new();
    let log = seen.clone();
    fixture.hook(move |store, _| {
        for frame in store.frames() {
            if let Frame::Wasm(frame) = frame {
                log.push((frame.address(), 8 * (frame.locals().len() + frame.operands().len()) + 16));
            }
        }
        Resumption::Continue
    });
    let end = fixture.call("run", &[Value::I32(5), Value::I64(-1)]);
    assert_eq!(end, Err(Failure::Trap(TrapCode::Unreachable)));
    let seen = seen.take();
    assert_eq!(seen.len(), 2);
    let (inner, outer) = (seen[0], seen[1]);
    assert!(outer.0 - inner.0 >= outer.1, "{} bytes between frames, not {}", outer.0 - inner.0, outer.1);
}
