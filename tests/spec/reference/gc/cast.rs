//! Tests of a reference's type, and what is done after them.

use runtime::{RefType, TrapCode, Value, ValueType};
use wasmparser::{HeapType, Operator};

use super::super::machine::Machine;
use super::super::refs::heap_of;
use super::super::step::{Step, Then};

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    let test = |nullable: bool, heap: HeapType| {
        let ty = RefType { nullable, heap: heap_of(machine, heap)? };
        Some(machine.store.fits(machine.top(0)?, ValueType::Ref(ty)))
    };
    let tested = |holds: bool| Step::push(1, Value::I32(i32::from(holds)));
    let cast =
        |holds: bool| if holds { Step::next(0, Vec::new()) } else { Step::trap(TrapCode::CastFailure) };
    let branch = |taken: bool, depth: u32| {
        Some(Step::then(0, if taken { machine.branch(depth)? } else { Then::Next }))
    };
    Some(vec![match operator {
        Operator::RefTestNonNull { hty } => tested(test(false, *hty)?),
        Operator::RefTestNullable { hty } => tested(test(true, *hty)?),
        Operator::RefCastNonNull { hty } => cast(test(false, *hty)?),
        Operator::RefCastNullable { hty } => cast(test(true, *hty)?),
        Operator::BrOnCast { relative_depth, to_ref_type, .. } => {
            branch(test(to_ref_type.is_nullable(), to_ref_type.heap_type())?, *relative_depth)?
        }
        Operator::BrOnCastFail { relative_depth, to_ref_type, .. } => {
            branch(!test(to_ref_type.is_nullable(), to_ref_type.heap_type())?, *relative_depth)?
        }
        _ => return None,
    }])
}
