//! The runtime: parses, validates, compiles, instantiates and runs WebAssembly modules, so that a debugger can stop
//! them at any operator and see all of their state.
//!
//! `debug` is the one seam that a debugger uses. `unsafe` is in three rooms: `jit`, `vm`, `unwind`.

mod access;
mod constant;
mod debug;
mod engine;
mod error;
mod exception;
mod heap;
mod instance;
mod jit;
mod linker;
mod memory;
mod module;
mod restore;
mod store;
mod tier;
mod translate;
mod trap;
mod types;
mod unwind;
mod value;
mod vm;

pub use debug::{
    BreakpointEdit, DebugEvent, DebugHook, Detour, DetourError, EntityError, Frame, FrameError, Frames,
    LastCall, Resumption, WasmFrame, WatchAccess, WatchHit, WatchId, WatchTarget, WatchedValue,
};
pub use engine::{Engine, EngineConfig, Tiers};
pub use error::Error;
pub use exception::Tag;
pub use heap::{HeapStatistics, Object, ObjectError, ObjectKind};
pub use instance::Instance;
pub use jit::CodeCache;
pub use linker::Linker;
pub use memory::{MemoryBytes, SharedMemory};
pub use module::{
    Callee, Explained, ExternType, GlobalType, Import, IndexType, MemoryType, Module, ObservableLocals,
    TableType,
};
pub use restore::{Restored, RestoredParts};
pub use store::{Caller, FuncHandle, InterruptHandle, Store};
pub use tier::TierChanges;
pub use trap::{Failure, HostError, TrapCode};
pub use types::{FieldType, Storage};
pub use value::{FuncType, GcRef, HeapType, RefType, Reference, TypeId, Value, ValueType};
pub use vm::MappedFile;
