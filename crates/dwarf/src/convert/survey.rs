//! The first pass: which units there are, which entries of them go into the image, and where.
//!
//! Left out are the functions that the linker removed, except for the types that are declared in them: those move
//! up to where the function was, because live code may use them. An unreadable entry ends its unit.

use std::cell::Cell;
use std::collections::HashMap;

use gimli::write::{Dwarf, LineProgram, Unit, UnitEntryId, UnitId};
use gimli::{
    Abbreviation, Attribute, AttributeValue, DebugInfoOffset, DebugTypeSignature, DwTag, Encoding,
    EntriesRaw, Format, UnitOffset, UnitRef, UnitType, constants as dw,
};

use super::address::AddressMap;
use super::list::code_ranges;
use super::part::PlannedUnit;
use super::sources::Source;
use crate::Machine;
use crate::report::{Drop, Report};
use crate::sections::Reader;

/// Entries nested deeper are left out. Writing recurses, and no compiler nests like this.
const MAX_DEPTH: isize = 400;

/// Entries with more attributes end their unit. A tiny entry of a malformed file can claim any number.
const MAX_ATTRIBUTES: usize = 200;

/// Why the rest of a unit was dropped.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("{0}")]
    Read(#[from] gimli::Error),
    #[error("an entry with too many attributes")]
    Attributes,
}

/// An entry that goes into the image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Where it is read from.
    pub(crate) offset: UnitOffset,
    /// Where it is written to.
    pub(crate) id: UnitEntryId,
    /// Whether a typed expression operator can name it.
    is_base_type: bool,
}

/// One unit with the places of its entries.
pub(crate) struct SurveyedUnit<'m, 'a> {
    pub(crate) source: &'m Source<'a>,
    pub(crate) id: UnitId,
    pub(crate) map: AddressMap<'m>,
    /// Whether it loses its lines.
    pub(crate) without_lines: bool,
    /// Whether the rows of its line table are its own.
    pub(crate) with_rows: bool,
    /// In the order of their offsets. The first is the root.
    pub(crate) places: Vec<Place>,
}

/// All units of a part.
pub(crate) struct Survey<'m, 'a> {
    pub(crate) units: Vec<SurveyedUnit<'m, 'a>>,
    /// The type that a type unit is for: unit number and offset.
    signatures: HashMap<DebugTypeSignature, (usize, UnitOffset)>,
    /// Whether there is no other part.
    is_whole: bool,
    lacks_others: Cell<bool>,
}

impl<'m, 'a> Survey<'m, 'a> {
    /// Surveys the units of a part, and adds a unit with reserved entries to `dwarf` for each.
    pub(crate) fn new(
        units: &'m [PlannedUnit<'a>],
        is_whole: bool,
        map: AddressMap<'m>,
        machine: Machine,
        dwarf: &mut Dwarf,
        report: &mut Report,
    ) -> Self {
        let mut survey =
            Self { units: Vec::new(), signatures: HashMap::new(), is_whole, lacks_others: Cell::new(false) };
        for PlannedUnit { source, without_lines, with_rows } in units {
            let encoding = Encoding {
                format: Format::Dwarf32,
                // Versions 2 and 3 have no form of their own for expressions and section offsets.
                version: source.unit.header.version().max(4),
                address_size: machine.address_size(),
            };
            let map = counted_by(source, map);
            let mut unit = Unit::new(encoding, LineProgram::none());
            let places = match survey_entries(source, &mut unit, &map, report) {
                Ok(places) => places,
                Err(error) => {
                    report.drop(Drop::Unit, error);
                    continue;
                }
            };
            let signature = match source.unit.header.type_() {
                UnitType::Type { type_signature, type_offset }
                | UnitType::SplitType { type_signature, type_offset } => Some((type_signature, type_offset)),
                _ => None,
            };
            if let Some((signature, offset)) = signature {
                survey.signatures.insert(signature, (survey.units.len(), offset));
            }
            let id = dwarf.units.add(unit);
            let (without_lines, with_rows) = (*without_lines, *with_rows);
            survey.units.push(SurveyedUnit { source, id, map, without_lines, with_rows, places });
        }
        survey
    }

    /// Whether a unit refers to one that is not in this part.
    pub(crate) fn lacks_others(&self) -> bool {
        self.lacks_others.get()
    }

    /// The place of an entry of unit `number`.
    pub(crate) fn entry(&self, number: usize, offset: UnitOffset) -> Option<UnitEntryId> {
        self.place(number, offset).map(|place| place.id)
    }

    /// The place of an entry of unit `number` if it is a base type that typed operators can name.
    pub(crate) fn base_type(&self, number: usize, offset: UnitOffset) -> Option<UnitEntryId> {
        self.place(number, offset).filter(|place| place.is_base_type).map(|place| place.id)
    }

    /// The place of an entry of any unit that unit `number` can refer to by section offset.
    pub(crate) fn entry_at(&self, number: usize, offset: DebugInfoOffset) -> Option<(UnitId, UnitEntryId)> {
        let origin = self.units.get(number)?.source.origin;
        let start = |unit: &SurveyedUnit<'_, '_>| unit.source.unit.header.offset().0;
        // Units of one origin stand together, in the order of their offsets.
        let end = self.units.partition_point(|unit| (unit.source.origin, start(unit)) <= (origin, offset.0));
        let found = end.checked_sub(1).and_then(|found| {
            let unit = self.units.get(found)?;
            Some((found, unit, offset.to_unit_offset(&unit.source.unit.header)?))
        });
        if found.is_none() && !self.is_whole {
            self.lacks_others.set(true);
        }
        let (found, unit, offset) = found?;
        Some((unit.id, self.entry(found, offset)?))
    }

    /// The place of the type with a signature.
    pub(crate) fn signature(&self, signature: DebugTypeSignature) -> Option<(UnitId, UnitEntryId)> {
        let found = self.signatures.get(&signature);
        if found.is_none() && !self.is_whole {
            self.lacks_others.set(true);
        }
        let &(number, offset) = found?;
        Some((self.units.get(number)?.id, self.entry(number, offset)?))
    }

    fn place(&self, number: usize, offset: UnitOffset) -> Option<&Place> {
        let places = &self.units.get(number)?.places;
        places.get(places.binary_search_by_key(&offset.0, |place| place.offset.0).ok()?)
    }
}

/// The map of a unit, which may count from elsewhere.
pub(crate) fn counted_by<'m>(source: &Source<'_>, map: AddressMap<'m>) -> AddressMap<'m> {
    match first_function(source) {
        Some(address) => map.for_unit_with(address),
        None => map,
    }
}

/// Where the first function of a unit starts, if the unit's producer is known to count from elsewhere.
fn first_function(source: &Source<'_>) -> Option<u64> {
    let unit = source.unit_ref();
    let mut entries = unit.entries_raw(None).ok()?;
    let mut entry = gimli::DebuggingInformationEntry::null();
    entries.read_entry(&mut entry).ok()?;
    let producer = unit.attr_string(entry.attr_value(dw::DW_AT_producer)?).ok()?;
    if !producer.starts_with(b"wast ") {
        return None;
    }
    while !entries.is_empty() {
        let is_function = entries.read_entry(&mut entry).ok()? && entry.tag() == dw::DW_TAG_subprogram;
        if is_function && let Some(low) = entry.attr(dw::DW_AT_low_pc) {
            return start_address(unit, low);
        }
    }
    None
}

/// The value of a `DW_AT_low_pc`. Some producers write it as a number.
pub(crate) fn start_address<'a>(unit: UnitRef<'_, Reader<'a>>, low: &Attribute<Reader<'a>>) -> Option<u64> {
    unit.attr_address(low.value()).ok().flatten().or_else(|| low.udata_value())
}

/// Reserves a place for each entry that goes into the image. Keeps what comes before the first unreadable entry.
fn survey_entries<'a>(
    source: &Source<'a>,
    unit: &mut Unit,
    map: &AddressMap<'_>,
    report: &mut Report,
) -> Result<Vec<Place>, Unreadable> {
    let mut entries = source.unit.entries_raw(None)?;
    let offset = entries.next_offset();
    let root = entries.read_abbreviation()?.ok_or(gimli::Error::MissingUnitDie)?;
    check(root)?;
    // Not `skip_attributes`: it overflows on lengths that no file has.
    let mut attributes = Vec::new();
    entries.read_attributes(root.attributes(), &mut attributes)?;
    let mut walk = Walk {
        places: vec![Place { offset, id: unit.root(), is_base_type: false }],
        attributes,
        unit,
        source,
        map,
        dead_function: None,
        type_in_dead_function: None,
        report,
    };
    while !entries.is_empty() {
        if let Err(error) = walk.entry(&mut entries) {
            walk.report.drop(Drop::Unit, error);
            break;
        }
    }
    Ok(walk.places)
}

/// The state of walking the entries of a unit in order.
struct Walk<'w, 'a> {
    places: Vec<Place>,
    /// Those of the current entry.
    attributes: Vec<Attribute<Reader<'a>>>,
    unit: &'w mut Unit,
    source: &'w Source<'a>,
    map: &'w AddressMap<'w>,
    /// Depth of the removed function around the current entry.
    dead_function: Option<isize>,
    /// Depth of the type around the current entry that is declared in a removed function.
    type_in_dead_function: Option<isize>,
    report: &'w mut Report,
}

impl<'a> Walk<'_, 'a> {
    fn entry(&mut self, entries: &mut EntriesRaw<'_, Reader<'a>>) -> Result<(), Unreadable> {
        let (offset, depth) = (entries.next_offset(), entries.next_depth());
        let Some(abbreviation) = entries.read_abbreviation()? else { return Ok(()) };
        check(abbreviation)?;
        for around in [&mut self.dead_function, &mut self.type_in_dead_function] {
            *around = around.filter(|&outer| depth > outer);
        }
        let tag = abbreviation.tag();
        entries.read_attributes(abbreviation.attributes(), &mut self.attributes)?;
        if tag == dw::DW_TAG_subprogram && self.dead_function.is_none() && self.is_dead() {
            self.dead_function = Some(depth);
            self.report.dead_functions += 1;
        }
        if self.dead_function.is_some() && self.type_in_dead_function.is_none() {
            if !is_type(tag) {
                return Ok(());
            }
            self.type_in_dead_function = Some(depth);
        }
        if depth > MAX_DEPTH {
            self.report.drop(Drop::Entry, "nested too deep");
            return Ok(());
        }
        let is_base_type =
            tag == dw::DW_TAG_base_type && depth == 1 && !is_long_double(tag, &self.attributes);
        self.places.push(Place { offset, id: self.unit.reserve(), is_base_type });
        Ok(())
    }

    /// Whether a function says where its code is, and no code is there.
    fn is_dead(&self) -> bool {
        let unit = self.source.unit_ref();
        let find = |name| self.attributes.iter().find(|attribute| attribute.name() == name);
        if let Some(low) = find(dw::DW_AT_low_pc) {
            return start_address(unit, low).and_then(|address| self.map.code(address)).is_none();
        }
        find(dw::DW_AT_ranges)
            .is_some_and(|ranges| code_ranges(unit, self.map, ranges.value(), false).is_empty())
    }
}

/// Whether an entry is a floating-point type of 16 bytes. In the program these are
/// IEEE numbers, but gdb takes them for what the machine has of that size.
pub(crate) fn is_long_double(tag: DwTag, attributes: &[Attribute<Reader<'_>>]) -> bool {
    let find = |name| attributes.iter().find(|attribute| attribute.name() == name);
    tag == dw::DW_TAG_base_type
        && find(dw::DW_AT_encoding)
            .is_some_and(|encoding| encoding.value() == AttributeValue::Encoding(dw::DW_ATE_float))
        && find(dw::DW_AT_byte_size).and_then(Attribute::udata_value) == Some(16)
}

fn check(abbreviation: &Abbreviation) -> Result<(), Unreadable> {
    if abbreviation.attributes().len() > MAX_ATTRIBUTES {
        return Err(Unreadable::Attributes);
    }
    Ok(())
}

fn is_type(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_array_type
            | dw::DW_TAG_base_type
            | dw::DW_TAG_class_type
            | dw::DW_TAG_const_type
            | dw::DW_TAG_enumeration_type
            | dw::DW_TAG_pointer_type
            | dw::DW_TAG_ptr_to_member_type
            | dw::DW_TAG_reference_type
            | dw::DW_TAG_restrict_type
            | dw::DW_TAG_rvalue_reference_type
            | dw::DW_TAG_structure_type
            | dw::DW_TAG_subroutine_type
            | dw::DW_TAG_typedef
            | dw::DW_TAG_union_type
            | dw::DW_TAG_unspecified_type
            | dw::DW_TAG_volatile_type
    )
}
