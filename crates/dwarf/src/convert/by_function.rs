//! The units of a module by function, for somebody who asks for few functions of many: units are read when it is about a function in
//! their code.
//!
//! The root of a unit says where its code is. A unit whose root is wrong about that is not asked for the rest.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use frame_table::ModulePc;
use gimli::DebugInfoOffset;

use super::kind::signature;
use super::library::is_of_other_code;
use super::locals::parts;
use super::sources::{Source, sources};
use crate::report::Report;
use crate::sections::DebugSections;
use crate::{Error, Module};

/// If units claim so many times as much code as there is, each is not worth being asked alone.
const OVERLAP: usize = 8;

/// Bytes by which a unit may count from elsewhere ([`super::counting`]).
const SHIFT: u32 = 5;

/// Which units have code of which function.
#[derive(Debug)]
pub(crate) struct UnitsByFunction {
    pub(crate) bytes: Bytes,
    debug_files: Vec<Bytes>,
    /// Without its sections.
    pub(crate) module: Module<'static>,
    /// Units that are read together.
    groups: Vec<Group>,
    /// By defined function, whose group may have something about it.
    places: Vec<(usize, usize)>,
    /// Bytes of all units.
    pub(crate) info_bytes: usize,
    /// Bytes of all lists of addresses.
    pub(crate) list_bytes: usize,
}

/// Where the units of a group are. None for all that there are.
type Group = Option<Vec<DebugInfoOffset>>;

impl UnitsByFunction {
    /// Reads which units a module has, or files with debug info of the same code. None of them count if that is about other code.
    ///
    /// # Errors
    /// If the module is malformed.
    pub(crate) fn new(bytes: Bytes, debug_files: Vec<Bytes>) -> Result<Self, Error> {
        let parsed = Module::parse(&bytes)?;
        let files = parse_all(&debug_files);
        let mut report = Report::default();
        let debug = DebugSections::find(&parsed, &files, &mut report);
        let (info_bytes, list_bytes) = (debug.info_bytes(), debug.list_bytes());
        let sources = sources(&debug, &mut report);
        let (groups, places) = if info_bytes == 0 || is_of_other_code(&sources, &parsed) {
            (Vec::new(), Vec::new())
        } else if debug.split.is_empty() {
            alone(&parsed, &sources)
        } else {
            together(&parsed)
        };
        let module = parsed.without_sections();
        Ok(Self { bytes, debug_files, module, groups, places, info_bytes, list_bytes })
    }

    /// How many groups of units there are.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The groups whose units may have something about a defined function.
    pub(crate) fn groups_of(&self, function: usize) -> impl Iterator<Item = usize> {
        let first = self.places.partition_point(|(place, _)| *place < function);
        let own = self.places.iter().skip(first).take_while(move |(place, _)| *place == function);
        own.map(|(_, group)| *group)
    }

    /// Reads the units of a group.
    pub(crate) fn read<R>(&self, group: usize, read: impl FnOnce(&[Source<'_>]) -> R) -> Option<R> {
        let units = self.groups.get(group)?;
        let parsed = Module::parse_custom_sections(&self.bytes).ok()?;
        let files = parse_all(&self.debug_files);
        let mut report = Report::default();
        let debug = DebugSections::find(&parsed, &files, &mut report);
        let one = |offset: &DebugInfoOffset| {
            let unit = debug.main.unit(debug.main.debug_info.header_from_offset(*offset).ok()?).ok()?;
            Some(Source { dwarf: Arc::clone(&debug.main), unit, skeleton: None, origin: 0 })
        };
        let sources = match units {
            None => sources(&debug, &mut report),
            Some(units) => units.iter().filter_map(one).collect(),
        };
        Some(read(&sources))
    }
}

fn parse_all(files: &[Bytes]) -> Vec<Module<'_>> {
    files.iter().filter_map(|file| Module::parse_custom_sections(file).ok()).collect()
}

/// A group of those units that do not say where their code is, which is asked for every function, and one for each other unit.
fn alone(module: &Module<'_>, sources: &[Source<'_>]) -> (Vec<Group>, Vec<(usize, usize)>) {
    let functions = module.defined_functions().len();
    let (mut groups, mut unsaid) = (vec![None], Vec::new());
    let mut places: Vec<(usize, usize)> = Vec::new();
    for source in sources.iter().filter(|source| signature(source.unit.header.type_()).is_none()) {
        let Some(offset) = source.unit.header.debug_info_offset() else { continue };
        let Some(code) = code(module, source) else {
            unsaid.push(offset);
            continue;
        };
        for range in code {
            places.extend(parts(module, &range).map(|(function, _)| (function, groups.len())));
            if places.len() > functions.saturating_mul(OVERLAP) {
                return together(module);
            }
        }
        groups.push(Some(vec![offset]));
    }
    if !unsaid.is_empty() {
        places.extend((0..functions).map(|function| (function, 0)));
    }
    if let Some(first) = groups.first_mut() {
        *first = Some(unsaid);
    }
    places.sort_unstable();
    places.dedup();
    (groups, places)
}

/// One group of all units.
fn together(module: &Module<'_>) -> (Vec<Group>, Vec<(usize, usize)>) {
    let places = (0..module.defined_functions().len()).map(|function| (function, 0)).collect();
    (vec![None], places)
}

/// Where the root of a unit says that its code is, as module PCs. None if it does not say.
fn code(module: &Module<'_>, source: &Source<'_>) -> Option<Vec<Range<ModulePc>>> {
    let mut ranges = source.dwarf.unit_ranges(&source.unit).ok()?;
    let mut found = Vec::new();
    let length = module.code.end.saturating_sub(module.code.start);
    while let Some(range) = ranges.next().ok()? {
        if range.begin == 0 && range.end == 0 {
            return None;
        }
        let at = |address: u64| u32::try_from(address).unwrap_or(u32::MAX).min(length);
        let end = at(range.end).saturating_add(SHIFT).min(length);
        let start = ModulePc(module.code.start);
        found.push(start.offset(at(range.begin))..start.offset(end));
    }
    (!found.is_empty()).then_some(found)
}
