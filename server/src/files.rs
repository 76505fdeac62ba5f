//! The folder of files that are made for debuggers on this machine. It goes when the server does.
//!
//! It is in memory where Linux has a place for such files: writing to a disk can take seconds.

use std::fs;
use std::path::{Path, PathBuf};

/// What the folders are called; the process's number follows.
const NAME: &str = "wasm-gdbserver-files-";

/// A folder for files of this process, which is made by whoever needs it.
pub(crate) struct Files(PathBuf);

impl Files {
    /// Removes what processes left that ended without a chance to do it themselves.
    pub(crate) fn new() -> Self {
        let all = all();
        for folder in fs::read_dir(&all).into_iter().flatten().flatten() {
            let name = folder.file_name();
            let process = name.to_str().and_then(|name| name.strip_prefix(NAME)?.parse::<u32>().ok());
            if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
                remove(&folder.path());
            }
        }
        Self(Self::folder_in(&all))
    }

    /// Where it is in this process.
    pub(crate) fn folder() -> PathBuf {
        Self::folder_in(&all())
    }

    fn folder_in(all: &Path) -> PathBuf {
        all.join(format!("{NAME}{}", std::process::id()))
    }

    /// Where it is, or would be.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Where all such folders are.
fn all() -> PathBuf {
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir() { in_memory.to_owned() } else { std::env::temp_dir() }
}

fn remove(folder: &Path) {
    if folder.exists()
        && let Err(error) = fs::remove_dir_all(folder)
    {
        tracing::debug!(%error, folder = %folder.display(), "files stay");
    }
}
