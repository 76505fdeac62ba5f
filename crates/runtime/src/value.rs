//! Wasm values and function types, as the host sees them.

use crate::store::FuncHandle;
pub use frame_table::{HeapType, RefType, TypeId, ValueType};
use std::fmt;

/// A Wasm value. Floats are kept as bits, so that NaN payloads survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// Bits of a 32-bit float.
    F32(u32),
    /// Bits of a 64-bit float.
    F64(u64),
    /// 128-bit vector, little-endian lanes.
    V128(u128),
    /// A function of some instance in the store, or null.
    FuncRef(Option<FuncHandle>),
    /// A reference that belongs to the host, or null.
    ExternRef(Option<Reference>),
    /// A reference of the `any` hierarchy, or null.
    AnyRef(Option<Reference>),
    /// An exception, or null.
    ExnRef(Option<GcRef>),
}

/// What a non-null reference outside of the `func` hierarchy is. `any.convert_extern` and its inverse do not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A number that the host gave out.
    Host(u32),
    /// A 31-bit integer, zero-extended.
    I31(u32),
    /// A structure or an array.
    Object(GcRef),
}

/// Names an object of the garbage-collected heap, and keeps it alive until `Store::release`. What a host function or a
/// debugger's hook was given is released when it returns, unless it says `Store::keep`.
///
/// Equal names are the same object, and one object has one name at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GcRef {
    /// Place among the store's roots.
    pub(crate) root: u32,
    /// What the root's serial number must be.
    pub(crate) serial: u32,
}

impl Value {
    /// The object that it refers to, if it does.
    #[must_use]
    pub fn object(&self) -> Option<GcRef> {
        match *self {
            Self::ExternRef(Some(Reference::Object(name)))
            | Self::AnyRef(Some(Reference::Object(name)))
            | Self::ExnRef(Some(name)) => Some(name),
            _ => None,
        }
    }

    /// The most general type of the value: references are those of their hierarchy, and may be null.
    #[must_use]
    pub fn ty(&self) -> ValueType {
        match self {
            Self::I32(_) => ValueType::I32,
            Self::I64(_) => ValueType::I64,
            Self::F32(_) => ValueType::F32,
            Self::F64(_) => ValueType::F64,
            Self::V128(_) => ValueType::V128,
            Self::FuncRef(_) => ValueType::FUNC_REF,
            Self::ExternRef(_) => ValueType::EXTERN_REF,
            Self::AnyRef(_) => ValueType::Ref(RefType::nullable(HeapType::Any)),
            Self::ExnRef(_) => ValueType::Ref(RefType::nullable(HeapType::Exn)),
        }
    }

    /// The value that locals, globals and tables of type `ty` start with: zero or null.
    #[must_use]
    pub fn zero(ty: ValueType) -> Self {
        match ty {
            ValueType::I32 => Self::I32(0),
            ValueType::I64 => Self::I64(0),
            ValueType::F32 => Self::F32(0),
            ValueType::F64 => Self::F64(0),
            ValueType::V128 => Self::V128(0),
            ValueType::Ref(ty) => Self::null(ty.heap),
        }
    }
}

impl Value {
    /// The null reference of a hierarchy.
    #[must_use]
    pub fn null(heap: HeapType) -> Self {
        match heap.top() {
            HeapType::Func => Self::FuncRef(None),
            HeapType::Extern => Self::ExternRef(None),
            HeapType::Exn => Self::ExnRef(None),
            _ => Self::AnyRef(None),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(number) => write!(f, "extern {number}"),
            Self::I31(value) => write!(f, "i31 {value}"),
            Self::Object(_) => f.write_str("<object>"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32(value) => write!(f, "{value}"),
            Self::I64(value) => write!(f, "{value}"),
            Self::F32(bits) => write!(f, "{}", f32::from_bits(*bits)),
            Self::F64(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Self::V128(bits) => write!(f, "{bits:#034x}"),
            Self::FuncRef(None) | Self::ExternRef(None) | Self::AnyRef(None) | Self::ExnRef(None) => {
                f.write_str("null")
            }
            Self::FuncRef(Some(_)) => f.write_str("<function>"),
            Self::ExternRef(Some(reference)) | Self::AnyRef(Some(reference)) => reference.fmt(f),
            Self::ExnRef(Some(_)) => f.write_str("<exception>"),
        }
    }
}

/// Parameter and result types of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FuncType {
    params: Box<[ValueType]>,
    results: Box<[ValueType]>,
}

impl FuncType {
    /// A function type.
    #[must_use]
    pub fn new(params: impl Into<Box<[ValueType]>>, results: impl Into<Box<[ValueType]>>) -> Self {
        Self { params: params.into(), results: results.into() }
    }

    /// Types of the parameters.
    #[must_use]
    pub fn params(&self) -> &[ValueType] {
        &self.params
    }

    /// Types of the results.
    #[must_use]
    pub fn results(&self) -> &[ValueType] {
        &self.results
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |types: &[ValueType]| types.iter().map(ValueType::to_string).collect::<Vec<_>>().join(" ");
        write!(f, "[{}] -> [{}]", list(&self.params), list(&self.results))
    }
}
