//! Modules, instances and functions of a store; whether a value is of a type; changing globals and tables.

use crate::exception::Tag;
use crate::instance::Instance;
use crate::module::{Module, TableType, narrow};
use crate::store::{FuncHandle, Store};
use crate::value::{FuncType, Reference, Value, ValueType};
use crate::vm::{FuncRef, Table};
use frame_table::{HeapType, RefType, TypeId};
use thiserror::Error;

/// Why a global or a table's element cannot be changed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntityError {
    /// There is none.
    #[error("no such global or table element")]
    NoSuch,
    /// Code relies on the global being constant.
    #[error("the global is immutable")]
    Immutable,
    /// It has another type.
    #[error("it is a {0}")]
    Type(ValueType),
}

impl Store {
    /// Sets a global. The program uses the new value when it goes on.
    ///
    /// # Errors
    /// See [`EntityError`].
    pub fn set_global(&mut self, instance: Instance, index: u32, value: Value) -> Result<(), EntityError> {
        let index = self.instances.get(instance.index()).and_then(|data| data.globals.get(index as usize));
        let (global, ty) = index.and_then(|index| self.globals.get(*index)).ok_or(EntityError::NoSuch)?;
        if !ty.mutable {
            return Err(EntityError::Immutable);
        }
        if !self.fits(value, ty.content) {
            return Err(EntityError::Type(ty.content));
        }
        global.set(self.bits_of(value));
        Ok(())
    }

    /// Sets a table's element. The program uses the new value when it goes on.
    ///
    /// # Errors
    /// See [`EntityError`].
    pub fn set_table_element(
        &mut self,
        instance: Instance,
        table: u32,
        index: u64,
        value: Value,
    ) -> Result<(), EntityError> {
        let found = self.table_of(instance.index(), table).ok_or(EntityError::NoSuch)?;
        let ty = ValueType::Ref(found.ty().element);
        if !self.fits(value, ty) {
            return Err(EntityError::Type(ty));
        }
        let bits = u64::try_from(self.bits_of(value)).unwrap_or_default();
        let table = self.table_of_mut(instance.index(), table).ok_or(EntityError::NoSuch)?;
        let place = usize::try_from(index).ok().and_then(|index| table.elements_mut().get_mut(index));
        *place.ok_or(EntityError::NoSuch)? = bits;
        Ok(())
    }

    /// The module of a frame or an event.
    #[must_use]
    pub fn module(&self, index: usize) -> Option<&Module> {
        self.modules.get(index).map(|loaded| &loaded.module)
    }

    /// How many modules there are.
    #[must_use]
    pub fn num_modules(&self) -> usize {
        self.modules.len()
    }

    /// The module that an instance is of, by index.
    #[must_use]
    pub fn module_of(&self, instance: Instance) -> Option<usize> {
        self.instances.get(instance.index()).map(|data| data.module)
    }

    /// All instances, in the order of instantiation.
    pub fn instances(&self) -> impl Iterator<Item = Instance> {
        (0..narrow(self.instances.len())).map(Instance::from_index)
    }

    /// Which function of which instance a handle is; none for a host function.
    #[must_use]
    pub fn function_of(&self, handle: FuncHandle) -> Option<(Instance, u32)> {
        (handle.instance != FuncRef::HOST).then(|| (Instance::from_index(handle.instance), handle.index))
    }

    /// A function of an instance, by its index.
    #[must_use]
    pub fn function(&self, instance: Instance, index: u32) -> Option<FuncHandle> {
        self.instances.get(instance.index())?.function(index)
    }

    /// A tag of an instance, by its index.
    #[must_use]
    pub fn tag_at(&self, instance: Instance, index: u32) -> Option<Tag> {
        self.instances.get(instance.index())?.tags.get(usize::try_from(index).ok()?).copied()
    }

    /// A table's type, with its current size as the minimum.
    #[must_use]
    pub fn table_type(&self, instance: Instance, table: u32) -> Option<TableType> {
        self.table_of(instance.index(), table).map(Table::ty)
    }

    /// How many elements a table has.
    #[must_use]
    pub fn table_size(&self, instance: Instance, table: u32) -> Option<u64> {
        self.table_of(instance.index(), table).map(|table| table.elements().len() as u64)
    }

    /// The defined type of a function.
    pub(crate) fn type_id(&self, handle: FuncHandle) -> Option<TypeId> {
        if handle.instance == FuncRef::HOST {
            return self.host_function(handle.index).ok().map(|(ty, _)| self.engine().type_of_host(&ty));
        }
        Some(self.instances.get(handle.instance as usize)?.info().function_def(handle.index)?.id)
    }

    /// Whether a value is of a type. A function or an object is known by its own type, not only its hierarchy.
    #[must_use]
    pub fn fits(&self, value: Value, ty: ValueType) -> bool {
        let ValueType::Ref(wanted) = ty else { return value.ty() == ty };
        if value.object().is_some_and(|name| self.object(name).is_err()) {
            return false;
        }
        let heap = match value {
            Value::FuncRef(Some(function)) => {
                self.type_id(function).map_or(HeapType::Func, HeapType::DefinedFunc)
            }
            Value::ExternRef(Some(_)) => HeapType::Extern,
            Value::AnyRef(Some(Reference::I31(_))) => HeapType::I31,
            Value::AnyRef(Some(Reference::Object(name))) => self.heap_type_of(name),
            Value::AnyRef(Some(Reference::Host(_))) => HeapType::Any,
            Value::ExnRef(Some(_)) => HeapType::Exn,
            null => return wanted.nullable && Value::null(wanted.heap) == null,
        };
        self.engine().ref_matches(RefType::non_null(heap), wanted)
    }

    pub(crate) fn function_type(&self, handle: FuncHandle) -> Option<FuncType> {
        if handle.instance == FuncRef::HOST {
            return self.host_function(handle.index).ok().map(|(ty, _)| ty);
        }
        self.instances.get(handle.instance as usize)?.info().function_type(handle.index).cloned()
    }
}
