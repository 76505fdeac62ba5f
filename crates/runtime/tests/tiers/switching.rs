//! Functions and frames that change their tier while they run.

use crate::fixture::{Fixture, Log, config, operators, pc_of, tier};
use frame_table::ModulePc;
use runtime::{
    DebugEvent, Failure, Frame, FrameError, FuncType, Linker, ObservableLocals, Resumption, Store, Tiers,
    Value, WasmFrame, WatchAccess, WatchTarget,
};
use std::sync::atomic::{AtomicU32, Ordering};

/// A host function that sets or clears the breakpoints that `stop` says.
fn linker(act: impl Fn(&mut Store, i32) + Send + Sync + 'static) -> Linker {
    let mut linker = Linker::new();
    linker.define_func("host", "act", FuncType::new([runtime::ValueType::I32], []), move |caller, args| {
        let &[Value::I32(argument)] = args else { panic!("{args:?}") };
        act(caller.store(), argument);
        Ok(vec![])
    });
    linker
}

fn frame_of(store: &Store, function: u32) -> WasmFrame {
    let found = store.frames().find_map(|frame| match frame {
        Frame::Wasm(frame) if frame.function == function => Some(frame),
        _ => None,
    });
    found.expect("it runs")
}

/// `run(n)` calls itself `n` times, then `act`; on its way back each frame adds something that it computed before.
const DEEP: &str = r#"(module (import "host" "act" (func $act (param i32)))
    (func $run (export "run") (param i32) (result i64) (local i64 f64)
        (local.set 1 (i64.mul (i64.extend_i32_s (local.get 0)) (i64.const 1000)))
        (local.set 2 (f64.convert_i32_s (local.get 0)))
        (i64.add
            (i64.add (local.get 1) (i64.trunc_f64_s (local.get 2)))
            (if (result i64) (local.get 0)
                (then (call $run (i32.sub (local.get 0) (i32.const 1))))
                (else (call $act (i32.const 0)) (i64.const 0))))
        nop))"#;

fn deep(n: i64) -> i64 {
    (0..=n).map(|n| n * 1001).sum()
}

#[test]
fn a_breakpoint_set_below_stops_in_every_frame_that_waits() {
    let probe = Fixture::with(DEEP, &linker(|_, _| {}), config());
    let pc = pc_of(&probe.module, 1, "Nop");
    let set = move |store: &mut Store, _| {
        assert_eq!(store.program_point(0, pc).expect("compiles"), Some(pc));
        store.set_breakpoint(0, pc, true);
    };
    let mut fixture = Fixture::with(DEEP, &linker(set), config());
    let seen = Log::new();
    let log = seen.clone();
    fixture.hook(move |store, event| {
        assert!(matches!(event, DebugEvent::Point { breakpoint: true, .. }), "{event:?}");
        let frame = store.innermost_frame().expect("it stopped");
        log.push((
            frame.local(store, 0),
            frame.local(store, 1),
            frame.local(store, 2),
            frame.operand(store, 0),
        ));
        Resumption::Continue
    });
    assert_eq!(fixture.call("run", &[Value::I32(20)]), Ok(vec![Value::I64(deep(20))]));
    let expected: Vec<_> = (0..=20)
        .map(|n| {
            let float = Value::F64(f64::from(n).to_bits());
            (
                Ok(Value::I32(n)),
                Ok(Value::I64(i64::from(n) * 1000)),
                Ok(float),
                Ok(Value::I64(deep(n.into()))),
            )
        })
        .collect();
    assert_eq!(seen.take(), expected);
    assert_eq!(fixture.store.tier_changes().to_debug, 21);
}

#[test]
fn frames_that_wait_below_others_change_and_those_go_on_as_they_are() {
    // The breakpoint is cleared again after three stops: the other frames find nothing.
    let probe = Fixture::with(DEEP, &linker(|_, _| {}), config());
    let pc = pc_of(&probe.module, 1, "Nop");
    let mut fixture =
        Fixture::with(DEEP, &linker(move |store, _| store.set_breakpoint(0, pc, true)), config());
    let stops = AtomicU32::new(0);
    fixture.hook(move |store, _| {
        if stops.fetch_add(1, Ordering::SeqCst) == 2 {
            store.set_breakpoint(0, pc, false);
        }
        Resumption::Continue
    });
    assert_eq!(fixture.call("run", &[Value::I32(20)]), Ok(vec![Value::I64(deep(20))]));
    assert_eq!(fixture.store.tier_changes().to_debug, 3);
    assert_eq!(fixture.call("run", &[Value::I32(20)]), Ok(vec![Value::I64(deep(20))]), "and once more");
}

/// Sums `n` numbers in a loop within a loop; `act(i)` is called in the outer one.
const LOOPS: &str = r#"(module (import "host" "act" (func $act (param i32)))
    (func (export "run") (param i32) (result i64) (local i64 i32 i32)
        (loop $outer
            (call $act (local.get 2))
            (local.set 3 (i32.const 0))
            (i64.const 1)
            (loop $inner
                (local.set 1 (i64.add (local.get 1) (i64.extend_i32_s (local.get 3))))
                (br_if $inner (i32.lt_s (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (i32.const 100))))
            (local.set 1 (i64.add (local.get 1)))
            nop
            (br_if $outer (i32.lt_s (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (local.get 0))))
        (local.get 1)))"#;

/// A local, if it is there.
type Known = Result<Value, FrameError>;

/// Has the round and the sum of [`LOOPS`] noted at each stop.
fn note_rounds(fixture: &mut Fixture) -> Log<(Known, Known)> {
    let seen = Log::new();
    let log = seen.clone();
    fixture.hook(move |store, _| {
        let frame = store.innermost_frame().expect("it stopped");
        log.push((frame.local(store, 2), frame.local(store, 1)));
        Resumption::Continue
    });
    seen
}

#[test]
fn loops_change_to_the_debug_tier_and_back() {
    let probe = Fixture::with(LOOPS, &linker(|_, _| {}), config());
    let pc = pc_of(&probe.module, 1, "Nop");
    // Rounds 3 to 5 stop, and 7.
    let act = move |store: &mut Store, round: i32| store.set_breakpoint(0, pc, matches!(round, 3..=5 | 7));
    let mut fixture = Fixture::with(LOOPS, &linker(act), config());
    let seen = note_rounds(&mut fixture);
    assert_eq!(fixture.call("run", &[Value::I32(10)]), Ok(vec![Value::I64(49510)]));
    let stop = |round: i32| (Ok(Value::I32(round)), Ok(Value::I64(i64::from(round + 1) * 4951)));
    assert_eq!(seen.take(), [3, 4, 5, 7].map(stop));
    let changes = fixture.store.tier_changes();
    assert_eq!((changes.to_debug, changes.to_run), (2, 2));
}

#[test]
fn what_is_written_into_a_waiting_frame_is_what_it_uses() {
    let act = |store: &mut Store, round: i32| {
        if round == 4 {
            let frame = frame_of(store, 1);
            assert_eq!(frame.set_local(store, 1, Value::I64(1_000_000)), Ok(()));
        }
    };
    let mut fixture = Fixture::with(LOOPS, &linker(act), config());
    assert_eq!(fixture.call("run", &[Value::I32(10)]), Ok(vec![Value::I64(1_000_000 + 6 * 4951)]));
    let changes = fixture.store.tier_changes();
    assert_eq!((changes.to_debug, changes.to_run), (1, 1), "it went back at the next loop");

    let refuse = |store: &mut Store, _| {
        let frame = frame_of(store, 1);
        assert_eq!(frame.set_local(store, 1, Value::I64(0)), Err(FrameError::Unavailable));
    };
    let mut fixture = Fixture::with(LOOPS, &linker(refuse), tier(Tiers::Run));
    assert_eq!(
        fixture.call("run", &[Value::I32(10)]),
        Ok(vec![Value::I64(49510)]),
        "code that cannot change"
    );
}

#[test]
fn a_frame_that_was_written_is_as_fast_again_at_the_next_loop() {
    let write = |store: &mut Store, round: i32| {
        if round == 4 {
            assert_eq!(frame_of(store, 1).set_local(store, 1, Value::I64(1_000_000)), Ok(()));
        }
    };
    let sum = |round: i32| {
        if round < 4 { i64::from(round + 1) * 4951 } else { 1_000_000 + i64::from(round - 3) * 4951 }
    };
    for tiers in [Tiers::Debug, Tiers::Automatic] {
        let mut fixture = Fixture::with(LOOPS, &linker(write), tier(tiers));
        let pc = pc_of(&fixture.module, 1, "Nop");
        assert_eq!(fixture.store.program_point(0, pc).expect("compiles"), Some(pc));
        fixture.store.set_breakpoint(0, pc, true);
        let seen = note_rounds(&mut fixture);
        assert_eq!(fixture.call("run", &[Value::I32(10)]), Ok(vec![Value::I64(sum(9))]));
        let stop = |round: i32| (Ok(Value::I32(round)), Ok(Value::I64(sum(round))));
        assert_eq!(seen.take(), (0..10).map(stop).collect::<Vec<_>>());
        let changes = fixture.store.tier_changes();
        assert_eq!((changes.to_debug, changes.to_run), (2, 0), "into landing code and out of it: {tiers:?}");
    }
}

#[test]
fn an_exception_is_caught_in_a_frame_that_changes_for_it() {
    let wat = r#"(module (import "host" "act" (func $act (param i32))) (tag $e (param i64))
        (func $thrower (param i64) (call $act (i32.const 0)) (throw $e (local.get 0)))
        (func (export "run") (param i64) (result i64) (local i64)
            (local.set 1 (i64.mul (local.get 0) (i64.const 2)))
            (i64.const 100)
            (block $caught (result i64)
                (try_table (catch $e $caught) (call $thrower (local.get 0)))
                (i64.const 0))
            nop
            (i64.add (i64.add (local.get 1)))))"#;
    let probe = Fixture::with(wat, &linker(|_, _| {}), config());
    let pc = pc_of(&probe.module, 2, "Nop");
    let mut fixture =
        Fixture::with(wat, &linker(move |store, _| store.set_breakpoint(0, pc, true)), config());
    let seen = Log::new();
    let log = seen.clone();
    fixture.hook(move |store, event| {
        if let DebugEvent::Point { breakpoint: true, .. } = event {
            let frame = store.innermost_frame().expect("it stopped");
            log.push([frame.local(store, 1), frame.operand(store, 0), frame.operand(store, 1)]);
        }
        Resumption::Continue
    });
    assert_eq!(fixture.call("run", &[Value::I64(7)]), Ok(vec![Value::I64(121)]));
    assert_eq!(seen.take(), [[14, 100, 7].map(|value| Ok(Value::I64(value)))]);
}

#[test]
fn a_step_goes_through_functions_of_both_tiers() {
    let wat = r#"(module
        (func $two (result i32) (i32.const 2))
        (func $one (param i32) (result i32) (i32.add (local.get 0) (call $two)))
        (func (export "run") (param i32) (result i32) nop (i32.mul (call $one (local.get 0)) (i32.const 10))))"#;
    let mut fixture = Fixture::with(wat, &Linker::new(), config());
    let run = |fixture: &mut Fixture| fixture.call("run", &[Value::I32(5)]);
    assert_eq!(run(&mut fixture), Ok(vec![Value::I32(70)]));
    fixture.break_at(2, "Nop");
    let seen = Log::new();
    let log = seen.clone();
    fixture.hook(move |store, _| {
        let frame = store.innermost_frame().expect("it stopped");
        log.push((frame.function, frame.pc));
        store.set_stepping(true);
        Resumption::Continue
    });
    assert_eq!(run(&mut fixture), Ok(vec![Value::I32(70)]));
    let of =
        |function: u32| operators(&fixture.module, function).into_iter().map(move |(_, pc)| (function, pc));
    let [outer, one, two] = [2, 1, 0].map(|function| of(function).collect::<Vec<(u32, ModulePc)>>());
    let expected = [&outer[..3], &one[..2], &two[..], &one[2..], &outer[3..]].concat();
    assert_eq!(seen.take(), expected);
}

#[test]
fn a_local_that_was_not_kept_is_lost_until_it_is_written() {
    let wat = r#"(module (import "host" "act" (func $act (param i32)))
        (func (export "run") (param i32) (result i32) (local i32 i64)
            (local.set 1 (i32.const 6))
            (local.set 2 (i64.const 7))
            (call $act (i32.const 0))
            nop
            (local.set 2 (i64.const 8))
            drop
            (local.get 0)))"#;
    let wat = &wat.replace("drop", "(drop (i32.const 0))");
    let probe = Fixture::with(wat, &linker(|_, _| {}), config());
    let pcs = [pc_of(&probe.module, 1, "Nop"), pc_of(&probe.module, 1, "Drop")];
    let set = move |store: &mut Store, _| pcs.iter().for_each(|pc| store.set_breakpoint(0, *pc, true));
    let mut fixture = Fixture::observed(wat, &linker(set), config(), Some(ObservableLocals::default()));
    let seen = Log::new();
    let log = seen.clone();
    fixture.hook(move |store, _| {
        let frame = store.innermost_frame().expect("it stopped");
        log.push([0, 1, 2].map(|index| frame.local(store, index)));
        Resumption::Continue
    });
    assert_eq!(fixture.call("run", &[Value::I32(5)]), Ok(vec![Value::I32(5)]));
    let lost = Err(FrameError::Unavailable);
    let first = [Ok(Value::I32(5)), lost, lost];
    assert_eq!(seen.take(), [first, [Ok(Value::I32(5)), lost, Ok(Value::I64(8))]]);
}

#[test]
fn a_guest_that_is_killed_while_frames_are_to_change_can_run_again() {
    let probe = Fixture::with(DEEP, &linker(|_, _| {}), config());
    let pc = pc_of(&probe.module, 1, "Nop");
    let mut fixture =
        Fixture::with(DEEP, &linker(move |store, _| store.set_breakpoint(0, pc, true)), config());
    fixture.hook(|_, _| Resumption::Kill);
    for _ in 0..3 {
        assert_eq!(fixture.call("run", &[Value::I32(9)]), Err(Failure::Killed));
    }
    fixture.hook(|_, _| Resumption::Continue);
    assert_eq!(fixture.call("run", &[Value::I32(9)]), Ok(vec![Value::I64(deep(9))]));
}

/// Waits in a call of `act`, and then writes local 1 twice.
const WRITER: &str = r#"(module (import "host" "act" (func $act (param i32)))
    (func (export "run") (param i32) (result i32) (local i32)
        (local.set 1 (i32.const 3))
        (call $act (i32.const 0))
        (local.set 1 (i32.add (local.get 1) (i32.const 4)))
        (local.set 1 (i32.mul (local.get 1) (local.get 0)))
        (local.get 1)))"#;

#[test]
fn a_local_of_a_waiting_frame_is_watched_when_the_frame_has_changed() {
    let act = |store: &mut Store, _| {
        let target = WatchTarget::Local { frame: frame_of(store, 1).address(), index: 1 };
        store.add_watchpoint(target, WatchAccess::Write).expect("it is there");
    };
    let mut fixture = Fixture::with(WRITER, &linker(act), config());
    let seen = Log::new();
    let log = seen.clone();
    fixture.hook(move |store, event| {
        let DebugEvent::Point { watched, .. } = event else { panic!("{event:?}") };
        log.push((watched.len(), frame_of(store, 1).local(store, 1)));
        Resumption::Continue
    });
    assert_eq!(fixture.call("run", &[Value::I32(5)]), Ok(vec![Value::I32(35)]));
    assert_eq!(seen.take(), [(1, Ok(Value::I32(7))), (1, Ok(Value::I32(35)))]);
}

/// `run(n)` calls itself; each frame calls `throws(n)`, which throws at even numbers, with a handler around it, twice.
const CATCHERS: &str = r#"(module (import "host" "act" (func $act (param i32))) (tag $e (param i32))
    (func $throws (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (call $act (local.get 7))
        (if (i32.eqz (i32.and (local.get 7) (i32.const 1))) (then (throw $e (local.get 7))))
        (local.get 7))
    (func $run (export "run") (param i32) (result i32) (local i32 i32)
        (local.set 2 (i32.mul (local.get 0) (i32.const 10)))
        (if (local.get 0) (then (local.set 1 (call $run (i32.sub (local.get 0) (i32.const 1))))))
        (local.set 1 (i32.add (local.get 1)
            (block $caught (result i32)
                (try_table (result i32) (catch $e $caught)
                    (call $throws (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                        (i32.const 0) (i32.const 0) (local.get 0))))))
        nop
        (i32.add (local.get 1) (local.get 2))))"#;

#[test]
fn calls_that_take_arguments_off_the_stack_return_and_throw_into_frames_that_change() {
    let probe = Fixture::with(CATCHERS, &linker(|_, _| {}), config());
    let pc = pc_of(&probe.module, 2, "Nop");
    for clears in [1, 2, 3, 5] {
        // Set, and cleared again before some of the calls return, so that frames go on as they were.
        let act = move |store: &mut Store, n: i32| {
            store.set_breakpoint(0, pc, true);
            if n % clears == 0 {
                store.set_breakpoint(0, pc, false);
            }
        };
        let mut fixture = Fixture::with(CATCHERS, &linker(act), config());
        let seen = Log::new();
        let log = seen.clone();
        fixture.hook(move |store, event| {
            if let DebugEvent::Point { breakpoint: true, .. } = event {
                log.push(frame_of(store, 2).local(store, 2));
            }
            Resumption::Continue
        });
        let sum = (0..=12).map(|n| n * 11).sum();
        assert_eq!(fixture.call("run", &[Value::I32(12)]), Ok(vec![Value::I32(sum)]), "{clears}");
        let stops = (0..=12).filter(|n| n % clears != 0).map(|n| Ok(Value::I32(n * 10)));
        assert_eq!(seen.take(), stops.collect::<Vec<_>>(), "{clears}");
    }
}
