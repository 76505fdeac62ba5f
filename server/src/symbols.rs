//! `wasm-gdbserver symbols`: the ELF file that gdb is served, as a file, for clients that do not fetch it (lldb).

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::guest::ModuleFile;
use crate::limits::LimitOptions;

/// Writes the symbol image of a module; returns the exit status.
///
/// # Errors
/// When the module cannot be loaded or the file cannot be written.
pub(crate) fn write(module: &Path, output: &Path, debug_file: Option<&Path>) -> Result<u8> {
    let image = ModuleFile::load(module, debug_file, LimitOptions::default())?.for_symbols()?.symbol_image();
    let image = image.with_context(|| module.display().to_string())?;
    tracing::info!("{}", image.report);
    std::fs::write(output, image.elf).with_context(|| format!("cannot write {}", output.display()))?;
    Ok(0)
}
