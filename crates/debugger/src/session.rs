//! A guest on its own threads, driven from others.
//!
//! ```text
//!            launch                resume
//!              |         +----------------------+
//!              v         |                      v
//!           Stopped(Start) ---- inspect     Running ---- interrupt
//!                        ^                      |  |
//!                        +---- Stopped{..} -----+  +---- Exited(..)
//! ```
//!
//! When one thread stops, all do (`group.rs`). While the guest is stopped its threads wait in
//! [`crate::DebugHandler::handle`] for requests: closures that are given the [`Paused`] thread. So everything that
//! touches a thread's store happens on that thread, and nothing in a store needs a lock.

use crate::error::Error;
use crate::event::{Event, Others, Resume};
use crate::group::{Group, Inspection, Phase, Request};
use crate::guest::Guest;
use crate::handler::alert;
use crate::inspect::Paused;
use crate::record::Record;
use crate::spawn::{self, Start};
use crate::thread::{Thread, ThreadId};
use runtime::Engine;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use tokio::sync::mpsc;

/// What a session reports, in order.
pub type Events = mpsc::UnboundedReceiver<Event>;

/// A debuggee. Cheap to clone; every clone drives the same one. When the last clone is dropped, a stopped guest is
/// killed, and a running one as soon as it stops.
#[derive(Clone)]
pub struct Session {
    owner: Arc<Owner>,
}

struct Owner {
    group: Arc<Group>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.group.abandon();
    }
}

impl Session {
    /// Starts a guest. It stops before its first operator, which is the first event, unless it is to run at once.
    ///
    /// # Errors
    /// When there is no thread to be had. Whatever keeps the guest itself from starting is an [`Event::Exited`].
    pub fn launch(guest: Guest) -> Result<(Self, Events), Error> {
        let (events, receiver) = mpsc::unbounded_channel();
        let group = Arc::new(Group::new(events, None));
        let engine = guest.engine.clone();
        guest.spawner.bind(&group, &engine);
        let begin = Start::OfGuest { stop_first: !guest.run_at_once };
        spawn::start(&group, &engine, begin, move |store, _main| Some(guest.run(store)))?;
        Ok((Self { owner: Arc::new(Owner { group }) }, receiver))
    }

    /// Opens a core dump: a guest that stands where it was written, which is the first event, and cannot go on.
    ///
    /// # Errors
    /// When there is no thread to be had. What is missing for it to be restored is an [`Event::Exited`].
    pub fn open(record: Record, engine: &Engine) -> Result<(Self, Events), Error> {
        let (events, receiver) = mpsc::unbounded_channel();
        let count = record.threads();
        let crashed = ThreadId(u32::try_from(record.crashed()).map_or(1, |index| index.saturating_add(1)));
        let group = Arc::new(Group::new(events, Some((count, crashed))));
        let record = Arc::new(record);
        for thread in 0..count {
            spawn::start_standing(&group, engine, &record, thread)?;
        }
        Ok((Self { owner: Arc::new(Owner { group }) }, receiver))
    }

    /// Whether this is a core dump.
    #[must_use]
    pub fn is_record(&self) -> bool {
        self.group().is_record()
    }

    fn group(&self) -> &Group {
        &self.owner.group
    }

    /// The threads that live, by number. The first one may end before the others, which ends all.
    #[must_use]
    pub fn threads(&self) -> Vec<Thread> {
        self.group().threads()
    }

    /// The thread that the last [`Event::Stopped`] was of.
    #[must_use]
    pub fn current_thread(&self) -> ThreadId {
        self.group().current()
    }

    /// Has `f` run on the guest's thread that stopped last, and returns what it returns. Blocks until then.
    ///
    /// # Errors
    /// When the guest is running or gone, or `f` panicked.
    pub fn inspect<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Paused<'_>) -> R + Send + 'static,
    ) -> Result<R, Error> {
        self.inspect_thread(self.current_thread(), f)
    }

    /// Has `f` run on a thread of the guest while the guest is stopped, and returns what it returns. Blocks until then.
    /// A panic of `f` ends there: the guest stays stopped, and the next one can ask.
    ///
    /// # Errors
    /// When the guest is running or gone, the thread is gone or could not be stopped, or `f` panicked.
    pub fn inspect_thread<R: Send + 'static>(
        &self,
        thread: ThreadId,
        f: impl FnOnce(&mut Paused<'_>) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let (inspection, answer) = self.inspection(thread, f);
        self.group().ask(thread, inspection)?;
        answer.wait()
    }

    /// Has `f` run on a thread of a guest that was just resumed, as soon as that thread has stopped; at once if it stands.
    /// Whoever will ask something at the next stop saves the time in which the question gets there.
    ///
    /// # Errors
    /// When the guest or the thread is gone.
    pub fn inspect_next<R: Send + 'static>(
        &self,
        thread: ThreadId,
        f: impl FnOnce(&mut Paused<'_>) -> R + Send + 'static,
    ) -> Result<Answer<R>, Error> {
        let (inspection, answer) = self.inspection(thread, f);
        self.group().ask_next(thread, inspection)?;
        Ok(answer)
    }

    fn inspection<R: Send + 'static>(
        &self,
        thread: ThreadId,
        f: impl FnOnce(&mut Paused<'_>) -> R + Send + 'static,
    ) -> (Request, Answer<R>) {
        let (answer, result) = std::sync::mpsc::sync_channel(1);
        let group = Arc::clone(&self.owner.group);
        let inspection: Inspection = Box::new(move |paused| {
            let found = catch_unwind(AssertUnwindSafe(|| f(paused)));
            // Said before the answer: whoever gets it may resume at once.
            group.inspects(thread, false);
            // Nobody waits any more if the asking thread is gone.
            let _asked = answer.send(found);
        });
        (Request::Inspect(inspection), Answer(result))
    }

    /// Lets a stopped guest go on: the thread that stopped last in this way, the others until something stops them.
    ///
    /// # Errors
    /// When the guest is running or gone.
    pub fn resume(&self, how: Resume) -> Result<(), Error> {
        self.resume_threads(&[(self.current_thread(), how)], Others::Run)
    }

    /// Lets threads of a stopped guest go on, each in its own way. If one of them has stopped for a reason that was not
    /// reported yet, none goes, and that is the next event.
    ///
    /// While the debugger is in a call that it made of the guest, only the thread of that call goes on.
    ///
    /// # Errors
    /// When the guest is running or gone, or no thread would go on.
    pub fn resume_threads(&self, each: &[(ThreadId, Resume)], others: Others) -> Result<(), Error> {
        self.group().resume(each, others)
    }

    /// Asks the guest to stop; one that is stopped will stop again as soon as it runs.
    pub fn interrupt(&self) {
        self.group().interrupt();
    }

    /// Ends the guest, stopped or running. [`Event::Exited`] follows; if the guest is in a host function that does not
    /// ask whether it is wanted elsewhere, only after that.
    pub fn kill(&self) {
        self.group().kill();
    }

    /// Whether the guest is stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.group().phase() == Phase::Stopped
    }

    /// Whether the guest is gone.
    #[must_use]
    pub fn is_exited(&self) -> bool {
        self.group().phase() == Phase::Ended
    }
}

/// What will come of a question to the guest.
#[derive(Debug)]
pub struct Answer<R>(Receiver<std::thread::Result<R>>);

impl<R> Answer<R> {
    /// Blocks until it is there.
    ///
    /// # Errors
    /// When the guest or its thread has ended meanwhile, or the question panicked.
    pub fn wait(self) -> Result<R, Error> {
        let found = alert(|| self.0.try_recv().ok()).or_else(|| self.0.recv().ok());
        found.ok_or(Error::Exited)?.map_err(|panic| Error::Panicked(words_of(&*panic)))
    }
}

/// What a panic said.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
