//! The tables of abbreviations of a part: each kind of entry once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use gimli::{DwAt, DwForm, DwTag, constants as dw};

use super::bytes::{small, unsigned};

/// An attribute's name and form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Specification(u32);

impl Specification {
    pub(crate) fn new(name: DwAt, form: DwForm) -> Self {
        Self((u32::from(name.0) << 16) | u32::from(form.0))
    }

    pub(crate) fn is_of(self, name: DwAt) -> bool {
        self.0 >> 16 == u32::from(name.0)
    }

    fn write(self, out: &mut Vec<u8>) {
        unsigned(out, u64::from(self.0 >> 16));
        unsigned(out, u64::from(self.0 & 0xffff));
    }
}

/// The kinds of entries that were written: tag, whether there are children, attributes. Their codes count from 1.
#[derive(Debug, Default)]
pub(crate) struct Abbreviations {
    /// By what they are, with the tag and the children as the first two numbers.
    codes: HashMap<Box<[Specification]>, u32, BuildHasherDefault<Quick>>,
    key: Vec<Specification>,
    table: Vec<u8>,
}

impl Abbreviations {
    /// The code of a kind of entry.
    pub(crate) fn code(
        &mut self,
        tag: DwTag,
        has_children: bool,
        attributes: impl Iterator<Item = Specification>,
    ) -> u32 {
        self.key.clear();
        self.key.push(Specification((u32::from(tag.0) << 1) | u32::from(has_children)));
        self.key.extend(attributes);
        if let Some(code) = self.codes.get(self.key.as_slice()) {
            return *code;
        }
        let code = small(self.codes.len()).saturating_add(1);
        unsigned(&mut self.table, code.into());
        unsigned(&mut self.table, tag.0.into());
        self.table.push(if has_children { dw::DW_CHILDREN_yes.0 } else { dw::DW_CHILDREN_no.0 });
        for attribute in self.key.iter().skip(1) {
            attribute.write(&mut self.table);
        }
        self.table.extend_from_slice(&[0, 0]);
        self.codes.insert(self.key.as_slice().into(), code);
        code
    }

    /// The table as it is written.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.table.push(0);
        self.table
    }
}

/// A hash of a few numbers. Whoever makes a file in which many kinds of entries have the same one makes its conversion slower, by
/// no more than there are kinds in a part.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(u64::try_from(number).unwrap_or(u64::MAX));
    }

    fn write_u64(&mut self, number: u64) {
        // An odd number without a pattern: the golden ratio's digits.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
