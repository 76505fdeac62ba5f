//! A function in the text format, as a person reads and steps through it: a line for each statement.
//!
//! ```text
//!   local.get 0  i32.const 1  i32.sub  call 5  local.get 0  i32.mul  local.set 1
//!
//!   (local.set $r (i32.mul (call $fac (i32.sub (local.get $n) (i32.const 1))) (local.get $n)))
//! ```
//!
//! An operator takes the lines before it as operands if each of them does nothing but leave one value, and the whole is not
//! too wide; otherwise those lines stay, and the operator finds their values on the stack. Either way the text is the operators in
//! their order, and lines run from top to bottom.
//!
//! A line begins where its first operator does. What is at a branch's target must be the beginning of a line, or a
//! breakpoint there would be missed:
//!
//! | operator | belongs to |
//! |---|---|
//! | `block`, `try_table` | the next line, to which it falls through |
//! | `loop` | a line of its own: branches go behind it |
//! | `if` | a line with its condition |
//! | `else`, `catch`, `end` | the line before: branches go behind them |
//! | the last `end` | a line of its own, where a function's results are on the stack |

use wasmparser::{BlockType, FrameKind, FunctionBody, Operator, OperatorsReader, ValType};

use super::names::{LocalNames, Names, id};
use super::operator::{Meaning, block_type, catches, push_text, value_type};
use super::outline::{Around, Outline};

/// Characters that a line should not have more of.
const WIDTH: usize = 120;

/// No line is indented further.
const MAX_INDENT: usize = 40;

/// What a function's lines are called before it is known where they are in the file: from 0.
#[derive(Default)]
pub(super) struct FunctionText {
    pub(super) text: String,
    /// Where each line begins that has code: module PC and line. In ascending order of both.
    pub(super) rows: Vec<(u32, u32)>,
    pub(super) lines: u32,
}

/// What all functions have in common.
pub(super) struct Printing<'p, 'a> {
    pub(super) outline: &'p Outline<'a>,
    pub(super) names: &'p Names,
}

impl<'a> Printing<'_, 'a> {
    /// A function's text. One that cannot be read to its end breaks off.
    pub(super) fn function(&self, index: u32, body: &FunctionBody<'a>) -> FunctionText {
        let mut writer = Writer {
            printing: self,
            function: index,
            ids: Vec::new(),
            labels: vec![String::new()],
            begun: 0,
            around: Around { outline: self.outline, blocks: Vec::new() },
            lines: Lines::default(),
        };
        let done = writer.function(body);
        if let Err(error) = done {
            writer.lines.write(&format!(";; {error}"));
        }
        writer.lines.done
    }
}

/// A line that may become an operand.
struct Line {
    text: String,
    /// Module PC of its first operator.
    start: u32,
    /// Whether all it does is leave one value; it takes none from the stack.
    is_value: bool,
}

/// Lines of a function being written.
#[derive(Default)]
struct Lines {
    done: FunctionText,
    /// Those that may become operands, and statements before them.
    waiting: Vec<Line>,
    depth: usize,
    /// Where a `block` is that belongs to the next line.
    block: Option<u32>,
}

impl Lines {
    fn indent(&self) -> usize {
        (2 * self.depth).min(MAX_INDENT)
    }

    /// Writes a line of no operator.
    fn write(&mut self, text: &str) {
        const SPACES: &str = match std::str::from_utf8(&[b' '; MAX_INDENT]) {
            Ok(spaces) => spaces,
            Err(_) => "",
        };
        let indent = SPACES.get(..self.indent()).unwrap_or_default();
        self.done.text.extend([indent, text, "\n"]);
        self.done.lines += 1;
    }

    /// Writes a line that begins at `start`.
    fn write_at(&mut self, start: u32, text: &str) {
        let start = self.block.take().unwrap_or(start);
        self.done.rows.push((start, self.done.lines));
        self.write(text);
    }

    fn flush(&mut self) {
        for line in std::mem::take(&mut self.waiting) {
            self.write_at(line.start, &line.text);
        }
    }

    /// Adds an operator that takes and leaves so many values. `text` begins with a bracket.
    fn operator(&mut self, mut text: String, pc: u32, takes: usize, leaves: usize) {
        let mut room = WIDTH.saturating_sub(self.indent() + text.len() + 1);
        let mut operands = 0;
        for line in self.waiting.iter().rev().take(takes).take_while(|line| line.is_value) {
            let Some(rest) = room.checked_sub(line.text.len() + 1) else { break };
            room = rest;
            operands += 1;
        }
        let all = operands == takes;
        let first = self.waiting.len() - operands;
        let start = self.waiting.get(first).map_or(pc, |line| line.start);
        for line in self.waiting.drain(first..) {
            text.extend([" ", &line.text]);
        }
        if all || operands > 0 {
            text.push(')');
        } else {
            text.remove(0);
        }
        if !all {
            // Their values are taken.
            self.waiting.iter_mut().for_each(|line| line.is_value = false);
        }
        self.waiting.push(Line { text, start, is_value: leaves == 1 && all });
        if leaves != 1 {
            self.flush();
        }
    }

    /// Begins a block with a line of its own, or one that waits for the next line.
    fn open(&mut self, text: &str, pc: u32, has_line: bool) {
        self.flush();
        if has_line {
            self.write_at(pc, text);
        } else {
            self.block.get_or_insert(pc);
            self.write(text);
        }
        self.depth += 1;
    }

    /// Begins the body of an `if`.
    fn open_if(&mut self, text: &str, pc: u32) {
        let condition = self.waiting.pop_if(|line| line.is_value);
        let (start, condition) = condition.map_or((pc, String::new()), |line| (line.start, line.text));
        let (mut line, mut start) = (format!("{text} {condition} (then"), start);
        if condition.is_empty() {
            line = format!("{text} (then");
        } else if self.indent() + line.len() > WIDTH + WIDTH / 2 {
            self.waiting.push(Line { text: condition, start, is_value: false });
            (line, start) = (format!("{text} (then"), pc);
        }
        self.flush();
        self.write_at(start, &line);
        self.depth += 1;
    }

    /// Ends the innermost block's lines with a line that is no place.
    fn close(&mut self, text: &str) {
        self.flush();
        self.block = None;
        self.depth = self.depth.saturating_sub(1);
        self.write(text);
    }
}

/// Writes one function.
struct Writer<'w, 'p, 'a> {
    printing: &'w Printing<'p, 'a>,
    function: u32,
    /// Of parameters and locals.
    ids: Vec<String>,
    /// Of the blocks around, the function itself first, which has none.
    labels: Vec<String>,
    /// How many blocks began.
    begun: u32,
    around: Around<'p, 'a>,
    lines: Lines,
}

impl<'a> Writer<'_, '_, 'a> {
    fn function(&mut self, body: &FunctionBody<'a>) -> wasmparser::Result<()> {
        let start = module_pc(body.range().start);
        let locals: Vec<(u32, ValType)> = body.get_locals_reader()?.into_iter().collect::<Result<_, _>>()?;
        self.lines.depth = 1;
        self.header(start, &locals, super::most_locals(body.range().end - body.range().start));
        self.lines.depth = 2;
        self.around.blocks.push((BlockType::Empty, FrameKind::Block));
        if let Some((ty, _)) = self.printing.outline.function_type(self.function) {
            self.around.blocks = vec![(BlockType::FuncType(ty), FrameKind::Block)];
        }
        let mut operators: OperatorsReader<'a> = body.get_operators_reader()?;
        while !operators.eof() {
            let (operator, pc) = operators.read_with_offset()?;
            self.operator(&operator, module_pc(pc));
        }
        self.lines.flush();
        Ok(())
    }

    /// `(func $name (;index;) (param $a i32) (result i32)`, and a line or more of locals.
    fn header(&mut self, start: u32, locals: &[(u32, ValType)], most: usize) {
        let Printing { outline, names } = self.printing;
        let ty = outline.function_type(self.function).map(|(_, ty)| ty);
        let params = ty.map(wasmparser::FuncType::params).unwrap_or_default();
        let results = ty.map(wasmparser::FuncType::results).unwrap_or_default();
        let declared = locals.iter().flat_map(|(count, ty)| (0..*count).map(move |_| *ty));
        let declared: Vec<ValType> = declared.take(most).collect();
        self.ids = LocalNames::new(outline, self.function, params.len() + declared.len()).ids;
        let mut line = format!("(func {} (;{};)", names.function(self.function), self.function);
        if let Some(index) = outline.functions.get(usize::try_from(self.function).unwrap_or(usize::MAX)) {
            line.push_str(&format!(" (type {})", names.ty(*index)));
        }
        for (id, ty) in self.ids.iter().zip(params) {
            line.push_str(&format!(" (param {id} {})", value_type(*ty, names)));
        }
        for ty in results {
            line.push_str(&format!(" (result {})", value_type(*ty, names)));
        }
        self.lines.write_at(start, &line);
        self.lines.depth += 1;
        let mut line = String::new();
        for (id, ty) in self.ids.iter().skip(params.len()).zip(declared) {
            let local = format!("(local {id} {})", value_type(ty, names));
            if !line.is_empty() && line.len() + local.len() > WIDTH {
                self.lines.write(&std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&local);
        }
        if !line.is_empty() {
            self.lines.write(&line);
        }
    }

    fn operator(&mut self, operator: &Operator<'_>, pc: u32) {
        match operator {
            Operator::Block { blockty } => self.open("block", *blockty, FrameKind::Block, "", pc),
            Operator::Loop { blockty } => self.open("loop", *blockty, FrameKind::Loop, "", pc),
            Operator::If { blockty } => self.open("if", *blockty, FrameKind::If, "", pc),
            Operator::Try { blockty } => self.open("try", *blockty, FrameKind::LegacyTry, " (do", pc),
            Operator::TryTable { try_table } => {
                // The clauses branch from outside of the block.
                let catches = catches(try_table, &self.meaning());
                self.open("try_table", try_table.ty, FrameKind::TryTable, &catches, pc);
            }
            Operator::Else => self.next(FrameKind::Else, ") (else"),
            Operator::Catch { tag_index } => {
                let tag = self.printing.names.tag(*tag_index);
                self.next(FrameKind::LegacyCatch, &format!(") (catch {tag}"));
            }
            Operator::CatchAll => self.next(FrameKind::LegacyCatchAll, ") (catch_all"),
            Operator::Delegate { .. } => {
                let mut text = ") (".to_owned();
                push_text(operator, &self.meaning(), &mut text);
                text.push_str("))");
                self.around.blocks.pop();
                self.labels.pop();
                self.lines.close(&text);
            }
            Operator::End => self.end(pc),
            _ => {
                let (takes, leaves) = operator.operator_arity(&self.around).unwrap_or((u32::MAX, 0));
                let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
                let mut text = String::with_capacity(WIDTH / 2);
                text.push('(');
                push_text(operator, &self.meaning(), &mut text);
                self.lines.operator(text, pc, count(takes), count(leaves));
            }
        }
    }

    fn meaning(&self) -> Meaning<'_> {
        Meaning { names: self.printing.names, locals: &self.ids, labels: &self.labels }
    }

    fn open(&mut self, name: &str, ty: BlockType, kind: FrameKind, behind: &str, pc: u32) {
        let names = self.printing.outline.label_names.get(&self.function);
        let known = names.and_then(|names| names.get(self.begun)).map(id);
        self.begun += 1;
        let label = known.unwrap_or_else(|| format!("${name}{}", self.begun));
        let text = format!("({name} {label}{}{behind}", block_type(ty, self.printing.names));
        if kind == FrameKind::If {
            self.lines.open_if(&text, pc);
        } else {
            self.lines.open(&text, pc, kind == FrameKind::Loop);
        }
        self.around.blocks.push((ty, kind));
        self.labels.push(label);
    }

    /// Goes on with another part of the innermost block.
    fn next(&mut self, kind: FrameKind, text: &str) {
        if let Some(block) = self.around.blocks.last_mut() {
            block.1 = kind;
        }
        self.lines.close(text);
        self.lines.depth += 1;
    }

    fn end(&mut self, pc: u32) {
        self.labels.pop();
        match self.around.blocks.pop() {
            Some(_) if self.around.blocks.is_empty() => {
                self.lines.flush();
                self.lines.depth = 1;
                self.lines.block = None;
                self.lines.write_at(pc, ")");
            }
            Some((
                _,
                FrameKind::If
                | FrameKind::Else
                | FrameKind::LegacyTry
                | FrameKind::LegacyCatch
                | FrameKind::LegacyCatchAll,
            )) => self.lines.close("))"),
            _ => self.lines.close(")"),
        }
    }
}

fn module_pc(offset: u64) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
