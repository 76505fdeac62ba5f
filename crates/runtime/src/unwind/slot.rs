//! Values in state slots.
#![expect(
    unsafe_code,
    reason = "reads and writes the stack of the thread that asks, within a frame's state slot"
)]

use super::walk::RawFrame;
use crate::value::ValueType;
use frame_table::SlotLayout;

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

/// The bits of an operand, wherever it is.
pub(crate) fn read_operand(frame: &RawFrame, height: u32, operand: frame_table::Operand) -> Option<u128> {
    let layout = frame.code.frame.layout();
    match operand.place {
        frame_table::Place::Slot => read_place(frame, layout.operand(height), operand.ty),
        frame_table::Place::Constant(bits) => Some(u128::from(bits)),
        frame_table::Place::Local(index) => read_place(frame, layout.local(index), operand.ty),
    }
}
