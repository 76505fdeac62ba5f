//! Exceptions: what is thrown, and where it is caught.

use runtime::{GcRef, Instance, Store, Tag, TrapCode, Value};
use wasmparser::{Catch, Operator};

use super::code::{Code, Label, Opens};
use super::control::leave;
use super::machine::{Machine, Snapshot};
use super::step::{Expected, Step, Then, Thrown};

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    Some(vec![match operator {
        Operator::Throw { tag_index } => {
            let (params, _) = machine.code.signature(*machine.code.tags.get(*tag_index as usize)?);
            let operands = &machine.at.operands;
            let values = operands.get(operands.len().checked_sub(params)?..)?.to_vec();
            let tag = machine.store.tag_at(machine.at.instance, *tag_index)?;
            Step::then(0, Then::Throw(Thrown::New { tag, values }))
        }
        Operator::ThrowRef => match machine.top(0)? {
            Value::ExnRef(Some(exception)) => Step::then(0, Then::Throw(Thrown::Again(exception))),
            _ => Step::trap(TrapCode::NullException),
        },
        Operator::Rethrow { .. } => Step::then(0, Then::Throw(Thrown::Caught)),
        _ => return None,
    }])
}

/// An exception on its way.
pub(super) struct Flight<'a> {
    pub(super) store: &'a Store,
    pub(super) exception: GcRef,
    pub(super) tag: Tag,
    pub(super) values: Vec<Value>,
}

impl Flight<'_> {
    /// What a frame does next if it catches the exception.
    pub(super) fn caught_by(&self, code: &Code, frame: &Snapshot) -> Option<Step> {
        let mut label = code.label(frame.pc, 0)?;
        loop {
            match &label.opens {
                Opens::TryTable(catches) => {
                    if let Some(step) = self.clause(code, frame, label, catches) {
                        return Some(step);
                    }
                }
                // In a handler the exception is not for the `try` that the handler belongs to.
                Opens::Try(None) if label.handlers.first().is_none_or(|(_, handler)| frame.pc < *handler) => {
                    if let Some(step) = self.handler(frame, label) {
                        return Some(step);
                    }
                }
                Opens::Try(Some(depth)) => {
                    label = code.outside(label, *depth)?;
                    continue;
                }
                _ => {}
            }
            label = code.outer(label)?;
        }
    }

    fn is(&self, instance: Instance, tag: u32) -> bool {
        self.store.tag_at(instance, tag) == Some(self.tag)
    }

    fn clause(&self, code: &Code, frame: &Snapshot, label: &Label, catches: &[Catch]) -> Option<Step> {
        let reference = Value::ExnRef(Some(self.exception));
        catches.iter().find_map(|catch| {
            let (values, depth) = match catch {
                Catch::One { tag, label } if self.is(frame.instance, *tag) => (self.values.clone(), *label),
                Catch::OneRef { tag, label } if self.is(frame.instance, *tag) => {
                    let mut values = self.values.clone();
                    values.push(reference);
                    (values, *label)
                }
                Catch::All { label } => (Vec::new(), *label),
                Catch::AllRef { label } => (vec![reference], *label),
                Catch::One { .. } | Catch::OneRef { .. } => return None,
            };
            let target = code.outside(label, depth)?;
            let then = match target.opens {
                Opens::Loop => Then::Goto { pc: target.start, height: target.height, carried: target.params },
                _ => leave(target),
            };
            Some(landed(frame, label.height, &values, then))
        })
    }

    fn handler(&self, frame: &Snapshot, label: &Label) -> Option<Step> {
        label.handlers.iter().find_map(|(tag, pc)| {
            let values = match tag {
                Some(tag) if self.is(frame.instance, *tag) => &self.values[..],
                Some(_) => return None,
                None => &[],
            };
            let then = Then::Goto { pc: *pc, height: label.height, carried: values.len() };
            Some(landed(frame, label.height, values, then))
        })
    }
}

/// The lowest operands stay, and values are on top of them.
fn landed(frame: &Snapshot, height: usize, values: &[Value], then: Then) -> Step {
    let pushes = values.iter().map(|value| Expected::Exactly(*value)).collect();
    Step { pops: frame.operands.len().saturating_sub(height), pushes, writes: Vec::new(), then }
}
