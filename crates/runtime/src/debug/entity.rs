//! Modules, instances and functions of a store, and whether a value is of a type.

use crate::instance::Instance;
use crate::module::{Module, narrow};
use crate::store::{FuncHandle, Store};
use crate::value::{FuncType, Reference, Value, ValueType};
use crate::vm::FuncRef;
use frame_table::{HeapType, RefType, TypeId};

impl Store {
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
        let heap = match value {
            Value::FuncRef(Some(function)) => {
                self.type_id(function).map_or(HeapType::Func, HeapType::DefinedFunc)
            }
            Value::ExternRef(Some(_)) => HeapType::Extern,
            Value::AnyRef(Some(Reference::I31(_))) => HeapType::I31,
            Value::AnyRef(Some(_)) => HeapType::Any,
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
