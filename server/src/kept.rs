//! `--cache DIR`: what the next start need not make again. This file has the compiled code; what the folder is and how files
//! are written there is `gdb::Cache`'s business, and symbol images `gdb`'s.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use gdb::{Cache, Entry};
use runtime::CodeCache;

/// Opens the user's folder.
///
/// # Errors
/// When nothing can be kept in it, or others can write to it.
pub(crate) fn open(folder: &Path) -> Result<Cache> {
    let cache = version().and_then(|version| Cache::new(folder.to_owned(), version));
    cache.with_context(|| format!("cannot keep anything in {}", folder.display()))
}

/// What tells this program from other ones that make other things of the same module: code of another build is never run.
/// Why the time of the last change, too? Packages are built with times of modification that say nothing.
///
/// # Errors
/// When the program's own file cannot be found.
fn version() -> io::Result<String> {
    let own = std::env::current_exe().and_then(std::fs::metadata)?;
    let build = (own.len(), own.mtime(), own.mtime_nsec(), own.ctime(), own.ctime_nsec());
    Ok(format!("{} {build:?}", env!("CARGO_PKG_VERSION")))
}

/// The code of one module, in this process and in the folder.
#[derive(Debug)]
pub(crate) struct KeptCode {
    entry: Entry,
    name: String,
    cache: Arc<CodeCache>,
}

impl KeptCode {
    /// What there is of a module's code. It is made from the module, from what else the runtime says that it depends on, and
    /// from the debug info that names the `observable` locals, if they are not all kept.
    pub(crate) fn new(
        folder: &Cache,
        path: &Path,
        depends_on: &str,
        module: &[u8],
        observable: Option<Vec<Arc<[u8]>>>,
    ) -> Self {
        let name = path.file_name().unwrap_or_default().display().to_string();
        let mut made_from = vec![depends_on.as_bytes(), module];
        let debug_files = observable.as_ref().map(|files| files.iter().map(|file| &**file));
        made_from.push(if observable.is_some() { b"observable" } else { b"complete" });
        made_from.extend(debug_files.into_iter().flatten());
        let entry = folder.entry(&format!("{name}.code"), &made_from);
        let cache = Arc::new(CodeCache::default());
        let code = Self { entry, name, cache };
        code.add_what_is_there();
        code
    }

    /// Where the runtime looks for code.
    pub(crate) fn cache(&self) -> &Arc<CodeCache> {
        &self.cache
    }

    /// Writes all code there is, if some of it is new. What others wrote meanwhile stays.
    pub(crate) fn keep(&self) {
        let (found, compiled) = self.cache.counts();
        tracing::info!("{}: {found} functions from the cache, {compiled} compiled", self.name);
        if compiled == 0 {
            return;
        }
        self.add_what_is_there();
        if let Err(error) = self.entry.write(&self.cache.pack()) {
            tracing::warn!(%error, "the code of {} is not kept", self.name);
        }
    }

    fn add_what_is_there(&self) {
        if let Some(pack) = self.entry.read()
            && !self.cache.add(&pack)
        {
            tracing::debug!("the code of {} is of another form", self.name);
        }
    }
}
