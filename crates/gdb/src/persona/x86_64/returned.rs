//! What the result registers show: the top of the operand stack, or a structure that was returned through memory.

use debugger::Value;
use dwarf::{RegisterClass, ReturnPlace};

use crate::address_space::AddressSpace;
use crate::int::{index, wide};
use crate::machine::{Machine, ReturnedCall};

use super::registers::ResultRegister;

/// The source of `rax`, `rdx`, `xmm0` and `xmm1` at this stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returned {
    /// The topmost operand.
    Top(Value),
    /// A structure in memory that is longer than the registers: `rax` has its address.
    Address(u64),
    /// A structure of up to 16 bytes: each register has a part of it.
    Parts { rax: Option<u64>, rdx: Option<u64>, xmm0: Option<u64>, xmm1: Option<u64> },
}

impl Returned {
    /// What can be shown at this stop; none when that is not known.
    pub(super) fn at(machine: &dyn Machine, space: &AddressSpace) -> Option<Self> {
        let call = machine.returned_call();
        match &call {
            // A call without results left nothing on the stack: what lies there now is not what it returned.
            Some(call) if !call.has_results => Self::structure(machine, space, call),
            _ => Some(Self::Top(machine.value(super::top(machine)?).ok()?)),
        }
    }

    /// A call's first argument, if it can be a pointer and is still known.
    fn pointer(call: &ReturnedCall) -> Option<u64> {
        match (*call.arguments.first()?)? {
            Value::I32(pointer) => Some(u64::from(pointer.cast_unsigned())),
            Value::I64(pointer) => Some(pointer.cast_unsigned()),
            _ => None,
        }
    }

    /// The structure that a call returned through the pointer in its first argument.
    fn structure(machine: &dyn Machine, space: &AddressSpace, call: &ReturnedCall) -> Option<Self> {
        let address = Self::pointer(call)?;
        let shape = call.shape.as_ref().filter(|shape| shape.hidden_pointer)?;
        match &shape.place {
            ReturnPlace::Memory => Some(Self::Address(address)),
            ReturnPlace::Registers(parts) => Self::parts(machine, space, address, shape.byte_size, parts),
            ReturnPlace::X87 => None,
        }
    }

    /// Reads the structure and deals its 8-byte parts out to the registers, integers and floats each in order.
    fn parts(
        machine: &dyn Machine,
        space: &AddressSpace,
        address: u64,
        size: u64,
        parts: &[RegisterClass],
    ) -> Option<Self> {
        let mut image = [0; 16];
        let length = index(size);
        let wanted = image.get_mut(..length)?;
        let count = crate::memory::read(machine, space, address, wanted).ok()?;
        if wide(count) < size {
            return None;
        }
        let (mut integers, mut floats) = (Vec::new(), Vec::new());
        let (words, _) = image.as_chunks::<8>();
        for (part, word) in parts.iter().zip(words) {
            match part {
                RegisterClass::Integer => integers.push(u64::from_le_bytes(*word)),
                RegisterClass::Sse => floats.push(u64::from_le_bytes(*word)),
            }
        }
        Some(Self::Parts {
            rax: integers.first().copied(),
            rdx: integers.get(1).copied(),
            xmm0: floats.first().copied(),
            xmm1: floats.get(1).copied(),
        })
    }

    /// The bytes of one register, its low end at least; none when it is not known.
    pub(super) fn register(self, register: ResultRegister) -> Option<Vec<u8>> {
        let word = match (self, register) {
            (Self::Top(value), _) => return top_in(value, register),
            (Self::Address(address), ResultRegister::Rax) => Some(address),
            (Self::Address(_), _) => None,
            (Self::Parts { rax, .. }, ResultRegister::Rax) => rax,
            (Self::Parts { rdx, .. }, ResultRegister::Rdx) => rdx,
            (Self::Parts { xmm0, .. }, ResultRegister::Xmm0) => xmm0,
            (Self::Parts { xmm1, .. }, ResultRegister::Xmm1) => xmm1,
        };
        word.map(|word| word.to_le_bytes().to_vec())
    }
}

/// The topmost operand in the register that its type belongs in.
fn top_in(value: Value, register: ResultRegister) -> Option<Vec<u8>> {
    match (value, register) {
        (Value::I32(number), ResultRegister::Rax) => Some(number.to_le_bytes().to_vec()),
        (Value::I64(number), ResultRegister::Rax) => Some(number.to_le_bytes().to_vec()),
        (Value::F32(bits), ResultRegister::Xmm0) => Some(bits.to_le_bytes().to_vec()),
        (Value::F64(bits), ResultRegister::Xmm0) => Some(bits.to_le_bytes().to_vec()),
        (Value::V128(bits), ResultRegister::Xmm0) => Some(bits.to_le_bytes().to_vec()),
        _ => None,
    }
}
