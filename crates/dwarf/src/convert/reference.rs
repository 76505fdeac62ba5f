//! References between entries: where each entry of a unit was written, and who waits to be told.
//!
//! An entry may refer to one that comes later, or to one that is not in the image. So a reference is written as zeros and
//! put right at the end of its unit. If the entry is missing then, the unit is converted again without what refers to it.

use std::collections::HashSet;

use gimli::SectionId;

use super::bytes::{padded, small};
use super::piece::Piece;

/// An entry of any unit, by where it is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EntryPlace {
    /// Number of the unit in the plan.
    pub(crate) unit: usize,
    /// Where it is in the unit.
    pub(crate) offset: usize,
}

/// A reference to an entry of any unit, as 4 bytes in a section of a part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cross {
    pub(crate) section: SectionId,
    pub(crate) at: usize,
    pub(crate) target: EntryPlace,
}

/// A reference of a unit to itself that is not right yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// Where it is in its section.
    pub(crate) at: usize,
    pub(crate) section: SectionId,
    /// Whether it is a padded LEB128 number and not 4 bytes.
    pub(crate) is_padded: bool,
    pub(crate) target: usize,
}

impl Waiting {
    /// 4 bytes of an entry that refer to another one.
    pub(crate) fn entry(at: usize, target: usize) -> Self {
        Self { at, section: SectionId::DebugInfo, is_padded: false, target }
    }
}

/// Where the entries of a unit were written, as offsets in the unit. By the offset that they are read from; 0 for what is none.
#[derive(Debug, Default)]
pub(crate) struct Places {
    written: Vec<u32>,
}

impl Places {
    /// Forgets all, for a unit of `length` bytes. Places of entries of ours are behind them.
    pub(crate) fn clear(&mut self, length: usize) {
        self.written.clear();
        self.written.resize(length, 0);
    }

    pub(crate) fn set(&mut self, offset: usize, written: usize) {
        if offset >= self.written.len() {
            self.written.resize(offset.saturating_add(1), 0);
        }
        if let Some(place) = self.written.get_mut(offset) {
            *place = small(written);
        }
    }

    pub(crate) fn get(&self, offset: usize) -> Option<u32> {
        self.written.get(offset).copied().filter(|place| *place != 0)
    }

    /// All of them, in order. `start` is added to where they are.
    pub(crate) fn list(&self, start: usize) -> Vec<(u32, u32)> {
        let start = small(start);
        let places = self.written.iter().enumerate().filter(|(_, place)| **place != 0);
        places.map(|(offset, place)| (small(offset), place.saturating_add(start))).collect()
    }

    /// Puts references right, or names those entries that are missing.
    pub(crate) fn settle(
        &self,
        waiting: &[Waiting],
        mut section: impl FnMut(SectionId, &mut dyn FnMut(&mut Piece)),
    ) -> HashSet<usize> {
        let mut missing = HashSet::new();
        for reference in waiting {
            match self.get(reference.target) {
                Some(place) if reference.is_padded => {
                    section(reference.section, &mut |piece| piece.put(reference.at, &padded(place)));
                }
                Some(place) => {
                    section(reference.section, &mut |piece| piece.put(reference.at, &place.to_le_bytes()));
                }
                None => {
                    missing.insert(reference.target);
                }
            }
        }
        missing
    }
}
