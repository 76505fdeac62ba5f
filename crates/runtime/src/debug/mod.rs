//! The seam between a running store and a debugger: events, frames, values, and which program points stop.
//!
//! A hook is called on the guest's thread, with the Wasm frames on the stack below it, and has the store to itself
//! until it returns. What it learns of frames is good until then: a [`Frame`] used later is refused as stale.

mod arm;
mod detour;
mod entity;
mod event;
mod frame;
mod stack;
mod watch;

use crate::jit::FunctionCode;
use frame_table::ModulePc;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use arm::BreakpointEdit;
pub use detour::{Detour, DetourError};
pub use entity::EntityError;
pub use event::{DebugEvent, DebugHook, Resumption};
pub use frame::{Frame, FrameError, LastCall, WasmFrame};
pub use stack::Frames;
pub(crate) use watch::SharedPlaces;
pub use watch::{WatchAccess, WatchHit, WatchId, WatchTarget, WatchedValue};

/// The debugging side of a store.
pub(crate) struct DebugState {
    hook: Option<Arc<dyn DebugHook>>,
    /// By module: the program points with a breakpoint.
    breakpoints: BTreeMap<usize, BTreeSet<ModulePc>>,
    /// The host functions whose calls are events, by name.
    host_calls: BTreeSet<String>,
    /// Functions all of whose points are armed, by start address.
    armed: BTreeMap<usize, Arc<FunctionCode>>,
    /// Whether every function is to be in the debug tier, whatever else.
    always_debug_tier: bool,
    /// The functions of these, by module and number without imports; and those whose debug code is not there yet.
    stepped: BTreeSet<(usize, u32)>,
    /// The frame whose surroundings were armed last, by frame pointer.
    armed_around: usize,
    /// Where the innermost frame goes on after the event that is being told of.
    detour: Option<Detour>,
    /// Frames that were found at other stops are stale.
    stop: StopId,
    pub(crate) watch: watch::Watchpoints,
}

/// Names a time during which no Wasm code of a store runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StopId {
    /// A number that no other store of the process has.
    store: u64,
    /// Counts how often Wasm code went on.
    generation: u64,
}

static STORES: AtomicU64 = AtomicU64::new(0);

impl Default for DebugState {
    fn default() -> Self {
        Self {
            hook: None,
            breakpoints: BTreeMap::new(),
            host_calls: BTreeSet::new(),
            armed: BTreeMap::new(),
            always_debug_tier: false,
            stepped: BTreeSet::new(),
            armed_around: 0,
            detour: None,
            stop: StopId { store: STORES.fetch_add(1, Ordering::Relaxed), generation: 0 },
            watch: watch::Watchpoints::default(),
        }
    }
}

impl DebugState {
    /// Whether every function is to be in the debug tier.
    pub(crate) fn wants_everything(&self) -> bool {
        self.always_debug_tier
    }

    /// Whether a function is stepped through.
    pub(crate) fn is_stepped_through(&self, module: usize, defined: u32) -> bool {
        self.stepped.contains(&(module, defined))
    }

    /// Whether a breakpoint is in this part of a module.
    pub(crate) fn has_breakpoints(&self, module: usize, body: Range<ModulePc>) -> bool {
        self.breakpoints_in(module, body).next().is_some()
    }

    /// The breakpoints in a part of a module.
    pub(crate) fn breakpoints_in(
        &self,
        module: usize,
        body: Range<ModulePc>,
    ) -> impl Iterator<Item = ModulePc> {
        self.breakpoints.get(&module).into_iter().flat_map(move |points| points.range(body.clone())).copied()
    }

    /// Wasm code runs, or ran: what was found before is stale.
    pub(crate) fn goes_on(&mut self) {
        self.stop.generation += 1;
    }
}
