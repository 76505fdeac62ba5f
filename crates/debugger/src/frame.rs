//! Frames as a debugger sees them.

use crate::ModuleId;
use frame_table::ModulePc;
use runtime::{Instance, ValueType};
use std::sync::Arc;

/// One frame of the guest's stack.
#[derive(Clone, Debug)]
pub enum Frame {
    /// A Wasm function's.
    Wasm(WasmFrame),
    /// A host function's, which Wasm code called.
    Host(HostFrame),
}

/// A frame of a Wasm function.
#[derive(Clone, Debug)]
pub struct WasmFrame {
    /// Its module.
    pub module: ModuleId,
    /// Its instance.
    pub instance: Instance,
    /// Function index, imports included.
    pub function: u32,
    /// The operator at which the frame goes on: in the innermost frame the one about to run, or that trapped; in a
    /// caller the one after the call. At a breakpoint that slipped it is the PC that was asked for, at a
    /// function's first operator the start of the body, by which debug info knows the function.
    pub pc: ModulePc,
    /// The call that a caller waits in.
    pub call: Option<ModulePc>,
    /// Types of the locals, parameters first.
    pub locals: Arc<[ValueType]>,
    /// Types of the operands, bottom first.
    pub operands: Vec<ValueType>,
    /// Bytes from the base of the guest's stack down to this frame: constant while the frame lives, larger for inner
    /// frames, a multiple of 16. Consecutive frames differ by at least 8 for each local and operand, plus 16.
    pub depth: u64,
    /// Number of the activation that it belongs to; 0 is the outermost.
    pub activation: u32,
}

/// A frame of a host function.
#[derive(Clone, Debug)]
pub struct HostFrame {
    /// `module.name` as it is imported.
    pub name: String,
    /// Module of the caller, whose import it is.
    pub module: ModuleId,
    /// Index of the import among the module's functions, if it was called directly.
    pub function: Option<u32>,
    /// As in [`WasmFrame::depth`].
    pub depth: u64,
}

impl Frame {
    /// See [`WasmFrame::depth`].
    #[must_use]
    pub fn depth(&self) -> u64 {
        match self {
            Self::Wasm(frame) => frame.depth,
            Self::Host(frame) => frame.depth,
        }
    }
}

/// What is between frames and is no Wasm code of this store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Index of the next outer frame.
    pub before: usize,
    /// An activation of another store; else frames of the host that entered the inner activation.
    pub of_another_store: bool,
}
