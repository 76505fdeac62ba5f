//! Structures, arrays, and casts.

mod array;
mod cast;
mod structure;

use runtime::{GcRef, RefType, Value, ValueType};
use wasmparser::{CompositeInnerType, Operator, StorageType, ValType};

use super::machine::Machine;
use super::refs::{heap_of, null_of};
use super::step::{Expected, Step};

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    structure::evaluate(machine, operator)
        .or_else(|| array::evaluate(machine, operator))
        .or_else(|| cast::evaluate(machine, operator))
}

/// How the fields of a structure or the elements of an array are stored, by a type index.
fn storages(machine: &Machine<'_>, ty: u32) -> Option<Vec<StorageType>> {
    match &machine.code.types.get(ty as usize)?.composite_type.inner {
        CompositeInnerType::Struct(ty) => Some(ty.fields.iter().map(|field| field.element_type).collect()),
        CompositeInnerType::Array(ty) => Some(vec![ty.0.element_type]),
        _ => None,
    }
}

/// What a field holds after a value was stored.
fn stored(value: Value, storage: StorageType) -> Value {
    match (value, storage) {
        (Value::I32(number), StorageType::I8) => Value::I32(number & 0xff),
        (Value::I32(number), StorageType::I16) => Value::I32(number & 0xffff),
        _ => value,
    }
}

/// The operand that an operator makes of what a field holds.
fn loaded(value: Value, storage: StorageType, signed: bool) -> Value {
    match (value, storage) {
        (Value::I32(number), StorageType::I8) if signed => Value::I32(number << 24 >> 24),
        (Value::I32(number), StorageType::I16) if signed => Value::I32(number << 16 >> 16),
        _ => value,
    }
}

/// What a field holds by default.
fn default(machine: &Machine<'_>, storage: StorageType) -> Option<Value> {
    Some(match storage {
        StorageType::I8 | StorageType::I16 | StorageType::Val(ValType::I32) => Value::I32(0),
        StorageType::Val(ValType::I64) => Value::I64(0),
        StorageType::Val(ValType::F32) => Value::F32(0),
        StorageType::Val(ValType::F64) => Value::F64(0),
        StorageType::Val(ValType::V128) => Value::V128(0),
        StorageType::Val(ValType::Ref(ty)) => null_of(machine, ty.heap_type())?,
    })
}

/// Some reference, of what a field is declared as.
fn any_of(machine: &Machine<'_>, storage: StorageType) -> Option<Expected> {
    let StorageType::Val(ValType::Ref(ty)) = storage else { return None };
    let heap = heap_of(machine, ty.heap_type())?;
    Some(Expected::OfType(ValueType::Ref(RefType { nullable: ty.is_nullable(), heap })))
}

/// An object that is new.
fn made(machine: &Machine<'_>, ty: u32, fields: Vec<Expected>) -> Option<Expected> {
    let ty = machine.store.module(machine.at.module)?.defined_type(ty)?.defined()?;
    Some(Expected::Object { ty, fields })
}

/// The object that an operand refers to; none for null.
fn object(machine: &Machine<'_>, depth: usize) -> Option<Option<GcRef>> {
    match machine.top(depth)? {
        Value::AnyRef(None) => Some(None),
        value => Some(Some(value.object()?)),
    }
}
