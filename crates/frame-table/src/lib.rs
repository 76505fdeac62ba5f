//! What is where in a Wasm frame, at which program point. Pure data: no engine, no addresses of memory, no unsafe.
//!
//! One compiled function has one [`FrameTable`]. Its frame on the native stack holds a *state slot*, into which the
//! instrumented code writes the Wasm state:
//!
//! ```text
//!   higher addresses
//!     return address
//!     saved frame pointer        <- frame pointer (FP)
//!     ...spills of the compiler
//!     operand n-1 |
//!     ...         | one stride each, by height; 0 is the bottom of the operand stack
//!     operand 0   |
//!     local m-1   |
//!     ...         | one stride each, parameters first
//!     local 0     |
//!     (padding)   | header: 16 bytes
//!     vmctx       |              <- state slot = FP - FrameTable::slot_below_fp
//!   lower addresses
//! ```
//!
//! A *stack shape* says for each operand where its value is: in its own place in the slot, or nowhere because it is
//! a constant, or in a local that still holds it.
#![forbid(unsafe_code)]

mod local_set;
mod pc;
mod shape;
mod slot;
mod table;
mod value_type;

pub use local_set::{LocalSet, LocalSetId, LocalSets};
pub use pc::{ModulePc, TextOffset};
pub use shape::{Operand, Place, ShapeId, StackShapes};
pub use slot::SlotLayout;
pub use table::{CallSite, FrameTable, FrameTableParts, ProgramPoint};
pub use value_type::{HeapType, RefType, TypeId, ValueType};
