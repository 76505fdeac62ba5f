//! The threads of a guest, and what they agree on: running, all stopped, ending.
//!
//! ```text
//!              resume: Finish(..) to each that may run
//!          +------------------------------------------------+
//!          |                                                v
//!   (all)  Stopped <--- all parked --- Stopping <--- park --- Running          Ending ---> Ended
//!                       or patience over        one thread                      ^  exit, trap, kill
//! ```
//!
//! Each thread waits on its own OS thread ("parks") and does there what it is asked to. The first one to park stops
//! all: it interrupts the others and waits until they are parked too, then reports its stop. What another one had to
//! report at the same moment stays with it until it would be resumed, and is reported then instead.
//!
//! A thread that is in a host function which does not ask whether it is wanted elsewhere cannot be stopped. It is
//! waited for for a while, once; after that it is said not to be stopped, and parks as soon as it can.
//!
//! Invariant: interrupts of single stores are requested under the lock, and only while their thread is
//! [`Place::Running`]; whoever leaves its parking place takes back what is left of them. So none is lost, and none stops
//! a thread that was not meant.

use crate::ThreadId;
use crate::breakpoint::Requests;
use crate::error::Error;
use crate::event::{Event, Exit, Others, Resume, Stop};
use crate::handler::Outcome;
use crate::inspect::Paused;
use runtime::InterruptHandle;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long a stop, or the end, waits for threads that are in calls of the host.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most threads that a guest may have.
const MOST_THREADS: usize = 4096;

pub(crate) type Inspection = Box<dyn FnOnce(&mut Paused<'_>) + Send>;

/// What a parked thread is asked to do.
pub(crate) enum Request {
    Inspect(Inspection),
    Finish(Outcome),
}

/// What all threads do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    Stopping,
    Stopped,
    /// The guest's end is decided; threads go as they can.
    Ending,
    Ended,
}

/// What one thread does.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Running,
    /// Waits for requests, because of this. What `is_news` was not reported yet and has to be.
    Parked {
        stop: Stop,
        is_news: bool,
    },
    /// Was told to go on, and has not gone yet.
    Leaving,
}

struct Thread {
    place: Place,
    requests: mpsc::UnboundedSender<Request>,
    /// None until it has a store.
    interrupt: Option<InterruptHandle>,
    /// See [`crate::Thread::ordinal`].
    ordinal: u32,
    /// It is not to run until it is resumed, though others are.
    is_held: bool,
    /// It did not stop within the patience; nobody waits for it again until it does.
    is_stuck: bool,
    /// It was told to go elsewhere in its frames, and stops when it is there; or where it stands, for the old reason.
    is_due: bool,
    /// How many inspections it is in: more than none while the debugger may have called the guest.
    inspections: u32,
}

struct State {
    phase: Phase,
    threads: BTreeMap<ThreadId, Thread>,
    last: ThreadId,
    /// The thread that was last reported to have stopped.
    current: ThreadId,
    /// Somebody wants the guest to stop, and nothing was reported for that yet.
    is_interrupt_wanted: bool,
    /// Threads that are started stay where they begin.
    holds_new: bool,
    /// Nobody can resume the guest any more: what stops is ended.
    is_abandoned: bool,
    exit: Option<Exit>,
    events: mpsc::UnboundedSender<Event>,
}

/// All threads of a guest.
pub(crate) struct Group {
    state: Mutex<State>,
    changed: Condvar,
    /// Of a core dump: how many threads it has, and which of them was the reason for it.
    record: Option<(usize, ThreadId)>,
    /// Breakpoints of all threads' stores.
    pub(crate) breakpoints: Arc<Mutex<Requests>>,
}

/// What a thread that stopped does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parking {
    /// Waits for requests.
    Stay,
    /// Goes on as if it had not stopped.
    Proceed,
    /// Ends.
    End,
}

impl Group {
    /// A group without threads, of a running guest or of a core dump: with how many threads it will have, and the one
    /// that is said to have stopped it.
    pub(crate) fn new(events: mpsc::UnboundedSender<Event>, record: Option<(usize, ThreadId)>) -> Self {
        let state = State {
            phase: Phase::Running,
            threads: BTreeMap::new(),
            last: ThreadId(0),
            current: ThreadId::MAIN,
            is_interrupt_wanted: false,
            holds_new: false,
            is_abandoned: false,
            exit: None,
            events,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), record, breakpoints: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.lock().phase
    }

    pub(crate) fn current(&self) -> ThreadId {
        self.lock().current
    }

    /// The threads that live.
    pub(crate) fn threads(&self) -> Vec<crate::Thread> {
        let state = self.lock();
        let shown = |(id, thread): (&ThreadId, &Thread)| crate::Thread {
            id: *id,
            ordinal: thread.ordinal,
            is_stopped: matches!(thread.place, Place::Parked { .. }),
        };
        state.threads.iter().map(shown).collect()
    }

    /// Adds a thread, which is about to begin.
    ///
    /// # Errors
    /// When the guest is ending, or has too many threads.
    pub(crate) fn add(&self, requests: mpsc::UnboundedSender<Request>) -> Result<ThreadId, Error> {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Ending | Phase::Ended) {
            return Err(Error::Exited);
        }
        if state.threads.len() >= MOST_THREADS || state.last.0 >= ThreadId::LARGEST {
            return Err(Error::TooManyThreads);
        }
        state.last.0 += 1;
        let id = state.last;
        let is_taken = |ordinal: &u32| state.threads.values().any(|thread| thread.ordinal == *ordinal);
        let ordinal = (0..).find(|ordinal| !is_taken(ordinal)).unwrap_or_default();
        let is_held = state.holds_new;
        let (place, interrupt) = (Place::Running, None);
        let thread = Thread {
            place,
            requests,
            interrupt,
            ordinal,
            is_held,
            is_stuck: false,
            is_due: false,
            inspections: 0,
        };
        state.threads.insert(id, thread);
        if id != ThreadId::MAIN {
            state.say(Event::ThreadStarted(id));
        }
        Ok(id)
    }

    /// See [`crate::Thread::ordinal`].
    pub(crate) fn ordinal(&self, id: ThreadId) -> u32 {
        self.lock().threads.get(&id).map_or(0, |thread| thread.ordinal)
    }

    /// A thread has its store. If the others stand, it stops before its first operator.
    pub(crate) fn began(&self, id: ThreadId, interrupt: InterruptHandle) -> Parking {
        let mut state = self.lock();
        if state.is_ending() {
            return Parking::End;
        }
        let runs = state.phase == Phase::Running && !state.is_interrupt_wanted;
        let Some(thread) = state.threads.get_mut(&id) else { return Parking::End };
        if !runs || thread.is_held {
            interrupt.interrupt();
        }
        thread.interrupt = Some(interrupt);
        Parking::Proceed
    }

    /// A thread stopped. Returns when all have stopped, or only this one was meant to.
    pub(crate) fn park(&self, id: ThreadId, stop: &Stop) -> Parking {
        let mut state = self.lock();
        if state.is_ending() || state.is_abandoned {
            return Parking::End;
        }
        let phase = state.phase;
        let is_wanted = state.is_interrupt_wanted;
        let Some(thread) = state.threads.get_mut(&id) else { return Parking::End };
        let is_called = thread.inspections > 0;
        let is_news = std::mem::take(&mut thread.is_due) || !matches!(stop, Stop::Interrupt { .. });
        if phase == Phase::Running && !is_news && !is_wanted && !thread.is_held {
            // An interrupt that came too late for the stop that it was meant for.
            thread.is_stuck = false;
            return Parking::Proceed;
        }
        thread.is_stuck = false;
        thread.place = Place::Parked { stop: stop.clone(), is_news };
        self.changed.notify_all();
        match phase {
            Phase::Running if is_news || is_wanted => self.stop_all(state, id),
            Phase::Running => {
                state.check_whether_any_runs();
                Parking::Stay
            }
            // In a call that the debugger made.
            Phase::Stopped if is_called => {
                state.report(id);
                Parking::Stay
            }
            _ => Parking::Stay,
        }
    }

    /// A thread of a core dump stands where it did. When the last one does, the guest is said to have stopped.
    pub(crate) fn stand(&self, id: ThreadId, stop: &Stop) -> Parking {
        let mut state = self.lock();
        if state.is_ending() || state.is_abandoned {
            return Parking::End;
        }
        if let Some(thread) = state.threads.get_mut(&id) {
            thread.place = Place::Parked { stop: stop.clone(), is_news: false };
        }
        let is_parked = |thread: &Thread| matches!(thread.place, Place::Parked { .. });
        if let Some((count, crashed)) = self.record
            && state.threads.len() == count
            && state.threads.values().all(is_parked)
        {
            state.phase = Phase::Stopped;
            state.report(crashed);
        }
        Parking::Stay
    }

    /// Whether this is a core dump.
    pub(crate) fn is_record(&self) -> bool {
        self.record.is_some()
    }

    /// Stops all threads because of `id`, which is parked.
    fn stop_all(&self, mut state: MutexGuard<'_, State>, id: ThreadId) -> Parking {
        state.phase = Phase::Stopping;
        state.interrupt_running();
        let mut state = self.wait_while(state, |state| {
            state.phase == Phase::Stopping && state.threads.values().any(Thread::is_awaited)
        });
        if state.is_ending() || state.is_abandoned {
            return Parking::End;
        }
        for (id, thread) in &mut state.threads {
            if thread.is_awaited() {
                tracing::debug!(thread = id.0, "a thread is in a call of the host and does not stop");
                thread.is_stuck = true;
            }
        }
        state.phase = Phase::Stopped;
        let chosen = state.reported_instead_of(id);
        state.report(chosen);
        Parking::Stay
    }

    /// Waits until something is so no longer, for as long as the patience lasts.
    fn wait_while<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        condition: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let deadline = Instant::now() + PATIENCE;
        while condition(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// A thread was told to go on, and took back an interrupt that was meant for its last stop. Says whether it may go.
    pub(crate) fn depart(&self, id: ThreadId) -> Parking {
        let mut state = self.lock();
        if state.is_ending() {
            return Parking::End;
        }
        let phase = state.phase;
        let is_wanted = state.is_interrupt_wanted;
        let Some(thread) = state.threads.get_mut(&id) else { return Parking::End };
        if phase != Phase::Running {
            // Another one was faster to stop than this one to go.
            thread.place = Place::Parked { stop: Stop::Interrupt { in_host_call: false }, is_news: false };
            self.changed.notify_all();
            return Parking::Stay;
        }
        thread.place = Place::Running;
        if is_wanted {
            thread.interrupt();
        }
        Parking::Proceed
    }

    /// Lets threads go on; or reports what one of them had to report when it stopped.
    ///
    /// # Errors
    /// When the guest is running or gone, or none of these threads lives.
    pub(crate) fn resume(&self, each: &[(ThreadId, Resume)], others: Others) -> Result<(), Error> {
        let mut state = self.lock();
        state.check_stopped()?;
        if self.is_record() {
            return Err(Error::Record);
        }
        let current = state.current;
        // A call that the debugger made is nobody else's business.
        let is_alone = state.threads.get(&current).is_some_and(|thread| thread.inspections > 0);
        let action = |id: ThreadId| {
            let own = each.iter().find(|(thread, _)| *thread == id).map(|(_, how)| how.clone());
            let own = own.or((others == Others::Run).then_some(Resume::Continue));
            own.filter(|_| !is_alone || id == current)
        };
        if !state.threads.keys().any(|id| action(*id).is_some()) {
            return Err(Error::NoThread(each.first().map_or(current, |(id, _)| *id)));
        }
        let is_news = |thread: &Thread| thread.has_news(&self.breakpoints);
        let news = state.threads.iter().find(|(id, thread)| action(**id).is_some() && is_news(thread));
        if let Some(id) = news.map(|(id, _)| *id) {
            state.report(id);
            return Ok(());
        }
        state.phase = Phase::Running;
        state.holds_new = others == Others::Hold;
        for (id, thread) in &mut state.threads {
            let action = action(*id);
            thread.is_held = action.is_none();
            if let Some(how) = action {
                thread.is_due = matches!(how, Resume::Jump(_) | Resume::Return { .. });
                thread.finish(Outcome::Resume(how));
            } else if thread.place == Place::Running {
                thread.interrupt();
            }
        }
        Ok(())
    }

    /// Asks all threads to stop; those that stand stop again as soon as they run.
    pub(crate) fn interrupt(&self) {
        let mut state = self.lock();
        state.is_interrupt_wanted = true;
        state.interrupt_running();
    }

    /// Begins the guest's end; what it is said to have ended with comes from the first thread to go.
    pub(crate) fn kill(&self) {
        let mut state = self.lock();
        if state.phase != Phase::Ended {
            state.end_all();
            self.changed.notify_all();
        }
    }

    /// Nobody can resume the guest any more.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.is_abandoned = true;
        if matches!(state.phase, Phase::Stopping | Phase::Stopped) {
            state.end_all();
        }
        self.changed.notify_all();
    }

    /// A thread has run to its end. `exit` is how it ends the whole guest, if it does.
    pub(crate) fn ended(&self, id: ThreadId, exit: Option<Exit>) {
        let mut state = self.lock();
        state.threads.remove(&id);
        self.changed.notify_all();
        match exit {
            Some(exit) if state.exit.is_none() => {
                state.exit = Some(exit.clone());
                state.end_all();
                let mut state = self.wait_while(state, |state| !state.threads.is_empty());
                for id in state.threads.keys() {
                    tracing::warn!(thread = id.0, "a thread is in a call of the host and does not end");
                }
                state.phase = Phase::Ended;
                state.say(Event::Exited(exit));
            }
            _ if state.is_ending() => {}
            _ => {
                state.say(Event::ThreadEnded(id));
                if state.phase == Phase::Running {
                    state.check_whether_any_runs();
                }
            }
        }
    }

    /// Hands a request to a thread that is parked.
    ///
    /// # Errors
    /// When the guest or the thread is running or gone.
    pub(crate) fn ask(&self, id: ThreadId, request: Request) -> Result<(), Error> {
        let state = self.lock();
        state.check_stopped()?;
        let thread = state.threads.get(&id).ok_or(Error::NoThread(id))?;
        if !matches!(thread.place, Place::Parked { .. }) {
            return Err(Error::NotStopped(id));
        }
        thread.requests.send(request).map_err(|_| Error::Exited)
    }

    /// Hands a request to a thread for its next stop, or the one that it is at.
    ///
    /// # Errors
    /// When the guest or the thread is gone.
    pub(crate) fn ask_next(&self, id: ThreadId, request: Request) -> Result<(), Error> {
        let state = self.lock();
        if state.is_ending() {
            return Err(Error::Exited);
        }
        let thread = state.threads.get(&id).ok_or(Error::NoThread(id))?;
        thread.requests.send(request).map_err(|_| Error::Exited)
    }

    /// A parked thread begins or ends to do what an inspection says. If that called the guest, the guest ran in between.
    pub(crate) fn inspects(&self, id: ThreadId, begins: bool) {
        let mut state = self.lock();
        let Some(thread) = state.threads.get_mut(&id) else { return };
        if begins {
            thread.inspections += 1;
            return;
        }
        thread.inspections = thread.inspections.saturating_sub(1);
        if thread.place == Place::Running {
            thread.place = Place::Parked { stop: Stop::Interrupt { in_host_call: false }, is_news: false };
            if state.phase == Phase::Running {
                state.phase = Phase::Stopped;
                state.current = id;
            }
        }
    }
}

impl Thread {
    fn is_awaited(&self) -> bool {
        !matches!(self.place, Place::Parked { .. }) && !self.is_stuck
    }

    fn interrupt(&self) {
        if let Some(handle) = &self.interrupt {
            handle.interrupt();
        }
    }

    /// Has it leave its parking place, if it is there.
    fn finish(&mut self, outcome: Outcome) {
        if !matches!(self.place, Place::Parked { .. }) {
            return;
        }
        self.place = Place::Leaving;
        // A thread that is gone needs no word.
        let _gone = self.requests.send(Request::Finish(outcome));
    }

    /// Whether it has something to report. A breakpoint that is gone, and a step that somebody else's stop cut short,
    /// are no news any more.
    fn has_news(&self, breakpoints: &Mutex<Requests>) -> bool {
        match &self.place {
            Place::Parked { stop: Stop::Step | Stop::NoneRuns, .. } => false,
            Place::Parked { stop: Stop::Breakpoint { module, pc }, is_news: true } => {
                let requests = breakpoints.lock().unwrap_or_else(PoisonError::into_inner);
                requests.contains(module.index(), *pc)
            }
            Place::Parked { stop: Stop::Watchpoint { watched, breakpoint: None }, is_news: true } => {
                breakpoints.lock().unwrap_or_else(PoisonError::into_inner).watch.contain_any(watched)
            }
            Place::Parked { is_news, .. } => *is_news,
            Place::Running | Place::Leaving => false,
        }
    }
}

impl State {
    fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending | Phase::Ended)
    }

    fn check_stopped(&self) -> Result<(), Error> {
        match self.phase {
            Phase::Stopped => Ok(()),
            Phase::Running | Phase::Stopping => Err(Error::Running),
            Phase::Ending | Phase::Ended => Err(Error::Exited),
        }
    }

    fn say(&self, event: Event) {
        if self.events.send(event).is_err() {
            tracing::debug!("nobody listens to the session");
        }
    }

    /// A thread that looks parked runs if the debugger has called the guest from there.
    fn interrupt_running(&self) {
        let runs = |thread: &&Thread| thread.place == Place::Running || thread.inspections > 0;
        self.threads.values().filter(runs).for_each(Thread::interrupt);
    }

    fn end_all(&mut self) {
        self.phase = Phase::Ending;
        self.interrupt_running();
        for thread in self.threads.values_mut() {
            thread.finish(Outcome::Kill);
        }
    }

    /// An interrupt is a stop of the main thread, as that of a process is, if that one ran and has nothing else to say.
    fn reported_instead_of(&self, id: ThreadId) -> ThreadId {
        let is_interrupted = |id| {
            let place = self.threads.get(&id).filter(|thread| !thread.is_held).map(|thread| &thread.place);
            matches!(place, Some(Place::Parked { stop: Stop::Interrupt { .. }, .. }))
        };
        if is_interrupted(id) && is_interrupted(ThreadId::MAIN) { ThreadId::MAIN } else { id }
    }

    /// Reports the stop of a parked thread.
    fn report(&mut self, id: ThreadId) {
        let Some(thread) = self.threads.get_mut(&id) else { return };
        let Place::Parked { stop, is_news } = &mut thread.place else { return };
        *is_news = false;
        let stop = stop.clone();
        if matches!(stop, Stop::Interrupt { .. }) {
            self.is_interrupt_wanted = false;
        }
        self.current = id;
        self.say(Event::Stopped { thread: id, stop });
    }

    /// When the last thread that was allowed to run is gone, the guest stands, though nothing has stopped it.
    fn check_whether_any_runs(&mut self) {
        let stands = self.threads.values().all(|thread| matches!(thread.place, Place::Parked { .. }));
        let Some(first) = self.threads.keys().next().copied().filter(|_| stands) else { return };
        self.phase = Phase::Stopped;
        self.current = first;
        self.say(Event::Stopped { thread: first, stop: Stop::NoneRuns });
    }
}
