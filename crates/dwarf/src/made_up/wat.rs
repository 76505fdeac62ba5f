//! A module in the text format: everything but its functions as wasmprinter prints it, the functions as `fold` does.
//!
//! wasmprinter can leave out what is large, which for a large module is everything but declarations.

use wasmparser::{BinaryReader, FunctionBody};
use wasmprinter::{Config, Print};

use super::fold::{FunctionText, Printing};
use super::names::Names;
use crate::Module;
use crate::parallel;

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

    let [before, behind] = around(bytes, printing.names);
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
pub(crate) fn body<'a>(bytes: &'a [u8], function: &crate::Function) -> Option<FunctionBody<'a>> {
    let range = usize::try_from(function.body.start).ok()?..usize::try_from(function.body.end).ok()?;
    Some(FunctionBody::new(BinaryReader::new(bytes.get(range)?, u64::from(function.body.start))))
}

/// The lines before and behind the functions.
fn around(bytes: &[u8], names: &Names) -> [String; 2] {
    let mut lines = Around {
        names,
        before: String::new(),
        behind: String::new(),
        line: String::new(),
        in_function: false,
        had_functions: false,
    };
    let printed = Config::new().print_skeleton(bytes.len() > MAX_WHOLE).print(bytes, &mut lines);
    lines.end_line();
    if let Err(error) = printed {
        tracing::debug!(%error, "a module is printed without what is around its functions");
        return ["(module\n".to_owned(), ")\n".to_owned()];
    }
    [lines.before, lines.behind]
}

/// Keeps lines that are no functions.
struct Around<'n> {
    names: &'n Names,
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

impl Around<'_> {
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
            push_wrapped(lines, &named(line, self.names));
        }
    }
}

/// A line with the name by which functions call what it declares.
fn named(mut line: String, names: &Names) -> String {
    let is_import = line.starts_with("  (import ");
    if !is_import && !line.starts_with("  (global ") {
        return line;
    }
    let name = |kind: &str, id: &dyn Fn(u32) -> String| {
        // Behind the strings of an import.
        let at = line.rfind(kind)? + kind.len();
        let (number, _) = line.get(at..)?.split_once(";)")?;
        Some((at - "(;".len(), id(number.parse().ok()?)))
    };
    let found = name("(func (;", &|index| names.function(index).into_owned())
        .or_else(|| name("(global (;", &|index| names.global(index).into_owned()));
    if let Some((at, id)) = found {
        line.insert_str(at, &format!("{id} "));
    }
    line
}

/// Lines around functions are not longer than this, but for words that are.
const WIDTH: usize = 120;

/// Appends a line of the text format in several lines if it is long. A string is cut into several, which mean the same.
fn push_wrapped(lines: &mut String, line: &str) {
    const INDENT: &str = "    ";
    let mut width = 0;
    let mut in_string = false;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        let is_space = c == ' ' && !in_string;
        if is_space && width >= WIDTH {
            lines.push('\n');
            lines.push_str(INDENT);
            width = INDENT.len();
            continue;
        }
        if in_string && c != '"' && width >= WIDTH {
            lines.push_str("\"\n");
            lines.push_str(INDENT);
            lines.push('"');
            width = INDENT.len() + 1;
        }
        lines.push(c);
        width += 1;
        in_string ^= c == '"';
        if in_string && c == '\\' {
            // What is escaped: two digits, a character, or `u{...}`.
            let rest = characters.as_str();
            let length = match rest.chars().next() {
                Some('u') => rest.find('}').map_or(1, |end| end + 1),
                Some(digit) if digit.is_ascii_hexdigit() => 2,
                Some(other) => other.len_utf8(),
                None => 0,
            };
            let (escaped, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            lines.push_str(escaped);
            width += escaped.len();
            characters = after.chars();
        }
    }
    lines.push('\n');
}

impl Print for Around<'_> {
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
