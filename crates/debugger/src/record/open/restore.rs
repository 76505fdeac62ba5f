//! The instances of a core dump in a store.

use super::Record;
use crate::error::Error;
use core_dump::Element;
use runtime::{Instance, MemoryType, Restored, RestoredParts, Store, Value, ValueType};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// The instances of one thread.
pub(super) struct Instances {
    /// The number of the first in the dump.
    first: u32,
    all: Vec<Instance>,
}

impl Instances {
    /// An instance by its number in the dump.
    pub(super) fn get(&self, number: u32) -> Option<Instance> {
        self.all.get(usize::try_from(number.checked_sub(self.first)?).ok()?).copied()
    }

    /// A value as this store has it. None if it is not known, or of another type.
    pub(super) fn value(&self, store: &Store, value: core_dump::Value, ty: ValueType) -> Option<Value> {
        let value = match value {
            core_dump::Value::Missing => return None,
            core_dump::Value::I32(value) => Value::I32(value),
            core_dump::Value::I64(value) => Value::I64(value),
            core_dump::Value::F32(bits) => Value::F32(bits),
            core_dump::Value::F64(bits) => Value::F64(bits),
            core_dump::Value::V128(bits) => Value::V128(bits),
            core_dump::Value::Function { instance, function } => {
                Value::FuncRef(Some(store.function(self.get(instance)?, function)?))
            }
            core_dump::Value::Null => match ty {
                ValueType::Ref(ty) => Value::null(ty.heap),
                _ => return None,
            },
        };
        store.fits(value, ty).then_some(value)
    }
}

/// Makes the instances with these numbers in the dump, in their order, with all that they have.
///
/// # Errors
/// When they are not of their modules, or there is no room for them.
pub(super) fn instances(
    record: &Record,
    store: &mut Store,
    range: Range<u32>,
) -> Result<(Instances, HashSet<(Instance, u32)>), Error> {
    let mut restoring = Restoring { record, store, memories: BTreeMap::new(), globals: BTreeMap::new() };
    let mut instances = Instances { first: range.start, all: Vec::new() };
    for number in range.clone() {
        instances.all.push(restoring.instance(number)?);
    }
    let mut unknown = HashSet::new();
    for number in range {
        restoring.fill(number, &instances, &mut unknown)?;
    }
    Ok((instances, unknown))
}

struct Restoring<'a> {
    record: &'a Record,
    store: &'a mut Store,
    /// By their numbers in the dump.
    memories: BTreeMap<u32, Restored>,
    globals: BTreeMap<u32, Restored>,
}

impl Restoring<'_> {
    fn described(&self, number: u32) -> Result<&core_dump::Instance, Error> {
        let index = usize::try_from(number).ok();
        index.and_then(|index| self.record.dump.instances.get(index)).ok_or(Error::NoEntity("instance"))
    }

    fn instance(&mut self, number: u32) -> Result<Instance, Error> {
        let described = self.described(number)?.clone();
        let module = self.record.module(described.module)?;
        let mut parts = RestoredParts::default();
        let mut fresh = Vec::new();
        for ((index, memory), ty) in (0_u32..).zip(&described.memories).zip(module.memories()) {
            if !self.memories.contains_key(memory) {
                let restored = self.memory(*memory, *ty)?;
                self.memories.insert(*memory, restored);
                fresh.push((index, *memory));
            }
            parts.memories.extend(self.memories.get(memory));
        }
        for (global, ty) in described.globals.iter().zip(module.globals()) {
            let restored = *self.globals.entry(*global).or_insert_with(|| self.store.restore_global(*ty));
            parts.globals.push(restored);
        }
        let tables = described.tables.as_deref().unwrap_or_default();
        let sizes = tables.iter().map(|table| u64::try_from(table.len()).unwrap_or(u64::MAX));
        // Of tables that were not recorded nothing is known: they have no elements.
        parts.tables = sizes.chain(std::iter::repeat(0)).take(module.num_tables()).collect();
        let instance = self.store.restore_instance(module, parts)?;
        for (index, memory) in fresh {
            // The other threads have written there what they share.
            if self.store.memory_type(instance, index).is_none_or(|ty| ty.shared) {
                continue;
            }
            for (address, bytes) in self.record.contents(memory) {
                if !self.store.write_memory(instance, index, address, bytes) {
                    return Err(Error::NoEntity("memory"));
                }
            }
        }
        Ok(instance)
    }

    /// A memory of the type that its module declares, with the size that it had.
    fn memory(&mut self, number: u32, declared: MemoryType) -> Result<Restored, Error> {
        let index = usize::try_from(number).ok();
        let memory = index.and_then(|index| self.record.dump.memories.get(index));
        let memory = memory.ok_or(Error::NoEntity("memory"))?;
        let ty = MemoryType { minimum: memory.pages, ..declared };
        if declared.shared {
            let shared = self.record.shared_memory(number, ty)?;
            return Ok(self.store.restore_shared_memory(&shared));
        }
        Ok(self.store.restore_memory(ty)?)
    }

    /// Gives globals and tables their values, which may refer to any instance.
    fn fill(
        &mut self,
        number: u32,
        instances: &Instances,
        unknown: &mut HashSet<(Instance, u32)>,
    ) -> Result<(), Error> {
        let described = self.described(number)?.clone();
        let instance = instances.get(number).ok_or(Error::NoEntity("instance"))?;
        let module = self.record.module(described.module)?;
        for ((index, global), ty) in (0_u32..).zip(&described.globals).zip(module.globals()) {
            let kept = usize::try_from(*global).ok().and_then(|index| self.record.dump.globals.get(index));
            let value = kept.and_then(|kept| instances.value(self.store, kept.value, ty.content));
            let place = self.globals.get(global).copied();
            match value.zip(place) {
                Some((value, place)) => self.store.set_restored_global(place, value)?,
                None => {
                    unknown.insert((instance, index));
                }
            }
        }
        for (table, elements) in (0..).zip(described.tables.as_deref().unwrap_or_default()) {
            for (index, element) in (0..).zip(elements) {
                let Element::Function { instance: owner, function } = element else { continue };
                let handle = instances.get(*owner).and_then(|owner| self.store.function(owner, *function));
                let Some(handle) = handle else { continue };
                self.store.set_table_element(instance, table, index, Value::FuncRef(Some(handle)))?;
            }
        }
        Ok(())
    }
}
