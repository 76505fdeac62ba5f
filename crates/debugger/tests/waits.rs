//! A guest that waits for another thread (`memory.atomic.wait32`): interrupted, stepped over, ended.

use debugger::{Entry, Event, Events, Exit, Frame, Guest, Resume, Session, Spawner, Stop, ThreadId, Value};
use runtime::{Engine, EngineConfig, Linker, MemoryType, Module, SharedMemory};

/// Where the guest waits.
const PLACE: u64 = 8;

/// Waits until it is notified; returns 40 plus what the wait returned.
const WAITING: &str = r#"(module (import "env" "memory" (memory 1 1 shared))
    (func (export "run") (param i32) (result i32)
      local.get 0 i32.const 0 i64.const -1 memory.atomic.wait32
      i32.const 40 i32.add))"#;

/// A stop of the only thread.
fn stopped(stop: Stop) -> Event {
    Event::Stopped { thread: ThreadId::MAIN, stop }
}

struct Waiting {
    session: Session,
    events: Events,
    memory: SharedMemory,
}

impl Waiting {
    /// A guest that was interrupted while it waits.
    fn interrupted() -> Self {
        let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
        let module = Module::new(&engine, WAITING.as_bytes(), "test.wat").expect("valid");
        let ty = MemoryType { shared: true, ..MemoryType::new(1, Some(1)) };
        let memory = SharedMemory::new(&engine, ty).expect("address space");
        let mut linker = Linker::new();
        linker.define_shared_memory("env", "memory", &memory);
        let entry = Entry::Invoke { export: "run".into(), arguments: vec![Value::I32(8)] };
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
        let mut waiting = Self { session, events, memory };
        assert_eq!(waiting.event(), stopped(Stop::Start));
        while waiting.interrupt_after(Resume::Continue) != (Stop::Interrupt { in_host_call: true }) {
            // It had not come to the wait yet.
        }
        waiting
    }

    fn event(&mut self) -> Event {
        self.events.blocking_recv().expect("the session lives")
    }

    fn interrupt_after(&mut self, how: Resume) -> Stop {
        self.session.resume(how).expect("it is stopped");
        self.session.interrupt();
        match self.event() {
            Event::Stopped { stop, .. } => stop,
            other => panic!("no stop: {other:?}"),
        }
    }

    /// The innermost frame: the operator's first two bytes, the local, and the operands.
    fn innermost(&self) -> ([u8; 2], Value, Vec<Value>) {
        let look = |paused: &mut debugger::Paused<'_>| {
            let Some(Frame::Wasm(frame)) = paused.frames().first().cloned() else { panic!("a Wasm frame") };
            let bytes = paused.modules()[0].module.bytes().clone();
            let at = usize::try_from(frame.pc.0).expect("small");
            let count = u32::try_from(frame.operands.len()).expect("few");
            let operands = (0..count).map(|index| paused.operand(0, index).expect("known")).collect();
            ([bytes[at], bytes[at + 1]], paused.local(0, 0).expect("known"), operands)
        };
        self.session.inspect(look).expect("it is stopped")
    }

    fn notify(&self) {
        while self.memory.notify(PLACE, 1) == 0 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn an_interrupt_stops_at_the_wait_and_the_guest_goes_on_waiting() {
    let mut waiting = Waiting::interrupted();
    let at_wait = ([0xfe, 0x01], Value::I32(8), vec![Value::I32(8), Value::I32(0), Value::I64(-1)]);
    assert_eq!(waiting.innermost(), at_wait);
    assert_eq!(waiting.interrupt_after(Resume::Continue), Stop::Interrupt { in_host_call: true });
    assert_eq!(waiting.innermost(), at_wait);
    waiting.session.resume(Resume::Continue).expect("it is stopped");
    waiting.notify();
    assert_eq!(waiting.event(), Event::Exited(Exit::Values(vec![Value::I32(40)])));
}

#[test]
fn a_guest_that_is_notified_while_it_is_stopped_was_woken() {
    let mut waiting = Waiting::interrupted();
    assert_eq!(waiting.memory.notify(PLACE, 1), 1);
    waiting.session.resume(Resume::Continue).expect("it is stopped");
    assert_eq!(waiting.event(), Event::Exited(Exit::Values(vec![Value::I32(40)])));
}

#[test]
fn a_step_over_the_wait_ends_behind_it() {
    let mut waiting = Waiting::interrupted();
    waiting.session.resume(Resume::StepInstruction).expect("it is stopped");
    waiting.notify();
    assert_eq!(waiting.event(), stopped(Stop::Step));
    let (operator, local, operands) = waiting.innermost();
    assert_eq!((operator[0], local, operands), (0x41, Value::I32(8), vec![Value::I32(0)]));
}

#[test]
fn a_waiting_guest_can_be_ended() {
    let mut waiting = Waiting::interrupted();
    waiting.session.resume(Resume::Continue).expect("it is stopped");
    waiting.session.kill();
    assert_eq!(waiting.event(), Event::Exited(Exit::Killed));
    assert_eq!(waiting.memory.notify(PLACE, 1), 0, "it left the queue");
}
