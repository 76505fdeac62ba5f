//! `--cache DIR`: what the next start need not make again. This file has the compiled code; what the folder is and how files
//! are written there is `gdb::Cache`'s business, and symbol images `gdb`'s.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use gdb::{Cache, Entry};
use runtime::CodeCache;

/// When nothing was compiled for so long, the code is written: it is there if the program is killed.
const QUIET: Duration = Duration::from_secs(2);

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
    /// How many functions had been compiled when the code was last written.
    written: Mutex<usize>,
}

impl KeptCode {
    /// What there is of a module's code. It is made from the module with this `hash`, from what else the runtime says that it depends on, and
    /// from the debug info that names the `observable` locals, if they are not all kept.
    pub(crate) fn new(
        folder: &Cache,
        path: &Path,
        depends_on: &str,
        hash: &[u8],
        observable: Option<Vec<Bytes>>,
    ) -> Self {
        let name = path.file_name().unwrap_or_default().display().to_string();
        let mut made_from = vec![depends_on.as_bytes(), hash];
        let debug_files = observable.as_ref().map(|files| files.iter().map(|file| &**file));
        made_from.push(if observable.is_some() { b"observable" } else { b"complete" });
        made_from.extend(debug_files.into_iter().flatten());
        let entry = folder.entry(&format!("{name}.code"), &made_from);
        let cache = Arc::new(CodeCache::default());
        let code = Self { entry, name, cache, written: Mutex::default() };
        code.add_what_is_there();
        code
    }

    /// Where the runtime looks for code.
    pub(crate) fn cache(&self) -> &Arc<CodeCache> {
        &self.cache
    }

    /// From now on, writes the code whenever no more is compiled for a while.
    pub(crate) fn keep_when_quiet(self: &Arc<Self>) {
        let own = Arc::downgrade(self);
        let watch = move || {
            let mut seen = 0;
            loop {
                thread::park_timeout(QUIET);
                let Some(own) = own.upgrade() else { return };
                let (_, compiled) = own.cache.counts();
                if seen == compiled {
                    own.write();
                }
                seen = compiled;
            }
        };
        if let Err(error) = thread::Builder::new().name("kept code".to_owned()).spawn(watch) {
            tracing::debug!(%error, "code is written at the end only");
        }
    }

    /// Writes the code at the end, and says what came from where.
    pub(crate) fn keep(&self) {
        let (found, compiled) = self.cache.counts();
        tracing::info!("{}: {found} functions from the cache, {compiled} compiled", self.name);
        self.write();
    }

    /// Writes all code there is, if some of it is new. What others wrote meanwhile stays.
    fn write(&self) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, compiled) = self.cache.counts();
        if compiled == *written {
            return;
        }
        *written = compiled;
        self.add_what_is_there();
        match self.entry.write(&self.cache.pack()) {
            Ok(()) => tracing::debug!("{}: the code of {compiled} functions is written", self.name),
            Err(error) => tracing::warn!(%error, "the code of {} is not kept", self.name),
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
