//! What can go wrong between a debugger and its debuggee.

use crate::ThreadId;
use frame_table::ModulePc;
use runtime::FrameError;
use thiserror::Error;

/// Why a request to the debuggee failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The guest runs; only a stopped one can be looked at.
    #[error("the program is running")]
    Running,
    /// The guest is gone.
    #[error("the program has ended")]
    Exited,
    /// There is no such thread.
    #[error("no thread {0}")]
    NoThread(ThreadId),
    /// The other threads are stopped, and this one could not be.
    #[error("thread {0} is in a call of the host and not stopped")]
    NotStopped(ThreadId),
    /// The guest has as many threads as it may have.
    #[error("too many threads")]
    TooManyThreads,
    /// There is no such frame.
    #[error("no frame {0}")]
    NoFrame(usize),
    /// The frame is a host function's: it has no Wasm state.
    #[error("frame {0} is a host function")]
    HostFrame(usize),
    /// A value of a frame cannot be had or changed.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A global or a table's element cannot be changed.
    #[error(transparent)]
    Entity(#[from] runtime::EntityError),
    /// A field of an object cannot be had or changed.
    #[error(transparent)]
    Object(#[from] runtime::ObjectError),
    /// There is no such module.
    #[error("no module {0}")]
    NoModule(u32),
    /// No operator is at or after this PC in any function.
    #[error("no code at {0}")]
    NoCode(ModulePc),
    /// There is no such memory, global or table, or the index is beyond its end.
    #[error("no such {0}")]
    NoEntity(&'static str),
    /// The range is not inside the memory.
    #[error("memory {memory} has no bytes {start:#x}..{end:#x}")]
    OutOfMemory {
        /// Memory index.
        memory: u32,
        /// First byte.
        start: u64,
        /// Behind the last byte.
        end: u64,
    },
    /// It is a core dump, and nothing in it can run or change.
    #[error("the program is a core dump: it can be looked at, and neither run nor changed")]
    Record,
    /// The core dump has not this value.
    #[error("not recorded")]
    NotRecorded,
    /// A core dump is of another module than the one that it was put together with.
    #[error("the core dump is not of {module}: {why}")]
    OtherModule {
        /// The module.
        module: String,
        /// Why it cannot be this one.
        why: String,
    },
    /// The runtime refused.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// A call that the debugger made did not return.
    #[error("the called function did not return: {0}")]
    Call(#[from] runtime::Failure),
    /// The operating system gave no thread.
    #[error("cannot start a thread for the guest: {0}")]
    Thread(#[source] std::io::Error),
    /// Whoever asked made a mistake while the guest was looked at. The guest is as it was.
    #[error("internal error: {0}")]
    Panicked(String),
}
