//! Wasm values as the bytes that a debugger reads and writes. Little endian, the low end first.

use debugger::{Reference, Value};

use crate::address_space::AddressSpace;
use crate::machine::{Fault, Machine};

/// A value's own bytes: 4, 8 or 16 of them. A function reference is the function's address, null is 0.
pub(crate) fn encode(machine: &dyn Machine, space: &AddressSpace, value: Value) -> Vec<u8> {
    match value {
        Value::I32(number) => number.to_le_bytes().to_vec(),
        Value::I64(number) => number.to_le_bytes().to_vec(),
        Value::F32(bits) => bits.to_le_bytes().to_vec(),
        Value::F64(bits) => bits.to_le_bytes().to_vec(),
        Value::V128(bits) => bits.to_le_bytes().to_vec(),
        Value::FuncRef(_) => {
            let address = machine.referenced(value).and_then(|function| match function.body {
                Some(body) => space.code(function.module, body),
                None => space.host_function(function.module, function.function),
            });
            address.unwrap_or(0).to_le_bytes().to_vec()
        }
        Value::ExternRef(reference) | Value::AnyRef(reference) => number(reference).to_le_bytes().to_vec(),
        Value::ExnRef(exception) => u64::from(exception.is_some()).to_le_bytes().to_vec(),
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
