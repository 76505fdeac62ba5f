//! The images of frames: what the debugger finds when it reads the stack region.
//!
//! Every frame, of Wasm or of a host function, looks like a frame of a machine that keeps all its variables in memory:
//!
//! ```text
//!   higher addresses: the caller
//!   fp + word     return address: code of the caller
//!   fp            the caller's frame pointer            <- fp = base of the thread's stack region - 2 * depth
//!   fp - 16*1     local 0, parameters first
//!   fp - 16*n     local n-1
//!   fp - 16*(n+1) operand 0, the bottom of the operand stack
//!   ...
//!   below the last operand: zeros                       <- sp
//!   lower addresses: the callee
//! ```
//!
//! A frame keeps its place as long as it lives, because its depth does, and deeper frames have lower places: gdb
//! recognises frames by that. The debugger promises that the depths of two neighbours differ by at least
//! `8 * (locals + operands) + 16`, so twice the depth leaves room for the image; it is rounded up to a multiple of 16.
//!
//! Why zeros at the stack pointer? lldb decodes code to find the caller of the innermost frame. In our filler it sees no
//! prologue, and so takes what the stack pointer points at for the return address. Zero is none, and then it believes the
//! debug info.
//!
//! The frame outside the outermost one is `<host>`; its saved frame pointer is 0.
//!
//! A word is what a register of the machine has, 8 bytes or 4. What is between two images reads as zero. A value that is not known at this stop cannot be read at all.

use debugger::{Frame, HostFrame, ModuleId, WasmFrame};

use crate::address_space::{AddressSpace, HOST_RETURN, SLOT, Stack};
use crate::int::{index, narrow, wide};
use crate::machine::{Fault, Machine, ValuePlace, Watchable};
use crate::value_bytes;

/// Bytes of padding below the innermost frame that can be read: debuggers read a stack line by line.
const RED_ZONE: u64 = 0x1000;

/// What 16 bytes of the stack region are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The frame's way back: the saved frame pointer of its caller, then its return address.
    Link { frame: usize },
    /// A value.
    Value { place: ValuePlace },
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

/// The frame pointer of a frame.
pub(crate) fn frame_pointer(stack: Stack, frame: &Frame) -> u64 {
    let scaled = frame.depth().saturating_mul(2).saturating_add(SLOT - 1) & !(SLOT - 1);
    stack.base.saturating_sub(scaled).max(stack.end)
}

/// The stack pointer while a frame is the innermost one: the low end of its image.
pub(crate) fn stack_pointer(stack: Stack, frame: &Frame) -> u64 {
    lowest_value(stack, frame).saturating_sub(SLOT)
}

/// The address of the topmost operand, or of the last local if there is none.
pub(crate) fn lowest_value(stack: Stack, frame: &Frame) -> u64 {
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
fn lowest(stack: Stack, machine: &dyn Machine) -> u64 {
    let innermost = machine.innermost().map_or(stack.base, |frame| stack_pointer(stack, frame));
    (innermost.saturating_sub(RED_ZONE) & !(RED_ZONE - 1)).max(stack.end)
}

/// The addresses of the stack region of the machine's thread that can be read at this stop: the first, and the one behind
/// the last. None in an address space without frames.
pub(crate) fn extent(machine: &dyn Machine, space: &AddressSpace) -> Option<(u64, u64)> {
    let stack = stack_of(machine, space);
    (space.stacks.count > 0).then(|| (lowest(stack, machine), stack.base + SLOT))
}

/// Frames with the one that has a slot among them and, if the slot is of its link, its caller; if there are such. All
/// frames of a deep stack take long to find.
fn frames_about(stack: Stack, machine: &dyn Machine, slot: u64) -> &[Frame] {
    if let Some(innermost) = machine.innermost()
        && slot < frame_pointer(stack, innermost)
    {
        return std::slice::from_ref(innermost);
    }
    let near = machine.near();
    let has_both = near.iter().rev().nth(1).is_some_and(|frame| frame_pointer(stack, frame) + SLOT > slot);
    if has_both { near } else { machine.frames() }
}

/// What the slot at an address of the stack region is.
fn part(stack: Stack, machine: &dyn Machine, slot: u64) -> Part {
    let frames = frames_about(stack, machine, slot);
    let after_frame = |frame: &Frame| frame_pointer(stack, frame) + SLOT;
    let number = frames.partition_point(|frame| after_frame(frame) <= slot);
    let Some(frame) = frames.get(number) else { return Part::Padding };
    let pointer = frame_pointer(stack, frame);
    let Some(below) = pointer.checked_sub(slot).filter(|below| *below > 0) else {
        return Part::Link { frame: number };
    };
    if slot < lowest_value(stack, frame) {
        return Part::Padding;
    }
    let value = below / SLOT - 1;
    let locals = match frame {
        Frame::Wasm(frame) => wide(frame.locals.len()),
        Frame::Host(_) => 0,
    };
    let place = match value.checked_sub(locals) {
        None => ValuePlace::Local { frame: number, index: narrow(index(value)) },
        Some(operand) => ValuePlace::Operand { frame: number, index: narrow(index(operand)) },
    };
    Part::Value { place }
}

/// The 16 bytes of a part.
fn image(machine: &dyn Machine, space: &AddressSpace, part: Part) -> Result<[u8; 16], Fault> {
    match part {
        Part::Padding => Ok([0; 16]),
        Part::Link { frame } => {
            let caller = machine.near().get(frame + 1).or_else(|| machine.frames().get(frame + 1));
            let pointer = caller.map_or(0, |caller| frame_pointer(stack_of(machine, space), caller));
            let host = || space.host() + HOST_RETURN;
            let address = caller.map_or_else(host, |caller| resume_address(space, caller));
            let bits = 8 * space.word;
            let word = |value: u64| u128::from(value) & ((1 << bits) - 1);
            Ok((word(pointer) | word(address) << bits).to_le_bytes())
        }
        Part::Value { place } => Ok(value_bytes::encode(machine, space, machine.value(place)?).slot()),
    }
}

/// Reads the stack region of the machine's thread at `address`; returns how many bytes could be read.
///
/// # Errors
/// [`Fault::Unavailable`] when the first value is not known.
pub(crate) fn read(
    machine: &dyn Machine,
    space: &AddressSpace,
    address: u64,
    into: &mut [u8],
) -> Result<usize, Fault> {
    let stack = stack_of(machine, space);
    let end = stack.base + SLOT;
    if address < lowest(stack, machine) {
        return Ok(0);
    }
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let at = address.saturating_add(wide(done));
        if at >= end {
            break;
        }
        let slot = part(stack, machine, at & !(SLOT - 1));
        let bytes = match image(machine, space, slot) {
            Ok(bytes) => bytes,
            Err(fault) if done == 0 => return Err(fault),
            Err(_) => break,
        };
        let wanted = bytes.iter().skip(index(at % SLOT));
        let copied = rest.iter_mut().zip(wanted).map(|(to, from)| *to = *from).count();
        done += copied;
    }
    Ok(done)
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

/// The local of which some bytes are in the `length` bytes from `address`. Operands cannot be watched, nor what the
/// image has between frames: nothing but the frame's coming and going changes those.
///
/// # Errors
/// [`Fault::Fixed`] when there is no local, or more than one.
pub(crate) fn local_at(
    machine: &dyn Machine,
    space: &AddressSpace,
    address: u64,
    length: u64,
) -> Result<Watchable, Fault> {
    let slot = address & !(SLOT - 1);
    match part(stack_of(machine, space), machine, slot) {
        Part::Value { place: place @ ValuePlace::Local { .. } } if address - slot + length <= SLOT => {
            Ok(Watchable::Value(place))
        }
        _ => Err(Fault::Fixed),
    }
}

/// Writes some bytes of one 16-byte slot, starting `offset` bytes into it.
fn write_slot(
    machine: &mut dyn Machine,
    space: &AddressSpace,
    slot: u64,
    offset: usize,
    bytes: &[u8],
) -> Result<(), Fault> {
    let Part::Value { place } = part(stack_of(machine, space), machine, slot) else {
        // A debugger that writes back what it read changes nothing, and may.
        let mut old = vec![0; bytes.len()];
        let count = read(machine, space, slot + wide(offset), &mut old)?;
        return if count == bytes.len() && old == bytes { Ok(()) } else { Err(Fault::Fixed) };
    };
    let old = machine.value(place)?;
    let length = value_bytes::encode(machine, space, old).len();
    let mut image = image(machine, space, Part::Value { place })?;
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
