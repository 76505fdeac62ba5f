//! WASI preview 1 for the runtime: arguments, environment, files, clocks, random bytes, polling, `proc_exit`; and
//! wasi-threads.
//!
//! The functions themselves are wasi-common's. What this crate adds is the door to the [`runtime`], and patience: a
//! guest that sleeps, or waits for input or for room to write, can be stopped by a debugger, and goes on as if nothing
//! had happened (`wait.rs`).
//!
//! It is not a sandbox policy: the guest gets the directories, sockets and standard streams that it is given.
//!
//! What is as wasi-common has it, and not as a POSIX system does:
//! - `fd_allocate` and `fd_fdstat_set_rights` are not supported (`ENOTSUP`); nor are the clocks of CPU time (`EBADF`).
//! - A closed descriptor's number is not given out again.
//! - A poll of a descriptor that is not open fails as a whole, with `EBADF`.
//! - `path_link` does not follow links (`EINVAL`).
//! - Pointers that lie outside of the memory, or are not aligned, trap rather than return `EFAULT`: as the
//!   specification says.

#![forbid(unsafe_code)]

mod builder;
mod context;
mod directory;
mod error;
mod failure;
mod file;
mod functions;
mod poll;
mod socket;
mod stream;
mod threads;
mod wait;

pub use builder::{Wasi, WasiBuilder};
pub use error::Error;
pub use threads::{ThreadBody, add_threads};
