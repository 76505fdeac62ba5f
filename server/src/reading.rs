//! Reading files: what there is of a large one is not read before somebody looks at it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use runtime::MappedFile;

/// Reading less takes no time to speak of. Bytes.
const WORTH_MAPPING: u64 = 512 << 10;

/// A file's contents.
#[derive(Clone, Debug)]
pub(crate) struct FileContents {
    pub(crate) bytes: Bytes,
    /// Where they are if they are still the file's.
    mapped: Option<MappedFile>,
}

impl FileContents {
    /// Contents that are the process's own already.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Self::with(path, |_| None)
    }

    /// Contents that are the file's own, if it is large, until somebody says [`FileContents::take`].
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn map(path: &Path) -> Result<Self> {
        Self::with(path, |file| {
            let is_large = file.metadata().is_ok_and(|file| file.is_file() && file.len() >= WORTH_MAPPING);
            let mapped = is_large.then(|| MappedFile::new(file.try_clone()?))?;
            mapped.inspect_err(|error| tracing::debug!(%error, "{} is read", path.display())).ok()
        })
    }

    fn with(path: &Path, map: impl FnOnce(&File) -> Option<MappedFile>) -> Result<Self> {
        let read = || -> io::Result<Self> {
            let mut file = File::open(path)?;
            if let Some(mapped) = map(&file) {
                return Ok(Self { bytes: mapped.bytes(), mapped: Some(mapped) });
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(Self { bytes: bytes.into(), mapped: None })
        };
        read().with_context(|| format!("cannot read {}", path.display()))
    }

    /// Makes them the process's own.
    ///
    /// # Errors
    /// When the file has changed meanwhile.
    pub(crate) fn take(&self) -> io::Result<()> {
        self.mapped.as_ref().map_or(Ok(()), MappedFile::detach)
    }
}
