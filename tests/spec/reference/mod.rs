//! A second, independent evaluation of single operators: a small reference for what the runtime does.
//!
//! Before an operator it reads the frame and what the operator can reach, through the debugger's interface; it says
//! what the frame, memories, tables and globals are to be when the frame stops next, where that is, or which trap
//! there is to be. `follow` compares that with what the next stop shows.
//!
//! A file per family of operators; what is not settled by the specification has several answers.

mod atomic;
mod bulk;
mod call;
mod cast;
pub(crate) mod code;
pub(crate) mod compare;
mod control;
mod convert;
mod exception;
mod float;
pub(crate) mod follow;
mod gc;
mod integer;
pub(crate) mod machine;
mod memory;
mod refs;
mod simd;
pub(crate) mod step;
mod table;
mod variable;

use machine::Machine;
use step::Step;
use wasmparser::Operator;

/// What the operator at hand may do: one of these.
fn evaluate(machine: &Machine<'_>) -> Result<Vec<Step>, String> {
    let at = machine.at.pc;
    let (operator, _) = machine.code.operator(at).ok_or_else(|| format!("no operator at {at:#x}"))?;
    let height = machine.code.height(at).ok_or_else(|| format!("{operator:?} cannot be reached"))?;
    if machine.at.operands.len() != height {
        let found = machine.at.operands.len();
        return Err(format!("{found} operands before {operator:?}, where {height} are due"));
    }
    let steps = pure(&operator, &machine.at.operands)
        .or_else(|| control::evaluate(machine, &operator))
        .or_else(|| variable::evaluate(machine, &operator))
        .or_else(|| memory::evaluate(machine, &operator))
        .or_else(|| atomic::evaluate(machine, &operator))
        .or_else(|| call::evaluate(machine, &operator))
        .or_else(|| refs::evaluate(machine, &operator))
        .or_else(|| gc::evaluate(machine, &operator))
        .or_else(|| exception::evaluate(machine, &operator))
        .or_else(|| table::evaluate(machine, &operator));
    steps.ok_or_else(|| format!("{operator:?} on {:?} is not for the reference", machine.at.operands))
}

/// Operators whose results depend on their operands only.
fn pure(operator: &Operator<'_>, stack: &[runtime::Value]) -> Option<Vec<Step>> {
    let found = integer::evaluate(operator, stack)
        .or_else(|| float::evaluate(operator, stack))
        .or_else(|| convert::evaluate(operator, stack))
        .or_else(|| simd::evaluate(operator, stack));
    Some(vec![Step::from_pure(found?)])
}
