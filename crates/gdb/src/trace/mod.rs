//! Tracepoints: what is collected when the guest passes them, without stopping, and looked at later.
//!
//! ```text
//!   QTDP: tracepoints ─ QTStart ─> breakpoints with a condition that collects ─> frames in a bounded buffer
//!   QTFrame: one of the frames ─> registers, memory and variables are read from it (`frame`)
//! ```
//!
//! `Tracing` is shared with the guest's threads, which collect. `packets` has what the client says of it. While-stepping
//! needs the guest to stop after each step: the conversation does it, unseen by the client ([`Tracing::pending`]).

mod collect;
pub(crate) mod frame;
pub(crate) mod packets;

pub(crate) use collect::{AtTracepoint, Collecting};

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::agent::Expression;
use frame::TraceFrame;

/// Bytes that the buffer has if the client does not say.
const BUFFER: u64 = 5 << 20;

/// The most bytes that it can have.
const LARGEST_BUFFER: u64 = 256 << 20;

/// More tracepoints, actions or variables than anybody has.
const MOST: usize = 1000;

/// A tracepoint is known by its number and its address: one number has several if its place has.
pub(crate) type Key = (u32, u64);

/// What one tracepoint does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracepoint {
    is_enabled: bool,
    /// How many single steps are collected after it.
    steps: u64,
    /// After so many hits tracing ends; 0 is never.
    passes: u64,
    condition: Option<Expression>,
    actions: Vec<Action>,
    step_actions: Vec<Action>,
    /// Whether actions that follow are those of steps.
    is_stepping: bool,
    hits: u64,
    /// Bytes of its frames.
    used: u64,
}

/// One thing to collect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Registers by number.
    Registers(Vec<usize>),
    /// Memory at an offset from a register, or at an address.
    Memory { base: Option<u16>, offset: u64, length: u64 },
    /// Whatever the expression collects.
    Expression(Expression),
}

/// A trace variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Variable {
    /// In hexadecimal, as the client sent it.
    name: String,
    start: u64,
    value: u64,
    is_builtin: bool,
}

/// Why nothing is traced.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stopped {
    NotRun,
    ByClient,
    Full,
    Passes(u32),
    /// The client has left, and cannot have it go on without it.
    Left,
}

/// A tracepoint after which steps are to be collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) key: Key,
    pub(crate) thread_ordinal: u32,
    pub(crate) left: u64,
}

/// Everything about tracing.
#[derive(Debug)]
struct State {
    points: BTreeMap<Key, Tracepoint>,
    variables: BTreeMap<u32, Variable>,
    frames: VecDeque<TraceFrame>,
    /// How many frames were made, those that are gone included.
    created: u64,
    /// Bytes of the frames.
    used: u64,
    size: u64,
    is_circular: bool,
    is_running: bool,
    stopped: Stopped,
    started: Option<SystemTime>,
    ended: Option<SystemTime>,
    /// The number of the frame that the client looks at.
    selected: Option<usize>,
    pending: Option<Pending>,
    /// Which of the variables the client was told last.
    listed: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            points: BTreeMap::new(),
            variables: BTreeMap::new(),
            frames: VecDeque::new(),
            created: 0,
            used: 0,
            size: BUFFER,
            is_circular: false,
            is_running: false,
            stopped: Stopped::NotRun,
            started: None,
            ended: None,
            selected: None,
            pending: None,
            listed: 0,
        }
    }
}

/// Tracing, shared by the conversation and the guest's threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracing(Arc<Mutex<State>>);

impl Tracing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything but the settings.
    pub(crate) fn forget(&self) {
        let mut state = self.state();
        let (size, is_circular) = (state.size, state.is_circular);
        *state = State { size, is_circular, ..State::default() };
    }

    /// Begins to trace.
    pub(crate) fn start(&self) {
        let mut state = self.state();
        state.frames.clear();
        (state.created, state.used, state.selected) = (0, 0, None);
        state.points.values_mut().for_each(|point| (point.hits, point.used) = (0, 0));
        state.variables.values_mut().for_each(|variable| variable.value = variable.start);
        (state.started, state.ended) = (Some(SystemTime::now()), None);
        state.is_running = true;
    }

    /// Ends it for the client.
    pub(crate) fn stop(&self) {
        self.state().stop(Stopped::ByClient);
    }

    /// The client has left: nothing is traced any more, and the next client looks at the guest and not at a frame.
    pub(crate) fn leave(&self) {
        let mut state = self.state();
        state.stop(Stopped::Left);
        state.selected = None;
    }

    /// Where something is to be collected.
    pub(crate) fn addresses(&self) -> Vec<u64> {
        let state = self.state();
        let enabled = state.points.iter().filter(|(_, point)| point.is_enabled);
        let mut addresses: Vec<u64> = enabled.map(|((_, address), _)| *address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// The frame that the client looks at.
    pub(crate) fn selected(&self) -> Option<TraceFrame> {
        let state = self.state();
        state.frames.get(state.selected?).cloned()
    }

    /// Whether the client looks at one.
    pub(crate) fn is_selected(&self) -> bool {
        self.state().selected.is_some()
    }

    /// The client looks at the guest again.
    pub(crate) fn deselect(&self) {
        self.state().selected = None;
    }

    /// The steps that are to be collected now, if any are.
    pub(crate) fn pending(&self) -> Option<Pending> {
        self.state().pending
    }

    /// One step was collected, or they are given up.
    pub(crate) fn set_pending(&self, pending: Option<Pending>) {
        self.state().pending = pending;
    }

    /// The value of a trace variable: in the frame that the client looks at, or now.
    pub(crate) fn variable(&self, number: u32) -> Option<u64> {
        let state = self.state();
        match state.selected {
            Some(frame) => state.frames.get(frame)?.variables.get(&number).copied(),
            None => state.variables.get(&number).map(|variable| variable.value),
        }
    }
}

impl State {
    fn stop(&mut self, why: Stopped) {
        if std::mem::take(&mut self.is_running) {
            self.stopped = why;
            self.ended = Some(SystemTime::now());
        }
        self.pending = None;
    }

    /// Keeps a frame, if there is room for it, or can be.
    fn keep(&mut self, key: Key, frame: TraceFrame) {
        let bytes = frame.bytes();
        while self.is_circular && self.used.saturating_add(bytes) > self.size {
            let Some(oldest) = self.frames.pop_front() else { break };
            self.used = self.used.saturating_sub(oldest.bytes());
        }
        if self.used.saturating_add(bytes) > self.size {
            self.stop(Stopped::Full);
            return;
        }
        self.used += bytes;
        self.created += 1;
        self.frames.push_back(frame);
        if let Some(point) = self.points.get_mut(&key) {
            point.used += bytes;
        }
    }
}

/// Microseconds since 1970.
fn microseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_micros()
}
