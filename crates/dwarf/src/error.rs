//! Why no symbol image could be made. Bad DWARF is not among the reasons: it is dropped and reported.

/// A failure to read the module or to write its image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a well-formed Wasm module.
    #[error("malformed module at offset {offset:#x}: {reason}")]
    Malformed {
        /// Byte offset in the file.
        offset: u64,
        /// What is wrong there, in words.
        reason: String,
    },
    /// The bytes are a component, not a core module.
    #[error("the file is a Wasm component; only core modules can be debugged")]
    Component,
    /// The module has 4 GiB or more, which a module PC cannot count.
    #[error("the module has {0} bytes; at most 4 GiB are supported")]
    TooLarge(usize),
    /// An address of the layout does not fit the persona's machine.
    #[error("address {0:#x} does not fit the persona's address size")]
    Address(u64),
    /// The ELF file could not be written.
    #[error("cannot write the symbol image: {0}")]
    Elf(#[from] object::write::Error),
    /// There is no room for the ELF file.
    #[error("cannot write the symbol image: {0}")]
    Write(#[source] std::io::Error),
    /// Nobody wanted the image any more.
    #[error("nobody wants the symbol image")]
    Unwanted,
}

impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Self {
        Self::Malformed { offset: error.offset(), reason: error.message().to_owned() }
    }
}
