//! The seam between a running store and a debugger: events, frames, values, and which program points stop.
//!
//! A hook is called on the guest's thread, with the Wasm frames on the stack below it, and has the store to itself
//! until it returns. What it learns of frames is good until then: a [`Frame`] used later is refused as stale.

mod arm;
mod entity;
mod event;
mod frame;
mod stack;
mod watch;

use crate::jit::FunctionCode;
use frame_table::ModulePc;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use arm::BreakpointEdit;
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
    /// Functions all of whose points are armed, by start address.
    armed: BTreeMap<usize, Arc<FunctionCode>>,
    /// The frame whose surroundings were armed last, by frame pointer.
    armed_around: usize,
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
            armed: BTreeMap::new(),
            armed_around: 0,
            stop: StopId { store: STORES.fetch_add(1, Ordering::Relaxed), generation: 0 },
            watch: watch::Watchpoints::default(),
        }
    }
}

impl DebugState {
    /// Wasm code runs, or ran: what was found before is stale.
    pub(crate) fn goes_on(&mut self) {
        self.stop.generation += 1;
    }
}
