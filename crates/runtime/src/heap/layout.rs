//! Where the fields of an object are.
//!
//! ```text
//!   0   type, u32              the object's defined type; of an exception, the function type of its tag
//!   4   kind, u8               Kind: 0 while the memory is free
//!   5   colour, u8             which collection reached it last
//!   8   structure: the fields, each aligned to its size
//!       array: its length, u32, and from 16 on the elements
//!       exception: its tag, u64, and from 16 on the payload, as the fields of a structure
//! ```
//!
//! Objects are aligned to 16 bytes, and so are vectors in them.

use crate::types::{Composite, Storage};
use frame_table::ValueType;

/// Offset of the type.
pub(crate) const TYPE: u32 = 0;
/// Offset of the kind.
pub(crate) const KIND: u32 = 4;
/// Offset of the colour.
pub(crate) const COLOUR: u32 = 5;
/// Offset of an array's length.
pub(crate) const LENGTH: u32 = 8;
/// Offset of an exception's tag.
pub(crate) const TAG: u32 = 8;
/// Offset of a structure's first field.
const FIELDS: u32 = 8;
/// Offset of an array's first element, and of an exception's payload.
pub(crate) const ELEMENTS: u32 = 16;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Struct = 1,
    Array = 2,
    Exception = 3,
}

/// How objects of one type are laid out.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) kind: Kind,
    /// All fields of a structure, all payload of an exception; of an array, the first element.
    pub(crate) fields: Box<[Field]>,
    /// Offsets of the fields that may refer to objects.
    pub(crate) references: Box<[u32]>,
    /// Bytes without elements.
    size: u32,
    /// Bytes of an array's element.
    pub(crate) element: u32,
}

/// Where a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// In bytes from the object's start.
    pub(crate) offset: u32,
    pub(crate) storage: Storage,
}

impl Storage {
    /// Bytes that it takes in an object.
    pub(crate) fn bytes(self) -> u32 {
        match self {
            Self::I8 => 1,
            Self::I16 => 2,
            Self::Value(ty) => ty.bytes(),
        }
    }

    /// The type of the value that is read from it.
    pub(crate) fn value_type(self) -> ValueType {
        match self {
            Self::I8 | Self::I16 => ValueType::I32,
            Self::Value(ty) => ty,
        }
    }

    /// Whether it can hold a reference to an object.
    pub(crate) fn holds_objects(self) -> bool {
        self.value_type().holds_objects()
    }
}

impl Layout {
    pub(crate) fn new(composite: &Composite) -> Self {
        match composite {
            Composite::Struct(fields) => {
                Self::of_fields(Kind::Struct, FIELDS, fields.iter().map(|field| field.storage))
            }
            Composite::Func(ty) => {
                Self::of_fields(Kind::Exception, ELEMENTS, ty.params().iter().map(|ty| Storage::Value(*ty)))
            }
            Composite::Array(element) => {
                let mut layout = Self::of_fields(Kind::Array, ELEMENTS, [element.storage]);
                layout.size = ELEMENTS;
                layout.element = element.storage.bytes();
                layout
            }
        }
    }

    fn of_fields(kind: Kind, start: u32, storages: impl IntoIterator<Item = Storage>) -> Self {
        let mut end = start;
        let mut fields = Vec::new();
        for storage in storages {
            let offset = end.next_multiple_of(storage.bytes());
            end = offset + storage.bytes();
            fields.push(Field { offset, storage });
        }
        let traced = fields.iter().filter(|field| field.storage.holds_objects());
        let references = traced.map(|field| field.offset).collect();
        Self { kind, fields: fields.into(), references, size: end, element: 0 }
    }

    /// Bytes of an object, of an array with `length` elements.
    pub(crate) fn size(&self, length: u32) -> u64 {
        u64::from(self.size) + u64::from(self.element) * u64::from(length)
    }

    /// A field by its index; an array's element by its index.
    pub(crate) fn field(&self, index: u32) -> Option<(u64, Storage)> {
        if self.kind == Kind::Array {
            let first = self.fields.first()?;
            return Some((
                u64::from(first.offset) + u64::from(self.element) * u64::from(index),
                first.storage,
            ));
        }
        self.fields.get(index as usize).map(|field| (u64::from(field.offset), field.storage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::FieldType;
    use frame_table::{HeapType, RefType};

    fn field(storage: Storage) -> FieldType {
        FieldType { storage, mutable: true }
    }

    #[test]
    fn fields_are_aligned_to_their_size_and_references_are_known() {
        let any = Storage::Value(ValueType::Ref(RefType::nullable(HeapType::Any)));
        let function = Storage::Value(ValueType::FUNC_REF);
        let vector = Storage::Value(ValueType::V128);
        let fields = [Storage::I8, Storage::I16, any, function, Storage::I8, vector].map(field);
        let layout = Layout::new(&Composite::Struct(fields.into()));
        let offsets: Vec<u32> = layout.fields.iter().map(|field| field.offset).collect();
        assert_eq!(offsets, [8, 10, 16, 24, 32, 48]);
        assert_eq!((&*layout.references, layout.size(0)), (&[16][..], 64));
    }

    #[test]
    fn an_array_of_the_greatest_length_has_a_size() {
        let layout = Layout::new(&Composite::Array(field(Storage::Value(ValueType::V128))));
        assert_eq!(layout.size(u32::MAX), 16 + 16 * u64::from(u32::MAX));
        assert_eq!(layout.field(3).map(|(offset, _)| offset), Some(64));
    }
}
