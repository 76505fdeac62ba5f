//! Where a target puts its first inputs before libFuzzer reads the corpus.

use std::path::PathBuf;

/// The folder that `FUZZ_SEEDS` names.
pub struct Folder(PathBuf);

impl Folder {
    /// None if the variable is not set.
    #[must_use]
    pub fn given() -> Option<Self> {
        std::env::var_os("FUZZ_SEEDS").map(|folder| Self(folder.into()))
    }

    /// Writes one. It is there again if the fuzzer has removed it.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(format!("seed-{name}")), bytes).expect("the folder for seeds can be written to");
    }
}
