//! What ends a session with a debugger, other than the debugger's wish or the guest's end.

use thiserror::Error;

/// Why a session with a client could not go on. The guest stays as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The client sent more bytes in one packet than we ever announced to take.
    #[error("the client sent a packet of more than {limit} bytes")]
    PacketTooLong {
        /// The longest packet taken, in bytes between `$` and `#`.
        limit: usize,
    },
    /// The socket failed.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
    /// The packet core refused to start.
    #[error("cannot start the packet core: {0}")]
    Core(String),
    /// The thread that serves the session could not run, or died.
    #[error("the session's thread ended: {0}")]
    Thread(String),
}
