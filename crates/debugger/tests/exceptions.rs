//! Exceptions in a session: which throws stop, what is seen there, and stepping into handlers.

use debugger::{
    Catch, Entry, Event, Events, Exit, Frame, Guest, Resume, Session, Spawner, Stop, ThreadId, Value,
    ValueType,
};
use runtime::{Engine, EngineConfig, FuncType, HostError, Linker, Module};

/// A stop of the only thread.
fn stopped(stop: Stop) -> Event {
    Event::Stopped { thread: ThreadId::MAIN, stop }
}

struct Fixture {
    session: Session,
    events: Events,
}

/// `run` calls `middle`, which calls `throw`; `run` catches, and `again` lets a handler pass the exception on.
const MODULE: &str = r#"(module
    (import "host" "pass" (func $pass (param i32)))
    (tag $oops (param i32))
    (func $throw (export "throw") (param i32) (local i64)
        (local.set 1 (i64.const 9))
        (throw $oops (i32.add (local.get 0) (i32.const 1))))
    (func $middle (param i32) (call $throw (local.get 0)) (drop (i32.const 5)))
    (func (export "run") (param i32) (result i32)
        (i32.const 100)
        (block $h (result i32)
            (try_table (catch $oops $h) (call $middle (local.get 0)))
            (unreachable))
        (i32.add))
    (func (export "again") (param i32) (result i32)
        (block $h (result i32)
            (try_table (catch $oops $h)
                try (call $middle (local.get 0)) catch_all (rethrow 0) end)
            (unreachable)))
    (func (export "across") (param i32) (result i32)
        (block $h (result i32)
            (try_table (catch $oops $h) (call $pass (local.get 0)))
            (unreachable))))"#;

impl Fixture {
    /// A session stopped before the first operator of an export with the argument 7.
    fn new(export: &str, catch: Catch) -> Self {
        let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
        let module = Module::new(&engine, MODULE.as_bytes(), "test.wat").expect("valid");
        let mut linker = Linker::new();
        linker.define_func("host", "pass", FuncType::new([ValueType::I32], []), |caller, args| {
            let store = caller.store();
            let instance = store.instances().next().expect("the caller's");
            let throw = instance.get_func(store, "throw").expect("exported");
            throw.call(store, args).map_err(HostError::from)
        });
        let entry = Entry::Invoke { export: export.to_owned(), arguments: vec![Value::I32(7)] };
        let guest = Guest {
            engine,
            module,
            linker,
            preloads: Vec::new(),
            entry,
            run_at_once: false,
            spawner: Spawner::new(),
        };
        let (session, events) = Session::launch(guest).expect("a thread");
        let mut fixture = Self { session, events };
        assert_eq!(fixture.event(), stopped(Stop::Start));
        fixture.session.inspect(move |paused| paused.catch_exceptions(catch)).expect("it is stopped");
        fixture
    }

    fn event(&mut self) -> Event {
        self.events.blocking_recv().expect("the session lives")
    }

    fn resume(&mut self, how: Resume) -> Event {
        self.session.resume(how).expect("it is stopped");
        self.event()
    }

    /// Function and locals of each frame, innermost first; hosts by name.
    fn stack(&self) -> Vec<String> {
        let describe = |paused: &mut debugger::Paused<'_>| {
            let frames = paused.frames().to_vec();
            let describe = |(number, frame): (usize, &Frame)| match frame {
                Frame::Host(host) => host.name.clone(),
                Frame::Wasm(wasm) => {
                    let local = |index| paused.local(number, index).expect("known").to_string();
                    let locals: Vec<String> =
                        (0..).zip(wasm.locals.iter()).map(|(index, _)| local(index)).collect();
                    format!("{}({})", wasm.function, locals.join(", "))
                }
            };
            frames.iter().enumerate().map(describe).collect()
        };
        self.session.inspect(describe).expect("it is stopped")
    }

    /// The operands of the innermost frame.
    fn operands(&self) -> Vec<Value> {
        let operands = |paused: &mut debugger::Paused<'_>| {
            let Some(Frame::Wasm(frame)) = paused.frames().first() else { return Vec::new() };
            let count = u32::try_from(frame.operands.len()).expect("few");
            (0..count).map(|index| paused.operand(0, index).expect("known")).collect()
        };
        self.session.inspect(operands).expect("it is stopped")
    }
}

fn thrown(caught: bool, rethrown: bool) -> Event {
    stopped(Stop::Exception { caught, rethrown, message: "oops (i32 8)".to_owned() })
}

fn returned(value: i32) -> Event {
    Event::Exited(Exit::Values(vec![Value::I32(value)]))
}

#[test]
fn a_throw_stops_with_all_frames_and_operands_there() {
    let mut fixture = Fixture::new("run", Catch::Throw);
    assert_eq!(fixture.resume(Resume::Continue), thrown(true, false));
    assert_eq!(fixture.stack(), ["1(7, 9)", "2(7)", "3(7)"]);
    assert_eq!(fixture.operands(), [Value::I32(8)]);
    assert_eq!(fixture.resume(Resume::Continue), returned(108));
}

#[test]
fn a_step_from_a_throw_arrives_in_the_handler() {
    for how in [Resume::StepInstruction, Resume::StepOut] {
        let mut fixture = Fixture::new("run", Catch::Throw);
        assert_eq!(fixture.resume(Resume::Continue), thrown(true, false));
        assert_eq!(fixture.resume(how), stopped(Stop::Step));
        assert_eq!(fixture.stack(), ["3(7)"]);
        // Behind the block: what was below it, and the exception's value.
        assert_eq!(fixture.operands(), [Value::I32(100), Value::I32(8)]);
        assert_eq!(fixture.resume(Resume::StepInstruction), stopped(Stop::Step));
        assert_eq!(fixture.operands(), [Value::I32(108)]);
        assert_eq!(fixture.resume(Resume::Continue), returned(108));
    }
}

#[test]
fn single_steps_go_through_a_throw_that_does_not_stop() {
    let mut fixture = Fixture::new("run", Catch::Off);
    let mut functions: Vec<String> = Vec::new();
    loop {
        let stack = fixture.stack();
        let name = stack[0].split('(').next().expect("a name").to_owned();
        if functions.last() != Some(&name) {
            functions.push(name);
        }
        match fixture.resume(Resume::StepInstruction) {
            Event::Stopped { stop: Stop::Step, .. } => {}
            end => {
                assert_eq!(end, returned(108));
                break;
            }
        }
    }
    assert_eq!(functions, ["3", "2", "1", "3"]);
}

#[test]
fn passing_on_an_exception_stops_only_if_all_throws_do() {
    let mut fixture = Fixture::new("again", Catch::Throw);
    assert_eq!(fixture.resume(Resume::Continue), thrown(true, false));
    assert_eq!(fixture.resume(Resume::Continue), returned(8));
    let mut fixture = Fixture::new("again", Catch::All);
    assert_eq!(fixture.resume(Resume::Continue), thrown(true, false));
    assert_eq!(fixture.resume(Resume::Continue), thrown(true, true));
    assert_eq!(fixture.stack(), ["4(7)"]);
    assert_eq!(fixture.resume(Resume::Continue), returned(8));
}

#[test]
fn what_nothing_catches_stops_unless_that_is_off_and_ends_the_program() {
    let ended = Event::Exited(Exit::HostError("uncaught exception: oops (i32 8)".to_owned()));
    let mut fixture = Fixture::new("throw", Catch::default());
    assert_eq!(fixture.resume(Resume::Continue), thrown(false, false));
    assert_eq!(fixture.stack(), ["1(7, 9)"]);
    assert_eq!(fixture.resume(Resume::Continue), ended);
    let mut fixture = Fixture::new("throw", Catch::Off);
    assert_eq!(fixture.resume(Resume::Continue), ended);
    let mut fixture = Fixture::new("run", Catch::Uncaught);
    assert_eq!(fixture.resume(Resume::Continue), returned(108));
}

#[test]
fn an_exception_that_a_host_function_passes_on_stops_in_the_outer_activation_too() {
    let mut fixture = Fixture::new("across", Catch::All);
    assert_eq!(fixture.resume(Resume::Continue), thrown(false, false));
    assert_eq!(fixture.stack(), ["1(7, 9)", "host.pass", "5(7)"]);
    assert_eq!(fixture.resume(Resume::Continue), thrown(true, true));
    assert_eq!(fixture.stack(), ["host.pass", "5(7)"]);
    assert_eq!(fixture.resume(Resume::Continue), returned(8));
}
