//! References that frames on the stack hold: the roots of a collection that only code knows of.
//!
//! In the debug tier they are in the state slot, and the frame table says where: all locals, and the operands of the
//! shape. While an operator runs, what it took is still there. In the run tier, and for what the state slot does not
//! have, the code generator says which stack slots hold references at a call (a *stack map*).
#![expect(unsafe_code, reason = "reads stack slots of live frames")]

use super::slot::{read_operand, read_place};
use super::walk::{Position, RawFrame, Walk, Walked};
use crate::module::narrow;
use crate::store::Store;
use frame_table::ShapeId;

/// The bits of all references outside of the `func` hierarchy in this store's frames on this thread's stack; none if
/// a frame is not described.
pub(crate) fn frame_references(store: &Store) -> Option<Vec<u64>> {
    let mut found = Vec::new();
    for walked in Walk::new(store) {
        let Walked::Frame(frame) = walked else { continue };
        in_stack_map(&frame, &mut found);
        if frame.code.frame.slot_below_fp() > 0 {
            in_state_slot(&frame, &mut found)?;
        }
    }
    Some(found)
}

fn in_state_slot(frame: &RawFrame, found: &mut Vec<u64>) -> Option<()> {
    let Some(shape) = shape(frame) else {
        // Such a frame has no state, and will have none.
        return (frame.position == Position::Trap).then_some(());
    };
    let table = &frame.code.frame;
    let mut add = |bits: Option<u128>| -> Option<()> {
        found.push(u64::try_from(bits?).ok()?);
        Some(())
    };
    for (index, ty) in (0..).zip(table.locals()) {
        if ty.holds_objects() {
            add(read_place(frame, table.layout().local(index), *ty))?;
        }
    }
    for (height, operand) in table.operands(shape).into_iter().enumerate() {
        if operand.ty.holds_objects() {
            add(read_operand(frame, narrow(height), operand))?;
        }
    }
    Some(())
}

/// The operands of a frame in the debug tier.
fn shape(frame: &RawFrame) -> Option<ShapeId> {
    let (code, table) = (&frame.code, &frame.code.frame);
    Some(match frame.position {
        Position::Point => table.by_site(code.offset(frame.pc))?.shape,
        Position::Trap => code.trapped_point(frame.pc)?.shape,
        Position::Builtin => table.by_trap(code.offset(frame.pc - 1))?.shape,
        Position::Call => table.by_call(code.offset(frame.pc))?.shape,
    })
}

/// What the code generator knows of. A frame that trapped does not go on, and needs nothing.
fn in_stack_map(frame: &RawFrame, found: &mut Vec<u64>) {
    if frame.position == Position::Trap {
        return;
    }
    for below in frame.code.references_below_fp(frame.pc) {
        let at: *const u64 = std::ptr::with_exposed_provenance(frame.fp - *below as usize);
        // SAFETY: the code generator says that the frame has a reference there, and the frame is on this thread's stack.
        found.push(unsafe { at.read() });
    }
}
