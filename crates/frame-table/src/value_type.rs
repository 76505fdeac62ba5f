//! Types of Wasm values, as far as frames, signatures and debuggers are concerned.
//!
//! Types that a module defines are named by a [`TypeId`] that the engine gave out: equal types of different modules
//! have the same one (WebAssembly 3.0, "Type Equivalence"), so that types can be compared without their module.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The type of a Wasm value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValueType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 128-bit vector.
    V128,
    /// A reference.
    Ref(RefType),
}

/// The type of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefType {
    /// Whether it may be null.
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HeapType {
    /// Any function.
    Func,
    /// No function: the type of null only.
    NoFunc,
    /// Anything of the host's.
    Extern,
    /// Nothing of the host's: the type of null only.
    NoExtern,
    /// Any internal value.
    Any,
    /// Any internal value that can be compared.
    Eq,
    /// A 31-bit integer.
    I31,
    /// Any structure.
    Struct,
    /// Any array.
    Array,
    /// No internal value: the type of null only.
    None,
    /// Any exception.
    Exn,
    /// No exception: the type of null only.
    NoExn,
    /// A function of a defined type.
    DefinedFunc(TypeId),
    /// A structure of a defined type.
    DefinedStruct(TypeId),
    /// An array of a defined type.
    DefinedArray(TypeId),
}

/// Names a defined type, in all modules of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TypeId(pub u32);

impl ValueType {
    /// `funcref`: any function, or null.
    pub const FUNC_REF: Self = Self::Ref(RefType::nullable(HeapType::Func));
    /// `externref`: anything of the host's, or null.
    pub const EXTERN_REF: Self = Self::Ref(RefType::nullable(HeapType::Extern));

    /// Bytes that a value of this type occupies in a state slot; references are 8.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 | Self::Ref(_) => 8,
            Self::V128 => 16,
        }
    }

    /// Whether a value of this type may be a reference to an object of the garbage-collected heap.
    #[must_use]
    pub const fn holds_objects(self) -> bool {
        match self {
            Self::Ref(ty) => !matches!(ty.heap.top(), HeapType::Func),
            _ => false,
        }
    }
}

impl RefType {
    /// A reference that may be null.
    #[must_use]
    pub const fn nullable(heap: HeapType) -> Self {
        Self { nullable: true, heap }
    }

    /// A reference that is never null.
    #[must_use]
    pub const fn non_null(heap: HeapType) -> Self {
        Self { nullable: false, heap }
    }
}

impl HeapType {
    /// The most general type of the same hierarchy.
    #[must_use]
    pub const fn top(self) -> Self {
        match self {
            Self::Func | Self::NoFunc | Self::DefinedFunc(_) => Self::Func,
            Self::Extern | Self::NoExtern => Self::Extern,
            Self::Exn | Self::NoExn => Self::Exn,
            _ => Self::Any,
        }
    }

    /// The defined type that it names, if it names one.
    #[must_use]
    pub const fn defined(self) -> Option<TypeId> {
        match self {
            Self::DefinedFunc(id) | Self::DefinedStruct(id) | Self::DefinedArray(id) => Some(id),
            _ => None,
        }
    }

    /// Whether every reference to `self` is one to `other`, with `extends` for defined types: whether the first
    /// declares the second as one of its supertypes, or is it.
    pub fn matches(self, other: Self, extends: impl Fn(TypeId, TypeId) -> bool) -> bool {
        match (self, other) {
            (Self::None, _) => other.top() == Self::Any,
            (Self::NoFunc, _) => other.top() == Self::Func,
            (Self::NoExtern, _) => other.top() == Self::Extern,
            (Self::NoExn, _) => other.top() == Self::Exn,
            (Self::DefinedFunc(_), Self::Func) => true,
            (Self::DefinedStruct(_), Self::Struct | Self::Eq | Self::Any)
            | (Self::DefinedArray(_), Self::Array | Self::Eq | Self::Any)
            | (Self::Struct | Self::Array | Self::I31, Self::Eq | Self::Any)
            | (Self::Eq, Self::Any) => true,
            _ => match (self.defined(), other.defined()) {
                (Some(one), Some(another)) => extends(one, another),
                _ => self == other,
            },
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32 => f.write_str("i32"),
            Self::I64 => f.write_str("i64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::V128 => f.write_str("v128"),
            Self::Ref(reference) => reference.fmt(f),
        }
    }
}

impl fmt::Display for RefType {
    /// As the text format says it, with the short names where there are some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nullable, self.heap) {
            (true, HeapType::None) => f.write_str("nullref"),
            (true, HeapType::NoFunc) => f.write_str("nullfuncref"),
            (true, HeapType::NoExtern) => f.write_str("nullexternref"),
            (true, HeapType::NoExn) => f.write_str("nullexnref"),
            (true, heap) if heap.defined().is_none() => write!(f, "{heap}ref"),
            (true, heap) => write!(f, "(ref null {heap})"),
            (false, heap) => write!(f, "(ref {heap})"),
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Func => "func",
            Self::NoFunc => "nofunc",
            Self::Extern => "extern",
            Self::NoExtern => "noextern",
            Self::Any => "any",
            Self::Eq => "eq",
            Self::I31 => "i31",
            Self::Struct => "struct",
            Self::Array => "array",
            Self::None => "none",
            Self::Exn => "exn",
            Self::NoExn => "noexn",
            Self::DefinedFunc(TypeId(id)) => return write!(f, "func type {id}"),
            Self::DefinedStruct(TypeId(id)) => return write!(f, "struct type {id}"),
            Self::DefinedArray(TypeId(id)) => return write!(f, "array type {id}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bottom_types_match_all_of_their_hierarchy_and_no_other() {
        let never = |_, _| false;
        let id = TypeId(7);
        assert!(HeapType::None.matches(HeapType::DefinedStruct(id), never));
        assert!(HeapType::NoFunc.matches(HeapType::DefinedFunc(id), never));
        assert!(!HeapType::None.matches(HeapType::Func, never));
        assert!(!HeapType::NoExn.matches(HeapType::Extern, never));
        assert!(HeapType::I31.matches(HeapType::Eq, never) && !HeapType::Eq.matches(HeapType::I31, never));
    }

    #[test]
    fn defined_types_match_what_they_extend() {
        let extends = |one: TypeId, other: TypeId| one == other || (one, other) == (TypeId(2), TypeId(1));
        let [one, two] = [TypeId(1), TypeId(2)].map(HeapType::DefinedStruct);
        assert!(two.matches(one, extends) && !one.matches(two, extends));
        assert!(one.matches(HeapType::Eq, extends) && !HeapType::Struct.matches(one, extends));
    }

    #[test]
    fn types_are_written_as_in_the_text_format() {
        let defined = RefType::nullable(HeapType::DefinedArray(TypeId(3)));
        assert_eq!(ValueType::FUNC_REF.to_string(), "funcref");
        assert_eq!(RefType::non_null(HeapType::Any).to_string(), "(ref any)");
        assert_eq!(RefType::nullable(HeapType::None).to_string(), "nullref");
        assert_eq!(defined.to_string(), "(ref null array type 3)");
    }
}
