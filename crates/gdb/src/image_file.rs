//! The symbol image as a file that a gdb on the same machine opens itself, and texts that stand for sources.
//!
//! gdb reads a file from a server byte by byte, at some 30 MB a second. A server that cannot open files for it it takes for one
//! on its own machine, and opens what `qXfer:exec-file` names there, if the user has not set another `sysroot`. So an image
//! for which it matters is put into a file, if the embedder knows that the client can open it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Reading a smaller image from the server takes a few hundredths of a second at most. Bytes.
const WORTH_A_FILE: usize = 1 << 20;

/// Writes an image into a directory of its own, which only this user can read. None if that is not worth it.
///
/// # Errors
/// When the system does not let us.
pub(crate) fn write(directory: &Path, name: &str, image: &[u8]) -> io::Result<Option<PathBuf>> {
    if image.len() < WORTH_A_FILE {
        return Ok(None);
    }
    make_private(directory)?;
    let path = directory.join(name);
    let written = File::create_new(&path)?.write_all(image);
    if written.is_err() {
        // There was no room for all of it.
        fs::remove_file(&path)?;
    }
    written.map(|()| Some(path))
}

/// Writes a text that stands for a source into `folder`, which only this user can read, or into a folder in it. What is there
/// stays if it is the same.
///
/// # Errors
/// When the system does not let us.
pub(crate) fn write_text(folder: &Path, text: &dwarf::Text) -> io::Result<()> {
    if fs::read(&text.path).is_ok_and(|there| there == text.contents) {
        return Ok(());
    }
    make_private(folder)?;
    if let Some(inner) = text.path.parent() {
        fs::create_dir_all(inner)?;
    }
    // A debugger may be reading what was there.
    let unfinished = text.path.with_extension("part");
    fs::write(&unfinished, &text.contents)?;
    fs::rename(&unfinished, &text.path)
}

/// Makes a directory that only this user can read, if it is not there.
fn make_private(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        // Whose it is matters, since everybody can write where temporary files are.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_ours_alone(directory)? => Ok(()),
        made => made,
    }
}

fn is_ours_alone(directory: &Path) -> io::Result<bool> {
    let (found, own) = (fs::symlink_metadata(directory)?, fs::metadata("/proc/self")?);
    Ok(found.is_dir() && found.uid() == own.uid() && found.mode() & 0o777 == 0o700)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_images_become_files_that_only_the_user_reads() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("files");
        assert_eq!(write(&inner, "a.elf", &[1; 100]).unwrap(), None);
        assert!(!inner.exists());
        let image = vec![1; WORTH_A_FILE];
        let path = write(&inner, "a.elf", &image).unwrap().unwrap();
        assert_eq!(fs::read(&path).unwrap(), image);
        assert_eq!(fs::metadata(&inner).unwrap().mode() & 0o777, 0o700);
        let second = write(&inner, "b.elf", &image).unwrap();
        assert_eq!(second, Some(inner.join("b.elf")));
    }

    #[test]
    fn a_folder_that_others_can_write_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        DirBuilder::new().mode(0o755).create(&open).unwrap();
        let error = write(&open, "a.elf", &vec![1; WORTH_A_FILE]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
    }
}
