//! The registers of `target.xml` by number: how long each is, and what it means here.
//!
//! ```text
//!    0..=15  rax rbx rcx rdx rsi rdi rbp rsp r8..r15       8 bytes each
//!   16       rip                                           8
//!   17..=23  eflags cs ss ds es fs gs                      4
//!   24..=31  st0..st7                                     10
//!   32..=39  fctrl fstat ftag fiseg fioff foseg fooff fop  4
//!   40..=55  xmm0..xmm15                                  16
//!   56       mxcsr                                         4
//!   57..=62  wasm_module wasm_instance wasm_func wasm_pc wasm_locals wasm_operands  4
//! ```
//!
//! gdb 13 rejects a description without all 40 registers of `org.gnu.gdb.i386.core`, and prints no floating-point
//! return value without `org.gnu.gdb.i386.sse`.

use crate::persona::x86::{Argument, Fact, Register, ResultRegister};
use crate::persona::{Calling, FrameNumbers};

const RAX: usize = 0;
const RDX: usize = 3;
const RBP: usize = 6;
const RSP: usize = 7;
const RIP: usize = 16;
const XMM0: usize = 40;
const XMM1: usize = 41;
const WASM: usize = 57;

/// How many registers there are.
pub(super) const COUNT: usize = 63;

/// Size of each register in bytes.
pub(super) static SIZES: [u8; COUNT] = sizes();

/// Those that describe a frame.
pub(super) const FRAME: FrameNumbers = FrameNumbers { pc: RIP, fp: RBP, sp: RSP };

/// The System V calling convention: `rdi`, `rsi`, `rdx`, `rcx`, `r8`, `r9`, and `xmm0` to `xmm7`.
pub(super) static CALLING: Calling = Calling {
    integers: [5, 4, RDX, 2, 8, 9],
    floats: XMM0..XMM0 + 8,
    integer_results: [RAX, RDX],
    float_results: [XMM0, XMM1],
};

/// What every stop reply carries.
pub(super) static EXPEDITED: [usize; 3] = [RBP, RSP, RIP];

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, with an index below the length")]
const fn sizes() -> [u8; COUNT] {
    let mut sizes = [0; COUNT];
    let mut number = 0;
    while number < COUNT {
        sizes[number] = match number {
            0..=16 => 8,
            24..=31 => 10,
            40..=55 => 16,
            _ => 4,
        };
        number += 1;
    }
    sizes
}

/// The argument that the System V ABI has in a register.
pub(super) fn argument(number: usize) -> Option<Argument> {
    const INTEGERS: [usize; 6] = [5, 4, RDX, 2, 8, 9];
    if let Some(argument) = INTEGERS.iter().position(|register| *register == number) {
        return Some(Argument::Integer(argument));
    }
    number.checked_sub(XMM0).filter(|argument| *argument < 8).map(Argument::Float)
}

/// The meaning of a register; none for those without one.
pub(super) fn meaning(number: usize) -> Option<Register> {
    match number {
        RAX => Some(Register::Result(ResultRegister::A)),
        RDX => Some(Register::Result(ResultRegister::D)),
        RBP => Some(Register::FramePointer),
        RSP => Some(Register::StackPointer),
        RIP => Some(Register::InstructionPointer),
        XMM0 => Some(Register::Result(ResultRegister::Xmm0)),
        XMM1 => Some(Register::Result(ResultRegister::Xmm1)),
        _ => Fact::ALL.get(number.checked_sub(WASM)?).copied().map(Register::Wasm),
    }
}
