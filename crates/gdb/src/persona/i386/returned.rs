//! What the result registers show, by the System V ABI of i386: scalars in registers, all else in memory.

use debugger::Value;

use super::extended::extended;
use crate::address_space::AddressSpace;
use crate::frame_image::{lowest_value, stack_of};
use crate::machine::Machine;
use crate::persona::x86::{ResultRegister, Shown, hidden_pointer, top};

/// What one register shows; none when it is not known.
pub(super) fn result(machine: &dyn Machine, space: &AddressSpace, register: ResultRegister) -> Option<Shown> {
    let call = machine.returned_call();
    let shape = call.as_ref().and_then(|call| call.shape.as_ref());
    let address = |address: u64| Shown::Bytes(address.to_le_bytes().into_iter().take(4).collect());
    if let Some(call) = &call
        && !call.has_results
    {
        // It left nothing on the stack: what lies there now is not what it returned.
        shape.filter(|shape| shape.hidden_pointer && register == ResultRegister::A)?;
        return hidden_pointer(call).map(address);
    }
    let value = machine.value(top(machine)?).ok()?;
    if shape.is_some() && register == ResultRegister::A {
        // The debugger looks for a structure in memory, and has the operand there.
        let stack = stack_of(machine, space);
        return machine.innermost().map(|frame| address(lowest_value(stack, frame)));
    }
    let half = |bytes| Some(Shown::operand(machine, space, value, bytes));
    match (value, register) {
        (Value::V128(_), ResultRegister::Xmm0) => half(0..16),
        _ if shape.is_some() => None,
        (Value::I32(_) | Value::I64(_), ResultRegister::A) => half(0..4),
        (Value::I64(_), ResultRegister::D) => half(4..8),
        (Value::F32(bits), ResultRegister::St0) => Some(Shown::Bytes(extended(bits.into(), 8, 23).to_vec())),
        (Value::F64(bits), ResultRegister::St0) => Some(Shown::Bytes(extended(bits, 11, 52).to_vec())),
        _ => None,
    }
}
