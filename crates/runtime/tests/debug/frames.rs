//! The cursor over frames: what is there, in which order, and for how long.

use crate::fixture::{Fixture, Log, config, shape, tier};
use runtime::{
    DebugEvent, EngineConfig, Failure, Frame, FrameError, FuncType, HostError, Linker, Resumption, Tiers,
    TrapCode, Value, ValueType, WasmFrame,
};
use std::sync::{Mutex, PoisonError};

/// A host function `host.back` that calls the export `inner` of the first instance, and ends as that does.
fn calling_back() -> Linker {
    let mut linker = Linker::new();
    linker.define_func("host", "back", FuncType::new([ValueType::I32], []), |caller, args| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        let inner = instance.get_func(store, "inner").expect("exported");
        match inner.call(store, args) {
            Ok(_) => Ok(Vec::new()),
            Err(Failure::Trap(code)) => Err(HostError::Trap(code)),
            Err(Failure::Killed) => Err(HostError::Killed),
            other => panic!("it traps: {other:?}"),
        }
    });
    linker
}

/// `run` calls the host, which calls `inner`, which traps.
const NESTED: &str = r#"(module (import "host" "back" (func $back (param i32)))
    (func (export "run") (call $back (i32.const 7)))
    (func (export "inner") (param i32) unreachable))"#;

#[test]
fn a_frame_of_an_older_stop_is_refused() {
    let mut fixture = Fixture::new(r#"(module (func (export "run") (local i32) nop nop))"#);
    let kept: Mutex<Option<WasmFrame>> = Mutex::new(None);
    let refusals = Log::new();
    let seen = refusals.clone();
    fixture.hook(move |store, _| {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = kept.as_ref() {
            seen.push([old.local(store, 0).err(), old.set_local(store, 0, Value::I32(1)).err()]);
        }
        let frame = store.innermost_frame().expect("at an operator");
        assert_eq!(frame.local(store, 0), Ok(Value::I32(0)), "good as long as the stop lasts");
        *kept = Some(frame);
        Resumption::Continue
    });
    fixture.store.set_stepping(true);
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    assert_eq!(refusals.take(), vec![[Some(FrameError::Stale); 2]; 2]);
}

#[test]
fn a_frame_that_a_host_function_kept_is_refused_after_it_without_any_debugger() {
    let kept: Mutex<Option<WasmFrame>> = Mutex::new(None);
    let refusals = Log::new();
    let seen = refusals.clone();
    let mut linker = Linker::new();
    linker.define_func("host", "look", FuncType::new([], []), move |caller, _| {
        let store = caller.store();
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = kept.as_ref() {
            seen.push(old.local(store, 0));
        }
        let frame = store.innermost_frame().expect("the caller");
        seen.push(frame.local(store, 0));
        *kept = Some(frame);
        Ok(Vec::new())
    });
    let wat = r#"(module (import "host" "look" (func $look))
        (func $f (local i32) (local.set 0 (i32.const 5)) call $look)
        (func (export "run") call $f call $f))"#;
    let mut fixture = Fixture::with(wat, &linker, config());
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    let five = Ok(Value::I32(5));
    assert_eq!(refusals.take(), [five, Err(FrameError::Stale), five]);
}

#[test]
fn a_frame_is_refused_with_another_store() {
    let wat = r#"(module (func (export "run") (local i32) nop))"#;
    let (mut one, other) = (Fixture::new(wat), Fixture::new(wat));
    let other = Mutex::new(other);
    let refusals = Log::new();
    let seen = refusals.clone();
    one.hook(move |store, _| {
        let other = other.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(store.innermost_frame().expect("at an operator").local(&other.store, 0));
        Resumption::Continue
    });
    one.break_at(0, "Nop");
    assert_eq!(one.call("run", &[]), Ok(vec![]));
    assert_eq!(refusals.take(), [Err(FrameError::Stale)]);
}

#[test]
fn all_activations_are_seen_with_the_host_between_them() {
    let mut fixture = Fixture::with(NESTED, &calling_back(), config());
    let shapes = Log::new();
    let seen = shapes.clone();
    fixture.hook(move |store, event| {
        assert_eq!(*event, DebugEvent::Trap(TrapCode::Unreachable));
        seen.push(shape(store));
        Resumption::Continue
    });
    assert_eq!(fixture.call("run", &[]), Err(Failure::Trap(TrapCode::Unreachable)));
    let inside = vec!["2 1", "gap", "host.back", "1 0"];
    // The second trap is the one that the host passed on, in the outer activation.
    assert_eq!(shapes.take(), [inside, vec!["host.back", "1 0"]]);
}

#[test]
fn activations_of_other_stores_are_a_gap_with_a_name() {
    let inner = Fixture::with(NESTED, &calling_back(), config());
    let shapes = Log::new();
    let (inner_seen, outer_seen) = (shapes.clone(), shapes.clone());
    let inner = Mutex::new(inner);
    let mut linker = Linker::new();
    linker.define_func("host", "other", FuncType::new([], []), move |_, _| {
        let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = inner_seen.clone();
        inner.hook(move |store, _| {
            seen.push(shape(store));
            Resumption::Kill
        });
        assert_eq!(inner.call("run", &[]), Err(Failure::Killed));
        Err(HostError::Trap(TrapCode::Unreachable))
    });
    let wat = r#"(module (import "host" "other" (func $other)) (func (export "run") nop call $other))"#;
    let mut outer = Fixture::with(wat, &linker, config());
    outer.hook(move |store, _| {
        outer_seen.push(shape(store));
        Resumption::Continue
    });
    assert_eq!(outer.call("run", &[]), Err(Failure::Trap(TrapCode::Unreachable)));
    let inside = vec!["2 2", "gap", "host.back", "1 1", "gap", "foreign"];
    assert_eq!(shapes.take(), [inside, vec!["host.other", "1 0"]]);
}

/// `run(n)` is `n` frames deep below its own when `leaf` traps.
const DEEP: &str = r#"(module
    (func $leaf (param i32) unreachable)
    (func $run (export "run") (param i32)
        (if (local.get 0) (then (call $run (i32.sub (local.get 0) (i32.const 1)))) (else (call $leaf (i32.const 0))))))"#;

#[test]
fn every_call_is_one_frame_in_both_tiers() {
    for kind in [Tiers::Debug, Tiers::Run] {
        let mut fixture = Fixture::with(DEEP, &Linker::new(), tier(kind));
        let functions = Log::new();
        let seen = functions.clone();
        fixture.hook(move |store, _| {
            for frame in store.frames() {
                let Frame::Wasm(frame) = frame else { panic!("no host function was called") };
                seen.push(frame.function);
            }
            Resumption::Continue
        });
        assert!(fixture.call("run", &[Value::I32(5)]).is_err());
        assert_eq!(functions.take(), [0, 1, 1, 1, 1, 1, 1], "{kind:?}");
    }
}

#[test]
fn frames_of_a_deep_stack_are_found_as_they_are_asked_for() {
    let depth = 100_000;
    let run = move || {
        let config = EngineConfig { max_stack: 200 << 20, ..config() };
        let mut fixture = Fixture::with(DEEP, &Linker::new(), config);
        let found = Log::new();
        let seen = found.clone();
        fixture.hook(move |store, _| {
            let local = |frame: Frame| match frame {
                Frame::Wasm(frame) => frame.local(store, 0),
                _ => panic!("no host function was called"),
            };
            seen.push(store.frames().take(3).map(local).collect::<Vec<_>>());
            seen.push(store.frames().last().map(local).into_iter().collect());
            seen.push(vec![Ok(Value::I32(i32::try_from(store.frames().count()).expect("few")))]);
            Resumption::Continue
        });
        assert!(fixture.call("run", &[Value::I32(depth)]).is_err());
        let numbers =
            |numbers: &[i32]| numbers.iter().map(|number| Ok(Value::I32(*number))).collect::<Vec<_>>();
        assert_eq!(found.take(), [numbers(&[0, 0, 1]), numbers(&[depth]), numbers(&[depth + 2])]);
    };
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(run);
    thread.expect("a thread").join().expect("it found them");
}
