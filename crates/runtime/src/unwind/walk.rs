//! Walking the Wasm frames of this thread: by frame pointers, from each activation's exit to its entry.
#![expect(unsafe_code, reason = "reads saved frame pointers and return addresses of live frames")]

use super::activation::{Activation, ExitKind, current};
use crate::jit::FunctionCode;
use crate::store::Store;
use std::sync::Arc;

/// How a frame's PC is to be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Behind the site of a program point.
    Point,
    /// At the instruction that trapped.
    Trap,
    /// Behind a call of the runtime, which is a part of its operator.
    Builtin,
    /// Behind a call of a function.
    Call,
}

/// A Wasm frame on the native stack.
#[derive(Clone)]
pub(crate) struct RawFrame {
    pub(crate) code: Arc<FunctionCode>,
    pub(crate) pc: usize,
    pub(crate) fp: usize,
    pub(crate) position: Position,
}

/// The frames of one activation.
pub(crate) struct WalkedActivation {
    /// The host function that the innermost frame called, if that is why it waits; its index in the store.
    pub(crate) host: Option<u32>,
    /// Whether it belongs to the store that asks.
    pub(crate) own: bool,
    /// Innermost first; empty if it belongs to another store.
    pub(crate) frames: Vec<RawFrame>,
}

/// The activations of this thread, innermost first, with `limit` frames at most.
pub(crate) fn walk(store: &Store, limit: usize) -> Vec<WalkedActivation> {
    let mut walked = Vec::new();
    let mut left = limit;
    let mut next: Option<&Activation> = current().map(|activation| &*activation);
    while let Some(activation) = next.filter(|_| left > 0) {
        let own = std::ptr::eq(activation.store(), store);
        let host = match activation.exit.kind {
            ExitKind::Host(function) => Some(function),
            _ => None,
        };
        let frames = if own { frames_of(store, activation, left) } else { Vec::new() };
        left -= frames.len();
        walked.push(WalkedActivation { host, own, frames });
        next = activation.previous();
    }
    walked
}

fn frames_of(store: &Store, activation: &Activation, limit: usize) -> Vec<RawFrame> {
    let exit = activation.exit;
    let mut position = match exit.kind {
        ExitKind::None => return Vec::new(),
        ExitKind::Point => Position::Point,
        ExitKind::Trap => Position::Trap,
        ExitKind::Builtin => Position::Builtin,
        ExitKind::Host(_) => Position::Call,
    };
    let (mut pc, mut fp) = (exit.pc, exit.fp);
    let mut frames = Vec::new();
    // The first address that is not a function's is the entry thunk's: every frame between is Wasm.
    while frames.len() < limit
        && let Some(code) = store.code().function_at(pc)
    {
        frames.push(RawFrame { code: Arc::clone(code), pc, fp, position });
        position = Position::Call;
        let frame: *const [usize; 2] = std::ptr::with_exposed_provenance(fp);
        // SAFETY: Wasm code keeps frame pointers, so the caller's and the return address are where it says.
        let [caller_fp, returns_to] = unsafe { frame.read() };
        (fp, pc) = (caller_fp, returns_to);
    }
    frames
}
