//! Every kind of trap through every kind of call, in both tiers: the trapping frame is at the operator that traps, each
//! caller behind its call.

use crate::fixture::{Fixture, Log, operators, pc_of, tier};
use frame_table::ModulePc;
use runtime::{
    DebugEvent, Engine, Failure, Frame, FuncType, HostError, Instance, Linker, Module, Resumption, Store,
    Tiers, TrapCode,
};

/// Body of a function, its operator that traps, why.
const TRAPS: &[(&str, &str, TrapCode)] = &[
    ("unreachable", "Unreachable", TrapCode::Unreachable),
    (
        "(if (i32.eqz (memory.grow (i32.const 0))) (then) (else unreachable))",
        "Unreachable",
        TrapCode::Unreachable,
    ),
    ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "I32DivS", TrapCode::IntegerDivisionByZero),
    ("(drop (i64.rem_u (i64.const 1) (i64.const 0)))", "I64RemU", TrapCode::IntegerDivisionByZero),
    ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "I32DivS", TrapCode::IntegerOverflow),
    ("(drop (i32.trunc_f32_s (f32.const nan)))", "I32TruncF32S", TrapCode::BadConversionToInteger),
    ("(drop (i64.trunc_f64_u (f64.const 1e30)))", "I64TruncF64U", TrapCode::IntegerOverflow),
    ("(drop (i32.load (i32.const 65533)))", "I32Load", TrapCode::MemoryOutOfBounds),
    ("(i64.store8 offset=9 (i32.const -1) (i64.const 1))", "I64Store8", TrapCode::MemoryOutOfBounds),
    ("(drop (v128.load (i32.const 65521)))", "V128Load", TrapCode::MemoryOutOfBounds),
    (
        "(drop (i32.atomic.rmw.add (i32.const 65536) (i32.const 1)))",
        "I32AtomicRmwAdd",
        TrapCode::MemoryOutOfBounds,
    ),
    ("(drop (i32.atomic.load (i32.const 1)))", "I32AtomicLoad", TrapCode::UnalignedAtomic),
    (
        "(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))",
        "MemoryAtomicWait32",
        TrapCode::ExpectedSharedMemory,
    ),
    (
        "(memory.fill (i32.const 65530) (i32.const 0) (i32.const 7))",
        "MemoryFill",
        TrapCode::MemoryOutOfBounds,
    ),
    (
        "(memory.copy (i32.const 65530) (i32.const 0) (i32.const 7))",
        "MemoryCopy",
        TrapCode::MemoryOutOfBounds,
    ),
    ("(memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))", "MemoryInit", TrapCode::MemoryOutOfBounds),
    ("(drop (table.get $calls (i32.const 9)))", "TableGet", TrapCode::TableOutOfBounds),
    ("(table.set $calls (i32.const 9) (ref.null func))", "TableSet", TrapCode::TableOutOfBounds),
    (
        "(table.fill $calls (i32.const 2) (ref.null func) (i32.const 2))",
        "TableFill",
        TrapCode::TableOutOfBounds,
    ),
    (
        "(table.copy $calls $calls (i32.const 2) (i32.const 0) (i32.const 2))",
        "TableCopy",
        TrapCode::TableOutOfBounds,
    ),
    (
        "(table.init $calls $e (i32.const 0) (i32.const 0) (i32.const 2))",
        "TableInit",
        TrapCode::TableOutOfBounds,
    ),
    ("(call_indirect $calls (type $t) (i32.const 3))", "CallIndirect", TrapCode::UndefinedElement),
    ("(call_indirect $calls (type $t) (i32.const 1))", "CallIndirect", TrapCode::UninitializedElement),
    ("(call_indirect $calls (type $t) (i32.const 2))", "CallIndirect", TrapCode::BadSignature),
    ("(return_call_indirect $calls (type $t) (i32.const 2))", "ReturnCallIndirect", TrapCode::BadSignature),
    ("(call_ref $t (ref.null $t))", "CallRef", TrapCode::NullFunction),
    ("(drop (ref.as_non_null (ref.null extern)))", "RefAsNonNull", TrapCode::NullReference),
    ("(drop (i31.get_u (ref.null i31)))", "I31GetU", TrapCode::NullI31),
    ("(throw_ref (ref.null exn))", "ThrowRef", TrapCode::NullException),
    ("(drop (struct.get $s 0 (ref.null $s)))", "StructGet", TrapCode::NullStructure),
    ("(struct.set $s 0 (ref.null $s) (i32.const 1))", "StructSet", TrapCode::NullStructure),
    ("(drop (array.get $a (ref.null $a) (i32.const 0)))", "ArrayGet", TrapCode::NullArray),
    ("(drop (array.len (ref.null array)))", "ArrayLen", TrapCode::NullArray),
    (
        "(drop (array.get $a (array.new_default $a (i32.const 2)) (i32.const 2)))",
        "ArrayGet",
        TrapCode::ArrayOutOfBounds,
    ),
    (
        "(array.set $a (array.new_default $a (i32.const 2)) (i32.const -1) (i32.const 0))",
        "ArraySet",
        TrapCode::ArrayOutOfBounds,
    ),
    (
        "(array.fill $a (array.new_default $a (i32.const 2)) (i32.const 1) (i32.const 0) (i32.const 2))",
        "ArrayFill",
        TrapCode::ArrayOutOfBounds,
    ),
    (
        "(array.init_data $a $d (array.new_default $a (i32.const 2)) (i32.const 0) (i32.const 0) (i32.const 1))",
        "ArrayInitData",
        TrapCode::MemoryOutOfBounds,
    ),
    (
        "(drop (array.new_data $a $d (i32.const 0) (i32.const 1)))",
        "ArrayNewData",
        TrapCode::MemoryOutOfBounds,
    ),
    ("(drop (array.new_default $a (i32.const -1)))", "ArrayNewDefault", TrapCode::HeapExhausted),
    ("(drop (ref.cast (ref i31) (ref.null any)))", "RefCastNonNull", TrapCode::CastFailure),
    ("(drop (ref.cast (ref null $s) (ref.i31 (i32.const 1))))", "RefCastNullable", TrapCode::CastFailure),
];

/// Body of the function that calls `$trap`, and its operator that does; none if the frame is gone then.
const CALLS: &[(&str, Option<&str>)] = &[
    ("call $trap", Some("Call")),
    ("(call_indirect $calls (type $t) (i32.const 0))", Some("CallIndirect")),
    ("(call_ref $t (ref.func $trap))", Some("CallRef")),
    ("return_call $trap", None),
    ("(return_call_indirect $calls (type $t) (i32.const 0))", None),
    ("(return_call_ref $t (ref.func $trap))", None),
    ("(block (try_table (catch_all 0) (call $trap)))", Some("Call")),
    ("try (call_ref $t (ref.func $trap)) catch_all end", Some("CallRef")),
    // Through the host, which calls the export `trap`.
    ("call $back", Some("Call")),
];

const TRAP: u32 = 1;
const CALLER: u32 = 2;
const RUN: u32 = 3;

fn module(trap: &str, call: &str) -> String {
    format!(
        r#"(module
        (type $t (func)) (type $other (func (param f32)))
        (type $s (struct (field (mut i32)))) (type $a (array (mut i32)))
        (import "host" "back" (func $back))
        (memory 1) (data $d "ab")
        (table $calls 3 funcref) (elem (table $calls) (i32.const 0) func $trap) (elem $e func $run)
        (elem (table $calls) (i32.const 2) func $wrong)
        (func $trap (export "trap") {trap})
        (func $caller nop {call} nop)
        (func $run (export "run") call $caller)
        (func $wrong (type $other)))"#
    )
}

/// Function, operator and call of each Wasm frame.
type Stack = Vec<(u32, ModulePc, Option<ModulePc>)>;

fn stack(store: &Store) -> Stack {
    let wasm = store.frames().filter_map(|frame| match frame {
        Frame::Wasm(frame) => Some((frame.function, frame.pc, frame.call)),
        _ => None,
    });
    wasm.collect()
}

/// How a frame looks that waits in its only operator of this name.
fn waiting(module: &Module, function: u32, call: &str) -> (u32, ModulePc, Option<ModulePc>) {
    let all = operators(module, function);
    let call = pc_of(module, function, call);
    let after = all.iter().position(|(_, pc)| *pc == call).expect("it is there") + 1;
    (function, all[after].1, Some(call))
}

fn calling_back() -> Linker {
    let mut linker = Linker::new();
    linker.define_func("host", "back", FuncType::new([], []), |caller, _| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        let trap = instance.get_func(store, "trap").expect("exported");
        match trap.call(store, &[]) {
            Err(Failure::Trap(code)) => Err(HostError::Trap(code)),
            other => panic!("it traps: {other:?}"),
        }
    });
    linker
}

#[test]
fn every_trap_through_every_call_shows_the_operators_that_it_happened_in() {
    for kind in [Tiers::Debug, Tiers::Run] {
        for (body, operator, code) in TRAPS {
            for (call, calling) in CALLS {
                let mut fixture = Fixture::with(&module(body, call), &calling_back(), tier(kind));
                let stops = Log::new();
                let seen = stops.clone();
                fixture.hook(move |store, event| {
                    seen.push((event.clone(), stack(store)));
                    Resumption::Continue
                });
                let what = format!("{body} through {call}, {kind:?}");
                assert_eq!(fixture.call("run", &[]), Err(Failure::Trap(*code)), "{what}");
                let (event, found) = stops.take().swap_remove(0);
                let mut expected = vec![(TRAP, pc_of(&fixture.module, TRAP, operator), None)];
                expected.extend(calling.map(|calling| waiting(&fixture.module, CALLER, calling)));
                expected.push(waiting(&fixture.module, RUN, "Call"));
                assert_eq!((event, found), (DebugEvent::Trap(*code), expected), "{what}");
            }
        }
    }
}

#[test]
fn a_start_function_that_traps_is_seen_at_its_operator() {
    for kind in [Tiers::Debug, Tiers::Run] {
        let engine = Engine::new(tier(kind)).expect("this machine is supported");
        let mut holder = Fixture::with("(module)", &Linker::new(), tier(kind));
        let stops = Log::new();
        let seen = stops.clone();
        let mut store = Store::new(&engine).expect("memory for code");
        std::mem::swap(&mut holder.store, &mut store);
        holder.hook(move |store, event| {
            seen.push((event.clone(), stack(store)));
            Resumption::Continue
        });
        let wat = "(module (func $start nop unreachable) (start $start))";
        let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
        let outcome =
            Instance::new(&mut holder.store, &module, &Linker::new()).map_err(|error| error.to_string());
        assert_eq!(outcome, Err("instantiation failed: wasm trap: unreachable".to_owned()));
        let stops = stops.take();
        assert!(
            matches!(stops[0], (DebugEvent::ModuleLoaded(_), ref stack) if stack.is_empty()),
            "{stops:?}"
        );
        let at = (0, pc_of(&module, 0, "Unreachable"), None);
        assert_eq!(stops[1..], [(DebugEvent::Trap(TrapCode::Unreachable), vec![at])]);
    }
}

#[test]
fn a_stack_overflow_is_at_the_start_of_the_function_that_has_no_room() {
    for kind in [Tiers::Debug, Tiers::Run] {
        let wat = r#"(module (func $f (export "run") (param i32) nop (call $f (local.get 0))))"#;
        let mut fixture = Fixture::with(wat, &Linker::new(), tier(kind));
        let stops = Log::new();
        let seen = stops.clone();
        fixture.hook(move |store, event| {
            seen.push((event.clone(), stack(store)));
            Resumption::Continue
        });
        let outcome = fixture.call("run", &[runtime::Value::I32(1)]);
        assert_eq!(outcome, Err(Failure::Trap(TrapCode::StackOverflow)));
        let (event, stack) = stops.take().swap_remove(0);
        assert_eq!(event, DebugEvent::Trap(TrapCode::StackOverflow));
        assert_eq!(stack[0], (0, pc_of(&fixture.module, 0, "Nop"), None));
        assert!(stack.len() > 1000, "{}", stack.len());
        let caller = waiting(&fixture.module, 0, "Call");
        assert!(stack[1..].iter().all(|frame| *frame == caller));
    }
}

#[test]
fn a_host_function_that_fails_is_seen_in_its_caller_with_its_words() {
    let mut linker = Linker::new();
    linker.define_func("host", "back", FuncType::new([], []), |_, _| {
        Err(HostError::Message("the disk is full".into()))
    });
    let mut fixture = Fixture::with(&module("nop", "call $back"), &linker, tier(Tiers::Debug));
    let stops = Log::new();
    let seen = stops.clone();
    fixture.hook(move |store, event| {
        seen.push((event.clone(), stack(store)));
        Resumption::Continue
    });
    let words = "the disk is full".to_owned();
    assert_eq!(fixture.call("run", &[]), Err(Failure::Host(words.clone())));
    let expected = vec![waiting(&fixture.module, CALLER, "Call"), waiting(&fixture.module, RUN, "Call")];
    assert_eq!(stops.take(), [(DebugEvent::HostError(words), expected)]);
}
