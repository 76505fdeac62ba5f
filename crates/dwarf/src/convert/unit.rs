//! One unit: its line table, then its entries in order, then what a debugger needs to see in them.
//! Entries that stay as they are but for a few bytes are copied (`copy.rs`), others are converted attribute by attribute.
//!
//! Left out are the functions that the linker removed, except for the types that are declared in them: those move
//! up to where the function was, because live code may use them. An unreadable entry ends its unit.

use std::collections::HashSet;

use gimli::{
    Abbreviation, DwTag, EndianSlice, EntriesRaw, LittleEndian, SectionId, UnitOffset, UnitRef,
    constants as dw,
};

use super::address::AddressMap;
use super::attribute::{AttributeConverter, Resolver};
use super::bytes::{read_unsigned, small};
use super::copy::{Copied, Recipes, is_skipped};
use super::counting::{counted_by, start_address};
use super::entry::{Attributes, Current, Fixup};
use super::expression::{Context, image_version};
use super::kind::{is_call_position, is_pointer, is_type, language, may_be_static};
use super::line::{Files, Tables};
use super::list::{Form, code_ranges};
use super::output::Output;
use super::part::{PlannedUnit, Shared};
use super::pointer::Types;
use super::reference::Places;
use super::variable::static_variable;
use crate::Function;
use crate::module::is_main;
use crate::report::{Drop, Report};
use crate::sections::Reader;

mod long;

/// Entries nested deeper are left out. Debuggers recurse, and no compiler nests like this.
const MAX_DEPTH: isize = 400;

/// Entries with more attributes end their unit. A tiny entry of a malformed file can claim any number.
const MAX_ATTRIBUTES: usize = 200;

/// How often a unit is converted at most.
const ATTEMPTS: u32 = 3;

/// Longer names of producers are replaced.
const MAX_NAME: usize = 4096;

/// Why the rest of a unit was dropped.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("{0}")]
    Read(#[from] gimli::Error),
    #[error("an entry with too many attributes")]
    Attributes,
}

/// An entry around the current one.
struct Scope<'c> {
    depth: isize,
    /// Whether its children are declared in no type and no function.
    is_outer: bool,
    /// Where the place of what is behind it is to be written.
    sibling: Option<usize>,
    /// The Wasm function that its code is in.
    function: Option<&'c Function>,
    /// Where the entry of the function around it is.
    subprogram: Option<UnitOffset>,
}

/// Converts a unit of the plan.
pub(crate) fn convert(shared: &Shared<'_, '_>, number: usize, places: &mut Places, output: &mut Output) {
    let Some(planned) = shared.units.get(number) else { return };
    let PlannedUnit { source, without_lines, with_rows } = planned;
    let map = counted_by(source, shared.map);
    let lines = [output.sections.debug_line.mark(), output.sections.debug_line_str.mark()];
    let mut table = {
        let Output { sections, report, .. } = output;
        let with_rows = *with_rows && !without_lines;
        let mut tables = Tables { lines: &mut sections.debug_line, strings: &mut sections.debug_line_str };
        shared.lines.convert(&mut tables, source.with_table(), with_rows, &map, report)
    };
    let start = output.start();
    let mut missing = HashSet::new();
    // Again without what refers to entries that turned out to be missing, and without a table that nobody needs.
    for _ in 0..ATTEMPTS {
        places.clear(source.unit.header.length_including_self());
        let mut converter =
            UnitConverter::new(shared, planned, number, &map, table, places, &missing, output);
        let converted = converter.unit();
        let names_file = converter.attributes.names_file;
        let report = converter.attributes.report;
        let is_idle = table.is_some_and(|(_, files)| !files.has_rows && !names_file);
        match converted {
            Ok(lost) if lost.is_empty() && !is_idle => {
                output.report.add(report);
                return;
            }
            Ok(lost) => missing.extend(lost),
            Err(error) => {
                output.reset(start);
                return output.report.drop(Drop::Unit, error);
            }
        }
        output.reset(start);
        if is_idle {
            table = None;
            let [line, strings] = lines;
            output.sections.debug_line.reset(line);
            output.sections.debug_line_str.reset(strings);
        }
    }
    output.report.drop(Drop::Unit, "references that do not settle");
}

struct UnitConverter<'c, 'a> {
    shared: &'c Shared<'c, 'a>,
    map: &'c AddressMap<'c>,
    planned: &'c PlannedUnit<'a>,
    number: usize,
    unit: UnitRef<'c, Reader<'a>>,
    /// Where the line table is.
    table: Option<usize>,
    attributes: AttributeConverter<'c, 'a>,
    places: &'c mut Places,
    output: &'c mut Output,
    /// Where the unit begins in the part.
    start: usize,
    /// The unit from its root on, and how its entries are copied.
    bytes: &'a [u8],
    recipes: Recipes,
    /// From the root to the parent of the current entry.
    scopes: Vec<Scope<'c>>,
    /// The types of the unit, if it needs pointers of its own.
    types: Option<Types>,
    has_long_double: bool,
    /// Types whose values functions return in a structure of ours, with their sizes.
    wrapped: Vec<(UnitOffset, u64)>,
    /// Depth of the removed function around the current entry.
    dead_function: Option<isize>,
    /// Depth of the type around the current entry that is declared in a removed function.
    type_in_dead_function: Option<isize>,
}

impl<'c, 'a> UnitConverter<'c, 'a> {
    #[expect(clippy::too_many_arguments, reason = "everything that a unit is converted with")]
    fn new(
        shared: &'c Shared<'c, 'a>,
        planned: &'c PlannedUnit<'a>,
        number: usize,
        map: &'c AddressMap<'c>,
        table: Option<(usize, Files)>,
        places: &'c mut Places,
        missing: &'c HashSet<usize>,
        output: &'c mut Output,
    ) -> Self {
        let source = &planned.source;
        let unit = source.unit_ref();
        let address_size = shared.layout.machine.address_size();
        let form = Form { version: image_version(source.unit.header.version()), address_size };
        let needs_pointers = source.is_code_unit() && unit.encoding().address_size < address_size;
        let attributes = AttributeConverter {
            resolver: Resolver { shared, number, unit, entry: unit.header.root_offset(), missing },
            map,
            form,
            files: table.map(|(_, files)| files).unwrap_or_default(),
            names_file: false,
            base: None,
            out: Attributes::default(),
            waiting: Vec::new(),
            report: Report::default(),
        };
        Self {
            shared,
            map,
            planned,
            number,
            unit,
            table: table.map(|(place, _)| place),
            attributes,
            places,
            start: output.sections.debug_info.bytes.len(),
            output,
            bytes: unit
                .header
                .range_from(unit.header.root_offset()..)
                .map(|bytes| bytes.slice())
                .unwrap_or_default(),
            recipes: Recipes::new(shared, planned, missing.is_empty()),
            scopes: Vec::new(),
            types: needs_pointers.then(Types::default),
            has_long_double: false,
            wrapped: Vec::new(),
            dead_function: None,
            type_in_dead_function: None,
        }
    }

    /// Converts the unit. Returns the entries that are referred to and not in the image.
    fn unit(&mut self) -> Result<HashSet<usize>, Unreadable> {
        let mut entries = self.unit.entries_raw(None)?;
        self.header();
        let mut read = Vec::new();
        // The depth at which `entries` began.
        let mut base = 0;
        while !entries.is_empty() {
            let (mut offset, mut depth) = (entries.next_offset(), base + entries.next_depth());
            let is_root = self.scopes.is_empty();
            if !is_root {
                let mut has_copied = false;
                while let Some((next, next_depth)) = self.copy(offset, depth) {
                    (offset, depth, has_copied) = (next, next_depth, true);
                }
                if has_copied {
                    (entries, base) = (self.entries_from(offset), depth);
                    continue;
                }
            }
            let one = (|| {
                let Some(abbreviation) = entries.read_abbreviation()? else { return Ok(None) };
                check(abbreviation)?;
                // Not `skip_attributes` for what is left out: it overflows on lengths that no file has.
                entries.read_attributes(abbreviation.attributes(), &mut read)?;
                Ok(Some((abbreviation.tag(), abbreviation.has_children())))
            })();
            match one {
                Ok(Some((tag, has_children))) => {
                    let current = Current { offset, depth, tag, has_children, attributes: &read };
                    if is_root { self.root(&current) } else { self.entry(&current) }
                }
                Ok(None) if is_root => return Err(gimli::Error::MissingUnitDie.into()),
                Ok(None) => {}
                Err(error) if is_root => return Err(error),
                Err(error) => {
                    self.attributes.report.drop(Drop::Unit, error);
                    break;
                }
            }
        }
        if self.scopes.is_empty() {
            return Err(gimli::Error::MissingUnitDie.into());
        }
        Ok(self.finish())
    }

    /// The entries from one on.
    fn entries_from(&self, offset: UnitOffset) -> EntriesRaw<'c, Reader<'a>> {
        let rest = self.bytes.get(offset.0.saturating_sub(self.unit.header.header_size())..);
        let unit = self.unit.unit;
        let rest = EndianSlice::new(rest.unwrap_or_default(), LittleEndian);
        EntriesRaw::new(rest, unit.encoding(), &unit.abbreviations, offset)
    }

    /// Copies an entry if nothing else is to be done with it, or reads over the end of a list of them. Returns where the next
    /// one is, and its depth.
    fn copy(&mut self, offset: UnitOffset, depth: isize) -> Option<(UnitOffset, isize)> {
        let bytes = self.bytes.get(offset.0.checked_sub(self.unit.header.header_size())?..)?;
        let (code, code_length) = read_unsigned(bytes)?;
        let next = |length| UnitOffset(offset.0.saturating_add(length));
        if code == 0 {
            return Some((next(code_length), depth - 1));
        }
        if self.is_in_dead_function(depth) || depth > MAX_DEPTH {
            return None;
        }
        self.close(depth);
        let unit = self.unit;
        let recipe = self.recipes.get(unit.unit.abbreviations.get(code)?, &mut self.output.abbreviations)?;
        let place = self.output.sections.debug_info.bytes.len();
        let Copied { length, start, sibling } =
            recipe.copy(bytes.get(code_length..)?, unit, &mut self.attributes, self.output)?;
        let (tag, has_children) = (recipe.tag, recipe.has_children);
        self.places.set(offset.0, place.saturating_sub(self.start));
        if has_children {
            let parent = self.scopes.last();
            let around = parent.and_then(|scope| scope.function);
            let own = start.and_then(|address| self.map.function_near(around, address));
            let is_outer = parent.is_some_and(|scope| scope.is_outer) && tag == dw::DW_TAG_namespace;
            let subprogram = parent.and_then(|scope| scope.subprogram);
            self.scopes.push(Scope { depth, is_outer, sibling, function: own.or(around), subprogram });
        }
        Some((next(code_length.saturating_add(length)), depth + isize::from(has_children)))
    }

    /// The unit's header. Its length is known at the end.
    fn header(&mut self) {
        let Form { version, address_size } = self.attributes.form;
        let info = &mut self.output.sections.debug_info;
        info.bytes.extend_from_slice(&[0; 4]);
        info.bytes.extend_from_slice(&version.to_le_bytes());
        if version >= 5 {
            let is_partial = self.unit.header.type_() == gimli::UnitType::Partial;
            let ty = if is_partial { dw::DW_UT_partial } else { dw::DW_UT_compile };
            info.bytes.extend_from_slice(&[ty.0, address_size]);
        }
        let at = info.bytes.len();
        info.is_offset(at, SectionId::DebugAbbrev);
        info.bytes.extend_from_slice(&[0; 4]);
        if version < 5 {
            info.bytes.push(address_size);
        }
    }

    fn root(&mut self, current: &Current<'_, 'a>) {
        // What stayed in the module of a split unit's root: its addresses and directory.
        let mut entry = gimli::DebuggingInformationEntry::null();
        let planned = self.planned;
        if let Some(skeleton) = &planned.source.skeleton {
            let entries = skeleton.unit.entries_raw(None);
            match entries.and_then(|mut entries| entries.read_entry(&mut entry)) {
                Ok(_) => self.convert(skeleton.unit_ref(), entry.offset(), entry.attrs(), None, true),
                Err(error) => self.attributes.report.drop(Drop::Unit, error),
            }
        }
        self.convert(self.unit, current.offset, current.attributes, None, true);
        let form = self.attributes.form;
        let out = &mut self.attributes.out;
        if out.has(dw::DW_AT_ranges) {
            // Our lists say themselves what they count from, but gdb complains about a unit that does not.
            out.remove(dw::DW_AT_low_pc);
            out.address(dw::DW_AT_low_pc, self.map.text(), form.address_size);
            self.attributes.base = Some(self.map.text());
        }
        let out = &mut self.attributes.out;
        if let Some(table) = self.table {
            let fixup = Fixup::Section(SectionId::DebugLine);
            out.fixup(dw::DW_AT_stmt_list, dw::DW_FORM_sec_offset, small(table), fixup);
        }
        self.producer(current, entry.attrs());
        self.adjust(current);
        let is_partial = current.tag == dw::DW_TAG_partial_unit;
        self.write(
            current,
            if is_partial { dw::DW_TAG_partial_unit } else { dw::DW_TAG_compile_unit },
            true,
            Scope { depth: current.depth, is_outer: true, sibling: None, function: None, subprogram: None },
        );
    }

    /// gdb trusts line tables to find the end of a prologue only if they are made by clang. Otherwise it decodes
    /// the code, which is filler here.
    fn producer(&mut self, current: &Current<'_, 'a>, skeleton: &[gimli::Attribute<Reader<'a>>]) {
        const PREFIX: &[u8] = b"clang ";
        let in_skeleton = skeleton.iter().find(|attribute| attribute.name() == dw::DW_AT_producer);
        let skeleton_unit = self.planned.source.skeleton.as_ref().map(super::sources::Skeleton::unit_ref);
        let text = match (in_skeleton, skeleton_unit) {
            (Some(attribute), Some(unit)) => unit.attr_string(attribute.value()).ok(),
            _ => current.value(dw::DW_AT_producer).and_then(|value| self.unit.attr_string(value).ok()),
        };
        let text = text.map(|text| text.slice()).filter(|text| text.len() < MAX_NAME).unwrap_or_default();
        if !text.starts_with(PREFIX) {
            let out = &mut self.attributes.out;
            out.remove(dw::DW_AT_producer);
            out.string(dw::DW_AT_producer, &[PREFIX, text].concat());
        }
    }

    fn entry(&mut self, current: &Current<'_, 'a>) {
        let Current { offset, depth, tag, .. } = *current;
        self.close(depth);
        if !self.is_kept(current) {
            return;
        }
        let parent = self.scopes.last();
        let is_outer = parent.is_some_and(|scope| scope.is_outer);
        let own = self.function(current);
        if tag == dw::DW_TAG_subprogram {
            self.output.described.extend(own.map(|function| function.index));
        }
        let function = own.or(parent.and_then(|scope| scope.function));
        let subprogram = match tag {
            dw::DW_TAG_subprogram => Some(offset),
            _ => parent.and_then(|scope| scope.subprogram),
        };
        self.convert(self.unit, offset, current.attributes, function, false);
        let is_long_double = current.is_long_double();
        if is_long_double {
            self.name_long_double();
        }
        if current.is_long_complex() {
            // Only by this name gdb takes its parts for IEEE numbers. clang calls all complex types `complex`.
            let out = &mut self.attributes.out;
            out.remove(dw::DW_AT_name);
            out.string(dw::DW_AT_name, b"complex _Float128");
        }
        if matches!(tag, dw::DW_TAG_subprogram | dw::DW_TAG_subroutine_type) {
            self.wrap_result(current);
        }
        if tag == dw::DW_TAG_variable
            && may_be_static(current)
            && let Ok(entry) = self.unit.entry(offset)
        {
            let (module, names) = (self.shared.module, self.shared.names);
            self.output.variables.extend(static_variable(self.unit, &entry, subprogram, module, names));
        }
        if let Some(types) = &mut self.types {
            types.note(self.unit, current, is_outer);
        }
        self.adjust(current);
        let written = if is_long_double { dw::DW_TAG_typedef } else { tag };
        let is_outer = is_outer && tag == dw::DW_TAG_namespace;
        let scope = Scope { depth, is_outer, sibling: None, function, subprogram };
        self.write(current, written, current.has_children, scope);
    }

    /// Whether an entry at a depth is in a removed function.
    fn is_in_dead_function(&mut self, depth: isize) -> bool {
        for around in [&mut self.dead_function, &mut self.type_in_dead_function] {
            *around = around.filter(|&outer| depth > outer);
        }
        self.dead_function.is_some()
    }

    /// Whether an entry goes into the image.
    fn is_kept(&mut self, current: &Current<'_, 'a>) -> bool {
        let Current { depth, tag, .. } = *current;
        let mut is_dead = self.is_in_dead_function(depth);
        if tag == dw::DW_TAG_subprogram && !is_dead && self.is_dead(current) {
            is_dead = true;
            self.dead_function = Some(depth);
            self.attributes.report.dead_functions += 1;
        }
        if is_dead && self.type_in_dead_function.is_none() {
            if !is_type(tag) {
                return false;
            }
            self.type_in_dead_function = Some(depth);
        }
        if depth > MAX_DEPTH {
            self.attributes.report.drop(Drop::Entry, "nested too deep");
        }
        depth <= MAX_DEPTH
    }

    /// Whether a function says where its code is, and no code is there.
    fn is_dead(&self, current: &Current<'_, 'a>) -> bool {
        if let Some(low) = current.find(dw::DW_AT_low_pc) {
            return start_address(self.unit, low).and_then(|address| self.map.code(address)).is_none();
        }
        current
            .value(dw::DW_AT_ranges)
            .is_some_and(|ranges| code_ranges(self.unit, self.map, ranges, false).is_empty())
    }

    /// Writes the entry with the attributes that were converted.
    fn write(&mut self, current: &Current<'_, 'a>, tag: DwTag, has_children: bool, scope: Scope<'c>) {
        let has_sibling = has_children && (is_skipped(tag) || current.find(dw::DW_AT_sibling).is_some());
        let AttributeConverter { out, waiting, report, .. } = &mut self.attributes;
        if has_sibling {
            out.fixup(dw::DW_AT_sibling, dw::DW_FORM_ref4, 0, Fixup::Sibling);
        }
        report.entries += 1;
        let (place, sibling) = self.output.entry(tag, has_children, out, waiting);
        self.places.set(current.offset.0, place.saturating_sub(self.start));
        if has_children {
            self.scopes.push(Scope { sibling, ..scope });
        }
    }

    /// Ends the children of those entries around the current one that it is not in. The root stays.
    fn close(&mut self, depth: isize) {
        while self.scopes.len() > 1 && self.scopes.last().is_some_and(|scope| scope.depth >= depth) {
            self.close_one();
        }
    }

    fn close_one(&mut self) {
        let sibling = self.scopes.pop().and_then(|scope| scope.sibling);
        let info = &mut self.output.sections.debug_info;
        info.bytes.push(0);
        if let Some(at) = sibling {
            let place = small(info.bytes.len().saturating_sub(self.start));
            info.put(at, &place.to_le_bytes());
        }
    }

    /// What comes behind the last entry. Returns the entries that are missing.
    fn finish(&mut self) -> HashSet<usize> {
        self.close(0);
        if self.has_long_double {
            let out = &mut self.attributes.out;
            out.string(dw::DW_AT_name, b"_Float128");
            out.number(dw::DW_AT_encoding, dw::DW_ATE_float.0.into());
            out.number(dw::DW_AT_byte_size, 16);
            let (place, _) =
                self.output.entry(dw::DW_TAG_base_type, false, out, &mut self.attributes.waiting);
            self.places.set(self.end(), place.saturating_sub(self.start));
        }
        self.write_wrapped();
        if let Some(types) = self.types.take() {
            let size = self.unit.encoding().address_size;
            types.add_pointers(self.unit, self.places, self.start, language(self.unit), size, self.output);
        }
        self.close_one();
        let info = &mut self.output.sections.debug_info;
        let length = small(info.bytes.len().saturating_sub(self.start).saturating_sub(4));
        info.put(self.start, &length.to_le_bytes());
        let sections = &mut self.output.sections;
        let missing = self.places.settle(&self.attributes.waiting, |id, change| {
            if let Some(piece) = sections.get_mut(id) {
                change(piece);
            }
        });
        if missing.is_empty() && self.shared.keeps_places {
            self.output.places.push((self.number, self.places.list(self.start)));
        }
        let report = &mut self.attributes.report;
        report.units += 1;
        report.units_without_lines += u64::from(self.planned.without_lines);
        missing
    }

    /// The function that the code of an entry is in, if it has code.
    fn function(&self, current: &Current<'_, 'a>) -> Option<&'c Function> {
        if let Some(low) = current.find(dw::DW_AT_low_pc) {
            return self.map.function(start_address(self.unit, low)?);
        }
        let ranges = current.value(dw::DW_AT_ranges)?;
        let (begin, _) = *code_ranges(self.unit, self.map, ranges, false).first()?;
        self.map.function(begin)
    }

    /// Converts attributes of an entry, but for those that it has already.
    fn convert(
        &mut self,
        unit: UnitRef<'_, Reader<'a>>,
        entry: UnitOffset,
        attributes: &[gimli::Attribute<Reader<'a>>],
        function: Option<&Function>,
        is_root: bool,
    ) {
        let resolver = Resolver { unit, entry, ..self.attributes.resolver };
        if !is_root {
            self.attributes.resolver.entry = entry;
        }
        let context = Context {
            layout: self.shared.layout,
            module: self.shared.module,
            function,
            encoding: unit.encoding(),
            resolve: &resolver,
        };
        for attribute in attributes {
            let name = attribute.name();
            if self.planned.without_lines && is_call_position(name)
                || is_root && self.attributes.out.has(name)
            {
                continue;
            }
            self.attributes.convert(self.output, unit, attribute, &context, is_root);
            if is_root && name == dw::DW_AT_low_pc && self.attributes.out.has(name) {
                let low = start_address(unit, attribute);
                self.attributes.base = low.map(|low| self.map.text().wrapping_add(low));
            }
        }
    }

    /// Where the unit ends, which stands for the first entry that is ours.
    fn end(&self) -> usize {
        self.planned.source.unit.header.length_including_self()
    }

    /// Changes what the larger address size or a lost attribute makes wrong.
    fn adjust(&mut self, current: &Current<'_, 'a>) {
        let read_size = self.unit.encoding().address_size;
        let out = &mut self.attributes.out;
        if current.find(dw::DW_AT_high_pc).is_some() && !out.has(dw::DW_AT_low_pc) {
            out.remove(dw::DW_AT_high_pc);
        }
        if is_pointer(current.tag)
            && read_size != self.shared.layout.machine.address_size()
            && !out.has(dw::DW_AT_byte_size)
        {
            out.number(dw::DW_AT_byte_size, read_size.into());
        }
        if let Some(name) = current.value(dw::DW_AT_linkage_name)
            && self.unit.attr_string(name).is_ok_and(|name| is_main(name.slice()))
        {
            // In C, debuggers show the linkage name when there is one.
            out.remove(dw::DW_AT_linkage_name);
        }
    }
}

/// Whether an abbreviation is one that a compiler makes.
fn check(abbreviation: &Abbreviation) -> Result<(), Unreadable> {
    if abbreviation.attributes().len() > MAX_ATTRIBUTES {
        return Err(Unreadable::Attributes);
    }
    Ok(())
}
