//! A session whose guest can start threads: each has an instance of the same module and runs its export `thread`.
//!
//! | import | what it does |
//! |---|---|
//! | `spawn(arg)` | starts a thread, returns its number |
//! | `add(n)` | adds to a number that all threads share |
//! | `wait_for(n)` | waits until that number is `n`; can be interrupted |
//! | `block()` | adds 1 and waits for [`Fixture::release`]; cannot be interrupted |
//! | `exit(code)` | ends the program |

use debugger::{
    Entry, Event, Events, Exit, Frame, Guest, ModuleId, Paused, Resume, Session, Spawner, Stop, ThreadId,
    Value,
};
use frame_table::ModulePc;
use runtime::{
    Engine, EngineConfig, Failure, FuncType, HostError, Instance, Linker, Module, Store, ValueType,
};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

pub(crate) const MAIN: ThreadId = ThreadId::MAIN;

pub(crate) fn thread(number: u32) -> ThreadId {
    ThreadId(number)
}

pub(crate) fn stopped(thread: ThreadId, stop: Stop) -> Event {
    Event::Stopped { thread, stop }
}

pub(crate) fn breakpoint(pc: ModulePc) -> Stop {
    Stop::Breakpoint { module: ModuleId(0), pc }
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    number: Mutex<i32>,
    changed: Condvar,
    is_released: Mutex<bool>,
    released: Condvar,
}

pub(crate) struct Fixture {
    pub(crate) session: Session,
    pub(crate) module: Module,
    events: Events,
    shared: Arc<Shared>,
}

impl Fixture {
    pub(crate) fn new(wat: &str, export: &str, arguments: &[Value]) -> Self {
        let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
        let module = Module::new(&engine, wat.as_bytes(), "threads.wat").expect("valid");
        let spawner = Spawner::new();
        let shared = Arc::<Shared>::default();
        let linker = linker(&spawner, &module, &shared);
        let entry = Entry::Invoke { export: export.to_owned(), arguments: arguments.to_vec() };
        let guest = Guest {
            engine,
            module: module.clone(),
            linker,
            preloads: Vec::new(),
            entry,
            run_at_once: false,
            spawner,
        };
        let (session, events) = Session::launch(guest).expect("a thread");
        Self { session, events, module, shared }
    }

    pub(crate) fn event(&mut self) -> Event {
        self.events.blocking_recv().expect("the session lives")
    }

    pub(crate) fn resume(&mut self, how: Resume) -> Event {
        self.session.resume(how).expect("it is stopped");
        self.event()
    }

    /// The next stop, whichever threads start and end before it.
    pub(crate) fn stop(&mut self) -> (ThreadId, Stop) {
        loop {
            match self.event() {
                Event::Stopped { thread, stop } => return (thread, stop),
                Event::Exited(exit) => panic!("it has ended: {exit:?}"),
                Event::ThreadStarted(_) | Event::ThreadEnded(_) => {}
            }
        }
    }

    /// The end, whichever threads start and end before it.
    pub(crate) fn exit(&mut self) -> Exit {
        loop {
            match self.event() {
                Event::Stopped { thread, stop } => panic!("thread {thread} stopped: {stop:?}"),
                Event::Exited(exit) => return exit,
                Event::ThreadStarted(_) | Event::ThreadEnded(_) => {}
            }
        }
    }

    /// Waits until the threads' number is this one.
    pub(crate) fn wait_until(&self, number: i32) {
        let now = self.shared.number.lock().expect("no panic");
        drop(self.shared.changed.wait_while(now, |now| *now < number).expect("no panic"));
    }

    /// Ends `block`.
    pub(crate) fn release(&self) {
        *self.shared.is_released.lock().expect("no panic") = true;
        self.shared.released.notify_all();
    }

    /// The byte offset of the `n`th operator of a function's body.
    pub(crate) fn pc(&self, function: u32, n: usize) -> ModulePc {
        self.operators(function)[n].0
    }

    /// The byte offset of the `n`th direct call in a function's body.
    pub(crate) fn call_pc(&self, function: u32, n: usize) -> ModulePc {
        let operators = self.operators(function);
        let mut calls = operators.iter().filter(|(_, is_call)| *is_call);
        calls.nth(n).expect("so many calls").0
    }

    fn operators(&self, function: u32) -> Vec<(ModulePc, bool)> {
        let range = self.module.body_range(function).expect("it is defined");
        let (start, end) = (range.start.0 as usize, range.end.0 as usize);
        let reader = wasmparser::BinaryReader::new(&self.module.bytes()[start..end], start as u64);
        let operators = wasmparser::FunctionBody::new(reader).get_operators_reader().expect("it is valid");
        let described = operators.into_iter_with_offsets().map(|operator| {
            let (operator, offset) = operator.expect("valid");
            let is_call = matches!(operator, wasmparser::Operator::Call { .. });
            (ModulePc(u32::try_from(offset).expect("small")), is_call)
        });
        described.collect()
    }

    pub(crate) fn break_at(&self, pc: ModulePc) {
        self.session
            .inspect(move |paused| paused.add_breakpoint(ModuleId(0), pc))
            .expect("stopped")
            .expect("code");
    }

    fn wasm_frames<T: Send + 'static>(
        &self,
        thread: ThreadId,
        what: impl Fn(&debugger::WasmFrame) -> T + Send + 'static,
    ) -> Vec<T> {
        let describe = move |paused: &mut Paused<'_>| {
            let wasm = paused.frames().iter().filter_map(|frame| match frame {
                Frame::Wasm(wasm) => Some(what(wasm)),
                Frame::Host(_) => None,
            });
            wasm.collect()
        };
        self.session.inspect_thread(thread, describe).expect("it is stopped")
    }

    /// Function indices of a thread's frames.
    pub(crate) fn functions(&self, thread: ThreadId) -> Vec<u32> {
        self.wasm_frames(thread, |frame| frame.function)
    }

    /// PCs of a thread's frames.
    pub(crate) fn pcs(&self, thread: ThreadId) -> Vec<ModulePc> {
        self.wasm_frames(thread, |frame| frame.pc)
    }

    /// A local of a thread's innermost Wasm frame.
    pub(crate) fn local(&self, thread: ThreadId, index: u32) -> Value {
        let read = move |paused: &mut Paused<'_>| {
            let innermost = paused.frames().iter().position(|frame| matches!(frame, Frame::Wasm(_)));
            paused.local(innermost.expect("a frame"), index).expect("known")
        };
        self.session.inspect_thread(thread, read).expect("it is stopped")
    }
}

fn linker(spawner: &Spawner, module: &Module, shared: &Arc<Shared>) -> Linker {
    let own = Arc::new(OnceLock::new());
    let mut linker = Linker::new();
    let (spawner, module, linked) = (spawner.clone(), module.clone(), Arc::clone(&own));
    let one = FuncType::new([ValueType::I32], []);
    let ty = FuncType::new([ValueType::I32], [ValueType::I32]);
    linker.define_func("env", "spawn", ty, move |_, args| {
        let linker: &Linker = linked.get().expect("set below");
        let (module, linker, arg) = (module.clone(), linker.clone(), args[0]);
        let started = spawner.spawn(move |store: &mut Store, _id| {
            let instance = Instance::new(store, &module, &linker);
            let instance = instance.map_err(|error| Failure::Host(error.to_string()))?;
            let function = instance.get_func(store, "thread").expect("exported");
            function.call(store, &[arg]).map(drop)
        });
        let number = started.map_err(|error| HostError::Message(error.to_string()))?;
        Ok(vec![Value::I32(number.0.cast_signed())])
    });
    let of_add = Arc::clone(shared);
    linker.define_func("env", "add", one.clone(), move |_, args| {
        let Value::I32(more) = args[0] else { return Err(HostError::Message("no number".into())) };
        *of_add.number.lock().expect("no panic") += more;
        of_add.changed.notify_all();
        Ok(Vec::new())
    });
    let of_wait = Arc::clone(shared);
    linker.define_func("env", "wait_for", one.clone(), move |caller, args| {
        let Value::I32(wanted) = args[0] else { return Err(HostError::Message("no number".into())) };
        loop {
            let now = of_wait.number.lock().expect("no panic");
            let slice = Duration::from_millis(5);
            let waited = of_wait.changed.wait_timeout_while(now, slice, |now| *now < wanted);
            if *waited.expect("no panic").0 >= wanted {
                return Ok(Vec::new());
            }
            caller.stop_if_interrupted()?;
        }
    });
    let of_block = Arc::clone(shared);
    linker.define_func("env", "block", FuncType::new([], []), move |_, _| {
        *of_block.number.lock().expect("no panic") += 1;
        of_block.changed.notify_all();
        let now = of_block.is_released.lock().expect("no panic");
        drop(of_block.released.wait_while(now, |is_released| !*is_released).expect("no panic"));
        Ok(Vec::new())
    });
    linker.define_func("env", "exit", one, |_, args| match args[0] {
        Value::I32(code) => Err(HostError::Exit(code)),
        _ => Err(HostError::Message("no number".into())),
    });
    // The linker of the threads is the same, but for holding itself.
    assert!(own.set(linker.clone()).is_ok(), "set once");
    linker
}
