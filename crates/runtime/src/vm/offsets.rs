//! The layout of a vmctx: what compiled code finds at which offset from its instance's pointer.
//!
//! ```text
//!   0   pointer to Limits          stack limit: shared by all instances of a store
//!   8   pointer to the builtins    one code address each, in the order of Builtin
//!   16  instance index, u32
//!   20  nonzero while the run tier is to stop at the headers of loops, u32
//!   24  pointer to the HeapView      the collector's flag, supertypes of all types
//!   32  first watched byte less WATCH_SLACK
//!   40  bytes from there to behind the last watched one, 0 if nothing is watched
//!   48  imported functions         one pointer to a FuncRef each
//!       defined functions          one FuncRef each
//!       memories                   two pointers each: to the MemoryView, and the base, which never changes
//!       tables                     one pointer to a TableView each
//!       globals                    one pointer to a 16-byte cell each
//! ```

use crate::module::{ModuleInfo, narrow};

/// Size of a pointer.
pub(crate) const POINTER: u32 = 8;

/// Offsets within `Limits`.
pub(crate) mod limits {
    /// The address that the stack pointer may not go below; `usize::MAX` asks for a stop at the next entry.
    pub(crate) const STACK: i32 = 0;
    /// The same, whatever is asked for.
    pub(crate) const REAL_STACK: i32 = 16;
    /// Address of the state that code begins with that is entered in the middle: locals, then operands.
    pub(crate) const RESUME_STATE: i32 = 24;
    /// Bytes from one value of that state to the next.
    pub(crate) const RESUME_STRIDE: i32 = 16;
    /// The watched ranges of addresses.
    pub(crate) const WATCHED: i32 = 32;
}

/// What is watched.
pub(crate) mod watch {
    /// How many ranges `Limits` has. Those that are not needed are empty.
    pub(crate) const RANGES: u32 = 4;
    /// Bytes of one: its first address, and the one behind it.
    pub(crate) const RANGE: i32 = 16;
    /// Where the latter is in it.
    pub(crate) const END: i32 = 8;
}

/// Offsets within a `HeapView`.
pub(crate) mod heap {
    /// Nonzero while references in objects may be overwritten only after the collector saw them.
    pub(crate) const MARKING: i32 = 0;
    /// A type's number shifted by this is the offset of its row.
    pub(crate) const ROW_SHIFT: i32 = 4;
    /// Address of the rows: each has a type's supertypes, `u32` each, the most general one first.
    pub(crate) const ROWS: i32 = 8;
}

/// Offsets within a `FuncRef`.
pub(crate) mod func_ref {
    /// Address of the code.
    pub(crate) const CODE: i32 = 0;
    /// The callee's vmctx.
    pub(crate) const VMCTX: i32 = 8;
    /// Number of the function type.
    pub(crate) const SIGNATURE: i32 = 16;
    /// Bytes in all.
    pub(crate) const SIZE: u32 = 32;
}

/// How a reference outside of the `func` hierarchy is kept in 64 bits; 0 is null.
pub(crate) mod reference {
    /// The bits that say what it is, unless [`I31`] is set. None of them: the address of an object.
    pub(crate) const TAG: u64 = 0b11;
    /// A 31-bit integer, one bit higher up.
    pub(crate) const I31: u64 = 0b01;
    /// A number of the host's, [`SHIFT`] bits higher up.
    pub(crate) const HOST: u64 = 0b10;
    pub(crate) const SHIFT: u32 = 2;
}

/// Offsets within a `MemoryView` and a `TableView`.
pub(crate) mod view {
    /// Address of the first byte or element.
    pub(crate) const BASE: i32 = 0;
    /// Length in bytes or elements.
    pub(crate) const LENGTH: i32 = 8;
}

pub(crate) const LIMITS: u32 = 0;
pub(crate) const BUILTINS: u32 = 8;
pub(crate) const INSTANCE: u32 = 16;
pub(crate) const STOP_AT_LOOPS: u32 = 20;
pub(crate) const HEAP: u32 = 24;
pub(crate) const WATCH_START: u32 = 32;
pub(crate) const WATCH_LENGTH: u32 = 40;
const IMPORTS: u32 = 48;

/// One less than the bytes of the largest access: how far before what is watched one may begin that touches it.
pub(crate) const WATCH_SLACK: u32 = 15;

/// Offsets that depend on a module's counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VmOffsets {
    imported_functions: u32,
    defined_functions: u32,
    memories: u32,
    tables: u32,
    globals: u32,
}

impl VmOffsets {
    pub(crate) fn new(info: &ModuleInfo) -> Self {
        Self {
            imported_functions: info.imported.functions,
            defined_functions: narrow(info.functions.len()) - info.imported.functions,
            memories: narrow(info.memories.len()),
            tables: narrow(info.tables.len()),
            globals: narrow(info.globals.len()),
        }
    }

    /// Pointer to the FuncRef of an imported function.
    pub(crate) fn imported_function(self, index: u32) -> u32 {
        IMPORTS + index * POINTER
    }

    /// FuncRef of a defined function; 0 is the first one after the imports.
    pub(crate) fn defined_function(self, defined: u32) -> u32 {
        self.imported_function(self.imported_functions) + defined * func_ref::SIZE
    }

    /// Pointer to the view of a memory.
    pub(crate) fn memory(self, index: u32) -> u32 {
        self.defined_function(self.defined_functions) + index * 2 * POINTER
    }

    /// The address of a memory's first byte.
    pub(crate) fn memory_base(self, index: u32) -> u32 {
        self.memory(index) + POINTER
    }

    /// Pointer to the view of a table.
    pub(crate) fn table(self, index: u32) -> u32 {
        self.memory(self.memories) + index * POINTER
    }

    /// Pointer to the cell of a global.
    pub(crate) fn global(self, index: u32) -> u32 {
        self.table(self.tables) + index * POINTER
    }

    /// Bytes in all.
    pub(crate) fn size(self) -> u32 {
        self.global(self.globals)
    }
}
