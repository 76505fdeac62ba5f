//! Leaving Wasm code other than by returning, and finding the frames of Wasm code that is on the stack.
//!
//! One of the three rooms with `unsafe`. An *activation* is a run of Wasm frames between an entry from Rust and the
//! exit back to it; activations of one thread form a chain, innermost first:
//!
//! ```text
//!   higher addresses
//!     Rust: FuncHandle::call
//!     enter (assembly)             <- Activation::sp: where a trap goes
//!     entry thunk
//!     Wasm frames...
//!     Wasm frame                   <- Activation::exit: its PC and frame pointer
//!     host or builtin thunk
//!     Rust: a host function, the debugger, ...
//!   lower addresses
//! ```

mod activation;
mod arch;
mod handler;
mod invoke;
mod roots;
mod signals;
mod slot;
mod switch;
mod walk;

pub(crate) use activation::{Exit, ExitKind, current, current_store, innermost_exit, raise};
pub(crate) use arch::{
    Registers, breakpoint_address, function_entry_address, lazy_compile_address, watched_address,
};
pub(crate) use handler::{Landing, handler_of, land};
pub(crate) use roots::frame_references;
pub(crate) use signals::install as install_handlers;
pub(crate) use slot::{is_lost, read_local, read_operand, read_place, slot_vmctx, write_place};
pub(crate) use switch::{Switching, go_on, has_results_in_memory};
pub(crate) use walk::{Position, RawFrame, Walk, Walked, caller_of};

/// Addresses of the Rust functions that thunks call.
#[derive(Clone, Copy)]
pub(crate) struct HostEntries {
    /// `extern "C" fn(context, caller's vmctx, values, pc, fp, record)`: a host function.
    pub(crate) function: usize,
    /// `extern "C" fn(vmctx, pc, fp, ...)` of each builtin.
    pub(crate) builtin: fn(crate::vm::Builtin) -> usize,
}
