//! What differs between processors. Another one is another file with the same names.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
use x86_64 as imp;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("wasm-gdbserver runs on x86-64 only: see crates/runtime/src/unwind/arch");

pub(crate) use imp::lazy_compile_address;
pub(super) use imp::{enter_wasm, interrupted_pc, land, leave_wasm, redirect};
