//! A guest that outlives its clients: the session with the debugger, what is known of its state, and how to start it anew.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use debugger::{
    CallEnd, Condition, Event, Exit, ModuleId, Others, Paused, Resume, Session, Stop, ThreadId, Watched,
};
use frame_table::ModulePc;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::awaited::Awaited;
use crate::cache::Cache;
use crate::interposer::Watch;
use crate::machine::Watching;
use crate::output::Output;
use crate::persona::{self, Persona, PersonaChoice};
use crate::sources::Sources;
use crate::symbols::{Preloaded, Program, Symbols};
use crate::trace::Tracing;

/// Starts the program again with other arguments, for clients in extended mode (`run ARGS`).
pub trait Launcher: Send {
    /// Starts a guest that stops before its first operator.
    ///
    /// # Errors
    /// One line that says why it could not be started.
    fn launch(&mut self, arguments: Vec<String>) -> Result<(Session, UnboundedReceiver<Event>), String>;
}

/// One guest, passed from client to client.
pub struct Debuggee {
    pub(crate) session: Session,
    pub(crate) events: UnboundedReceiver<Event>,
    pub(crate) symbols: Arc<Symbols>,
    pub(crate) launcher: Option<Box<dyn Launcher>>,
    /// Which machine clients are shown.
    pub(crate) choice: PersonaChoice,
    /// Breakpoints and tracepoints in the guest. They outlive a client that is lost while the guest runs.
    pub(crate) breakpoints: BTreeMap<(ModuleId, ModulePc), Placed>,
    /// Returns that clients wait for, whose breakpoints they have set.
    pub(crate) awaited: Vec<Awaited>,
    /// What is traced.
    pub(crate) tracing: Tracing,
    /// What clients want watched. As long-lived as breakpoints.
    pub(crate) watchpoints: BTreeMap<Watch, Watching>,
    /// A client found it running: it belongs to itself, and a client that quits leaves it alone.
    pub(crate) was_running: bool,
    /// The signal with which a client ended it.
    pub(crate) signal_sent: Option<u8>,
    stop: Option<(ThreadId, Stop)>,
    /// A call that the client made has ended, and it was not told of it.
    pub(crate) call_end: Option<CallEnd>,
    /// What is to be told of the watched accesses because of which it stopped: a stop reply can name one.
    accesses: VecDeque<(Watch, u64)>,
    /// The client cuts what a user wants watched into pieces, and an access to several pieces is one.
    pub(crate) joins_watchpoints: bool,
    /// The client needs every value of every frame at every stop, for which the guest is slower.
    pub(crate) wants_everything: bool,
    /// The client is a gdb on this machine, and may be given files.
    pub(crate) shares_files: bool,
    /// What it prints for the client while it runs.
    pub(crate) output: Arc<Output>,
    /// The folder into which clients may have core dumps written. None if they may not.
    pub(crate) core_dumps: Option<PathBuf>,
    /// What the program's source says of its code, if anybody knows.
    pub(crate) sources: Option<Arc<dyn Sources>>,
    /// The guest was told so.
    keeps_everything: bool,
    /// A client resumed it, and is to be told of the next of those.
    pub(crate) has_stopped_again: bool,
    exit: Option<Exit>,
    observer: Option<Observer>,
}

/// What stops the guest at an operator, or collects there.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    /// The client's breakpoint, with its condition if it has one.
    pub(crate) client: Option<Option<Arc<dyn Condition>>>,
    /// One that the user made with `monitor break`.
    pub(crate) monitored: Option<Monitored>,
    /// The address of tracepoints.
    pub(crate) traced: Option<u64>,
}

impl Placed {
    /// When the guest stops here, by the client's breakpoint and the user's own: none inside if it always does.
    pub(crate) fn stops(&self) -> Option<Option<Arc<dyn Condition>>> {
        let monitored = self.monitored.as_ref().map(|monitored| monitored.condition.clone());
        match (self.client.clone(), monitored) {
            (None, only) | (only, None) => only,
            // Both are looked at: one may be there for what it does.
            (Some(client), Some(own)) => Some(Some(Arc::new(Either(client, own)))),
        }
    }
}

/// One of two conditions holds, or is none.
#[derive(Debug)]
struct Either(Option<Arc<dyn Condition>>, Option<Arc<dyn Condition>>);

impl Condition for Either {
    fn holds(&self, paused: &mut Paused<'_>) -> bool {
        let mut holds =
            |condition: &Option<Arc<dyn Condition>>| condition.as_ref().is_none_or(|it| it.holds(paused));
        let (first, second) = (holds(&self.0), holds(&self.1));
        first || second
    }
}

/// A breakpoint that clients do not know of.
#[derive(Clone, Debug)]
pub(crate) struct Monitored {
    /// Those of one command have one number.
    pub(crate) number: u32,
    /// What the user is told of it.
    pub(crate) words: String,
    pub(crate) condition: Option<Arc<dyn Condition>>,
}

/// Who else is told of what happens.
type Observer = Box<dyn Fn(&Session, &Event) + Send>;

impl fmt::Debug for Debuggee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debuggee").field("stop", &self.stop).field("exit", &self.exit).finish_non_exhaustive()
    }
}

impl Debuggee {
    /// A guest that was just launched, with its program and, if clients may start it again, a launcher.
    #[must_use]
    pub fn new(
        session: Session,
        events: UnboundedReceiver<Event>,
        program: Program,
        launcher: Option<Box<dyn Launcher>>,
    ) -> Self {
        Self {
            session,
            events,
            symbols: Arc::new(Symbols::new(program, Vec::new())),
            launcher,
            choice: PersonaChoice::Auto,
            breakpoints: BTreeMap::new(),
            awaited: Vec::new(),
            tracing: Tracing::default(),
            watchpoints: BTreeMap::new(),
            was_running: false,
            signal_sent: None,
            stop: None,
            call_end: None,
            accesses: VecDeque::new(),
            joins_watchpoints: false,
            wants_everything: false,
            shares_files: false,
            output: Arc::default(),
            core_dumps: None,
            sources: None,
            keeps_everything: false,
            has_stopped_again: false,
            exit: None,
            observer: None,
        }
    }

    /// Has clients know of the modules that are instantiated before the program, in the order of their numbers, which begin
    /// with 1.
    #[must_use]
    pub fn with_preloaded(mut self, preloaded: Vec<Preloaded>) -> Self {
        self.symbols = Arc::new(Symbols::new(self.symbols.program().clone(), preloaded));
        self
    }

    /// Shows all clients one machine, instead of the one that suits each.
    pub fn show(&mut self, choice: PersonaChoice) {
        self.choice = choice;
    }

    /// Starts making what gdb will read, on threads of its own, in case that a gdb comes, and then does what nobody waits for so
    /// soon.
    pub fn expect_gdb(&self, then: impl FnOnce() + Send + 'static) {
        let is_expected = matches!(self.choice, PersonaChoice::Auto | PersonaChoice::Gdb);
        let persona = is_expected.then(|| persona::for_modules(self.symbols.files()) as &dyn Persona);
        self.symbols.prepare(persona, then);
    }

    /// Has large symbol images written into a folder, which is made if it is missing, and is the caller's to remove. To be said
    /// before somebody wants one.
    pub fn keep_files_in(&self, folder: PathBuf) {
        self.symbols.keep_files_in(folder);
    }

    /// Has symbol images kept for the next time, and taken from there. To be said before somebody wants one.
    pub fn keep_images_in(&self, cache: Cache) {
        self.symbols.keep_images(cache);
    }

    /// Says whether the next client is a gdb that sees the files of this machine as this process does: then it opens large symbol
    /// images itself.
    pub fn share_files(&mut self, shares: bool) {
        self.shares_files = shares;
    }

    /// Lets clients have core dumps written into a folder.
    pub fn write_core_dumps_to(&mut self, folder: PathBuf) {
        self.core_dumps = Some(folder);
    }

    /// Has `observer` told of everything that happens to this guest, and to those that take its place.
    ///
    /// Events are taken in while a client is served, and by [`Debuggee::still`] and [`Debuggee::ended`].
    pub fn observe(&mut self, observer: impl Fn(&Session, &Event) + Send + 'static) {
        self.observer = Some(Box::new(observer));
    }

    /// The session with the debugger.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// How the guest ended, if it did and that is already known.
    #[must_use]
    pub fn exit(&self) -> Option<&Exit> {
        self.exit.as_ref()
    }

    /// Why the guest last stopped, unless it has been resumed since.
    #[must_use]
    pub fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref().map(|(_, stop)| stop)
    }

    /// The thread that stopped last, because of which the others did.
    pub(crate) fn stopped_thread(&self) -> ThreadId {
        self.stop.as_ref().map_or_else(|| self.session.current_thread(), |(thread, _)| *thread)
    }

    /// Whether the guest stands still: it has stopped, or ended.
    pub(crate) fn is_still(&self) -> bool {
        self.stop.is_some() || self.exit.is_some()
    }

    /// Waits until the guest stands still: it has stopped, or ended. A guest that was just launched is on its way to
    /// its first stop; a client that is served before that takes it for one that runs.
    pub async fn still(&mut self) {
        self.catch_up();
        while !self.is_still() {
            self.note_next().await;
        }
    }

    /// Waits until the guest ends. For the time when no client is served.
    pub async fn ended(&mut self) -> Exit {
        loop {
            if let Some(exit) = &self.exit {
                return exit.clone();
            }
            self.note_next().await;
        }
    }

    async fn note_next(&mut self) {
        let event = self.events.recv().await;
        self.note_or_gone(event);
    }

    /// As [`Debuggee::still`], for a thread that may block.
    pub(crate) fn wait_until_still(&mut self) {
        self.catch_up();
        while !self.is_still() {
            let event = self.events.blocking_recv();
            self.note_or_gone(event);
        }
    }

    /// As [`Debuggee::ended`], for a thread that may block.
    pub(crate) fn wait_until_ended(&mut self) {
        while self.exit.is_none() {
            let event = self.events.blocking_recv();
            self.note_or_gone(event);
        }
    }

    /// Without a sender nobody is left who could report anything: the guest is gone.
    fn note_or_gone(&mut self, event: Option<Event>) {
        self.note(event.unwrap_or(Event::Exited(Exit::Killed)));
    }

    /// Remembers what happened. Public for the event that whoever launched the guest has waited for.
    pub fn note(&mut self, event: Event) {
        if let Some(observer) = &self.observer {
            observer(&self.session, &event);
        }
        match event {
            Event::Stopped { thread, stop: Stop::Called { end, at } } => {
                self.call_end = Some(end);
                self.stop = Some((thread, *at));
            }
            Event::Stopped { thread, stop } => {
                self.accesses = self.accesses_of(&stop);
                self.stop = Some((thread, stop));
            }
            // The client asks for the list of threads when it wants one.
            Event::ThreadStarted(_) | Event::ThreadEnded(_) => {}
            Event::Exited(exit) => {
                self.stop = None;
                self.exit = Some(exit);
            }
        }
    }

    /// Takes in everything that happened while nobody looked.
    pub(crate) fn catch_up(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.note(event);
        }
    }

    /// The access because of which the guest stands: the client's watchpoint, and the touched address.
    pub(crate) fn watched(&self) -> Option<(Watch, u64)> {
        self.accesses.front().copied()
    }

    /// What is to be told of a stop's accesses, in the order of the watchpoints.
    fn accesses_of(&self, stop: &Stop) -> VecDeque<(Watch, u64)> {
        let Stop::Watchpoint { watched, .. } = stop else { return VecDeque::new() };
        let mut accesses: Vec<_> = watched.iter().filter_map(|access| self.asked_for(access)).collect();
        accesses.sort_unstable();
        if self.joins_watchpoints {
            join(&mut accesses);
        }
        accesses.into()
    }

    /// What an access is to the client: the first of its watchpoints for it, and the touched address.
    fn asked_for(&self, access: &Watched) -> Option<(Watch, u64)> {
        let found = self
            .watchpoints
            .iter()
            .find(|(watch, (_, target))| access.target == *target && access.stops_for == watch.kind.access());
        found.map(|(watch, _)| (*watch, watch.address + access.access.offset.min(watch.length - 1)))
    }

    /// Goes on to the next access of the stop that has to be told. False if there is none.
    fn tells_more(&mut self) -> bool {
        self.accesses.pop_front();
        self.accesses.retain(|(watch, _)| self.watchpoints.contains_key(watch));
        !self.accesses.is_empty()
    }

    /// Lets the guest go on: some threads each in some way, the others alike. When the operator before accessed more
    /// than the client knows of, the guest has stopped again at once, and that is told next.
    pub(crate) fn resume(
        &mut self,
        each: &[(ThreadId, Resume)],
        others: Others,
    ) -> Result<(), debugger::Error> {
        let is_call = each.iter().any(|(_, how)| matches!(how, Resume::Call { .. }));
        if self.stop.is_some() && !is_call && self.tells_more() {
            self.has_stopped_again = true;
            return Ok(());
        }
        self.keep_what_is_wanted();
        self.forget_returns();
        self.session.resume_threads(each, others)?;
        self.stop = None;
        Ok(())
    }

    /// The guest goes on behind the client's back.
    pub(crate) fn goes_on(&mut self) {
        self.stop = None;
        self.accesses.clear();
    }

    /// Takes the place of the guest with another one of the same program.
    pub(crate) fn replace(&mut self, session: Session, events: UnboundedReceiver<Event>) {
        self.session = session;
        self.events = events;
        self.breakpoints.clear();
        self.awaited.clear();
        self.watchpoints.clear();
        self.accesses.clear();
        self.tracing.forget();
        self.was_running = false;
        self.signal_sent = None;
        self.stop = None;
        self.call_end = None;
        self.exit = None;
        self.keeps_everything = false;
    }

    /// Before the guest goes on: forgets calls that have returned.
    fn forget_returns(&mut self) {
        let session = &self.session;
        self.awaited.retain(|awaited| {
            let (thread, awaited) = (awaited.thread, awaited.clone());
            session.inspect_thread(thread, move |paused| awaited.is_waiting(paused)).unwrap_or(false)
        });
    }

    /// The client has set a breakpoint: if a frame of the thread waits there for the function that it has called, the client
    /// may be waiting for the return.
    pub(crate) fn note_return(&mut self, thread: ThreadId, place: (ModuleId, ModulePc)) {
        let symbols = Arc::clone(&self.symbols);
        let find = move |paused: &mut Paused<'_>| Awaited::find(paused, &symbols, thread, place);
        let Ok(found) = self.session.inspect_thread(thread, find) else { return };
        self.awaited.retain(|awaited| (awaited.thread, awaited.place) != (thread, place));
        self.awaited.extend(found);
    }

    /// Before the guest goes on: has it keep what the client needs of it.
    fn keep_what_is_wanted(&mut self) {
        let keeps = self.wants_everything;
        if self.keeps_everything != keeps
            && self.session.inspect(move |paused| paused.keep_everything(keeps)).is_ok()
        {
            self.keeps_everything = keeps;
        }
    }

    /// Whether the stopped guest is to stop again where another module is instantiated, so that the client learns of it.
    pub(crate) fn stop_at_modules(&self, stops: bool) {
        if let Err(error) = self.session.inspect(move |paused| paused.stop_at_modules(stops)) {
            tracing::debug!(%error, "the guest cannot be asked to stop at modules");
        }
    }

    /// Lets users make breakpoints by names and lines of the source.
    pub fn find_sources(&mut self, sources: Arc<dyn Sources>) {
        self.sources = Some(sources);
    }

    /// The breakpoint of `monitor break` at which the guest stands, and of which the client has none.
    pub(crate) fn monitored(&self) -> Option<&Monitored> {
        let Some(Stop::Breakpoint { module, pc }) = self.stop() else { return None };
        let placed = self.breakpoints.get(&(*module, *pc))?;
        placed.monitored.as_ref().filter(|_| placed.client.is_none())
    }

    /// Removes all breakpoints and watchpoints, if the guest is stopped; a running one keeps them.
    pub(crate) fn clear_breakpoints(&mut self) {
        let removed = self.session.inspect(|paused| {
            paused.clear_breakpoints();
            paused.clear_watchpoints();
        });
        if removed.is_ok() || self.exit.is_some() {
            self.breakpoints.clear();
            self.watchpoints.clear();
            self.accesses.clear();
        }
    }
}

/// Leaves the first of accesses to pieces next to each other, which are sorted.
fn join(accesses: &mut Vec<(Watch, u64)>) {
    let mut last: Option<Watch> = None;
    accesses.retain(|(watch, _)| {
        let continues = |last: Watch| {
            last.kind == watch.kind && last.address.checked_add(last.length) == Some(watch.address)
        };
        let is_joined = last.is_some_and(continues);
        last = Some(*watch);
        !is_joined
    });
}
