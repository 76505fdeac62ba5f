//! Defined types, shared by all modules of an engine: equal recursion groups get equal [`TypeId`]s, so that compiled
//! code can compare types by number (WebAssembly 3.0, "Type Equivalence").

use crate::heap::Layout;
use crate::value::{FuncType, ValueType};
use frame_table::{HeapType, RefType, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// What a type definition says, and where it stands among the others.
#[derive(Debug)]
pub(crate) struct TypeDef {
    pub(crate) id: TypeId,
    pub(crate) composite: Composite,
    /// Its declared supertypes, the most general one first, itself last.
    supers: Vec<TypeId>,
    pub(crate) is_final: bool,
    /// Where the fields of its objects are; of a function type, those of exceptions with such a tag.
    pub(crate) layout: Layout,
}

/// The three kinds of defined types.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Composite {
    Func(FuncType),
    Struct(Box<[FieldType]>),
    Array(FieldType),
}

/// A field of a structure, or the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldType {
    /// How the value is stored.
    pub storage: Storage,
    /// Whether it can be written.
    pub mutable: bool,
}

/// How a field's value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// The low 8 bits of an `i32`.
    I8,
    /// The low 16 bits of an `i32`.
    I16,
    /// All of a value.
    Value(ValueType),
}

/// A member of a recursion group. Types of the group itself are numbered from [`RELATIVE`] on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) composite: Composite,
    pub(crate) supertype: Option<TypeId>,
    pub(crate) is_final: bool,
}

/// The number that stands for the first type of a recursion group, within the group.
pub(crate) const RELATIVE: u32 = 1 << 31;

impl TypeDef {
    /// Its signature; none if it is no function type.
    pub(crate) fn func(&self) -> Option<&FuncType> {
        match &self.composite {
            Composite::Func(ty) => Some(ty),
            _ => None,
        }
    }

    /// The type of a reference's target.
    pub(crate) fn heap_type(&self) -> HeapType {
        self.composite.heap_type(self.id)
    }

    /// Its declared supertypes, the most general one first, itself last.
    pub(crate) fn supers(&self) -> &[TypeId] {
        &self.supers
    }

    /// How many supertypes it has.
    pub(crate) fn depth(&self) -> usize {
        self.supers.len() - 1
    }

    /// Whether it is `other`, or declares it as one of its supertypes.
    pub(crate) fn extends(&self, other: TypeId) -> bool {
        self.supers.contains(&other)
    }
}

impl Composite {
    fn heap_type(&self, id: TypeId) -> HeapType {
        match self {
            Self::Func(_) => HeapType::DefinedFunc(id),
            Self::Struct(_) => HeapType::DefinedStruct(id),
            Self::Array(_) => HeapType::DefinedArray(id),
        }
    }

    /// Whether a vector is among its parameters, results, fields or elements.
    pub(crate) fn has_v128(&self) -> bool {
        let vector = |field: &FieldType| field.storage == Storage::Value(ValueType::V128);
        match self {
            Self::Func(ty) => {
                [ty.params(), ty.results()].iter().any(|types| types.contains(&ValueType::V128))
            }
            Self::Struct(fields) => fields.iter().any(vector),
            Self::Array(element) => vector(element),
        }
    }

    /// The same with other numbers for types.
    fn map(&self, id: &impl Fn(TypeId) -> TypeId) -> Self {
        let value = |ty: &ValueType| map_value(*ty, id);
        let field = |field: &FieldType| {
            let storage = match field.storage {
                Storage::Value(ty) => Storage::Value(map_value(ty, id)),
                packed => packed,
            };
            FieldType { storage, ..*field }
        };
        match self {
            Self::Func(ty) => {
                let [params, results] =
                    [ty.params(), ty.results()].map(|types| types.iter().map(value).collect::<Box<[_]>>());
                Self::Func(FuncType::new(params, results))
            }
            Self::Struct(fields) => Self::Struct(fields.iter().map(field).collect()),
            Self::Array(element) => Self::Array(field(element)),
        }
    }
}

fn map_value(ty: ValueType, id: &impl Fn(TypeId) -> TypeId) -> ValueType {
    let ValueType::Ref(RefType { nullable, heap }) = ty else { return ty };
    let heap = match heap {
        HeapType::DefinedFunc(ty) => HeapType::DefinedFunc(id(ty)),
        HeapType::DefinedStruct(ty) => HeapType::DefinedStruct(id(ty)),
        HeapType::DefinedArray(ty) => HeapType::DefinedArray(id(ty)),
        other => other,
    };
    ValueType::Ref(RefType { nullable, heap })
}

/// All defined types of an engine.
#[derive(Default)]
pub(crate) struct TypeRegistry {
    /// The number of the first type of each recursion group.
    groups: HashMap<Vec<Member>, u32>,
    types: Vec<Arc<TypeDef>>,
}

impl TypeRegistry {
    /// The types of a recursion group, which are made if there is no equal group yet.
    pub(crate) fn add(&mut self, group: Vec<Member>) -> Vec<Arc<TypeDef>> {
        let count = group.len();
        let next = crate::module::narrow(self.types.len());
        let base = *self.groups.entry(group.clone()).or_insert(next);
        if base == next {
            let absolute =
                |id: TypeId| id.0.checked_sub(RELATIVE).map_or(id, |position| TypeId(base + position));
            for (number, member) in (base..).zip(&group) {
                let id = TypeId(number);
                let above = member.supertype.and_then(|above| self.get(absolute(above)));
                let mut supers = above.map_or_else(Vec::new, |above| above.supers.clone());
                supers.push(id);
                let composite = member.composite.map(&absolute);
                let layout = Layout::new(&composite);
                let is_final = member.is_final;
                self.types.push(Arc::new(TypeDef { id, composite, supers, is_final, layout }));
            }
        }
        self.types[base as usize..][..count].to_vec()
    }

    /// All types from a number on.
    pub(crate) fn from(&self, first: usize) -> Vec<Arc<TypeDef>> {
        self.types.get(first..).unwrap_or_default().to_vec()
    }

    /// A type by its number.
    pub(crate) fn get(&self, id: TypeId) -> Option<&Arc<TypeDef>> {
        self.types.get(id.0 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(next: u32) -> Member {
        let next = RefType::nullable(HeapType::DefinedStruct(TypeId(next)));
        let field = FieldType { storage: Storage::Value(ValueType::Ref(next)), mutable: true };
        Member { composite: Composite::Struct([field].into()), supertype: None, is_final: false }
    }

    #[test]
    fn equal_groups_have_equal_numbers() {
        let mut registry = TypeRegistry::default();
        let list = registry.add(vec![node(RELATIVE)])[0].id;
        let pair = registry.add(vec![node(RELATIVE + 1), node(RELATIVE)]);
        assert_eq!(registry.add(vec![node(RELATIVE)])[0].id, list);
        assert_eq!((pair[0].id, pair[1].id), (TypeId(1), TypeId(2)));
        assert_eq!(pair[0].composite, node(2).composite);
    }

    #[test]
    fn a_type_extends_itself_and_all_that_its_supertype_extends() {
        let mut registry = TypeRegistry::default();
        let root = registry.add(vec![node(RELATIVE)])[0].clone();
        let middle = registry.add(vec![Member { supertype: Some(root.id), ..node(RELATIVE) }])[0].clone();
        let leaf = registry.add(vec![Member { supertype: Some(middle.id), ..node(RELATIVE) }])[0].clone();
        assert!(leaf.extends(leaf.id) && leaf.extends(middle.id) && leaf.extends(root.id));
        assert!(!root.extends(leaf.id));
    }
}
