//! Handlers on the guest's own thread: each stop is handled by a clone, may wait for others, and may call the guest.

use debugger::{DebugHandler, Debugger, Error, Frame, ModuleId, Outcome, Paused, Resume, Stop, Value};
use frame_table::ModulePc;
use runtime::{
    Engine, EngineConfig, Failure, FuncType, HostError, Instance, Linker, Module, Store, TrapCode, ValueType,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a handler does at a stop.
type Script = dyn Fn(&mut Paused<'_>) -> Outcome + Send + Sync;

/// Runs a script at each stop, and notes how deep in handlers it is.
struct Scripted {
    script: Arc<Script>,
    depth: Arc<AtomicUsize>,
    clones: Arc<AtomicUsize>,
}

impl Clone for Scripted {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Ordering::SeqCst);
        let (script, depth, clones) =
            (Arc::clone(&self.script), Arc::clone(&self.depth), Arc::clone(&self.clones));
        Self { script, depth, clones }
    }
}

impl DebugHandler for Scripted {
    async fn handle(&self, paused: &mut Paused<'_>) -> Outcome {
        self.depth.fetch_add(1, Ordering::SeqCst);
        let outcome = (self.script)(paused);
        self.depth.fetch_sub(1, Ordering::SeqCst);
        outcome
    }
}

struct Fixture {
    store: Box<Store>,
    instance: Instance,
}

impl Fixture {
    /// An instance whose guest `handler` debugs; it stops before its first operator.
    fn new(wat: &str, linker: &Linker, handler: impl DebugHandler) -> Self {
        let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
        let module = Module::new(&engine, wat.as_bytes(), "test.wat").expect("valid");
        let mut store = Store::new(&engine).expect("memory for code");
        let _debugger = Debugger::attach(&mut store, handler, true);
        let instance = Instance::new(&mut store, &module, linker).expect("instantiates");
        Self { store, instance }
    }

    /// An instance that is debugged by a script; also the number of clones of the handler that were made.
    fn scripted(
        wat: &str,
        script: impl Fn(&mut Paused<'_>) -> Outcome + Send + Sync + 'static,
    ) -> (Self, Arc<AtomicUsize>, Arc<AtomicUsize>) {
        let (depth, clones) = (Arc::default(), Arc::default());
        let handler =
            Scripted { script: Arc::new(script), depth: Arc::clone(&depth), clones: Arc::clone(&clones) };
        (Self::new(wat, &Linker::new(), handler), depth, clones)
    }

    fn call(&mut self, name: &str) -> Result<Vec<Value>, Failure> {
        let function = self.instance.get_func(&self.store, name).expect("exported");
        function.call(&mut self.store, &[])
    }
}

/// The PC of a function's `n`th operator, counted from the first, which must be a constant or `nop`.
fn body(module: &Module, function: u32) -> ModulePc {
    module.entry(function).expect("it is defined").1
}

fn calls(paused: &mut Paused<'_>, name: &str) -> Result<Vec<Value>, Error> {
    let instance = paused.modules()[0].instances[0];
    let function = paused.export(instance, name).expect("exported");
    paused.call(function, &[])
}

const RESUME: Outcome = Outcome::Resume(Resume::Continue);

/// `run` ends with the sum of `$v` and 1.
const CALLS: &str = r#"(module (global $v (export "v") (mut i32) (i32.const 40))
    (func (export "fails") nop unreachable)
    (func (export "adds") nop (global.set $v (i32.add (global.get $v) (i32.const 1))))
    (func (export "run") (result i32) nop (i32.add (global.get $v) (i32.const 1))))"#;

#[test]
fn a_handler_may_call_the_guest_and_gets_the_stops_in_that_call_too() {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&log);
    let note = move |line: String| seen.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    let script = move |paused: &mut Paused<'_>| {
        let functions: Vec<u32> = paused
            .frames()
            .iter()
            .map(|frame| match frame {
                Frame::Wasm(frame) => frame.function,
                Frame::Host(_) => panic!("no host function was called"),
            })
            .collect();
        let gaps = paused.gaps().len();
        match paused.stop().clone() {
            Stop::Start => {
                note(format!("start {functions:?}"));
                let module = paused.modules()[0].module.clone();
                paused.add_breakpoint(ModuleId(0), body(&module, 1)).expect("code");
                assert_eq!(calls(paused, "adds").expect("returns"), []);
                // Back where it was, with frames that can be used.
                note(format!("back {:?}", paused.frames().len()));
                assert!(matches!(
                    calls(paused, "fails"),
                    Err(Error::Call(Failure::Trap(TrapCode::Unreachable)))
                ));
                note(format!("back again {:?}", paused.innermost().is_some()));
                Outcome::Resume(Resume::Continue)
            }
            Stop::Breakpoint { .. } => {
                note(format!("breakpoint {functions:?} {gaps}"));
                Outcome::Resume(Resume::StepInstruction)
            }
            Stop::Step => {
                note(format!("step {functions:?} {gaps}"));
                RESUME
            }
            Stop::Trap { code, .. } => {
                note(format!("{code} {functions:?} {gaps}"));
                RESUME
            }
            other => panic!("{other:?}"),
        }
    };
    let (mut fixture, depth, clones) = Fixture::scripted(CALLS, script);
    assert_eq!(fixture.call("run"), Ok(vec![Value::I32(42)]));
    assert_eq!(depth.load(Ordering::SeqCst), 0);
    assert_eq!(clones.load(Ordering::SeqCst), 4, "one a stop");
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(
        *log,
        [
            "start [2]",
            "breakpoint [1, 2] 1",
            "step [1, 2] 1",
            "back 1",
            "unreachable [0, 2] 1",
            "back again true"
        ]
    );
}

#[test]
fn a_step_under_way_goes_on_after_a_call_of_the_debuggers() {
    let steps: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&steps);
    let script = move |paused: &mut Paused<'_>| {
        counted.fetch_add(1, Ordering::SeqCst);
        assert!(matches!(paused.stop(), Stop::Start | Stop::Step), "{:?}", paused.stop());
        assert_eq!(calls(paused, "adds").expect("returns"), []);
        Outcome::Resume(Resume::StepInstruction)
    };
    let (mut fixture, ..) = Fixture::scripted(CALLS, script);
    // `run` reads the global at its second operator, before which `adds` ran twice.
    assert_eq!(fixture.call("run"), Ok(vec![Value::I32(43)]));
    assert_eq!(steps.load(Ordering::SeqCst), 5, "one an operator");
}

#[test]
fn a_handler_can_kill_the_guest_out_of_a_nested_call() {
    let script = |paused: &mut Paused<'_>| match paused.stop() {
        Stop::Start => {
            assert!(matches!(calls(paused, "fails"), Err(Error::Call(Failure::Killed))));
            Outcome::Kill
        }
        Stop::Trap { .. } => Outcome::Kill,
        other => panic!("{other:?}"),
    };
    let (mut fixture, ..) = Fixture::scripted(CALLS, script);
    assert_eq!(fixture.call("run"), Err(Failure::Killed));
}

/// A global's value, and where its new value goes.
type Question = (Value, tokio::sync::oneshot::Sender<i32>);

/// Waits for an answer of another thread at each stop.
#[derive(Clone)]
struct Waiting {
    questions: tokio::sync::mpsc::UnboundedSender<Question>,
}

impl DebugHandler for Waiting {
    async fn handle(&self, paused: &mut Paused<'_>) -> Outcome {
        let instance = paused.modules()[0].instances[0];
        let before = paused.global(instance, 0).expect("there is one");
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.questions.send((before, answer)).expect("somebody answers");
        let answer = answered.await.expect("answered");
        assert_eq!(paused.global(instance, 0).expect("there is one"), before, "nothing ran meanwhile");
        paused.set_global(instance, 0, Value::I32(answer)).expect("mutable");
        Outcome::Resume(Resume::Continue)
    }
}

#[test]
fn the_guest_stands_still_while_an_asynchronous_handler_waits() {
    let (questions, mut asked) = tokio::sync::mpsc::unbounded_channel::<Question>();
    let answering = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while let Some((value, answer)) = asked.blocking_recv() {
            seen.push(value);
            answer.send(99).expect("it waits");
        }
        seen
    });
    let mut fixture = Fixture::new(CALLS, &Linker::new(), Waiting { questions });
    assert_eq!(fixture.call("run"), Ok(vec![Value::I32(100)]));
    drop(fixture);
    assert_eq!(answering.join().expect("it answered"), [Value::I32(40)]);
}

#[test]
fn gaps_between_activations_and_stores_are_seen() {
    /// Where gaps are and whether they are another store's, and the functions.
    type Seen = (Vec<(usize, bool)>, Vec<String>);
    /// Notes gaps and functions at traps.
    #[derive(Clone)]
    struct Looking(Arc<Mutex<Vec<Seen>>>);
    impl DebugHandler for Looking {
        async fn handle(&self, paused: &mut Paused<'_>) -> Outcome {
            if let Stop::Trap { .. } = paused.stop() {
                let gaps = paused.gaps().iter().map(|gap| (gap.before, gap.of_another_store)).collect();
                let name = |frame: &Frame| match frame {
                    Frame::Wasm(frame) => frame.function.to_string(),
                    Frame::Host(frame) => frame.name.clone(),
                };
                let names = paused.frames().iter().map(name).collect();
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push((gaps, names));
            }
            RESUME
        }
    }
    let log = Looking(Arc::default());
    let inner = Mutex::new(Fixture::new(CALLS, &Linker::new(), log.clone()));
    let mut linker = Linker::new();
    linker.define_func("host", "other", FuncType::new([], []), move |_, _| {
        let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(inner.call("fails"), Err(Failure::Trap(TrapCode::Unreachable)));
        Ok(Vec::new())
    });
    linker.define_func("host", "back", FuncType::new([ValueType::I32], []), |caller, args| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        let inner = instance.get_func(store, "inner").expect("exported");
        inner.call(store, args).map_err(|_| HostError::Killed)
    });
    let wat = r#"(module (import "host" "other" (func $other)) (import "host" "back" (func $back (param i32)))
        (func (export "inner") (param i32) call $other unreachable)
        (func (export "run") (call $back (i32.const 1))))"#;
    let mut outer = Fixture::new(wat, &linker, log.clone());
    assert_eq!(outer.call("run"), Err(Failure::Killed));
    let seen = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    // In the inner store, the two activations of the outer one are opaque; in the outer one, the host's frames are.
    let inside = (vec![(1, false), (1, true), (1, false), (1, true)], vec!["0".to_owned()]);
    let outside = (vec![(1, false)], ["2", "host.back", "3"].map(str::to_owned).to_vec());
    assert_eq!(*seen, [inside, outside]);
}
