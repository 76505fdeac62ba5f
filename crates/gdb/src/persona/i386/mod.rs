//! An i386 machine without an operating system: what lldb sees when its user gives it the symbol image.
//!
//! Why i386? lldb takes the size of pointers from the machine and knows no x86-64 with pointers of 32 bits.
//!
//! | register | meaning |
//! |---|---|
//! | `eip` | address of the operator about to run; at a breakpoint, the address that was asked for |
//! | `ebp`, `esp` | the frame's image (`frame_image`) and its low end |
//! | `eax`, `edx` | the top of the operand stack, if it is an integer, its low half in `eax`: lldb reads return values there |
//! | `st0` | the top of the operand stack, if it is a float |
//! | `xmm0` | the top of the operand stack, if it is a vector |
//! | `wasm_*` | module, instance, function, module PC and counts of the innermost frame |
//!
//! All others are unavailable, and so is everything in this table that is not known. Nothing is guessed.
//!
//! Structures are in memory, with their address in `eax`, as the System V ABI of i386 has them all: where the callee
//! stored them, or for one that consists of one scalar, which is a Wasm result, the operand in the frame's image.

mod extended;
mod registers;
mod returned;

use super::x86::X86;
use crate::address_space::{NARROW_WORDS, NARROW_WORDS_MODULES};

/// The machine.
pub(super) static I386: X86 = X86 {
    name: "i386",
    space: &NARROW_WORDS,
    triple: "i386-unknown-unknown-elf",
    machine: dwarf::Machine::I386,
    target_xml: include_str!("target.xml"),
    sizes: &registers::SIZES,
    expedited: &registers::EXPEDITED,
    frame: registers::FRAME,
    calling: None,
    meaning: registers::meaning,
    result: returned::result,
    // They are on the stack.
    argument: |_| None,
};

/// The same for programs of several modules.
pub(super) static I386_MODULES: X86 =
    X86 { name: "i386, several modules", space: &NARROW_WORDS_MODULES, ..I386 };

#[cfg(test)]
mod tests;
