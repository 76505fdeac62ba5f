//! clang for Wasm, in such a way that it makes the same program on every machine. Tests of other packages include this file by
//! its path.
//!
//! When it links optimised code, clang runs `wasm-opt` if that is on the path, which Debian's package `binaryen` puts there:
//! another program then, with debug info that is partly wrong. `--no-wasm-opt` leaves clang-19 without its output. So clang
//! gets a path on which there are linkers only.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The number of the next link that is made.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// What clang looks for on the path.
const LINKERS: [&str; 2] = ["wasm-ld-19", "wasm-ld"];

/// A file of this name on the path.
#[must_use]
pub fn find(command: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(command)).find(|file| file.is_file())
}

/// clang-19 with a path of its own. `folder` is for what tests make, and outlives them.
///
/// # Errors
/// If there is no clang-19, or the folder cannot be written to.
pub fn clang(folder: &Path) -> io::Result<Command> {
    let compiler = find("clang-19").ok_or(io::ErrorKind::NotFound)?;
    let linkers = folder.join("linkers");
    fs::create_dir_all(&linkers)?;
    for name in LINKERS {
        let (Some(linker), link) = (find(name), linkers.join(name)) else { continue };
        if fs::read_link(&link).is_ok_and(|known| known == linker) {
            continue;
        }
        // Other tests may be at it, some of them in this process.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let unfinished = linkers.join(format!("{name}.{}.{number}", std::process::id()));
        std::os::unix::fs::symlink(&linker, &unfinished)?;
        fs::rename(&unfinished, &link)?;
    }
    let mut command = Command::new(compiler);
    command.env("PATH", linkers);
    Ok(command)
}
