//! What a part writes.

use gimli::SectionId;
use gimli::write::Sections;

use super::abbreviation::Abbreviations;
use super::entry::{Attributes, Fixup};
use super::list;
use super::piece::{Mark, Piece};
use super::reference::{Cross, Waiting};
use super::variable::StaticVariable;
use crate::index::PartSymbols;
use crate::report::Report;

/// The sections that a unit writes to besides its line table, which is written once.
const OF_ENTRIES: [SectionId; 5] = [
    SectionId::DebugInfo,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugLoc,
    SectionId::DebugLocLists,
];

/// What a part has written so far, and learned on the way.
pub(crate) struct Output {
    pub(crate) sections: Sections<Piece>,
    pub(crate) abbreviations: Abbreviations,
    /// References to entries of any unit.
    pub(crate) crosses: Vec<Cross>,
    /// By unit: where its entries were read, and written in the part. Only if somebody may refer to them.
    pub(crate) places: Vec<(usize, Vec<(u32, u32)>)>,
    /// Variables at one address each.
    pub(crate) variables: Vec<StaticVariable>,
    /// Functions of which there are entries, by index. Some may be there twice.
    pub(crate) described: Vec<u32>,
    /// The names for the index. None if there is to be none, or if it takes other parts to find them.
    pub(crate) symbols: Option<PartSymbols>,
    pub(crate) report: Report,
}

/// Where a unit began, for taking it back.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pieces: [Mark; OF_ENTRIES.len()],
    crosses: usize,
    variables: usize,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            sections: Sections::new(Piece::default()),
            abbreviations: Abbreviations::default(),
            crosses: Vec::new(),
            places: Vec::new(),
            variables: Vec::new(),
            described: Vec::new(),
            symbols: None,
            report: Report::default(),
        }
    }

    pub(crate) fn start(&self) -> Start {
        let mark = |id| self.sections.get(id).map(Piece::mark).unwrap_or_default();
        Start { pieces: OF_ENTRIES.map(mark), crosses: self.crosses.len(), variables: self.variables.len() }
    }

    pub(crate) fn reset(&mut self, start: Start) {
        for (id, mark) in OF_ENTRIES.into_iter().zip(start.pieces) {
            if let Some(piece) = self.sections.get_mut(id) {
                piece.reset(mark);
            }
        }
        self.crosses.truncate(start.crosses);
        self.variables.truncate(start.variables);
    }

    /// Notes what is to be put right at a place in a section.
    pub(crate) fn fix(&mut self, section: SectionId, at: usize, fixup: Fixup, waiting: &mut Vec<Waiting>) {
        match fixup {
            Fixup::Section(target) => {
                if let Some(piece) = self.sections.get_mut(section) {
                    piece.is_offset(at, target);
                }
            }
            Fixup::Entry(target) => waiting.push(Waiting { at, section, is_padded: false, target }),
            Fixup::BaseType(target) => waiting.push(Waiting { at, section, is_padded: true, target }),
            Fixup::Cross(target) => self.crosses.push(Cross { section, at, target }),
            Fixup::Sibling => {}
        }
    }

    /// Writes an entry in `.debug_info`, and empties its attributes. Returns where it is, and the place of the sibling if that is
    /// to be told.
    pub(crate) fn entry(
        &mut self,
        tag: gimli::DwTag,
        has_children: bool,
        attributes: &mut Attributes,
        waiting: &mut Vec<Waiting>,
    ) -> (usize, Option<usize>) {
        let kinds = attributes.specifications.iter().map(|(specification, _)| *specification);
        let code = self.abbreviations.code(tag, has_children, kinds);
        let info = &mut self.sections.debug_info.bytes;
        let place = info.len();
        super::bytes::unsigned(info, code.into());
        let start = info.len();
        info.extend_from_slice(&attributes.bytes);
        let mut sibling = None;
        for &(at, fixup) in &attributes.fixups {
            let at = start.saturating_add(at);
            if fixup == Fixup::Sibling {
                sibling = Some(at);
            }
            self.fix(SectionId::DebugInfo, at, fixup, waiting);
        }
        attributes.clear();
        (place, sibling)
    }

    /// Ends the part.
    pub(crate) fn finish(&mut self) {
        list::finish(&mut self.sections.debug_rnglists);
        list::finish(&mut self.sections.debug_loclists);
        self.sections.debug_abbrev.bytes = std::mem::take(&mut self.abbreviations).finish();
    }
}
