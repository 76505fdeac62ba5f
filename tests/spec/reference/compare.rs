//! Compares what a stop shows with what was due.

use runtime::{GcRef, Instance, Store, Value};

use super::machine::Snapshot;
use super::step::{Expected, Step, Then, Write};

/// What the places outside of a frame hold. The store, or in tests something that lies.
pub(crate) trait Places {
    fn bytes(&self, instance: Instance, memory: u32, at: u64, length: usize) -> Option<Vec<u8>>;
    fn global(&self, instance: Instance, index: u32) -> Option<Value>;
    fn element(&self, instance: Instance, table: u32, index: u64) -> Option<Value>;
    fn field(&self, object: GcRef, index: u32) -> Option<Value>;
    fn memory_size(&self, instance: Instance, memory: u32) -> Option<u64>;
    fn table_size(&self, instance: Instance, table: u32) -> Option<u64>;
}

impl Places for Store {
    fn bytes(&self, instance: Instance, memory: u32, at: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        (self.read_memory(instance, memory, at, &mut bytes)? == length).then_some(bytes)
    }

    fn global(&self, instance: Instance, index: u32) -> Option<Value> {
        Self::global(self, instance, index)
    }

    fn element(&self, instance: Instance, table: u32, index: u64) -> Option<Value> {
        self.table_element(instance, table, index)
    }

    fn field(&self, object: GcRef, index: u32) -> Option<Value> {
        Self::field(self, object, index).ok()
    }

    fn memory_size(&self, instance: Instance, memory: u32) -> Option<u64> {
        Self::memory_size(self, instance, memory)
    }

    fn table_size(&self, instance: Instance, table: u32) -> Option<u64> {
        Self::table_size(self, instance, table)
    }
}

/// Everything that a comparison needs besides what is compared.
pub(super) struct Comparison<'a> {
    pub(super) store: &'a Store,
    pub(super) places: &'a dyn Places,
    /// PC of the operator after the one that ran.
    pub(super) next: u32,
}

impl Comparison<'_> {
    /// Compares a frame's next stop, in the same frame, with one of the steps that were allowed. `returned` are a
    /// callee's results, if they are known.
    pub(super) fn stop(
        &self,
        before: &Snapshot,
        step: &Step,
        after: &Snapshot,
        returned: Option<&[Value]>,
    ) -> Result<(), String> {
        let (operands, pc) = self.due(before, step, returned)?;
        if (after.module, after.instance, after.function) != (before.module, before.instance, before.function)
        {
            return Err("the frame is another function's".to_owned());
        }
        if after.pc != pc {
            return Err(format!("the next stop is at {:#x}, where {pc:#x} is due", after.pc));
        }
        self.values("operand", &operands, &after.operands)?;
        let mut locals: Vec<Expected> = before.locals.iter().map(|value| Expected::Exactly(*value)).collect();
        for write in &step.writes {
            if let Write::Local(index, value) = write {
                *locals.get_mut(*index as usize).ok_or("no such local")? = Expected::Exactly(*value);
            }
        }
        self.values("local", &locals, &after.locals)?;
        step.writes.iter().try_for_each(|write| self.write(before.instance, write))
    }

    /// The operands that are due at the next stop, and where it is.
    fn due(
        &self,
        before: &Snapshot,
        step: &Step,
        returned: Option<&[Value]>,
    ) -> Result<(Vec<Expected>, u32), String> {
        let kept = before.operands.len().checked_sub(step.pops).ok_or("the reference takes too many")?;
        let mut operands: Vec<Expected> =
            before.operands[..kept].iter().map(|value| Expected::Exactly(*value)).collect();
        operands.extend(step.pushes.iter().cloned());
        match &step.then {
            Then::Next => Ok((operands, self.next)),
            Then::Goto { pc, height, carried } => {
                let top = operands.split_off(operands.len().saturating_sub(*carried));
                operands.truncate(*height);
                operands.extend(top);
                Ok((operands, *pc))
            }
            Then::Call { args, results, .. } => {
                operands.truncate(operands.len().saturating_sub(*args));
                match returned {
                    Some(values) => operands.extend(values.iter().map(|value| Expected::Exactly(*value))),
                    None => operands.extend(results.iter().map(|ty| Expected::OfType(*ty))),
                }
                Ok((operands, self.next))
            }
            Then::Return(_) => Err("the function goes on where it is to return".to_owned()),
            Then::TailCall { .. } => Err("the function goes on where it is to be replaced".to_owned()),
            Then::Throw(_) => Err("the function goes on where it is to throw".to_owned()),
            Then::Trap(code) => Err(format!("the function goes on where it is to trap: {code}")),
        }
    }

    /// Compares a list of values, each by its number.
    pub(super) fn values(&self, what: &str, due: &[Expected], found: &[Value]) -> Result<(), String> {
        if due.len() != found.len() {
            return Err(format!("{} {what}s, where {} are due", found.len(), due.len()));
        }
        for (number, (due, found)) in due.iter().zip(found).enumerate() {
            if !due.admits(self.store, *found) {
                return Err(format!("{what} {number} is {found:?}, where {due:?} is due"));
            }
        }
        Ok(())
    }

    fn write(&self, instance: Instance, write: &Write) -> Result<(), String> {
        let differs = |found: String, due: String| Err(format!("{found} is there after {due}"));
        match write {
            Write::Local(..) => Ok(()),
            Write::Global(index, due) => match self.places.global(instance, *index) {
                Some(found) if found == *due => Ok(()),
                found => differs(format!("{found:?}"), format!("{write:?}")),
            },
            Write::Memory { memory, at, bytes } => {
                let found = self.places.bytes(instance, *memory, *at, bytes.len());
                if found.as_ref() == Some(bytes) {
                    Ok(())
                } else {
                    differs(format!("{found:?}"), format!("{write:?}"))
                }
            }
            Write::Table { table, at, elements } => {
                let found: Vec<Value> = (*at..)
                    .take(elements.len())
                    .map_while(|index| self.places.element(instance, *table, index))
                    .collect();
                self.values("element", elements, &found)
            }
            Write::Fields { object, at, fields } => {
                let found: Vec<Value> =
                    (*at..).take(fields.len()).map_while(|index| self.places.field(*object, index)).collect();
                self.values("field", fields, &found)
            }
            Write::MemorySize { memory, pages } => match self.places.memory_size(instance, *memory) {
                Some(size) if size >> 16 == *pages => Ok(()),
                found => differs(format!("{found:?} bytes"), format!("{write:?}")),
            },
            Write::TableSize { table, size } => match self.places.table_size(instance, *table) {
                Some(found) if found == *size => Ok(()),
                found => differs(format!("{found:?} elements"), format!("{write:?}")),
            },
        }
    }
}
