//! Values in state slots.
#![expect(
    unsafe_code,
    reason = "reads and writes the stack of the thread that asks, within a frame's state slot"
)]

use super::walk::RawFrame;
use crate::value::ValueType;
use frame_table::{LocalSetId, SlotLayout};

/// The address of something in a frame's slot, if it lies within the slot.
fn address(frame: &RawFrame, offset: u32, bytes: u32) -> Option<usize> {
    let below = frame.code.frame.slot_below_fp();
    if below == 0 || offset + bytes > below {
        return None;
    }
    Some(frame.fp - below as usize + offset as usize)
}

/// The bits of a value in a frame's slot, zero-extended.
pub(crate) fn read_place(frame: &RawFrame, offset: u32, ty: ValueType) -> Option<u128> {
    let address = address(frame, offset, ty.bytes())?;
    Some(match ty.bytes() {
        4 => {
            let at: *const u32 = std::ptr::with_exposed_provenance(address);
            // SAFETY: the frame is on this thread's stack (handles of older stops are refused), the place in its slot.
            u128::from(unsafe { at.read() })
        }
        8 => {
            let at: *const u64 = std::ptr::with_exposed_provenance(address);
            // SAFETY: as above.
            u128::from(unsafe { at.read() })
        }
        _ => {
            let at: *const u128 = std::ptr::with_exposed_provenance(address);
            // SAFETY: as above; slots are 16-byte aligned, vectors in them too.
            unsafe { at.read_unaligned() }
        }
    })
}

/// Writes a value into a frame's slot. False if there is no such place.
pub(crate) fn write_place(frame: &RawFrame, offset: u32, ty: ValueType, bits: u128) -> bool {
    let Some(address) = address(frame, offset, ty.bytes()) else { return false };
    let bytes = bits.to_le_bytes();
    let at: *mut u8 = std::ptr::with_exposed_provenance_mut(address);
    // SAFETY: as in `read_place`; the code that owns the slot reads it again after every stop.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, ty.bytes() as usize) };
    true
}

/// The vmctx that a frame runs with.
pub(crate) fn slot_vmctx(frame: &RawFrame) -> Option<usize> {
    let bits = read_place(frame, SlotLayout::VMCTX, ValueType::I64)?;
    usize::try_from(bits).ok()
}

/// The bits of a local, if the frame's slot has it where the locals of `held` are in it.
pub(crate) fn read_local(frame: &RawFrame, held: LocalSetId, index: u32, ty: ValueType) -> Option<u128> {
    let table = &frame.code.frame;
    if frame.is_at_entry() && table.is_zero_at_entry(index) {
        return Some(0);
    }
    let bits = table.holds(held, index).then(|| read_place(frame, table.layout().local(index), ty))?;
    bits.filter(|bits| *bits != lost(ty))
}

/// What stands for a local that was not kept when its frame was rebuilt, until the program writes it: no program has a
/// reason to have it. As a reference it names no object.
const LOST: u128 = 0x3d8e_51c6_a094_b72f_e1b5_7a93_c64f_1d7b;

/// The bits of a lost local of a type.
pub(super) fn lost(ty: ValueType) -> u128 {
    LOST & (u128::MAX >> (128 - 8 * ty.bytes()))
}

/// Whether these are the bits of a value that its frame did not get when it was rebuilt.
pub(crate) fn is_lost(bits: u128, ty: ValueType) -> bool {
    bits == lost(ty)
}

/// The bits of an operand, wherever it is.
pub(crate) fn read_operand(
    frame: &RawFrame,
    held: LocalSetId,
    height: u32,
    operand: frame_table::Operand,
) -> Option<u128> {
    let layout = frame.code.frame.layout();
    match operand.place {
        frame_table::Place::Slot => read_place(frame, layout.operand(height), operand.ty),
        frame_table::Place::Constant(bits) => Some(u128::from(bits)),
        frame_table::Place::Local(index) => read_local(frame, held, index, operand.ty),
        frame_table::Place::Unknown => None,
    }
}
