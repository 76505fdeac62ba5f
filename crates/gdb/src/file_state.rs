//! Whether a file is still what was read of it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What the system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    device: u64,
    inode: u64,
    length: u64,
    /// When the file was changed last, in seconds and nanoseconds: what it contains or who may read it. The other times can be
    /// set to what they were.
    changed: (i64, i64),
}

impl FileState {
    /// None if there is no such file.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Some(Self { device: metadata.dev(), inode: metadata.ino(), length: metadata.len(), changed })
    }
}

/// Whether the file at a path has other contents. It is read, unless the system says the same of it as when the contents were. No if
/// there is none.
pub(crate) fn is_other(path: &Path, state: Option<FileState>, contents: &[u8]) -> bool {
    let is_as_it_was = state.is_some() && FileState::of(path) == state;
    !is_as_it_was && File::open(path).and_then(|file| has_other(file, contents)).unwrap_or(false)
}

fn has_other(mut file: File, contents: &[u8]) -> io::Result<bool> {
    // Not the file as a whole: memory for a large one costs more than reading it.
    let mut piece = vec![0; 64 << 10];
    let mut rest = contents;
    loop {
        let length = file.read(&mut piece)?;
        let (Some(read), Some(expected)) = (piece.get(..length), rest.split_off(..length)) else {
            return Ok(true);
        };
        if read != expected {
            return Ok(true);
        }
        if length == 0 {
            return Ok(!rest.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_was_replaced_is_another_one_whatever_its_time_and_length() {
        let folder = tempfile::tempdir().unwrap();
        let [path, new] = ["module", "new"].map(|name| folder.path().join(name));
        fs::write(&path, "before").unwrap();
        let state = FileState::of(&path);
        assert!(!is_other(&path, state, b"before"));
        assert!(!is_other(&path, state, b"unread"), "it is not read");
        assert!(is_other(&path, None, b"unread"));
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&new, "behind").unwrap();
        File::options().append(true).open(&new).unwrap().set_modified(modified).unwrap();
        fs::rename(&new, &path).unwrap();
        assert!(is_other(&path, state, b"before"));
        assert!(!is_other(&path, state, b"behind"), "it is read");
        fs::remove_file(&path).unwrap();
        assert!(!is_other(&path, state, b"before"));
    }
}
