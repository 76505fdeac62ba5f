//! Why a program cannot be given what it was promised.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why there is no WASI state.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A directory for the guest cannot be opened.
    #[error("cannot open directory {}", path.display())]
    Directory {
        /// Where it is on the host.
        path: PathBuf,
        /// What the host says.
        source: io::Error,
    },
    /// A directory cannot be put among the guest's descriptors.
    #[error("no descriptor for directory {}: {words}", path.display())]
    Descriptor {
        /// Where it is on the host.
        path: PathBuf,
        /// What wasi-common says.
        words: String,
    },
    /// A socket cannot be put among the guest's descriptors.
    #[error("no descriptor for a socket: {words}")]
    Socket {
        /// What wasi-common says.
        words: String,
    },
    /// A stream cannot be duplicated.
    #[error("cannot duplicate {name}")]
    Stream {
        /// `stdin`, `stdout`, `stderr` or `socket`.
        name: &'static str,
        /// What the host says.
        source: io::Error,
    },
    /// An argument, or a variable's name or value, has a NUL byte in it.
    #[error("NUL byte in {0:?}")]
    Nul(String),
    /// A variable's name is empty or has a `=` in it.
    #[error("not the name of an environment variable: {0:?}")]
    VariableName(String),
    /// There is no space for a memory that the program's threads share.
    #[error(transparent)]
    Memory(runtime::Error),
    /// The program starts threads, which have nothing to run.
    #[error(
        "the module imports `wasi.thread-spawn` and exports no function `wasi_thread_start` of type [i32 i32] -> []"
    )]
    NoThreadEntry,
    /// Arguments or variables are too many or too long.
    #[error("arguments or environment are too large")]
    TooLarge(#[from] wasi_common::StringArrayError),
}
