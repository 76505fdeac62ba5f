//! Range lists and location lists.
//!
//! Location lists are written as offsets from the start of the code, after an entry that says so. gimli refuses plain
//! addresses in units that have a base address, and offsets are shorter. Range lists need that entry only where the unit
//! has no base address below all of the list: lldb before 19 takes it for a range.

use gimli::write::{Address, Location, LocationList, Range, RangeList};
use gimli::{AttributeValue, UnitRef};

use super::address::AddressMap;
use super::expression::{self, Context, Role};
use crate::report::{Drop, Report};
use crate::sections::Reader;

/// Bytes of an entry of a list, about.
pub(crate) const ENTRY: usize = 4;

/// The ranges of code (begin and end, as offsets from the start of the code) that a `DW_AT_ranges` names.
/// Those that are no code, and what follows a malformed one, are left out.
pub(crate) fn code_ranges<'a>(
    unit: UnitRef<'_, Reader<'a>>,
    map: &AddressMap<'_>,
    value: AttributeValue<Reader<'a>>,
    is_root: bool,
) -> Vec<(u64, u64)> {
    let Ok(Some(mut ranges)) = unit.attr_ranges(value) else { return Vec::new() };
    let mut found = Vec::new();
    while map.lists.spend(ENTRY)
        && let Ok(Some(range)) = ranges.next()
    {
        let range =
            if is_root { map.unit_range(range.begin, range.end) } else { map.range(range.begin, range.end) };
        found.extend(range);
    }
    found
}

/// A range list to write, in a unit with the given base address.
pub(crate) fn range_list(map: &AddressMap<'_>, ranges: &[(u64, u64)], base: Option<u64>) -> RangeList {
    let lowest = ranges.iter().map(|(begin, _)| *begin).min().unwrap_or_default();
    let before = base.and_then(|base| base.checked_sub(map.text())).filter(|before| *before <= lowest);
    let own_base = Range::BaseAddress { address: Address::Constant(map.text()) };
    let own_base = before.is_none().then_some(own_base);
    let before = before.unwrap_or_default();
    let offsets =
        ranges.iter().map(|&(begin, end)| Range::OffsetPair { begin: begin - before, end: end - before });
    RangeList(own_base.into_iter().chain(offsets).collect())
}

/// Converts a location list, or gives `None` if nothing of it is left. `context` is that of the entry; each
/// location is converted for the function that its range is in.
pub(crate) fn location_list<'a>(
    unit: UnitRef<'_, Reader<'a>>,
    map: &AddressMap<'_>,
    value: AttributeValue<Reader<'a>>,
    context: &Context<'_>,
    role: Role,
    report: &mut Report,
) -> Option<LocationList> {
    let mut locations = match unit.attr_locations(value) {
        Ok(Some(locations)) => locations,
        Ok(None) => return None,
        Err(error) => {
            report.drop(Drop::Attribute, error);
            return None;
        }
    };
    let mut list = vec![Location::BaseAddress { address: Address::Constant(map.text()) }];
    loop {
        let location = match locations.next() {
            Ok(Some(location)) => location,
            Ok(None) => break,
            Err(error) => {
                report.drop(Drop::Attribute, error);
                break;
            }
        };
        if !map.lists.spend(ENTRY + location.data.0.len()) {
            report.drop(Drop::Attribute, "location lists are too long");
            break;
        }
        let (mut begin, mut end) = (location.range.begin, location.range.end);
        if (begin, end) == (0, u64::MAX)
            && let Some(function) = context.function
        {
            // The location for where no other one is.
            (begin, end) = map.body(function);
        }
        let Some((begin, end)) = map.range(begin, end) else {
            report.drop(Drop::Range, "a location outside of the code");
            continue;
        };
        let context = Context { function: map.function(begin).or(context.function), ..*context };
        match expression::convert(&context, role, location.data) {
            Ok(data) => {
                report.expressions += 1;
                list.push(Location::OffsetPair { begin, end, data });
            }
            Err(reason) => report.drop(Drop::Expression, reason),
        }
    }
    (list.len() > 1).then_some(LocationList(list))
}
