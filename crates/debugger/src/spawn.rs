//! Threads of a guest: each on an OS thread of its own, with a store of its own.
//!
//! What they share is what the host gives to each of their instances: shared memories, and host functions' state.

use crate::error::Error;
use crate::event::Exit;
use crate::group::{Group, Parking, Request};
use crate::guest::exit_of;
use crate::handler::{DebugHandler, Debugger, Outcome, block_on};
use crate::inspect::Paused;
use crate::record::Record;
use crate::thread::ThreadId;
use runtime::{Engine, Failure, Store};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use tokio::sync::mpsc;

/// Bytes of a guest thread's stack, beyond what the guest itself may use: host functions and the debugger run there.
const HOST_STACK: usize = 4 << 20;

/// No thread can have a stack of so many bytes: asking for it is an error.
const ADDRESS_SPACE: usize = 1 << 47;

/// Starts threads of a guest. Made before the guest is launched, for whoever defines what it imports; it can be used
/// from then on until the guest has ended. Cheap to clone.
///
/// Invariant of the caller's: every thread loads the same modules in the same order, since module numbers, by which
/// breakpoints are set, count a store's modules.
#[derive(Clone, Default)]
pub struct Spawner {
    /// Not strong: the group's stores keep host functions alive, which keep this.
    running: Arc<OnceLock<(Weak<Group>, Engine)>>,
}

impl Spawner {
    /// A spawner for a guest that is not launched yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The guest is launched.
    pub(crate) fn bind(&self, group: &Arc<Group>, engine: &Engine) {
        // A spawner serves one guest; of another one it knows nothing.
        let _first = self.running.set((Arc::downgrade(group), engine.clone()));
    }

    /// Starts a thread. `body` runs on it, with a store that the debugger is attached to, and the thread ends when it
    /// returns. An error ends the whole guest.
    ///
    /// # Errors
    /// When the guest is not running, has too many threads, or there is no thread or no memory to be had.
    pub fn spawn(
        &self,
        body: impl FnOnce(&mut Store, ThreadId) -> Result<(), Failure> + Send + 'static,
    ) -> Result<ThreadId, Error> {
        let (group, engine) = self.running.get().ok_or(Error::Exited)?;
        let group = group.upgrade().ok_or(Error::Exited)?;
        let (has_store, answer) = std::sync::mpsc::sync_channel(1);
        let id = start(&group, engine, Start::OfThread(has_store), move |store, id| {
            body(store, id).err().map(|failure| exit_of(store, failure))
        })?;
        answer.recv().map_err(|_| Error::Exited)??;
        Ok(id)
    }
}

/// How a thread begins.
pub(crate) enum Start {
    /// The first one.
    OfGuest {
        /// Stops before its first operator.
        stop_first: bool,
    },
    /// Another one. Whoever starts it waits for its store.
    OfThread(SyncSender<Result<(), runtime::Error>>),
}

/// Starts a thread of a core dump, which stands until the guest is ended.
///
/// # Errors
/// When there is no thread to be had.
pub(crate) fn start_standing(
    group: &Arc<Group>,
    engine: &Engine,
    record: &Arc<Record>,
    thread: usize,
) -> Result<ThreadId, Error> {
    let (engine, record) = (engine.clone(), Arc::clone(record));
    start_thread(group, HOST_STACK, move |remote| remote.stand(&engine, &record, thread))
}

/// Starts a thread of a group. `body` says how it ends the guest, if it does.
pub(crate) fn start(
    group: &Arc<Group>,
    engine: &Engine,
    begin: Start,
    body: impl FnOnce(&mut Store, ThreadId) -> Option<Exit> + Send + 'static,
) -> Result<ThreadId, Error> {
    let stack = engine.config().max_stack.saturating_add(HOST_STACK).min(ADDRESS_SPACE);
    let own = engine.clone();
    start_thread(group, stack, move |remote| remote.run(&own, begin, body))
}

fn start_thread(
    group: &Arc<Group>,
    stack: usize,
    run: impl FnOnce(Remote) + Send + 'static,
) -> Result<ThreadId, Error> {
    let (requests, receiver) = mpsc::unbounded_channel();
    let id = group.add(requests)?;
    let remote = Remote { id, group: Arc::clone(group), requests: Arc::new(Mutex::new(receiver)) };
    let name = if id == ThreadId::MAIN { "guest".to_owned() } else { format!("guest {id}") };
    let started = std::thread::Builder::new().name(name).stack_size(stack).spawn(move || run(remote));
    match started {
        Ok(_detached) => Ok(id),
        Err(error) => {
            group.ended(id, None);
            Err(Error::Thread(error))
        }
    }
}

/// A thread's end of the group: parks there, and does what it is asked to.
#[derive(Clone)]
struct Remote {
    id: ThreadId,
    group: Arc<Group>,
    requests: Arc<Mutex<mpsc::UnboundedReceiver<Request>>>,
}

impl Remote {
    fn run(self, engine: &Engine, begin: Start, body: impl FnOnce(&mut Store, ThreadId) -> Option<Exit>) {
        let (id, group) = (self.id, Arc::clone(&self.group));
        let exit = match (Store::new(engine), begin) {
            (Ok(store), Start::OfGuest { stop_first }) => self.run_in(store, stop_first, body),
            (Ok(store), Start::OfThread(has_store)) => {
                // Nobody waits any more if the starting thread was ended.
                let _waits = has_store.send(Ok(()));
                self.run_in(store, false, body)
            }
            (Err(error), Start::OfGuest { .. }) => Some(Exit::HostError(error.to_string())),
            (Err(error), Start::OfThread(has_store)) => {
                let _waits = has_store.send(Err(error));
                None
            }
        };
        group.ended(id, exit);
    }

    /// Stands where a thread of a core dump did.
    fn stand(self, engine: &Engine, record: &Record, thread: usize) {
        let (id, group) = (self.id, Arc::clone(&self.group));
        let restored = Store::new(engine).map_err(Error::from).and_then(|mut store| {
            let standing = record.restore(&mut store, thread)?;
            Ok((store, Arc::new(standing)))
        });
        let exit = match restored {
            Ok((mut store, standing)) => {
                let shared = (Arc::clone(&group.breakpoints), group.ordinal(id));
                let debugger = Debugger::attach_with(&mut store, self.clone(), false, shared);
                debugger.stand(Arc::clone(&standing));
                if group.stand(id, &standing.stop) == Parking::Stay {
                    let mut paused = Paused::new(&mut store, debugger, standing.stop.clone());
                    let _ended = block_on(self.serve(&mut paused));
                }
                Exit::Killed
            }
            Err(error) => Exit::HostError(error.to_string()),
        };
        group.ended(id, Some(exit));
    }

    fn run_in(
        self,
        mut store: Box<Store>,
        stop_first: bool,
        body: impl FnOnce(&mut Store, ThreadId) -> Option<Exit>,
    ) -> Option<Exit> {
        let (id, group) = (self.id, Arc::clone(&self.group));
        let shared = (Arc::clone(&group.breakpoints), group.ordinal(id));
        let interrupt = store.interrupt_handle();
        let debugger = Debugger::attach_with(&mut store, self, stop_first, shared);
        let exit = match group.began(id, interrupt) {
            Parking::End => Some(Exit::Killed),
            Parking::Stay | Parking::Proceed => body(&mut store, id),
        };
        match exit {
            Some(Exit::Killed) => debugger.state().ends_as.take().or(exit),
            exit => exit,
        }
    }

    /// Why behind a lock? A stop inside a call that the debugger made waits for requests as well; the outer wait is
    /// not waiting then.
    async fn next_request(&self) -> Option<Request> {
        std::future::poll_fn(|context| {
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).poll_recv(context)
        })
        .await
    }
}

impl DebugHandler for Remote {
    async fn handle(&self, paused: &mut Paused<'_>) -> Outcome {
        match self.group.park(self.id, paused.stop()) {
            Parking::Stay => {}
            Parking::Proceed => return Outcome::Proceed,
            Parking::End => return Outcome::Kill,
        }
        self.serve(paused).await
    }
}

impl Remote {
    /// Does what is asked of a thread that is parked, until it is to go on.
    async fn serve(&self, paused: &mut Paused<'_>) -> Outcome {
        loop {
            match self.next_request().await {
                Some(Request::Inspect(inspection)) => {
                    self.group.inspects(self.id, true);
                    inspection(paused);
                }
                Some(Request::Finish(outcome)) => {
                    paused.take_interrupt();
                    match self.group.depart(self.id) {
                        Parking::Stay => {}
                        Parking::Proceed => return outcome,
                        Parking::End => return Outcome::Kill,
                    }
                }
                None => return Outcome::Kill,
            }
        }
    }
}
