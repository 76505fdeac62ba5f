//! One entry: as it is read, and as it is written.

use gimli::{Attribute, AttributeValue, DwAt, DwForm, DwTag, SectionId, UnitOffset, constants as dw};

use super::abbreviation::Specification;
use super::bytes::{fixed, unsigned};
use super::expression::Expression;
use super::reference::EntryPlace;
use crate::sections::Reader;

/// An entry that was read.
#[derive(Clone, Copy)]
pub(crate) struct Current<'c, 'a> {
    pub(crate) offset: UnitOffset,
    /// 0 for the root.
    pub(crate) depth: isize,
    pub(crate) tag: DwTag,
    pub(crate) has_children: bool,
    pub(crate) attributes: &'c [Attribute<Reader<'a>>],
}

impl<'c, 'a> Current<'c, 'a> {
    pub(crate) fn find(&self, name: DwAt) -> Option<&'c Attribute<Reader<'a>>> {
        self.attributes.iter().find(|attribute| attribute.name() == name)
    }

    pub(crate) fn value(&self, name: DwAt) -> Option<AttributeValue<Reader<'a>>> {
        self.find(name).map(Attribute::value)
    }

    /// Whether it is a floating-point type of 16 bytes. In the program these are
    /// IEEE numbers, but gdb takes them for what the machine has of that size.
    pub(crate) fn is_long_double(&self) -> bool {
        self.is_base_type(dw::DW_ATE_float, 16)
    }

    /// Whether it is the type of pairs of them.
    pub(crate) fn is_long_complex(&self) -> bool {
        self.is_base_type(dw::DW_ATE_complex_float, 32)
    }

    fn is_base_type(&self, encoding: gimli::DwAte, size: u64) -> bool {
        self.tag == dw::DW_TAG_base_type
            && self.value(dw::DW_AT_encoding) == Some(AttributeValue::Encoding(encoding))
            && self.find(dw::DW_AT_byte_size).and_then(Attribute::udata_value) == Some(size)
    }
}

/// What is to be put right in an entry that is written, when it is known where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fixup {
    /// An offset in a section of the part.
    Section(SectionId),
    /// A reference to an entry of the unit, by where it is read from.
    Entry(usize),
    /// A base type in an expression, by where it is read from.
    BaseType(usize),
    /// A reference to any entry.
    Cross(EntryPlace),
    /// The place of the entry behind this one and its children.
    Sibling,
}

/// The attributes of an entry that is to be written.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    /// What they are, and where their bytes begin.
    pub(crate) specifications: Vec<(Specification, usize)>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) fixups: Vec<(usize, Fixup)>,
}

impl Attributes {
    pub(crate) fn clear(&mut self) {
        self.specifications.clear();
        self.bytes.clear();
        self.fixups.clear();
    }

    pub(crate) fn has(&self, name: DwAt) -> bool {
        self.specifications.iter().any(|(specification, _)| specification.is_of(name))
    }

    /// Begins an attribute, whose bytes follow.
    pub(crate) fn begin(&mut self, name: DwAt, form: DwForm) -> &mut Vec<u8> {
        self.specifications.push((Specification::new(name, form), self.bytes.len()));
        &mut self.bytes
    }

    pub(crate) fn remove(&mut self, name: DwAt) {
        let is_it = |(specification, _): &(Specification, usize)| specification.is_of(name);
        let Some(index) = self.specifications.iter().position(is_it) else { return };
        let (_, start) = self.specifications.remove(index);
        let end = self.specifications.get(index).map_or(self.bytes.len(), |(_, next)| *next);
        let length = end.saturating_sub(start);
        self.bytes.drain(start..end.min(self.bytes.len()).max(start));
        for (_, other) in self.specifications.iter_mut().skip(index) {
            *other = other.saturating_sub(length);
        }
        self.fixups.retain(|(at, _)| !(start..end).contains(at));
        for (at, _) in &mut self.fixups {
            if *at >= end {
                *at = at.saturating_sub(length);
            }
        }
    }

    pub(crate) fn string(&mut self, name: DwAt, text: &[u8]) {
        let bytes = self.begin(name, dw::DW_FORM_string);
        bytes.extend_from_slice(text);
        bytes.push(0);
    }

    pub(crate) fn number(&mut self, name: DwAt, value: u64) {
        unsigned(self.begin(name, dw::DW_FORM_udata), value);
    }

    pub(crate) fn address(&mut self, name: DwAt, address: u64, size: u8) {
        fixed(self.begin(name, dw::DW_FORM_addr), address, size);
    }

    /// 4 bytes to be put right.
    pub(crate) fn fixup(&mut self, name: DwAt, form: DwForm, value: u32, fixup: Fixup) {
        let at = self.bytes.len();
        self.begin(name, form).extend_from_slice(&value.to_le_bytes());
        self.fixups.push((at, fixup));
    }

    /// A reference to an entry of the unit, by where it is read from.
    pub(crate) fn reference(&mut self, name: DwAt, target: usize) {
        self.fixup(name, dw::DW_FORM_ref4, 0, Fixup::Entry(target));
    }

    /// A reference to an entry of the unit, by where it is written.
    pub(crate) fn written_reference(&mut self, name: DwAt, target: u32) {
        self.begin(name, dw::DW_FORM_ref4).extend_from_slice(&target.to_le_bytes());
    }

    pub(crate) fn expression(&mut self, name: DwAt, expression: &Expression) {
        let bytes = self.begin(name, dw::DW_FORM_exprloc);
        unsigned(bytes, u64::try_from(expression.bytes.len()).unwrap_or(u64::MAX));
        let start = bytes.len();
        bytes.extend_from_slice(&expression.bytes);
        self.fixups.extend(referred(expression, start));
    }
}

/// What is to be put right in an expression at `start`.
pub(crate) fn referred(expression: &Expression, start: usize) -> impl Iterator<Item = (usize, Fixup)> {
    use super::expression::Referred;
    expression.references.iter().map(move |(at, referred)| {
        let fixup = match *referred {
            Referred::BaseType(offset) => Fixup::BaseType(offset.0),
            Referred::Entry(place) => Fixup::Cross(place),
        };
        (start.saturating_add(*at), fixup)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_leaves_the_others_where_they_are() {
        let mut attributes = Attributes::default();
        attributes.string(dw::DW_AT_name, b"ab");
        attributes.reference(dw::DW_AT_type, 7);
        attributes.number(dw::DW_AT_byte_size, 300);
        attributes.reference(dw::DW_AT_specification, 9);
        attributes.remove(dw::DW_AT_type);
        assert_eq!(attributes.bytes, [b'a', b'b', 0, 0xac, 2, 0, 0, 0, 0]);
        assert_eq!(attributes.fixups, [(5, Fixup::Entry(9))]);
        let starts: Vec<usize> = attributes.specifications.iter().map(|(_, start)| *start).collect();
        assert_eq!(starts, [0, 3, 5]);
        assert!(!attributes.has(dw::DW_AT_type) && attributes.has(dw::DW_AT_byte_size));
        attributes.remove(dw::DW_AT_specification);
        assert_eq!((attributes.bytes.len(), attributes.fixups.len()), (5, 0));
    }
}
