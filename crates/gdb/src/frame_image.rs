//! The images of frames: what the debugger finds when it reads the stack region.
//!
//! Every frame, of Wasm or of a host function, looks like a frame of a machine that keeps all its variables in memory:
//!
//! ```text
//!   higher addresses: the caller
//!   fp + 8        return address: code of the caller
//!   fp            the caller's frame pointer            <- fp = base of the thread's stack region - 2 * depth
//!   fp - 16*1     local 0, parameters first
//!   fp - 16*n     local n-1
//!   fp - 16*(n+1) operand 0, the bottom of the operand stack
//!   ...                                                 <- sp, below the last operand
//!   lower addresses: the callee
//! ```
//!
//! A frame keeps its place as long as it lives, because its depth does, and deeper frames have lower places: gdb
//! recognises frames by that. The debugger promises that the depths of two neighbours differ by at least
//! `8 * (locals + operands) + 16`, so twice the depth leaves room for the image; it is rounded up to a multiple of 16.
//!
//! The frame outside the outermost one is `<host>`; its saved frame pointer is 0.
//!
//! What is between two images reads as zero. A value that is not known at this stop cannot be read at all.

use debugger::{Frame, HostFrame, InstanceId, ModuleId, WasmFrame};

use crate::address_space::{AddressSpace, HOST_RETURN, SLOT, Stack};
use crate::int::{index, narrow, wide};
use crate::machine::{Fault, Machine, ValuePlace};
use crate::value_bytes;

/// Bytes of padding below the innermost frame that can be read: debuggers read a stack line by line.
const RED_ZONE: u64 = 0x1000;

/// Bytes of a saved frame pointer or return address.
const WORD: u64 = 8;

/// What 8 bytes of the stack region are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The saved frame pointer of the frame's caller.
    SavedPointer { frame: usize },
    /// The return address of the frame.
    ReturnAddress { frame: usize },
    /// The low or high half of a value's slot.
    Half { place: ValuePlace, is_high: bool },
    /// Nothing.
    Padding,
}

fn slots(frame: &Frame) -> u64 {
    match frame {
        Frame::Wasm(WasmFrame { locals, operands, .. }) => wide(locals.len()) + wide(operands.len()),
        Frame::Host(_) => 0,
    }
}

/// The module's index, as addresses use it.
pub(crate) fn module_index(module: ModuleId) -> u32 {
    module.0
}

/// The instance's index, as addresses use it.
pub(crate) fn instance_index(instance: InstanceId) -> u32 {
    instance.number()
}

/// The frame pointer of a frame.
pub(crate) fn frame_pointer(stack: Stack, frame: &Frame) -> u64 {
    let scaled = frame.depth().saturating_mul(2).saturating_add(SLOT - 1) & !(SLOT - 1);
    stack.base.saturating_sub(scaled).max(stack.end)
}

/// The stack pointer while a frame is the innermost one: the low end of its image.
pub(crate) fn stack_pointer(stack: Stack, frame: &Frame) -> u64 {
    frame_pointer(stack, frame).saturating_sub(slots(frame).saturating_mul(SLOT))
}

/// Where the frames of a thread are.
pub(crate) fn stack_of(machine: &dyn Machine, space: &AddressSpace) -> Stack {
    space.stacks.of(machine.thread_ordinal())
}

/// The address at which a frame that is not the innermost one goes on.
pub(crate) fn resume_address(space: &AddressSpace, frame: &Frame) -> u64 {
    match frame {
        Frame::Wasm(frame) => space.code(module_index(frame.module), frame.pc),
        Frame::Host(frame) => Some(host_address(space, frame) + HOST_RETURN),
    }
    .unwrap_or_else(|| space.host() + HOST_RETURN)
}

/// The address of a host function. One that was called through a table has none of its own and is `<host>`, too.
pub(crate) fn host_address(space: &AddressSpace, frame: &HostFrame) -> u64 {
    let function =
        frame.function.and_then(|function| space.host_function(module_index(frame.module), function));
    function.unwrap_or(space.host())
}

/// The lowest address of the stack region that can be read at this stop.
fn lowest(stack: Stack, frames: &[Frame]) -> u64 {
    let innermost = frames.first().map_or(stack.base, |frame| stack_pointer(stack, frame));
    (innermost.saturating_sub(RED_ZONE) & !(RED_ZONE - 1)).max(stack.end)
}

/// What the aligned word at an address of the stack region is.
fn part(stack: Stack, frames: &[Frame], address: u64) -> Part {
    let after_frame = |frame: &Frame| frame_pointer(stack, frame) + SLOT;
    let number = frames.partition_point(|frame| after_frame(frame) <= address);
    let Some(frame) = frames.get(number) else { return Part::Padding };
    let pointer = frame_pointer(stack, frame);
    if let Some(above) = address.checked_sub(pointer) {
        return if above < WORD {
            Part::SavedPointer { frame: number }
        } else {
            Part::ReturnAddress { frame: number }
        };
    }
    if address < stack_pointer(stack, frame) {
        return Part::Padding;
    }
    let slot = (pointer - address - 1) / SLOT;
    let locals = match frame {
        Frame::Wasm(frame) => wide(frame.locals.len()),
        Frame::Host(_) => 0,
    };
    let place = match slot.checked_sub(locals) {
        None => ValuePlace::Local { frame: number, index: narrow(index(slot)) },
        Some(operand) => ValuePlace::Operand { frame: number, index: narrow(index(operand)) },
    };
    Part::Half { place, is_high: address % SLOT >= WORD }
}

/// The 8 bytes of a part.
fn word(machine: &dyn Machine, space: &AddressSpace, part: Part) -> Result<[u8; 8], Fault> {
    let frames = machine.frames();
    match part {
        Part::Padding => Ok([0; 8]),
        Part::SavedPointer { frame } => {
            let caller = frames.get(frame + 1);
            Ok(caller.map_or(0, |caller| frame_pointer(stack_of(machine, space), caller)).to_le_bytes())
        }
        Part::ReturnAddress { frame } => {
            let host = || space.host() + HOST_RETURN;
            let caller = frames.get(frame + 1);
            Ok(caller.map_or_else(host, |caller| resume_address(space, caller)).to_le_bytes())
        }
        Part::Half { place, is_high } => {
            let mut slot = value_bytes::encode(machine, space, machine.value(place)?);
            slot.resize(index(SLOT), 0);
            let half = if is_high { slot.last_chunk() } else { slot.first_chunk() };
            Ok(half.copied().unwrap_or_default())
        }
    }
}

/// Reads the stack region of the machine's thread at `address`; returns how many bytes could be read.
pub(crate) fn read(machine: &dyn Machine, space: &AddressSpace, address: u64, into: &mut [u8]) -> usize {
    let stack = stack_of(machine, space);
    let end = stack.base + SLOT;
    if address < lowest(stack, machine.frames()) {
        return 0;
    }
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let at = address.saturating_add(wide(done));
        if at >= end {
            break;
        }
        let Ok(bytes) = word(machine, space, part(stack, machine.frames(), at & !(WORD - 1))) else { break };
        let wanted = bytes.iter().skip(index(at % WORD));
        let copied = rest.iter_mut().zip(wanted).map(|(to, from)| *to = *from).count();
        done += copied;
    }
    done
}

/// Writes values through their images.
///
/// # Errors
/// [`Fault::Fixed`] when the bytes would change anything but the bytes of values, and then nothing is written before
/// that point's value; [`Fault::Unavailable`] when a value that is to be changed in part is not known.
pub(crate) fn write(
    machine: &mut dyn Machine,
    space: &AddressSpace,
    address: u64,
    bytes: &[u8],
) -> Result<(), Fault> {
    let mut left = bytes;
    let mut at = address;
    while !left.is_empty() {
        let slot_start = at & !(SLOT - 1);
        let here = index(slot_start + SLOT - at).min(left.len());
        let (now, later) = left.split_at_checked(here).ok_or(Fault::Fixed)?;
        write_slot(machine, space, slot_start, index(at - slot_start), now)?;
        at += wide(here);
        left = later;
    }
    Ok(())
}

/// Writes some bytes of one 16-byte slot, starting `offset` bytes into it.
fn write_slot(
    machine: &mut dyn Machine,
    space: &AddressSpace,
    slot: u64,
    offset: usize,
    bytes: &[u8],
) -> Result<(), Fault> {
    let Part::Half { place, .. } = part(stack_of(machine, space), machine.frames(), slot) else {
        // A debugger that writes back what it read changes nothing, and may.
        let mut old = vec![0; bytes.len()];
        let count = read(machine, space, slot + wide(offset), &mut old);
        return if count == bytes.len() && old == bytes { Ok(()) } else { Err(Fault::Fixed) };
    };
    let old = machine.value(place)?;
    let mut image = value_bytes::encode(machine, space, old);
    let length = image.len();
    image.resize(index(SLOT), 0);
    let target = image.get_mut(offset..offset + bytes.len()).ok_or(Fault::Fixed)?;
    target.copy_from_slice(bytes);
    let (value, padding) = image.split_at_checked(length).ok_or(Fault::Fixed)?;
    if padding.iter().any(|&byte| byte != 0) {
        return Err(Fault::Fixed);
    }
    machine.set_value(place, value_bytes::decode(old, value)?)
}

#[cfg(test)]
mod tests;
