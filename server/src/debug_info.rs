//! The debug info of a module, for backtraces: source positions, and the DWARF that `variables` reads.
//!
//! It is read from the symbol image that `dwarf` makes, as a debugger would: dead code is gone from it, and the
//! places of variables are addresses in a frame (`dwarf::Layout`). The addresses are this file's own.

use std::sync::Arc;

use addr2line::gimli::{self, EndianSlice, LittleEndian};
use addr2line::{Context, LookupResult};
use bytes::Bytes;
use dwarf::{ImageOptions, Layout, Machine, PathMap, Symbol};
use frame_table::ModulePc;

/// How the DWARF is read.
pub(crate) type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// Where module PC 0 is.
const CODE: u64 = 0x7e00_0000_0000;

/// Where global 0 is.
pub(crate) const GLOBALS: u64 = 0x7000_0000_0000;

/// Where the host is. There is nothing of it in the DWARF.
const HOST: u64 = 0x7d00_0000_0000;

/// Makes the symbol image of a module whose sources are at other `paths` now. None if that is impossible.
#[must_use]
pub(crate) fn image(module: &[u8], debug_files: &[Bytes], paths: &PathMap) -> Option<Vec<u8>> {
    let layout = Layout {
        machine: Machine::X86_64,
        code_base: CODE,
        globals_base: GLOBALS,
        has_variables: true,
        host_functions: Vec::new(),
        host: Symbol { name: "<host>".to_owned(), address: HOST, size: 16 },
    };
    let options = ImageOptions { paths, ..ImageOptions::default() };
    dwarf::write_symbol_image(module, debug_files, &layout, &options, Vec::new()).ok().map(|image| image.elf)
}

/// A position in a source file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The file as the debug info names it, without the compiler's directory if it lies below that.
    pub(crate) file: String,
    /// Line, counted from 1; 0 if unknown.
    pub(crate) line: u32,
}

/// A function of the source that an operator belongs to: the one that was compiled, or one inlined into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SourceFunction {
    /// Its name, demangled.
    pub(crate) name: Option<String>,
    /// Where in it the operator is, or the call of the next inner function.
    pub(crate) position: Option<Position>,
}

/// The DWARF of a module.
pub(crate) struct DebugInfo<'a> {
    /// The sections.
    pub(crate) dwarf: Arc<gimli::Dwarf<Reader<'a>>>,
    lines: Context<Reader<'a>>,
}

impl<'a> DebugInfo<'a> {
    /// Reads a symbol image. None if there is no debug info in it.
    #[must_use]
    pub(crate) fn read(image: &'a [u8]) -> Option<Self> {
        let dwarf = Arc::new(sections(image)?);
        let lines = Context::from_arc_dwarf(Arc::clone(&dwarf)).ok()?;
        Some(Self { dwarf, lines })
    }

    /// Functions of the source at an operator, innermost first.
    #[must_use]
    pub(crate) fn functions_at(&self, pc: ModulePc) -> Vec<SourceFunction> {
        let mut found = Vec::new();
        let LookupResult::Output(Ok(mut frames)) = self.lines.find_frames(address(pc)) else { return found };
        while let Ok(Some(frame)) = frames.next() {
            let name = frame
                .function
                .as_ref()
                .and_then(|name| name.demangle().ok())
                .map(std::borrow::Cow::into_owned);
            let position = frame.location.and_then(|location| {
                Some(Position { file: location.file?.to_owned(), line: location.line.unwrap_or_default() })
            });
            found.push(SourceFunction { name, position });
        }
        found
    }
}

/// The sections of debug info of a symbol image.
#[must_use]
pub(crate) fn sections(image: &[u8]) -> Option<gimli::Dwarf<Reader<'_>>> {
    let load = |id: gimli::SectionId| {
        Ok::<_, gimli::Error>(EndianSlice::new(section(image, id.name()).unwrap_or_default(), LittleEndian))
    };
    gimli::Dwarf::load(load).ok()
}

/// The operator at an address of the image.
#[must_use]
pub(crate) fn module_pc(address: u64) -> Option<ModulePc> {
    address.checked_sub(CODE).and_then(|pc| u32::try_from(pc).ok()).map(ModulePc)
}

/// The address of an operator in the image.
#[must_use]
pub(crate) fn address(pc: ModulePc) -> u64 {
    CODE + u64::from(pc.0)
}

/// A section of an ELF file of 64-bit little-endian form.
///
/// ```text
///   file header: 0x28 section headers' offset (8), 0x3a size of one (2), 0x3c their number (2), 0x3e index of the names (2)
///   section header: 0x00 name (4), 0x18 offset (8), 0x20 size (8)
/// ```
fn section<'a>(elf: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let headers = number(elf, 0x28, 8)?;
    let size = number(elf, 0x3a, 2)?;
    let header = |index: usize| elf.get(headers.checked_add(size.checked_mul(index)?)?..);
    let contents = |header: &[u8]| {
        let start = number(header, 0x18, 8)?;
        elf.get(start..start.checked_add(number(header, 0x20, 8)?)?)
    };
    let names = contents(header(number(elf, 0x3e, 2)?)?)?;
    (0..number(elf, 0x3c, 2)?).filter_map(header).find_map(|header| {
        let found = names.get(number(header, 0, 4)?..)?.split(|byte| *byte == 0).next()?;
        if found == name.as_bytes() { contents(header) } else { None }
    })
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let mut value = [0; 8];
    value[..size].copy_from_slice(bytes.get(at..at.checked_add(size)?)?);
    usize::try_from(u64::from_le_bytes(value)).ok()
}
