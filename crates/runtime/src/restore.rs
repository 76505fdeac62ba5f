//! Instances as they once were: made of memories, globals and tables that are given, and never run.
//!
//! Nothing of the module is evaluated or copied: no segment, no initial value, no start function. Whoever restores an
//! instance fills it with what was recorded, and reads that again with the functions that also read a running guest.

use crate::debug::EntityError;
use crate::error::Error;
use crate::instance::{Found, Instance};
use crate::memory::SharedMemory;
use crate::module::{ExternType, GlobalType, MemoryType, Module, narrow};
use crate::store::Store;
use crate::trap::HostError;
use crate::value::Value;
use crate::vm::VmOffsets;
use std::sync::Arc;

/// A memory or a global of a store, for instances that are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Restored(usize);

/// What an instance is restored of. All index spaces start with the imports.
#[derive(Clone, Debug, Default)]
pub struct RestoredParts {
    /// As many as the module has.
    pub memories: Vec<Restored>,
    /// As many as the module has.
    pub globals: Vec<Restored>,
    /// The size of each table, as many as the module has.
    pub tables: Vec<u64>,
}

impl Store {
    /// A memory, all zero. Its size is the type's minimum.
    ///
    /// # Errors
    /// When there is no space for it.
    pub fn restore_memory(&mut self, ty: MemoryType) -> Result<Restored, Error> {
        self.add_memory(ty).map(Restored)
    }

    /// A memory that other stores have as well.
    pub fn restore_shared_memory(&mut self, memory: &SharedMemory) -> Restored {
        Restored(self.use_shared_memory(memory))
    }

    /// A global, all zero or null.
    pub fn restore_global(&mut self, ty: GlobalType) -> Restored {
        Restored(self.add_global(ty, 0))
    }

    /// Gives a global its value, whether it is mutable or not.
    ///
    /// # Errors
    /// When the value is of another type.
    pub fn set_restored_global(&mut self, global: Restored, value: Value) -> Result<(), EntityError> {
        let (place, ty) = self.globals.get(global.0).ok_or(EntityError::NoSuch)?;
        if !self.fits(value, ty.content) {
            return Err(EntityError::Type(ty.content));
        }
        place.set(self.bits_of(value));
        Ok(())
    }

    /// An instance of these parts. Its tables are empty of functions, and what it imports from the host cannot be called.
    ///
    /// # Errors
    /// When the parts are not those of the module, or there is no space for them.
    pub fn restore_instance(&mut self, module: &Module, parts: RestoredParts) -> Result<Instance, Error> {
        let info = Arc::clone(module.info());
        let RestoredParts { memories, globals, tables } = parts;
        let counts = [
            ("memories", memories.len(), info.memories.len()),
            ("globals", globals.len(), info.globals.len()),
            ("tables", tables.len(), info.tables.len()),
        ];
        if let Some((what, has, wants)) = counts.into_iter().find(|(_, has, wants)| has != wants) {
            let name = module.name();
            return Err(Error::Limit(format!(
                "an instance with {has} {what} is none of {name}, which has {wants}"
            )));
        }
        self.check_room_for_instance()?;
        let module_index = self.load(module)?;
        let number = |Restored(number)| number;
        let mut found = Found {
            memories: memories.into_iter().map(number).collect(),
            globals: globals.into_iter().map(number).collect(),
            ..Found::default()
        };
        for import in &info.imports {
            let ExternType::Function(ty) = &import.ty else { continue };
            let name = format!("{}.{}", import.module, import.name);
            let refuse = |_: &mut crate::Caller<'_>, _: &[Value]| {
                Err(HostError::Message("a restored program cannot run".to_owned()))
            };
            found.functions.push(self.add_host_function(name, ty.clone(), Arc::new(refuse))?);
        }
        for (ty, size) in info.tables.iter().zip(tables) {
            found.tables.push(self.add_table(crate::TableType { minimum: size, ..*ty }, 0)?);
        }
        self.add_tags(&info, 0, &mut found);
        let instance = self.assemble(module_index, &info, found)?;
        self.fill_views(instance.index(), VmOffsets::new(&info));
        Ok(instance)
    }

    /// A number that tells a memory of an instance from others of the store, whichever instances have it.
    #[must_use]
    pub fn memory_number(&self, instance: Instance, memory: u32) -> Option<u32> {
        self.instances.get(instance.index())?.memories.get(memory as usize).map(|number| narrow(*number))
    }

    /// A number that tells a global of an instance from others of the store, whichever instances have it.
    #[must_use]
    pub fn global_number(&self, instance: Instance, global: u32) -> Option<u32> {
        self.instances.get(instance.index())?.globals.get(global as usize).map(|number| narrow(*number))
    }
}
