//! Tables of references. Safe: compiled code reads the elements through the view.

use crate::module::TableType;

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
    /// Elements that it can have.
    maximum: u64,
}

impl Table {
    /// A table of at most `limit` elements; none if its type wants more, or if there is no space.
    pub(crate) fn new(ty: TableType, init: u64, limit: u64) -> Option<Self> {
        let maximum = ty.maximum.unwrap_or(limit).min(limit);
        let view = Box::new(TableView { base: 0, length: 0 });
        let mut table = Self { view, elements: Vec::new(), ty, maximum };
        table.grow(ty.minimum, init)?;
        Some(table)
    }

    fn publish(&mut self) {
        self.view.base = self.elements.as_mut_ptr().expose_provenance();
        self.view.length = self.elements.len() as u64;
    }

    /// Its declared type, with the current size as the minimum.
    pub(crate) fn ty(&self) -> TableType {
        TableType { minimum: self.elements.len() as u64, ..self.ty }
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
    pub(crate) fn grow(&mut self, count: u64, init: u64) -> Option<u64> {
        let old = self.elements.len() as u64;
        let new = old.checked_add(count).filter(|new| *new <= self.maximum)?;
        let count = usize::try_from(count).ok()?;
        self.elements.try_reserve_exact(count).ok()?;
        self.elements.resize(usize::try_from(new).ok()?, init);
        self.publish();
        Some(old)
    }
}
