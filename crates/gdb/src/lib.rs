//! Serves the GDB remote serial protocol for a debuggee over any byte stream.
//!
//! ```text
//!   byte stream ─> framer ─> interposer ─┬─> gdbstub ─> target ─┬─> persona ─> machine (paused) ─> debugger
//!        ^                               │                      ├─> memory, frame_image ──┘
//!        └────────────── replies <───────┘                      └─> monitor, symbols
//! ```
//!
//! `framer` cuts the stream into packets, `interposer` lets only those through to gdbstub that gdbstub survives and
//! answers what it lacks, `target` turns gdbstub's calls into questions to a persona, and a persona is the machine that
//! a stock debugger believes in.
//!
//! What this is not: a listener (`server` owns the sockets), or a debugger (`crates/debugger` is).
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests may panic")
)]

mod address_space;
mod agent;
mod awaited;
mod cache;
mod calling;
mod condition;
mod conversation;
mod debuggee;
mod dprintf;
mod error;
mod file_state;
mod frame_image;
mod framer;
mod greeting;
mod hex;
mod image_file;
mod int;
mod interposer;
mod link;
mod machine;
mod memory;
mod monitor;
mod output;
mod packet;
mod paused;
mod persona;
mod regions;
mod reply;
mod serve;
mod sources;
mod stop;
mod stub;
mod symbols;
mod target;
mod trace;
mod value_bytes;
mod xfer;

pub use cache::{Cache, ContentHash, Entry};
pub use conversation::Outcome;
pub use debuggee::{Debuggee, Launcher};
pub use error::Error;
pub use file_state::FileState;
pub use packet::{PACKET_SIZE, PACKET_SLACK};
pub use persona::PersonaChoice;
pub use serve::serve;
pub use sources::{SourcePlace, Sources, Values};
pub use symbols::{Preloaded, Program, Reader};
