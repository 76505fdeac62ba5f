//! Debug info for what has none: names, parameters and locals with their Wasm types, and lines.
//!
//! ```text
//!   names, types ──> outline ──┬──> wat ──> text, rows ──┐
//!   bodies ────────────────────┤                         ├──> units, written in parts as those of the conversion
//!   source map ──> rows ───────┴─────────────────────────┘
//! ```
//!
//! A module without any DWARF is debugged as its text (WAT), or as what its source map says. In one that has DWARF, functions
//! without it get names, parameters and locals and no lines: debuggers step over a function without lines, as over a
//! library's.
//!
//! The same is written in two *dialects*: for an image that shows a machine, and for a debugger that knows Wasm.

mod fold;
mod names;
mod operator;
mod outline;
pub(crate) mod own_text;
mod readable;
mod source_map;
mod types;
mod unit;
pub(crate) mod wat;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use frame_table::ModulePc;
use gimli::write::{Address, Expression};
use serde::{Deserialize, Serialize};

use self::fold::Printing;
use self::names::Names;
use self::outline::Outline;
use self::own_text::OwnText;
use self::source_map::{Mapping, Source, SourceMap};
use self::unit::{Lines, Making, Row};
use crate::convert::{StaticVariable, Written, piece};
use crate::{Error, Function, Layout, Module, Sources, Symbol, parallel};

/// Functions of a unit. Debuggers read a unit as a whole when they need one of its functions.
const UNIT: usize = 64;

/// Where texts that stand for sources are to be, and what they are called.
#[derive(Clone, Debug)]
pub struct TextFolder {
    /// The folder, absolute. It need not exist yet.
    pub path: PathBuf,
    /// What the module is called, without an extension.
    pub name: String,
    /// Where the module lies, absolute: sources of which a source map has no contents are looked for from there.
    pub beside: PathBuf,
    /// Which functions have lines in the module's text.
    pub wat: WatLines,
    /// The text that the module was made from, if it was one.
    pub own_text: Option<OwnText>,
    /// The file that the module names as its source map, if it names one ([`Module::source_map_url`]).
    pub source_map: Option<Bytes>,
}

/// Which functions have lines in the module's text, of those without lines of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatLines {
    /// All of a program without debug info, if it is not so large that the start would be slow (4 MiB of code).
    #[default]
    Auto,
    /// All. Debuggers then step into library functions.
    Always,
    /// None.
    Never,
}

/// More code has no lines in the module's text unless somebody wants them: text is ten times as long as code.
const MAX_CODE: u32 = 4 << 20;

/// What units are called instead: gdb says at `list` that there is no such file.
const WITHOUT_TEXT: &str = "no text of so much code without `--wat always`";

/// A text that stands for a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where the debug info says that it is. Somebody has to put it there.
    pub path: PathBuf,
    /// What is to be in the file.
    pub contents: Vec<u8>,
}

/// What debug info was made up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeUp {
    /// Functions that have no other debug info.
    pub functions: u64,
    /// Those of them that the name section names.
    pub named: u64,
    /// Those of them that have no name but an export's.
    pub exported: u64,
    /// Their parameters and locals.
    pub locals: u64,
    /// Locals that were left out, because there are more than a function of its size can use.
    pub left_out: u64,
    /// Where the text of the module is, if there are lines in it.
    pub wat: Option<PathBuf>,
    /// Whether there is no text because it would be long.
    pub is_long: bool,
    /// Places where a line of WAT begins.
    pub lines: u64,
    /// Places where a line of a source begins, as the source map says.
    pub mapped: u64,
    /// Why the source map that there is was not used.
    pub unusable_map: Option<String>,
}

/// For whom debug info is made up.
#[derive(Clone, Copy)]
pub(crate) enum Dialect<'l> {
    /// A machine, with frames and globals at addresses.
    Machine(&'l Layout),
    /// Wasm as it is. Code is counted from the start of the code section's contents, which is at this module PC.
    Wasm(u32),
}

impl Dialect<'_> {
    fn address_size(self) -> u8 {
        match self {
            Self::Machine(layout) => layout.machine.address_size(),
            Self::Wasm(_) => 4,
        }
    }

    fn code(self, pc: u32) -> u64 {
        match self {
            Self::Machine(layout) => layout.code_address(ModulePc(pc)),
            Self::Wasm(start) => pc.saturating_sub(start).into(),
        }
    }

    fn local(self, index: u32) -> Expression {
        let mut expression = Expression::new();
        match self {
            Self::Machine(layout) => {
                let machine = layout.machine;
                expression.op_breg(machine.frame_pointer(), machine.slot_offset(index.into()));
            }
            Self::Wasm(_) => {
                expression.op_wasm_local(index);
                expression.op(gimli::DW_OP_stack_value);
            }
        }
        expression
    }

    /// The place of what is in memory 0. None where that is another memory than the one that is seen.
    fn memory(self, address: u64) -> Option<Expression> {
        if matches!(self, Self::Machine(layout) if !layout.has_variables) {
            return None;
        }
        let mut expression = Expression::new();
        expression.op_addr(Address::Constant(address));
        Some(expression)
    }

    /// None where it has no place.
    fn global(self, index: u32) -> Option<Expression> {
        let mut expression = Expression::new();
        match self {
            Self::Machine(layout) if layout.has_variables => {
                expression.op_addr(Address::Constant(layout.global_address(index)));
            }
            Self::Machine(_) => return None,
            Self::Wasm(_) => {
                expression.op_wasm_global(index);
                expression.op(gimli::DW_OP_stack_value);
            }
        }
        Some(expression)
    }
}

/// What is made up of a module.
#[derive(Default)]
pub(crate) struct Made {
    /// Units.
    pub(crate) written: Vec<Written>,
    pub(crate) texts: Vec<Text>,
    /// Named data segments, if the program has no variables of its own.
    pub(crate) variables: Vec<StaticVariable>,
    pub(crate) counts: MadeUp,
    /// Why units are missing.
    pub(crate) errors: Vec<gimli::write::Error>,
}

/// Debug info that is made up of a module without any, for a debugger that reads modules.
#[derive(Clone, Debug, Default)]
pub struct MadeUpSections {
    /// Custom sections to be added to the module: name and contents.
    pub sections: Vec<(&'static str, Vec<u8>)>,
    /// Files that stand for sources.
    pub texts: Vec<Text>,
}

/// Makes up debug info of a module as sections of a module. None if it has some.
///
/// # Errors
/// If the module is malformed.
pub fn made_up_sections(
    bytes: &[u8],
    folder: &TextFolder,
    sources: Sources<'_>,
) -> Result<Option<MadeUpSections>, Error> {
    // To know that is quick, to read all of a large module is not.
    if Module::parse_custom_sections(bytes)?.has_debug_info() {
        return Ok(None);
    }
    let module = Module::parse(bytes)?;
    let made = make(bytes, &module, Dialect::Wasm(module.code.start), folder, &[], false, sources);
    let sections = piece::join(made.written, Vec::new()).map_err(|_| Error::TooLarge(bytes.len()))?;
    let sections = sections.into_iter().map(|(name, pieces)| (name, pieces.concat()));
    Ok(Some(MadeUpSections { sections: sections.collect(), texts: made.texts }))
}

/// Makes up debug info for the functions of a module that are not `described`, which are in the order of their indices.
/// `is_program_described` says whether the program has lines of its own.
pub(crate) fn make(
    bytes: &[u8],
    module: &Module<'_>,
    dialect: Dialect<'_>,
    folder: &TextFolder,
    described: &[u32],
    is_program_described: bool,
    sources: Sources<'_>,
) -> Made {
    let outline = Outline::read(bytes);
    let mut made = Made::default();
    let functions: Vec<&Function> = module
        .defined_functions()
        .iter()
        .filter(|function| described.binary_search(&function.index).is_err())
        .collect();
    let mut lines = None;
    if !is_program_described {
        let variable = |(name, address, size): (&str, u64, u64)| {
            let symbol = Symbol { name: name.replace('\0', "\u{fffd}"), address, size };
            StaticVariable { symbol, is_external: true }
        };
        made.variables = outline.named_data().filter(|data| data.2 > 0).map(variable).collect();
    }
    let map = if is_program_described { None } else { usable_map(module, folder, &mut made.counts) };
    let is_long = module.code.end - module.code.start > MAX_CODE;
    let with_text = match folder.wat {
        WatLines::Auto => !is_program_described && !is_long,
        WatLines::Always => true,
        WatLines::Never => false,
    };
    made.counts.is_long = folder.wat == WatLines::Auto && !is_program_described && is_long && map.is_none();
    if let Some(text) = folder.own_text.as_ref().filter(|_| !is_program_described) {
        let found = text.lines(module);
        made.counts.lines = count_rows(&found);
        made.counts.wat = Some(text.path.clone());
        made.counts.is_long = false;
        lines = Some(found);
    } else if let Some(map) = &map {
        let found = mapped_lines(module, map, folder, sources, &mut made.texts);
        made.counts.mapped = count_rows(&found);
        lines = Some(found);
    } else if with_text && !functions.is_empty() {
        let found = wat_lines(bytes, module, &outline, folder, &mut made.texts);
        made.counts.lines = count_rows(&found);
        made.counts.wat = made.texts.first().map(|text| text.path.clone());
        lines = Some(found);
    }
    let directory = text_of(lines.as_ref().map_or(&folder.path, |lines| &lines.directory));
    let making = Making {
        bytes,
        module,
        outline: &outline,
        dialect,
        directory: &directory,
        without_file: if made.counts.is_long { WITHOUT_TEXT } else { "made up" },
        lines: lines.as_ref(),
        with_data: !is_program_described,
    };
    let parts: Vec<&[&Function]> = functions.chunks(UNIT).collect();
    let units = parallel::map(parts.len(), |number| {
        making.unit(parts.get(number).copied().unwrap_or_default(), number == 0)
    });
    for unit in units {
        match unit {
            Ok(unit) => {
                made.written.push(unit.written);
                made.counts.locals += unit.locals;
                made.counts.left_out += unit.left_out;
            }
            Err(error) => made.errors.push(error),
        }
    }
    let count = |is_counted: &dyn Fn(&u32) -> bool| {
        u64::try_from(functions.iter().filter(|function| is_counted(&function.index)).count())
            .unwrap_or(u64::MAX)
    };
    made.counts.functions = count(&|_| true);
    made.counts.named = count(&|index| outline.function_names.get(*index).is_some());
    made.counts.exported = count(&|index| {
        outline.function_names.get(*index).is_none() && outline.function_exports.contains_key(index)
    });
    made
}

fn count_rows(lines: &Lines) -> u64 {
    u64::try_from(lines.rows.iter().map(Vec::len).sum::<usize>()).unwrap_or(u64::MAX)
}

/// The module's source map, if it has one that can be used.
fn usable_map(module: &Module<'_>, folder: &TextFolder, counts: &mut MadeUp) -> Option<SourceMap> {
    let url = module.source_map_url?;
    let read = match (source_map::data_url(url), &folder.source_map) {
        (Some(data), _) => SourceMap::read(&data),
        (None, Some(file)) => SourceMap::read(file),
        (None, None) => Err(format!("{url} is not there")),
    };
    match read {
        Ok(map) if !map.mappings.is_empty() => return Some(map),
        Ok(_) => counts.unusable_map = Some("it maps nothing".to_owned()),
        Err(reason) => counts.unusable_map = Some(reason),
    }
    None
}

/// The module's text, and its lines.
fn wat_lines(
    bytes: &[u8],
    module: &Module<'_>,
    outline: &Outline<'_>,
    folder: &TextFolder,
    texts: &mut Vec<Text>,
) -> Lines {
    let names = Names::new(outline);
    let wat = wat::print(bytes, module, &Printing { outline, names: &names });
    let file = format!("{}.wat", folder.name);
    texts.push(Text { path: folder.path.join(&file), contents: wat.text });
    let row = |&(pc, line): &(u32, u32)| Row { pc, file: 0, line };
    let rows = wat.rows.iter().map(|rows| rows.iter().map(row).collect()).collect();
    Lines { directory: folder.path.clone(), files: vec![file], rows }
}

/// The lines of a source map, and the sources that it has with it.
fn mapped_lines(
    module: &Module<'_>,
    map: &SourceMap,
    folder: &TextFolder,
    sources: Sources<'_>,
    texts: &mut Vec<Text>,
) -> Lines {
    let directory = folder.path.join(format!("{}.sources", folder.name));
    let path = |source: &Source| folder.beside.join(source_map::path_of_file(&source.path));
    let is_there: Vec<bool> =
        map.sources.iter().map(|source| source.contents.is_some() || sources.has(&path(source))).collect();
    let files = map.sources.iter().map(|source| {
        let Some(contents) = &source.contents else { return text_of(&sources.place(&path(source))) };
        let file = source_map::path_in_folder(&source.name);
        texts.push(Text { path: directory.join(&file), contents: contents.clone().into_bytes() });
        file
    });
    let files = files.collect();
    let mut mappings = map.mappings.clone();
    if is_there.contains(&true) {
        // What comes from other sources is of a library.
        for mapping in &mut mappings {
            mapping.line = mapping.line.filter(|(source, _)| {
                usize::try_from(*source)
                    .ok()
                    .and_then(|source| is_there.get(source))
                    .copied()
                    .unwrap_or_default()
            });
        }
    }
    let rows = |function: &Function| mapped_rows(function, source_map::part(&mappings, &function.body));
    let rows = module.defined_functions().iter().map(rows).collect();
    Lines { directory, files, rows }
}

/// A row where the function starts, as compilers make it, and one where another line begins.
fn mapped_rows(function: &Function, mappings: &[Mapping]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for mapping in mappings {
        let pc = mapping.offset;
        let Some((file, line)) = mapping.line else {
            // Nothing is known of what follows.
            rows.extend(rows.last().copied().filter(|last| last.line > 0).map(|last| Row {
                pc,
                line: 0,
                ..last
            }));
            continue;
        };
        if rows.is_empty() {
            rows.push(Row { pc: function.body.start, file, line });
        }
        let is_new =
            rows.len() == 1 || rows.last().is_some_and(|last| (last.file, last.line) != (file, line));
        if is_new && pc > function.body.start {
            rows.push(Row { pc, file, line });
        }
    }
    rows
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// How many parameters and locals of a function with so many bytes are shown: an operator takes more than a byte to be about
/// one, and a few bytes can declare billions.
fn most_locals(bytes: u64) -> usize {
    const FEW: usize = 16;
    usize::try_from(bytes).unwrap_or(usize::MAX).max(FEW)
}
