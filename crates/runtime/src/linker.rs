//! Definitions that instances import by name.

use crate::error::Error;
use crate::exception::Tag;
use crate::instance::Instance;
use crate::memory::SharedMemory;
use crate::module::{ExternIndex, ExternType, GlobalType, Import, MemoryType, TableType};
use crate::store::{Caller, FuncHandle, HostFn, Store};
use crate::trap::HostError;
use crate::value::{FuncType, Value, ValueType};
use std::collections::HashMap;
use std::sync::Arc;

/// Names and what they stand for. Host functions are not bound to a store; what comes from an instance is.
#[derive(Clone, Default)]
pub struct Linker {
    definitions: HashMap<(String, String), Definition>,
    stands_in: bool,
}

/// What an import can be given.
#[derive(Clone)]
pub(crate) enum Definition {
    HostFunction {
        ty: FuncType,
        function: Arc<HostFn>,
    },
    Function(FuncHandle),
    /// By index in the store.
    Memory(usize),
    SharedMemory(SharedMemory),
    Table(usize),
    Global(usize),
    Tag(Tag),
}

impl Linker {
    /// A linker without definitions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has instances be made although nobody defines what they import: a function that is called then is a failure of the
    /// host, and there are memories, tables and tags of the type that is wanted, and globals that are zero or null.
    pub fn stand_in(&mut self) {
        self.stands_in = true;
    }

    /// Whether it has instances be made that import what is not defined.
    pub(crate) fn stands_in(&self) -> bool {
        self.stands_in
    }

    /// Defines what stands in for an import.
    pub(crate) fn define_stand_in(&mut self, store: &mut Store, import: &Import) -> Result<(), Error> {
        let (module, name) = (import.module.as_str(), import.name.as_str());
        match &import.ty {
            ExternType::Function(ty) => {
                let words = format!("nobody provides the function {module}.{name} that the program imports");
                self.define_func(module, name, ty.clone(), move |_, _| {
                    Err(HostError::Message(words.clone()))
                });
            }
            ExternType::Memory(ty) => self.define_memory(store, module, name, *ty)?,
            ExternType::Table(ty) => self.define_table(store, module, name, *ty)?,
            ExternType::Global(ty) => {
                self.define_global(store, module, name, ty.mutable, Value::zero(ty.content));
            }
            ExternType::Tag(ty) => {
                self.define_tag(store, module, name, ty.params());
            }
        }
        Ok(())
    }

    /// Defines a host function. Arguments are of the type's parameters; results must be of its results.
    pub fn define_func(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        function: impl Fn(&mut Caller<'_>, &[Value]) -> Result<Vec<Value>, HostError> + Send + Sync + 'static,
    ) {
        let definition = Definition::HostFunction { ty, function: Arc::new(function) };
        self.define(module, name, definition);
    }

    /// Defines all exports of an instance, under `module`.
    pub fn define_instance(&mut self, store: &Store, module: &str, instance: Instance) {
        let Some(data) = store.instances.get(instance.index()) else { return };
        for export in &data.info().exports {
            let definition = match export.index {
                ExternIndex::Function(index) => {
                    let handle =
                        data.function(index).unwrap_or(FuncHandle { instance: instance.number(), index });
                    Definition::Function(handle)
                }
                ExternIndex::Memory(index) => Definition::Memory(data.memories[index as usize]),
                ExternIndex::Table(index) => Definition::Table(data.tables[index as usize]),
                ExternIndex::Global(index) => Definition::Global(data.globals[index as usize]),
                ExternIndex::Tag(index) => Definition::Tag(data.tags[index as usize]),
            };
            self.define(module, &export.name, definition);
        }
    }

    /// Defines a memory that belongs to the host.
    ///
    /// # Errors
    /// When there is no space for it.
    pub fn define_memory(
        &mut self,
        store: &mut Store,
        module: &str,
        name: &str,
        ty: MemoryType,
    ) -> Result<(), Error> {
        let index = store.add_memory(ty)?;
        self.define(module, name, Definition::Memory(index));
        Ok(())
    }

    /// Defines a memory that other stores may use as well.
    pub fn define_shared_memory(&mut self, module: &str, name: &str, memory: &SharedMemory) {
        self.define(module, name, Definition::SharedMemory(memory.clone()));
    }

    /// Defines a table of null references that belongs to the host.
    ///
    /// # Errors
    /// When it is too large, or its type has no null.
    pub fn define_table(
        &mut self,
        store: &mut Store,
        module: &str,
        name: &str,
        ty: TableType,
    ) -> Result<(), Error> {
        if !ty.element.nullable {
            return Err(Error::Limit(format!("a table of {} cannot be made of null references", ty.element)));
        }
        let index = store.add_table(ty, 0)?;
        self.define(module, name, Definition::Table(index));
        Ok(())
    }

    /// Defines a global that belongs to the host.
    pub fn define_global(
        &mut self,
        store: &mut Store,
        module: &str,
        name: &str,
        mutable: bool,
        value: Value,
    ) {
        let bits = store.bits_of(value);
        let index = store.add_global(GlobalType { content: value.ty(), mutable }, bits);
        self.define(module, name, Definition::Global(index));
    }

    /// Defines a tag that belongs to the host, for exceptions that carry values of these types.
    pub fn define_tag(
        &mut self,
        store: &mut Store,
        module: &str,
        name: &str,
        params: impl Into<Box<[ValueType]>>,
    ) -> Tag {
        let ty = FuncType::new(params, []);
        let id = store.engine().type_of_host(&ty);
        let tag = store.add_tag(format!("{module}.{name}"), ty, id);
        self.define(module, name, Definition::Tag(tag));
        tag
    }

    fn define(&mut self, module: &str, name: &str, definition: Definition) {
        self.definitions.insert((module.to_owned(), name.to_owned()), definition);
    }

    pub(crate) fn find(&self, module: &str, name: &str) -> Option<&Definition> {
        self.definitions.get(&(module.to_owned(), name.to_owned()))
    }
}
