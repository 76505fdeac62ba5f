//! What lldb's Wasm plugin asks of frames, by index: `qWasmCallStack`, `qWasmLocal`, `qWasmGlobal`, `qWasmStackValue`.
//!
//! Frames are counted from the innermost one, without those of host functions. Operands are counted from the bottom of
//! the stack, as `DW_OP_WASM_location 2` counts them.

use debugger::{Frame, WasmFrame};

use crate::address_space::AddressSpace;
use crate::frame_image::module_index;
use crate::machine::{Fault, Machine, ValuePlace};
use crate::value_bytes;

/// Something that has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// A local of a frame.
    Local { frame: usize, index: u32 },
    /// An operand of a frame.
    Operand { frame: usize, index: u32 },
    /// A global of the instance that a frame runs in.
    Global { frame: usize, index: u32 },
    /// A global of an instance by its number.
    GlobalOf { instance: u32, index: u32 },
}

/// The address of the operator at which a frame is: of the innermost one, the one about to run or the call of the
/// host function that it waits in; of a caller, the one to which the call returns, as the client looks just before it.
///
/// At the start of a function that is the first operator and not the start of the body, where the client would
/// disassemble the declarations of locals.
fn address(space: &AddressSpace, machine: &dyn Machine, number: usize) -> Option<u64> {
    let Some(Frame::Wasm(frame)) = machine.frames().get(number) else { return None };
    let waits_in_host = number > 0 && super::shown(machine).next() == Some(number);
    if number == 0 {
        return innermost_address(space, machine, frame);
    }
    let pc = if waits_in_host { frame.call.unwrap_or(frame.pc) } else { frame.pc };
    space.code(module_index(frame.module), pc)
}

/// The address of the innermost Wasm frame. This is what every stop needs, however deep the stack is.
pub(crate) fn pc(space: &AddressSpace, machine: &dyn Machine) -> Option<u64> {
    if let Some(Frame::Wasm(frame)) = machine.innermost() {
        return innermost_address(space, machine, frame);
    }
    super::shown(machine).next().and_then(|number| address(space, machine, number))
}

fn innermost_address(space: &AddressSpace, machine: &dyn Machine, frame: &WasmFrame) -> Option<u64> {
    space.code(module_index(frame.module), machine.first_operator().unwrap_or(frame.pc))
}

/// The addresses of all frames, innermost first.
pub(crate) fn call_stack(space: &AddressSpace, machine: &dyn Machine) -> Vec<u64> {
    super::shown(machine).filter_map(|number| address(space, machine, number)).collect()
}

/// The frame that the client counts so.
fn frame_of(machine: &dyn Machine, frame: usize) -> Result<(usize, &WasmFrame), Fault> {
    let number = super::shown(machine).nth(frame).ok_or(Fault::Unmapped)?;
    match machine.frames().get(number) {
        Some(Frame::Wasm(frame)) => Ok((number, frame)),
        _ => Err(Fault::Unmapped),
    }
}

/// The bytes of a variable's value.
///
/// # Errors
/// When there is no such frame or variable, or its value is not known.
pub(crate) fn read(
    space: &AddressSpace,
    machine: &dyn Machine,
    variable: Variable,
) -> Result<Vec<u8>, Fault> {
    let place = match variable {
        Variable::Local { frame, index } => {
            let (number, _) = frame_of(machine, frame)?;
            ValuePlace::Local { frame: number, index }
        }
        Variable::Operand { frame, index } => {
            let (number, _) = frame_of(machine, frame)?;
            ValuePlace::Operand { frame: number, index }
        }
        Variable::Global { frame, index } => {
            let (_, frame) = frame_of(machine, frame)?;
            ValuePlace::Global { instance: machine.instance_number(frame.instance), index }
        }
        Variable::GlobalOf { instance, index } => ValuePlace::Global { instance, index },
    };
    Ok(value_bytes::encode(machine, space, machine.value(place)?).to_vec())
}
