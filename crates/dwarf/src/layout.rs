//! Where a persona puts things, as data: addresses, frame slots and the machine that it pretends to be.
//!
//! Every Wasm frame has an image that the debugger reads through the frame-pointer register:
//!
//! ```text
//!   [fp + word]          return address
//!   [fp]                 the caller's frame pointer            <- frame pointer
//!   [fp - 16*1]          local 0 (parameters first)
//!   [fp - 16*2]          local 1
//!   ...
//!   [fp - 16*(n+1)]      operand 0, the bottom of the operand stack, after n locals
//!   [fp - 16*(n+2)]      operand 1
//! ```
//!
//! A value sits at the low end of its slot, little endian. The rest of the slot is zero.

use frame_table::ModulePc;
use gimli::{Register, X86, X86_64};

/// Bytes from one local, operand or global to the next.
pub(crate) const SLOT_SIZE: u64 = 16;

/// The machine that the persona shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Machine {
    /// x86-64 in a 64-bit ELF file.
    X86_64,
    /// x86-64 with addresses of 32 bits ("x32"), in a 32-bit ELF file: what a debugger makes of its own, `long` and
    /// pointers, has the sizes of wasm32.
    X32,
    /// i386 in a 32-bit ELF file, for debuggers that take the size of pointers from the machine, as lldb does.
    I386,
}

/// A named range of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The name as the debugger shows it.
    pub name: String,
    /// First address.
    pub address: u64,
    /// Length in bytes.
    pub size: u64,
}

/// The addresses of one module's things.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The machine.
    pub machine: Machine,
    /// Synthetic address of module PC 0; the code at module PC `p` has the address `code_base + p`.
    pub code_base: u64,
    /// Address of global 0; global `i` (imports first) lives at `globals_base + 16 * i`.
    pub globals_base: u64,
    /// Whether variables are where the debug info says. If not, none has a place: the module's memory is not the one at
    /// address 0, or not all of its frames belong to one instance.
    pub has_variables: bool,
    /// Functions of the host that Wasm code can call. They have frames like those of Wasm code.
    pub host_functions: Vec<Symbol>,
    /// The code that called into Wasm, usually named `<host>`. Unwinding ends in it.
    pub host: Symbol,
}

impl Layout {
    /// The synthetic address of a module PC.
    #[must_use]
    pub fn code_address(&self, pc: ModulePc) -> u64 {
        self.code_base.wrapping_add(u64::from(pc.0))
    }

    /// The address of a global's value.
    #[must_use]
    pub fn global_address(&self, index: u32) -> u64 {
        self.globals_base.wrapping_add(SLOT_SIZE * u64::from(index))
    }
}

impl Machine {
    /// Bytes in an address.
    #[must_use]
    pub fn address_size(self) -> u8 {
        match self {
            Self::X86_64 => 8,
            Self::X32 | Self::I386 => 4,
        }
    }

    /// Bytes in a register, and so in a saved frame pointer or return address.
    pub(crate) fn word_size(self) -> u8 {
        match self {
            Self::X86_64 | Self::X32 => 8,
            Self::I386 => 4,
        }
    }

    /// DWARF number of the frame-pointer register.
    pub(crate) fn frame_pointer(self) -> Register {
        match self {
            Self::X86_64 | Self::X32 => X86_64::RBP,
            Self::I386 => X86::EBP,
        }
    }

    /// DWARF number of the return-address column.
    pub(crate) fn return_address(self) -> Register {
        match self {
            Self::X86_64 | Self::X32 => X86_64::RA,
            Self::I386 => X86::RA,
        }
    }

    /// Offset of frame slot `slot` (a local's index, or `locals + operand index`) from the frame pointer.
    #[must_use]
    pub fn slot_offset(self, slot: u64) -> i64 {
        i64::try_from((slot.saturating_add(1)).saturating_mul(SLOT_SIZE)).map_or(i64::MIN, |bytes| -bytes)
    }
}
