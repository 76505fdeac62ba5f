//! The seam that a debugger uses, without a debugger: hooks, frames of several activations, stale handles.

use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, Failure, Frame, FrameError, FuncType, Instance, Linker,
    Module, Resumption, Store, TrapCode, Value, ValueType, WasmFrame,
};
use std::sync::{Arc, Mutex, PoisonError};

/// Does this at every event.
struct Hook<F>(F);

impl<F: Fn(&mut Store, &DebugEvent) -> Resumption + Send + Sync> DebugHook for Hook<F> {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        (self.0)(store, &event)
    }
}

/// Calls `run` with `hook` told of every operator.
fn run(wat: &str, linker: &Linker, hook: Arc<dyn DebugHook>) -> Result<Vec<Value>, Failure> {
    let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
    let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
    let mut store = Store::new(&engine).expect("memory for code");
    let instance = Instance::new(&mut store, &module, linker).expect("instantiates");
    store.set_debug_hook(Some(hook));
    store.set_stepping(true);
    let function = instance.get_func(&store, "run").expect("exported");
    function.call(&mut store, &[])
}

#[test]
fn a_frame_of_an_older_stop_is_refused() {
    let kept: Mutex<Option<WasmFrame>> = Mutex::new(None);
    let refusals = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&refusals);
    let hook = Hook(move |store: &mut Store, _: &DebugEvent| {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = kept.as_ref() {
            let refused = [old.local(store, 0).err(), old.set_local(store, 0, Value::I32(1)).err()];
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(refused);
        }
        let frame = store.innermost_frame().expect("at an operator");
        assert_eq!(frame.local(store, 0), Ok(Value::I32(0)), "good as long as the stop lasts");
        *kept = Some(frame);
        Resumption::Continue
    });
    let results =
        run(r#"(module (func (export "run") (local i32) nop nop))"#, &Linker::new(), Arc::new(hook));
    assert_eq!(results, Ok(vec![]));
    let refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*refusals, vec![[Some(FrameError::Stale), Some(FrameError::Stale)]; 2]);
}

/// `run` calls the host, which calls `inner`, which traps.
const NESTED: &str = r#"(module (import "host" "back" (func $back (param i32)))
    (func (export "run") (call $back (i32.const 7)))
    (func (export "inner") (param i32) unreachable))"#;

#[test]
fn frames_of_all_activations_are_seen_with_the_host_between_them() {
    let shape = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&shape);
    let hook = Hook(move |store: &mut Store, event: &DebugEvent| {
        if *event == DebugEvent::Trap(TrapCode::Unreachable) {
            let describe = |frame| match frame {
                Frame::Wasm(frame) => format!("{} {:?}", frame.function, frame.activation),
                Frame::Host(name) => name,
                Frame::Gap => "gap".to_owned(),
            };
            let frames = store.frames().into_iter().map(describe).collect();
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = frames;
        }
        Resumption::Continue
    });
    let mut linker = Linker::new();
    linker.define_func("host", "back", FuncType::new([ValueType::I32], []), |caller, args| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        let inner = instance.get_func(store, "inner").expect("exported");
        match inner.call(store, args) {
            Err(Failure::Trap(code)) => Err(runtime::HostError::Trap(code)),
            other => panic!("it traps: {other:?}"),
        }
    });
    let results = run(NESTED, &linker, Arc::new(hook));
    assert_eq!(results, Err(Failure::Trap(TrapCode::Unreachable)));
    // The last trap is the one that the host passed on, in the outer activation.
    let shape = shape.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*shape, ["host.back", "1 0"]);
}

#[test]
fn inside_a_nested_call_the_outer_activation_is_there() {
    let shape = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&shape);
    let hook = Hook(move |store: &mut Store, event: &DebugEvent| {
        let frames = store.frames();
        if matches!(event, DebugEvent::Trap(_)) && frames.len() > 2 {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            for frame in &frames {
                seen.push(match frame {
                    Frame::Wasm(frame) => format!("{} {}", frame.function, frame.activation),
                    Frame::Host(name) => name.clone(),
                    Frame::Gap => "gap".to_owned(),
                });
            }
            return Resumption::Kill;
        }
        Resumption::Continue
    });
    let mut linker = Linker::new();
    linker.define_func("host", "back", FuncType::new([ValueType::I32], []), |caller, args| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        let inner = instance.get_func(store, "inner").expect("exported");
        assert_eq!(inner.call(store, args), Err(Failure::Killed));
        Err(runtime::HostError::Killed)
    });
    assert_eq!(run(NESTED, &linker, Arc::new(hook)), Err(Failure::Killed));
    let shape = shape.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*shape, ["2 1", "gap", "host.back", "1 0"]);
}
