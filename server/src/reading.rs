//! Reading a file to where it stays: a large one is not copied, and may be hashed on the way.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Context as _, Result};
use gdb::ContentHash;

/// Bytes that are read at a time when somebody waits for them.
const BLOCK: usize = 1 << 20;

/// Reads a file, and finds its hash on another thread meanwhile if `is_hashed`.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(path: &Path, is_hashed: bool) -> Result<(Arc<[u8]>, ContentHash)> {
    read_shared(path, is_hashed).with_context(|| format!("cannot read {}", path.display()))
}

fn read_shared(path: &Path, is_hashed: bool) -> io::Result<(Arc<[u8]>, ContentHash)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, usize::try_from(length).unwrap_or(0)).collect();
    let mut hash = ContentHash::default();
    if let Some(whole) = Arc::get_mut(&mut bytes) {
        if is_hashed {
            hash = read_and_hash(&mut file, whole)?;
        } else {
            file.read_exact(whole)?;
        }
    }
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    if rest.is_empty() {
        return Ok((bytes, hash));
    }
    // Pipes do not say how long they are.
    Ok((Arc::from([&bytes, rest.as_slice()].concat()), ContentHash::default()))
}

fn read_and_hash(file: &mut File, whole: &mut [u8]) -> io::Result<ContentHash> {
    thread::scope(|scope| {
        let (send, blocks) = mpsc::channel::<&[u8]>();
        let hash = scope.spawn(move || ContentHash::of_blocks(blocks));
        for block in whole.chunks_mut(BLOCK) {
            file.read_exact(block)?;
            // If nobody receives, it will be hashed when that is needed.
            let _heard = send.send(block);
        }
        drop(send);
        Ok(hash.join().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_what_was_read() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("file");
        for length in [0, 1, BLOCK, 2 * BLOCK + 3] {
            let contents: Vec<u8> = (0..length).map(|at| (at % 251).to_le_bytes()[0]).collect();
            std::fs::write(&path, &contents)?;
            let (bytes, hash) = read(&path, true)?;
            assert_eq!(*bytes, *contents);
            // Not found again from others.
            assert_eq!(hash.of(b"others"), ContentHash::default().of(&contents));
            assert_eq!(*read(&path, false)?.0, *contents);
        }
        Ok(())
    }
}
