//! What compiled code and the runtime share in memory: vmctx, linear memories, tables, and the functions of the
//! runtime that compiled code calls.
//!
//! One of the three rooms with `unsafe`. `offsets` draws the layouts.

mod atomics;
mod builtin;
mod builtins;
mod entries;
mod gc_builtins;
mod mapped;
mod memory;
pub(crate) mod offsets;
mod space;
mod table;
mod vmctx;
mod waiters;

pub(crate) use builtin::Builtin;
pub(crate) use builtins::range;
pub(crate) use entries::{
    breakpoint, compile_on_first_call, function_entry, host_entries, returned, trapped, watched,
};
pub use mapped::MappedFile;
pub(crate) use memory::Memory;
pub(crate) use offsets::VmOffsets;
pub(crate) use space::{PAGE, Space};
pub(crate) use table::Table;
pub(crate) use vmctx::{
    FuncRef, Global, HeapView, Limits, VmContext, func_ref_address, func_ref_at, func_ref_from,
    instance_of_frame,
};
