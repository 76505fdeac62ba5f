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

use bytes::Bytes;
use frame_table::ModulePc;

use super::survey::{CUSTOM, FUNCTION_NAMES, Survey, push_name, push_number};
use crate::int::{index, wide};

const NOP: u8 = 1;

/// A file with changes: it may have many megabytes, and little of it is read.
#[derive(Debug)]
pub(crate) struct Image {
    file: Bytes,
    /// Where there are `nop`s, in ascending order.
    nops: Vec<Range<usize>>,
    /// What is written over the file, and where.
    changes: Vec<(usize, Vec<u8>)>,
    /// What is behind the file.
    added: Vec<u8>,
}

impl Image {
    /// The image of a file that is a valid module. `declarations` are the ranges of locals' declarations in it in ascending order,
    /// `names` all functions' names by index.
    pub(crate) fn new(
        file: &Bytes,
        declarations: impl Iterator<Item = Range<ModulePc>>,
        names: impl Iterator<Item = String>,
    ) -> Self {
        let survey = Survey::of(file);
        let lacks_names = survey.lacks_names();
        let mut changes = Vec::new();
        if let Some((contents, sorted)) = survey.imports {
            changes.push((contents.start, sorted));
        }
        let mut added = Vec::new();
        if lacks_names {
            // The first section of that title counts.
            changes.extend(survey.names.as_ref().map(|names| (names.title, b"-".to_vec())));
            push_names(&mut added, names, &survey.names.map(|names| names.others).unwrap_or_default());
        }
        let nops = declarations.map(|range| position(range.start)..position(range.end)).collect();
        Self { file: file.clone(), nops, changes, added }
    }

    /// Appends custom sections.
    pub(crate) fn push_sections(&mut self, sections: &[(&str, Vec<u8>)]) {
        for (name, contents) in sections {
            let mut title = Vec::new();
            push_name(&mut title, name);
            self.added.push(CUSTOM);
            push_number(&mut self.added, wide(title.len() + contents.len()));
            self.added.extend(title);
            self.added.extend_from_slice(contents);
        }
    }

    /// In bytes.
    pub(crate) fn len(&self) -> usize {
        self.file.len().saturating_add(self.added.len())
    }

    /// Reads from an offset on. Behind the end there is nothing: what of `into` would be there stays as it is.
    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) {
        put(into, offset, 0, &self.file);
        put(into, offset, self.file.len(), &self.added);
        let end = offset.saturating_add(into.len());
        let first = self.nops.partition_point(|range| range.end <= offset);
        for range in self.nops.iter().skip(first).take_while(|range| range.start < end) {
            let inside = range.start.saturating_sub(offset)..(range.end - offset).min(into.len());
            into.get_mut(inside).unwrap_or_default().fill(NOP);
        }
        for (start, bytes) in &self.changes {
            put(into, offset, *start, bytes);
        }
    }
}

/// Copies what of `bytes`, which are at `start`, is in `into`, which is at `offset`.
fn put(into: &mut [u8], offset: usize, start: usize, bytes: &[u8]) {
    let to = into.get_mut(start.saturating_sub(offset)..).unwrap_or_default();
    let from = bytes.get(offset.saturating_sub(start)..).unwrap_or_default();
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

fn position(pc: ModulePc) -> usize {
    index(u64::from(pc.0))
}

/// Appends a section with the names of all functions, and other names.
fn push_names(added: &mut Vec<u8>, names: impl Iterator<Item = String>, others: &[u8]) {
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
    added.push(CUSTOM);
    push_number(added, wide(section.len()));
    added.extend(section);
}

#[cfg(test)]
mod tests {
    use super::super::survey::{FUNCTION, HEADER, IMPORT, Reader, is_misread};
    use super::*;
    use runtime::{Engine, EngineConfig, Module};

    fn module(text: &str) -> Module {
        Module::new(&Engine::new(EngineConfig::default()).unwrap(), text.as_bytes(), "test").unwrap()
    }

    fn image_of(module: &Module) -> Vec<u8> {
        let functions = module.num_imported_functions()..module.num_functions();
        let declarations = functions.filter_map(|function| module.entry(function));
        let names = (0..module.num_functions()).map(|function| format!("name{function}"));
        let image = Image::new(module.bytes(), declarations.map(|(start, operator)| start..operator), names);
        let mut bytes = vec![0; image.len()];
        image.read(0, &mut bytes);
        // In parts it is the same.
        for length in [1, 3, 7] {
            let mut parts = vec![0; image.len()];
            parts.chunks_mut(length).enumerate().for_each(|(part, bytes)| image.read(part * length, bytes));
            assert_eq!(parts, bytes);
        }
        bytes
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
}
