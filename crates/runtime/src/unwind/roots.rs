//! References that frames on the stack hold: the roots of a collection that only code knows of.
//!
//! What is in the state slot the frame table says: in the debug tier all locals, and the operands of the shape; while an
//! operator runs, what it took is still there. In the run tier it is what was stored, whether or not the program will
//! read it again: a debugger may. For the rest the code generator says which stack slots hold references at a call (a
//! *stack map*).
#![expect(unsafe_code, reason = "reads stack slots of live frames")]

use super::slot::{read_local, read_operand};
use super::walk::{Position, RawFrame, Walk, Walked};
use crate::module::narrow;
use crate::store::Store;

/// The bits of all references outside of the `func` hierarchy in this store's frames on this thread's stack; none if
/// a frame is not described.
pub(crate) fn frame_references(store: &Store) -> Option<Vec<u64>> {
    let mut found = Vec::new();
    for walked in Walk::new(store) {
        let Walked::Frame(frame) = walked else { continue };
        in_stack_map(&frame, &mut found);
        in_state_slot(&frame, &mut found)?;
    }
    Some(found)
}

fn in_state_slot(frame: &RawFrame, found: &mut Vec<u64>) -> Option<()> {
    let Some((shape, held)) = frame.state() else {
        // Such a frame has no state, and will have none.
        return (frame.position == Position::Trap).then_some(());
    };
    let table = &frame.code.frame;
    let mut add = |bits: Option<u128>| found.extend(bits.and_then(|bits| u64::try_from(bits).ok()));
    for (index, ty) in (0..).zip(table.locals()) {
        if ty.holds_objects() {
            add(read_local(frame, held, index, *ty));
        }
    }
    for (height, operand) in table.operands(shape).into_iter().enumerate() {
        if operand.ty.holds_objects() {
            add(read_operand(frame, held, narrow(height), operand));
        }
    }
    Some(())
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
