//! The hook that looks at the operators that run, in the instrumented and in the stepped mode, and has each compared
//! with the reference.
//!
//! The rule of what is looked at:
//! - Stepped: it stops at every operator. Each of the first [`WHOLE`] of a directive is compared, of those after them one
//!   in [`SAMPLE`].
//! - Instrumented: breakpoints are at one in [`SPARSE`] of a module's program points, at random, always the same. From
//!   one that is hit on, [`AFTER_BREAKPOINT`] operators are looked at. A breakpoint that was hit [`HITS`] times is
//!   taken back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use runtime::{DebugEvent, DebugHook, Instance, Resumption, Store, Value, ValueType, WasmFrame};

use crate::mode::Mode;
use crate::reference::follow::Follower;
use crate::reference::machine::Snapshot;

const WHOLE: u64 = 20_000;
/// Prime, so that loops have all their operators sampled.
const SAMPLE: u64 = 127;
const SPARSE: u64 = 4;
const AFTER_BREAKPOINT: u64 = 2;
const HITS: u32 = 16;

/// Looks at operators that run.
pub(crate) struct Watcher {
    mode: Mode,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    follower: Follower,
    complaint: Option<String>,
    /// Operators that are still looked at.
    left: u64,
    /// Stops in this directive.
    here: u64,
    /// All stops.
    stops: u64,
    /// How often a breakpoint was hit, by module and PC.
    hits: HashMap<(usize, u32), u32>,
    /// Modules with breakpoints.
    modules: Vec<usize>,
}

impl Watcher {
    pub(crate) fn new(mode: Mode) -> Self {
        Self { mode, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before a directive.
    pub(crate) fn begin(&self, store: &mut Store) {
        let mut state = self.state();
        state.follower.lose();
        let stepped = self.mode == Mode::Stepped;
        state.left = if stepped { u64::MAX } else { 0 };
        state.here = 0;
        store.set_stepping(stepped);
    }

    /// After a call of the host, with its results.
    pub(crate) fn returned(&self, results: &[Value]) {
        let mut state = self.state();
        let outcome = state.follower.returned(results);
        state.note(outcome);
    }

    /// What differed since the last call.
    pub(crate) fn take_complaint(&self) -> Option<String> {
        self.state().complaint.take()
    }

    /// How many stops were looked at, and how many operators compared.
    pub(crate) fn figures(&self) -> (u64, u64) {
        let state = self.state();
        (state.stops, state.follower.compared)
    }
}

impl State {
    /// Keeps the first complaint.
    fn note(&mut self, outcome: Result<(), String>) {
        if let Err(why) = outcome {
            self.complaint.get_or_insert(why);
        }
    }

    fn point(&mut self, store: &mut Store, module: usize, pc: u32, breakpoint: bool) {
        if breakpoint {
            let hits = self.hits.entry((module, pc)).or_default();
            *hits += 1;
            if *hits == HITS {
                store.set_breakpoint(module, frame_table::ModulePc(pc), false);
            }
            if self.left == 0 {
                self.left = 1 + AFTER_BREAKPOINT;
                store.set_stepping(true);
            }
        }
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        self.stops += 1;
        self.here += 1;
        // An operator is compared by two stops, the one before and the one after it.
        let sampled = self.here.saturating_sub(WHOLE) % SAMPLE;
        if self.here > WHOLE && sampled > 1 {
            return;
        }
        let snapshot = store.innermost_frame().ok_or("no frame at a point".to_owned());
        let snapshot = snapshot.and_then(|frame| read(store, &frame));
        let outcome = snapshot.and_then(|now| self.follower.point(store, store, now));
        if outcome.is_err() {
            self.follower.lose();
        }
        self.note(outcome);
        if self.left == 0 {
            store.set_stepping(false);
        }
        if self.left == 0 || (self.here > WHOLE && sampled == 1) {
            self.follower.lose();
        }
    }

    /// Chooses the breakpoints of a module.
    fn loaded(&mut self, store: &mut Store, instance: Instance) -> Result<(), String> {
        let module = store.module_of(instance).ok_or("no such instance")?;
        if self.modules.contains(&module) {
            return Ok(());
        }
        self.modules.push(module);
        let points = self.follower.code(store, module)?.points();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(module as u64 + 1);
        for pc in points {
            // An xorshift generator.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if random.is_multiple_of(SPARSE) {
                store.set_breakpoint(module, frame_table::ModulePc(pc), true);
            }
        }
        Ok(())
    }
}

/// Reads a frame: all of it must be there, and of the types that it states.
pub(crate) fn read(store: &Store, frame: &WasmFrame) -> Result<Snapshot, String> {
    let mut locals = Vec::with_capacity(frame.locals().len());
    for (index, ty) in (0..).zip(frame.locals()) {
        let value = frame.local(store, index).map_err(|error| format!("local {index}: {error}"))?;
        // A local that can not be null is null until it is first written.
        let unset = matches!(ty, ValueType::Ref(ty) if !ty.nullable && value == Value::null(ty.heap));
        if !unset && !store.fits(value, *ty) {
            return Err(format!("local {index} is {value:?}, its type {ty}"));
        }
        locals.push(value);
    }
    let mut operands = Vec::with_capacity(frame.operands().len());
    for (height, ty) in (0..).zip(frame.operands()) {
        let value = frame.operand(store, height).map_err(|error| format!("operand {height}: {error}"))?;
        if !store.fits(value, ty) {
            return Err(format!("operand {height} is {value:?}, its type {ty}"));
        }
        operands.push(value);
    }
    Ok(Snapshot {
        module: frame.module,
        instance: frame.instance.ok_or("the frame has no instance")?,
        function: frame.function,
        pc: frame.pc.0,
        address: frame.address(),
        locals,
        operands,
    })
}

impl DebugHook for Watcher {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        let mut state = self.state();
        match event {
            DebugEvent::Point { module, pc, breakpoint, .. } => state.point(store, module, pc.0, breakpoint),
            DebugEvent::Trap(code) if state.left > 0 => {
                let now = store.innermost_frame().and_then(|frame| read(store, &frame).ok());
                let outcome = state.follower.trap(code, now.as_ref());
                state.note(outcome);
            }
            DebugEvent::Exception { exception, caught, .. } if state.left > 0 => {
                let now = store.innermost_frame().ok_or("no frame at a throw".to_owned());
                let now = now.and_then(|frame| read(store, &frame));
                let whole = self.mode == Mode::Stepped && state.here <= WHOLE;
                let outcome =
                    now.and_then(|now| state.follower.exception(store, exception, caught, &now, whole));
                state.note(outcome);
            }
            DebugEvent::ModuleLoaded(instance) => {
                let outcome = state.loaded(store, instance);
                state.note(outcome);
            }
            _ => {}
        }
        Resumption::Continue
    }
}
