//! What translation records for the frame table, before there are native offsets.
//!
//! Each program point is a patchable call that carries its number as a debug tag; each call of a Wasm function
//! carries its number with [`CALL_TAG`] set, and what finds the state of a cold path its number with [`COLD_TAG`]. The code
//! generator reports where the tags ended up.

use cranelift_codegen::ir::StackSlot;
use frame_table::{LocalSetId, LocalSets, ModulePc, ShapeId, SlotLayout, StackShapes, ValueType};

/// Distinguishes the tag of a call from that of a program point.
pub(crate) const CALL_TAG: u32 = 1 << 31;

/// Distinguishes the tag of a cold path: of the call that it makes, or of the instruction that traps.
pub(crate) const COLD_TAG: u32 = 1 << 30;

/// Distinguishes the tag of the poll at a loop's header.
pub(crate) const POLL_TAG: u32 = 1 << 29;

/// The state before an operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) pc: ModulePc,
    pub(crate) shape: ShapeId,
    pub(crate) held: LocalSetId,
}

/// The state during a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) pc: ModulePc,
    pub(crate) next_pc: ModulePc,
    pub(crate) shape: ShapeId,
    pub(crate) held: LocalSetId,
}

/// All that was recorded of one function.
pub(crate) struct Points {
    /// Types of the locals, parameters first.
    pub(crate) locals: Vec<ValueType>,
    /// How many of them are parameters.
    pub(crate) params: u32,
    pub(crate) layout: SlotLayout,
    pub(crate) slot: StackSlot,
    pub(crate) shapes: StackShapes,
    pub(crate) local_sets: LocalSets,
    pub(crate) points: Vec<Point>,
    pub(crate) calls: Vec<Call>,
    /// States on cold paths.
    pub(crate) cold: Vec<Point>,
    /// Indices of the points at loop headers.
    pub(crate) loops: Vec<u32>,
}
