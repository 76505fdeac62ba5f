//! One attribute of an entry. An attribute that cannot be converted is dropped alone, and counted.

use gimli::write::{Address, AttributeValue as Value, DebugInfoRef, Expression, UnitEntryId};
use gimli::{
    Attribute, AttributeValue, DebugAddrIndex, DebugInfoOffset, DebuggingInformationEntry, DwAt, Section,
    UnitOffset, UnitRef, constants as dw,
};

use super::address::AddressMap;
use super::expression::{self, Context, Resolve, Role};
use super::line::Files;
use super::list::{code_ranges, location_list, range_list};
use super::strings::Strings;
use super::survey::{Survey, start_address};
use super::variable::inherited;
use crate::report::{Drop, Report};
use crate::returns::type_size;
use crate::sections::Reader;

const NO_STRING: &str = "a string outside of its section";

/// The unit being read, to look up what expressions refer to.
pub(crate) struct Resolver<'r, 'a> {
    pub(crate) survey: &'r Survey<'r, 'a>,
    pub(crate) number: usize,
    pub(crate) unit: UnitRef<'r, Reader<'a>>,
    /// The entry whose attributes are converted.
    pub(crate) entry: &'r DebuggingInformationEntry<Reader<'a>>,
}

impl Resolve for Resolver<'_, '_> {
    fn address(&self, index: DebugAddrIndex) -> Option<u64> {
        self.unit.address(index).ok()
    }

    fn base_type(&self, offset: UnitOffset) -> Option<UnitEntryId> {
        self.survey.base_type(self.number, offset)
    }

    fn entry(&self, offset: DebugInfoOffset) -> Option<DebugInfoRef> {
        self.survey.entry_at(self.number, offset).map(|(unit, entry)| DebugInfoRef::Entry(unit, entry))
    }

    fn value_size(&self) -> Option<u64> {
        match inherited(self.unit, self.entry, dw::DW_AT_type)? {
            AttributeValue::UnitRef(ty) => type_size(self.unit, ty),
            _ => None,
        }
    }
}

/// The address from which a unit's lists count, unless they say otherwise.
fn base_address(unit: &gimli::write::Unit) -> Option<u64> {
    match unit.get(unit.root()).get(dw::DW_AT_low_pc) {
        Some(Value::Address(Address::Constant(address))) => Some(*address),
        _ => None,
    }
}

/// What it takes to convert the attributes of one unit.
pub(crate) struct AttributeConverter<'c, 's, 'a> {
    pub(crate) survey: &'c Survey<'c, 'a>,
    pub(crate) number: usize,
    pub(crate) map: &'c AddressMap<'c>,
    pub(crate) files: Files,
    pub(crate) strings: &'c mut Strings<'s, 'a>,
    pub(crate) report: &'c mut Report,
}

impl<'a> AttributeConverter<'_, '_, 'a> {
    /// Converts an attribute of an entry in `out`. `unit` is where it was read: the unit or its skeleton.
    pub(crate) fn convert(
        &mut self,
        out: &mut gimli::write::Unit,
        unit: UnitRef<'_, Reader<'a>>,
        attribute: &Attribute<Reader<'a>>,
        context: &Context<'_>,
        is_root: bool,
    ) -> Option<Value> {
        let name = attribute.name();
        if is_metadata(name) {
            return None;
        }
        let value = attribute.value();
        let is_location = matches!(
            value,
            AttributeValue::Exprloc(_)
                | AttributeValue::LocationListsRef(_)
                | AttributeValue::DebugLocListsIndex(_)
        );
        if is_location && !context.layout.has_variables && !matches!(role(name), Role::Value) {
            // A variable with an empty expression is one that was optimized out.
            return Some(Value::Exprloc(Expression::new()));
        }
        match value {
            _ if name == dw::DW_AT_low_pc => self.address(name, start_address(unit, attribute)?, is_root),
            AttributeValue::Addr(_) | AttributeValue::DebugAddrIndex(_) => {
                let address = unit.attr_address(value).ok().flatten()?;
                self.address(name, address, is_root)
            }
            AttributeValue::Exprloc(data) if name == dw::DW_AT_vtable_elem_location => {
                // gdb looks for the very opcode DW_OP_constu, which a conversion may shorten.
                Some(Value::Exprloc(Expression::raw(data.0.slice().to_vec())))
            }
            AttributeValue::Exprloc(data) => match expression::convert(context, role(name), data) {
                Ok(data) => {
                    self.report.expressions += 1;
                    Some(Value::Exprloc(data))
                }
                Err(reason) => {
                    self.report.drop(Drop::Expression, reason);
                    // An empty location means "optimized out". Without any, gdb looks for a symbol of that name.
                    (role(name) == Role::Location).then(|| Value::Exprloc(Expression::new()))
                }
            },
            AttributeValue::LocationListsRef(_) | AttributeValue::DebugLocListsIndex(_) => {
                let list = location_list(unit, self.map, value, context, role(name), self.report)?;
                Some(Value::LocationListRef(out.locations.add(list)))
            }
            AttributeValue::RangeListsRef(_) | AttributeValue::DebugRngListsIndex(_) => {
                let ranges = code_ranges(unit, self.map, value, is_root);
                if ranges.is_empty() {
                    return None;
                }
                // A unit with ranges is given the start of the code for its base address.
                let base = if is_root { Some(self.map.text()) } else { base_address(out) };
                Some(Value::RangeListRef(out.ranges.add(range_list(self.map, &ranges, base))))
            }
            _ => match self.constant(unit, value) {
                Ok(value) => value,
                Err(reason) => {
                    self.report.drop(Drop::Attribute, reason);
                    None
                }
            },
        }
    }

    /// A code address. Ends of ranges may be just behind the code, and a unit may begin at 0.
    fn address(&mut self, name: DwAt, address: u64, is_root: bool) -> Option<Value> {
        let begin = match name {
            dw::DW_AT_high_pc => address.saturating_sub(1),
            _ if is_root => address.max(1),
            _ => address,
        };
        if self.map.code(begin).is_none() {
            if address != 0 || !is_root {
                self.report.drop(Drop::Range, "an address outside of the code");
            }
            return None;
        }
        Some(Value::Address(Address::Constant(self.map.text().wrapping_add(address))))
    }

    /// What does not depend on addresses.
    fn constant(
        &mut self,
        unit: UnitRef<'_, Reader<'a>>,
        value: AttributeValue<Reader<'a>>,
    ) -> Result<Option<Value>, String> {
        const LOST: &str = "a reference to an entry that is not in the image";
        let text = |error: gimli::Error| error.to_string();
        Ok(Some(match value {
            AttributeValue::UnitRef(offset) => {
                Value::UnitRef(self.survey.entry(self.number, offset).ok_or(LOST)?)
            }
            AttributeValue::DebugInfoRef(offset) => {
                let (unit, entry) = self.survey.entry_at(self.number, offset).ok_or(LOST)?;
                Value::DebugInfoRef(DebugInfoRef::Entry(unit, entry))
            }
            AttributeValue::DebugTypesRef(signature) => {
                let (unit, entry) = self.survey.signature(signature).ok_or(LOST)?;
                Value::DebugInfoRef(DebugInfoRef::Entry(unit, entry))
            }
            AttributeValue::DebugStrRef(offset) => {
                let section = *unit.dwarf.debug_str.reader();
                Value::StringRef(self.strings.add(section, offset.0).ok_or(NO_STRING)?)
            }
            AttributeValue::DebugStrOffsetsIndex(index) => {
                let offset = unit.string_offset(index).map_err(text)?;
                let section = *unit.dwarf.debug_str.reader();
                Value::StringRef(self.strings.add(section, offset.0).ok_or(NO_STRING)?)
            }
            AttributeValue::DebugLineStrRef(offset) => {
                let section = *unit.dwarf.debug_line_str.reader();
                Value::StringRef(self.strings.add(section, offset.0).ok_or(NO_STRING)?)
            }
            AttributeValue::String(string) => Value::String(string.slice().into()),
            AttributeValue::FileIndex(0) if unit.header.version() <= 4 => return Ok(None),
            AttributeValue::FileIndex(index) => {
                Value::FileIndex(Some(self.files.get(index).ok_or("a file that is not in the line table")?))
            }
            AttributeValue::Block(block) => Value::Block(block.slice().into()),
            AttributeValue::Data1(value) => Value::Data1(value),
            AttributeValue::Data2(value) => Value::Data2(value),
            AttributeValue::Data4(value) => Value::Data4(value),
            AttributeValue::Data8(value) => Value::Data8(value),
            AttributeValue::Data16(value) => Value::Data16(value),
            AttributeValue::Sdata(value) => Value::Sdata(value),
            AttributeValue::Udata(value) => Value::Udata(value),
            AttributeValue::Flag(value) => Value::Flag(value),
            AttributeValue::Encoding(value) => Value::Encoding(value),
            AttributeValue::DecimalSign(value) => Value::DecimalSign(value),
            AttributeValue::Endianity(value) => Value::Endianity(value),
            AttributeValue::Accessibility(value) => Value::Accessibility(value),
            AttributeValue::Visibility(value) => Value::Visibility(value),
            AttributeValue::Virtuality(value) => Value::Virtuality(value),
            AttributeValue::Language(value) => Value::Language(value),
            AttributeValue::AddressClass(value) => Value::AddressClass(value),
            AttributeValue::IdentifierCase(value) => Value::IdentifierCase(value),
            AttributeValue::CallingConvention(value) => Value::CallingConvention(value),
            AttributeValue::Inline(value) => Value::Inline(value),
            AttributeValue::Ordering(value) => Value::Ordering(value),
            // Section offsets without a meaning here, and what is in another file.
            _ => return Ok(None),
        }))
    }
}

fn role(name: DwAt) -> Role {
    match name {
        dw::DW_AT_location => Role::Location,
        dw::DW_AT_frame_base => Role::FrameBase,
        _ => Role::Value,
    }
}

/// What describes the encoding of the module's DWARF and not the program. Macros are left out with it.
fn is_metadata(name: DwAt) -> bool {
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
