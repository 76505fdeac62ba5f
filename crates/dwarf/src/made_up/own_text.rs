//! A program that is a text (`.wat`): its lines are those of the user's file.
//!
//! The assembler of the text format can add a line table to what it makes. The module that runs is made without, so that
//! everything but lines is as for other modules, and so that nobody takes the assembler's names for the program's.

use std::path::PathBuf;

use super::source_map::{self, Mapping};
use super::unit::{Lines, Row};
use crate::report::Report;
use crate::sections::{DebugSections, Reader};
use crate::{Function, Module};

/// Which line of a text each operator comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnText {
    /// The text, absolute.
    pub path: PathBuf,
    /// Module PC and line, from 1, in ascending order of PCs: from there on, up to the next.
    lines: Vec<(u32, u32)>,
}

impl OwnText {
    /// The lines of `module`, which was made from the text in `path`. `assembled` was made from it as well, with a line table.
    /// None if it has none, or if the text has changed in between.
    #[must_use]
    pub fn new(path: PathBuf, module: &[u8], assembled: &[u8]) -> Option<Self> {
        let (module, assembled) = (Code::of(module)?, Code::of(assembled)?);
        if module.bytes != assembled.bytes {
            return None;
        }
        let debug = DebugSections::find(&assembled.module, &[], &mut Report::default());
        let mut lines = Vec::new();
        let mut headers = debug.main.units();
        while let Ok(Some(header)) = headers.next() {
            let Some(program) = debug.main.unit(header).ok().and_then(|unit| unit.line_program) else {
                continue;
            };
            add_rows(&mut lines, program, module.first)?;
        }
        lines.sort_by_key(|line| line.0);
        Some(Self { path, lines })
    }

    /// As the lines of a file.
    pub(super) fn lines(&self, module: &Module<'_>) -> Lines {
        let mappings: Vec<Mapping> =
            self.lines.iter().map(|&(offset, line)| Mapping { offset, line: Some((0, line)) }).collect();
        let part = |function: &Function| source_map::part(&mappings, &function.body);
        let rows =
            module.defined_functions().iter().map(|function| super::mapped_rows(function, part(function)));
        Lines {
            directory: self.path.parent().unwrap_or(&self.path).to_owned(),
            files: vec![self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()],
            rows: rows.collect::<Vec<Vec<Row>>>(),
        }
    }
}

/// A module's code.
struct Code<'a> {
    module: Module<'a>,
    bytes: &'a [u8],
    /// Module PC behind the number of bodies, from where the assembler counts.
    first: u32,
}

impl<'a> Code<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let module = Module::parse(bytes).ok()?;
        let range = usize::try_from(module.code.start).ok()?..usize::try_from(module.code.end).ok()?;
        let bytes = bytes.get(range)?;
        let count = bytes.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
        let first = module.code.start.checked_add(u32::try_from(count).ok()?)?;
        Some(Self { module, bytes, first })
    }
}

fn add_rows(
    lines: &mut Vec<(u32, u32)>,
    program: gimli::read::IncompleteLineProgram<Reader<'_>>,
    first: u32,
) -> Option<()> {
    let mut rows = program.rows();
    while let Some((_, row)) = rows.next_row().ok()? {
        if let Some(line) = row.line().filter(|_| !row.end_sequence()) {
            let pc = u32::try_from(row.address()).ok()?.checked_add(first)?;
            lines.push((pc, u32::try_from(line.get()).ok()?));
        }
    }
    Some(())
}
