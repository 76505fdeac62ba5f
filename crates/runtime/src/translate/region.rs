//! Kinds of memory that never overlap, so that the code generator may keep what it has loaded from one kind while
//! another is written. An access that names no kind may be of any.

use cranelift_codegen::ir::{AliasRegion, AliasRegionData, Function, MemFlagsData};

/// A kind of memory.
#[derive(Clone, Copy)]
pub(super) enum Region {
    /// Linear memories; one may be imported under several indices.
    Memory,
    /// The elements of tables.
    Table,
    /// The cells of globals.
    Global,
    /// What only the runtime writes: the vmctx, views, limits.
    Runtime,
    /// The state slot.
    Slot,
}

impl Region {
    /// In the order of their numbers.
    const ALL: [(Self, &str); 5] = [
        (Self::Memory, "memory"),
        (Self::Table, "table"),
        (Self::Global, "global"),
        (Self::Runtime, "runtime"),
        (Self::Slot, "slot"),
    ];

    /// Makes all of them known to a new function.
    pub(super) fn declare_all(function: &mut Function) {
        for (region, description) in Self::ALL {
            let user_id = region as u32;
            function.dfg.alias_regions.insert(AliasRegionData { user_id, description: description.into() });
        }
    }

    /// `flags` for an access of this kind.
    pub(super) fn of(self, flags: MemFlagsData) -> MemFlagsData {
        flags.with_alias_region(Some(AliasRegion::from_u32(self as u32)))
    }

    /// An access of this kind that does not trap. It is aligned, unless in the slot, where vectors need not be.
    pub(super) fn trusted(self) -> MemFlagsData {
        match self {
            Self::Slot => self.of(MemFlagsData::new().with_notrap()),
            Self::Memory | Self::Table | Self::Global | Self::Runtime => self.of(MemFlagsData::trusted()),
        }
    }
}
