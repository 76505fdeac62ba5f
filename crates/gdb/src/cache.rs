//! What was made before, in a folder that the user named, each under a hash of all that it was made from: symbol images, and
//! what others make that is read as a whole.
//!
//! ```text
//!   DIR/NAME.elf-KEY:   image | what else is known of it | length of that, u32 | CRC-32 of all before, u32
//!   DIR/NAME-KEY:       contents | NAME-KEY | CRC-32 of all before, u32
//! ```
//!
//! A file is written under another name first, and is there as a whole or not at all; servers that write the same do not
//! hurt each other. One that is damaged is made anew. What an image says of sources depends on whether they are there: that
//! is asked again for a file that is found.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::image_file::ImageFile;
use crate::int::wide;

/// Bytes of a length or a checksum.
const NUMBER: u64 = 4;

/// Bytes of a hash that are in a name: enough for all modules that there will ever be.
const NAME_BYTES: usize = 16;

/// Bytes that are hashed by one processor.
const HASHED: usize = 4 << 20;

/// Bytes that are read at a time.
const BLOCK: usize = 64 << 10;

/// The hash of a file's contents. It is found once, by whoever needs it first.
#[derive(Clone, Debug, Default)]
pub struct ContentHash(Arc<OnceLock<[u8; blake3::OUT_LEN]>>);

impl ContentHash {
    /// Starts finding it on a thread of its own.
    pub fn start(&self, contents: &Bytes) {
        let (hash, contents) = (self.clone(), contents.clone());
        let spawned = thread::Builder::new().name("hash".to_owned()).spawn(move || hash.of(&contents));
        if let Err(error) = spawned {
            tracing::debug!(%error, "a hash will be found when it is needed");
        }
    }

    /// The hash of these contents, which are always the same.
    #[must_use]
    pub fn of(&self, contents: &[u8]) -> [u8; blake3::OUT_LEN] {
        *self.0.get_or_init(|| {
            let mut all = blake3::Hasher::new();
            for hash in hashes(contents) {
                all.update(hash.as_bytes());
            }
            all.finalize().into()
        })
    }
}

/// The hashes of contents in blocks, two of which are found at a time.
fn hashes(contents: &[u8]) -> Vec<blake3::Hash> {
    let blocks: Vec<&[u8]> = contents.chunks(HASHED).collect();
    let (first, second) = blocks.split_at(blocks.len() / 2);
    let hash = |blocks: &[&[u8]]| blocks.iter().map(|block| blake3::hash(block)).collect::<Vec<_>>();
    thread::scope(|scope| {
        let first = scope.spawn(|| hash(first));
        let second = hash(second);
        match first.join() {
            Ok(first) => [first, second].concat(),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Where things are kept for the next time.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    /// What makes them: others may make other ones.
    version: String,
}

/// What is known of an image.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Where its first segment is.
    pub(crate) first_address: u64,
    /// What became of the debug info.
    pub(crate) report: dwarf::Report,
    /// Sources that were looked for, and whether they were there.
    pub(crate) sources: Vec<(PathBuf, bool)>,
}

/// The place of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry(PathBuf);

impl Cache {
    /// Keeps things in a folder, which is made if it is missing. `version` is that of whoever makes them.
    ///
    /// # Errors
    /// When there is no such folder that others cannot write to: what is in it is believed.
    pub fn new(folder: PathBuf, version: String) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).recursive(true).create(&folder)?;
        let (found, own) = (fs::metadata(&folder)?, fs::metadata("/proc/self")?);
        if found.uid() != own.uid() || found.mode() & 0o022 != 0 {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "others can write to it"));
        }
        Ok(Self { folder, version })
    }

    /// The place of what is made from some bytes.
    #[must_use]
    pub fn entry(&self, name: &str, made_from: &[&[u8]]) -> Entry {
        let mut hash = blake3::Hasher::new();
        for part in std::iter::once(self.version.as_bytes()).chain(made_from.iter().copied()) {
            hash.update(&wide(part.len()).to_le_bytes());
            hash.update(part);
        }
        let key: String =
            hash.finalize().as_bytes().iter().take(NAME_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Entry(self.folder.join(format!("{name}-{key}")))
    }
}

impl Entry {
    /// The image, if it is there and as it would be made now. `source_exists` says whether a source is there.
    pub(crate) fn find(&self, source_exists: impl Fn(&Path) -> bool) -> Option<(ImageFile, Known)> {
        let Self(path) = self;
        let file = File::open(path).ok()?;
        let (length, known) = match read(&file) {
            Ok(Some(found)) => found,
            Ok(None) => {
                tracing::warn!("{} is damaged, and made anew", path.display());
                return None;
            }
            Err(error) => {
                tracing::warn!(%error, "{} cannot be read", path.display());
                return None;
            }
        };
        let is_as_it_was = |(source, was_there): &(PathBuf, bool)| source_exists(source) == *was_there;
        let is_right = known.sources.iter().all(is_as_it_was);
        is_right.then(|| (ImageFile::new(file, length, Some(path.clone())), known))
    }

    /// Keeps an image.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn keep(&self, image: &ImageFile, known: &Known) -> io::Result<()> {
        let Self(path) = self;
        replace(path, |unfinished| write(unfinished, image, known))
    }

    /// What was written here, if it is there as it was written.
    #[must_use]
    pub fn read(&self) -> Option<Vec<u8>> {
        let Self(path) = self;
        let mut bytes = fs::read(path).ok()?;
        let contents = bytes.split_last_chunk().and_then(|(checked, checksum)| {
            let is_whole = crc32fast::hash(checked) == u32::from_le_bytes(*checksum);
            checked.strip_suffix(self.name()).filter(|_| is_whole)
        });
        let Some(length) = contents.map(<[u8]>::len) else {
            tracing::warn!("{} is damaged, and made anew", path.display());
            return None;
        };
        bytes.truncate(length);
        Some(bytes)
    }

    /// Keeps `contents` here, instead of what is there.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, contents: &[u8]) -> io::Result<()> {
        let Self(path) = self;
        let mut bytes = [contents, self.name()].concat();
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        replace(path, |unfinished| fs::write(unfinished, bytes))
    }

    fn name(&self) -> &[u8] {
        let Self(path) = self;
        path.file_name().unwrap_or_default().as_encoded_bytes()
    }
}

/// Has a file written under another name, and then puts it in its place.
fn replace(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let unfinished = path.with_added_extension(std::process::id().to_string());
    let written = write(&unfinished).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // Whatever there is of it.
        let _gone = fs::remove_file(&unfinished);
    }
    written
}

/// The length of the image in a file, and what else is known of it. None if the file is damaged.
fn read(file: &File) -> io::Result<Option<(u64, Known)>> {
    let number = |end: u64| -> io::Result<Option<u32>> {
        let Some(at) = end.checked_sub(NUMBER) else { return Ok(None) };
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, at)?;
        Ok(Some(u32::from_le_bytes(bytes)))
    };
    let Some(checked) = file.metadata()?.len().checked_sub(NUMBER) else { return Ok(None) };
    let Some(checksum) = number(checked + NUMBER)? else { return Ok(None) };
    if checksum_of(file, checked)? != checksum {
        return Ok(None);
    }
    let Some(length) = number(checked)? else { return Ok(None) };
    let end = checked.saturating_sub(NUMBER);
    let Some(start) = end.checked_sub(u64::from(length)) else { return Ok(None) };
    let mut known = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut known, start)?;
    Ok(postcard::from_bytes(&known).ok().map(|known| (start, known)))
}

fn checksum_of(file: &File, length: u64) -> io::Result<u32> {
    let mut checksum = crc32fast::Hasher::new();
    let mut block = vec![0; BLOCK];
    let mut at = 0;
    while at < length {
        let count = usize::try_from(length - at).unwrap_or(BLOCK).min(BLOCK);
        let bytes = block.get_mut(..count).unwrap_or_default();
        file.read_exact_at(bytes, at)?;
        checksum.update(bytes);
        at += wide(count);
    }
    Ok(checksum.finalize())
}

fn write(path: &Path, image: &ImageFile, known: &Known) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
    image.copy_to(&mut file)?;
    let known = postcard::to_allocvec(known).map_err(io::Error::other)?;
    let length = u32::try_from(known.len()).map_err(io::Error::other)?;
    file.write_all(&known)?;
    file.write_all(&length.to_le_bytes())?;
    let whole = file.metadata()?.len();
    file.write_all(&checksum_of(&file, whole)?.to_le_bytes())
}

#[cfg(test)]
mod tests;
