//! What can go wrong before a guest runs.

use crate::FuncType;
use crate::trap::Failure;
use thiserror::Error;

/// Why a module cannot be loaded, linked or compiled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a valid module.
    #[error("invalid module at offset {offset:#x}: {reason}")]
    Invalid {
        /// Byte offset in the module.
        offset: usize,
        /// What the validator says.
        reason: String,
    },
    /// The module is valid but uses what this runtime does not have.
    #[error("unsupported at offset {offset:#x}: {what}")]
    Unsupported {
        /// Byte offset in the module.
        offset: usize,
        /// What is missing.
        what: String,
    },
    /// The text format could not be parsed.
    #[error("{0}")]
    Text(String),
    /// Imports that nobody defined, all of them.
    #[error("unknown import{}: {}", if .0.len() == 1 { "" } else { "s" }, .0.join(", "))]
    MissingImports(Vec<String>),
    /// An import was defined with another type.
    #[error("incompatible import type: {name} is {found}, the module wants {wanted}")]
    ImportType {
        /// `module.name` of the import.
        name: String,
        /// What the module declares.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// The export is missing or is not a function.
    #[error("no exported function `{0}`")]
    NoFunction(String),
    /// The arguments do not fit the function.
    #[error("arguments do not fit the function type {0}")]
    Arguments(FuncType),
    /// A limit of the engine or the operating system.
    #[error("{0}")]
    Limit(String),
    /// Code generation failed.
    #[error("cannot compile function {function}: {reason}")]
    Compile {
        /// Function index.
        function: u32,
        /// What the code generator says.
        reason: String,
    },
    /// Instantiation ran code (segments, the start function) that did not finish.
    #[error("instantiation failed: {0}")]
    Start(#[source] Failure),
}

impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid {
            offset: usize::try_from(error.offset()).unwrap_or(usize::MAX),
            reason: error.message().to_owned(),
        }
    }
}
