//! One unit: its line table, then its entries in order, then what a debugger needs to see in them.

use std::collections::BTreeMap;

use gimli::write::{Address, AttributeValue as Value, Unit, UnitEntryId, UnitTable};
use gimli::{AttributeValue, DebuggingInformationEntry, DwAt, DwTag, UnitOffset, UnitRef, constants as dw};

use super::address::AddressMap;
use super::attribute::{AttributeConverter, Resolver};
use super::expression::Context;
use super::limits::Budget;
use super::line::{self, Files, LineStrings};
use super::list::code_ranges;
use super::pointer;
use super::strings::Strings;
use super::survey::{Place, Survey, is_long_double, start_address};
use super::variable::{StaticVariable, static_variable};
use crate::module::is_main;
use crate::report::{Drop, Report};
use crate::returns::{function_return, return_type};
use crate::sections::Reader;
use crate::{Function, FunctionReturn, Layout, Module};

type Entry<'a> = DebuggingInformationEntry<Reader<'a>>;

/// What all conversions of units share.
pub(crate) struct Shared<'c> {
    pub(crate) module: &'c Module<'c>,
    pub(crate) layout: &'c Layout,
    /// For reading names of variables.
    pub(crate) names: &'c Budget,
}

/// An entry around the current one.
struct Scope<'c> {
    depth: isize,
    id: UnitEntryId,
    /// The Wasm function that its code is in.
    function: Option<&'c Function>,
    /// Where the entry of the function around it is.
    subprogram: Option<UnitOffset>,
}

/// What all units of a part add to.
pub(crate) struct Tables<'t, 'a> {
    pub(crate) units: &'t mut UnitTable,
    pub(crate) strings: Strings<'t, 'a>,
    pub(crate) line_strings: LineStrings<'t>,
    /// How functions return structures, by function index.
    pub(crate) returns: BTreeMap<u32, FunctionReturn>,
    /// Variables at one address each.
    pub(crate) variables: Vec<StaticVariable>,
    /// Functions of which there are entries, by index.
    pub(crate) described: Vec<u32>,
}

/// Converts unit `number` of the survey into its place.
pub(crate) fn convert<'a>(
    shared: &Shared<'_>,
    survey: &Survey<'_, 'a>,
    number: usize,
    tables: &mut Tables<'_, 'a>,
    report: &mut Report,
) {
    let Some(surveyed) = survey.units.get(number) else { return };
    let source = &surveyed.source;
    let out = tables.units.get_mut(surveyed.id);
    let with_table = source.with_table();
    let is_code_unit = source.is_code_unit();
    let with_rows = surveyed.with_rows && !surveyed.without_lines;
    let table = line::convert(
        with_table,
        source.unit.name,
        out.encoding(),
        with_rows,
        &surveyed.map,
        &mut tables.line_strings,
        report,
    );
    let mut files = Files::default();
    if let Some((program, converted)) = table {
        out.line_program = program;
        files = converted;
    }

    let strings = &mut tables.strings;
    let attributes = AttributeConverter { survey, number, map: &surveyed.map, files, strings, report };
    let mut converter = UnitConverter {
        shared,
        map: &surveyed.map,
        survey,
        number,
        unit: source.unit_ref(),
        without_lines: surveyed.without_lines,
        out,
        attributes,
        returns: &mut tables.returns,
        variables: &mut tables.variables,
        described: &mut tables.described,
        scopes: Vec::new(),
        in_locals: Vec::new(),
    };
    let done = converter.entries(&surveyed.places);
    converter.fill(surveyed.places.get(done..).unwrap_or_default());
    converter.finish_root();
    let size = source.unit.encoding().address_size;
    if is_code_unit && size < shared.layout.machine.address_size() {
        pointer::add_pointers(converter.out, converter.attributes.strings, &converter.in_locals, size);
    }
    report.units += 1;
    report.units_without_lines += u64::from(surveyed.without_lines);
    report.entries += u64::try_from(surveyed.places.len()).unwrap_or(u64::MAX);
}

struct UnitConverter<'c, 's, 'a> {
    shared: &'c Shared<'c>,
    map: &'c AddressMap<'c>,
    survey: &'c Survey<'c, 'a>,
    number: usize,
    unit: UnitRef<'c, Reader<'a>>,
    without_lines: bool,
    out: &'c mut Unit,
    attributes: AttributeConverter<'c, 's, 'a>,
    returns: &'c mut BTreeMap<u32, FunctionReturn>,
    variables: &'c mut Vec<StaticVariable>,
    described: &'c mut Vec<u32>,
    /// From the root to the parent of the current entry.
    scopes: Vec<Scope<'c>>,
    /// Variables that live in Wasm locals.
    in_locals: Vec<UnitEntryId>,
}

impl<'c, 'a> UnitConverter<'c, '_, 'a> {
    /// Converts the entries at `places`. Returns how many there were before an unreadable one.
    fn entries(&mut self, places: &[Place]) -> usize {
        let mut entries = match self.unit.entries_raw(None) {
            Ok(entries) => entries,
            Err(error) => {
                self.attributes.report.drop(Drop::Unit, error);
                return 0;
            }
        };
        let mut entry = Entry::null();
        for (done, place) in places.iter().enumerate() {
            // Skip what the survey left out.
            loop {
                match entries.read_entry(&mut entry) {
                    Ok(true) if entry.offset() == place.offset => break,
                    Ok(_) => {}
                    Err(error) => {
                        self.attributes.report.drop(Drop::Unit, error);
                        return done;
                    }
                }
            }
            self.entry(place.id, &entry);
        }
        places.len()
    }

    fn entry(&mut self, id: UnitEntryId, entry: &Entry<'a>) {
        let depth = entry.depth();
        let is_root = id == self.out.root();
        while self.scopes.len() > 1 && self.scopes.last().is_some_and(|scope| scope.depth >= depth) {
            self.scopes.pop();
        }
        let parent = self.scopes.last();
        let own = self.function(entry);
        if entry.tag() == dw::DW_TAG_subprogram {
            self.described.extend(own.map(|function| function.index));
        }
        let function = own.or(parent.and_then(|scope| scope.function));
        let subprogram = match entry.tag() {
            dw::DW_TAG_subprogram => Some(entry.offset()),
            _ => parent.and_then(|scope| scope.subprogram),
        };
        let is_long_double = !is_root && is_long_double(entry.tag(), entry.attrs());
        if !is_root {
            let parent = parent.map_or(self.out.root(), |scope| scope.id);
            self.out.add_reserved(id, parent, if is_long_double { dw::DW_TAG_typedef } else { entry.tag() });
        }
        self.attributes(id, entry, self.unit, function);
        if is_long_double {
            self.name_long_double(id);
        }
        if entry.tag() == dw::DW_TAG_subprogram
            && let Some(function) = function
            && let Some(ty) = return_type(self.unit, entry)
            && let Some(found) = function_return(self.unit, ty, !function.results.is_empty())
        {
            self.returns.insert(function.index, found);
        }
        if entry.tag() == dw::DW_TAG_variable {
            let Shared { module, names, .. } = self.shared;
            self.variables.extend(static_variable(self.unit, entry, subprogram, module, names));
        }
        if entry.attr_value(dw::DW_AT_location).is_some_and(|location| may_be_local(&location)) {
            self.in_locals.push(id);
        }
        if is_root {
            self.skeleton_attributes(id);
        }
        self.adjust(id, entry.tag());
        let sibling = entry.has_attr(dw::DW_AT_sibling);
        self.out.get_mut(id).set_sibling(sibling);
        if entry.has_children() || is_root {
            self.scopes.push(Scope { depth, id, function, subprogram });
        }
    }

    /// The function that the code of an entry is in, if it has code.
    fn function(&self, entry: &Entry<'a>) -> Option<&'c Function> {
        if let Some(low) = entry.attr(dw::DW_AT_low_pc) {
            return self.map.function(start_address(self.unit, low)?);
        }
        let ranges = entry.attr_value(dw::DW_AT_ranges)?;
        let (begin, _) = *code_ranges(self.unit, self.map, ranges, false).first()?;
        self.map.function(begin)
    }

    fn attributes(
        &mut self,
        id: UnitEntryId,
        entry: &Entry<'a>,
        unit: UnitRef<'_, Reader<'a>>,
        function: Option<&Function>,
    ) {
        let is_root = id == self.out.root();
        let resolver = Resolver { survey: self.survey, number: self.number, unit, entry };
        let context = Context {
            layout: self.shared.layout,
            module: self.shared.module,
            function,
            encoding: unit.encoding(),
            resolve: &resolver,
        };
        for attribute in entry.attrs() {
            if self.without_lines && is_call_position(attribute.name()) {
                continue;
            }
            let value = self.attributes.convert(self.out, unit, attribute, &context, is_root);
            if let Some(value) = value {
                self.out.get_mut(id).set(attribute.name(), value);
            }
        }
    }

    /// What stayed in the module of a split unit's root: its addresses and directory.
    fn skeleton_attributes(&mut self, id: UnitEntryId) {
        let Some(surveyed) = self.survey.units.get(self.number) else { return };
        let Some(skeleton) = &surveyed.source.skeleton else { return };
        let mut root = Entry::null();
        let entries = skeleton.unit.entries_raw(None);
        match entries.and_then(|mut entries| entries.read_entry(&mut root)) {
            Ok(_) => self.attributes(id, &root, skeleton.unit_ref(), None),
            Err(error) => self.attributes.report.drop(Drop::Unit, error),
        }
    }

    /// Makes a name for the type that gdb knows as an IEEE number of 16 bytes.
    fn name_long_double(&mut self, id: UnitEntryId) {
        let base = self.out.add(self.out.root(), dw::DW_TAG_base_type);
        let entry = self.out.get_mut(base);
        entry.set(dw::DW_AT_name, Value::String(b"_Float128".to_vec()));
        entry.set(dw::DW_AT_encoding, Value::Encoding(dw::DW_ATE_float));
        entry.set(dw::DW_AT_byte_size, Value::Data1(16));
        let name = self.out.get_mut(id);
        name.delete(dw::DW_AT_encoding);
        name.delete(dw::DW_AT_byte_size);
        name.set(dw::DW_AT_type, Value::UnitRef(base));
    }

    /// Changes what the larger address size or a lost attribute makes wrong.
    fn adjust(&mut self, id: UnitEntryId, tag: DwTag) {
        let read_size = self.unit.encoding().address_size;
        let is_root = id == self.out.root();
        let entry = self.out.get_mut(id);
        if is_root && entry.get(dw::DW_AT_ranges).is_some() {
            // Our lists say themselves what they count from, but gdb complains about a unit that does not.
            entry.set(dw::DW_AT_low_pc, Value::Address(Address::Constant(self.map.text())));
        }
        if entry.get(dw::DW_AT_low_pc).is_none() {
            entry.delete(dw::DW_AT_high_pc);
        }
        let is_pointer = matches!(
            tag,
            dw::DW_TAG_pointer_type
                | dw::DW_TAG_reference_type
                | dw::DW_TAG_rvalue_reference_type
                | dw::DW_TAG_ptr_to_member_type
        );
        if is_pointer
            && read_size != self.shared.layout.machine.address_size()
            && entry.get(dw::DW_AT_byte_size).is_none()
        {
            entry.set(dw::DW_AT_byte_size, Value::Udata(u64::from(read_size)));
        }
        let linkage_name = entry.get(dw::DW_AT_linkage_name);
        if linkage_name.and_then(|name| self.attributes.strings.get(name)).is_some_and(is_main) {
            // In C, debuggers show the linkage name when there is one.
            entry.delete(dw::DW_AT_linkage_name);
        }
    }

    /// gdb trusts line tables to find the end of a prologue only if they are made by clang. Otherwise it decodes
    /// the code, which is filler here.
    fn finish_root(&mut self) {
        const PREFIX: &[u8] = b"clang ";
        let strings = &*self.attributes.strings;
        let root = self.out.get_mut(self.out.root());
        let producer = root.get(dw::DW_AT_producer).and_then(|value| strings.get(value)).unwrap_or_default();
        if !producer.starts_with(PREFIX) {
            let producer = [PREFIX, producer].concat();
            root.set(dw::DW_AT_producer, Value::String(producer));
        }
    }

    /// Puts something in the place of entries that the survey could read and the conversion could not, so that
    /// references to them do not dangle.
    fn fill(&mut self, places: &[Place]) {
        let root = self.out.root();
        for place in places.iter().filter(|place| place.id != root) {
            self.out.add_reserved(place.id, root, dw::DW_TAG_unspecified_type);
        }
    }
}

/// Whether a variable lives in a Wasm local, at least for some time.
fn may_be_local(location: &AttributeValue<Reader<'_>>) -> bool {
    match location {
        AttributeValue::Exprloc(expression) => {
            expression.0.slice().first() == Some(&dw::DW_OP_WASM_location.0)
        }
        AttributeValue::LocationListsRef(_) | AttributeValue::DebugLocListsIndex(_) => true,
        _ => false,
    }
}

/// Whether an attribute says where in the source an inlined function was called. Debuggers show that as the position of
/// the caller.
fn is_call_position(name: DwAt) -> bool {
    matches!(name, dw::DW_AT_call_file | dw::DW_AT_call_line | dw::DW_AT_call_column)
}
