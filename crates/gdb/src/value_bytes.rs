//! Wasm values as the bytes that a debugger reads and writes. Little endian, the low end first.

use std::ops::{Deref, DerefMut};

use debugger::{Reference, Value};

use crate::address_space::AddressSpace;
use crate::machine::{Fault, Machine};

/// The bytes of a value: 4, 8 or 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    bits: [u8; 16],
    length: usize,
}

impl Encoded {
    /// All 16 bytes of the value's slot; those that it has not are zero.
    pub(crate) fn slot(self) -> [u8; 16] {
        self.bits
    }
}

impl Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bits.get(..self.length).unwrap_or_default()
    }
}

impl DerefMut for Encoded {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bits.get_mut(..self.length).unwrap_or_default()
    }
}

/// A value's own bytes. A function reference is the function's address, null is 0.
pub(crate) fn encode(machine: &dyn Machine, space: &AddressSpace, value: Value) -> Encoded {
    let of = |bits: u128, length: usize| Encoded { bits: bits.to_le_bytes(), length };
    match value {
        Value::I32(number) => of(number.cast_unsigned().into(), 4),
        Value::I64(number) => of(number.cast_unsigned().into(), 8),
        Value::F32(bits) => of(bits.into(), 4),
        Value::F64(bits) => of(bits.into(), 8),
        Value::V128(bits) => of(bits, 16),
        Value::FuncRef(_) => {
            let address = machine.referenced(value).and_then(|function| match function.body {
                Some(body) => space.code(function.module, body),
                None => space.host_function(function.module, function.function),
            });
            of(address.unwrap_or(0).into(), 8)
        }
        Value::ExternRef(reference) | Value::AnyRef(reference) => of(number(reference).into(), 8),
        Value::ExnRef(exception) => of(exception.is_some().into(), 8),
    }
}

/// A number that tells references apart: that of the host or of an `i31` plus one, all ones for an object; 0 is null.
fn number(reference: Option<Reference>) -> u64 {
    match reference {
        None => 0,
        Some(Reference::Host(number) | Reference::I31(number)) => u64::from(number) + 1,
        Some(Reference::Object(_)) => u64::MAX,
    }
}

/// The value of `old`'s type that has these bytes.
///
/// # Errors
/// [`Fault::Fixed`] for references, which have no meaning as numbers, and when the length does not fit.
pub(crate) fn decode(old: Value, bytes: &[u8]) -> Result<Value, Fault> {
    fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Fault> {
        bytes.try_into().map_err(|_| Fault::Fixed)
    }
    match old {
        Value::I32(_) => Ok(Value::I32(i32::from_le_bytes(array(bytes)?))),
        Value::I64(_) => Ok(Value::I64(i64::from_le_bytes(array(bytes)?))),
        Value::F32(_) => Ok(Value::F32(u32::from_le_bytes(array(bytes)?))),
        Value::F64(_) => Ok(Value::F64(u64::from_le_bytes(array(bytes)?))),
        Value::V128(_) => Ok(Value::V128(u128::from_le_bytes(array(bytes)?))),
        Value::FuncRef(_) | Value::ExternRef(_) | Value::AnyRef(_) | Value::ExnRef(_) => Err(Fault::Fixed),
    }
}
