//! The registers of `target.xml` by number: how long each is, and what it means here.
//!
//! ```text
//!    0..=7   eax ecx edx ebx esp ebp esi edi                4 bytes each
//!    8       eip                                            4
//!    9..=15  eflags cs ss ds es fs gs                       4
//!   16..=23  st0..st7                                      10
//!   24..=31  fctrl fstat ftag fiseg fioff foseg fooff fop   4
//!   32..=39  xmm0..xmm7                                    16
//!   40       mxcsr                                          4
//!   41..=46  wasm_module wasm_instance wasm_func wasm_pc wasm_locals wasm_operands  4
//! ```

use crate::persona::FrameNumbers;
use crate::persona::x86::{Fact, Register, ResultRegister};

const EAX: usize = 0;
const EDX: usize = 2;
const ESP: usize = 4;
const EBP: usize = 5;
const EIP: usize = 8;
const ST0: usize = 16;
const XMM0: usize = 32;
const WASM: usize = 41;

/// How many registers there are.
pub(super) const COUNT: usize = 47;

/// Size of each register in bytes.
pub(super) static SIZES: [u8; COUNT] = sizes();

/// Those that describe a frame.
pub(super) const FRAME: FrameNumbers = FrameNumbers { pc: EIP, fp: EBP, sp: ESP };

/// What every stop reply carries.
pub(super) static EXPEDITED: [usize; 3] = [ESP, EBP, EIP];

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, with an index below the length")]
const fn sizes() -> [u8; COUNT] {
    let mut sizes = [4; COUNT];
    let mut number = 0;
    while number < 8 {
        sizes[ST0 + number] = 10;
        sizes[XMM0 + number] = 16;
        number += 1;
    }
    sizes
}

/// The meaning of a register; none for those without one.
pub(super) fn meaning(number: usize) -> Option<Register> {
    match number {
        EAX => Some(Register::Result(ResultRegister::A)),
        EDX => Some(Register::Result(ResultRegister::D)),
        ESP => Some(Register::StackPointer),
        EBP => Some(Register::FramePointer),
        EIP => Some(Register::InstructionPointer),
        ST0 => Some(Register::Result(ResultRegister::St0)),
        XMM0 => Some(Register::Result(ResultRegister::Xmm0)),
        _ => Fact::ALL.get(number.checked_sub(WASM)?).copied().map(Register::Wasm),
    }
}
