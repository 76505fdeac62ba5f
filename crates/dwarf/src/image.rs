//! From a module to its symbol image: the driver.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

use bytes::Bytes;
use frame_table::ModulePc;

use crate::elf::{self, AddressSection, CodeBytes, Contents};
use crate::made_up::{self, Dialect, Made, Text, TextFolder};
use crate::report::{Drop, Report};
use crate::sections::DebugSections;
use crate::{
    Error, Layout, Module, PathMap, SourceExists, Sources, Symbol, convert, data, frame_info, index, vtable,
};

/// Host functions further apart do not fit one section.
const MAX_HOST_REGION: u64 = 1 << 24;

/// More code than this is not in an image that is to be without the bytes of code.
const MAX_CODE_BYTES: u32 = 1 << 20;

/// An ELF file that describes a module to a stock debugger.
#[derive(Clone, Debug)]
pub struct SymbolImage<F = Vec<u8>> {
    /// The file.
    pub elf: F,
    /// Where its first segment is.
    pub first_address: u64,
    /// Files that stand for sources.
    pub texts: Vec<Text>,
    /// What became of the debug info.
    pub report: Report,
}

/// What a symbol image is to be like.
#[derive(Clone, Copy)]
pub struct ImageOptions<'o> {
    /// Says whether a source file is there. If the sources of some units are, the units in C, C++ or assembler whose sources
    /// are not have no lines in the image ([`Report::units_without_lines`]): debuggers step over libraries. The paths are as
    /// the debug info has them: a relative one is relative to where the debugger would look for it. Without this, all units
    /// have their lines.
    pub source_exists: Option<SourceExists<'o>>,
    /// Where sources are now that were elsewhere when the module was compiled.
    pub paths: &'o PathMap,
    /// Whether the image has the bytes of code.
    pub code: CodeBytes,
    /// Where the lines of functions without debug info are to be, which get some that is made up. Without this, they get none.
    pub folder: Option<&'o TextFolder>,
    /// Whether somebody still wants the image. It is asked now and then.
    pub is_wanted: &'o (dyn Fn() -> bool + Sync),
}

impl Default for ImageOptions<'_> {
    fn default() -> Self {
        Self {
            source_exists: None,
            paths: PathMap::UNCHANGED,
            code: CodeBytes::InFile,
            folder: None,
            is_wanted: &|| true,
        }
    }
}

/// Makes the symbol image of a module.
///
/// `debug_files` have debug info of the same code: another build of the module or a file of debug info only, of which the
/// first counts, and split-DWARF files and packages. Names and code always come from `module`.
///
/// # Errors
/// If the module is malformed, or the layout does not fit an ELF file. Malformed debug info is not an error: what
/// cannot be used is left out and reported.
pub fn symbol_image(module: &[u8], debug_files: &[Bytes], layout: &Layout) -> Result<SymbolImage, Error> {
    write_symbol_image(module, debug_files, layout, &ImageOptions::default(), Vec::new())
}

/// Makes the symbol image of a module as [`symbol_image`] does, and writes it to `elf`. It is never in memory as a whole with
/// the pieces that it is made of.
///
/// # Errors
/// As [`symbol_image`]; if it cannot be written, or nobody wants it any more.
pub fn write_symbol_image<F: io::Write>(
    module: &[u8],
    debug_files: &[Bytes],
    layout: &Layout,
    options: &ImageOptions<'_>,
    mut elf: F,
) -> Result<SymbolImage<F>, Error> {
    let &ImageOptions { source_exists, paths, code, folder, is_wanted } = options;
    let sources = Sources::new(source_exists, paths);
    let bytes = module;
    let module = Module::parse(bytes)?;
    let mut report = Report::default();
    let mut parsed = Vec::with_capacity(debug_files.len());
    for file in debug_files {
        match Module::parse(file) {
            Ok(file) => parsed.push(file),
            Err(error) => report.drop(Drop::DebugInfo, format_args!("a debug file: {error}")),
        }
    }

    let mut allocated = Vec::new();
    let mut unwindable = Vec::new();
    if !module.code.is_empty() {
        let text = text_sections(&module, layout, code)?;
        unwindable.extend(text.iter().map(|part| (part.address, part.size)));
        allocated.extend(text);
    }
    unwindable.extend(layout.host_functions.iter().map(|function| (function.address, function.size)));
    allocated.push(host_section(layout)?);

    let frame = frame_info::debug_frame(layout, &unwindable).map_err(|_| Error::Address(layout.code_base))?;
    let mut debug = vec![(".debug_frame", vec![frame])];
    let sections = DebugSections::find(&module, &parsed, &mut report);
    let made = RefCell::new(Made::default());
    let make_up = |described: &[u32], is_program_described: bool| {
        let Some(folder) = folder else { return Vec::new() };
        let made_now = made_up::make(
            bytes,
            &module,
            Dialect::Machine(layout),
            folder,
            described,
            is_program_described,
            sources,
        );
        made.replace(made_now);
        std::mem::take(&mut made.borrow_mut().written)
    };
    let converted = convert::convert(&sections, &module, layout, sources, is_wanted, &make_up, &mut report);
    if !is_wanted() {
        return Err(Error::Unwanted);
    }
    let made = made.into_inner();
    report.made_up = made.counts;
    made.errors.iter().for_each(|error| report.drop(Drop::Unit, error));
    debug.extend(converted.sections);
    if layout.has_variables {
        let named = vtable::symbols(&module).into_iter().chain(made.variables);
        let variables = converted.variables.into_iter().chain(named).collect();
        allocated.extend(data::sections(&module, variables, layout));
    }
    // gdb takes the first and the last segment for the ends of a library.
    allocated.sort_by_key(|section| section.address);
    let first_address = allocated.first().map_or(0, |section| section.address);
    let entry = entry_point(&module, layout);
    let length = thread::scope(|scope| {
        // It is there when all before it is written.
        let last = converted.symbols.map(|symbols| {
            let index = scope.spawn(|| index::section(symbols).unwrap_or_default());
            (index::NAME, || index.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        elf::write(layout.machine, entry, &allocated, &debug, last, &mut elf)
    })?;
    tracing::debug!(%report, "symbol image of {length} bytes");
    Ok(SymbolImage { elf, first_address, texts: made.texts, report })
}

/// The code section. Without its bytes it is in three parts, of which the one with the entry point has them: gdb complains
/// of a file without that.
fn text_sections(
    module: &Module<'_>,
    layout: &Layout,
    code: CodeBytes,
) -> Result<Vec<AddressSection>, Error> {
    let (start, end) = (module.code.start, module.code.end);
    check(layout, layout.code_address(ModulePc(start)), u64::from(end.saturating_sub(start)))?;
    let entry =
        entry_function(module).filter(|_| code == CodeBytes::OnTarget && end - start > MAX_CODE_BYTES);
    let parts = match entry.map(|function| function.body.clone()) {
        Some(entry) => {
            let rest = CodeBytes::OnTarget;
            vec![(start..entry.start, rest), (entry.clone(), CodeBytes::InFile), (entry.end..end, rest)]
        }
        None => vec![(start..end, CodeBytes::InFile)],
    };
    let section = |(range, code): (Range<u32>, CodeBytes)| {
        let functions = module.defined_functions().iter();
        let symbols =
            functions.filter(|function| range.contains(&function.body.start)).map(|function| Symbol {
                name: module.symbol_name(function),
                address: layout.code_address(ModulePc(function.body.start)),
                size: u64::from(function.body.end.saturating_sub(function.body.start)),
            });
        AddressSection {
            name: ".text",
            address: layout.code_address(ModulePc(range.start)),
            size: u64::from(range.end.saturating_sub(range.start)),
            contents: Contents::Code(code),
            symbols: symbols.collect(),
            local_symbols: Vec::new(),
        }
    };
    Ok(parts.into_iter().filter(|(range, _)| !range.is_empty()).map(section).collect())
}

fn entry_function<'m>(module: &'m Module<'_>) -> Option<&'m crate::Function> {
    module.defined_functions().iter().find(|function| function.name == "_start")
}

/// Where the program starts. Debuggers end a backtrace there if it has not come to `main`.
fn entry_point(module: &Module<'_>, layout: &Layout) -> u64 {
    layout.code_address(ModulePc(
        entry_function(module).map_or(module.code.start, |function| function.body.start),
    ))
}

/// The section of all host functions, `<host>` among them.
fn host_section(layout: &Layout) -> Result<AddressSection, Error> {
    let symbols: Vec<Symbol> =
        layout.host_functions.iter().chain(std::iter::once(&layout.host)).cloned().collect();
    let start = symbols.iter().map(|symbol| symbol.address).min().unwrap_or_default();
    let end =
        symbols.iter().map(|symbol| symbol.address.saturating_add(symbol.size)).max().unwrap_or_default();
    let size = end.saturating_sub(start);
    if size > MAX_HOST_REGION {
        return Err(Error::Address(end));
    }
    check(layout, start, size)?;
    Ok(AddressSection {
        name: ".text.host",
        address: start,
        size,
        contents: Contents::Code(CodeBytes::InFile),
        symbols,
        local_symbols: Vec::new(),
    })
}

fn check(layout: &Layout, address: u64, size: u64) -> Result<(), Error> {
    let highest = if layout.machine.address_size() == 8 { u64::MAX } else { u64::from(u32::MAX) };
    match address.checked_add(size) {
        Some(end) if end <= highest => Ok(()),
        _ => Err(Error::Address(address)),
    }
}
