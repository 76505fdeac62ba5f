//! Strings: the sections with strings go into the image as they are, one behind the other. Nothing is read of them but
//! the few names that the conversion looks at.

use gimli::Section;
use gimli::write::{AttributeValue as Value, StringId, StringTable};

use super::sources::Source;
use crate::sections::{ReadDwarf, Reader};

/// Longer strings are no names that mean something here.
const MAX_NAME: usize = 4096;

/// The digits that stand for a string in the table of a part, and the zero behind them.
const DIGITS: usize = 8;
pub(crate) const ENTRY: usize = DIGITS + 1;

/// All sections with strings that units read.
pub(crate) struct StringSections<'a> {
    /// Each with its place in the image's `.debug_str`.
    sections: Vec<(u32, Reader<'a>)>,
    length: u32,
}

impl<'a> StringSections<'a> {
    pub(crate) fn new(sources: &[Source<'a>]) -> Self {
        let mut found = Self { sections: Vec::new(), length: 0 };
        for source in sources {
            found.add_those_of(&source.dwarf);
            if let Some(skeleton) = &source.skeleton {
                found.add_those_of(&skeleton.dwarf);
            }
        }
        found
    }

    fn add_those_of(&mut self, dwarf: &ReadDwarf<'a>) {
        for section in [*dwarf.debug_str.reader(), *dwarf.debug_line_str.reader()] {
            let is_known = self.sections.iter().any(|(_, known)| is_same(*known, section));
            // The zero that may be missing at the end is given to each.
            let end = section.len().checked_add(1).and_then(|length| u32::try_from(length).ok());
            let end = end.and_then(|length| self.length.checked_add(length));
            if let (false, false, Some(end)) = (is_known, section.is_empty(), end) {
                self.sections.push((self.length, section));
                self.length = end;
            }
        }
    }

    /// The image's `.debug_str`.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &'a [u8]> {
        self.sections.iter().flat_map(|(_, section)| [section.slice(), &[0]])
    }

    /// Where in the image a string is.
    fn place(&self, section: Reader<'a>, offset: usize) -> Option<u32> {
        let (start, section) = self.sections.iter().find(|(_, known)| is_same(*known, section))?;
        let offset = u32::try_from(offset).ok().filter(|_| offset < section.len())?;
        start.checked_add(offset)
    }

    /// The string at a place in the image, if it is not long.
    fn get(&self, place: u32) -> Option<&'a [u8]> {
        let next = self.sections.partition_point(|(start, _)| *start <= place);
        let (start, section) = self.sections.get(next.checked_sub(1)?)?;
        let rest = section.slice().get(usize::try_from(place.checked_sub(*start)?).ok()?..)?;
        let rest = rest.get(..MAX_NAME).unwrap_or(rest);
        rest.split(|byte| *byte == 0).next().filter(|string| string.len() < MAX_NAME)
    }
}

/// Whether two sections are the same bytes of the same file.
fn is_same(a: Reader<'_>, b: Reader<'_>) -> bool {
    (a.slice().as_ptr(), a.len()) == (b.slice().as_ptr(), b.len())
}

/// The strings that the units of a part name. In gimli's table stand the places of the strings, in digits: it would copy
/// and compare the strings themselves.
pub(crate) struct Strings<'s, 'a> {
    table: &'s mut StringTable,
    sections: &'s StringSections<'a>,
    /// Their places in the image, in the order of the table.
    pub(crate) places: Vec<u32>,
}

impl<'s, 'a> Strings<'s, 'a> {
    pub(crate) fn new(table: &'s mut StringTable, sections: &'s StringSections<'a>) -> Self {
        Self { table, sections, places: Vec::new() }
    }

    /// The string at an offset in one of the sections. None if it is not in there.
    pub(crate) fn add(&mut self, section: Reader<'a>, offset: usize) -> Option<StringId> {
        let place = self.sections.place(section, offset)?;
        let id = self.table.add(digits(place));
        if self.table.count() > self.places.len() {
            self.places.push(place);
        }
        Some(id)
    }

    /// The bytes of a string attribute, if they are not many.
    pub(crate) fn get<'v>(&'v self, value: &'v Value) -> Option<&'v [u8]> {
        match value {
            Value::String(bytes) => Some(bytes),
            Value::StringRef(id) => {
                let place =
                    self.table.get(*id).iter().fold(0, |place, digit| (place << 4) | u32::from(digit - b'a'));
                self.sections.get(place)
            }
            _ => None,
        }
    }
}

/// A number in digits from `a` on, highest first.
fn digits(number: u32) -> Vec<u8> {
    number.to_be_bytes().iter().flat_map(|byte| [b'a' + (byte >> 4), b'a' + (byte & 15)]).collect()
}
