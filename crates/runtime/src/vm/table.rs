//! Tables of references. Safe: compiled code reads the elements through the view.

use crate::module::{TableType, narrow};

/// Elements that a table may have, whatever its type says.
const MAX_ELEMENTS: usize = 10_000_000;

/// What compiled code sees: see `offsets::view`.
#[repr(C)]
struct TableView {
    base: usize,
    length: u64,
}

/// A table; references are 64 bits, 0 is null.
pub(crate) struct Table {
    view: Box<TableView>,
    elements: Vec<u64>,
    ty: TableType,
}

impl Table {
    pub(crate) fn new(ty: TableType, init: u64) -> Option<Self> {
        let count = usize::try_from(ty.minimum).ok().filter(|count| *count <= MAX_ELEMENTS)?;
        let mut table =
            Self { view: Box::new(TableView { base: 0, length: 0 }), elements: vec![init; count], ty };
        table.publish();
        Some(table)
    }

    fn publish(&mut self) {
        self.view.base = self.elements.as_mut_ptr().expose_provenance();
        self.view.length = self.elements.len() as u64;
    }

    /// Its declared type, with the current size as the minimum.
    pub(crate) fn ty(&self) -> TableType {
        TableType { minimum: narrow(self.elements.len()), ..self.ty }
    }

    pub(crate) fn view_address(&self) -> usize {
        (&raw const *self.view).expose_provenance()
    }

    pub(crate) fn elements(&self) -> &[u64] {
        &self.elements
    }

    pub(crate) fn elements_mut(&mut self) -> &mut [u64] {
        &mut self.elements
    }

    /// Grows by `count` elements of value `init`; returns the old size, or none if that is not possible.
    pub(crate) fn grow(&mut self, count: u32, init: u64) -> Option<u32> {
        let old = self.elements.len();
        let new = old.checked_add(usize::try_from(count).ok()?)?;
        let maximum = self.ty.maximum.map_or(MAX_ELEMENTS, |maximum| maximum as usize).min(MAX_ELEMENTS);
        if new > maximum {
            return None;
        }
        self.elements.resize(new, init);
        self.publish();
        Some(narrow(old))
    }
}
