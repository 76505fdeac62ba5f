//! What the result registers show: the top of the operand stack, or a structure that was returned through memory.

use debugger::Value;
use dwarf::{RegisterClass, ReturnPlace};

use crate::address_space::AddressSpace;
use crate::int::{index, wide};
use crate::machine::{Machine, ReturnedCall};
use crate::persona::x86::{ResultRegister, Shown, hidden_pointer, top};

/// An address at which nothing can be read.
const NOWHERE: u64 = !0xfff;

/// The source of `rax`, `rdx`, `xmm0` and `xmm1` at this stop.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Returned {
    /// The topmost operand.
    Top(Value),
    /// The same, a vector of which gdb looks for each half in a register.
    Halves(Value, Vec<RegisterClass>),
    /// A structure in memory that is longer than the registers: `rax` has its address.
    Address(u64),
    /// A structure of up to 16 bytes: each register has a part of it.
    Parts { rax: Option<u64>, rdx: Option<u64>, xmm0: Option<u64>, xmm1: Option<u64> },
}

impl Returned {
    /// What can be shown at this stop; none when that is not known.
    fn at(machine: &dyn Machine, space: &AddressSpace) -> Option<Self> {
        let call = machine.returned_call();
        match &call {
            // A call without results left nothing on the stack: what lies there now is not what it returned.
            Some(call) if !call.has_results => Self::structure(machine, space, call),
            _ => {
                let value = machine.value(top(machine)?).ok()?;
                let place = call.and_then(|call| call.shape).map(|shape| shape.place);
                match (value, place) {
                    (Value::V128(_), Some(ReturnPlace::Registers(parts))) => Some(Self::Halves(value, parts)),
                    _ => Some(Self::Top(value)),
                }
            }
        }
    }

    /// The structure that a call returned through the pointer in its first argument.
    fn structure(machine: &dyn Machine, space: &AddressSpace, call: &ReturnedCall) -> Option<Self> {
        let shape = call.shape.as_ref().filter(|shape| shape.hidden_pointer)?;
        let address = match (hidden_pointer(call), &shape.place) {
            (Some(address), _) => address,
            // gdb would take a register without a value for the address 0, and show what is there.
            (None, ReturnPlace::Memory) => return Some(Self::Address(NOWHERE)),
            (None, _) => return None,
        };
        match &shape.place {
            ReturnPlace::Memory => Some(Self::Address(address)),
            ReturnPlace::Registers(parts) => Self::parts(machine, space, address, shape.byte_size, parts),
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
}

/// What one register shows; none when it is not known.
pub(super) fn result(machine: &dyn Machine, space: &AddressSpace, register: ResultRegister) -> Option<Shown> {
    let word = match (Returned::at(machine, space)?, register) {
        (Returned::Top(value), _) => {
            return (register_of(value) == Some(register))
                .then(|| Shown::operand(machine, space, value, 0..size_of::<u128>()));
        }
        (Returned::Halves(value, parts), _) => {
            let half = half_in(register, &parts)?;
            return Some(Shown::operand(machine, space, value, half * 8..half * 8 + 8));
        }
        (Returned::Address(address), ResultRegister::A) => Some(address),
        (Returned::Address(_), _) => None,
        (Returned::Parts { rax, .. }, ResultRegister::A) => rax,
        (Returned::Parts { rdx, .. }, ResultRegister::D) => rdx,
        (Returned::Parts { xmm0, .. }, ResultRegister::Xmm0) => xmm0,
        (Returned::Parts { xmm1, .. }, ResultRegister::Xmm1) => xmm1,
        (Returned::Parts { .. }, ResultRegister::St0) => None,
    };
    word.map(|word| Shown::Bytes(word.to_le_bytes().to_vec()))
}

/// Which half of a vector a register has: integers and floats are dealt out each in order.
fn half_in(register: ResultRegister, parts: &[RegisterClass]) -> Option<usize> {
    let (class, number) = match register {
        ResultRegister::A => (RegisterClass::Integer, 0),
        ResultRegister::D => (RegisterClass::Integer, 1),
        ResultRegister::Xmm0 => (RegisterClass::Sse, 0),
        ResultRegister::Xmm1 => (RegisterClass::Sse, 1),
        ResultRegister::St0 => return None,
    };
    (0..2).filter(|half| parts.get(*half) == Some(&class)).nth(number)
}

/// The register that a scalar is returned in.
fn register_of(value: Value) -> Option<ResultRegister> {
    match value {
        Value::I32(_) | Value::I64(_) => Some(ResultRegister::A),
        Value::F32(_) | Value::F64(_) | Value::V128(_) => Some(ResultRegister::Xmm0),
        Value::FuncRef(_) | Value::ExternRef(_) | Value::AnyRef(_) | Value::ExnRef(_) => None,
    }
}
