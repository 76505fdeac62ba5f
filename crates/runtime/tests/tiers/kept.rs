//! Code that another process could have compiled: it does what code does that was compiled here, whatever a debugger wants
//! meanwhile.

use crate::fixture::{Fixture, Log, pc_of, tier};
use runtime::{
    CodeCache, DebugEvent, Engine, EngineConfig, Frame, FuncType, Linker, Module, Resumption, Store, Tiers,
    Value, WatchAccess, WatchTarget,
};
use std::sync::Arc;

/// `sum` counts down in a loop that calls; `fail` traps three frames deep; `catch` catches what `throw` throws; `round` calls
/// what old processors have no instruction for.
const PROGRAM: &str = r#"(module
    (import "host" "interrupt" (func $interrupt))
    (memory 1) (tag $odd (param i32))
    (func $add (export "add") (param i32 i64) (result i64) (local i64)
        (i32.store (i32.const 64) (local.get 0))
        (local.set 2 (i64.extend_i32_u (i32.load (i32.const 64))))
        (i64.add (local.get 1) (local.get 2)) nop)
    (func $sum (export "sum") (param i32) (result i64) (local i64)
        (call $interrupt)
        (loop $next
            (local.set 1 (call $add (local.get 0) (local.get 1)))
            (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1))
    (func $divide (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    (func $ratio (param i32) (result i32) (i32.add (i32.const 1) (call $divide (i32.const 9) (local.get 0))))
    (func (export "fail") (param i32) (result i64) (i64.extend_i32_s (call $ratio (local.get 0))))
    (func $throw (param i32) (if (local.get 0) (then (throw $odd (i32.mul (local.get 0) (i32.const 3))))))
    (func (export "catch") (param i32) (result i64) (local f64)
        (local.set 1 (f64.const 2.5))
        (block $caught (result i32)
            (try_table (catch $odd $caught) (call $throw (local.get 0)))
            (i32.const -1))
        (i64.extend_i32_s)
        (i64.add (i64.trunc_f64_s (local.get 1))))
    (func (export "round") (param i32) (result i64)
        (i64.trunc_f64_s (f64.nearest (f64.add (f64.convert_i32_s (local.get 0)) (f64.const 0.75))))))"#;

/// The events and frames of a store, in words. References to objects are other ones in each store.
fn note(log: &Log<String>, store: &Store, event: &DebugEvent) {
    log.push(match event {
        DebugEvent::Exception { caught, .. } => format!("exception, caught: {caught}"),
        other => format!("{other:?}"),
    });
    for frame in store.frames() {
        let Frame::Wasm(frame) = frame else { continue };
        let locals: Vec<_> = (0..).zip(frame.locals()).map(|(index, _)| frame.local(store, index)).collect();
        let operands: Vec<_> =
            (0..).zip(frame.operands()).map(|(index, _)| frame.operand(store, index)).collect();
        log.push(format!("{} at {}: {locals:?} {operands:?}", frame.function, frame.pc));
    }
}

/// Everything that a debugger can see of the program while it wants this and that of it.
fn session(config: EngineConfig, cache: &Arc<CodeCache>) -> Vec<String> {
    let log = Log::new();
    let mut linker = Linker::new();
    linker.define_func("host", "interrupt", FuncType::new([], []), |caller, _| {
        caller.store().interrupt_handle().interrupt();
        Ok(Vec::new())
    });
    let tiers = config.tiers;
    let mut fixture = Fixture::with(PROGRAM, &linker, config);
    let _same = fixture.module.clone().with_code_cache(Arc::clone(cache));
    let seen = log.clone();
    fixture.hook(move |store, event| {
        note(&seen, store, event);
        Resumption::Continue
    });
    let all = |fixture: &mut Fixture| {
        for (name, argument) in
            [("sum", 40), ("fail", 0), ("fail", 4), ("catch", 0), ("catch", 5), ("round", 6)]
        {
            let result = fixture.call(name, &[Value::I32(argument)]);
            log.push(format!("{name}: {result:?}"));
        }
    };
    all(&mut fixture);
    if tiers != Tiers::Run {
        fixture.break_at(1, "Nop");
        all(&mut fixture);
        let pc = pc_of(&fixture.module, 1, "Nop");
        fixture.store.set_breakpoint(0, pc, false);
        let target = WatchTarget::Memory { instance: fixture.instance, memory: 0, start: 64, length: 1 };
        let watchpoint = fixture.store.add_watchpoint(target, WatchAccess::Write).expect("it is there");
        all(&mut fixture);
        assert!(fixture.store.remove_watchpoint(watchpoint));
        fixture.store.set_stepping(true);
        all(&mut fixture);
        fixture.store.set_stepping(false);
        all(&mut fixture);
    }
    log.take()
}

#[test]
fn kept_code_does_and_shows_what_new_code_does() {
    let configs = [Tiers::Debug, Tiers::Run, Tiers::Automatic].map(tier);
    let baseline = EngineConfig { baseline_processor: true, ..tier(Tiers::Automatic) };
    let stressed = EngineConfig { tier_stress: Some(3), ..tier(Tiers::Automatic) };
    for config in configs.into_iter().chain([baseline, stressed]) {
        let first = Arc::new(CodeCache::default());
        let expected = session(config.clone(), &first);
        assert!(expected.len() > 10, "{expected:#?}");
        let (found, compiled) = first.counts();
        assert!(found == 0 && compiled >= 8, "{config:?}: {found} {compiled}");
        let second = Arc::new(CodeCache::default());
        assert!(second.add(&first.pack()));
        let shown = session(config.clone(), &second);
        for (shown, expected) in shown.iter().zip(&expected) {
            assert_eq!(shown, expected, "{config:?}");
        }
        assert_eq!(shown.len(), expected.len(), "{config:?}");
        assert_eq!(second.counts(), (compiled, 0), "{config:?}");
        assert_eq!(second.pack(), first.pack());
    }
}

#[test]
fn packs_are_joined_and_what_is_none_adds_nothing() {
    let [run, debug] = [Tiers::Run, Tiers::Debug].map(|tiers| {
        let cache = Arc::new(CodeCache::default());
        session(tier(tiers), &cache);
        (cache.counts().1, cache.pack())
    });
    let both = Arc::new(CodeCache::default());
    for (_, pack) in [&run, &debug, &run] {
        assert!(both.add(pack));
        for length in 0..pack.len() {
            assert!(!both.add(&pack[..length]), "{length} of {} bytes", pack.len());
        }
    }
    for (tiers, (count, _)) in [(Tiers::Run, run), (Tiers::Debug, debug)] {
        let (before, _) = both.counts();
        session(tier(tiers), &both);
        assert_eq!(both.counts(), (before + count, 0));
    }
}

#[test]
fn what_code_depends_on_is_told() {
    let depends_on = |engine: &Engine, wat: &str| {
        let module = Module::new(engine, wat.as_bytes(), "test").expect("valid");
        module.code_depends_on(engine)
    };
    let engine = |config| Engine::new(config).expect("this machine is supported");
    let usual = depends_on(&engine(tier(Tiers::Automatic)), PROGRAM);
    assert_eq!(depends_on(&engine(tier(Tiers::Debug)), PROGRAM), usual);
    let baseline = EngineConfig { baseline_processor: true, ..tier(Tiers::Automatic) };
    assert_ne!(depends_on(&engine(baseline), PROGRAM), usual);
    // Types have other numbers in an engine that knows others already.
    let shared = engine(tier(Tiers::Automatic));
    depends_on(&shared, "(module (type (func (param f32 f32 f32))))");
    assert_ne!(depends_on(&shared, PROGRAM), usual);
}
