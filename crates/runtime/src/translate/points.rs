//! What translation records for the frame table, before there are native offsets.
//!
//! Each program point is a patchable call that carries its number as a debug tag; each call of a Wasm function
//! carries its number with [`CALL_TAG`] set. The code generator reports where the tags ended up.

use cranelift_codegen::ir::StackSlot;
use frame_table::{ModulePc, ShapeId, SlotLayout, StackShapes, ValueType};

/// Distinguishes the tag of a call from that of a program point.
pub(crate) const CALL_TAG: u32 = 1 << 31;

/// The state before an operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) pc: ModulePc,
    pub(crate) shape: ShapeId,
}

/// The state during a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) pc: ModulePc,
    pub(crate) next_pc: ModulePc,
    pub(crate) shape: ShapeId,
}

/// All that was recorded of one function.
pub(crate) struct Points {
    /// Types of the locals, parameters first.
    pub(crate) locals: Vec<ValueType>,
    pub(crate) layout: SlotLayout,
    /// The state slot; none in the run tier.
    pub(crate) slot: Option<StackSlot>,
    pub(crate) shapes: StackShapes,
    pub(crate) points: Vec<Point>,
    pub(crate) calls: Vec<Call>,
    /// Indices of the points at loop headers.
    pub(crate) loops: Vec<u32>,
}
