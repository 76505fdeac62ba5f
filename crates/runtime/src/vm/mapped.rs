//! A file in memory that is not read first: its pages come when they are touched.
#![expect(unsafe_code, reason = "maps files that others may write to, and moves memory")]

use std::fs::{File, Metadata};
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use memmap2::{Mmap, MmapMut};

/// Bytes that are made the process's own at a time: whole pages.
const BLOCK: usize = 1 << 20;

/// A mapped file, for the moment of a start. Until [`MappedFile::detach`], what others write to the file may show, and whoever reads
/// what they cut off it ends the process with a message (`unwind/signals.rs`).
#[derive(Clone, Debug)]
pub struct MappedFile {
    mapping: Arc<Mmap>,
    /// What the system said of the file.
    state: State,
    /// As long as the mapping is the file's.
    file: Arc<Mutex<Option<File>>>,
}

impl MappedFile {
    /// Maps a file.
    ///
    /// # Errors
    /// When it is no regular file.
    pub fn new(file: File) -> io::Result<Self> {
        crate::unwind::install_handlers();
        let state = state(&file.metadata()?);
        // SAFETY: whoever writes to the file meanwhile is as if it had been read while they did.
        let mapping = unsafe { Mmap::map(&file) }?;
        Ok(Self { mapping: Arc::new(mapping), state, file: Arc::new(Mutex::new(Some(file))) })
    }

    /// Its contents.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        Bytes::from_owner(Shared(Arc::clone(&self.mapping)))
    }

    /// Makes its contents this process's own, in the same place: as if it had been read. Once is enough.
    ///
    /// # Errors
    /// When the file has changed meanwhile or cannot be read, or memory runs out.
    pub fn detach(&self) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = &*file {
            let length = self.mapping.len();
            let mut starts = (0..length).step_by(BLOCK);
            starts.try_for_each(|start| self.detach_block(read, start, BLOCK.min(length - start)))?;
            if state(&read.metadata()?) != self.state {
                return Err(io::Error::other("it has changed"));
            }
        }
        *file = None;
        Ok(())
    }

    fn detach_block(&self, file: &File, start: usize, length: usize) -> io::Result<()> {
        let mut own = MmapMut::map_anon(length)?;
        let from = u64::try_from(start).map_err(io::Error::other)?;
        file.read_exact_at(&mut own, from)?;
        // It is moved away.
        let own = ManuallyDrop::new(own);
        let place = self.mapping.as_ptr().wrapping_add(start).cast_mut().cast::<libc::c_void>();
        let how = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: both are mappings of this length that nobody else unmaps: `own` is never dropped, and the other one is for its own place.
        // Whoever reads meanwhile finds the file's pages or these, which are the same.
        let moved = unsafe { libc::mremap(own.as_ptr().cast_mut().cast(), length, length, how, place) };
        if moved == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// What tells that others have written to a file: its length, and when its contents were changed. That it has another name or none
/// is no change.
type State = (u64, Option<SystemTime>);

fn state(metadata: &Metadata) -> State {
    (metadata.len(), metadata.modified().ok())
}

struct Shared(Arc<Mmap>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;

    use super::MappedFile;

    /// A file of two blocks and a bit.
    fn file(number: u8) -> (std::path::PathBuf, Vec<u8>) {
        let path =
            std::env::temp_dir().join(format!("wasm-gdbserver-mapped-{}-{number}", std::process::id()));
        let contents: Vec<u8> = (0..super::BLOCK * 2 + 5).map(|at| at.to_le_bytes()[1] ^ number).collect();
        std::fs::write(&path, &contents).expect("a place for a file");
        (path, contents)
    }

    #[test]
    fn what_happens_to_a_detached_file_is_of_no_concern() {
        let (path, contents) = file(1);
        let mapped = MappedFile::new(File::open(&path).expect("it is there")).expect("this system can");
        let bytes = mapped.bytes();
        mapped.detach().expect("it is all there");
        std::fs::write(&path, b"another one").expect("it can be written");
        assert_eq!(bytes, contents);
        mapped.detach().expect("it is not the file's any more");
        assert_eq!(bytes, contents);
        drop(mapped);
        assert_eq!(bytes, contents);
        std::fs::remove_file(path).expect("it is there");
    }

    #[test]
    fn a_file_that_has_changed_cannot_be_detached() {
        let (path, contents) = file(3);
        let mapped = MappedFile::new(File::open(&path).expect("it is there")).expect("this system can");
        let written = File::options().write(true).open(&path).and_then(|file| {
            file.write_at(b"other", 7)?;
            // The clock for this ticks slowly.
            file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        });
        written.expect("it can be written");
        assert_eq!(mapped.detach().expect_err("it is another one").to_string(), "it has changed");
        assert_eq!(mapped.bytes().len(), contents.len());
        std::fs::remove_file(path).expect("it is there");
    }

    #[test]
    fn a_file_without_a_name_is_no_other_one() {
        let (path, contents) = file(4);
        let mapped = MappedFile::new(File::open(&path).expect("it is there")).expect("this system can");
        std::fs::remove_file(path).expect("it is there");
        mapped.detach().expect("it is all there");
        assert_eq!(mapped.bytes(), contents);
    }

    #[test]
    fn a_file_that_became_shorter_cannot_be_detached() {
        let (path, contents) = file(2);
        let mapped = MappedFile::new(File::open(&path).expect("it is there")).expect("this system can");
        File::options().write(true).open(&path).and_then(|file| file.set_len(10)).expect("it can be written");
        let failed = mapped.detach().expect_err("some of it is gone");
        assert_eq!(failed.kind(), std::io::ErrorKind::UnexpectedEof);
        assert_eq!(mapped.bytes().get(..10), contents.get(..10));
        std::fs::remove_file(path).expect("it is there");
        assert!(MappedFile::new(File::open("/dev/null").expect("it is there")).is_err());
    }
}
