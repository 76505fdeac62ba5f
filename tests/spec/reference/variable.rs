//! Locals, globals, and operators that only move operands.

use runtime::Value;
use wasmparser::Operator;

use super::machine::Machine;
use super::step::{Expected, Step, Write};

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    let local = |index: u32| machine.at.locals.get(index as usize).copied();
    Some(vec![match operator {
        Operator::Nop => Step::next(0, Vec::new()),
        Operator::Drop => Step::next(1, Vec::new()),
        Operator::Select | Operator::TypedSelect { .. } => {
            let Value::I32(condition) = machine.top(0)? else { return None };
            Step::push(3, machine.top(if condition == 0 { 1 } else { 2 })?)
        }
        Operator::LocalGet { local_index } => Step::push(0, local(*local_index)?),
        Operator::LocalSet { local_index } => Step::write(1, Write::Local(*local_index, machine.top(0)?)),
        Operator::LocalTee { local_index } => Step {
            pushes: vec![Expected::Exactly(machine.top(0)?)],
            ..Step::write(1, Write::Local(*local_index, machine.top(0)?))
        },
        Operator::GlobalGet { global_index } => {
            Step::push(0, machine.store.global(machine.at.instance, *global_index)?)
        }
        Operator::GlobalSet { global_index } => Step::write(1, Write::Global(*global_index, machine.top(0)?)),
        _ => return None,
    }])
}
