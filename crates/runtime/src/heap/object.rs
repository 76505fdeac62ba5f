//! Objects as the host and a debugger see them: field by field, typed.

use super::{Heap, Kind, TAG, object_address};
use crate::store::Store;
use crate::trap::TrapCode;
use crate::types::{Composite, FieldType, Storage};
use crate::value::{GcRef, Value, ValueType};
use frame_table::{HeapType, TypeId};
use thiserror::Error;

/// What an object of the garbage-collected heap is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its own type, which may extend the one that the program knows it by. Of an exception, the type of its tag.
    pub ty: TypeId,
    /// Its kind, with the types of what is in it.
    pub kind: ObjectKind,
}

/// The kinds of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectKind {
    /// A structure with these fields.
    Struct(Vec<FieldType>),
    /// An array.
    Array {
        /// Type of the elements.
        element: FieldType,
        /// How many there are.
        length: u32,
    },
    /// An exception with values of these types.
    Exception(Vec<ValueType>),
}

impl Object {
    /// How many fields or elements there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        match &self.kind {
            ObjectKind::Struct(fields) => crate::module::narrow(fields.len()),
            ObjectKind::Array { length, .. } => *length,
            ObjectKind::Exception(values) => crate::module::narrow(values.len()),
        }
    }

    /// Whether there are no fields and no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why a field cannot be had.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectError {
    /// The reference was given up, or is another store's.
    #[error("the reference is stale: it was released")]
    Stale,
    /// There is no such field or element.
    #[error("no such field or element")]
    NoSuchField,
    /// The value has another type.
    #[error("the field is a {0}")]
    Type(ValueType),
}

impl Heap {
    /// Where a field of an object is, and how its value is stored.
    fn field(&self, at: u64, index: u32) -> Option<(u64, Storage)> {
        let (ty, kind, length) = self.header(at)?;
        if kind == Kind::Array && index >= length {
            return None;
        }
        self.definition(ty)?.layout.field(index)
    }

    /// The bits of a stored value, zero-extended.
    fn load(&self, at: u64, offset: u64, storage: Storage) -> u128 {
        let mut bits = [0; 16];
        let stored = self.bytes(at, offset, storage.bytes() as usize);
        bits[..stored.len()].copy_from_slice(stored);
        u128::from_le_bytes(bits)
    }

    /// Stores a value; the high bits of a packed one are cut off.
    fn save(&mut self, at: u64, offset: u64, storage: Storage, bits: u128) {
        if storage.holds_objects() {
            let old = self.load(at, offset, storage);
            self.before_overwriting(u64::try_from(old).unwrap_or_default());
        }
        let bytes = bits.to_le_bytes();
        let length = storage.bytes() as usize;
        self.bytes_mut(at, offset, length).copy_from_slice(&bytes[..length]);
    }
}

impl Store {
    /// What a reference is to.
    ///
    /// # Errors
    /// When it is stale.
    pub fn object(&self, reference: GcRef) -> Result<Object, ObjectError> {
        let at = self.roots.borrow().get(reference).ok_or(ObjectError::Stale)?;
        let (ty, _, length) = self.heap.header(at).ok_or(ObjectError::Stale)?;
        let definition = self.heap.definition(ty).ok_or(ObjectError::Stale)?;
        let kind = match &definition.composite {
            Composite::Struct(fields) => ObjectKind::Struct(fields.to_vec()),
            Composite::Array(element) => ObjectKind::Array { element: *element, length },
            Composite::Func(tag) => ObjectKind::Exception(tag.params().to_vec()),
        };
        Ok(Object { ty, kind })
    }

    /// The type of a reference to an object, as far as it is known.
    pub(crate) fn heap_type_of(&self, reference: GcRef) -> HeapType {
        match self.object(reference) {
            Ok(Object { ty, kind: ObjectKind::Struct(_) }) => HeapType::DefinedStruct(ty),
            Ok(Object { ty, kind: ObjectKind::Array { .. } }) => HeapType::DefinedArray(ty),
            _ => HeapType::Any,
        }
    }

    /// A field of a structure, an element of an array, a value of an exception; counted from 0. Packed fields are
    /// zero-extended.
    ///
    /// # Errors
    /// See [`ObjectError`].
    pub fn field(&self, reference: GcRef, index: u32) -> Result<Value, ObjectError> {
        let at = self.roots.borrow().get(reference).ok_or(ObjectError::Stale)?;
        let (offset, storage) = self.heap.field(at, index).ok_or(ObjectError::NoSuchField)?;
        Ok(self.value_of(storage.value_type(), self.heap.load(at, offset, storage)))
    }

    /// Changes a field or an element, constant or not. Packed fields keep the low bits of the value.
    ///
    /// # Errors
    /// See [`ObjectError`].
    pub fn set_field(&mut self, reference: GcRef, index: u32, value: Value) -> Result<(), ObjectError> {
        let at = self.roots.borrow().get(reference).ok_or(ObjectError::Stale)?;
        let (offset, storage) = self.heap.field(at, index).ok_or(ObjectError::NoSuchField)?;
        if !self.fits(value, storage.value_type()) {
            return Err(ObjectError::Type(storage.value_type()));
        }
        let bits = self.bits_of(value);
        self.heap.save(at, offset, storage, bits);
        Ok(())
    }

    /// Keeps an object alive that a host function or a hook was given, beyond its return: until [`Store::release`].
    /// False if the reference is stale.
    pub fn keep(&self, reference: GcRef) -> bool {
        self.roots.borrow_mut().keep(reference)
    }

    /// Gives up a reference that the host was given or kept; the object lives on if anything else refers to it.
    pub fn release(&self, reference: GcRef) {
        self.roots.borrow_mut().release(reference);
    }

    /// An exception with a tag's identity and the bits of its values; `ty` is the tag's function type.
    ///
    /// # Errors
    /// When the heap is full.
    pub(crate) fn allocate_exception(
        &mut self,
        ty: TypeId,
        tag: u64,
        payload: &[u128],
    ) -> Result<u64, TrapCode> {
        let held = self.references_among(ty, payload);
        let at = self.allocate_object(ty, 0, &held)?;
        self.heap.bytes_mut(at, u64::from(TAG), 8).copy_from_slice(&tag.to_le_bytes());
        self.fill_fields(at, payload);
        Ok(at)
    }

    /// The tag of the exception that a reference is to.
    pub(crate) fn exception(&self, bits: u64) -> Option<u64> {
        let at = object_address(bits)?;
        self.heap.header(at).filter(|(_, kind, _)| *kind == Kind::Exception)?;
        let mut tag = [0; 8];
        tag.copy_from_slice(self.heap.bytes(at, u64::from(TAG), 8));
        Some(u64::from_le_bytes(tag))
    }

    /// Changes the tag of an exception that [`Store::exception`] knows.
    pub(crate) fn set_exception(&mut self, bits: u64, tag: u64) {
        self.heap.bytes_mut(bits, u64::from(TAG), 8).copy_from_slice(&tag.to_le_bytes());
    }

    /// Those of a new object's values that are references to objects.
    pub(crate) fn references_among(&mut self, ty: TypeId, values: &[u128]) -> Vec<u64> {
        let Some(definition) = self.heap.ty(ty) else { return Vec::new() };
        let pairs = values.iter().zip(&definition.layout.fields);
        pairs
            .filter(|(_, field)| field.storage.holds_objects())
            .map(|(bits, _)| u64::try_from(*bits).unwrap_or_default())
            .collect()
    }

    /// Stores the fields of a new object, or the first ones of a new array.
    pub(crate) fn fill_fields(&mut self, at: u64, values: &[u128]) {
        for (index, bits) in (0..).zip(values) {
            if let Some((offset, storage)) = self.heap.field(at, index) {
                self.heap.save(at, offset, storage, *bits);
            }
        }
    }

    /// Fills a part of an array with one value.
    ///
    /// # Errors
    /// When the array is null or the part is not in it.
    pub(crate) fn fill_array(
        &mut self,
        array: u64,
        start: u32,
        bits: u128,
        length: u32,
    ) -> Result<(), TrapCode> {
        let part = self.array_part(array, start, length)?;
        self.before_overwriting_part(&part);
        let bytes = bits.to_le_bytes();
        let target = self.heap.bytes_mut(array, part.offset, part.bytes);
        for element in target.chunks_exact_mut(part.element) {
            element.copy_from_slice(&bytes[..part.element]);
        }
        Ok(())
    }

    /// Copies a part of an array to another or the same one.
    ///
    /// # Errors
    /// When an array is null or a part is not in it.
    pub(crate) fn copy_array(
        &mut self,
        (to, at): (u64, u32),
        (from, start): (u64, u32),
        length: u32,
    ) -> Result<(), TrapCode> {
        let target = self.array_part(to, at, length)?;
        let source = self.array_part(from, start, length)?;
        self.before_overwriting_part(&target);
        self.heap.copy(from + source.offset, to + target.offset, target.bytes);
        Ok(())
    }

    /// Copies bytes into a part of an array, which holds numbers.
    ///
    /// # Errors
    /// When the array is null or the part is not in it.
    pub(crate) fn write_array(
        &mut self,
        array: u64,
        start: u32,
        length: u32,
        bytes: &[u8],
    ) -> Result<(), TrapCode> {
        let part = self.array_part(array, start, length)?;
        self.before_overwriting_part(&part);
        self.heap.bytes_mut(array, part.offset, part.bytes).copy_from_slice(bytes);
        Ok(())
    }

    /// How many fields a structure type has.
    pub(crate) fn num_fields(&mut self, ty: TypeId) -> usize {
        self.heap.ty(ty).map_or(0, |ty| ty.layout.fields.len())
    }

    /// Bytes of an array type's element.
    pub(crate) fn element_bytes(&mut self, ty: TypeId) -> usize {
        self.heap.ty(ty).map_or(0, |ty| ty.layout.element as usize)
    }

    /// Where a part of an array is.
    ///
    /// # Errors
    /// When the array is null or the part is not in it.
    pub(crate) fn array_part(&self, array: u64, start: u32, length: u32) -> Result<Part, TrapCode> {
        let (ty, _, elements) = self.heap.header(array).ok_or(TrapCode::NullArray)?;
        let layout = &self.heap.definition(ty).ok_or(TrapCode::NullArray)?.layout;
        if start.checked_add(length).is_none_or(|end| end > elements) {
            return Err(TrapCode::ArrayOutOfBounds);
        }
        let element = layout.element as usize;
        let offset = layout.field(start).map_or(0, |(offset, _)| offset);
        let traced = !layout.references.is_empty();
        Ok(Part { array, offset, bytes: element * length as usize, element, traced })
    }

    fn before_overwriting_part(&mut self, part: &Part) {
        if !part.traced || !self.heap.is_marking() {
            return;
        }
        for offset in (part.offset..part.offset + part.bytes as u64).step_by(part.element) {
            let old = self.heap.load(part.array, offset, Storage::Value(ValueType::I64));
            self.heap.before_overwriting(u64::try_from(old).unwrap_or_default());
        }
    }
}

/// Elements of an array, which are in it.
pub(crate) struct Part {
    array: u64,
    /// Of the first element, in the array.
    offset: u64,
    bytes: usize,
    /// Bytes of one element.
    pub(crate) element: usize,
    /// Whether the elements may refer to objects.
    traced: bool,
}
