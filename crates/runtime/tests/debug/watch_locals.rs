//! Watchpoints on the locals of a frame, and which byte of a watched place was touched.

use crate::fixture::{Fixture, Log, config, operators};
use frame_table::ModulePc;
use runtime::{
    DebugEvent, Frame, FuncType, Linker, Resumption, Store, Value, ValueType, WasmFrame, WatchAccess,
    WatchHit, WatchTarget, WatchedValue,
};

/// Recursion: each frame sets its local before the call and after it.
const NESTED: &str = r#"(module
    (func $nested (export "run") (param $n i32) (result i32) (local $v i64)
        (local.set $v (i64.const 1))
        (if (local.get $n)
            (then
                (drop (call $nested (i32.sub (local.get $n) (i32.const 1))))
                (drop (local.tee $v (i64.const 2)))
                (drop (local.get $v)))
            (else nop))
        (call $other)
        (i32.wrap_i64 (local.get $v)))
    (func $other (local $unused i32) (local $v i64) (local.set $v (i64.const 9))))"#;

fn wasm_frames(store: &Store) -> Vec<WasmFrame> {
    let wasm = |frame| match frame {
        Frame::Wasm(frame) => Some(frame),
        _ => None,
    };
    store.frames().filter_map(wasm).collect()
}

/// An access: how many frames there were, where the guest stopped, and what was seen.
type Seen = (usize, ModulePc, WatchHit);

/// Runs three frames deep. At the `nop` of the innermost one, watches local 1 of the frame `depth` calls out.
fn run_watched(depth: usize, access: WatchAccess) -> (Vec<Seen>, Fixture) {
    let mut fixture = Fixture::new(NESTED);
    let hits = Log::new();
    let seen = hits.clone();
    fixture.hook(move |store, event| {
        let DebugEvent::Point { watched, pc, breakpoint, .. } = event else { panic!("{event:?}") };
        let frames = wasm_frames(store);
        if *breakpoint {
            let target = WatchTarget::Local { frame: frames[depth].address(), index: 1 };
            store.add_watchpoint(target, access).expect("it is there");
        }
        for hit in watched {
            seen.push((frames.len(), *pc, hit.clone()));
        }
        Resumption::Continue
    });
    fixture.break_at(0, "Nop");
    assert_eq!(fixture.call("run", &[Value::I32(2)]), Ok(vec![Value::I32(2)]));
    (hits.take(), fixture)
}

/// The PC behind the `number`th operator of the function whose name starts with `name`.
fn behind(fixture: &Fixture, name: &str, number: usize) -> ModulePc {
    let all = operators(&fixture.module, 0);
    let mut found = all.iter().enumerate().filter(|(_, (operator, _))| operator.starts_with(name));
    let (index, _) = found.nth(number).expect("an operator");
    all[index + 1].1
}

#[test]
fn a_local_of_one_frame_is_watched_and_no_others() {
    for depth in [1, 2] {
        let (hits, fixture) = run_watched(depth, WatchAccess::Write);
        let [(frames, pc, hit)] = &*hits else { panic!("{hits:?}") };
        assert_eq!((*frames, *pc), (3 - depth, behind(&fixture, "LocalTee", 0)));
        assert_eq!((hit.read, hit.written, hit.by_host, hit.offset), (false, true, false, 0));
        let value = |value| WatchedValue::Value(Value::I64(value));
        assert_eq!((&hit.old, &hit.new), (&value(1), &value(2)));
    }
}

#[test]
fn reads_of_a_local_are_those_of_its_operators() {
    let (hits, fixture) = run_watched(1, WatchAccess::Read);
    let local_one: Vec<ModulePc> = hits.iter().map(|(_, pc, _)| *pc).collect();
    // The first three reads of locals in the code are of the parameter.
    assert_eq!(local_one, [2, 3].map(|number| behind(&fixture, "LocalGet", number)));
    assert!(hits.iter().all(|(frames, _, hit)| *frames == 2 && hit.read && !hit.written));
    let (hits, _) = run_watched(1, WatchAccess::Any);
    assert_eq!(hits.iter().filter(|(_, _, hit)| hit.written).count(), 1);
    assert_eq!(hits.iter().filter(|(_, _, hit)| hit.read).count(), 2);
}

#[test]
fn a_local_that_is_not_there_is_refused() {
    let mut fixture = Fixture::new(NESTED);
    let stops = Log::new();
    let seen = stops.clone();
    fixture.hook(move |store, _| {
        let frame = wasm_frames(store)[0].address();
        let mut add = |frame, index| {
            let target = WatchTarget::Local { frame, index };
            store.add_watchpoint(target, WatchAccess::Write).is_ok()
        };
        seen.push([add(frame, 1), add(frame, 2), add(frame + 16, 0)]);
        Resumption::Continue
    });
    fixture.break_at(0, "Nop");
    assert_eq!(fixture.call("run", &[Value::I32(0)]), Ok(vec![Value::I32(1)]));
    assert_eq!(stops.take(), [[true, false, false]]);
}

#[test]
fn the_first_byte_that_was_touched_is_told() {
    let mut linker = Linker::new();
    linker.define_func("host", "write", FuncType::new([ValueType::I32], []), |caller, args| {
        let Value::I32(at) = args[0] else { panic!("the type says so") };
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        assert!(store.write_memory(instance, 0, u64::from(at.cast_unsigned()), &[1, 2]));
        Ok(Vec::new())
    });
    let wat = r#"(module (import "host" "write" (func $write (param i32))) (memory 1) (func (export "run")
        (i64.store (i32.const 4) (i64.const -1)) (i32.store8 (i32.const 10) (i32.const 1))
        (memory.copy (i32.const 9) (i32.const 50) (i32.const 8)) (call $write (i32.const 11)) nop))"#;
    let mut fixture = Fixture::with(wat, &linker, config());
    let offsets = Log::new();
    let seen = offsets.clone();
    fixture.hook(move |_, event| {
        let DebugEvent::Point { watched, .. } = event else { panic!("{event:?}") };
        watched.iter().for_each(|hit| seen.push(hit.offset));
        Resumption::Continue
    });
    let target = WatchTarget::Memory { instance: fixture.instance, memory: 0, start: 8, length: 8 };
    fixture.store.add_watchpoint(target, WatchAccess::Write).expect("it is there");
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    assert_eq!(offsets.take(), [0, 2, 1, 3]);
}

/// Where a guest stopped, and for what accesses.
type Stops = Log<(ModulePc, usize)>;

fn note_stops(fixture: &mut Fixture) -> Stops {
    let stops = Log::new();
    let seen = stops.clone();
    fixture.hook(move |_, event| {
        let DebugEvent::Point { watched, pc, .. } = event else { panic!("{event:?}") };
        seen.push((*pc, watched.len()));
        Resumption::Continue
    });
    stops
}

#[test]
fn the_end_of_a_block_is_passed_and_that_of_the_function_is_not() {
    let wat = r#"(module (memory 1) (func (export "run")
        (block (loop (i32.store (i32.const 8) (i32.const 1)))) nop (i32.store (i32.const 8) (i32.const 2))))"#;
    let mut fixture = Fixture::new(wat);
    let stops = note_stops(&mut fixture);
    let target = WatchTarget::Memory { instance: fixture.instance, memory: 0, start: 8, length: 4 };
    fixture.store.add_watchpoint(target, WatchAccess::Write).expect("it is there");
    let all = operators(&fixture.module, 0);
    let [nop, last] =
        ["Nop", "End"].map(|name| all.iter().rfind(|(operator, _)| operator == name).expect("an operator").1);
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    assert_eq!(stops.take(), [(nop, 1), (last, 1)]);
    // Whoever stops at the block's end gets it there.
    let end = all.iter().find(|(operator, _)| operator == "End").expect("an operator").1;
    fixture.store.set_breakpoint(0, end, true);
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    assert_eq!(stops.take(), [(end, 1), (last, 1)]);
}
