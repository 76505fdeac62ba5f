//! The seam between a running store and a debugger: events, frames, values, and which program points stop.
//!
//! A hook is called on the guest's thread, with the Wasm frames on the stack below it, and has the store to itself
//! until it returns. What it learns of frames is good until then: a [`Frame`] used later is refused as stale.

mod arm;
mod entity;
mod event;
mod frame;
mod stack;

use crate::jit::FunctionCode;
use frame_table::ModulePc;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use event::{DebugEvent, DebugHook, Resumption};
pub use frame::{Frame, FrameError, LastCall, WasmFrame};

/// The debugging side of a store.
#[derive(Default)]
pub(crate) struct DebugState {
    hook: Option<Arc<dyn DebugHook>>,
    /// By module: the program points with a breakpoint.
    breakpoints: BTreeMap<usize, BTreeSet<ModulePc>>,
    /// Functions all of whose points are armed, by start address.
    armed: BTreeMap<usize, Arc<FunctionCode>>,
    /// The frame whose surroundings were armed last, by frame pointer.
    armed_around: usize,
    /// Counts resumptions: frames of older stops are stale.
    generation: u64,
}
