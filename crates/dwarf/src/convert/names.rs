//! Which locals the debug info names in one function, for somebody who asks for few functions of many: units are read when it
//! is about a function in their code.
//!
//! The root of a unit says where its code is. A unit whose root is wrong about that is not asked for the rest, whose locals
//! are all kept then.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use frame_table::ModulePc;
use gimli::DebugInfoOffset;

use super::kind::signature;
use super::library::is_of_other_code;
use super::locals::{Bounds, Found, NamedLocals, parts, read};
use super::sources::{Source, sources};
use crate::report::Report;
use crate::sections::DebugSections;
use crate::{Error, Module};

/// If units claim so many times as much code as there is, each is not worth being asked alone.
const OVERLAP: usize = 8;

/// Bytes by which a unit may count from elsewhere ([`super::counting`]).
const SHIFT: u32 = 5;

/// The locals that the debug info of a module names.
#[derive(Debug)]
pub struct LocalNames {
    bytes: Arc<[u8]>,
    debug_files: Vec<Arc<[u8]>>,
    /// Without its sections.
    module: Module<'static>,
    bounds: Bounds,
    groups: Vec<Group>,
    /// By defined function, whose group may have something about it.
    places: Vec<(usize, usize)>,
}

/// Units that are read together.
#[derive(Debug)]
struct Group {
    /// Where they are. None for all that there are.
    units: Option<Vec<DebugInfoOffset>>,
    found: OnceLock<Found>,
}

impl Group {
    fn new(units: Option<Vec<DebugInfoOffset>>) -> Self {
        Self { units, found: OnceLock::new() }
    }
}

impl LocalNames {
    /// Reads which units a module has, or files with debug info of the same code. None if there is no debug info.
    ///
    /// # Errors
    /// If the module is malformed.
    pub fn new(bytes: Arc<[u8]>, debug_files: Vec<Arc<[u8]>>) -> Result<Option<Self>, Error> {
        let parsed = Module::parse(&bytes)?;
        let files = parse_all(&debug_files);
        let mut report = Report::default();
        let debug = DebugSections::find(&parsed, &files, &mut report);
        if debug.info_bytes() == 0 {
            return Ok(None);
        }
        let sources = sources(&debug, &mut report);
        if is_of_other_code(&sources, &parsed) {
            return Ok(None);
        }
        let (groups, places) =
            if debug.split.is_empty() { alone(&parsed, &sources) } else { together(&parsed) };
        let bounds = Bounds::new(&debug);
        let module = parsed.without_sections();
        Ok(Some(Self { bytes, debug_files, module, bounds, groups, places }))
    }

    /// What is named in the function with this body; its locals are as in [`super::named_locals`]. None if all of its locals are
    /// to be kept: it has no debug info, or none that can be read, or the module has too much.
    #[must_use]
    pub fn of_function(&self, body: &Range<ModulePc>) -> Option<NamedLocals> {
        let functions = self.module.defined_functions();
        let function = functions.binary_search_by_key(&body.start.0, |function| function.body.start).ok()?;
        let first = self.places.partition_point(|(place, _)| *place < function);
        let own = self.places.iter().skip(first).take_while(|(place, _)| *place == function);
        let mut is_described = false;
        let mut all = NamedLocals::default();
        for (_, group) in own {
            let found = self.groups.get(*group)?.found(self);
            if self.bounds.are_broken() || found.unreadable.binary_search(&function).is_ok() {
                return None;
            }
            is_described |= found.described.binary_search(&function).is_ok();
            all.named.extend_from_slice(within(&found.named, body));
            all.frame_bases.extend_from_slice(within(&found.frame_bases, body));
        }
        is_described.then_some(all)
    }
}

impl Group {
    fn found(&self, of: &LocalNames) -> &Found {
        self.found.get_or_init(|| {
            let mut found = self.read(of).unwrap_or_default();
            found.named.sort_unstable_by_key(|(range, _)| range.start);
            found.frame_bases.sort_unstable_by_key(|(range, _)| range.start);
            found
        })
    }

    fn read(&self, of: &LocalNames) -> Option<Found> {
        let parsed = Module::parse_custom_sections(&of.bytes).ok()?;
        let files = parse_all(&of.debug_files);
        let mut report = Report::default();
        let debug = DebugSections::find(&parsed, &files, &mut report);
        let one = |offset: &DebugInfoOffset| {
            let unit = debug.main.unit(debug.main.debug_info.header_from_offset(*offset).ok()?).ok()?;
            Some(Source { dwarf: Arc::clone(&debug.main), unit, skeleton: None, origin: 0 })
        };
        let sources = match &self.units {
            None => sources(&debug, &mut report),
            Some(units) => units.iter().filter_map(one).collect(),
        };
        Some(read(&of.module, &of.bounds, &sources))
    }
}

fn parse_all(files: &[Arc<[u8]>]) -> Vec<Module<'_>> {
    files.iter().filter_map(|file| Module::parse_custom_sections(file).ok()).collect()
}

/// The part of a list in ascending order that starts in a body.
fn within<'f>(list: &'f [(Range<ModulePc>, u32)], body: &Range<ModulePc>) -> &'f [(Range<ModulePc>, u32)] {
    let start = list.partition_point(|(range, _)| range.start < body.start);
    let end = list.partition_point(|(range, _)| range.start < body.end);
    list.get(start..end).unwrap_or_default()
}

/// A group of those units that do not say where their code is, which is asked for every function, and one for each other unit.
fn alone(module: &Module<'_>, sources: &[Source<'_>]) -> (Vec<Group>, Vec<(usize, usize)>) {
    let functions = module.defined_functions().len();
    let (mut groups, mut unsaid) = (vec![Group::new(None)], Vec::new());
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
        groups.push(Group::new(Some(vec![offset])));
    }
    if !unsaid.is_empty() {
        places.extend((0..functions).map(|function| (function, 0)));
    }
    if let Some(first) = groups.first_mut() {
        first.units = Some(unsaid);
    }
    places.sort_unstable();
    places.dedup();
    (groups, places)
}

/// One group of all units.
fn together(module: &Module<'_>) -> (Vec<Group>, Vec<(usize, usize)>) {
    let places = (0..module.defined_functions().len()).map(|function| (function, 0)).collect();
    (vec![Group::new(None)], places)
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
