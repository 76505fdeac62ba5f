//! Code of one module that was compiled before: by this process for another store, or by an earlier one.
//!
//! ```text
//!   pack:   all pieces: ((function, version), piece), by postcard
//!   piece:  machine code, everything else of `Compiled`
//! ```
//!
//! A pack has no addresses, and nothing that tells what it is of: whoever keeps it says which module, which target
//! ([`crate::Module::code_depends_on`]), which observable locals and which build of this library it belongs to, and makes sure
//! that it is not damaged. Code is executed as it was found.
#![forbid(unsafe_code)]

use super::compile::Compiled;
use crate::error::Error;
use crate::translate::Version;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A function, counted with imports, and which code of it.
pub(super) type Name = (u32, Version);

/// Code of a module's functions, by function and version. Several stores and threads may use it.
#[derive(Default)]
pub struct CodeCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pieces: BTreeMap<Name, Arc<[u8]>>,
    found: usize,
    compiled: usize,
}

impl CodeCache {
    /// Adds what another cache had; what is known already stays. False if this is no pack, of which nothing is added.
    pub fn add(&self, pack: &[u8]) -> bool {
        let Ok(pieces) = postcard::from_bytes::<Vec<(Name, &[u8])>>(pack) else { return false };
        let mut state = self.state();
        for (name, piece) in pieces {
            state.pieces.entry(name).or_insert_with(|| Arc::from(piece));
        }
        true
    }

    /// All of it as bytes.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        let state = self.state();
        let pieces: Vec<(&Name, &[u8])> = state.pieces.iter().map(|(name, piece)| (name, &**piece)).collect();
        // Writing to memory does not fail, and no type here refuses to be written.
        postcard::to_allocvec(&pieces).unwrap_or_default()
    }

    /// How often code was found, and how often it had to be compiled.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.found, state.compiled)
    }

    /// The code with a name, if it is there; else it is compiled and added.
    pub(super) fn get_or_compile(
        &self,
        name: Name,
        compile: impl FnOnce() -> Result<Compiled, Error>,
    ) -> Result<Compiled, Error> {
        let piece = self.state().pieces.get(&name).cloned();
        if let Some(compiled) = piece.and_then(|piece| open(&piece)) {
            self.state().found += 1;
            return Ok(compiled);
        }
        let compiled = compile()?;
        let piece = postcard::to_allocvec(&(compiled.bytes.as_slice(), &compiled));
        let mut state = self.state();
        state.compiled += 1;
        match piece {
            Ok(piece) => drop(state.pieces.insert(name, piece.into())),
            Err(error) => tracing::debug!(%error, "the code of a function is not kept"),
        }
        Ok(compiled)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeCache").field("pieces", &self.state().pieces.len()).finish_non_exhaustive()
    }
}

fn open(piece: &[u8]) -> Option<Compiled> {
    let (code, compiled): (&[u8], Compiled) = postcard::from_bytes(piece).ok()?;
    Some(Compiled { bytes: code.to_vec(), ..compiled })
}
