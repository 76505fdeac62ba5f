//! What the personas need to know about a stopped guest, as a trait: frames, values, memories and module facts by index.
//!
//! A persona talks to this and never to the debugger, so that every mapping can be tested on plain data. The one
//! implementation over a real guest is `paused`.

use std::ops::Range;
use std::sync::Arc;

use debugger::{Frame, InstanceId, Value, WatchAccess, WatchTarget, WatchpointId};
use dwarf::FunctionReturn;
use frame_table::ModulePc;

use crate::persona::wasm;

/// Why something at an address or in a register could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is there.
    Unmapped,
    /// It is there, but it cannot be written, or not with these bytes.
    Fixed,
    /// It is there, but its value is not known at this stop.
    Unavailable,
}

/// Where a Wasm value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValuePlace {
    /// Local `index` of the frame (0 = innermost).
    Local { frame: usize, index: u32 },
    /// Operand `index` of the frame, 0 = bottom of its stack.
    Operand { frame: usize, index: u32 },
    /// A global by its index in the instance.
    Global { instance: u32, index: u32 },
    /// A table element. Read only.
    Element { instance: u32, table: u32, index: u32 },
}

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watchable {
    /// Bytes of a linear memory.
    Memory { instance: u32, memory: u32, offset: u64, length: u64 },
    /// A global, or a local of a frame.
    Value(ValuePlace),
}

/// A watchpoint that was set: its name, and what it watches in the debugger's words.
pub(crate) type Watching = (WatchpointId, WatchTarget);

/// The call that returned right before the operator at which the guest stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReturnedCall {
    /// Whether it left Wasm values on the operand stack.
    pub(crate) has_results: bool,
    /// What it was called with; none inside where an argument is no longer known.
    pub(crate) arguments: Vec<Option<Value>>,
    /// How the callee returns what is not one scalar, and where gdb looks for it; none for others, or when the debug
    /// info does not say.
    pub(crate) shape: Option<FunctionReturn>,
}

/// A stopped thread of a guest.
pub(crate) trait Machine {
    /// A number for the thread, as small as possible; 0 is the main thread.
    fn thread_ordinal(&self) -> u32;

    /// All frames, innermost first. At a breakpoint, the innermost frame's PC is the one that was asked for.
    fn frames(&self) -> &[Frame];

    /// The first of the frames, some dozens or all, without looking for the others.
    fn near(&self) -> &[Frame];

    /// The innermost frame, without looking for the others.
    fn innermost(&self) -> Option<&Frame>;

    /// The first operator of the innermost frame's function, if the guest is there and [`Machine::frames`] has the start
    /// of the function's body instead. None at a breakpoint.
    fn first_operator(&self) -> Option<ModulePc>;

    /// The number of an instance, by which everything else here names it. The program's own is 0.
    fn instance_number(&self, instance: InstanceId) -> u32;

    /// Reads a value.
    fn value(&self, place: ValuePlace) -> Result<Value, Fault>;

    /// Writes a value of the type that is there.
    fn set_value(&mut self, place: ValuePlace, value: Value) -> Result<(), Fault>;

    /// Reads from a linear memory; returns how many bytes there were before its end.
    fn read_memory(&self, instance: u32, memory: u32, offset: u64, into: &mut [u8]) -> usize;

    /// Writes to a linear memory, all or nothing.
    fn write_memory(&mut self, instance: u32, memory: u32, offset: u64, bytes: &[u8]) -> Result<(), Fault>;

    /// Watches something, in all threads.
    fn watch(&mut self, what: Watchable, access: WatchAccess) -> Result<Watching, Fault>;

    /// Where a module's code section is.
    fn code(&self, module: u32) -> Option<Range<ModulePc>>;

    /// A module's file.
    fn bytecode(&self, module: u32) -> Option<&[u8]>;

    /// A module's file as lldb's Wasm plugin reads it (`persona::wasm::image`).
    fn plugin_image(&self, module: u32) -> Option<Arc<wasm::image::Image>>;

    /// How many functions a module imports.
    fn imported_functions(&self, module: u32) -> u32;

    /// Module, and PC of the first byte of the body (none: the function is imported) of the function that a
    /// reference refers to; also its function index.
    fn referenced(&self, reference: Value) -> Option<Referenced>;

    /// The modules and what their instances have.
    fn contents(&self) -> Vec<Contents>;

    /// What the host function that is about to run was called with, if the guest stopped for that.
    fn host_arguments(&self) -> Option<Vec<Value>>;

    /// The call that just returned, if the guest stopped right after one.
    fn returned_call(&self) -> Option<ReturnedCall>;
}

/// A module, and what its instances have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) module: u32,
    /// What it is called.
    pub(crate) name: String,
    /// How many globals there are.
    pub(crate) globals: u32,
    pub(crate) instances: Vec<InstanceContents>,
}

/// What an instance has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceContents {
    pub(crate) number: u32,
    /// The size of each memory in bytes.
    pub(crate) memories: Vec<u64>,
    /// How many elements each table has.
    pub(crate) tables: Vec<u64>,
}

/// The function behind a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Referenced {
    /// Its module.
    pub(crate) module: u32,
    /// Its function index.
    pub(crate) function: u32,
    /// Where its body starts; none for an imported function.
    pub(crate) body: Option<ModulePc>,
}

#[cfg(test)]
pub(crate) mod fake;
