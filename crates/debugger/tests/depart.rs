//! Going on elsewhere: frames that return without running, jumps, and calls that the debugger makes.

use debugger::{
    CallEnd, Entry, Event, Events, Exit, Frame, Guest, ModuleId, Paused, Resume, Session, Spawner, Stop,
    ThreadId, TrapCode, Value,
};
use frame_table::ModulePc;
use runtime::{Engine, EngineConfig, Linker, Module, Tiers};

/// `many` has arguments on the native stack, of both kinds, and a vector; `run` keeps values over its call.
const WAT: &str = r#"(module
  (func $many (param i32 i32 i32 i32 i32 i32 i64)
              (param f64 f64 f64 f64 f64 f64 f64 f64 f32 v128) (result i32 i64 f32 v128)
    (nop)
    (i32.const 1) (i64.const 2) (f32.const 3) (v128.const i64x2 4 5))
  (func $middle (param i32) (result i32) (local i64)
    (local.set 1 (i64.const 1000))
    (call $many
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0)
      (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 0)
      (f64.const 0) (f32.const 0) (v128.const i64x2 0 0))
    (drop) (drop)
    (local.set 1 (i64.add (local.get 1)))
    (i32.add (local.get 0))
    (i32.add (i32.wrap_i64 (local.get 1))))
  (func $divide (param i32) (result i32) (i32.div_s (i32.const 100) (local.get 0)))
  (func (export "run") (result i32)
    (i32.add (i32.mul (call $middle (i32.const 7)) (i32.const 2)) (i32.const 1))))"#;

struct Stopped {
    session: Session,
    events: Events,
    module: Module,
}

impl Stopped {
    /// A guest that is stopped at the first operator of a function.
    fn at(tiers: Tiers, function: u32) -> Self {
        let engine = Engine::new(EngineConfig { tiers, ..EngineConfig::default() }).expect("supported");
        let module = Module::new(&engine, WAT.as_bytes(), "test.wat").expect("valid");
        let guest = Guest {
            engine,
            module: module.clone(),
            linker: Linker::new(),
            preloads: Vec::new(),
            entry: Entry::Invoke { export: "run".to_owned(), arguments: Vec::new() },
            run_at_once: false,
            spawner: Spawner::new(),
        };
        let (session, events) = Session::launch(guest).expect("a thread");
        let mut stopped = Self { session, events, module };
        assert_eq!(stopped.stop(), Stop::Start);
        let pc = stopped.first(function);
        stopped.inspect(move |paused| paused.add_breakpoint(ModuleId(0), pc).expect("code"));
        assert_eq!(stopped.go(Resume::Continue), Stop::Breakpoint { module: ModuleId(0), pc });
        stopped.inspect(|paused| paused.clear_breakpoints());
        stopped
    }

    fn first(&self, function: u32) -> ModulePc {
        self.module.entry(function).expect("defined").1
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

    fn go(&mut self, how: Resume) -> Stop {
        self.session.resume(how).expect("it is stopped");
        self.stop()
    }

    fn inspect<R: Send + 'static>(&self, f: impl FnOnce(&mut Paused<'_>) -> R + Send + 'static) -> R {
        self.session.inspect(f).expect("it is stopped")
    }

    fn functions(&self) -> Vec<u32> {
        let function = |frame: &Frame| match frame {
            Frame::Wasm(frame) => frame.function,
            Frame::Host(_) => u32::MAX,
        };
        self.inspect(move |paused| paused.frames().iter().map(function).collect())
    }

    fn call(&mut self, function: u32, arguments: Vec<Value>) -> Stop {
        let found = self.inspect(move |paused| {
            let instance = paused.modules()[0].instances[0];
            paused.function(instance, function).expect("there is one")
        });
        self.go(Resume::Call { function: found, arguments })
    }

    fn ends(mut self) -> Exit {
        self.session.resume(Resume::Continue).expect("it is stopped");
        match self.event() {
            Event::Exited(exit) => exit,
            other => panic!("{other:?}"),
        }
    }
}

const ALL: [Tiers; 2] = [Tiers::Automatic, Tiers::Debug];

#[test]
fn a_frame_returns_what_the_debugger_says() {
    for tiers in ALL {
        let mut stopped = Stopped::at(tiers, 0);
        assert_eq!(stopped.functions(), [0, 1, 3]);
        assert_eq!(stopped.go(Resume::Return { frames: 1 }), Stop::Step);
        assert_eq!(stopped.functions(), [1, 3]);
        let zeroes = [Value::I32(0), Value::I64(0), Value::F32(0), Value::V128(0)];
        let shown = stopped
            .inspect(|paused| (0..4).map(|n| paused.operand(0, n).expect("known")).collect::<Vec<_>>());
        assert_eq!(shown, zeroes);
        stopped.inspect(|paused| {
            paused.set_operand(0, 0, Value::I32(20)).expect("it is a result");
            paused.set_operand(0, 1, Value::I64(300)).expect("it is a result");
        });
        // 20 + 7 + (1000 + 300), doubled, and 1.
        assert_eq!(stopped.ends(), Exit::Values(vec![Value::I32(2655)]));
    }
}

#[test]
fn several_frames_return_at_once() {
    for tiers in ALL {
        let mut stopped = Stopped::at(tiers, 0);
        assert_eq!(stopped.go(Resume::Return { frames: 2 }), Stop::Step);
        assert_eq!(stopped.functions(), [3]);
        stopped.inspect(|paused| paused.set_operand(0, 0, Value::I32(50)).expect("it is a result"));
        assert_eq!(stopped.ends(), Exit::Values(vec![Value::I32(101)]));
    }
}

#[test]
fn a_call_is_made_on_top_of_the_stopped_frames() {
    for tiers in ALL {
        let mut stopped = Stopped::at(tiers, 0);
        let Stop::Called { end, at } = stopped.call(2, vec![Value::I32(7)]) else { panic!("a call") };
        assert_eq!(end, CallEnd::Returned(vec![Value::I32(14)]));
        assert!(matches!(*at, Stop::Breakpoint { .. }), "{at:?}");
        assert_eq!(stopped.functions(), [0, 1, 3]);
        // 1 + 7 + 1000 + 2, doubled, and 1.
        assert_eq!(stopped.ends(), Exit::Values(vec![Value::I32(2021)]));
    }
}

#[test]
fn a_call_that_traps_is_left_given_up_or_the_end() {
    for tiers in ALL {
        let mut stopped = Stopped::at(tiers, 0);
        let code = TrapCode::IntegerDivisionByZero;
        let traps =
            |stop: Stop| assert!(matches!(stop, Stop::Trap { code: found, .. } if found == code), "{stop:?}");
        traps(stopped.call(2, vec![Value::I32(0)]));
        assert_eq!(stopped.functions(), [2, 0, 1, 3]);
        traps(stopped.call(2, vec![Value::I32(0)]));
        assert_eq!(stopped.functions(), [2, 2, 0, 1, 3]);
        let Stop::Called { end: CallEnd::Abandoned, .. } = stopped.go(Resume::Abandon) else {
            panic!("a call")
        };
        assert_eq!(stopped.functions(), [2, 0, 1, 3]);
        let Stop::Called { end, .. } = stopped.go(Resume::Return { frames: 1 }) else { panic!("a call") };
        assert_eq!(end, CallEnd::Returned(vec![Value::I32(0)]));
        assert_eq!(stopped.functions(), [0, 1, 3]);
        traps(stopped.call(2, vec![Value::I32(0)]));
        assert!(matches!(stopped.ends(), Exit::Trapped { code: found, .. } if found == code));
    }
}

#[test]
fn a_jump_repeats_or_leaves_out_and_goes_nowhere_else() {
    for tiers in ALL {
        let mut stopped = Stopped::at(tiers, 1);
        let first = stopped.first(1);
        assert_eq!(stopped.go(Resume::StepInstruction), Stop::Step);
        assert_eq!(stopped.go(Resume::StepInstruction), Stop::Step);
        assert_eq!(stopped.inspect(|paused| paused.local(0, 1).expect("known")), Value::I64(1000));
        stopped.inspect(|paused| paused.set_local(0, 1, Value::I64(5)).expect("known"));
        assert_eq!(stopped.go(Resume::Jump(first)), Stop::Step);
        assert_eq!(stopped.inspect(|paused| paused.local(0, 1).expect("known")), Value::I64(5));
        // Another function's operator, and one that needs an operand: nothing happens.
        let other = stopped.first(2);
        for nowhere in [other, ModulePc(first.0 + 3)] {
            assert_eq!(stopped.go(Resume::Jump(nowhere)), Stop::Step);
            assert_eq!(stopped.functions(), [1, 3]);
        }
        assert_eq!(stopped.ends(), Exit::Values(vec![Value::I32(2021)]));
    }
}

#[test]
fn a_jump_that_cannot_be_made_after_an_interrupt_stays_there() {
    let mut stopped = Stopped::at(Tiers::Automatic, 1);
    let elsewhere = stopped.first(2);
    stopped.session.interrupt();
    let interrupted = Stop::Interrupt { in_host_call: false };
    assert_eq!(stopped.go(Resume::Continue), interrupted);
    let functions = stopped.functions();
    assert_eq!(stopped.go(Resume::Jump(elsewhere)), interrupted);
    assert_eq!(stopped.functions(), functions);
    assert_eq!(stopped.go(Resume::StepInstruction), Stop::Step);
}
