//! Control: where the next operator is, and which operands arrive there.

use runtime::{TrapCode, Value};
use wasmparser::Operator;

use super::code::{Label, Opens};
use super::machine::Machine;
use super::refs::is_null;
use super::step::{Step, Then};

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    let at = machine.at.pc;
    let innermost = || machine.code.label(at, 0);
    Some(vec![match operator {
        Operator::Unreachable => Step::trap(TrapCode::Unreachable),
        Operator::Block { .. } | Operator::Loop { .. } | Operator::TryTable { .. } | Operator::Try { .. } => {
            Step::next(0, Vec::new())
        }
        Operator::If { .. } => {
            let Value::I32(condition) = machine.top(0)? else { return None };
            let label = machine.code.opened_at(at)?;
            if condition != 0 {
                Step::next(1, Vec::new())
            } else if let Some(pc) = label.otherwise {
                Step::then(1, Then::Goto { pc, height: label.height, carried: label.params })
            } else {
                // Without `else` the parameters are the results.
                Step::then(1, Then::Goto { pc: label.after, height: label.height, carried: label.params })
            }
        }
        // The end of one arm, or of the guarded part.
        Operator::Else
        | Operator::End
        | Operator::Catch { .. }
        | Operator::CatchAll
        | Operator::Delegate { .. } => Step::then(0, leave(innermost()?)),
        Operator::Br { relative_depth } => Step::then(0, machine.branch(*relative_depth)?),
        Operator::BrIf { relative_depth } => {
            let Value::I32(condition) = machine.top(0)? else { return None };
            Step::then(1, if condition == 0 { Then::Next } else { machine.branch(*relative_depth)? })
        }
        Operator::BrTable { targets } => {
            let index = u32::try_from(machine.index(0)?).ok()?;
            let depths: Vec<u32> = targets.targets().collect::<Result<_, _>>().ok()?;
            let depth = depths.get(index as usize).copied().unwrap_or_else(|| targets.default());
            Step::then(1, machine.branch(depth)?)
        }
        Operator::BrOnNull { relative_depth } => {
            let null = is_null(machine.top(0)?);
            if null { Step::then(1, machine.branch(*relative_depth)?) } else { Step::next(0, Vec::new()) }
        }
        Operator::BrOnNonNull { relative_depth } => {
            let null = is_null(machine.top(0)?);
            if null { Step::next(1, Vec::new()) } else { Step::then(0, machine.branch(*relative_depth)?) }
        }
        Operator::Return => {
            let mut label = innermost()?;
            while let Some(outer) = machine.code.outer(label) {
                label = outer;
            }
            Step::then(0, Then::Return(label.results))
        }
        _ => return None,
    }])
}

/// Out of a block at its end.
pub(super) fn leave(label: &Label) -> Then {
    match label.opens {
        Opens::Function => Then::Return(label.results),
        _ => Then::Goto { pc: label.after, height: label.height, carried: label.results },
    }
}

impl Machine<'_> {
    /// Where a branch to a label goes.
    pub(super) fn branch(&self, depth: u32) -> Option<Then> {
        let label = self.code.label(self.at.pc, depth)?;
        Some(match label.opens {
            Opens::Loop => Then::Goto { pc: label.start, height: label.height, carried: label.params },
            _ => leave(label),
        })
    }
}
