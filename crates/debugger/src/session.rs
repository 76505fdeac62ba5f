//! A guest on its own thread, driven from others.
//!
//! ```text
//!            launch                resume
//!              |         +----------------------+
//!              v         |                      v
//!           Stopped(Start) ---- inspect     Running ---- interrupt
//!                        ^                      |  |
//!                        +---- Stopped(..) -----+  +---- Exited(..)
//! ```
//!
//! While the guest is stopped its thread waits in [`DebugHandler::handle`] for requests: closures that are given the
//! [`Paused`] guest. So everything that touches the guest happens on its own thread, and nothing needs a lock.

use crate::error::Error;
use crate::event::{Event, Exit, Resume};
use crate::guest::Guest;
use crate::handler::{DebugHandler, Outcome};
use crate::inspect::Paused;
use runtime::InterruptHandle;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::mpsc;

/// Bytes of the guest thread's stack, beyond what the guest itself may use: host functions and the debugger run there.
const HOST_STACK: usize = 4 << 20;

/// No thread can have a stack of so many bytes: asking for it is an error.
const ADDRESS_SPACE: usize = 1 << 47;

/// What a session reports, in order.
pub type Events = mpsc::UnboundedReceiver<Event>;

type Inspection = Box<dyn FnOnce(&mut Paused<'_>) + Send>;

enum Request {
    Inspect(Inspection),
    Finish(Outcome),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Stopped,
    Exited,
}

struct Shared {
    state: Mutex<State>,
    killed: std::sync::atomic::AtomicBool,
    interrupt: OnceLock<InterruptHandle>,
}

/// A debuggee. Cheap to clone; every clone drives the same one.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    /// When the last clone is dropped, a stopped guest is killed.
    requests: mpsc::UnboundedSender<Request>,
}

/// The guest's side: sends events, waits for requests.
#[derive(Clone)]
struct Remote {
    shared: Arc<Shared>,
    requests: Arc<Mutex<mpsc::UnboundedReceiver<Request>>>,
    events: mpsc::UnboundedSender<Event>,
}

impl Session {
    /// Starts a guest. It stops before its first operator, which is the first event, unless it is to run at once.
    ///
    /// # Errors
    /// When there is no thread to be had. Whatever keeps the guest itself from starting is an [`Event::Exited`].
    pub fn launch(guest: Guest) -> Result<(Self, Events), Error> {
        let (requests, receiver) = mpsc::unbounded_channel();
        let (events, event_receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Running),
            killed: std::sync::atomic::AtomicBool::new(false),
            interrupt: OnceLock::new(),
        });
        let remote = Remote { shared: Arc::clone(&shared), requests: Arc::new(Mutex::new(receiver)), events };
        let stack = guest.engine.config().max_stack.saturating_add(HOST_STACK).min(ADDRESS_SPACE);
        std::thread::Builder::new()
            .name("guest".into())
            .stack_size(stack)
            .spawn(move || remote.run(guest))
            .map_err(Error::Thread)?;
        Ok((Self { shared, requests }, event_receiver))
    }

    /// Has `f` run on the guest's thread while the guest is stopped, and returns what it returns. Blocks until then.
    ///
    /// # Errors
    /// When the guest is running or gone.
    pub fn inspect<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Paused<'_>) -> R + Send + 'static,
    ) -> Result<R, Error> {
        self.check_stopped()?;
        let (answer, result) = std::sync::mpsc::sync_channel(1);
        let shared = Arc::clone(&self.shared);
        let inspection: Inspection = Box::new(move |paused| {
            let found = f(paused);
            // If `f` called the guest it ran in between. Said before the answer: whoever gets it may resume at once.
            shared.set(State::Stopped);
            // Nobody waits any more if the asking thread is gone.
            let _asked = answer.send(found);
        });
        self.requests.send(Request::Inspect(inspection)).map_err(|_| Error::Exited)?;
        result.recv().map_err(|_| Error::Exited)
    }

    /// Lets a stopped guest go on.
    ///
    /// # Errors
    /// When the guest is running or gone.
    pub fn resume(&self, how: Resume) -> Result<(), Error> {
        self.check_stopped()?;
        self.shared.set(State::Running);
        self.requests.send(Request::Finish(Outcome::Resume(how))).map_err(|_| Error::Exited)
    }

    /// Asks the guest to stop; one that is stopped will stop again as soon as it runs.
    pub fn interrupt(&self) {
        if let Some(handle) = self.shared.interrupt.get() {
            handle.interrupt();
        }
    }

    /// Ends the guest, stopped or running. [`Event::Exited`] follows; if the guest is in a host function that does not
    /// ask whether it is wanted elsewhere, only after that.
    pub fn kill(&self) {
        self.shared.killed.store(true, std::sync::atomic::Ordering::SeqCst);
        if self.is_stopped() {
            self.shared.set(State::Running);
            // A guest that is gone needs no ending.
            let _gone = self.requests.send(Request::Finish(Outcome::Kill));
        } else if let Some(handle) = self.shared.interrupt.get() {
            handle.interrupt();
        }
    }

    /// Whether the guest is stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.get() == State::Stopped
    }

    /// Whether the guest is gone.
    #[must_use]
    pub fn is_exited(&self) -> bool {
        self.shared.get() == State::Exited
    }

    fn check_stopped(&self) -> Result<(), Error> {
        match self.shared.get() {
            State::Stopped => Ok(()),
            State::Running => Err(Error::Running),
            State::Exited => Err(Error::Exited),
        }
    }
}

impl Shared {
    fn get(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn killed(&self) -> bool {
        self.killed.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl Remote {
    fn run(self, guest: Guest) {
        let shared = Arc::clone(&self.shared);
        let events = self.events.clone();
        let ready = |handle: InterruptHandle| {
            // Set once: a session has one store.
            let _first = shared.interrupt.set(handle);
        };
        let exit = if shared.killed() { Exit::Killed } else { guest.run(self, ready) };
        shared.set(State::Exited);
        // Nobody listens if the session was dropped.
        let _unheard = events.send(Event::Exited(exit));
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
        if self.shared.killed() {
            return Outcome::Kill;
        }
        self.shared.set(State::Stopped);
        if self.events.send(Event::Stopped(paused.stop().clone())).is_err() {
            tracing::debug!("nobody listens to the session; the guest stays stopped until it is dropped");
        }
        loop {
            match self.next_request().await {
                Some(Request::Inspect(inspection)) => inspection(paused),
                Some(Request::Finish(outcome)) => return outcome,
                None => return Outcome::Kill,
            }
        }
    }
}
