//! Strings: the sections with strings go into the image as they are, one behind the other. Nothing is read of them but
//! the few names that the conversion looks at.

use gimli::{DwForm, Section, SectionId, constants as dw};

use super::sources::Source;
use crate::sections::{ReadDwarf, Reader};

/// All sections with strings that units read.
pub(crate) struct StringSections<'a> {
    strings: Joined<'a>,
    line_strings: Joined<'a>,
}

/// Sections of the image with strings, before parts add theirs.
#[derive(Debug)]
pub(crate) struct Texts {
    /// `.debug_str`.
    pub(crate) strings: Vec<u8>,
    /// `.debug_line_str`.
    pub(crate) line_strings: Vec<u8>,
}

impl Texts {
    /// By their names.
    pub(crate) fn into_sections(self) -> Vec<(SectionId, Vec<u8>)> {
        vec![(SectionId::DebugStr, self.strings), (SectionId::DebugLineStr, self.line_strings)]
    }
}

/// Sections that become one section of the image.
#[derive(Default)]
struct Joined<'a> {
    /// Each with its place in the image's section.
    sections: Vec<(u32, Reader<'a>)>,
    length: u32,
}

/// Which kind of section a string is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `.debug_str`.
    String,
    /// `.debug_line_str`.
    LineString,
}

impl Kind {
    /// The section of a file.
    pub(crate) fn section<'a>(self, dwarf: &ReadDwarf<'a>) -> Reader<'a> {
        match self {
            Self::String => *dwarf.debug_str.reader(),
            Self::LineString => *dwarf.debug_line_str.reader(),
        }
    }

    /// How an attribute or a line table of the image names a string of this kind.
    pub(crate) fn form(self) -> DwForm {
        match self {
            Self::String => dw::DW_FORM_strp,
            Self::LineString => dw::DW_FORM_line_strp,
        }
    }
}

impl<'a> StringSections<'a> {
    pub(crate) fn new(sources: &[Source<'a>]) -> Self {
        let mut found = Self { strings: Joined::default(), line_strings: Joined::default() };
        for source in sources {
            found.add_those_of(&source.dwarf);
            if let Some(skeleton) = &source.skeleton {
                found.add_those_of(&skeleton.dwarf);
            }
        }
        found
    }

    fn add_those_of(&mut self, dwarf: &ReadDwarf<'a>) {
        self.strings.add(Kind::String.section(dwarf));
        self.line_strings.add(Kind::LineString.section(dwarf));
    }

    /// The sections of the image.
    pub(crate) fn contents(&self) -> Texts {
        Texts { strings: self.strings.contents(), line_strings: self.line_strings.contents() }
    }

    /// Where in the image a string of a file is. None if it is not in its section.
    pub(crate) fn place(&self, kind: Kind, dwarf: &ReadDwarf<'a>, offset: usize) -> Option<u32> {
        match kind {
            Kind::String => self.strings.place(kind.section(dwarf), offset),
            Kind::LineString => self.line_strings.place(kind.section(dwarf), offset),
        }
    }
}

impl<'a> Joined<'a> {
    fn add(&mut self, section: Reader<'a>) {
        let is_known = self.sections.iter().any(|(_, known)| is_same(*known, section));
        // The zero that may be missing at the end is given to each.
        let end = section.len().checked_add(1).and_then(|length| u32::try_from(length).ok());
        let end = end.and_then(|length| self.length.checked_add(length));
        if let (false, false, Some(end)) = (is_known, section.is_empty(), end) {
            self.sections.push((self.length, section));
            self.length = end;
        }
    }

    fn contents(&self) -> Vec<u8> {
        self.sections.iter().flat_map(|(_, section)| [section.slice(), &[0]]).collect::<Vec<_>>().concat()
    }

    fn place(&self, section: Reader<'a>, offset: usize) -> Option<u32> {
        let (start, section) = self.sections.iter().find(|(_, known)| is_same(*known, section))?;
        let offset = u32::try_from(offset).ok().filter(|_| offset < section.len())?;
        start.checked_add(offset)
    }
}

/// Whether two sections are the same bytes of the same file.
fn is_same(a: Reader<'_>, b: Reader<'_>) -> bool {
    (a.slice().as_ptr(), a.len()) == (b.slice().as_ptr(), b.len())
}
