//! Core dumps: a stopped guest as a file (`write`), and a file as a guest that stands where it was and cannot go on (`open`).
//!
//! ```text
//!   Session::core_dump ── write ──> bytes ── core_dump::read ──> CoreDump ── Record::new ──> Session::open
//!    each thread's Paused                                         + modules                  each thread's Paused
//! ```
//!
//! Why is a dump opened as a guest? Everything that looks at one works on it then: the threads have stores, with instances
//! of the modules whose memories, globals and tables are filled with what was recorded. Only the frames are no frames of
//! machine code; [`Standing`] has them.

mod open;
mod write;

pub use open::Record;

use crate::error::Error;
use crate::event::Stop;
use crate::frame::Frame;
use runtime::{Instance, Value};
use std::collections::HashSet;

/// A thread of a core dump: its frames, which its store has not.
pub(crate) struct Standing {
    /// Why it stands.
    pub(crate) stop: Stop,
    /// Innermost first.
    pub(crate) frames: Vec<Frame>,
    /// For each frame, its locals and after them its operands, as far as they are known.
    slots: Vec<Vec<Option<Value>>>,
    /// Globals of whose values nothing is known.
    unknown_globals: HashSet<(Instance, u32)>,
}

impl Standing {
    pub(crate) fn local(&self, frame: usize, index: u32) -> Result<Value, Error> {
        let is_local = self.locals(frame).is_some_and(|locals| index < locals);
        self.slot(frame, Some(index).filter(|_| is_local))
    }

    pub(crate) fn operand(&self, frame: usize, index: u32) -> Result<Value, Error> {
        self.slot(frame, self.locals(frame).and_then(|locals| locals.checked_add(index)))
    }

    /// How many locals a frame has.
    fn locals(&self, frame: usize) -> Option<u32> {
        match self.frames.get(frame)? {
            Frame::Wasm(wasm) => u32::try_from(wasm.locals.len()).ok(),
            Frame::Host(_) => None,
        }
    }

    pub(crate) fn knows_global(&self, instance: Instance, index: u32) -> bool {
        !self.unknown_globals.contains(&(instance, index))
    }

    fn slot(&self, frame: usize, slot: Option<u32>) -> Result<Value, Error> {
        let slots = self.slots.get(frame).ok_or(Error::NoFrame(frame))?;
        let slot = slot.and_then(|slot| usize::try_from(slot).ok());
        slot.and_then(|slot| slots.get(slot).copied().flatten()).ok_or(Error::NotRecorded)
    }
}
