//! What is where in a Wasm frame, at which program point. Pure data: no engine, no addresses of memory, no unsafe.
#![forbid(unsafe_code)]

mod pc;

pub use pc::{ModulePc, TextOffset};
