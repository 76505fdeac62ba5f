//! WASI preview 1 for the runtime: arguments, environment, files, clocks, random bytes, polling, `proc_exit`.
//!
//! The functions themselves are wasi-common's. What this crate adds is the door to the [`runtime`], and patience: a
//! guest that sleeps, or waits for input or for room to write, can be stopped by a debugger, and goes on as if nothing
//! had happened (`wait.rs`).
//!
//! It is not a sandbox policy: the guest gets the directories and the three standard streams that it is given, no
//! sockets.

#![forbid(unsafe_code)]

mod builder;
mod context;
mod error;
mod failure;
mod functions;
mod stream;
mod wait;

pub use builder::{Wasi, WasiBuilder};
pub use error::Error;
