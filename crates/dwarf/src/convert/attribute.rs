//! One attribute of an entry. An attribute that cannot be converted is dropped alone, and counted.

use std::collections::HashSet;

use gimli::{
    Attribute, AttributeValue, DebugAddrIndex, DebugInfoOffset, DwAt, DwForm, SectionId, UnitOffset, UnitRef,
    constants as dw,
};

use super::address::AddressMap;
use super::bytes::{fixed, signed, unsigned};
use super::counting::start_address;
use super::entry::{Attributes, Fixup, referred};
use super::expression::{self, Context, Resolve, Role};
use super::line::Files;
use super::list::{Form, List, code_ranges, write_locations, write_ranges};
use super::output::Output;
use super::part::Shared;
use super::reference::{EntryPlace, Waiting};
use super::strings::Kind;
use super::variable::inherited;
use crate::report::{Drop, Report};
use crate::returns::type_size;
use crate::sections::Reader;

const NO_STRING: &str = "a string outside of its section";
const LOST: &str = "a reference to an entry that is not in the image";

/// The unit being read, to look up what expressions and attributes refer to.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'r, 'a> {
    pub(crate) shared: &'r Shared<'r, 'a>,
    pub(crate) number: usize,
    pub(crate) unit: UnitRef<'r, Reader<'a>>,
    /// The entry whose attributes are converted.
    pub(crate) entry: UnitOffset,
    /// Entries of the unit that are known not to be in the image.
    pub(crate) missing: &'r HashSet<usize>,
}

impl Resolver<'_, '_> {
    /// The entry in words: its name, and the function around it.
    fn described(&self, context: &Context<'_>) -> String {
        let entry = self.unit.entry(self.entry).ok();
        let name = entry.as_ref().and_then(|entry| inherited(self.unit, entry, dw::DW_AT_name));
        let name = name.and_then(|name| self.unit.attr_string(name).ok());
        let name = match (name, entry) {
            (Some(name), _) => name.to_string_lossy().into_owned(),
            (None, Some(entry)) => entry.tag().to_string(),
            (None, None) => "an entry".to_owned(),
        };
        match context.function {
            Some(function) => format!("{name} in {}", function.name),
            None => name,
        }
    }
}

impl Resolve for Resolver<'_, '_> {
    fn address(&self, index: DebugAddrIndex) -> Option<u64> {
        self.unit.address(index).ok()
    }

    fn is_base_type(&self, offset: UnitOffset) -> bool {
        let is_it = |tag| tag == dw::DW_TAG_base_type;
        !self.missing.contains(&offset.0) && self.unit.entry(offset).is_ok_and(|entry| is_it(entry.tag()))
    }

    fn entry(&self, offset: DebugInfoOffset) -> Option<EntryPlace> {
        self.shared.entry_at(self.number, offset)
    }

    fn value_size(&self) -> Option<u64> {
        let entry = self.unit.entry(self.entry).ok()?;
        match inherited(self.unit, &entry, dw::DW_AT_type)? {
            AttributeValue::UnitRef(ty) => type_size(self.unit, ty),
            _ => None,
        }
    }

    fn integer_size(&self, offset: UnitOffset) -> Option<u8> {
        let ty = self.unit.entry(offset).ok()?;
        let is_integer = matches!(
            ty.attr_value(dw::DW_AT_encoding),
            Some(AttributeValue::Encoding(
                dw::DW_ATE_boolean
                    | dw::DW_ATE_signed
                    | dw::DW_ATE_signed_char
                    | dw::DW_ATE_unsigned
                    | dw::DW_ATE_unsigned_char
            ))
        );
        let size = ty.attr(dw::DW_AT_byte_size)?.udata_value()?;
        u8::try_from(size).ok().filter(|size| is_integer && *size <= 8)
    }
}

/// What it takes to convert the attributes of one unit.
pub(crate) struct AttributeConverter<'c, 'a> {
    pub(crate) resolver: Resolver<'c, 'a>,
    pub(crate) map: &'c AddressMap<'c>,
    pub(crate) form: Form,
    pub(crate) files: Files,
    /// Whether an entry names a file.
    pub(crate) names_file: bool,
    /// The unit's base address in the image, from when it is known.
    pub(crate) base: Option<u64>,
    /// Those of the current entry.
    pub(crate) out: Attributes,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) report: Report,
}

impl<'a> AttributeConverter<'_, 'a> {
    /// Converts an attribute of an entry. `unit` is where it was read: the unit or its skeleton.
    pub(crate) fn convert(
        &mut self,
        output: &mut Output,
        unit: UnitRef<'_, Reader<'a>>,
        attribute: &Attribute<Reader<'a>>,
        context: &Context<'_>,
        is_root: bool,
    ) {
        self.convert_one(output, unit, attribute, context, is_root);
        let resolver = self.resolver;
        self.report.name_lost(|| resolver.described(context));
    }

    fn convert_one(
        &mut self,
        output: &mut Output,
        unit: UnitRef<'_, Reader<'a>>,
        attribute: &Attribute<Reader<'a>>,
        context: &Context<'_>,
        is_root: bool,
    ) {
        let name = attribute.name();
        if is_metadata(name) {
            return;
        }
        let value = attribute.value();
        let is_location = matches!(
            value,
            AttributeValue::Exprloc(_)
                | AttributeValue::LocationListsRef(_)
                | AttributeValue::DebugLocListsIndex(_)
        );
        if is_location && !context.layout.has_variables && role(name) != Role::Value {
            // A variable with an empty expression is one that was optimized out.
            return self.out.expression(name, &context.empty());
        }
        if is_root
            && matches!(name, dw::DW_AT_name | dw::DW_AT_comp_dir)
            && let Some(path) = self.changed_path(unit, value)
        {
            return self.out.string(name, &path);
        }
        match value {
            _ if name == dw::DW_AT_low_pc => {
                if let Some(address) = start_address(unit, attribute) {
                    self.address(name, address, is_root);
                }
            }
            AttributeValue::Addr(_) | AttributeValue::DebugAddrIndex(_) => {
                if let Ok(Some(address)) = unit.attr_address(value) {
                    self.address(name, address, is_root);
                }
            }
            AttributeValue::Exprloc(data) if name == dw::DW_AT_vtable_elem_location => {
                // gdb looks for the very opcode DW_OP_constu, which a conversion may shorten.
                self.block(name, dw::DW_FORM_exprloc, data.0.slice());
            }
            AttributeValue::Exprloc(data) if is_frame_offset(data.0.slice()) => {
                // Most variables of code without optimisation, and nothing is to be changed.
                self.report.expressions += 1;
                self.block(name, dw::DW_FORM_exprloc, data.0.slice());
            }
            AttributeValue::Exprloc(data) => match expression::convert(context, role(name), data) {
                Ok(data) => {
                    self.report.expressions += 1;
                    self.out.expression(name, &data);
                }
                Err(reason) => {
                    self.report.drop_expression(reason);
                    if role(name) == Role::Location {
                        // An empty location means "optimized out". Without any, gdb looks for a symbol of that name.
                        self.out.expression(name, &context.empty());
                    }
                }
            },
            AttributeValue::LocationListsRef(_) | AttributeValue::DebugLocListsIndex(_) => {
                self.locations(output, unit, name, value, context);
            }
            AttributeValue::RangeListsRef(_) | AttributeValue::DebugRngListsIndex(_) => {
                let ranges = code_ranges(unit, self.map, value, is_root);
                if !ranges.is_empty() {
                    // A unit with ranges is given the start of the code for its base address.
                    let base = if is_root { Some(self.map.text()) } else { self.base };
                    let section = self.form.section(List::Ranges);
                    let Some(piece) = output.sections.get_mut(section) else { return };
                    let place = write_ranges(self.form, piece, self.map, &ranges, base);
                    self.offset(name, place, section);
                }
            }
            _ => {
                if let Err(reason) = self.constant(unit, attribute, value) {
                    self.report.drop(Drop::Attribute, reason);
                }
            }
        }
    }

    /// What a path that has changed is now.
    fn changed_path(
        &self,
        unit: UnitRef<'_, Reader<'a>>,
        value: AttributeValue<Reader<'a>>,
    ) -> Option<Vec<u8>> {
        let paths = self.resolver.shared.paths;
        if paths.is_empty() { None } else { paths.apply(unit.attr_string(value).ok()?.slice()) }
    }

    fn locations(
        &mut self,
        output: &mut Output,
        unit: UnitRef<'_, Reader<'a>>,
        name: DwAt,
        value: AttributeValue<Reader<'a>>,
        context: &Context<'_>,
    ) {
        let section = self.form.section(List::Locations);
        let Some(piece) = output.sections.get_mut(section) else { return };
        let mut fixups = Vec::new();
        let refer = |data: &expression::Expression, at| fixups.extend(referred(data, at));
        let (form, map, role, report) = (self.form, self.map, role(name), &mut self.report);
        let place = write_locations(form, piece, unit, map, value, context, role, report, refer);
        for (at, fixup) in fixups {
            output.fix(section, at, fixup, &mut self.waiting);
        }
        if let Some(place) = place {
            self.offset(name, place, section);
        }
    }

    /// An offset in a section of the part.
    fn offset(&mut self, name: DwAt, place: usize, section: SectionId) {
        self.out.fixup(name, dw::DW_FORM_sec_offset, super::bytes::small(place), Fixup::Section(section));
    }

    fn block(&mut self, name: DwAt, form: DwForm, contents: &[u8]) {
        let bytes = self.out.begin(name, form);
        unsigned(bytes, u64::try_from(contents.len()).unwrap_or(u64::MAX));
        bytes.extend_from_slice(contents);
    }

    /// A code address. Ends of ranges may be just behind the code, and a unit may begin at 0.
    fn address(&mut self, name: DwAt, address: u64, is_root: bool) {
        let begin = match name {
            dw::DW_AT_high_pc => address.saturating_sub(1),
            _ if is_root => address.max(1),
            _ => address,
        };
        if self.map.code(begin).is_none() {
            if address != 0 || !is_root {
                self.report.drop(Drop::Range, "an address outside of the code");
            }
            return;
        }
        self.out.address(name, self.map.text().wrapping_add(address), self.form.address_size);
    }

    /// What does not depend on addresses.
    fn constant(
        &mut self,
        unit: UnitRef<'_, Reader<'a>>,
        attribute: &Attribute<Reader<'a>>,
        value: AttributeValue<Reader<'a>>,
    ) -> Result<(), String> {
        let name = attribute.name();
        match value {
            AttributeValue::UnitRef(offset) => return self.reference(name, offset),
            AttributeValue::DebugInfoRef(offset) => {
                let place = self.resolver.entry(offset).ok_or(LOST)?;
                return self.cross(name, place);
            }
            AttributeValue::DebugTypesRef(signature) => {
                let place = self.resolver.shared.signature(signature).ok_or(LOST)?;
                return self.cross(name, place);
            }
            AttributeValue::DebugStrRef(offset) => return self.string(unit, name, Kind::String, offset.0),
            AttributeValue::DebugStrOffsetsIndex(index) => {
                let offset = unit.string_offset(index).map_err(|error| error.to_string())?;
                return self.string(unit, name, Kind::String, offset.0);
            }
            AttributeValue::DebugLineStrRef(offset) => {
                return self.string(unit, name, Kind::LineString, offset.0);
            }
            AttributeValue::String(string) => self.out.string(name, string.slice()),
            AttributeValue::FileIndex(0) if unit.header.version() <= 4 => return Ok(()),
            AttributeValue::FileIndex(index) if !self.files.contains(index) => {
                return Err("a file that is not in the line table".to_owned());
            }
            AttributeValue::FileIndex(_) => {
                self.names_file = true;
                self.number(name, attribute);
            }
            AttributeValue::Block(block) => self.block(name, dw::DW_FORM_block, block.slice()),
            AttributeValue::Data16(value) => {
                self.out.begin(name, dw::DW_FORM_data16).extend_from_slice(&value.to_le_bytes());
            }
            // Section offsets without a meaning here, and what is in another file.
            AttributeValue::SecOffset(_)
            | AttributeValue::DebugLineRef(_)
            | AttributeValue::DebugMacinfoRef(_)
            | AttributeValue::DebugMacroRef(_)
            | AttributeValue::DebugStrOffsetsBase(_)
            | AttributeValue::DebugAddrBase(_)
            | AttributeValue::DebugLocListsBase(_)
            | AttributeValue::DebugRngListsBase(_)
            | AttributeValue::DebugInfoRefSup(_)
            | AttributeValue::DebugStrRefSup(_)
            | AttributeValue::DwoId(_) => return Ok(()),
            _ => self.number(name, attribute),
        }
        Ok(())
    }

    /// A number as it was written.
    fn number(&mut self, name: DwAt, attribute: &Attribute<Reader<'a>>) {
        match attribute.raw_value() {
            AttributeValue::Data1(value) => fixed(self.out.begin(name, dw::DW_FORM_data1), value.into(), 1),
            AttributeValue::Data2(value) => fixed(self.out.begin(name, dw::DW_FORM_data2), value.into(), 2),
            AttributeValue::Data4(value) => fixed(self.out.begin(name, dw::DW_FORM_data4), value.into(), 4),
            AttributeValue::Data8(value) => fixed(self.out.begin(name, dw::DW_FORM_data8), value, 8),
            AttributeValue::Udata(value) => unsigned(self.out.begin(name, dw::DW_FORM_udata), value),
            AttributeValue::Sdata(value) => signed(self.out.begin(name, dw::DW_FORM_sdata), value),
            AttributeValue::Flag(_) if attribute.form() == dw::DW_FORM_flag_present => {
                self.out.begin(name, dw::DW_FORM_flag_present);
            }
            AttributeValue::Flag(value) => self.out.begin(name, dw::DW_FORM_flag).push(value.into()),
            _ => {}
        }
    }

    fn reference(&mut self, name: DwAt, offset: UnitOffset) -> Result<(), String> {
        if self.resolver.missing.contains(&offset.0) {
            return Err(LOST.to_owned());
        }
        self.out.reference(name, offset.0);
        Ok(())
    }

    /// A reference to an entry of any unit.
    fn cross(&mut self, name: DwAt, place: EntryPlace) -> Result<(), String> {
        if place.unit == self.resolver.number {
            return self.reference(name, UnitOffset(place.offset));
        }
        self.out.fixup(name, dw::DW_FORM_ref_addr, 0, Fixup::Cross(place));
        Ok(())
    }

    /// Where in the image a string is.
    pub(crate) fn string_place(
        &self,
        unit: UnitRef<'_, Reader<'a>>,
        kind: Kind,
        offset: usize,
    ) -> Option<u32> {
        self.resolver.shared.strings.place(kind, unit.dwarf, offset)
    }

    fn string(
        &mut self,
        unit: UnitRef<'_, Reader<'a>>,
        name: DwAt,
        kind: Kind,
        offset: usize,
    ) -> Result<(), String> {
        let place = self.string_place(unit, kind, offset).ok_or(NO_STRING)?;
        self.out.begin(name, kind.form()).extend_from_slice(&place.to_le_bytes());
        Ok(())
    }
}

/// The length of an attribute that is such an expression with its length before it.
pub(crate) fn frame_offset(attribute: &[u8]) -> Option<usize> {
    let (length, rest) = attribute.split_first()?;
    let expression = rest.get(..usize::from(*length))?;
    is_frame_offset(expression).then_some(expression.len() + 1)
}

/// Whether an expression is one operator that adds a number to the frame base.
fn is_frame_offset(expression: &[u8]) -> bool {
    match expression {
        [opcode, number @ .., last] => {
            let has_more = |byte: &u8| byte & 0x80 != 0;
            gimli::DwOp(*opcode) == dw::DW_OP_fbreg
                && number.len() < 9
                && number.iter().all(has_more)
                && !has_more(last)
        }
        _ => false,
    }
}

pub(crate) fn role(name: DwAt) -> Role {
    match name {
        dw::DW_AT_location => Role::Location,
        dw::DW_AT_frame_base => Role::FrameBase,
        _ => Role::Value,
    }
}

/// What describes the encoding of the module's DWARF and not the program. Macros are left out with it.
pub(crate) fn is_metadata(name: DwAt) -> bool {
    matches!(
        name,
        dw::DW_AT_sibling
            | dw::DW_AT_stmt_list
            | dw::DW_AT_str_offsets_base
            | dw::DW_AT_addr_base
            | dw::DW_AT_rnglists_base
            | dw::DW_AT_loclists_base
            | dw::DW_AT_dwo_name
            | dw::DW_AT_GNU_addr_base
            | dw::DW_AT_GNU_ranges_base
            | dw::DW_AT_GNU_dwo_name
            | dw::DW_AT_GNU_dwo_id
            | dw::DW_AT_GNU_locviews
            | dw::DW_AT_GNU_pubnames
            | dw::DW_AT_macro_info
            | dw::DW_AT_macros
            | dw::DW_AT_GNU_macros
    )
}
