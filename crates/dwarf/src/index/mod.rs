//! `.gdb_index`: which unit has which names and addresses, so that gdb need not read all units to find out.
//!
//! ```text
//!   version 8, then the offsets of:
//!     units        [offset in .debug_info, length] as u64 each
//!     type units   none: the image has them as units
//!     addresses    [first, end] as u64, unit as u32
//!     names        hash table of a power of two places: [name, units] as u32 offsets in the constants; free places are zero
//!     constants    lists of units, each [count, (unit | kind << 28 | is static << 31)...] as u32, then names that end in zero
//! ```
//!
//! The names are those that gdb itself would find: `scan.rs` goes by its rules, and a test compares with what its command
//! `save gdb-index` writes. That names one unit of those that have the same type or static variable; here are all, or
//! `info types` would say less than without an index.

mod canonical;
mod names;
mod scan;

pub(crate) use self::scan::{PartSymbols, scan};

use crate::convert::Pieces;
use names::Table;

/// What gdb calls it.
pub(crate) const NAME: &str = ".gdb_index";

const VERSION: u32 = 8;

/// Bytes of the version and the five offsets.
const HEADER: usize = 24;

/// Bytes of a range of addresses.
const ADDRESS: usize = 20;

/// The longest index: its offsets have 32 bits.
const MAX_LENGTH: usize = u32::MAX as usize;

/// A unit has 24 bits in lists.
const MAX_UNITS: usize = 1 << 24;

/// Makes the section from what the parts have, in the order in which they are joined. None if it would be too large.
pub(crate) fn section(parts: Vec<PartSymbols>) -> Option<Pieces> {
    let count: usize = parts.iter().map(|part| part.units.len()).sum();
    if count == 0 || count >= MAX_UNITS {
        return None;
    }
    let mut units = Vec::with_capacity(16 * count);
    let mut addresses: Vec<(u64, u64, u32)> = Vec::new();
    let mut start = 0_u64;
    let mut number = 0_u32;
    for part in &parts {
        for unit in &part.units {
            units.extend_from_slice(&start.checked_add(unit.offset)?.to_le_bytes());
            units.extend_from_slice(&unit.length.to_le_bytes());
            addresses.extend(unit.ranges.iter().map(|&(begin, end)| (begin, end, number)));
            number = number.checked_add(1)?;
        }
        start = start.checked_add(part.length)?;
    }
    addresses.sort_unstable();
    let mut address_bytes = Vec::with_capacity(ADDRESS * addresses.len());
    for (begin, end, unit) in addresses {
        address_bytes.extend_from_slice(&begin.to_le_bytes());
        address_bytes.extend_from_slice(&end.to_le_bytes());
        address_bytes.extend_from_slice(&unit.to_le_bytes());
    }
    let (names, constants) = Table::new(&parts).write()?;
    let mut header = VERSION.to_le_bytes().to_vec();
    let mut at = HEADER;
    // There are no type units.
    for length in [0, units.len(), 0, address_bytes.len(), names.len()] {
        at = at.checked_add(length)?;
        header.extend_from_slice(&u32::try_from(at).ok()?.to_le_bytes());
    }
    let whole = at.checked_add(constants.len())?;
    (whole <= MAX_LENGTH).then(|| vec![header, units, address_bytes, names, constants])
}
