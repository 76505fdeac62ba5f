//! Watchpoints: which operators touch which bytes, what is reported, and where the stop is.

use crate::fixture::{Fixture, Log, config, operators, pc_of, tier};
use frame_table::ModulePc;
use runtime::{
    DebugEvent, Failure, FuncType, Instance, Linker, Module, Resumption, Tiers, TrapCode, Value, ValueType,
    WatchAccess, WatchHit, WatchId, WatchTarget, WatchedValue,
};

/// A stop: where it is, and what was accessed.
type Stop = (ModulePc, Vec<WatchHit>);

/// Has all points noted that something was accessed before.
fn note_hits(fixture: &mut Fixture) -> Log<Stop> {
    let stops = Log::new();
    let seen = stops.clone();
    fixture.hook(move |_, event| {
        if let DebugEvent::Point { pc, watched, .. } = event
            && !watched.is_empty()
        {
            seen.push((*pc, watched.clone()));
        }
        Resumption::Continue
    });
    stops
}

fn bytes(fixture: &Fixture, start: u64, length: u64) -> WatchTarget {
    WatchTarget::Memory { instance: fixture.instance, memory: 0, start, length }
}

/// The operators that address memory at 30 + 2; (names, access size, what is on the stack above the address).
const ADDRESSED: &[(&str, u64, Kind)] = &[
    ("i32.load8_s i32.load8_u i64.load8_s i64.load8_u", 1, Kind::Load),
    ("i32.load16_s i32.load16_u i64.load16_s i64.load16_u", 2, Kind::Load),
    ("i32.load f32.load i64.load32_s i64.load32_u", 4, Kind::Load),
    ("i64.load f64.load", 8, Kind::Load),
    ("i32.store8 i64.store8", 1, Kind::Store),
    ("i32.store16 i64.store16", 2, Kind::Store),
    ("i32.store f32.store i64.store32", 4, Kind::Store),
    ("i64.store f64.store", 8, Kind::Store),
    ("v128.load", 16, Kind::Load),
    (
        "v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u",
        8,
        Kind::Load,
    ),
    ("v128.load64_splat v128.load64_zero", 8, Kind::Load),
    ("v128.load32_splat v128.load32_zero", 4, Kind::Load),
    ("v128.load16_splat", 2, Kind::Load),
    ("v128.load8_splat", 1, Kind::Load),
    ("v128.store", 16, Kind::Store),
    ("v128.load8_lane", 1, Kind::LoadLane),
    ("v128.load16_lane", 2, Kind::LoadLane),
    ("v128.load32_lane", 4, Kind::LoadLane),
    ("v128.load64_lane", 8, Kind::LoadLane),
    ("v128.store8_lane", 1, Kind::StoreLane),
    ("v128.store16_lane", 2, Kind::StoreLane),
    ("v128.store32_lane", 4, Kind::StoreLane),
    ("v128.store64_lane", 8, Kind::StoreLane),
    ("i32.atomic.load8_u i64.atomic.load8_u", 1, Kind::Load),
    ("i32.atomic.load16_u i64.atomic.load16_u", 2, Kind::Load),
    ("i32.atomic.load i64.atomic.load32_u", 4, Kind::Load),
    ("i64.atomic.load", 8, Kind::Load),
    ("i32.atomic.store8 i64.atomic.store8", 1, Kind::Store),
    ("i32.atomic.store16 i64.atomic.store16", 2, Kind::Store),
    ("i32.atomic.store i64.atomic.store32", 4, Kind::Store),
    ("i64.atomic.store", 8, Kind::Store),
    (
        "i32.atomic.rmw8.add_u i32.atomic.rmw8.sub_u i32.atomic.rmw8.or_u i32.atomic.rmw8.xor_u",
        1,
        Kind::Modify,
    ),
    (
        "i32.atomic.rmw8.and_u i32.atomic.rmw8.xchg_u i64.atomic.rmw8.add_u i64.atomic.rmw8.sub_u",
        1,
        Kind::Modify,
    ),
    (
        "i64.atomic.rmw8.or_u i64.atomic.rmw8.xor_u i64.atomic.rmw8.and_u i64.atomic.rmw8.xchg_u",
        1,
        Kind::Modify,
    ),
    (
        "i32.atomic.rmw16.add_u i32.atomic.rmw16.sub_u i32.atomic.rmw16.or_u i32.atomic.rmw16.xor_u",
        2,
        Kind::Modify,
    ),
    (
        "i32.atomic.rmw16.and_u i32.atomic.rmw16.xchg_u i64.atomic.rmw16.add_u i64.atomic.rmw16.sub_u",
        2,
        Kind::Modify,
    ),
    (
        "i64.atomic.rmw16.or_u i64.atomic.rmw16.xor_u i64.atomic.rmw16.and_u i64.atomic.rmw16.xchg_u",
        2,
        Kind::Modify,
    ),
    ("i32.atomic.rmw.add i32.atomic.rmw.sub i32.atomic.rmw.or i32.atomic.rmw.xor", 4, Kind::Modify),
    ("i32.atomic.rmw.and i32.atomic.rmw.xchg i64.atomic.rmw32.add_u i64.atomic.rmw32.sub_u", 4, Kind::Modify),
    (
        "i64.atomic.rmw32.or_u i64.atomic.rmw32.xor_u i64.atomic.rmw32.and_u i64.atomic.rmw32.xchg_u",
        4,
        Kind::Modify,
    ),
    ("i64.atomic.rmw.add i64.atomic.rmw.sub i64.atomic.rmw.or i64.atomic.rmw.xor", 8, Kind::Modify),
    ("i64.atomic.rmw.and i64.atomic.rmw.xchg", 8, Kind::Modify),
    ("i32.atomic.rmw8.cmpxchg_u i64.atomic.rmw8.cmpxchg_u", 1, Kind::Exchange),
    ("i32.atomic.rmw16.cmpxchg_u i64.atomic.rmw16.cmpxchg_u", 2, Kind::Exchange),
    ("i32.atomic.rmw.cmpxchg i64.atomic.rmw32.cmpxchg_u", 4, Kind::Exchange),
    ("i64.atomic.rmw.cmpxchg", 8, Kind::Exchange),
    ("i32.atomic.rmw8.cmpxchg_u i64.atomic.rmw8.cmpxchg_u", 1, Kind::NoExchange),
    ("i32.atomic.rmw.cmpxchg i64.atomic.rmw32.cmpxchg_u", 4, Kind::NoExchange),
    ("memory.atomic.wait32", 4, Kind::Wait),
    ("memory.atomic.wait64", 8, Kind::Wait),
];

#[derive(Clone, Copy)]
enum Kind {
    Load,
    LoadLane,
    Store,
    StoreLane,
    Modify,
    Exchange,
    NoExchange,
    Wait,
}

const VECTOR: &str = "(v128.const i64x2 0x1111111111111111 0x2222222222222222)";

impl Kind {
    fn reads(self) -> bool {
        !matches!(self, Self::Store | Self::StoreLane)
    }

    fn writes(self) -> bool {
        matches!(self, Self::Store | Self::StoreLane | Self::Modify | Self::Exchange)
    }

    /// The operator with its operands. The memory is zero before.
    fn code(self, name: &str) -> String {
        let ty = name.split('.').next().expect("a type");
        let value = |number: i32| {
            if ty == "v128" { VECTOR.to_owned() } else { format!("({ty}.const {number})") }
        };
        match self {
            Self::Load => format!("(drop ({name} offset=2 (i32.const 30)))"),
            Self::LoadLane => format!("(drop ({name} offset=2 1 (i32.const 30) {VECTOR}))"),
            Self::Store => format!("({name} offset=2 (i32.const 30) {})", value(7)),
            Self::StoreLane => format!("({name} offset=2 1 (i32.const 30) {VECTOR})"),
            Self::Modify => format!("(drop ({name} offset=2 (i32.const 30) {}))", value(7)),
            Self::Exchange => format!("(drop ({name} offset=2 (i32.const 30) {} {}))", value(0), value(9)),
            Self::NoExchange => format!("(drop ({name} offset=2 (i32.const 30) {} {}))", value(5), value(9)),
            Self::Wait => {
                let ty = if name.ends_with("64") { "i64" } else { "i32" };
                format!("(drop ({name} offset=2 (i32.const 30) ({ty}.const 1) (i64.const 0)))")
            }
        }
    }
}

/// An operator, the only one of `code` that touches memory 0, and the bytes that it touches.
struct Case {
    name: String,
    code: String,
    start: u64,
    length: u64,
    reads: bool,
    writes: bool,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (names, length, kind) in ADDRESSED {
        for name in names.split(' ') {
            cases.push(Case {
                name: name.to_owned(),
                code: kind.code(name),
                start: 32,
                length: *length,
                reads: kind.reads(),
                writes: kind.writes(),
            });
        }
    }
    let bulk = [
        ("memory.fill", "(memory.fill (i32.const 40) (i32.const 9) (i32.const 5))", 40, 5, false, true),
        ("memory.init", "(memory.init $d (i32.const 40) (i32.const 1) (i32.const 3))", 40, 3, false, true),
        ("memory.copy", "(memory.copy (i32.const 40) (i32.const 60) (i32.const 5))", 40, 5, false, true),
        ("memory.copy", "(memory.copy (i32.const 60) (i32.const 40) (i32.const 5))", 40, 5, true, false),
        ("memory.copy", "(memory.copy (i32.const 40) (i32.const 40) (i32.const 5))", 40, 5, true, true),
    ];
    cases.extend(bulk.map(|(name, code, start, length, reads, writes)| Case {
        name: name.to_owned(),
        code: code.to_owned(),
        start,
        length,
        reads,
        writes,
    }));
    cases
}

/// Runs `code` with a watchpoint; the stops, and the contents of bytes 32 to 63 before and after.
fn run_watched(case: &Case, start: u64, length: u64, access: WatchAccess) -> (Vec<Stop>, Fixture) {
    let wat = format!(
        r#"(module (memory 1 1 shared) (memory $other 1) (data $d "abcd")
            (data (i32.const 60) "xyzzy") (func (export "run") {} nop))"#,
        case.code
    );
    let mut fixture = Fixture::new(&wat);
    let stops = note_hits(&mut fixture);
    fixture.store.add_watchpoint(bytes(&fixture, start, length), access).expect("it is there");
    assert_eq!(fixture.call("run", &[]), Ok(vec![]), "{}", case.name);
    (stops.take(), fixture)
}

/// A name of the text format as the parser's `Debug` has it.
fn parsed(name: &str) -> String {
    name.replace(['.', '_'], "")
}

#[test]
fn every_operator_is_seen_to_touch_its_bytes_and_no_others() {
    for case in cases() {
        let last = case.start + case.length - 1;
        for (watched, hit) in [(case.start - 1, false), (case.start, true), (last, true), (last + 1, false)] {
            let (stops, fixture) = run_watched(&case, watched, 1, WatchAccess::Any);
            let what = format!("{} at {watched}", case.code);
            assert_eq!(stops.len(), usize::from(hit), "{what}: {stops:?}");
            let Some((pc, hits)) = stops.first() else { continue };
            let hit = &hits[0];
            assert_eq!((hit.read, hit.written, hit.by_host), (case.reads, case.writes, false), "{what}");
            let all = operators(&fixture.module, 0);
            let at = all.iter().position(|operator| operator.1 == hit.pc).expect("an operator");
            let name = all[at].0.split(' ').next().expect("a name").to_lowercase();
            assert_eq!(name, parsed(&case.name), "{what}");
            assert_eq!(*pc, all[at + 1].1, "{what}: the stop is behind it");
        }
    }
}

#[test]
fn each_kind_of_watchpoint_stops_for_its_accesses_only() {
    for case in cases() {
        for (access, hit) in [(WatchAccess::Read, case.reads), (WatchAccess::Write, case.writes)] {
            let (stops, _) = run_watched(&case, case.start, case.length, access);
            assert_eq!(stops.len(), usize::from(hit), "{} {access:?}", case.code);
        }
    }
}

#[test]
fn old_and_new_value_are_those_before_and_after_the_operator() {
    let code = "(i32.store8 (i32.const 33) (i32.const 1)) (i32.store (i32.const 32) (i32.const 0x04030201))"
        .to_owned();
    let case = Case { name: "two stores".into(), code, start: 32, length: 4, reads: false, writes: true };
    let (stops, _) = run_watched(&case, 32, 3, WatchAccess::Write);
    let values = stops.into_iter().flat_map(|(_, hits)| hits).map(|hit| (hit.old, hit.new));
    let bytes = |bytes: [u8; 3]| WatchedValue::Bytes(bytes.to_vec());
    assert_eq!(
        values.collect::<Vec<_>>(),
        [(bytes([0, 0, 0]), bytes([0, 1, 0])), (bytes([0, 1, 0]), bytes([1, 2, 3]))]
    );
}

#[test]
fn memories_with_64_bit_addresses_are_watched_and_other_memories_are_not() {
    let wat = r#"(module (memory i64 1) (memory $other i64 1) (func (export "run")
        (i32.store $other (i64.const 8) (i32.const 1)) (i32.store (i64.const 8) (i32.const 2))
        (memory.fill $other (i64.const 8) (i32.const 1) (i64.const 4))))"#;
    let mut fixture = Fixture::new(wat);
    let stops = note_hits(&mut fixture);
    fixture.store.add_watchpoint(bytes(&fixture, 8, 4), WatchAccess::Any).expect("it is there");
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    let stops = stops.take();
    assert_eq!(stops.len(), 1, "{stops:?}");
    assert_eq!(stops[0].1[0].new, WatchedValue::Bytes(vec![2, 0, 0, 0]));
}

#[test]
fn several_watchpoints_that_one_operator_touches_are_one_stop() {
    let wat = r#"(module (memory 1) (func (export "run") (i64.store (i32.const 8) (i64.const -1)) nop))"#;
    let mut fixture = Fixture::new(wat);
    let stops = note_hits(&mut fixture);
    let watch = |fixture: &mut Fixture, start, length, access| {
        fixture.store.add_watchpoint(bytes(fixture, start, length), access).expect("it is there")
    };
    let low = watch(&mut fixture, 8, 1, WatchAccess::Write);
    let _read = watch(&mut fixture, 8, 1, WatchAccess::Read);
    let wide = watch(&mut fixture, 0, 100, WatchAccess::Any);
    let _behind = watch(&mut fixture, 16, 1, WatchAccess::Any);
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    let ids = |stops: Vec<Stop>| -> Vec<Vec<WatchId>> {
        stops.into_iter().map(|(_, hits)| hits.into_iter().map(|hit| hit.id).collect()).collect()
    };
    assert_eq!(ids(stops.take()), [vec![low, wide]]);
    assert!(fixture.store.remove_watchpoint(low) && !fixture.store.remove_watchpoint(low));
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    assert_eq!(ids(stops.take()), [vec![wide]]);
}

#[test]
fn globals_are_watched_whoever_uses_them() {
    let library =
        r#"(module (global (export "g") (mut i64) (i64.const 5)) (global (mut i64) (i64.const 5)))"#;
    let mut fixture = Fixture::new(library);
    let mut linker = Linker::new();
    linker.define_instance(&fixture.store, "library", fixture.instance);
    let wat = r#"(module (import "library" "g" (global $g (mut i64))) (global $own (mut i64) (i64.const 0))
        (func (export "run") (drop (global.get $g)) (global.set $own (i64.const 1)) (global.set $g (i64.const 6))))"#;
    let module = Module::new(&fixture.engine, wat.as_bytes(), "user").expect("valid");
    let user = Instance::new(&mut fixture.store, &module, &linker).expect("instantiates");
    let stops = note_hits(&mut fixture);
    let target = WatchTarget::Global { instance: fixture.instance, index: 0 };
    fixture.store.add_watchpoint(target, WatchAccess::Any).expect("it is there");
    let run = user.get_func(&fixture.store, "run").expect("exported");
    assert_eq!(run.call(&mut fixture.store, &[]), Ok(vec![]));
    let hits = stops.take().into_iter().flat_map(|(_, hits)| hits);
    let hits: Vec<_> = hits.map(|hit| (hit.read, hit.written, hit.old, hit.new)).collect();
    let value = |value| WatchedValue::Value(Value::I64(value));
    assert_eq!(hits, [(true, false, value(5), value(5)), (false, true, value(5), value(6))]);
}

/// `host.write` writes its argument to byte 8 of the caller's memory, then calls `inner` if that is exported.
fn writing() -> Linker {
    let mut linker = Linker::new();
    linker.define_func("host", "write", FuncType::new([ValueType::I32], []), |caller, args| {
        let Value::I32(value) = args[0] else { panic!("the type says so") };
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        assert!(store.write_memory(instance, 0, 8, &value.to_le_bytes()));
        if let Some(inner) = instance.get_func(store, "inner") {
            inner.call(store, &[]).expect("it returns");
        }
        Ok(Vec::new())
    });
    linker
}

#[test]
fn a_host_function_that_changes_what_is_watched_stops_behind_its_call() {
    let wat = r#"(module (import "host" "write" (func $write (param i32))) (memory 1)
        (func (export "run") (call $write (i32.const 0)) (call $write (i32.const 7)) nop))"#;
    let mut fixture = Fixture::with(wat, &writing(), config());
    let stops = note_hits(&mut fixture);
    let read = fixture.store.add_watchpoint(bytes(&fixture, 8, 1), WatchAccess::Read).expect("it is there");
    let id = fixture.store.add_watchpoint(bytes(&fixture, 8, 1), WatchAccess::Write).expect("it is there");
    assert_ne!(read, id);
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    let all = operators(&fixture.module, 1);
    let (old, new) = (WatchedValue::Bytes(vec![0]), WatchedValue::Bytes(vec![7]));
    let hit = WatchHit { id, read: false, written: true, pc: all[3].1, by_host: true, offset: 0, old, new };
    // The first call changes nothing.
    assert_eq!(stops.take(), [(pc_of(&fixture.module, 1, "Nop"), vec![hit])]);
}

#[test]
fn what_a_host_function_writes_around_a_call_of_its_own_is_reported_once_each() {
    let wat = r#"(module (import "host" "write" (func $write (param i32))) (memory 1)
        (func (export "inner") (i32.store8 (i32.const 9) (i32.const 5)))
        (func (export "run") (call $write (i32.const 7)) nop))"#;
    let mut fixture = Fixture::with(wat, &writing(), config());
    let stops = note_hits(&mut fixture);
    fixture.store.add_watchpoint(bytes(&fixture, 8, 2), WatchAccess::Any).expect("it is there");
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    let hits = stops.take().into_iter().flat_map(|(_, hits)| hits);
    let hits: Vec<_> = hits.map(|hit| (hit.by_host, hit.old, hit.new)).collect();
    let bytes = |bytes: [u8; 2]| WatchedValue::Bytes(bytes.to_vec());
    assert_eq!(hits, [(false, bytes([7, 0]), bytes([7, 5])), (true, bytes([0, 0]), bytes([7, 5]))]);
}

#[test]
fn what_the_debugger_and_the_embedder_write_is_not_reported() {
    let wat = r#"(module (import "host" "write" (func $write (param i32))) (memory 1)
        (func (export "run") nop (call $write (i32.const 7)) nop))"#;
    let mut fixture = Fixture::with(wat, &writing(), config());
    let target = bytes(&fixture, 8, 1);
    let (stops, instance) = (Log::new(), fixture.instance);
    let seen = stops.clone();
    fixture.hook(move |store, event| {
        let DebugEvent::Point { breakpoint, watched, .. } = event else { panic!("{event:?}") };
        seen.push((*breakpoint, watched.len()));
        assert!(store.write_memory(instance, 0, 8, &[7]), "what the host will write");
        Resumption::Continue
    });
    fixture.store.add_watchpoint(target, WatchAccess::Any).expect("it is there");
    assert!(fixture.store.write_memory(instance, 0, 8, &[3]));
    let first = operators(&fixture.module, 1)[0].1;
    fixture.store.set_breakpoint(0, first, true);
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    assert_eq!(stops.take(), [(true, 0)]);
}

#[test]
fn a_watchpoint_set_deep_in_a_call_sees_the_callers_accesses() {
    let wat = r#"(module (memory 1) (func $deep nop)
        (func $middle call $deep (i32.store (i32.const 8) (i32.const 1)))
        (func (export "run") call $middle (i32.store (i32.const 8) (i32.const 2)) nop))"#;
    let mut fixture = Fixture::new(wat);
    let target = bytes(&fixture, 8, 4);
    let stops = Log::new();
    let seen = stops.clone();
    fixture.hook(move |store, event| {
        let DebugEvent::Point { breakpoint, watched, .. } = event else { panic!("{event:?}") };
        if *breakpoint {
            store.add_watchpoint(target, WatchAccess::Write).expect("it is there");
        }
        let function = store.innermost_frame().expect("at a point").function;
        seen.push((function, watched.iter().map(|hit| hit.new.clone()).collect::<Vec<_>>()));
        Resumption::Continue
    });
    fixture.break_at(0, "Nop");
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    let bytes = |low| vec![WatchedValue::Bytes(vec![low, 0, 0, 0])];
    assert_eq!(stops.take(), [(0, vec![]), (1, bytes(1)), (2, bytes(2))]);
}

#[test]
fn an_operator_that_traps_touched_nothing() {
    let wat = r#"(module (memory 1)
        (func (export "fails") (i64.store (i32.const 65532) (i64.const -1)) nop)
        (func (export "run") nop nop))"#;
    let mut fixture = Fixture::new(wat);
    let stops = note_hits(&mut fixture);
    fixture.store.add_watchpoint(bytes(&fixture, 65535, 1), WatchAccess::Any).expect("it is there");
    assert_eq!(fixture.call("fails", &[]), Err(Failure::Trap(TrapCode::MemoryOutOfBounds)));
    fixture.store.set_stepping(true);
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    assert_eq!(stops.take(), []);
}

#[test]
fn steps_and_breakpoints_at_the_stop_are_the_same_stop() {
    let wat = r#"(module (memory 1) (func (export "run") (i32.store (i32.const 8) (i32.const 1)) nop))"#;
    let mut fixture = Fixture::new(wat);
    let events = Log::new();
    let seen = events.clone();
    fixture.hook(move |_, event| {
        let DebugEvent::Point { pc, breakpoint, watched, .. } = event else { panic!("{event:?}") };
        seen.push((*pc, *breakpoint, watched.len()));
        Resumption::Continue
    });
    fixture.break_at(0, "Nop");
    fixture.store.add_watchpoint(bytes(&fixture, 8, 1), WatchAccess::Any).expect("it is there");
    let nop = pc_of(&fixture.module, 0, "Nop");
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    assert_eq!(events.take(), [(nop, true, 1)]);
    fixture.store.set_breakpoint(0, nop, false);
    fixture.store.set_stepping(true);
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    let stepped =
        operators(&fixture.module, 0).into_iter().map(|(_, pc)| (pc, false, usize::from(pc == nop)));
    assert_eq!(events.take(), stepped.collect::<Vec<_>>());
}

#[test]
fn a_place_that_is_not_there_and_code_that_cannot_stop_are_refused() {
    let wat = "(module (memory 1) (global i32 (i32.const 0)))";
    let mut fixture = Fixture::new(wat);
    let instance = fixture.instance;
    let missing = [
        bytes(&fixture, 65533, 4),
        bytes(&fixture, 0, 0),
        bytes(&fixture, u64::MAX, 2),
        WatchTarget::Memory { instance, memory: 1, start: 0, length: 1 },
        WatchTarget::Global { instance, index: 1 },
    ];
    for target in missing {
        assert!(fixture.store.add_watchpoint(target, WatchAccess::Any).is_err(), "{target:?}");
    }
    let mut plain = Fixture::with(wat, &Linker::new(), tier(Tiers::Run));
    assert!(plain.store.add_watchpoint(bytes(&plain, 0, 1), WatchAccess::Any).is_err());
}

#[test]
fn a_watched_global_that_holds_an_object_says_so_and_keeps_nothing_alive() {
    let wat = r#"(module (type $s (struct)) (global $g (mut anyref) (ref.null any))
        (func (export "run") (global.set $g (struct.new $s)) (global.set $g (ref.i31 (i32.const 3)))))"#;
    let mut fixture = Fixture::new(wat);
    let stops = note_hits(&mut fixture);
    let target = WatchTarget::Global { instance: fixture.instance, index: 0 };
    fixture.store.add_watchpoint(target, WatchAccess::Write).expect("it is there");
    assert_eq!(fixture.call("run", &[]), Ok(vec![]));
    let hits = stops.take().into_iter().flat_map(|(_, hits)| hits).map(|hit| (hit.old, hit.new));
    let value = |reference| WatchedValue::Value(Value::AnyRef(reference));
    let three = value(Some(runtime::Reference::I31(3)));
    let expected = [(value(None), WatchedValue::Object), (WatchedValue::Object, three)];
    assert_eq!(hits.collect::<Vec<_>>(), expected);
    fixture.store.collect_garbage();
    assert_eq!(fixture.store.heap_statistics().live, 0);
}
