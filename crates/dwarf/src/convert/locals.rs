//! Which Wasm locals the debug info names, and where: what a debugger may ask for, so that code need not keep the rest.
//!
//! Every expression of an entry counts, whatever attribute it is in: the location of a variable, the frame base of a
//! function, the length of an array. So does the pointer through which a function returns a structure. It counts where the entry's scope has its code; one of a location list where the
//! list says. What cannot be read is no reason to name less: then all locals of the functions in question are named.

use std::ops::Range;

use bytes::Bytes;
use frame_table::ModulePc;
use gimli::{
    AttributeValue, DebuggingInformationEntry, EntriesRaw, Operation, UnitRef, constants as dw, read,
};

use super::address::AddressMap;
use super::counting::{counted_by, start_address};
use super::library::is_of_other_code;
use super::limits::Budget;
use super::list::{ENTRY, code_ranges};
use super::sources::{Source, skeleton_id, sources};
use crate::report::Report;
use crate::returns::return_type;
use crate::sections::{DebugSections, Reader};
use crate::{Error, Module};

/// The locals that the debug info of a module names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedLocals {
    /// Where which local is named, in no order. Each range is in the body of one function.
    pub named: Vec<(Range<ModulePc>, u32)>,
    /// Where the bodies start of the functions that have no debug info, or whose debug info cannot be read: all of their
    /// locals are to be kept.
    pub whole: Vec<ModulePc>,
    /// Which locals are the frame base of the function whose body the range is in. Also among `named`.
    pub frame_bases: Vec<(Range<ModulePc>, u32)>,
}

/// Reads the debug info of a module, or that of files with debug info of the same code. None if there is none, or if
/// it is malformed in a way that makes it too much.
///
/// # Errors
/// If the module is malformed. Malformed debug info is no error: it makes functions [`NamedLocals::whole`].
pub fn named_locals(module: &[u8], debug_files: &[Bytes]) -> Result<Option<NamedLocals>, Error> {
    let module = Module::parse(module)?;
    let debug_files: Vec<_> = debug_files.iter().filter_map(|file| Module::parse(file).ok()).collect();
    let mut report = Report::default();
    let debug = DebugSections::find(&module, &debug_files, &mut report);
    if debug.info_bytes() == 0 {
        return Ok(None);
    }
    let bounds = Bounds::new(debug.info_bytes(), debug.list_bytes());
    let sources = sources(&debug, &mut report);
    if is_of_other_code(&sources, &module) {
        return Ok(None);
    }
    let found = read(&module, &bounds, &sources);
    if bounds.are_broken() {
        return Ok(None);
    }
    let Found { described, named, frame_bases, .. } = found;
    let functions = module.defined_functions().iter().enumerate();
    let whole = functions.filter(|(function, _)| described.binary_search(function).is_err());
    let whole = whole.map(|(_, function)| ModulePc(function.body.start)).collect();
    Ok(Some(NamedLocals { named, whole, frame_bases }))
}

/// What may be read of debug info.
#[derive(Debug)]
pub(super) struct Bounds {
    lists: Budget,
    has_lists: bool,
    /// How much may be named.
    most: Budget,
}

impl Bounds {
    /// For so many bytes of units and of lists of addresses.
    pub(super) fn new(info: usize, lists: usize) -> Self {
        // An expression takes some bytes; that many ranges name something in honest files.
        let most = Budget::new(info.saturating_add(lists));
        Self { lists: Budget::new(lists), has_lists: lists > 0, most }
    }

    /// Whether it was too much.
    pub(super) fn are_broken(&self) -> bool {
        self.lists.is_spent() && self.has_lists || self.most.is_spent()
    }
}

/// What is found in some units.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The defined functions that there is debug info of, all of which can be read. Ascending.
    pub(super) described: Vec<usize>,
    /// Those whose debug info is not to be trusted.
    pub(super) unreadable: Vec<usize>,
    /// As in [`NamedLocals`].
    pub(super) named: Vec<(Range<ModulePc>, u32)>,
    pub(super) frame_bases: Vec<(Range<ModulePc>, u32)>,
}

/// Reads some units.
pub(super) fn read(module: &Module<'_>, bounds: &Bounds, sources: &[Source<'_>]) -> Found {
    let map = AddressMap::new(module, 0, &bounds.lists);
    let mut reading = Reading { module, most: &bounds.most, found: Found::default() };
    for source in sources {
        // Somebody else may have the contents of a skeleton.
        if source.skeleton.is_some() || skeleton_id(&source.unit).is_none() {
            reading.unit(source, counted_by(source, map));
        }
    }
    let mut found = reading.found;
    found.unreadable.sort_unstable();
    found.described.sort_unstable();
    found.described.dedup();
    found.described.retain(|function| found.unreadable.binary_search(function).is_err());
    found
}

/// What was found so far.
struct Reading<'m> {
    module: &'m Module<'m>,
    most: &'m Budget,
    found: Found,
}

/// Where an entry has its code.
struct Scope {
    depth: isize,
    /// As the unit counts.
    ranges: Vec<(u64, u64)>,
}

impl<'m> Reading<'m> {
    fn unit(&mut self, source: &Source<'_>, map: AddressMap<'m>) {
        let mut walk = Walk { unit: source.unit_ref(), map, scopes: Vec::new(), functions: Vec::new() };
        if walk.entries(self).is_err() {
            // What is behind the malformed entry may be about any of them.
            self.found.unreadable.append(&mut walk.functions);
        }
    }

    /// The defined functions that a range of code meets, with their part of it.
    fn parts(&self, range: &Range<ModulePc>) -> impl Iterator<Item = (usize, Range<ModulePc>)> + use<'m> {
        parts(self.module, range)
    }

    /// A local is named in a range, perhaps as the frame base.
    fn name(&mut self, range: &Range<ModulePc>, local: u32, is_frame_base: bool) {
        for (function, part) in self.parts(range) {
            let locals = self.module.defined_functions().get(function).map_or(0, crate::Function::num_locals);
            if !self.most.spend(1) {
                return;
            }
            if u64::from(local) < locals {
                if is_frame_base {
                    self.found.frame_bases.push((part.clone(), local));
                }
                self.found.named.push((part, local));
            }
        }
    }
}

/// The defined functions of a module that a range of code meets, with their part of it.
pub(super) fn parts<'m>(
    module: &'m Module<'_>,
    range: &Range<ModulePc>,
) -> impl Iterator<Item = (usize, Range<ModulePc>)> + use<'m> {
    let functions = module.defined_functions();
    let first = functions.partition_point(|function| function.body.end <= range.start.0);
    let Range { start, end } = range.clone();
    let met = functions.iter().enumerate().skip(first).take_while(move |(_, f)| f.body.start < end.0);
    met.map(move |(index, function)| {
        let body = &function.body;
        (index, start.max(ModulePc(body.start))..end.min(ModulePc(body.end)))
    })
}

/// A unit being read.
struct Walk<'u, 'a, 'm> {
    unit: UnitRef<'u, Reader<'a>>,
    map: AddressMap<'m>,
    /// Those around the entry.
    scopes: Vec<Scope>,
    /// The defined functions that the unit is about.
    functions: Vec<usize>,
}

type Entry<'a> = DebuggingInformationEntry<Reader<'a>>;

impl<'a> Walk<'_, 'a, '_> {
    fn entries(&mut self, reading: &mut Reading<'_>) -> Result<(), gimli::Error> {
        let mut entries: EntriesRaw<'_, Reader<'a>> = self.unit.entries_raw(None)?;
        let mut entry = Entry::null();
        while !entries.is_empty() {
            let depth = entries.next_depth();
            if !entries.read_entry(&mut entry)? {
                continue;
            }
            while self.scopes.last().is_some_and(|scope| scope.depth >= depth) {
                self.scopes.pop();
            }
            self.open_scope(reading, &entry, depth);
            let Some(scope) = self.scopes.last() else { continue };
            if scope.ranges.is_empty() {
                continue;
            }
            for attribute in entry.attrs() {
                let is_frame_base = attribute.name() == dw::DW_AT_frame_base;
                let mut name = |range, local| reading.name(&range, local, is_frame_base);
                match attribute.value() {
                    AttributeValue::Exprloc(expression) => {
                        for &(begin, end) in &scope.ranges {
                            self.expression(expression, begin, end, &mut name);
                        }
                    }
                    value => self.list(scope, value, &mut name)?,
                }
            }
        }
        Ok(())
    }

    /// If the entry says where its code is, that is where it and its children count.
    fn open_scope(&mut self, reading: &mut Reading<'_>, entry: &Entry<'a>, depth: isize) {
        let is_function = entry.tag() == dw::DW_TAG_subprogram;
        let low = entry.attr(dw::DW_AT_low_pc).and_then(|low| start_address(self.unit, low));
        let high = entry.attr_value(dw::DW_AT_high_pc);
        let ranges = match (entry.attr_value(dw::DW_AT_ranges), low, high) {
            // The unit: nothing outside of a function is in a local.
            _ if depth == 0 => return,
            (Some(ranges), ..) => code_ranges(self.unit, &self.map, ranges, false),
            (None, Some(low), Some(high)) => {
                let high = match self.unit.attr_address(high) {
                    Ok(Some(high)) => Some(high),
                    _ => high.udata_value().and_then(|length| low.checked_add(length)),
                };
                high.and_then(|high| self.map.range(low, high)).into_iter().collect()
            }
            // A function without code: inlined somewhere, or declared.
            _ if is_function => Vec::new(),
            _ => return,
        };
        if is_function {
            let pcs: Vec<_> = ranges.iter().filter_map(|(begin, end)| self.map.pcs(*begin, *end)).collect();
            let met: Vec<_> =
                pcs.iter().flat_map(|range| reading.parts(range)).map(|(function, _)| function).collect();
            if return_type(self.unit, entry).is_some() {
                // A function with a result that is none in Wasm has been given a pointer to where it goes.
                let is_pointer = |function: &usize| {
                    let function = reading.module.defined_functions().get(*function);
                    function.is_some_and(|function| function.results().is_empty())
                };
                if met.iter().all(is_pointer) {
                    pcs.iter().for_each(|range| reading.name(range, 0, false));
                }
            }
            reading.found.described.extend(&met);
            self.functions.extend(met);
        } else if ranges.is_empty() {
            // Whatever its ranges were to say, its code is in that around it.
            return;
        }
        self.scopes.push(Scope { depth, ranges });
    }

    fn list(
        &self,
        scope: &Scope,
        value: AttributeValue<Reader<'a>>,
        name: &mut impl FnMut(Range<ModulePc>, u32),
    ) -> Result<(), gimli::Error> {
        if !matches!(value, AttributeValue::LocationListsRef(_) | AttributeValue::DebugLocListsIndex(_)) {
            return Ok(());
        }
        let Some(mut locations) = self.unit.attr_locations(value)? else { return Ok(()) };
        while let Some(location) = locations.next()? {
            if !self.map.lists.spend(ENTRY + location.data.0.len()) {
                break;
            }
            match (location.range.begin, location.range.end) {
                // The location for where no other one is.
                (0, u64::MAX) => {
                    for &(begin, end) in &scope.ranges {
                        self.expression(location.data, begin, end, name);
                    }
                }
                (begin, end) => self.expression(location.data, begin, end, name),
            }
        }
        Ok(())
    }

    /// Every local that the expression reads is named in the range. What is behind a malformed operation no debugger
    /// can evaluate.
    fn expression(
        &self,
        expression: read::Expression<Reader<'a>>,
        begin: u64,
        end: u64,
        name: &mut impl FnMut(Range<ModulePc>, u32),
    ) {
        let mut operations = expression.operations(self.unit.encoding());
        while let Ok(Some(operation)) = operations.next() {
            if let Operation::WasmLocal { index } = operation
                && let Some((begin, end)) = self.map.range(begin, end)
                && let Some(range) = self.map.pcs(begin, end)
            {
                name(range, index);
            }
        }
    }
}
