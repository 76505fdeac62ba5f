//! The two kinds of program counter, as types that cannot be mixed up.
//!
//! What this is not: the addresses that a debugger sees. Those are synthetic, belong to a persona, and are made
//! from a [`ModulePc`] in `crates/gdb`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Byte offset of an operator in the module's binary, counted from the first byte of the file.
///
/// DWARF counts from the start of the code section's contents instead; `crates/dwarf` converts at its door.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModulePc(pub u32);

/// Byte offset in one function's machine code, counted from its first instruction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TextOffset(pub u32);

impl ModulePc {
    /// The PC `bytes` further on.
    #[must_use]
    pub fn offset(self, bytes: u32) -> Self {
        Self(self.0.saturating_add(bytes))
    }
}

impl fmt::Debug for ModulePc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for ModulePc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for TextOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:#x}", self.0)
    }
}
