//! Deciding on the guest's thread: [`DebugHandler`] is told of every stop, with the Wasm frames on the stack, and says
//! how to go on.

use crate::ModuleId;
use crate::breakpoint::{Breakpoints, Requests};
use crate::depart::Departure;
use crate::event::{Exit, Resume, Stop};
use crate::inspect::Paused;
use crate::record::Standing;
use crate::step::Plan;
use crate::watch::Watchpoints;
use frame_table::ModulePc;
use runtime::{DebugEvent, DebugHook, Resumption, Store};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// What a handler wants done with the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Let it go on.
    Resume(Resume),
    /// Let it go on as if it had not stopped: a step that is under way still is.
    Proceed,
    /// End it.
    Kill,
}

/// Whoever decides what happens at a stop. Cheap to clone: each stop is handled by a clone.
pub trait DebugHandler: Clone + Send + Sync + 'static {
    /// The guest stopped. It stays stopped until the future is ready; meanwhile `paused` shows and changes its state.
    /// The handler may call the guest's functions; stops in such a call are handled by another clone.
    fn handle(&self, paused: &mut Paused<'_>) -> impl Future<Output = Outcome>;
}

/// The part of a debugger that lives on the guest's thread: breakpoints, the step under way, the base of the stack.
#[derive(Clone)]
pub struct Debugger(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Of this store, and of others that belong to the same guest.
    requests: Arc<Mutex<Requests>>,
    /// See [`crate::Thread::ordinal`].
    thread_ordinal: u32,
    /// What a core dump says of the thread.
    standing: OnceLock<Arc<Standing>>,
    /// Native address from which [`crate::WasmFrame::depth`] counts.
    stack_base: OnceLock<usize>,
}

pub(crate) struct State {
    pub(crate) breakpoints: Breakpoints,
    pub(crate) watchpoints: Watchpoints,
    /// Whether modules that are loaded stop the guest.
    pub(crate) stops_at_modules: bool,
    /// The version of the requests that these agree with, and how many modules there were then.
    agrees_with: (u64, usize),
    plan: Plan,
    /// The innermost call that the debugger made is being given up.
    pub(crate) gives_up: bool,
    /// How the guest ended, if it did in a call that the debugger made.
    pub(crate) ends_as: Option<Exit>,
}

impl State {
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn set_plan(&mut self, plan: Plan) {
        self.plan = plan;
    }
}

impl Debugger {
    /// Attaches a handler to a store whose guest will run on this thread. With `stop_first` the guest stops before
    /// its first operator.
    pub fn attach(store: &mut Store, handler: impl DebugHandler, stop_first: bool) -> Self {
        Self::attach_with(store, handler, stop_first, (Arc::default(), 0))
    }

    /// Attaches a handler to one of several stores that have their breakpoints in common, each with the ordinal of its
    /// thread.
    pub(crate) fn attach_with(
        store: &mut Store,
        handler: impl DebugHandler,
        stop_first: bool,
        (requests, thread_ordinal): (Arc<Mutex<Requests>>, u32),
    ) -> Self {
        let plan = if stop_first { Plan::First } else { Plan::Run };
        let state = State {
            breakpoints: Breakpoints::default(),
            watchpoints: Watchpoints::default(),
            stops_at_modules: false,
            agrees_with: (0, 0),
            plan,
            gives_up: false,
            ends_as: None,
        };
        let (standing, stack_base) = (OnceLock::new(), OnceLock::new());
        let shared = Shared { state: Mutex::new(state), requests, thread_ordinal, standing, stack_base };
        let debugger = Self(Arc::new(shared));
        store.set_debug_hook(Some(Arc::new(Hook { debugger: debugger.clone(), handler })));
        store.set_stepping(stop_first);
        debugger
    }

    /// Whether the guest stops when a module was instantiated.
    pub fn stop_at_modules(&self, stops: bool) {
        self.state().stops_at_modules = stops;
    }

    /// For a call that the debugger makes: the step under way, which the called function is no part of.
    pub(crate) fn suspend_step(&self, store: &mut Store) -> Plan {
        store.set_stepping(false);
        std::mem::replace(&mut self.state().plan, Plan::Run)
    }

    /// Goes back to what [`Debugger::suspend_step`] returned.
    pub(crate) fn resume_step(&self, store: &mut Store, plan: Plan) {
        store.set_stepping(plan.steps());
        self.state().plan = plan;
    }

    /// For a thread of a core dump: what it stands like, once and for all.
    pub(crate) fn stand(&self, standing: Arc<Standing>) {
        self.0.standing.get_or_init(|| standing);
    }

    pub(crate) fn standing(&self) -> Option<&Arc<Standing>> {
        self.0.standing.get()
    }

    pub(crate) fn thread_ordinal(&self) -> u32 {
        self.0.thread_ordinal
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The native address from which [`crate::WasmFrame::depth`] counts. Chosen at the first stop, above the outermost
    /// frame, so that depths do not depend on how the guest was entered.
    pub(crate) fn stack_base(&self, store: &Store) -> usize {
        /// Bytes by which a later entry of the guest may lie above the first one.
        const HEADROOM: usize = 1 << 16;
        if let Some(base) = self.0.stack_base.get() {
            return *base;
        }
        let addresses = store.frames().filter_map(|frame| match frame {
            runtime::Frame::Wasm(frame) => Some(frame.address()),
            _ => None,
        });
        let Some(outermost) = addresses.last() else { return 0 };
        *self.0.stack_base.get_or_init(|| (outermost & !15).saturating_add(HEADROOM))
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, Requests> {
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Arms what was asked for, here or from another thread, since this store last looked. So a debugger that removes all
    /// breakpoints at a stop and sets them again before it goes on, as gdb does, costs nothing.
    pub(crate) fn agree(&self, store: &mut Store) {
        let (requests, mut state) = (self.requests(), self.state());
        let version = (requests.version(), store.num_modules());
        if state.agrees_with == version {
            return;
        }
        state.agrees_with = version;
        store.set_always_debug_tier(requests.keeps_everything());
        let mut changes = Vec::new();
        for (module, pc) in state.breakpoints.outdated(&requests) {
            let unused = state.breakpoints.remove(module, pc);
            changes.extend(unused.map(|point| (module, point, false)));
        }
        for (module, pc) in state.breakpoints.missing(&requests, store.num_modules()) {
            // Whoever asked for what cannot be was told so by the store that it asked.
            let Ok(Some(point)) = store.program_point(module, pc) else { continue };
            if state.breakpoints.add(module, pc, point) {
                changes.push((module, point, true));
            }
        }
        let mut edit = store.edit_breakpoints();
        for (module, point, set) in changes {
            edit.set(module, point, set);
        }
        drop(edit);
        store.stop_at_host_calls(requests.host_calls().cloned().collect());
        state.watchpoints.agree(&requests.watch, store);
    }
}

struct Hook<H> {
    debugger: Debugger,
    handler: H,
}

impl<H: DebugHandler> DebugHook for Hook<H> {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        if matches!(event, DebugEvent::ModuleLoaded(_)) {
            self.debugger.agree(store);
        }
        let mut next = self.stop_for(store, event);
        if next == Some(Stop::Step) && self.debugger.leaves_another(store) {
            return Resumption::Continue;
        }
        while let Some(stop) = next.take() {
            let can_hit = !stop.is_at_breakpoint() && stop.is_before_operator();
            let handler = self.handler.clone();
            let outcome = {
                let mut paused = Paused::new(store, self.debugger.clone(), stop.clone());
                block_on(handler.handle(&mut paused))
            };
            match outcome {
                Outcome::Kill => return Resumption::Kill,
                Outcome::Proceed => self.debugger.agree(store),
                Outcome::Resume(resume) => {
                    self.debugger.agree(store);
                    match self.debugger.depart(store, resume, &stop) {
                        // A breakpoint that was reached in another way is hit when the guest goes on, as on a processor.
                        Departure::Runs if can_hit => next = self.breakpoint_here(store),
                        Departure::Runs | Departure::Moves => {}
                        Departure::Stays(stop) => next = Some(stop),
                        Departure::Ends => return Resumption::Kill,
                    }
                }
            }
        }
        Resumption::Continue
    }
}

impl<H> Hook<H> {
    /// The breakpoint at the operator that the guest is before, if there is one whose condition holds.
    fn breakpoint_here(&self, store: &mut Store) -> Option<Stop> {
        let frame = store.innermost_frame()?;
        let (module, pc) = (frame.module, self.hit(store, frame.module, frame.pc)?);
        Some(Stop::Breakpoint { module: ModuleId::of(module), pc })
    }

    /// Of the breakpoints at a point, the first whose condition holds, as it was asked for.
    fn hit(&self, store: &mut Store, module: usize, point: ModulePc) -> Option<ModulePc> {
        let request = |number| {
            let state = self.debugger.state();
            let requests = state.breakpoints.requests_at(module, point);
            requests.get(number).map(|pc| (*pc, requests.len()))
        };
        let mut holds = |pc| {
            let condition = self.debugger.requests().condition(module, pc);
            condition.is_none_or(|condition| {
                let stop = Stop::Breakpoint { module: ModuleId::of(module), pc };
                condition.holds(&mut Paused::new(store, self.debugger.clone(), stop))
            })
        };
        // Conditions are asked without the lock, which they may want. Most points have one request.
        let (first, count) = request(0)?;
        if holds(first) {
            return Some(first);
        }
        (1..count).map_while(request).map(|(pc, _)| pc).find(|pc| holds(*pc))
    }

    /// Whether an event stops the guest, and as what.
    fn stop_for(&self, store: &mut Store, event: DebugEvent) -> Option<Stop> {
        match event {
            DebugEvent::Point { module, pc, breakpoint, interrupted, watched } => {
                let hit = if breakpoint { self.hit(store, module, pc) } else { None };
                // A breakpoint is told before an interrupt, which waits for the next point; one that does not count is not.
                let interrupted =
                    if breakpoint && hit.is_none() { store.take_interrupt() } else { interrupted };
                let breakpoint = hit;
                let state = self.debugger.state();
                let watched = state.watchpoints.reported(watched);
                if !watched.is_empty() {
                    return Some(Stop::Watchpoint { watched, breakpoint });
                }
                // A step of one operator reaches a breakpoint and does not hit it, unless it is said to be elsewhere.
                let is_step = state.plan.passes_breakpoints();
                if let Some(pc) = breakpoint.filter(|requested| !is_step || *requested != pc) {
                    return Some(Stop::Breakpoint { module: ModuleId::of(module), pc });
                }
                if interrupted {
                    return Some(Stop::Interrupt { in_host_call: false });
                }
                let first = matches!(state.plan, Plan::First);
                state.plan.is_done(store).then_some(if first { Stop::Start } else { Stop::Step })
            }
            DebugEvent::Trap(code) => Some(Stop::Trap { code, message: format!("wasm trap: {code}") }),
            DebugEvent::Exception { exception, caught, rethrown } => {
                let wanted = self.debugger.requests().catch.wants(caught, rethrown);
                let message = || store.describe_exception(exception);
                wanted.then(|| Stop::Exception { caught, rethrown, message: message() })
            }
            DebugEvent::HostError(message) => Some(Stop::HostError { message }),
            DebugEvent::HostCall { function, arguments } => {
                let condition = self.debugger.requests().host_call_condition(&function);
                let stop = Stop::HostCall { function, arguments };
                let stops = condition.is_none_or(|condition| {
                    condition.holds(&mut Paused::new(store, self.debugger.clone(), stop.clone()))
                });
                stops.then_some(stop)
            }
            DebugEvent::InterruptedInHost => Some(Stop::Interrupt { in_host_call: true }),
            DebugEvent::ModuleLoaded(instance) if self.debugger.state().stops_at_modules => {
                let module = ModuleId::of(store.module_of(instance)?);
                Some(Stop::ModuleLoaded { module, instance })
            }
            _ => None,
        }
    }
}

/// How long a thread that waits for another one looks before it sleeps. A debugger's requests come in bursts, and to
/// wake a thread takes longer than to answer most of them.
const ALERT: Duration = Duration::from_micros(50);

/// Looks for something that another thread is about to say, for as long as that is cheaper than to sleep until it does.
/// It yields its processor meanwhile, since the other thread may be waiting for that one.
pub fn alert<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        let found = look();
        if found.is_some() || began.elapsed() > ALERT {
            return found;
        }
        std::thread::yield_now();
    }
}

/// Wakes a thread that looks, or sleeps.
struct Alarm {
    thread: Thread,
    has_rung: AtomicBool,
}

impl Alarm {
    /// Returns when it has rung, or now and then without.
    fn wait(&self) {
        if alert(|| self.has_rung.swap(false, Ordering::Acquire).then_some(())).is_none() {
            std::thread::park();
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Runs a future on this thread. Why not an async runtime's? A handler that calls the guest is entered again on the
/// same thread, which runtimes forbid.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let alarm = Arc::new(Alarm { thread: std::thread::current(), has_rung: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&alarm));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => alarm.wait(),
        }
    }
}
