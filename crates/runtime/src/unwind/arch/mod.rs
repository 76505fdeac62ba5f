//! What differs between processors. Another one is another file with the same names.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
use x86_64 as imp;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("wasm-gdbserver runs on x86-64 only: see crates/runtime/src/unwind/arch");

pub(crate) use imp::{
    Registers, breakpoint_address, function_entry_address, lazy_compile_address, watched_address,
};
pub(super) use imp::{enter_wasm, go_on, interrupted_pc, land, leave_wasm, redirect, returned_address};
