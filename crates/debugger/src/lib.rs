//! A paused or running debuggee: events, frames, values, breakpoints, stepping.
//!
//! It speaks modules, function indices, locals, operands and memories; it knows no register, no packet and no address
//! of a debugger's. [`Session`] runs a guest on a thread of its own and drives it from any other; [`DebugHandler`] is
//! what it is built on, for whoever wants to decide on the guest's thread.
#![forbid(unsafe_code)]

mod breakpoint;
mod catch;
mod depart;
mod error;
mod event;
mod frame;
mod group;
mod guest;
mod handler;
mod inspect;
mod record;
mod session;
mod spawn;
mod stack;
mod step;
mod thread;
mod watch;

pub use breakpoint::Condition;
pub use catch::Catch;
pub use error::Error;
pub use event::{CallEnd, Event, Exit, Others, Resume, Stop};
pub use frame::{Frame, Gap, HostFrame, WasmFrame};
pub use guest::{Entry, Guest, Preload};
pub use handler::{DebugHandler, Debugger, Outcome, alert};
pub use inspect::{LastCall, LoadedModule, Paused};
pub use record::Record;
pub use runtime::{
    FuncHandle, GcRef, HeapStatistics, Instance as InstanceId, Object, ObjectError, ObjectKind, Reference,
    TrapCode, Value, ValueType,
};
pub use runtime::{WatchAccess, WatchHit, WatchTarget, WatchedValue};
pub use session::{Answer, Events, Session};
pub use spawn::Spawner;
pub use thread::{Thread, ThreadId};
pub use watch::{Watched, WatchpointId};

/// A module of the debuggee, numbered in the order in which modules were instantiated first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u32);

impl ModuleId {
    fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn of(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}
