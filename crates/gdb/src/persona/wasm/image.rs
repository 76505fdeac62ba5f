//! A module's file as lldb reads it: byte for byte the module's, but for what lldb 22 would misunderstand or lack.
//!
//! | in the file | lldb 22 | so it reads |
//! |---|---|---|
//! | imports of memories, tables, globals, tags | loses its way behind the first one, and gives functions the names of others | imports of functions first, and a count of no more than those |
//! | the declarations of locals, where a function's body begins | disassembles them, and often no further | `nop`s |
//! | functions without names | has no names for frames and breakpoints | a section of names behind the last section |
//! | no debug info | shows operators, and no variables | debug info that is made up, behind the last section |
//!
//! Nothing moves: an operator is at its module PC. Whoever reads the file from a disk, as lldb does where it has the
//! module, misses this.

use std::ops::Range;

use frame_table::ModulePc;

use crate::int::{index, wide};

/// Bytes before the first section.
const HEADER: usize = 8;

const CUSTOM: u8 = 0;
const IMPORT: u8 = 2;
const FUNCTIONS: u8 = 3;

/// The title of the section of names.
const NAMES: &[u8] = b"name";

/// The kind of an imported function.
const FUNCTION: u8 = 0;

/// The subsection of functions' names.
const FUNCTION_NAMES: u8 = 1;

const NOP: u8 = 1;

/// What is in a file that lldb would misunderstand.
struct Survey {
    /// Where the imports are, and what they become.
    imports: Option<(Range<usize>, Vec<u8>)>,
    /// How many functions there are.
    functions: u64,
    /// The section of names.
    names: Option<Names>,
}

/// A section of names.
struct Names {
    /// Where the section's own name is.
    title: usize,
    /// How many functions have a name.
    functions: u64,
    /// Its other subsections, as they are.
    others: Vec<u8>,
}

impl Survey {
    fn of(file: &[u8]) -> Self {
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

    fn lacks_names(&self) -> bool {
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

/// The image of a file that is a valid module. `declarations` are the ranges of locals' declarations in it, `names` all
/// functions' names by index.
pub(crate) fn image(
    file: &[u8],
    declarations: impl Iterator<Item = Range<ModulePc>>,
    names: impl Iterator<Item = String>,
) -> Vec<u8> {
    let mut image = file.to_vec();
    for range in declarations {
        if let Some(bytes) = image.get_mut(position(range.start)..position(range.end)) {
            bytes.fill(NOP);
        }
    }
    let survey = Survey::of(file);
    let lacks_names = survey.lacks_names();
    if let Some((contents, sorted)) = survey.imports
        && let Some(imports) = image.get_mut(contents)
    {
        imports.copy_from_slice(&sorted);
    }
    if lacks_names {
        // The first section of that title counts.
        let title = survey.names.as_ref().and_then(|names| image.get_mut(names.title));
        if let Some(title) = title {
            *title = b'-';
        }
        push_names(&mut image, names, &survey.names.map(|names| names.others).unwrap_or_default());
    }
    image
}

fn position(pc: ModulePc) -> usize {
    index(u64::from(pc.0))
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

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(low(number) | 0x80);
        number >>= 7;
    }
    out.push(low(number));
}

fn push_name(out: &mut Vec<u8>, name: &str) {
    push_number(out, wide(name.len()));
    out.extend_from_slice(name.as_bytes());
}

/// Appends a section with the names of all functions, and other names.
fn push_names(image: &mut Vec<u8>, names: impl Iterator<Item = String>, others: &[u8]) {
    let mut map = Vec::new();
    let mut count = 0;
    for name in names {
        push_number(&mut map, count);
        push_name(&mut map, &name);
        count += 1;
    }
    let mut functions = Vec::new();
    push_number(&mut functions, count);
    functions.extend(map);
    let mut section = Vec::new();
    push_name(&mut section, "name");
    section.push(FUNCTION_NAMES);
    push_number(&mut section, wide(functions.len()));
    section.extend(functions);
    section.extend_from_slice(others);
    image.push(CUSTOM);
    push_number(image, wide(section.len()));
    image.extend(section);
}

/// Appends custom sections to an image.
pub(crate) fn push_sections(image: &mut Vec<u8>, sections: &[(&str, Vec<u8>)]) {
    for (name, contents) in sections {
        let mut title = Vec::new();
        push_name(&mut title, name);
        image.push(CUSTOM);
        push_number(image, wide(title.len() + contents.len()));
        image.extend(title);
        image.extend_from_slice(contents);
    }
}

/// Reads from left to right. What is not there is none, and so is everything after it.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// A LEB128 number. A signed one is read over like an unsigned one.
    fn number(&mut self) -> Option<u64> {
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

    fn name(&mut self) -> Option<&'a [u8]> {
        let length = index(self.number()?);
        let name = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(name)
    }

    /// The id of a section, and where its contents are.
    fn section(&mut self) -> Option<(u8, Range<usize>)> {
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
    use runtime::{Engine, EngineConfig, Module};

    fn module(text: &str) -> Module {
        Module::new(&Engine::new(EngineConfig::default()).unwrap(), text.as_bytes(), "test").unwrap()
    }

    fn image_of(module: &Module) -> Vec<u8> {
        let functions = module.num_imported_functions()..module.num_functions();
        let declarations = functions.filter_map(|function| module.entry(function));
        let names = (0..module.num_functions()).map(|function| format!("name{function}"));
        image(module.bytes(), declarations.map(|(start, operator)| start..operator), names)
    }

    #[test]
    fn imports_of_functions_come_first_and_are_all_that_is_counted() {
        let module = module(
            r#"(module
              (import "a" "memory" (memory 1 2))
              (import "b" "first" (func (param i32)))
              (import "c" "global" (global (mut i64)))
              (import "d" "table" (table 1 (ref null func)))
              (import "e" "second" (func))
              (import "f" "tag" (tag)))"#,
        );
        let image = image_of(&module);
        let mut reader = Reader { bytes: &image, at: HEADER };
        let imports = std::iter::from_fn(|| reader.section()).find(|(id, _)| *id == IMPORT).unwrap().1;
        let mut reader = Reader { bytes: &image, at: imports.start };
        let mut names = Vec::new();
        for _ in 0..reader.number().unwrap() {
            reader.name().unwrap();
            names.push(String::from_utf8_lossy(reader.name().unwrap()).into_owned());
            assert_eq!(reader.byte(), Some(FUNCTION));
            reader.number().unwrap();
        }
        assert_eq!(names, ["first", "second"]);
        assert!(image[imports].windows(6).any(|bytes| bytes == b"memory"), "the others follow");
    }

    #[test]
    fn code_stays_where_it_is_behind_nops() {
        let module = module("(module $m (func $f (local i32 i64 i64) i32.const 7 drop))");
        let (start, operator) = module.entry(0).unwrap();
        let image = image_of(&module);
        assert_eq!(image[position(start)..position(operator)], [NOP; 5]);
        assert_eq!(image[position(operator)..][..2], [0x41, 7]);
        assert_eq!(image.len(), module.bytes().len(), "it has names");
    }

    #[test]
    fn names_are_appended_where_there_are_none() {
        let module = module("(module (func) (func))");
        let image = image_of(&module);
        let added = &image[module.bytes().len()..];
        assert_eq!(added, b"\0\x16\x04name\x01\x0f\x02\0\x05name0\x01\x05name1");
    }

    #[test]
    fn a_section_that_does_not_name_all_functions_is_replaced() {
        let module = module("(module $m (func $f) (func))");
        let image = image_of(&module);
        let survey = Survey::of(&image);
        assert!(!survey.lacks_names());
        let names = survey.names.unwrap();
        assert!(names.title > module.bytes().len());
        assert_eq!(names.others, b"\0\x02\x01m", "the module's own name is kept");
    }

    #[test]
    fn files_that_lldb_reads_right_are_known() {
        let is_misread = |text: &str| is_misread(module(text).bytes());
        assert!(!is_misread(r#"(module (import "a" "b" (func $f)) (memory 1) (func $g))"#));
        assert!(is_misread(r#"(module (import "a" "b" (memory 1)) (func $g))"#));
        assert!(is_misread("(module (func $g) (func))"));
        assert!(is_misread("(module (func))"));
    }

    #[test]
    fn a_count_keeps_its_length() {
        assert_eq!(padded(3, 5), [0x83, 0x80, 0x80, 0x80, 0]);
        assert_eq!(padded(300, 2), [0xac, 2]);
        assert_eq!(functions_first(&[0x82, 0, 1]), None, "cut off");
    }
}
