//! Calls: who is called, and with what.

use runtime::{FuncHandle, RefType, TrapCode, Value, ValueType};
use wasmparser::Operator;

use super::machine::Machine;
use super::step::{Callee, Step, Then};

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    let (found, indices, tail) = match operator {
        Operator::Call { function_index } => (Ok(machine.function(*function_index)?), 0, false),
        Operator::ReturnCall { function_index } => (Ok(machine.function(*function_index)?), 0, true),
        Operator::CallIndirect { table_index, type_index } => {
            (element(machine, *table_index, *type_index)?, 1, false)
        }
        Operator::ReturnCallIndirect { table_index, type_index } => {
            (element(machine, *table_index, *type_index)?, 1, true)
        }
        Operator::CallRef { .. } => (reference(machine)?, 1, false),
        Operator::ReturnCallRef { .. } => (reference(machine)?, 1, true),
        _ => return None,
    };
    Some(vec![match found {
        Ok(function) => called(machine, function, indices, tail)?,
        Err(code) => Step::trap(code),
    }])
}

fn called(machine: &Machine<'_>, function: FuncHandle, indices: usize, tail: bool) -> Option<Step> {
    let ty = function.ty(machine.store)?;
    let callee = Callee::of(machine.store, function);
    let (args, results) = (ty.params().len(), ty.results().to_vec());
    let then = if tail { Then::TailCall { callee, args } } else { Then::Call { callee, args, results } };
    Some(Step::then(indices, then))
}

/// What `call_indirect` finds. The type is the runtime's business: functions know theirs only in it.
fn element(machine: &Machine<'_>, table: u32, ty: u32) -> Option<Result<FuncHandle, TrapCode>> {
    let found = machine.elements(table, machine.index(0)?, 1);
    Some(match found.and_then(|elements| elements.first().copied()) {
        None => Err(TrapCode::UndefinedElement),
        Some(Value::FuncRef(Some(function))) => {
            let heap = machine.store.module(machine.at.module)?.defined_type(ty)?;
            let due = ValueType::Ref(RefType::non_null(heap));
            let fits = machine.store.fits(Value::FuncRef(Some(function)), due);
            if fits { Ok(function) } else { Err(TrapCode::BadSignature) }
        }
        Some(_) => Err(TrapCode::UninitializedElement),
    })
}

fn reference(machine: &Machine<'_>) -> Option<Result<FuncHandle, TrapCode>> {
    Some(match machine.top(0)? {
        Value::FuncRef(Some(function)) => Ok(function),
        _ => Err(TrapCode::NullFunction),
    })
}
