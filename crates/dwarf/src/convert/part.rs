//! Parts: which units are converted together, and on which processors.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use gimli::write::Sections;
use gimli::{DebugInfoOffset, DebugTypeSignature};

use super::address::AddressMap;
use super::library;
use super::limits::Budget;
use super::line::Lines;
use super::output::Output;
use super::piece::Piece;
use super::reference::{EntryPlace, Places};
use super::sources::{Source, sources as all_sources};
use super::strings::{StringSections, Texts};
use super::unit;
use crate::index::{self, PartSymbols};
use crate::parallel;
use crate::report::Report;
use crate::sections::DebugSections;
use crate::{Layout, Module, PathMap, Sources};

/// Bytes of `.debug_info` in a part, about: enough to be worth a turn, and few enough for a processor's cache.
const PART: usize = 64 << 10;

/// How often all is converted at most: without the places of entries, with them, without what refers to missing ones.
const TURNS: usize = 3;

/// Whether somebody still wants what is being made.
pub(crate) type IsWanted<'w> = &'w (dyn Fn() -> bool + Sync);

/// A unit, and what of it is to be converted.
pub(crate) struct PlannedUnit<'a> {
    pub(crate) source: Source<'a>,
    /// Whether it loses its lines.
    pub(crate) without_lines: bool,
    /// Whether the rows of its line table are its own. Units can share a table; the first one has the rows.
    pub(crate) with_rows: bool,
}

/// All that is to be converted.
pub(crate) struct Plan<'p, 'a> {
    pub(crate) sources: Vec<PlannedUnit<'a>>,
    pub(crate) strings: StringSections<'a>,
    /// The sections of the image that strings are in.
    pub(crate) texts: Texts,
    /// Whether the image is to have an index of names.
    has_index: bool,
    /// Whether the program itself has debug info, not only libraries in it.
    pub(crate) is_program_described: bool,
    /// The type that a type unit is for.
    signatures: HashMap<DebugTypeSignature, EntryPlace>,
    module: &'p Module<'p>,
    layout: &'p Layout,
    /// How paths of sources have changed.
    paths: &'p PathMap,
    /// Synthetic address of the code section's contents.
    text: u64,
    list_bytes: usize,
    string_bytes: usize,
    info_bytes: usize,
}

/// What the conversions of all units share.
pub(crate) struct Shared<'c, 'a> {
    pub(crate) units: &'c [PlannedUnit<'a>],
    pub(crate) strings: &'c StringSections<'a>,
    signatures: &'c HashMap<DebugTypeSignature, EntryPlace>,
    pub(crate) module: &'c Module<'c>,
    pub(crate) layout: &'c Layout,
    /// How paths of sources have changed.
    pub(crate) paths: &'c PathMap,
    /// The map of units that do not count from elsewhere.
    pub(crate) map: AddressMap<'c>,
    /// For reading names of variables.
    pub(crate) names: &'c Budget,
    pub(crate) lines: Lines<'c, 'a>,
    /// Whether units are to say where their entries were written, because others refer to them.
    pub(crate) keeps_places: bool,
    /// Entries that others refer to and that are not in the image.
    missing: &'c BTreeSet<EntryPlace>,
}

impl Shared<'_, '_> {
    /// The place of what is at an offset in the section of unit `number`.
    pub(crate) fn entry_at(&self, number: usize, offset: DebugInfoOffset) -> Option<EntryPlace> {
        let origin = self.units.get(number)?.source.origin;
        let start = |unit: &PlannedUnit<'_>| unit.source.unit.header.offset().0;
        // Units of one origin stand together, in the order of their offsets.
        let end = self.units.partition_point(|unit| (unit.source.origin, start(unit)) <= (origin, offset.0));
        let found = end.checked_sub(1)?;
        let unit = &self.units.get(found)?.source;
        let inside = offset.to_unit_offset(&unit.unit.header)?;
        self.known(EntryPlace { unit: found, offset: inside.0 }).filter(|_| unit.origin == origin)
    }

    /// The place of the type with a signature.
    pub(crate) fn signature(&self, signature: DebugTypeSignature) -> Option<EntryPlace> {
        self.known(*self.signatures.get(&signature)?)
    }

    fn known(&self, place: EntryPlace) -> Option<EntryPlace> {
        (!self.missing.contains(&place)).then_some(place)
    }
}

/// What all parts may read together.
struct Budgets {
    lists: Budget,
    strings: Budget,
    names: Budget,
}

const OTHER_CODE: &str = "it is about other code, that of another build or of before the module was changed";

impl<'p, 'a> Plan<'p, 'a> {
    pub(crate) fn new(
        debug: &DebugSections<'a>,
        module: &'p Module<'p>,
        layout: &'p Layout,
        text: u64,
        known: Sources<'p>,
        report: &mut Report,
    ) -> Self {
        let mut sources = all_sources(debug, report);
        if library::is_of_other_code(&sources, module) {
            report.drop(crate::Drop::DebugInfo, OTHER_CODE);
            sources.clear();
        }
        let strings = StringSections::new(&sources);
        let texts = strings.contents();
        let is_program_described = library::is_program_described(&sources, module);
        let without_lines = if known.are_known() {
            library::without_lines(&sources, is_program_described, known)
        } else {
            Vec::new()
        };
        let without_lines = without_lines.into_iter().chain(std::iter::repeat(false));
        let mut tables = HashSet::new();
        let sources = sources.into_iter().zip(without_lines).map(|(source, without_lines)| {
            let program = source.with_table().line_program.as_ref();
            let table = program.map(|program| program.header().offset().0);
            let can_have = source.is_code_unit() && !without_lines;
            let with_rows = can_have && table.is_some_and(|offset| tables.insert(offset));
            PlannedUnit { source, without_lines, with_rows }
        });
        let sources: Vec<PlannedUnit<'a>> = sources.collect();
        let signatures = sources.iter().enumerate().filter_map(|(unit, planned)| {
            let (signature, offset) = super::kind::signature(planned.source.unit.header.type_())?;
            Some((signature, EntryPlace { unit, offset: offset.0 }))
        });
        Self {
            signatures: signatures.collect(),
            sources,
            texts,
            strings,
            // Only gdb reads it, and only gdb is told which sources are there when it is shown such a machine.
            has_index: known.are_known() && layout.machine != crate::Machine::I386,
            is_program_described,
            module,
            layout,
            paths: known.paths(),
            text,
            list_bytes: debug.list_bytes(),
            string_bytes: debug.string_bytes(),
            info_bytes: debug.info_bytes(),
        }
    }

    /// Converts all units. Empty if the references between them do not settle, which is reported.
    pub(crate) fn convert(&self, is_wanted: IsWanted<'_>, report: &mut Report) -> Vec<Output> {
        let mut missing = BTreeSet::new();
        let mut keeps_places = false;
        for _ in 0..TURNS {
            let Some(mut parts) = self.in_parts(keeps_places, &missing, is_wanted) else {
                keeps_places = true;
                continue;
            };
            let lost = link(&mut parts);
            if lost.is_empty() {
                return parts;
            }
            missing.extend(lost);
        }
        report.drop(crate::Drop::DebugInfo, "references between units that do not settle");
        Vec::new()
    }

    /// Converts all units, some at a time. None if units refer to each other and do not keep the places of their entries.
    fn in_parts(
        &self,
        keeps_places: bool,
        missing: &BTreeSet<EntryPlace>,
        is_wanted: IsWanted<'_>,
    ) -> Option<Vec<Output>> {
        let ranges = self.ranges();
        let (budgets, is_impossible) = (self.budgets(), AtomicBool::new(false));
        let shared = Shared {
            units: &self.sources,
            strings: &self.strings,
            signatures: &self.signatures,
            module: self.module,
            layout: self.layout,
            paths: self.paths,
            map: AddressMap::new(self.module, self.text, &budgets.lists),
            names: &budgets.names,
            lines: Lines {
                strings: &self.strings,
                paths: self.paths,
                budget: &budgets.strings,
                address_size: self.layout.machine.address_size(),
            },
            keeps_places,
            missing,
        };
        let convert = |places: &mut Places, number: usize| {
            let range =
                ranges.get(number).filter(|_| !is_impossible.load(Ordering::Relaxed) && is_wanted())?;
            let mut output = Output::new();
            self.reserve(range.clone(), &mut output);
            for unit in range.clone() {
                unit::convert(&shared, unit, places, &mut output);
            }
            output.finish();
            if output.crosses.is_empty() {
                output.symbols = self.symbols(&output.sections);
            } else if !keeps_places {
                is_impossible.store(true, Ordering::Relaxed);
            }
            Some(output)
        };
        let parts = parallel::map_while(ranges.len(), Places::default, convert);
        (!is_impossible.into_inner()).then_some(parts)
    }

    /// The names for the index, if there is to be one.
    pub(crate) fn symbols(&self, sections: &Sections<Piece>) -> Option<PartSymbols> {
        self.has_index.then(|| index::scan(sections, &self.texts))
    }

    fn budgets(&self) -> Budgets {
        Budgets {
            lists: Budget::new(self.list_bytes),
            strings: Budget::new(self.string_bytes),
            names: Budget::new(self.string_bytes.saturating_add(self.info_bytes)),
        }
    }

    /// Makes room for what will probably be written of some units.
    fn reserve(&self, units: Range<usize>, output: &mut Output) {
        let (mut entries, mut lines) = (0_usize, 0_usize);
        for PlannedUnit { source, with_rows, .. } in self.sources.get(units).unwrap_or_default() {
            entries = entries.saturating_add(source.unit.header.length_including_self());
            let program = source.with_table().unit.line_program.as_ref().filter(|_| *with_rows);
            let length = program.map_or(0, |program| program.header().raw_program_buf().len());
            lines = lines.saturating_add(length);
        }
        let with_more = |bytes: usize| bytes.saturating_add(bytes / 8);
        output.sections.debug_info.bytes.reserve(with_more(entries));
        // Malformed tables may lie in each other.
        output.sections.debug_line.bytes.reserve(with_more(lines.min(self.string_bytes)));
    }

    /// The units of each part.
    fn ranges(&self) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (number, PlannedUnit { source, .. }) in self.sources.iter().enumerate() {
            bytes += source.unit.header.length_including_self();
            if bytes >= PART || number + 1 == self.sources.len() {
                ranges.push(start..number + 1);
                (start, bytes) = (number + 1, 0);
            }
        }
        ranges
    }
}

/// Puts the references between units right. Returns the entries that are missing.
fn link(parts: &mut [Output]) -> HashSet<EntryPlace> {
    if parts.iter().all(|part| part.crosses.is_empty()) {
        return HashSet::new();
    }
    // By unit: where its part begins, and the places in it.
    let mut units = HashMap::new();
    let mut start = 0_u32;
    for part in &mut *parts {
        for (unit, places) in std::mem::take(&mut part.places) {
            units.insert(unit, (start, places));
        }
        let length = part.sections.debug_info.bytes.len();
        start = start.saturating_add(super::bytes::small(length));
    }
    let find = |target: EntryPlace| {
        let (start, places) = units.get(&target.unit)?;
        let offset = super::bytes::small(target.offset);
        let found = places.binary_search_by_key(&offset, |(read, _)| *read).ok()?;
        start.checked_add(places.get(found)?.1)
    };
    let mut missing = HashSet::new();
    for part in parts {
        for cross in std::mem::take(&mut part.crosses) {
            match (find(cross.target), part.sections.get_mut(cross.section)) {
                (Some(place), Some(piece)) => piece.put(cross.at, &place.to_le_bytes()),
                _ => {
                    missing.insert(cross.target);
                }
            }
        }
    }
    missing
}
