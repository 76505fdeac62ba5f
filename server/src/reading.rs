//! Reading a file to where it stays: a large one is not copied.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};

/// Reads a file.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Arc<[u8]>> {
    read_shared(path).with_context(|| format!("cannot read {}", path.display()))
}

fn read_shared(path: &Path) -> io::Result<Arc<[u8]>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, usize::try_from(length).unwrap_or(0)).collect();
    if let Some(whole) = Arc::get_mut(&mut bytes) {
        file.read_exact(whole)?;
    }
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    // Pipes do not say how long they are.
    Ok(if rest.is_empty() { bytes } else { Arc::from([&bytes, rest.as_slice()].concat()) })
}
