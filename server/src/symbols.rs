//! `wasm-gdbserver symbols`: the symbol image as a file. gdb is served the same by the server; lldb needs it, because it
//! never fetches it.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};

use dwarf::{PathMap, TextFolder, WatLines};
use gdb::Reader;

use crate::limits::LimitOptions;
use crate::module_file::ModuleFile;

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
    let file =
        ModuleFile::load(module, debug_file, LimitOptions::default().config(), false)?.with_paths(paths);
    let mut program = file.for_symbols(&[])?;
    let folder = std::path::absolute(output).context("no current directory")?.with_added_extension("texts");
    program.texts = Some(TextFolder { wat, ..file.texts_in(folder)? });
    let mut elf = Output { path: output, file: None };
    let image = program.symbol_image(reader, &mut elf).map_err(|error| match error {
        dwarf::Error::Write(error) => {
            anyhow::Error::new(error).context(format!("cannot write {}", output.display()))
        }
        error => anyhow::Error::new(error).context(module.display().to_string()),
    });
    let image = match image {
        Ok(image) => image,
        Err(error) => {
            elf.remove();
            return Err(error);
        }
    };
    tracing::info!("{}", image.report);
    program.write_texts(&image.texts);
    Ok(0)
}

/// A file that is made when something is written to it: what cannot be done leaves the one that is there.
struct Output<'p> {
    path: &'p Path,
    file: Option<File>,
}

impl Output<'_> {
    /// Makes a new file where one is already, as linkers do: a debugger may have the old one open. What is no regular file is
    /// written to.
    fn create(&self) -> io::Result<File> {
        if std::fs::symlink_metadata(self.path).is_ok_and(|metadata| metadata.is_file())
            && let Err(error) = std::fs::remove_file(self.path)
        {
            tracing::debug!(%error, "{} is written over", self.path.display());
        }
        File::create(self.path)
    }

    /// Takes away what was written. It is no image.
    fn remove(self) {
        let is_file = |file: &File| file.metadata().is_ok_and(|metadata| metadata.is_file());
        if self.file.is_some_and(|file| is_file(&file))
            && let Err(error) = std::fs::remove_file(self.path)
        {
            tracing::debug!(%error, "{} stays", self.path.display());
        }
    }
}

impl io::Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => {
                let file = self.create()?;
                self.file.insert(file).write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}
