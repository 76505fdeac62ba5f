//! Debug info of functions that have none: their names, parameters and locals, and the lines that are made up or mapped.

use std::path::PathBuf;

use gimli::write::{
    Address, AttributeValue as Value, Expression, FileId, LineProgram, LineString, LineStringTable, Range,
    RangeList, Sections, StringTable, Unit, UnitEntryId, UnitTable,
};
use gimli::{Encoding, Format, LineEncoding, constants as dw};
use wasmparser::ValType;

use super::names::{self, LocalNames};
use super::outline::Outline;
use super::readable::readable;
use super::types::Types;
use super::{Dialect, most_locals, wat};
use crate::convert::{Piece, Written};
use crate::{Function, Module};

/// Debuggers trust line tables to find the end of a prologue only if they are made by clang.
const PRODUCER: &str = "clang (made up by wasm-gdbserver: the module has no debug info)";

/// Where the lines of some functions are.
pub(super) struct Lines {
    /// Where files with relative paths are.
    pub(super) directory: PathBuf,
    /// Files by path.
    pub(super) files: Vec<String>,
    /// For each defined function where its lines begin: module PC, file, line. In ascending order of PCs.
    pub(super) rows: Vec<Vec<Row>>,
}

/// A place where a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) pc: u32,
    pub(super) file: u32,
    pub(super) line: u32,
}

/// What units are made from.
pub(super) struct Making<'m, 'a> {
    pub(super) bytes: &'a [u8],
    pub(super) module: &'m Module<'a>,
    pub(super) outline: &'m Outline<'a>,
    pub(super) dialect: Dialect<'m>,
    /// The directory of files with relative paths.
    pub(super) directory: &'m str,
    /// The name of a unit that has no file.
    pub(super) without_file: &'m str,
    pub(super) lines: Option<&'m Lines>,
    /// Whether named data segments are variables.
    pub(super) with_data: bool,
}

/// What became of a unit.
pub(super) struct MadeUnit {
    pub(super) written: Written,
    /// Parameters and locals in it.
    pub(super) locals: u64,
    /// Those left out, because no operator can be about so many.
    pub(super) left_out: u64,
}

impl Making<'_, '_> {
    /// A unit of some functions, and of all globals and named data segments if it is the first.
    pub(super) fn unit(&self, functions: &[&Function], is_first: bool) -> gimli::write::Result<MadeUnit> {
        let encoding =
            Encoding { format: Format::Dwarf32, version: 4, address_size: self.dialect.address_size() };
        let mut strings = LineStringTable::default();
        let (program, files) = self.line_program(encoding, functions, &mut strings);
        let mut table = UnitTable::default();
        let id = table.add(Unit::new(encoding, program));
        let unit = table.get_mut(id);
        self.root(unit, functions);
        let mut types = Types::new(self.outline, self.dialect.address_size());
        let mut made = Counts::default();
        if is_first {
            self.globals(unit, &mut types);
        }
        for function in functions {
            self.function(unit, &mut types, function, &files, &mut made);
        }
        let mut sections = Sections::new(Piece::default());
        let mut no_strings = StringTable::default();
        table.write(&mut sections, &mut strings, &mut no_strings)?;
        let written = Written { sections };
        Ok(MadeUnit { written, locals: made.locals, left_out: made.left_out })
    }

    fn root(&self, unit: &mut Unit, functions: &[&Function]) {
        let body = |function: &&Function| {
            let (begin, end) = self.range(function);
            Range::OffsetPair { begin, end }
        };
        // The pairs count from there.
        let base = Range::BaseAddress { address: Address::Constant(0) };
        let ranges = RangeList(std::iter::once(base).chain(functions.iter().map(body)).collect());
        let ranges = Value::RangeListRef(unit.ranges.add(ranges));
        let root = unit.get_mut(unit.root());
        let file = self.primary(functions);
        root.set(dw::DW_AT_producer, text(PRODUCER));
        root.set(dw::DW_AT_language, Value::Language(dw::DW_LANG_C99));
        root.set(dw::DW_AT_name, text(file.unwrap_or(self.without_file)));
        root.set(dw::DW_AT_comp_dir, text(self.directory));
        let ends = functions
            .first()
            .zip(functions.last())
            .map(|(first, last)| (self.range(first), self.range(last)));
        if let Some(((begin, _), (_, end))) = ends {
            root.set(dw::DW_AT_low_pc, Value::Address(Address::Constant(begin)));
            let bytes: u64 =
                functions.iter().map(|function| u64::from(function.body.end - function.body.start)).sum();
            if end.wrapping_sub(begin) <= bytes.saturating_add(5 * length(functions.len())) {
                // Between two bodies is nothing but the size of the second.
                root.set(dw::DW_AT_high_pc, Value::Udata(end.wrapping_sub(begin)));
            } else {
                root.set(dw::DW_AT_ranges, ranges);
            }
        }
    }

    /// What debuggers call a function. One without a name has one that is also a name in their expressions, and in the text.
    fn name(&self, function: &Function) -> String {
        let Outline { function_names, function_exports, .. } = self.outline;
        let index = function.index;
        if function_names.get(index).is_some() || function_exports.contains_key(&index) {
            readable(&self.module.symbol_name(function)).into_owned()
        } else {
            format!("{}{index}", names::FUNCTION)
        }
    }

    /// Where a function's code is, as the dialect counts.
    fn range(&self, function: &Function) -> (u64, u64) {
        (self.dialect.code(function.body.start), self.dialect.code(function.body.end))
    }

    fn rows(&self, function: &Function) -> &[Row] {
        let place = function.index.checked_sub(self.module.imported_functions);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let rows = self.lines.zip(place).and_then(|(lines, place)| lines.rows.get(place));
        rows.map(Vec::as_slice).unwrap_or_default()
    }

    /// The file in which the first of some functions is that is in one.
    fn primary(&self, functions: &[&Function]) -> Option<&str> {
        let row = functions.iter().find_map(|function| self.rows(function).first())?;
        self.lines?.files.get(usize::try_from(row.file).ok()?).map(String::as_str)
    }

    /// The line table, and which of its files are which of ours.
    fn line_program(
        &self,
        encoding: Encoding,
        functions: &[&Function],
        strings: &mut LineStringTable,
    ) -> (LineProgram, Vec<Option<FileId>>) {
        let Some((lines, primary)) = self.lines.zip(self.primary(functions)) else {
            return (LineProgram::none(), Vec::new());
        };
        let mut string = |text: &str| LineString::new(text, encoding, strings);
        let mut program = LineProgram::new(
            encoding,
            LineEncoding::default(),
            string(self.directory),
            None,
            string(primary),
            None,
        );
        let mut ids = vec![None; lines.files.len()];
        let default = program.default_directory();
        for function in functions {
            let rows = self.rows(function);
            if rows.is_empty() {
                continue;
            }
            let (begin, end) = self.range(function);
            program.begin_sequence(Some(Address::Constant(begin)));
            for (number, row) in rows.iter().enumerate() {
                let Some(name) = usize::try_from(row.file).ok().and_then(|file| lines.files.get(file)) else {
                    continue;
                };
                let Some(id) = usize::try_from(row.file).ok().and_then(|file| ids.get_mut(file)) else {
                    continue;
                };
                let file = *id.get_or_insert_with(|| program.add_file(string(name), default, None));
                let line = program.row();
                line.address_offset = self.dialect.code(row.pc).saturating_sub(begin);
                line.file = file;
                line.line = row.line.into();
                // The first row is that of the function's head.
                line.prologue_end = number == 1;
                program.generate_row();
            }
            program.end_sequence(end.wrapping_sub(begin));
        }
        (program, ids)
    }

    fn function(
        &self,
        unit: &mut Unit,
        types: &mut Types<'_, '_>,
        function: &Function,
        files: &[Option<FileId>],
        made: &mut Counts,
    ) {
        let Some((_, ty)) = self.outline.function_type(function.index) else { return };
        let (begin, end) = self.range(function);
        let result = match ty.results() {
            [result] => Some(types.of(unit, *result)),
            _ => None,
        };
        let id = unit.add(unit.root(), dw::DW_TAG_subprogram);
        let row = self.rows(function).first().copied();
        let entry = unit.get_mut(id);
        entry.set(dw::DW_AT_name, text(&self.name(function)));
        entry.set(dw::DW_AT_external, Value::Flag(true));
        entry.set(dw::DW_AT_prototyped, Value::Flag(true));
        entry.set(dw::DW_AT_low_pc, Value::Address(Address::Constant(begin)));
        entry.set(dw::DW_AT_high_pc, Value::Udata(end.wrapping_sub(begin)));
        if let Some(row) = row {
            let file = usize::try_from(row.file).ok().and_then(|file| files.get(file)).copied().flatten();
            entry.set(dw::DW_AT_decl_file, Value::FileIndex(file));
            entry.set(dw::DW_AT_decl_line, Value::Udata(row.line.into()));
        }
        if let Some(result) = result {
            entry.set(dw::DW_AT_type, Value::UnitRef(result));
        }
        self.locals(unit, types, function, ty.params(), id, made);
    }

    fn locals(
        &self,
        unit: &mut Unit,
        types: &mut Types<'_, '_>,
        function: &Function,
        params: &[ValType],
        parent: UnitEntryId,
        made: &mut Counts,
    ) {
        let most = most_locals((function.body.end - function.body.start).into());
        let declared = wat::body(self.bytes, function).and_then(|body| body.get_locals_reader().ok());
        let declared = declared.into_iter().flatten().map_while(Result::ok);
        let declared = declared.flat_map(|(count, ty)| (0..count).map(move |_| ty));
        let all: Vec<ValType> = params.iter().copied().chain(declared).take(most).collect();
        let names = LocalNames::new(self.outline, function.index, all.len()).typed;
        for ((number, ty), name) in (0..).zip(&all).zip(names) {
            let is_param = length(params.len()) > u64::from(number);
            let ty = types.of(unit, *ty);
            let tag = if is_param { dw::DW_TAG_formal_parameter } else { dw::DW_TAG_variable };
            let id = unit.add(parent, tag);
            let entry = unit.get_mut(id);
            entry.set(dw::DW_AT_name, text(&name));
            entry.set(dw::DW_AT_type, Value::UnitRef(ty));
            entry.set(dw::DW_AT_location, Value::Exprloc(self.dialect.local(number)));
        }
        made.locals += length(all.len());
        made.left_out += function.num_locals().saturating_sub(length(all.len()));
    }

    fn globals(&self, unit: &mut Unit, types: &mut Types<'_, '_>) {
        for (number, ty) in (0..).zip(&self.outline.globals) {
            let Some(place) = self.dialect.global(number) else { return };
            let ty = types.of(unit, *ty);
            variable(unit, &names::global(self.outline, number), ty, place);
        }
        for (name, address, length) in self.outline.named_data().filter(|_| self.with_data) {
            let Some(place) = self.dialect.memory(address) else { return };
            let ty = types.bytes(unit, length);
            variable(unit, name, ty, place);
        }
    }
}

/// What a unit has of what is counted.
#[derive(Default)]
struct Counts {
    locals: u64,
    left_out: u64,
}

/// A variable that everybody can name.
fn variable(unit: &mut Unit, name: &str, ty: UnitEntryId, place: Expression) {
    let id = unit.add(unit.root(), dw::DW_TAG_variable);
    let entry = unit.get_mut(id);
    entry.set(dw::DW_AT_name, text(name));
    entry.set(dw::DW_AT_external, Value::Flag(true));
    entry.set(dw::DW_AT_type, Value::UnitRef(ty));
    entry.set(dw::DW_AT_location, Value::Exprloc(place));
}

/// A string attribute, which ends at the first zero.
pub(super) fn text(text: &str) -> Value {
    Value::String(text.bytes().filter(|byte| *byte != 0).collect())
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
