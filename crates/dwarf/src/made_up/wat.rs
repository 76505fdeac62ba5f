//! A module in the text format: everything but its functions as wasmprinter prints it, the functions as `fold` does.
//!
//! wasmprinter can leave out what is large, which for a large module is everything but declarations.

use wasmparser::{BinaryReader, FunctionBody};
use wasmprinter::{Config, Print};

use super::fold::{FunctionText, Printing};
use super::parallel;
use crate::Module;

/// A larger module is printed without the contents of its segments. Bytes.
const MAX_WHOLE: usize = 64 << 10;

/// Functions that are printed in one go.
const AT_ONCE: usize = 64;

/// A module's text, and where in it things are.
pub(super) struct Wat {
    pub(super) text: Vec<u8>,
    /// For each defined function where its lines begin: module PC and line, from 1. In ascending order of both.
    pub(super) rows: Vec<Vec<(u32, u32)>>,
}

/// Prints a module.
pub(super) fn print(bytes: &[u8], module: &Module<'_>, printing: &Printing<'_, '_>) -> Wat {
    let functions = module.defined_functions();
    let printed = parallel::map(functions.len().div_ceil(AT_ONCE), |part| {
        let part = functions.iter().skip(part * AT_ONCE).take(AT_ONCE);
        let print = |function: &crate::Function| {
            let body = body(bytes, function)?;
            Some(printing.function(function.index, &body))
        };
        part.map(|function| print(function).unwrap_or_default()).collect::<Vec<_>>()
    });

    let [before, behind] = around(bytes);
    let size: usize = printed.iter().flatten().map(|function| function.text.len()).sum();
    let mut wat = Wat { text: Vec::with_capacity(before.len() + size + behind.len()), rows: Vec::new() };
    wat.text.extend_from_slice(before.as_bytes());
    let mut line = 1 + u32::try_from(before.lines().count()).unwrap_or(u32::MAX);
    for FunctionText { text, mut rows, lines } in printed.into_iter().flatten() {
        wat.text.extend_from_slice(text.as_bytes());
        rows.iter_mut().for_each(|row| row.1 = row.1.saturating_add(line));
        wat.rows.push(rows);
        line = line.saturating_add(lines);
    }
    wat.text.extend_from_slice(behind.as_bytes());
    wat
}

/// A function's body in the file.
pub(super) fn body<'a>(bytes: &'a [u8], function: &crate::Function) -> Option<FunctionBody<'a>> {
    let range = usize::try_from(function.body.start).ok()?..usize::try_from(function.body.end).ok()?;
    Some(FunctionBody::new(BinaryReader::new(bytes.get(range)?, u64::from(function.body.start))))
}

/// The lines before and behind the functions.
fn around(bytes: &[u8]) -> [String; 2] {
    let mut lines = Around::default();
    let printed = Config::new().print_skeleton(bytes.len() > MAX_WHOLE).print(bytes, &mut lines);
    lines.end_line();
    if let Err(error) = printed {
        tracing::debug!(%error, "a module is printed without what is around its functions");
        return ["(module\n".to_owned(), ")\n".to_owned()];
    }
    [lines.before, lines.behind]
}

/// Keeps lines that are no functions.
#[derive(Default)]
struct Around {
    before: String,
    behind: String,
    /// The line so far.
    line: String,
    in_function: bool,
    had_functions: bool,
}

/// How a defined function's first line begins, and its last line.
const FUNCTION: &str = "  (func ";
const END: &str = "  )";

impl Around {
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        // What is in a function is indented further.
        let is_inside = line.starts_with("   ") || line.trim_end() == END;
        if self.in_function && is_inside || line.is_empty() {
            return;
        }
        self.in_function = line.starts_with(FUNCTION);
        self.had_functions |= self.in_function;
        if !self.in_function {
            let lines = if self.had_functions { &mut self.behind } else { &mut self.before };
            lines.push_str(&line);
            lines.push('\n');
        }
    }
}

impl Print for Around {
    fn write_str(&mut self, text: &str) -> std::io::Result<()> {
        self.line.push_str(text);
        Ok(())
    }

    fn newline(&mut self) -> std::io::Result<()> {
        self.end_line();
        Ok(())
    }

    fn print_custom_section(&mut self, _: &str, _: u64, _: &[u8]) -> std::io::Result<bool> {
        // Nothing that a program does is in one.
        Ok(true)
    }
}
