//! The supertypes of all types, for casts in compiled code: one comparison says whether a type extends another.
//!
//! A type of depth *n* is the *n*-th entry in the rows of all types that extend it, and in no other type's.

use crate::types::TypeDef;
use std::sync::Arc;

/// No type.
const NONE: u32 = u32::MAX;

/// One row for each type, all of them equally long: a power of two.
#[derive(Default)]
pub(super) struct Supertypes {
    rows: Vec<u32>,
    /// The length of a row is two to the power of this.
    width: u32,
    /// How many rows there are.
    count: usize,
}

impl Supertypes {
    /// Adds rows for the last ones of `types`; makes all rows anew if they are too short for one.
    pub(super) fn extend(&mut self, types: &[Arc<TypeDef>]) {
        let longest = types[self.count..].iter().map(|ty| ty.supers().len()).max().unwrap_or(0);
        let width = longest.next_power_of_two().trailing_zeros();
        if width > self.width {
            *self = Self { width, ..Self::default() };
        }
        for ty in &types[self.count..] {
            let end = self.rows.len() + (1 << self.width);
            self.rows.extend(ty.supers().iter().map(|id| id.0));
            self.rows.resize(end, NONE);
        }
        self.count = types.len();
    }

    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// What a type's number is shifted by to get the offset of its row, in bytes.
    pub(super) fn shift(&self) -> u32 {
        self.width + size_of::<u32>().trailing_zeros()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Composite, Member, TypeRegistry};
    use frame_table::TypeId;

    #[test]
    fn rows_grow_with_the_deepest_type() {
        let mut registry = TypeRegistry::default();
        let mut supertypes = Supertypes::default();
        let mut above = None;
        for depth in 0..3u32 {
            let composite = Composite::Struct(Box::default());
            registry.add(vec![Member { composite, supertype: above, is_final: false }]);
            above = Some(TypeId(depth));
            supertypes.extend(&registry.from(0));
        }
        assert_eq!(supertypes.shift(), 4);
        let expected = [[0, NONE, NONE, NONE], [0, 1, NONE, NONE], [0, 1, 2, NONE]];
        assert_eq!(supertypes.rows(), expected.as_flattened());
    }
}
