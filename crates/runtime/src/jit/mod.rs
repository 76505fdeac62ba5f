//! Machine code: compiling it, keeping it, finding it, patching it.
//!
//! One of the three rooms with `unsafe`. What leaves it are addresses of finished code, and answers to the question
//! which code an address belongs to.

mod arena;
mod cache;
mod code;
mod compile;
mod handler;
mod libcalls;
mod link;
mod pages;
mod patch;
mod poll;
mod registry;
mod stored;
mod stub;
mod thunk;

pub use cache::CodeCache;
pub(crate) use code::{Audience, CodeMemory, FunctionCode};
pub(crate) use compile::{Compiled, compile_function, explain};
pub(crate) use handler::TrySite;
pub(crate) use pages::CodePages;
