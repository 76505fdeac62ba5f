//! Symbols of C++ classes' tables of virtual functions and of their run-time type information.
//!
//! In a native program these have symbols, by which gdb finds the class that an object really has (`set print object on`,
//! `info vtbl`, `dynamic_cast`). A linked module has no symbols of data, so they are found by what they look like:
//!
//! ```text
//!   type information:   address in another such table | address of the class's mangled name | ...
//!   table:              0 | address of the type information | functions ...     the class itself
//!                       -offset | address of the type information | functions ...   its further bases
//! ```
//!
//! Programs without type information (`-fno-rtti`) have no such names, and so no such symbols.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::convert::StaticVariable;
use crate::{Module, Symbol};

/// Longer names are no names of classes.
const MAX_NAME: usize = 4096;
/// Longer tables are cut off.
const MAX_FUNCTIONS: usize = 512;
/// How often each byte of the data may be read as a part of a name: in malformed modules the same bytes can be in many.
const TIMES: usize = 4;

/// The first contents of memory, to be read at addresses.
struct Data<'m> {
    /// By address.
    places: BTreeMap<u64, &'m [u8]>,
    /// Bytes of a pointer.
    word: u64,
    /// Bytes of names that may still be read.
    names: Cell<usize>,
}

impl<'m> Data<'m> {
    fn new(module: &Module<'m>) -> Self {
        let word = if module.memory.is_wide { 8 } else { 4 };
        // What does not fit the memory is never copied there.
        let fits = |address: u64, data: &[u8]| {
            let length = u64::try_from(data.len()).ok();
            let end = length.and_then(|length| address.checked_add(length));
            end.is_some_and(|end| end <= module.memory.size.min(1 << 48))
        };
        let places = module.memory.data.iter().copied().filter(|(address, data)| fits(*address, data));
        let places: BTreeMap<u64, &[u8]> = places.collect();
        let bytes: usize = places.values().map(|data| data.len()).sum();
        Self { places, word, names: Cell::new(bytes.saturating_mul(TIMES)) }
    }

    /// What is from an address on to the end of its segment.
    fn from(&self, address: u64) -> Option<&'m [u8]> {
        let (start, data) = self.places.range(..=address).next_back()?;
        data.get(usize::try_from(address - start).ok()?..).filter(|rest| !rest.is_empty())
    }

    fn read(&self, address: u64) -> Option<u64> {
        let bytes = self.from(address)?;
        Some(match self.word {
            8 => u64::from_le_bytes(*bytes.first_chunk()?),
            _ => u64::from(u32::from_le_bytes(*bytes.first_chunk()?)),
        })
    }

    /// The mangled name of a class at an address.
    fn class_name(&self, address: u64) -> Option<&'m str> {
        let bytes = self.from(address)?;
        if !matches!(bytes.first()?, b'1'..=b'9' | b'N' | b'S') {
            return None;
        }
        let most = bytes.len().min(MAX_NAME).min(self.names.get());
        let length = bytes.iter().take(most).position(|byte| *byte == 0).unwrap_or(most);
        self.names.set(self.names.get() - length);
        let name = std::str::from_utf8(bytes.get(..length).filter(|_| length < most)?).ok()?;
        is_class_name(name).then_some(name)
    }

    /// All pairs of an address and the pointer that is there.
    fn words(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let word = self.word;
        self.places.iter().flat_map(move |(start, data)| {
            let skipped = start.next_multiple_of(word) - start;
            let data = usize::try_from(skipped).ok().and_then(|skipped| data.get(skipped..));
            let chunks = data.unwrap_or_default().chunks_exact(if word == 8 { 8 } else { 4 });
            chunks.zip(0..).map(move |(bytes, index)| {
                let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
                (start + skipped + word * index, value)
            })
        })
    }
}

/// Whether a text has the form of a class's name, as its type information has it.
fn is_class_name(name: &str) -> bool {
    let mut rest = match name.strip_prefix('N') {
        Some(nested) => match nested.strip_suffix('E') {
            Some(nested) => nested.trim_start_matches(['K', 'V', 'r']),
            None => return false,
        },
        None => name,
    };
    rest = rest.strip_prefix("St").unwrap_or(rest);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (Some(length), Some(after)) = (rest.get(..digits), rest.get(digits..)) else { return false };
    length.parse::<usize>().is_ok_and(|length| (1..=after.len()).contains(&length))
        && after.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.'))
}

/// The symbols, as variables that all units can name.
pub(crate) fn symbols(module: &Module<'_>) -> Vec<StaticVariable> {
    let data = Data::new(module);
    let functions: HashSet<u64> = module.memory.functions.iter().map(|(index, _)| *index).collect();
    if functions.is_empty() {
        return Vec::new();
    }
    // Type information by its address: behind the pointer that it begins with, to the functions of a table.
    let mut classes: HashMap<u64, &str> = HashMap::new();
    for (address, value) in data.words() {
        if let Some(start) = address.checked_sub(data.word)
            && data.read(start).is_some_and(|table| table != 0 && data.read(table).is_some())
            && let Some(name) = data.class_name(value)
        {
            classes.insert(start, name);
        }
    }
    let symbol = |name: String, address, size| StaticVariable {
        symbol: Symbol { name, address, size },
        is_external: true,
    };
    let mut found: Vec<StaticVariable> = classes
        .iter()
        .map(|(address, name)| symbol(format!("_ZTI{name}"), *address, 2 * data.word))
        .collect();
    // The table being read: its start, and its class.
    let mut current: Option<(u64, u64)> = None;
    for (address, class) in data.words() {
        let Some(name) = classes.get(&class) else { continue };
        let (Some(start), Some(next)) = (address.checked_sub(data.word), data.read(address + data.word))
        else {
            continue;
        };
        let offset = data.read(start).unwrap_or(1);
        let is_secondary = offset > u64::MAX >> (64 - 8 * data.word) >> 1;
        if !functions.contains(&next) || !(offset == 0 || is_secondary) {
            continue;
        }
        let count = (1..).take(MAX_FUNCTIONS).take_while(|index| {
            data.read(address + data.word * index).is_some_and(|value| functions.contains(&value))
        });
        let end = address + data.word * (1 + u64::try_from(count.count()).unwrap_or(0));
        match (&mut current, found.last_mut()) {
            (Some((start, known)), Some(table)) if is_secondary && *known == class => {
                table.symbol.size = end - *start;
            }
            _ if !is_secondary => {
                found.push(symbol(format!("_ZTV{name}"), start, end - start));
                current = Some((start, class));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed assumption is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn names_of_classes_are_told_from_other_texts() {
        for name in ["6Animal", "N3zoo4BirdE", "N3zoo3DogIiEE", "St9exception", "NSt3__14__fsE", "3FooIcE"] {
            assert!(is_class_name(name), "{name}");
        }
        for name in ["", "N", "NE", "12", "99Animal", "6 apples", "North", "Sunday", "1", "N3zoo4Bird"] {
            assert!(!is_class_name(name), "{name}");
        }
    }

    /// A class at 48 whose name is at 32, its table at 64 with a second part for a base 8 bytes into the object. What
    /// type information begins with points to 16.
    #[test]
    fn tables_are_found_by_their_type_information() {
        let module = wat::parse_str(
            r#"(module (memory 1) (table 4 funcref) (elem (i32.const 1) func 0 0 0) (func)
                (data (i32.const 32) "6Animal\00")
                (data (i32.const 48) "\10\00\00\00\20\00\00\00")
                (data (i32.const 16) "\01\00\00\00")
                (data (i32.const 64) "\00\00\00\00\30\00\00\00\01\00\00\00\02\00\00\00"
                                     "\f8\ff\ff\ff\30\00\00\00\03\00\00\00\07\00\00\00"))"#,
        )
        .unwrap();
        let found = symbols(&Module::parse(&module).unwrap());
        let found: Vec<_> = found.into_iter().map(|variable| variable.symbol).collect();
        let symbol = |name: &str, address, size| Symbol { name: name.to_owned(), address, size };
        assert_eq!(found, [symbol("_ZTI6Animal", 48, 8), symbol("_ZTV6Animal", 64, 28)]);
    }
}
