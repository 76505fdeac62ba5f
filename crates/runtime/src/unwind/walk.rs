//! Walking the Wasm frames of this thread: by frame pointers, from each activation's exit to its entry.
#![expect(unsafe_code, reason = "reads saved frame pointers and return addresses of live frames")]

use super::activation::{Activation, ExitKind, current};
use super::arch::returned_address;
use crate::jit::FunctionCode;
use crate::store::Store;
use crate::translate::Version;
use frame_table::{LocalSetId, ModulePc, ProgramPoint, ShapeId};
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

impl RawFrame {
    /// The point that the frame is at; none if it waits in a call, or has no state.
    pub(crate) fn point(&self) -> Option<&ProgramPoint> {
        let (code, table) = (&self.code, &self.code.frame);
        match self.position {
            Position::Point => table.by_site(code.offset(self.pc)),
            Position::Trap => code.trapped_point(self.pc),
            Position::Builtin => {
                table.by_site(code.offset(self.pc)).or_else(|| table.by_trap(code.offset(self.pc - 1)))
            }
            Position::Call => None,
        }
    }

    /// Whether the frame is on the cold path at its function's entry, where the run tier has stored the parameters.
    pub(crate) fn is_at_entry(&self) -> bool {
        let first = self.code.frame.points().first().map(|point| point.pc);
        self.position == Position::Point
            && matches!(self.code.version, Version::Run(_))
            && self.point().is_some_and(|point| Some(point.pc) == first)
    }

    /// The operator that the frame is at, or whose call it waits in.
    pub(crate) fn operator(&self) -> Option<ModulePc> {
        if self.position == Position::Call {
            return Some(self.code.frame.by_call(self.code.offset(self.pc))?.pc);
        }
        self.point().map(|point| point.pc)
    }

    /// The operand stack, and the locals that the state slot has.
    pub(crate) fn state(&self) -> Option<(ShapeId, LocalSetId)> {
        if self.position == Position::Call {
            let call = self.code.frame.by_call(self.code.offset(self.pc))?;
            return Some((call.shape, call.held));
        }
        self.point().map(|point| (point.shape, point.held))
    }
}

/// What a walk comes to.
pub(crate) enum Walked {
    Frame(RawFrame),
    /// The host function that the next frame called; its index in the store.
    Host(u32),
    /// Rust code between two activations.
    Gap,
    /// An activation of another store.
    Foreign,
}

/// Where a walk goes on within an activation.
enum Next {
    /// With the innermost frame.
    First(RawFrame),
    /// With the caller of the one with this frame pointer.
    CallerOf(usize),
    /// Nowhere.
    None,
}

/// A walk over the activations of this thread, innermost first. It costs what is looked at.
pub(crate) struct Walk<'a> {
    store: &'a Store,
    /// The next activation to enter.
    next: Option<&'a Activation>,
    /// How many activations have not been entered yet.
    left: usize,
    /// Where the next frame of the activation at hand is.
    frame: Next,
    /// Whether an activation was left, and the gap after it was not told.
    gap: bool,
    /// See [`Walk::exit_record`].
    record: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(store: &'a Store) -> Self {
        let next: Option<&'a Activation> = current().map(|activation| &*activation);
        let left = std::iter::successors(next, |activation| activation.previous()).count();
        Self { store, next, left, frame: Next::None, gap: false, record: 0 }
    }

    /// Number of the activation at hand; the outermost is 0.
    pub(crate) fn activation(&self) -> usize {
        self.left
    }

    /// Where the return address is by which the host function returns that the activation at hand has called.
    pub(super) fn exit_record(&self) -> Option<usize> {
        (self.record != 0).then_some(self.record + size_of::<usize>())
    }

    fn enter(&mut self, activation: &'a Activation) -> Option<Walked> {
        self.next = activation.previous();
        self.left -= 1;
        self.gap = true;
        if !std::ptr::eq(activation.store(), self.store) {
            return Some(Walked::Foreign);
        }
        self.frame = innermost_of(self.store, activation).map_or(Next::None, Next::First);
        self.record = activation.exit.record;
        match activation.exit.kind {
            ExitKind::Host(function) => Some(Walked::Host(function)),
            _ => None,
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Walked;

    fn next(&mut self) -> Option<Walked> {
        loop {
            let frame = match std::mem::replace(&mut self.frame, Next::None) {
                Next::First(frame) => Some(frame),
                Next::CallerOf(fp) => caller_at(self.store, fp),
                Next::None => None,
            };
            if let Some(frame) = frame {
                self.frame = Next::CallerOf(frame.fp);
                return Some(Walked::Frame(frame));
            }
            let activation = self.next?;
            if std::mem::take(&mut self.gap) {
                return Some(Walked::Gap);
            }
            if let Some(walked) = self.enter(activation) {
                return Some(walked);
            }
        }
    }
}

/// The innermost frame of an activation of this store.
pub(super) fn innermost_of(store: &Store, activation: &Activation) -> Option<RawFrame> {
    let exit = activation.exit;
    let position = match exit.kind {
        ExitKind::None => return None,
        ExitKind::Point => Position::Point,
        ExitKind::Trap => Position::Trap,
        ExitKind::Builtin => Position::Builtin,
        ExitKind::Host(_) => Position::Call,
    };
    frame_at(store, exit.pc, exit.fp, position)
}

fn frame_at(store: &Store, pc: usize, fp: usize, position: Position) -> Option<RawFrame> {
    let code = Arc::clone(store.code().function_at(pc)?);
    Some(RawFrame { code, pc, fp, position })
}

/// The Wasm frame that called this one's function; none if it is the outermost of its activation.
pub(crate) fn caller_of(store: &Store, frame: &RawFrame) -> Option<RawFrame> {
    caller_at(store, frame.fp)
}

/// The same by the frame pointer of a frame.
fn caller_at(store: &Store, fp: usize) -> Option<RawFrame> {
    let at: *const [usize; 2] = std::ptr::with_exposed_provenance(fp);
    // SAFETY: this is the frame pointer of a live frame. Wasm code keeps them, so the caller's and the return address are where it says.
    let [fp, returns_to] = unsafe { at.read() };
    let returns_to =
        if returns_to == returned_address() { store.switching.return_of(fp)? } else { returns_to };
    // The first address that is not a function's is the entry thunk's: every frame between is Wasm.
    frame_at(store, returns_to, fp, Position::Call)
}
