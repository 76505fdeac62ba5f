//! The symbol image as a file that a gdb on the same machine opens itself, and texts that stand for sources.
//!
//! gdb reads a file from a server byte by byte, at some 30 MB a second. A server that cannot open files for it it takes for one
//! on its own machine, and opens what `qXfer:exec-file` names there, if the user has not set another `sysroot`. So an image
//! is written to a file from the beginning, which such a client can open.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Seek as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::int::wide;

/// Reading a smaller image from the server takes less than a tenth of a second. Bytes.
pub(crate) const WORTH_A_FILE: u64 = 960 << 10;

/// Bytes that are copied at a time.
const BLOCK: usize = 64 << 10;

/// A symbol image, which is not in the memory of this process.
#[derive(Debug)]
pub(crate) struct ImageFile {
    file: File,
    length: u64,
    /// Where others can open it.
    path: Option<PathBuf>,
}

impl ImageFile {
    /// The first `length` bytes of a file. `path` is where others can open it.
    pub(crate) fn new(file: File, length: u64, path: Option<PathBuf>) -> Self {
        Self { file, length, path }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(crate) fn copy_to(&self, out: &mut impl io::Write) -> io::Result<()> {
        let mut block = vec![0; BLOCK];
        let mut at = 0;
        while at < self.length {
            let left = usize::try_from(self.length - at).unwrap_or(BLOCK).min(BLOCK);
            let read = self.read(at, block.get_mut(..left).unwrap_or_default())?;
            let bytes = block.get(..read).filter(|bytes| !bytes.is_empty());
            out.write_all(bytes.ok_or(io::ErrorKind::UnexpectedEof)?)?;
            at += wide(read);
        }
        Ok(())
    }

    /// Bytes in it.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Reads what is at an offset, as much as there is.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let there = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = buffer.len().min(there);
        let buffer = buffer.get_mut(..count).unwrap_or_default();
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset.saturating_add(wide(done)))? {
                0 => break,
                read => done += read,
            }
        }
        Ok(done)
    }

    /// Where a gdb on this machine opens it, if it is large enough for that to be worth it and nobody took it away.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref().filter(|path| self.length >= WORTH_A_FILE && path.is_file())
    }
}

/// An image that is being written.
#[derive(Debug)]
pub(crate) struct Unfinished {
    file: File,
    /// None for a file that has no name.
    path: Option<PathBuf>,
}

impl Unfinished {
    /// A file with a name in a directory of its own, which only this user can read; or one in memory without a name, if that is
    /// all that the system lets us have.
    ///
    /// # Errors
    /// When it does not even let us have that.
    pub(crate) fn new(place: Option<(&Path, &str)>) -> io::Result<Self> {
        if let Some((directory, name)) = place {
            let path = directory.join(name);
            let made = make_private(directory).and_then(|()| File::create_new(&path));
            // The client may have to read it from here.
            let opened = made.and_then(|_| File::options().read(true).write(true).open(&path));
            match opened {
                Ok(file) => return Ok(Self { file, path: Some(path) }),
                Err(error) => slower(directory, &error),
            }
        }
        Ok(Self { file: nameless()?, path: None })
    }

    /// # Errors
    /// When the system does not say how long it is.
    pub(crate) fn finish(mut self) -> io::Result<ImageFile> {
        let file = self.file.try_clone()?;
        let length = file.metadata()?.len();
        Ok(ImageFile::new(file, length, self.path.take()))
    }
}

impl io::Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted && self.path.is_some() => {
                // There is no room for all of it where files are seen.
                let mut elsewhere = nameless()?;
                self.file.rewind()?;
                io::copy(&mut self.file, &mut elsewhere)?;
                self.file = elsewhere;
                if let Some(path) = self.path.take() {
                    slower(&path, &error);
                    fs::remove_file(path)?;
                }
                self.file.write(bytes)
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// An image that was given up leaves nothing.
impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.path
            && let Err(error) = fs::remove_file(path)
        {
            tracing::debug!(%error, "{} stays", path.display());
        }
    }
}

/// A file in memory.
fn nameless() -> io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create("symbols", rustix::fs::MemfdFlags::CLOEXEC)?))
}

fn slower(place: &Path, error: &io::Error) {
    tracing::info!(%error, place = %place.display(), "gdb reads the symbols from the server, which takes longer");
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
    use std::io::Write as _;

    use super::*;
    use crate::int::index;

    fn image(place: Option<(&Path, &str)>, contents: &[u8]) -> ImageFile {
        let mut unfinished = Unfinished::new(place).unwrap();
        unfinished.write_all(contents).unwrap();
        unfinished.finish().unwrap()
    }

    fn contents(image: &ImageFile) -> Vec<u8> {
        let mut bytes = vec![0; index(image.length()) + 1];
        let length = image.read(0, &mut bytes).unwrap();
        bytes.truncate(length);
        let mut copied = Vec::new();
        image.copy_to(&mut copied).unwrap();
        assert!(bytes == copied);
        bytes
    }

    #[test]
    fn only_large_images_are_files_for_others_and_only_the_user_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("files");
        let small = image(Some((&inner, "a.elf")), &[1; 100]);
        assert_eq!((small.path(), contents(&small)), (None, vec![1; 100]));
        let large = vec![1; index(WORTH_A_FILE)];
        let there = image(Some((&inner, "b.elf")), &large);
        assert_eq!(there.path(), Some(&*inner.join("b.elf")));
        assert_eq!(fs::read(there.path().unwrap()).unwrap(), large);
        assert_eq!(fs::metadata(&inner).unwrap().mode() & 0o777, 0o700);
        // There is one of that name.
        let other = image(Some((&inner, "b.elf")), &[vec![2; 8], large.clone()].concat());
        assert_eq!((other.path(), contents(&other).get(7..9)), (None, Some(&[2, 1][..])));
        let nameless = image(None, &large);
        assert_eq!((nameless.path(), contents(&nameless)), (None, large));
        fs::remove_file(inner.join("b.elf")).unwrap();
        assert_eq!(there.path(), None);
    }

    #[test]
    fn what_does_not_fit_goes_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.elf");
        fs::write(&path, []).unwrap();
        // Opened for reading, it takes no bytes.
        let mut unfinished = Unfinished { file: File::open(&path).unwrap(), path: Some(path.clone()) };
        unfinished.write_all(b"contents").unwrap();
        assert_eq!(contents(&unfinished.finish().unwrap()), b"contents");
        assert!(!path.exists());
    }

    #[test]
    fn an_image_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("files");
        drop(Unfinished::new(Some((&inner, "a.elf"))).unwrap());
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_others_can_write_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        DirBuilder::new().mode(0o755).create(&open).unwrap();
        let image = image(Some((&open, "a.elf")), &vec![1; index(WORTH_A_FILE)]);
        assert_eq!(image.path(), None);
        assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
    }
}
