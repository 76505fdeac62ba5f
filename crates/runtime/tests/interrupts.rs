//! Interrupts from another thread, of guests that do not help: loops and recursion without calls of the host, in both
//! tiers, again and again, several stores at once.

use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, Failure, Instance, InterruptHandle, Linker, Module,
    Resumption, Store, Tiers, Value,
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

const TIERS: [Tiers; 2] = [Tiers::Debug, Tiers::Run];

/// Tells of every stop for an interrupt; ends the guest at the last one.
struct Hook {
    stops: AtomicU32,
    last: u32,
    /// Where the guest was, at each stop.
    stopped: Mutex<Sender<(u32, usize)>>,
}

impl DebugHook for Hook {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        let DebugEvent::Point { interrupted: true, pc, .. } = event else { return Resumption::Continue };
        let frames = store.frames().count();
        self.stopped.lock().expect("one thread").send((pc.0, frames)).expect("the test listens");
        let last = self.stops.fetch_add(1, Ordering::SeqCst) + 1 == self.last;
        if last { Resumption::Kill } else { Resumption::Continue }
    }
}

/// Runs `run` of a module on a thread of its own and interrupts it `stops` times; returns how many frames there were
/// at each stop.
fn interrupted(tier: Tiers, wat: &str, stops: u32) -> Vec<usize> {
    let engine = Engine::new(EngineConfig { tiers: tier, max_stack: 64 << 20, ..EngineConfig::default() });
    let engine = engine.expect("this machine is supported");
    let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
    let (stopped, stops_seen) = channel();
    let (ready, handle) = channel::<InterruptHandle>();
    let run = move || {
        let mut store = Store::new(&engine).expect("memory for code");
        let instance = Instance::new(&mut store, &module, &Linker::new()).expect("instantiates");
        let hook = Hook { stops: AtomicU32::new(0), last: stops, stopped: Mutex::new(stopped) };
        store.set_debug_hook(Some(Arc::new(hook)));
        ready.send(store.interrupt_handle()).expect("the test listens");
        let function = instance.get_func(&store, "run").expect("exported");
        function.call(&mut store, &[Value::I32(7)])
    };
    let thread = std::thread::Builder::new().stack_size(128 << 20).spawn(run).expect("a thread");
    let handle = handle.recv().expect("the guest begins");
    let mut frames = Vec::new();
    for _ in 0..stops {
        handle.interrupt();
        let (pc, count) = stops_seen.recv().expect("the guest stops");
        assert_ne!(pc, 0);
        frames.push(count);
    }
    assert_eq!(thread.join().expect("no panic"), Err(Failure::Killed));
    // The store is gone, and somebody interrupts it nevertheless.
    handle.interrupt();
    frames
}

#[test]
fn an_empty_loop() {
    for tier in TIERS {
        let frames = interrupted(tier, r#"(module (func (export "run") (param i32) (loop (br 0))))"#, 50);
        assert!(frames.iter().all(|count| *count == 1), "{tier:?}: {frames:?}");
    }
}

#[test]
fn a_loop_that_calls() {
    let wat = r#"(module (func $inc (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func (export "run") (param i32) (loop (local.set 0 (call $inc (local.get 0))) (br 0))))"#;
    for tier in TIERS {
        let frames = interrupted(tier, wat, 50);
        assert!(frames.iter().all(|count| (1..=2).contains(count)), "{tier:?}: {frames:?}");
    }
}

#[test]
fn recursion_without_a_loop() {
    let wat = r#"(module (func $tree (export "run") (param i32)
        (if (local.get 0) (then
          (call $tree (i32.shr_u (local.get 0) (i32.const 1)))
          (call $tree (i32.shr_u (local.get 0) (i32.const 1))) ))
        (return_call $tree (i32.const 0xffff))))"#;
    for tier in TIERS {
        assert_eq!(interrupted(tier, wat, 20).len(), 20);
    }
}

#[test]
fn several_stores_at_once() {
    let wat = r#"(module (func (export "run") (param i32) (loop (br 0))))"#;
    std::thread::scope(|scope| {
        for tier in [Tiers::Run, Tiers::Debug, Tiers::Run] {
            scope.spawn(move || assert_eq!(interrupted(tier, wat, 30).len(), 30));
        }
    });
}
