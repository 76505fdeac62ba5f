//! Watched memory and code that does not stop before each access: it leaves for landing code only when it is about to touch
//! what is watched.

use crate::fixture::{Fixture, Log, config, operators, tier};
use runtime::{DebugEvent, Failure, Resumption, Store, Tiers, TrapCode, Value, WatchAccess, WatchTarget};

fn watch(fixture: &mut Fixture, start: u64, length: u64, access: WatchAccess) {
    let target = WatchTarget::Memory { instance: fixture.instance, memory: 0, start, length };
    fixture.store.add_watchpoint(target, access).expect("it is there");
}

/// Has all stops for watchpoints noted: the first touched byte, counted from the start of the place.
fn note_offsets(fixture: &mut Fixture) -> Log<u64> {
    let stops = Log::new();
    let seen = stops.clone();
    fixture.hook(move |_, event| {
        if let DebugEvent::Point { watched, .. } = event {
            watched.iter().for_each(|hit| seen.push(hit.offset));
        }
        Resumption::Continue
    });
    stops
}

/// `fill(from, to)` stores at each address in between, and loads from there; `copy` copies four bytes.
const STORES: &str = r#"(module (memory 1)
    (func (export "fill") (param i32 i32) (result i32) (local i32)
        (loop $next
            (i32.store8 (local.get 0) (local.get 0))
            (local.set 2 (i32.add (local.get 2) (i32.load8_u (local.get 0))))
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get 0) (local.get 1))))
        (local.get 2))
    (func (export "wide") (param i32 i32) (result i32)
        (loop $next
            (v128.store (local.get 0) (v128.const i64x2 1 2))
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get 0) (local.get 1))))
        (local.get 0))
    (func (export "copy") (param i32 i32) (result i32)
        (memory.copy (local.get 0) (local.get 1) (i32.const 4))
        (i32.const 0)))"#;

/// Calls a function; how many frames became those of the debug tier.
fn run(fixture: &mut Fixture, name: &str, arguments: [i32; 2]) -> u64 {
    let before = fixture.store.tier_changes().to_debug;
    fixture.call(name, &arguments.map(Value::I32)).expect("it returns");
    fixture.store.tier_changes().to_debug - before
}

/// Where watchpoints are. Guards tell four ranges apart; with more, those that are near to each other are one.
const PLACES: [(u64, u64); 6] = [(64, 4), (9000, 1), (9002, 1), (9004, 1), (1000, 8), (2000, 4)];

#[test]
fn only_what_touches_a_watched_byte_leaves_the_run_tier() {
    for count in 1..=PLACES.len() {
        let mut fixture = Fixture::with(STORES, &runtime::Linker::new(), config());
        let stops = note_offsets(&mut fixture);
        for (start, length) in &PLACES[..count] {
            watch(&mut fixture, *start, *length, WatchAccess::Write);
        }
        for (from, to) in [(0, 64), (68, 1000), (1008, 2000), (2004, 9000), (9005, 65000)] {
            assert_eq!(run(&mut fixture, "fill", [from, to]), 0, "{count} watchpoints, {from} to {to}");
        }
        for from in [0, 48, 68, 84, 1008] {
            assert_eq!(run(&mut fixture, "wide", [from, from + 1]), 0, "16 bytes at {from}");
        }
        assert_eq!(run(&mut fixture, "copy", [60, 64]), 0, "reads from there");
        assert!(stops.take().is_empty());
    }
}

#[test]
fn every_touch_of_a_watched_byte_stops_and_nothing_else_does() {
    for tiers in [Tiers::Automatic, Tiers::Debug] {
        for count in 1..=PLACES.len() {
            let mut fixture = Fixture::with(STORES, &runtime::Linker::new(), tier(tiers));
            let stops = note_offsets(&mut fixture);
            for (start, length) in &PLACES[..count] {
                watch(&mut fixture, *start, *length, WatchAccess::Write);
            }
            run(&mut fixture, "fill", [0, 65000]);
            let mut ascending = PLACES[..count].to_vec();
            ascending.sort_unstable();
            let expected: Vec<u64> = ascending.iter().flat_map(|(_, length)| 0..*length).collect();
            assert_eq!(stops.take(), expected, "{count} watchpoints, {tiers:?}");
            run(&mut fixture, "wide", [40, 80]);
            // From 15 bytes before the first watched one to the last one.
            assert_eq!(stops.take().len(), 15 + 4, "{count} watchpoints, {tiers:?}");
            run(&mut fixture, "copy", [61, 200]);
            assert_eq!(stops.take(), [0], "its last byte");
            run(&mut fixture, "copy", [60, 200]);
            assert!(stops.take().is_empty(), "just before");
        }
    }
}

/// Guards compare with a constant if one short range is watched, and with its length if it is longer.
#[test]
fn a_range_is_watched_to_its_end_however_long_it_is() {
    let mut fixture = Fixture::with(STORES, &runtime::Linker::new(), config());
    let stops = note_offsets(&mut fixture);
    // In one store: code that was made for one is not used for another that it does not fit.
    for length in [1, 15, 16, 17, 100, 16] {
        let target = WatchTarget::Memory { instance: fixture.instance, memory: 0, start: 500, length };
        let id = fixture.store.add_watchpoint(target, WatchAccess::Write).expect("it is there");
        let end = i32::try_from(500 + length).expect("it is small");
        assert_eq!(run(&mut fixture, "fill", [0, 500]), 0, "before {length} bytes");
        assert_eq!(run(&mut fixture, "fill", [end, 65000]), 0, "behind {length} bytes");
        run(&mut fixture, "fill", [0, 65000]);
        assert_eq!(stops.take(), (0..length).collect::<Vec<u64>>());
        run(&mut fixture, "wide", [end - 1, end + 40]);
        assert_eq!(stops.take(), [length - 1], "{length} bytes");
        fixture.store.remove_watchpoint(id);
    }
}

#[test]
fn reads_are_found_if_they_are_watched() {
    for (access, expected) in [(WatchAccess::Read, 1), (WatchAccess::Any, 2), (WatchAccess::Write, 1)] {
        let mut fixture = Fixture::with(STORES, &runtime::Linker::new(), config());
        let stops = note_offsets(&mut fixture);
        watch(&mut fixture, 70, 1, access);
        run(&mut fixture, "fill", [60, 80]);
        assert_eq!(stops.take().len(), expected, "{access:?}");
    }
}

#[test]
fn code_is_without_guards_when_nothing_is_watched_any_more() {
    let mut fixture = Fixture::with(STORES, &runtime::Linker::new(), config());
    let stops = note_offsets(&mut fixture);
    let target = WatchTarget::Memory { instance: fixture.instance, memory: 0, start: 64, length: 4 };
    for _ in 0..3 {
        let id = fixture.store.add_watchpoint(target, WatchAccess::Write).expect("it is there");
        assert!(run(&mut fixture, "fill", [60, 80]) > 0);
        assert_eq!(stops.take(), [0, 1, 2, 3]);
        assert!(fixture.store.remove_watchpoint(id));
        assert_eq!(run(&mut fixture, "fill", [60, 80]), 0);
        assert!(stops.take().is_empty());
    }
}

#[test]
fn a_function_with_a_breakpoint_has_guards_as_well() {
    let mut fixture = Fixture::with(STORES, &runtime::Linker::new(), config());
    let seen = Log::new();
    let log = seen.clone();
    fixture.hook(move |_, event| {
        let DebugEvent::Point { breakpoint, watched, .. } = event else { panic!("{event:?}") };
        log.push((*breakpoint, watched.len()));
        Resumption::Continue
    });
    let first = operators(&fixture.module, 0)[0].1;
    fixture.store.set_breakpoint(0, first, true);
    watch(&mut fixture, 64, 1, WatchAccess::Write);
    run(&mut fixture, "fill", [60, 70]);
    assert_eq!(seen.take(), [(true, 0), (false, 1)]);
}

#[test]
fn a_frame_with_no_room_for_other_code_ends_as_one_without_room_does() {
    // Every level stores, and the last one that has room for a frame has none for a larger one.
    let wat = r#"(module (memory 1) (func $deeper (export "run") (param i32) (result i32)
        (i32.store (i32.const 64) (local.get 0))
        (i32.add (i32.load (i32.const 64)) (call $deeper (i32.add (local.get 0) (i32.const 1))))))"#;
    let mut fixture = Fixture::with(wat, &runtime::Linker::new(), config());
    let hits = Log::new();
    let log = hits.clone();
    fixture.hook(move |_: &mut Store, event| {
        if let DebugEvent::Point { watched, .. } = event {
            log.push(watched.len());
        }
        Resumption::Continue
    });
    watch(&mut fixture, 64, 4, WatchAccess::Write);
    let ended = fixture.call("run", &[Value::I32(0)]);
    assert_eq!(ended, Err(Failure::Trap(TrapCode::StackOverflow)));
    assert!(hits.take().len() > 100);
}
