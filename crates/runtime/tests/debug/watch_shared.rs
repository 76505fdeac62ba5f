//! Watchpoints in a memory that several stores share: what a host function writes is told, and what another store's code
//! writes is told by that store.

use crate::fixture::{Log, config};
use runtime::{
    DebugEvent, DebugHook, Engine, FuncType, Instance, Linker, MemoryType, Module, Resumption, SharedMemory,
    Store, WatchAccess, WatchTarget,
};
use std::sync::Arc;

/// An access: the store, whether its host wrote, and what is there.
type Seen = (&'static str, bool, u8);

struct Noting(&'static str, Log<Seen>);

impl DebugHook for Noting {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        let DebugEvent::Point { watched, .. } = event else { return Resumption::Continue };
        let instance = store.instances().next().expect("one");
        let mut byte = [0];
        store.read_memory(instance, 0, 8, &mut byte).expect("it is there");
        watched.iter().for_each(|hit| self.1.push((self.0, hit.by_host, byte[0])));
        Resumption::Continue
    }
}

/// Runs the export `run` of an instance on the memory, in a store that watches byte 8 for writes.
fn run(
    engine: &Engine,
    memory: &SharedMemory,
    mut linker: Linker,
    wat: &str,
    name: &'static str,
    log: &Log<Seen>,
) {
    linker.define_shared_memory("env", "memory", memory);
    let module = Module::new(engine, wat.as_bytes(), name).expect("valid");
    let mut store = Store::new(engine).expect("memory for code");
    let instance = Instance::new(&mut store, &module, &linker).expect("links");
    store.set_debug_hook(Some(Arc::new(Noting(name, log.clone()))));
    let target = WatchTarget::Memory { instance, memory: 0, start: 8, length: 1 };
    store.add_watchpoint(target, WatchAccess::Write).expect("it is there");
    let run = instance.get_func(&store, "run").expect("exported");
    assert_eq!(run.call(&mut store, &[]), Ok(vec![]));
}

#[test]
fn writes_of_the_host_are_told_and_those_of_other_stores_are_theirs() {
    const OTHER: &str = r#"(module (import "env" "memory" (memory 1 1 shared))
        (func (export "run") (i32.store8 (i32.const 8) (i32.const 6)) nop))"#;
    const MAIN: &str = r#"(module (import "env" "memory" (memory 1 1 shared))
        (import "host" "write" (func $write)) (import "host" "other" (func $other))
        (func (export "run") call $write call $other (i32.store8 (i32.const 8) (i32.const 7)) call $write nop))"#;
    let engine = Engine::new(config()).expect("this machine is supported");
    let ty = MemoryType { shared: true, ..MemoryType::new(1, Some(1)) };
    let memory = SharedMemory::new(&engine, ty).expect("address space");
    let log = Log::new();
    let mut linker = Linker::new();
    let host = memory.clone();
    linker.define_func("host", "write", FuncType::new([], []), move |_, _| {
        assert!(host.write(8, &[5]));
        Ok(Vec::new())
    });
    let (own, shared, seen) = (engine.clone(), memory.clone(), log.clone());
    linker.define_func("host", "other", FuncType::new([], []), move |_, _| {
        run(&own, &shared, Linker::new(), OTHER, "other", &seen);
        Ok(Vec::new())
    });
    run(&engine, &memory, linker, MAIN, "main", &log);
    let expected = [("main", true, 5), ("other", false, 6), ("main", false, 7), ("main", true, 5)];
    assert_eq!(log.take(), expected);
}
