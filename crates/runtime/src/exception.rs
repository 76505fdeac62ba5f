//! Exceptions: tags, and the objects that carry the values of what was thrown.
//!
//! A tag belongs to a store and is what exceptions are told apart by: every instance has tags of its own, except for
//! those that it imports. Two tags of equal types are different. An exception is an object of the garbage-collected
//! heap (`heap/layout.rs`), whose tag is:
//!
//! ```text
//!   bits 0..32   the tag's number in the store
//!   bit 32       whether the exception was thrown before
//! ```

use crate::store::Store;
use crate::trap::TrapCode;
use crate::value::{FuncType, GcRef, Value};
use frame_table::TypeId;

/// A tag of exceptions in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub(crate) u32);

/// What the store keeps of a tag.
pub(crate) struct TagData {
    /// What people call it.
    pub(crate) name: String,
    pub(crate) ty: FuncType,
    pub(crate) id: TypeId,
}

/// Set in an object's tag when the exception is thrown first.
const THROWN: u64 = 1 << 32;

impl Store {
    pub(crate) fn add_tag(&mut self, name: String, ty: FuncType, id: TypeId) -> Tag {
        self.tags.push(TagData { name, ty, id });
        Tag(crate::module::narrow(self.tags.len()) - 1)
    }

    pub(crate) fn tag(&self, tag: Tag) -> Option<&TagData> {
        self.tags.get(tag.0 as usize)
    }

    /// The values that exceptions of a tag carry are the parameters of this type; none if the tag is another store's.
    #[must_use]
    pub fn tag_type(&self, tag: Tag) -> Option<&FuncType> {
        self.tag(tag).map(|tag| &tag.ty)
    }

    /// A new exception's reference bits. Compiled code fills in the values that are not given.
    ///
    /// # Errors
    /// When the heap is full.
    pub(crate) fn make_exception(&mut self, tag: Tag, values: &[u128]) -> Result<u64, TrapCode> {
        let id = self.tag(tag).map(|tag| tag.id).ok_or(TrapCode::HeapExhausted)?;
        self.allocate_exception(id, u64::from(tag.0), values)
    }

    /// Makes an exception, for a host function to throw; none if the values do not fit the tag, or the heap is full.
    pub fn new_exception(&mut self, tag: Tag, values: &[Value]) -> Option<GcRef> {
        let ty = self.tag_type(tag)?;
        let fits = ty.params().len() == values.len()
            && ty.params().iter().zip(values).all(|(ty, value)| self.fits(*value, *ty));
        if !fits {
            return None;
        }
        let bits: Vec<u128> = values.iter().map(|value| self.bits_of(*value)).collect();
        let exception = self.make_exception(tag, &bits).ok()?;
        Some(self.roots.get_mut().acquire(exception))
    }

    /// The tag of an exception.
    #[must_use]
    pub fn exception_tag(&self, exception: GcRef) -> Option<Tag> {
        let bits = self.roots.borrow().get(exception)?;
        self.tag_of(bits).map(|(tag, _)| tag)
    }

    /// The values of an exception.
    #[must_use]
    pub fn exception_values(&self, exception: GcRef) -> Option<Vec<Value>> {
        let ty = self.tag_type(self.exception_tag(exception)?)?;
        (0..).zip(ty.params()).map(|(index, _)| self.field(exception, index).ok()).collect()
    }

    /// An exception for people: the tag's name and the values.
    #[must_use]
    pub fn describe_exception(&self, exception: GcRef) -> String {
        let tag = self.exception_tag(exception).and_then(|tag| self.tag(tag));
        let Some(tag) = tag else { return "an exception that is gone".to_owned() };
        let values = self.exception_values(exception).unwrap_or_default();
        let values: Vec<String> =
            tag.ty.params().iter().zip(values).map(|(ty, value)| format!("{ty} {value}")).collect();
        format!("{} ({})", tag.name, values.join(", "))
    }

    /// The tag of the exception that reference bits are to, and whether it was thrown before.
    pub(crate) fn tag_of(&self, bits: u64) -> Option<(Tag, bool)> {
        let tag = self.exception(bits)?;
        Some((Tag(u32::try_from(tag & u64::from(u32::MAX)).unwrap_or_default()), tag & THROWN != 0))
    }

    /// Notes that an exception was thrown.
    pub(crate) fn mark_thrown(&mut self, bits: u64) {
        if let Some(tag) = self.exception(bits) {
            self.set_exception(bits, tag | THROWN);
        }
    }
}
