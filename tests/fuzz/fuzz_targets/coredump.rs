//! Any bytes as a core dump: the reader may refuse them; what it takes is opened on a module that it may fit, and looked at.
//!
//! With `FUZZ_SEEDS=FOLDER`, the first inputs are put there: core dumps of that module, and one that Wasmtime wrote.
#![no_main]

#[path = "../seeds.rs"]
mod seeds;

use std::sync::LazyLock;

use debugger::{Entry, Event, Frame, Guest, Record, Session, Spawner, Stop};
use libfuzzer_sys::fuzz_target;
use runtime::{Engine, EngineConfig, FuncType, HostError, Linker, Module, Tiers, ValueType};

/// Recursion through a function of the host, values of all types, a table, two memories, at a trap.
const MODULE: &str = r#"(module
  (import "host" "call" (func $host (param i32) (result i32)))
  (memory 1 2) (memory $other i64 1) (table 3 funcref) (elem (i32.const 1) $f)
  (global (mut i32) (i32.const 7)) (global v128 (v128.const i64x2 1 2)) (global $r (mut funcref) (ref.func $f))
  (global externref (ref.null extern)) (global (mut i64) (i64.const -1)) (global f32 (f32.const 1.5))
  (data (i32.const 65530) "hello") (data (memory $other) (i64.const 4) "there")
  (func $f (param $n i32) (param f64) (result i32) (local $v v128) (local $g funcref) (local i64 f32 externref)
    (local.set $v (v128.const i32x4 1 2 3 4))
    (local.set $g (ref.func $f))
    (if (i32.eqz (local.get $n)) (then (drop (i32.div_s (i32.const 1) (local.get $n)))))
    (i32.add (i32.const 40) (call $f (i32.sub (local.get $n) (i32.const 1)) (f64.const 2.5))))
  (func $inner (export "inner") (param i32) (result i32) (call $f (i32.const 3) (f64.const 0)))
  (func (export "_start") (drop (i32.add (i32.const 5) (call $host (i32.const 1))))))"#;

static READY: LazyLock<(Engine, Module)> = LazyLock::new(|| {
    // A small program: not a large memory for each of many dumps.
    let config = EngineConfig { max_memory: 1 << 20, max_table: 1000, max_stack: 1 << 16, ..EngineConfig::default() };
    let engine = Engine::new(config).expect("an engine");
    let module = Module::new(&engine, MODULE.as_bytes(), "small").expect("a module");
    (engine, module)
});

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    let Ok(dump) = core_dump::read(&bytes::Bytes::copy_from_slice(bytes)) else { return };
    let (engine, module) = &*READY;
    if dump.modules.len() > 4 || dump.threads.len() > 4 {
        return;
    }
    let modules = vec![module.clone(); dump.modules.len()];
    let Ok(record) = Record::new(dump, modules, engine) else { return };
    let Ok((session, mut events)) = Session::open(record, engine) else { return };
    let mut first = events.blocking_recv();
    while let Some(Event::ThreadStarted(_)) = first {
        first = events.blocking_recv();
    }
    if let Some(Event::Stopped { .. }) = first {
        let looked = session.inspect(|paused| {
            for (index, frame) in paused.frames().iter().enumerate() {
                let Frame::Wasm(frame) = frame else { continue };
                for local in 0..8 {
                    let _unknown = paused.local(index, local);
                    let _unknown = paused.operand(index, local);
                    let _unknown = paused.global(frame.instance, local);
                }
                let _unknown = paused.table_element(frame.instance, 0, 1);
                let _unknown = paused.read_memory(frame.instance, 0, 65_530, &mut [0; 8]);
            }
        });
        assert!(looked.is_ok(), "{looked:?}");
        let again = session.core_dump().expect("a core dump of a core dump");
        assert!(core_dump::read(&again.into()).is_ok(), "what we write we read");
    }
    session.kill();
    // The session holds the other end.
    drop(session);
    while events.blocking_recv().is_some() {}
});

fn write_seeds() {
    let Some(seeds) = seeds::Folder::given() else { return };
    seeds.write("wasmtime", include_bytes!("../../fixtures/crash/crash.core"));
    for (tiers, name) in [(Tiers::Automatic, "fast"), (Tiers::Debug, "complete")] {
        let engine = Engine::new(EngineConfig { tiers, ..EngineConfig::default() }).expect("an engine");
        let module = Module::new(&engine, MODULE.as_bytes(), "small").expect("a module");
        let mut linker = Linker::new();
        let ty = FuncType::new([ValueType::I32], [ValueType::I32]);
        linker.define_func("host", "call", ty, |caller, arguments| {
            let store = caller.store();
            let instance = store.instances().next().expect("the caller's");
            let inner = instance.get_func(store, "inner").expect("it is exported");
            inner.call(store, arguments).map_err(|_traps| HostError::Killed)
        });
        let (entry, spawner) = (Entry::Start, Spawner::new());
        let guest = Guest { engine, module, linker, preloads: Vec::new(), entry, run_at_once: true, spawner };
        let (session, mut events) = Session::launch(guest).expect("a thread");
        match events.blocking_recv() {
            Some(Event::Stopped { stop: Stop::Trap { .. }, .. }) => {}
            other => panic!("{other:?}"),
        }
        seeds.write(name, &session.core_dump().expect("it is stopped"));
        session.kill();
    }
}
