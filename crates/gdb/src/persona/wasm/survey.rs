//! What is in a module's file that lldb 22 would misunderstand, found in the file's bytes.

use std::ops::Range;

use crate::int::{index, wide};

/// Bytes before the first section.
pub(super) const HEADER: usize = 8;

pub(super) const CUSTOM: u8 = 0;
pub(super) const IMPORT: u8 = 2;
const FUNCTIONS: u8 = 3;

/// The title of the section of names.
const NAMES: &[u8] = b"name";

/// The kind of an imported function.
pub(super) const FUNCTION: u8 = 0;

/// The subsection of functions' names.
pub(super) const FUNCTION_NAMES: u8 = 1;

/// What is in a file that lldb would misunderstand.
pub(super) struct Survey {
    /// Where the imports are, and what they become.
    pub(super) imports: Option<(Range<usize>, Vec<u8>)>,
    /// How many functions there are.
    functions: u64,
    /// The section of names.
    pub(super) names: Option<Names>,
}

/// A section of names.
pub(super) struct Names {
    /// Where the section's own name is.
    pub(super) title: usize,
    /// How many functions have a name.
    functions: u64,
    /// Its other subsections, as they are.
    pub(super) others: Vec<u8>,
}

impl Survey {
    pub(super) fn of(file: &[u8]) -> Self {
        let mut survey = Self { imports: None, functions: 0, names: None };
        let mut reader = Reader { bytes: file, at: HEADER };
        while let Some((id, contents)) = reader.section() {
            let Some(section) = file.get(contents.clone()) else { break };
            match id {
                IMPORT => {
                    let Some((functions, sorted)) = functions_first(section) else { continue };
                    survey.functions += functions;
                    survey.imports = sorted.map(|sorted| (contents, sorted));
                }
                FUNCTIONS => {
                    let count = Reader { bytes: section, at: 0 }.number();
                    survey.functions += count.unwrap_or_default();
                }
                CUSTOM if survey.names.is_none() => survey.names = Names::of(section, contents.start),
                _ => {}
            }
        }
        survey
    }

    pub(super) fn lacks_names(&self) -> bool {
        self.names.as_ref().is_none_or(|names| names.functions < self.functions)
    }
}

impl Names {
    /// None if the custom section is another one.
    fn of(section: &[u8], start: usize) -> Option<Self> {
        let mut reader = Reader { bytes: section, at: 0 };
        if reader.name()? != NAMES {
            return None;
        }
        let mut names = Self { title: start + reader.at - NAMES.len(), functions: 0, others: Vec::new() };
        loop {
            let subsection = reader.at;
            let Some((id, contents)) = reader.section() else { break };
            if id == FUNCTION_NAMES {
                let count = Reader { bytes: section, at: contents.start }.number();
                names.functions = count.unwrap_or_default();
            } else {
                names.others.extend_from_slice(section.get(subsection..contents.end).unwrap_or_default());
            }
        }
        Some(names)
    }
}

/// Whether lldb finds functions by wrong names, or none, if it reads the file itself.
pub(crate) fn is_misread(file: &[u8]) -> bool {
    let survey = Survey::of(file);
    survey.imports.is_some() || survey.lacks_names()
}

/// How many functions an import section has, and contents of the same length with the functions first and counting only
/// those; none inside if there is nothing else. None if there is an import of a kind that is not known.
fn functions_first(section: &[u8]) -> Option<(u64, Option<Vec<u8>>)> {
    let mut reader = Reader { bytes: section, at: 0 };
    let count = reader.number()?;
    let width = reader.at;
    let (mut functions, mut others) = (Vec::new(), Vec::new());
    let mut number = 0_u64;
    for _ in 0..count {
        let start = reader.at;
        reader.name()?;
        reader.name()?;
        let kind = reader.byte()?;
        reader.import(kind)?;
        let import = section.get(start..reader.at)?;
        if kind == FUNCTION {
            number += 1;
            functions.extend_from_slice(import);
        } else {
            others.extend_from_slice(import);
        }
    }
    if others.is_empty() {
        return Some((number, None));
    }
    let mut sorted = padded(number, width);
    sorted.extend(functions);
    sorted.extend(others);
    sorted.extend_from_slice(section.get(reader.at..)?);
    (sorted.len() == section.len()).then_some((number, Some(sorted)))
}

/// A number in LEB128 of so many bytes, which are enough.
fn padded(mut number: u64, width: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for place in 1..=width {
        let more = if place < width { 0x80 } else { 0 };
        bytes.push(low(number) | more);
        number >>= 7;
    }
    bytes
}

/// The low seven bits.
fn low(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

pub(super) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(low(number) | 0x80);
        number >>= 7;
    }
    out.push(low(number));
}

pub(super) fn push_name(out: &mut Vec<u8>, name: &str) {
    push_number(out, wide(name.len()));
    out.extend_from_slice(name.as_bytes());
}

/// Reads from left to right. What is not there is none, and so is everything after it.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// A LEB128 number. A signed one is read over like an unsigned one.
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn name(&mut self) -> Option<&'a [u8]> {
        let length = index(self.number()?);
        let name = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(name)
    }

    /// The id of a section, and where its contents are.
    pub(super) fn section(&mut self) -> Option<(u8, Range<usize>)> {
        let id = self.byte()?;
        let length = index(self.number()?);
        let start = self.at;
        self.at = start.checked_add(length)?;
        Some((id, start..self.at))
    }

    /// What an import of this kind says about itself.
    fn import(&mut self, kind: u8) -> Option<()> {
        const TABLE: u8 = 1;
        const MEMORY: u8 = 2;
        const GLOBAL: u8 = 3;
        const TAG: u8 = 4;
        match kind {
            FUNCTION => drop(self.number()?),
            TABLE => {
                self.value_type()?;
                self.limits()?;
            }
            MEMORY => self.limits()?,
            GLOBAL => {
                self.value_type()?;
                self.byte()?;
            }
            TAG => {
                self.byte()?;
                self.number()?;
            }
            _ => return None,
        }
        Some(())
    }

    fn value_type(&mut self) -> Option<()> {
        /// A reference that is written out: to a heap type, which is a number.
        const REFERENCES: [u8; 2] = [0x63, 0x64];
        if REFERENCES.contains(&self.byte()?) {
            self.number()?;
        }
        Some(())
    }

    fn limits(&mut self) -> Option<()> {
        const HAS_MAXIMUM: u8 = 1;
        const HAS_PAGE_SIZE: u8 = 8;
        let flags = self.byte()?;
        self.number()?;
        if flags & HAS_MAXIMUM != 0 {
            self.number()?;
        }
        if flags & HAS_PAGE_SIZE != 0 {
            self.number()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_keeps_its_length() {
        assert_eq!(padded(3, 5), [0x83, 0x80, 0x80, 0x80, 0]);
        assert_eq!(padded(300, 2), [0xac, 2]);
        assert_eq!(functions_first(&[0x82, 0, 1]), None, "cut off");
    }
}
