//! Which code an address belongs to.

use super::code::FunctionCode;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is at an address of the arena.
#[derive(Clone)]
pub(super) enum CodeKind {
    /// A function of a module.
    Function(Arc<FunctionCode>),
    /// A thunk or a stub: never a frame of its own in a walk.
    Glue,
}

/// All pieces of code.
#[derive(Default)]
pub(super) struct Registry {
    /// Address range, and what it is. Ascending.
    pieces: Vec<(Range<usize>, CodeKind)>,
    /// Number of the piece that was found last. The same is often looked for again.
    last: AtomicUsize,
}

impl Registry {
    /// Has the address range of new code looked up in it.
    pub(super) fn insert(&mut self, range: Range<usize>, kind: CodeKind) {
        // Most code is placed behind all other.
        let at = self.pieces.partition_point(|(other, _)| other.start < range.start);
        self.pieces.insert(at, (range, kind));
    }

    /// The code that `pc` is in. A return address may be just behind its code, so `pc` may be the end.
    pub(super) fn at(&self, pc: usize) -> Option<&CodeKind> {
        let last = self.pieces.get(self.last.load(Ordering::Relaxed));
        if let Some((_, kind)) = last.filter(|(range, _)| range.contains(&pc)) {
            return Some(kind);
        }
        let number = self.pieces.partition_point(|(range, _)| range.start <= pc).checked_sub(1)?;
        let (range, kind) = self.pieces.get(number)?;
        self.last.store(number, Ordering::Relaxed);
        (pc <= range.end).then_some(kind)
    }
}
