//! `wasm-gdbserver symbols`: the symbol image as a file. gdb is served the same by the server; lldb needs it, because it
//! never fetches it.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result};

use dwarf::{PathMap, TextFolder, WatLines};
use gdb::Reader;

use crate::guest::ModuleFile;
use crate::limits::LimitOptions;

/// Writes the symbol image of a module for a debugger; returns the exit status.
///
/// # Errors
/// When the module cannot be loaded or the file cannot be written.
pub(crate) fn write(
    module: &Path,
    reader: Reader,
    output: &Path,
    debug_file: Option<&Path>,
    wat: WatLines,
    paths: &PathMap,
) -> Result<u8> {
    let file = ModuleFile::load(module, debug_file, LimitOptions::default().config())?.with_paths(paths);
    let mut program = file.for_symbols(&[])?;
    let folder = std::path::absolute(output).context("no current directory")?.with_added_extension("texts");
    program.texts = Some(TextFolder { wat, ..file.texts_in(folder)? });
    let elf = File::create(output).with_context(|| format!("cannot write {}", output.display()))?;
    let image = program.symbol_image(reader, elf);
    let image = image.with_context(|| module.display().to_string())?;
    tracing::info!("{}", image.report);
    program.write_texts(&image.texts);
    Ok(0)
}
