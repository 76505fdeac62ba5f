//! Parts: which units are converted together, and on which processors.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use gimli::write::{self, Dwarf, Sections};

use super::address::AddressMap;
use super::library::{self, SourceExists};
use super::limits::Budget;
use super::line::LineStrings;
use super::piece::{Piece, Written};
use super::sources::{Source, sources};
use super::strings::{StringSections, Strings};
use super::survey::Survey;
use super::unit::{self, Shared, Tables};
use super::variable::StaticVariable;
use crate::report::Report;
use crate::sections::DebugSections;
use crate::{FunctionReturn, Layout, Module};

/// Bytes of `.debug_info` in a part, about: enough to be worth a turn, and few enough for a processor's cache.
const PART: usize = 64 << 10;

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
    /// Whether the program itself has debug info, not only libraries in it.
    pub(crate) is_program_described: bool,
    module: &'p Module<'p>,
    layout: &'p Layout,
    /// Synthetic address of the code section's contents.
    text: u64,
    list_bytes: usize,
    string_bytes: usize,
    info_bytes: usize,
}

/// What became of a part.
pub(crate) struct Part {
    pub(crate) written: write::Result<Written>,
    pub(crate) returns: BTreeMap<u32, FunctionReturn>,
    pub(crate) variables: Vec<StaticVariable>,
    /// Functions of which there are entries, by index.
    pub(crate) described: Vec<u32>,
    pub(crate) report: Report,
}

/// What all parts may read together.
struct Budgets {
    lists: Budget,
    strings: Budget,
    names: Budget,
}

impl<'p, 'a> Plan<'p, 'a> {
    pub(crate) fn new(
        debug: &DebugSections<'a>,
        module: &'p Module<'p>,
        layout: &'p Layout,
        text: u64,
        source_exists: Option<SourceExists<'_>>,
        report: &mut Report,
    ) -> Self {
        let sources = sources(debug, report);
        let strings = StringSections::new(&sources);
        let is_program_described = library::is_program_described(&sources, module);
        let without_lines = source_exists
            .map(|exists| library::without_lines(&sources, is_program_described, exists))
            .unwrap_or_default();
        let without_lines = without_lines.into_iter().chain(std::iter::repeat(false));
        let mut tables = HashSet::new();
        let sources = sources.into_iter().zip(without_lines).map(|(source, without_lines)| {
            let program = source.with_table().line_program.as_ref();
            let table = program.map(|program| program.header().offset().0);
            let can_have = source.is_code_unit() && !without_lines;
            let with_rows = can_have && table.is_some_and(|offset| tables.insert(offset));
            PlannedUnit { source, without_lines, with_rows }
        });
        Self {
            sources: sources.collect(),
            strings,
            is_program_described,
            module,
            layout,
            text,
            list_bytes: debug.list_bytes(),
            string_bytes: debug.string_bytes(),
            info_bytes: debug.info_bytes(),
        }
    }

    /// Converts all units, some at a time. None if that is impossible, because units refer to each other.
    pub(crate) fn in_parts(&self) -> Option<Vec<Part>> {
        let ranges = self.ranges();
        let workers = thread::available_parallelism().map_or(1, NonZero::get).min(ranges.len());
        let (budgets, next, is_impossible) = (self.budgets(), AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            let mut done = Vec::new();
            while !is_impossible.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(range) = ranges.get(number) else { break };
                match self.part(range.clone(), &budgets) {
                    Some(part) => done.push((number, part)),
                    None => is_impossible.store(true, Ordering::Relaxed),
                }
            }
            done
        };
        let mut parts = thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut parts = work();
            for other in others {
                match other.join() {
                    Ok(done) => parts.extend(done),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            parts
        });
        parts.sort_by_key(|(number, _)| *number);
        let is_impossible = is_impossible.into_inner();
        (!is_impossible).then(|| parts.into_iter().map(|(_, part)| part).collect())
    }

    /// Converts all units together.
    pub(crate) fn as_one(&self) -> Vec<Part> {
        self.part(0..self.sources.len(), &self.budgets()).into_iter().collect()
    }

    fn budgets(&self) -> Budgets {
        Budgets {
            lists: Budget::new(self.list_bytes),
            strings: Budget::new(self.string_bytes),
            names: Budget::new(self.string_bytes.saturating_add(self.info_bytes)),
        }
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

    /// Converts some units. None if they refer to others.
    fn part(&self, range: Range<usize>, budgets: &Budgets) -> Option<Part> {
        let units = self.sources.get(range)?;
        let is_whole = units.len() == self.sources.len();
        let mut dwarf = Dwarf::new();
        let mut report = Report::default();
        let map = AddressMap::new(self.module, self.text, &budgets.lists);
        let survey = Survey::new(units, is_whole, map, self.layout.machine, &mut dwarf, &mut report);
        let shared = Shared { module: self.module, layout: self.layout, names: &budgets.names };
        let mut tables = Tables {
            units: &mut dwarf.units,
            strings: Strings::new(&mut dwarf.strings, &self.strings),
            line_strings: LineStrings { table: &mut dwarf.line_strings, budget: &budgets.strings },
            returns: BTreeMap::new(),
            variables: Vec::new(),
            described: Vec::new(),
        };
        for number in 0..survey.units.len() {
            unit::convert(&shared, &survey, number, &mut tables, &mut report);
            if survey.lacks_others() {
                return None;
            }
        }
        let Tables { returns, variables, described, strings, .. } = tables;
        let places = strings.places;
        // Not `Dwarf::write`, which writes the table of strings as well.
        let mut sections = Sections::new(Piece::default());
        let Dwarf { mut units, mut strings, mut line_strings, .. } = dwarf;
        let written = units
            .write(&mut sections, &mut line_strings, &mut strings)
            .and_then(|()| line_strings.write(&mut sections.debug_line_str))
            .map(|()| Written { sections, strings: places });
        Some(Part { written, returns, variables, described, report })
    }
}
