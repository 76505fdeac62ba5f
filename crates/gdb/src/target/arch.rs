//! gdbstub's `Arch` for a machine that is chosen at run time: addresses of 64 bits, registers as bytes.

use std::num::NonZeroUsize;

use gdbstub::arch::{Arch, RegId, Registers};

/// No machine in particular.
#[derive(Debug)]
pub(crate) enum RunTimeArch {}

/// The bytes of all registers in the order of the `g` packet. None is unavailable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RegisterBytes(pub(crate) Vec<Option<u8>>);

/// A register by its number in the target description.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) usize);

impl Arch for RunTimeArch {
    type Usize = u64;
    type Registers = RegisterBytes;
    type BreakpointKind = usize;
    type RegId = Number;
}

impl RegId for Number {
    fn from_raw_id(id: usize) -> Option<(Self, Option<NonZeroUsize>)> {
        Some((Self(id), None))
    }

    fn to_raw_id(&self) -> Option<usize> {
        Some(self.0)
    }
}

impl Registers for RegisterBytes {
    type ProgramCounter = u64;

    /// gdbstub never asks; personas know.
    fn pc(&self) -> u64 {
        0
    }

    fn gdb_serialize(&self, write_byte: impl FnMut(Option<u8>)) {
        self.0.iter().copied().for_each(write_byte);
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        self.0 = bytes.iter().copied().map(Some).collect();
        Ok(())
    }
}
