//! Every event of a session, each from a module that causes it.

use debugger::{
    Entry, Event, Events, Exit, Frame, Guest, InstanceId, ModuleId, Paused, Resume, Session, Spawner, Stop,
    ThreadId, TrapCode, Value, WatchAccess, WatchTarget, WatchedValue,
};
use runtime::{Engine, EngineConfig, FuncType, HostError, Instance, Linker, Module};

struct Fixture {
    session: Session,
    events: Events,
    module: Module,
}

impl Fixture {
    /// A guest that is stopped before the first operator of its export `run`.
    fn new(wat: &str) -> Self {
        let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
        let module = Module::new(&engine, wat.as_bytes(), "test.wat").expect("valid");
        let entry = Entry::Invoke { export: "run".to_owned(), arguments: Vec::new() };
        let linker = host(&engine);
        let (run_at_once, spawner) = (false, Spawner::new());
        let guest = Guest {
            engine,
            module: module.clone(),
            linker,
            preloads: Vec::new(),
            entry,
            run_at_once,
            spawner,
        };
        let (session, events) = Session::launch(guest).expect("a thread");
        let mut fixture = Self { session, events, module };
        assert_eq!(fixture.stop(), Stop::Start);
        fixture
    }

    fn event(&mut self) -> Event {
        self.events.blocking_recv().expect("the session lives")
    }

    fn stop(&mut self) -> Stop {
        match self.event() {
            Event::Stopped { thread: ThreadId::MAIN, stop } => stop,
            other => panic!("{other:?}"),
        }
    }

    fn resume(&mut self, how: Resume) -> Event {
        self.session.resume(how).expect("it is stopped");
        self.event()
    }

    /// Resumes to the next stop.
    fn go(&mut self, how: Resume) -> Stop {
        self.session.resume(how).expect("it is stopped");
        self.stop()
    }

    fn inspect<R: Send + 'static>(&self, f: impl FnOnce(&mut Paused<'_>) -> R + Send + 'static) -> R {
        self.session.inspect(f).expect("it is stopped")
    }

    fn watch(&self, access: WatchAccess, place: impl FnOnce(InstanceId) -> WatchTarget + Send + 'static) {
        self.inspect(move |paused| {
            let instance = paused.modules()[0].instances[0];
            paused.add_watchpoint(place(instance), access).expect("it is there");
        });
    }
}

/// What the modules of this file import.
fn host(engine: &Engine) -> Linker {
    let mut linker = Linker::new();
    let nothing = || FuncType::new([], []);
    linker.define_func("host", "fail", nothing(), |_, _| Err(HostError::Message("the disk is full".into())));
    linker.define_func("host", "exit", nothing(), |_, _| Err(HostError::Exit(7)));
    linker.define_func("host", "trap", nothing(), |_, _| Err(HostError::Trap(TrapCode::NullReference)));
    linker.define_func("host", "write", nothing(), |caller, _| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        assert!(store.write_memory(instance, 0, 16, &[9]));
        Ok(Vec::new())
    });
    linker.define_func("host", "wait", nothing(), |caller, _| {
        while !caller.interrupted() {
            std::thread::yield_now();
        }
        caller.stop_if_interrupted()?;
        Ok(Vec::new())
    });
    let engine = engine.clone();
    linker.define_func("host", "load", nothing(), move |caller, _| {
        let wat = r#"(module (memory 1) (data (i32.const 0) "\07") (func $start nop) (start $start))"#;
        let second = Module::new(&engine, wat.as_bytes(), "second.wat").expect("valid");
        Instance::new(caller.store(), &second, &Linker::new()).expect("instantiates");
        Ok(Vec::new())
    });
    linker
}

/// A module whose `run` calls a function of the host.
fn calling(name: &str) -> Fixture {
    Fixture::new(&format!(
        r#"(module (import "host" "{name}" (func $host)) (memory 1) (func (export "run") call $host nop))"#
    ))
}

fn names(paused: &mut Paused<'_>) -> Vec<String> {
    let name = |frame: &Frame| match frame {
        Frame::Wasm(frame) => frame.function.to_string(),
        Frame::Host(frame) => frame.name.clone(),
    };
    paused.frames().iter().map(name).collect()
}

#[test]
fn a_function_of_the_host_that_fails_stops_the_guest_and_then_ends_it() {
    let mut fixture = calling("fail");
    let message = "the disk is full".to_owned();
    assert_eq!(fixture.go(Resume::Continue), Stop::HostError { message: message.clone() });
    assert_eq!(fixture.inspect(names), ["host.fail", "1"]);
    assert_eq!(fixture.resume(Resume::Continue), Event::Exited(Exit::HostError(message)));
}

#[test]
fn a_trap_of_the_hosts_is_a_trap_of_the_call() {
    let mut fixture = calling("trap");
    let code = TrapCode::NullReference;
    assert!(matches!(fixture.go(Resume::Continue), Stop::Trap { code: found, .. } if found == code));
    assert_eq!(fixture.inspect(names), ["host.trap", "1"]);
    let exit = fixture.resume(Resume::Continue);
    assert!(matches!(exit, Event::Exited(Exit::Trapped { code: found, .. }) if found == code));
}

#[test]
fn an_exit_code_of_the_hosts_is_the_end_without_a_stop() {
    assert_eq!(calling("exit").resume(Resume::Continue), Event::Exited(Exit::Code(7)));
}

#[test]
fn a_function_of_the_host_that_waits_is_interrupted_and_goes_on() {
    let mut fixture = calling("wait");
    fixture.session.resume(Resume::Continue).expect("it is stopped");
    fixture.session.interrupt();
    let stop = fixture.stop();
    if stop == (Stop::Interrupt { in_host_call: false }) {
        // It was faster than the call.
        fixture.session.resume(Resume::Continue).expect("it is stopped");
        fixture.session.interrupt();
        assert_eq!(fixture.stop(), Stop::Interrupt { in_host_call: true });
    } else {
        assert_eq!(stop, Stop::Interrupt { in_host_call: true });
    }
    assert_eq!(fixture.inspect(names), ["host.wait", "1"]);
    assert_eq!(fixture.resume(Resume::Continue), Event::Exited(Exit::Values(vec![])));
}

#[test]
fn a_module_that_is_loaded_is_a_stop_if_that_was_asked_for() {
    for asked in [false, true] {
        let mut fixture = calling("load");
        fixture.inspect(move |paused| paused.stop_at_modules(asked));
        if asked {
            let stop = fixture.go(Resume::Continue);
            let Stop::ModuleLoaded { module: ModuleId(1), instance } = stop else { panic!("{stop:?}") };
            let first = move |paused: &mut Paused<'_>| {
                let mut byte = [1];
                paused.read_memory(instance, 0, 0, &mut byte).expect("there is a memory");
                // Its start function has not run: a breakpoint there is in time.
                let module = paused.modules().pop().expect("loaded").module;
                let start = module.entry(0).expect("defined").1;
                paused.add_breakpoint(ModuleId(1), start).expect("code");
                (byte, module.name().to_owned(), start)
            };
            let (byte, name, pc) = fixture.inspect(first);
            assert_eq!((byte, name.as_str()), ([0], "second.wat"));
            assert_eq!(fixture.go(Resume::Continue), Stop::Breakpoint { module: ModuleId(1), pc });
        }
        assert_eq!(fixture.resume(Resume::Continue), Event::Exited(Exit::Values(vec![])));
    }
}

/// `run` stores to 16, calls itself away, and loads what it stored; a global counts.
const STORES: &str = r#"(module (import "host" "write" (func $write)) (memory 1) (global $n (mut i32) (i32.const 0))
    (func $count (global.set $n (i32.add (global.get $n) (i32.const 1))))
    (func (export "run") (result i32)
        (i32.store (i32.const 16) (i32.const 5)) call $count call $write
        (i32.store8 (i32.const 20) (i32.const 6)) (i32.load (i32.const 16))))"#;

fn memory(instance: InstanceId) -> WatchTarget {
    WatchTarget::Memory { instance, memory: 0, start: 16, length: 4 }
}

#[test]
fn a_watchpoint_stops_behind_each_access_with_both_values() {
    let mut fixture = Fixture::new(STORES);
    fixture.watch(WatchAccess::Any, memory);
    let mut seen = Vec::new();
    let exit = loop {
        match fixture.resume(Resume::Continue) {
            Event::Stopped { stop: Stop::Watchpoint { watched, .. }, .. } => {
                for watched in watched {
                    let hit = watched.access;
                    seen.push((hit.read, hit.written, hit.by_host, hit.old, hit.new));
                }
            }
            other => break other,
        }
    };
    assert_eq!(exit, Event::Exited(Exit::Values(vec![Value::I32(9)])));
    let bytes = |low| WatchedValue::Bytes(vec![low, 0, 0, 0]);
    assert_eq!(
        seen,
        [
            (false, true, false, bytes(0), bytes(5)),
            (false, true, true, bytes(5), bytes(9)),
            (true, false, false, bytes(9), bytes(9)),
        ]
    );
}

#[test]
fn a_watched_global_stops_in_the_function_that_wrote_it_and_removing_is_at_once() {
    let mut fixture = Fixture::new(STORES);
    fixture.watch(WatchAccess::Write, |instance| WatchTarget::Global { instance, index: 0 });
    fixture.watch(WatchAccess::Read, memory);
    let Stop::Watchpoint { watched, .. } = fixture.go(Resume::Continue) else { panic!("the global") };
    let value = |value| WatchedValue::Value(Value::I32(value));
    assert_eq!((&watched[0].access.old, &watched[0].access.new), (&value(0), &value(1)));
    assert_eq!(fixture.inspect(names), ["1", "2"]);
    let id = watched[0].watchpoint;
    let removed = fixture.inspect(move |paused| {
        let before = paused.watchpoints().len();
        assert!(paused.remove_watchpoint(id) && !paused.remove_watchpoint(id));
        paused.clear_watchpoints();
        (before, paused.watchpoints().len())
    });
    assert_eq!(removed, (2, 0));
    assert_eq!(fixture.resume(Resume::Continue), Event::Exited(Exit::Values(vec![Value::I32(9)])));
}

#[test]
fn a_step_over_a_watched_store_is_one_stop_and_the_next_step_goes_on_from_there() {
    let mut fixture = Fixture::new(STORES);
    fixture.watch(WatchAccess::Write, memory);
    let entry = fixture.module.entry(2).expect("defined").1;
    // Two constants and the store, the call.
    let mut stops = Vec::new();
    for _ in 0..4 {
        let stop = fixture.go(Resume::StepInstruction);
        let at = fixture.inspect(|paused| match paused.innermost() {
            Some(Frame::Wasm(frame)) => (frame.function, frame.pc),
            other => panic!("{other:?}"),
        });
        stops.push((matches!(stop, Stop::Watchpoint { .. }), stop == Stop::Step, at.0, at.1 > entry));
    }
    let (step, hit) = ((false, true, 2, true), (true, false, 2, true));
    assert_eq!(stops, [step, step, hit, (false, true, 1, false)]);
}

#[test]
fn a_place_that_the_guest_does_not_have_cannot_be_watched() {
    let fixture = Fixture::new("(module (func (export \"run\")))");
    let refused = fixture.inspect(|paused| {
        let instance = paused.modules()[0].instances[0];
        let refused = paused.add_watchpoint(memory(instance), WatchAccess::Any).is_err();
        (refused, paused.watchpoints().len())
    });
    assert_eq!(refused, (true, 0));
}

#[test]
fn a_guest_is_killed_running_and_stopped() {
    let endless = r#"(module (func (export "run") (loop br 0)))"#;
    let mut stopped = Fixture::new(endless);
    stopped.session.kill();
    assert_eq!(stopped.event(), Event::Exited(Exit::Killed));
    let mut running = Fixture::new(endless);
    running.session.resume(Resume::Continue).expect("it is stopped");
    running.session.kill();
    assert_eq!(running.event(), Event::Exited(Exit::Killed));
}
