//! Sessions over an in-memory stream: a client that sends packets, a real guest, no socket and no gdb.
//!
//! What a packet is answered with is a transcript: `> packet`, `< reply`. The images' addresses depend on how large the
//! compiled frames are, so `rbp` and `rsp` are written as `FP` and `SP`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests may panic")]

mod client;
mod conditions;
mod console;
mod damage;
mod ends;
mod frames;
mod guest;
mod handshake;
mod lldb;
mod peer;
mod recorded;
mod running;
mod threads;
mod watch;
