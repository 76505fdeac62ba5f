//! Range lists and location lists.
//!
//! Location lists are written as offsets from the start of the code, after an entry that says so: offsets are shorter than
//! addresses, and mean the same in all units. Range lists need that entry only where the unit has no base address below all
//! of the list: lldb before 19 takes it for a range.
//!
//! ```text
//!   DWARF 4   .debug_ranges  [highest address, base] [begin, end] ... [0, 0]
//!             .debug_loc     the same with u16 length and expression behind [begin, end]
//!   DWARF 5   .debug_rnglists, .debug_loclists: a header for each part, then kinds, LEB128 numbers and expressions
//! ```

use gimli::{AttributeValue, SectionId, UnitRef, constants as dw};

use super::address::AddressMap;
use super::bytes::{fixed, small, unsigned};
use super::expression::{self, Context, Expression, Role};
use super::piece::Piece;
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

/// Which kind of list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Ranges,
    Locations,
}

/// How a unit of the image writes lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// Version of the unit.
    pub(crate) version: u16,
    pub(crate) address_size: u8,
}

impl Form {
    /// The section for a kind of list.
    pub(crate) fn section(self, list: List) -> SectionId {
        match (list, self.version >= 5) {
            (List::Ranges, false) => SectionId::DebugRanges,
            (List::Ranges, true) => SectionId::DebugRngLists,
            (List::Locations, false) => SectionId::DebugLoc,
            (List::Locations, true) => SectionId::DebugLocLists,
        }
    }

    /// Begins a list in its section. Returns where it is.
    fn begin(self, out: &mut Piece) -> usize {
        if self.version >= 5 && out.bytes.is_empty() {
            // The length comes at the end of the part; no table of offsets.
            out.bytes.extend_from_slice(&[0, 0, 0, 0, 5, 0, self.address_size, 0, 0, 0, 0, 0]);
        }
        out.bytes.len()
    }

    fn base_address(self, out: &mut Vec<u8>, list: List, address: u64) {
        match (list, self.version >= 5) {
            (_, false) => fixed(out, u64::MAX, self.address_size),
            (List::Ranges, true) => out.push(dw::DW_RLE_base_address.0),
            (List::Locations, true) => out.push(dw::DW_LLE_base_address.0),
        }
        fixed(out, address, self.address_size);
    }

    fn range(self, out: &mut Vec<u8>, list: List, begin: u64, end: u64) {
        if self.version < 5 {
            fixed(out, begin, self.address_size);
            return fixed(out, end, self.address_size);
        }
        out.push(match list {
            List::Ranges => dw::DW_RLE_offset_pair.0,
            List::Locations => dw::DW_LLE_offset_pair.0,
        });
        unsigned(out, begin);
        unsigned(out, end);
    }

    fn end(self, out: &mut Vec<u8>) {
        if self.version >= 5 {
            return out.push(dw::DW_RLE_end_of_list.0);
        }
        fixed(out, 0, self.address_size);
        fixed(out, 0, self.address_size);
    }
}

/// Says how long the lists of a part are, if they are of DWARF 5.
pub(crate) fn finish(out: &mut Piece) {
    if let Some(length) = out.bytes.len().checked_sub(4) {
        out.put(0, &small(length).to_le_bytes());
    }
}

/// Writes a range list of a unit with the given base address. Returns where it is.
pub(crate) fn write_ranges(
    form: Form,
    out: &mut Piece,
    map: &AddressMap<'_>,
    ranges: &[(u64, u64)],
    base: Option<u64>,
) -> usize {
    let start = form.begin(out);
    let lowest = ranges.iter().map(|(begin, _)| *begin).min().unwrap_or_default();
    let before = base.and_then(|base| base.checked_sub(map.text())).filter(|before| *before <= lowest);
    if before.is_none() {
        form.base_address(&mut out.bytes, List::Ranges, map.text());
    }
    let before = before.unwrap_or_default();
    for (begin, end) in ranges {
        form.range(&mut out.bytes, List::Ranges, begin - before, end - before);
    }
    form.end(&mut out.bytes);
    start
}

/// Converts a location list, or gives `None` if nothing of it is left. `context` is that of the entry; each
/// location is converted for the function that its range is in. Returns where the list is. `refer` is told of what
/// expressions refer to, and where they are.
#[expect(clippy::too_many_arguments, reason = "what is read, how, and where it goes")]
pub(crate) fn write_locations<'a>(
    form: Form,
    out: &mut Piece,
    unit: UnitRef<'_, Reader<'a>>,
    map: &AddressMap<'_>,
    value: AttributeValue<Reader<'a>>,
    context: &Context<'_>,
    role: Role,
    report: &mut Report,
    mut refer: impl FnMut(&Expression, usize),
) -> Option<usize> {
    let mut locations = match unit.attr_locations(value) {
        Ok(Some(locations)) => locations,
        Ok(None) => return None,
        Err(error) => {
            report.drop(Drop::Attribute, error);
            return None;
        }
    };
    let mark = out.mark();
    let start = form.begin(out);
    form.base_address(&mut out.bytes, List::Locations, map.text());
    let mut is_empty = true;
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
        let Some((begin, mut end)) = map.range(begin, end) else {
            report.drop(Drop::Range, "a location outside of the code");
            continue;
        };
        let context = Context { function: map.function(begin).or(context.function), ..*context };
        match expression::convert(&context, role, location.data) {
            Ok(data) => {
                report.expressions += 1;
                is_empty = false;
                if data.names_operand {
                    end = map.before_last_call(begin, end);
                }
                form.range(&mut out.bytes, List::Locations, begin, end);
                let length = data.bytes.len();
                match u16::try_from(length) {
                    // There are far fewer operators in an expression than that.
                    Ok(length) if form.version < 5 => out.bytes.extend_from_slice(&length.to_le_bytes()),
                    _ => unsigned(&mut out.bytes, u64::try_from(length).unwrap_or(u64::MAX)),
                }
                refer(&data, out.bytes.len());
                out.bytes.extend_from_slice(&data.bytes);
            }
            Err(reason) => report.drop_expression(reason),
        }
    }
    if is_empty {
        out.reset(mark);
        return None;
    }
    form.end(&mut out.bytes);
    Some(start)
}
