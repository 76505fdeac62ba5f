//! The hash table of names, and the constants that it refers to.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::scan::PartSymbols;
use crate::parallel;

/// Names and the units that have them.
pub(super) struct Table<'p> {
    /// Names in the order in which they were found, by share.
    shares: Vec<Vec<(Name<'p>, Units)>>,
}

/// Names are divided by their hashes, so that several processors can look which are the same.
const SHARES: usize = 4;

/// Units with their kinds: one, for most names, and more.
struct Units {
    first: u32,
    more: Vec<u32>,
}

/// A name, with its hash as gdb counts it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name<'p> {
    hash: u32,
    text: &'p [u8],
}

impl std::hash::Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.hash);
    }
}

/// Takes a hash for its own. Names with the same one are the business of whoever makes them: the format has no other.
#[derive(Clone, Copy, Default)]
struct Known(u64);

impl Hasher for Known {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u32(&mut self, number: u32) {
        // The table looks at the highest bits too.
        self.0 = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// gdb's hash of a name, which does not tell upper from lower case.
pub(super) fn hash(text: &[u8]) -> u32 {
    text.iter().fold(0, |hash: u32, byte| {
        hash.wrapping_mul(67).wrapping_add(u32::from(byte.to_ascii_lowercase())).wrapping_sub(113)
    })
}

impl<'p> Table<'p> {
    pub(super) fn new(parts: &'p [PartSymbols]) -> Self {
        Self { shares: parallel::map(SHARES, |number| share(parts, number)) }
    }

    /// The table and the constants. None if they are too long.
    pub(super) fn write(self) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut constants = Vec::new();
        let mut lists = Lists::default();
        let mut placed = Vec::with_capacity(self.shares.iter().map(Vec::len).sum());
        for (name, units) in self.shares.into_iter().flatten() {
            placed.push((name, lists.place(units, &mut constants)?));
        }
        // At most three quarters are taken.
        let size = (placed.len().checked_mul(4)? / 3).checked_add(1)?.checked_next_power_of_two()?;
        let mask = u32::try_from(size.checked_sub(1)?).ok()?;
        let mut slots: Vec<[u8; 8]> = vec![[0; 8]; size];
        for (Name { hash, text }, units) in placed {
            let mut index = hash & mask;
            let step = (hash.wrapping_mul(17) & mask) | 1;
            // An odd step comes to every place of a table of a power of two.
            while slots.get(usize::try_from(index).ok()?)? != &[0; 8] {
                index = index.wrapping_add(step) & mask;
            }
            // The names come behind all lists, so no place is zero.
            let name = u32::try_from(constants.len()).ok()?;
            constants.extend_from_slice(text);
            constants.push(0);
            let slot = slots.get_mut(usize::try_from(index).ok()?)?;
            let (first, second) = slot.split_at_mut(4);
            first.copy_from_slice(&name.to_le_bytes());
            second.copy_from_slice(&units.to_le_bytes());
        }
        Some((slots.into_flattened(), constants))
    }
}

/// The names of one share.
fn share(parts: &[PartSymbols], number: usize) -> Vec<(Name<'_>, Units)> {
    let mut names: Vec<(Name<'_>, Units)> = Vec::new();
    let mut known: HashMap<Name<'_>, usize, BuildHasherDefault<Known>> = HashMap::default();
    let mut first = 0_u32;
    for part in parts {
        let mut text = part.text.as_slice();
        for name in &part.names {
            let (own, rest) = text.split_at_checked(name.length).unwrap_or_default();
            text = rest;
            // The lowest bits are the last letter's.
            let is_own = usize::try_from(name.hash >> 8).is_ok_and(|hash| hash % SHARES == number);
            if !is_own {
                continue;
            }
            let unit = first.saturating_add(name.unit) | name.flags;
            let name = Name { hash: name.hash, text: own };
            let index = *known.entry(name).or_insert(names.len());
            match names.get_mut(index) {
                Some((_, units)) => units.more.push(unit),
                None => names.push((name, Units { first: unit, more: Vec::new() })),
            }
        }
        first = first.saturating_add(u32::try_from(part.units.len()).unwrap_or(u32::MAX));
    }
    names
}

/// The lists of units that are written, each once, with their places.
#[derive(Default)]
struct Lists {
    of_one: HashMap<u32, u32, BuildHasherDefault<Known>>,
    of_more: HashMap<Vec<u32>, u32>,
}

impl Lists {
    /// Where a list is, which is written if it is not there. None if there is no room for it.
    fn place(&mut self, units: Units, constants: &mut Vec<u8>) -> Option<u32> {
        let Units { first, more: mut all } = units;
        if !all.is_empty() {
            all.push(first);
            all.sort_unstable();
            all.dedup();
        }
        let end = u32::try_from(constants.len()).ok()?;
        let (place, list) = match all.as_slice() {
            [] | [_] => (*self.of_one.entry(first).or_insert(end), std::slice::from_ref(&first)),
            list => match self.of_more.get(list) {
                Some(place) => (*place, list),
                None => {
                    self.of_more.insert(all.clone(), end);
                    (end, list)
                }
            },
        };
        if place == end {
            constants.extend_from_slice(&u32::try_from(list.len()).ok()?.to_le_bytes());
            constants.extend(list.iter().flat_map(|unit| unit.to_le_bytes()));
        }
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_gdbs() {
        // By hand: 'a' is 97, so -16; then -16 * 67 + 98 - 113.
        assert_eq!(hash(b"a"), 16_u32.wrapping_neg());
        assert_eq!(hash(b"ab"), (16 * 67 + 15_u32).wrapping_neg());
        assert_eq!(hash(b"AB"), hash(b"ab"));
    }
}
