//! The type section, and types of wasmparser's as ours.

use super::{ModuleInfo, narrow};
use crate::engine::Engine;
use crate::error::Error;
use crate::types::{Composite, FieldType, Member, RELATIVE, Storage};
use crate::value::{FuncType, ValueType};
use frame_table::{HeapType, RefType, TypeId};
use wasmparser::{
    AbstractHeapType, CompositeInnerType, PackedIndex, StorageType, SubType, UnpackedIndex, ValType,
};

fn unsupported(what: impl Into<String>) -> Error {
    Error::Unsupported { offset: 0, what: what.into() }
}

/// Reads the type section.
pub(super) fn read(
    engine: &Engine,
    info: &mut ModuleInfo,
    section: wasmparser::TypeSectionReader<'_>,
) -> Result<(), Error> {
    for group in section {
        let members: Vec<SubType> = group?.into_types().collect();
        let scope = Scope { info, group: &members };
        let group = members.iter().map(|member| scope.member(member)).collect::<Result<Vec<_>, _>>()?;
        let types = engine.add_types(group);
        info.types.extend(types);
    }
    Ok(())
}

impl ModuleInfo {
    /// A value type of this module.
    ///
    /// # Errors
    /// When this runtime has no such type.
    pub(crate) fn value_type(&self, ty: ValType) -> Result<ValueType, Error> {
        Scope { info: self, group: &[] }.value(ty)
    }

    /// A reference type of this module.
    ///
    /// # Errors
    /// When this runtime has no such type.
    pub(crate) fn ref_type(&self, ty: wasmparser::RefType) -> Result<RefType, Error> {
        Scope { info: self, group: &[] }.reference(ty)
    }

    /// A heap type of this module.
    ///
    /// # Errors
    /// When this runtime has no such type.
    pub(crate) fn heap_type(&self, ty: wasmparser::HeapType) -> Result<HeapType, Error> {
        Scope { info: self, group: &[] }.heap(ty)
    }
}

/// What type indices mean: a module's types so far, then the recursion group that is being read.
struct Scope<'a> {
    info: &'a ModuleInfo,
    group: &'a [SubType],
}

impl Scope<'_> {
    fn member(&self, ty: &SubType) -> Result<Member, Error> {
        let composite = match &ty.composite_type.inner {
            CompositeInnerType::Func(ty) => {
                Composite::Func(FuncType::new(self.values(ty.params())?, self.values(ty.results())?))
            }
            CompositeInnerType::Struct(ty) => {
                Composite::Struct(ty.fields.iter().map(|field| self.field(field)).collect::<Result<_, _>>()?)
            }
            CompositeInnerType::Array(ty) => Composite::Array(self.field(&ty.0)?),
            CompositeInnerType::Cont(_) => return Err(unsupported("a continuation type")),
        };
        let supertype = ty.supertype_idxs.first().map(|index| self.index(*index)).transpose()?;
        Ok(Member { composite, supertype: supertype.map(|(id, _)| id), is_final: ty.is_final })
    }

    fn field(&self, field: &wasmparser::FieldType) -> Result<FieldType, Error> {
        let storage = match field.element_type {
            StorageType::I8 => Storage::I8,
            StorageType::I16 => Storage::I16,
            StorageType::Val(ty) => Storage::Value(self.value(ty)?),
        };
        Ok(FieldType { storage, mutable: field.mutable })
    }

    fn values(&self, types: &[ValType]) -> Result<Vec<ValueType>, Error> {
        types.iter().map(|ty| self.value(*ty)).collect()
    }

    fn value(&self, ty: ValType) -> Result<ValueType, Error> {
        Ok(match ty {
            ValType::I32 => ValueType::I32,
            ValType::I64 => ValueType::I64,
            ValType::F32 => ValueType::F32,
            ValType::F64 => ValueType::F64,
            ValType::V128 => ValueType::V128,
            ValType::Ref(ty) => ValueType::Ref(self.reference(ty)?),
        })
    }

    fn reference(&self, ty: wasmparser::RefType) -> Result<RefType, Error> {
        Ok(RefType { nullable: ty.is_nullable(), heap: self.heap(ty.heap_type())? })
    }

    fn heap(&self, ty: wasmparser::HeapType) -> Result<HeapType, Error> {
        use AbstractHeapType as A;
        let ty = match ty {
            wasmparser::HeapType::Abstract { ty, shared: false } => ty,
            wasmparser::HeapType::Concrete(index) => return Ok(self.unpacked(index)?.1),
            other => return Err(unsupported(format!("the type {other:?}"))),
        };
        Ok(match ty {
            A::Func => HeapType::Func,
            A::NoFunc => HeapType::NoFunc,
            A::Extern => HeapType::Extern,
            A::NoExtern => HeapType::NoExtern,
            A::Any => HeapType::Any,
            A::Eq => HeapType::Eq,
            A::I31 => HeapType::I31,
            A::Struct => HeapType::Struct,
            A::Array => HeapType::Array,
            A::None => HeapType::None,
            A::Exn => HeapType::Exn,
            A::NoExn => HeapType::NoExn,
            A::Cont | A::NoCont => return Err(unsupported("continuations")),
        })
    }

    fn index(&self, index: PackedIndex) -> Result<(TypeId, HeapType), Error> {
        self.unpacked(index.unpack())
    }

    fn unpacked(&self, index: UnpackedIndex) -> Result<(TypeId, HeapType), Error> {
        let missing = || unsupported(format!("the type index {index:?}"));
        let number = index.as_module_index().ok_or_else(missing)?;
        if let Some(known) = self.info.types.get(number as usize) {
            return Ok((known.id, known.heap_type()));
        }
        let position = number - narrow(self.info.types.len());
        let id = TypeId(RELATIVE + position);
        let member = self.group.get(position as usize).ok_or_else(missing)?;
        Ok((
            id,
            match member.composite_type.inner {
                CompositeInnerType::Struct(_) => HeapType::DefinedStruct(id),
                CompositeInnerType::Array(_) => HeapType::DefinedArray(id),
                _ => HeapType::DefinedFunc(id),
            },
        ))
    }
}
