//! An x86-64 machine without an operating system: what stock gdb sees.
//!
//! | register | meaning |
//! |---|---|
//! | `rip` | address of the operator about to run; at a breakpoint, the address that was asked for |
//! | `rbp`, `rsp` | the frame's image (`frame_image`) and its low end |
//! | `rax` | the top of the operand stack, if it is an integer: gdb reads return values there |
//! | `xmm0` | the top of the operand stack, if it is a float or a vector |
//! | `rdx`, `xmm1` | the rest of a small structure that the call before this operator returned through memory |
//! | `rdi`, `rsi`, `rdx`, `rcx`, `r8`, `r9`, `xmm0` to `xmm7` | at a breakpoint on a function of the host, its arguments |
//! | `wasm_*` | module, instance, function, module PC and counts of the innermost frame |
//!
//! All others are unavailable, and so is everything in this table that is not known. Nothing is guessed.
//!
//! Why are structures special? clang for wasm32 returns them through a pointer that the caller passes as first
//! argument; gdb believes in the System V ABI, where one of up to 16 bytes comes in registers and a longer one has its
//! address in `rax`. Right after such a call the registers are filled as gdb expects them, from the guest's memory.

mod registers;
mod returned;

use super::x86::X86;
use crate::address_space::{NARROW, NARROW_MODULES, WIDE};

/// A machine without an operating system.
const TRIPLE: &str = "x86_64-unknown-unknown-elf";

/// With pointers of 32 bits ("x32"), like the program's own: then what gdb makes up itself, `long`, `void *` and
/// pointers to its built-in types, has the size that the program means, and casts between pointers are right.
pub(super) static X32: X86 = X86 {
    name: "x86-64 with 32-bit pointers",
    space: &NARROW,
    triple: TRIPLE,
    machine: dwarf::Machine::X32,
    target_xml: include_str!("target-x32.xml"),
    sizes: &registers::SIZES,
    expedited: &registers::EXPEDITED,
    frame: registers::FRAME,
    calling: Some(&registers::CALLING),
    meaning: registers::meaning,
    result: returned::result,
    argument: registers::argument,
};

/// The same for programs of several modules.
pub(super) static X32_MODULES: X86 =
    X86 { name: "x86-64 with 32-bit pointers, several modules", space: &NARROW_MODULES, ..X32 };

/// With pointers of 64 bits, for programs that have such pointers, and for what does not fit below 4 GiB.
pub(super) static X64: X86 = X86 {
    name: "x86-64",
    space: &WIDE,
    triple: TRIPLE,
    machine: dwarf::Machine::X86_64,
    target_xml: include_str!("target.xml"),
    sizes: &registers::SIZES,
    expedited: &registers::EXPEDITED,
    frame: registers::FRAME,
    calling: Some(&registers::CALLING),
    meaning: registers::meaning,
    result: returned::result,
    argument: registers::argument,
};

#[cfg(test)]
mod tests;
