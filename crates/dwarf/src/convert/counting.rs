//! How a unit counts code addresses, and where its entries say that code is.

use gimli::{Attribute, UnitRef, constants as dw};

use super::address::AddressMap;
use super::sources::Source;
use crate::sections::Reader;

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
