//! Looking at a stopped guest, and changing it.

use crate::ModuleId;
use crate::breakpoint::Condition;
use crate::catch::Catch;
use crate::error::Error;
use crate::event::Stop;
use crate::frame::{Frame, Gap};
use crate::handler::Debugger;
use crate::stack::Stack;
use frame_table::ModulePc;
use runtime::{Callee, FuncHandle, GcRef, HeapStatistics, Instance, Module, Object, Store, Value};
use std::cell::OnceCell;
use std::sync::Arc;

/// A module of the debuggee.
#[derive(Clone)]
pub struct LoadedModule {
    /// Its number.
    pub id: ModuleId,
    /// What it is called: the path that it was loaded from.
    pub name: String,
    /// The module.
    pub module: Module,
    /// Its instances, in the order in which they were made.
    pub instances: Vec<Instance>,
}

/// The call before the operator that a frame is at.
#[derive(Clone, Debug)]
pub struct LastCall {
    /// The called function, if it is of the frame's own instance.
    pub callee: Option<u32>,
    /// The arguments; `None` where a result was pushed over one.
    pub arguments: Vec<Option<Value>>,
    /// How many results it left on the operand stack.
    pub results: usize,
}

/// A stopped guest, with the frames that it had when it stopped. It lives as long as the stop.
pub struct Paused<'a> {
    store: &'a mut Store,
    debugger: Debugger,
    stop: Stop,
    /// All frames, once somebody asked for them.
    stack: OnceCell<Stack>,
    /// The innermost frame, once somebody asked for it.
    innermost: OnceCell<Stack>,
    /// The first [`NEAR`] frames, once somebody asked for them.
    near: OnceCell<Stack>,
}

/// How many frames [`Paused::near`] finds.
const NEAR: usize = 32;

impl<'a> Paused<'a> {
    pub(crate) fn new(store: &'a mut Store, debugger: Debugger, stop: Stop) -> Self {
        let (stack, innermost, near) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { store, debugger, stop, stack, innermost, near }
    }

    /// Why the guest stopped.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The stopped thread's [`crate::Thread::ordinal`].
    #[must_use]
    pub fn thread_ordinal(&self) -> u32 {
        self.debugger.thread_ordinal()
    }

    /// All frames of all activations, innermost first. Those of a deep stack take time to find: who needs few of them
    /// asks for [`Paused::innermost`] or [`Paused::frames_within`].
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.stack().frames
    }

    /// The innermost frame.
    #[must_use]
    pub fn innermost(&self) -> Option<&Frame> {
        let stack = self.stack.get().unwrap_or_else(|| self.innermost.get_or_init(|| self.find(1)));
        stack.frames.first()
    }

    /// The innermost frames, some dozens or all. Most of what a debugger asks for at a stop is in those.
    #[must_use]
    pub fn near(&self) -> &[Frame] {
        &self.stack.get().unwrap_or_else(|| self.near.get_or_init(|| self.find(NEAR))).frames
    }

    /// The innermost frames, `limit` of them or a few more.
    #[must_use]
    pub fn frames_within(&self, limit: usize) -> Vec<Frame> {
        self.stack.get().map_or_else(|| self.find(limit).frames, |stack| stack.frames.clone())
    }

    /// Where frames of the host, or of other stores, are between the frames.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.stack().gaps
    }

    fn stack(&self) -> &Stack {
        self.stack.get_or_init(|| self.find(usize::MAX))
    }

    fn find(&self, limit: usize) -> Stack {
        if let Some(standing) = self.debugger.standing() {
            return Stack::recorded(&standing.frames, limit);
        }
        let base = self.debugger.stack_base(self.store);
        Stack::find(self.store, &self.stop, base, limit)
    }

    /// Nothing of a core dump can be changed, and nothing in it can run.
    fn check_changes(&self) -> Result<(), Error> {
        if self.debugger.standing().is_some() { Err(Error::Record) } else { Ok(()) }
    }

    pub(crate) fn store(&self) -> &Store {
        self.store
    }

    pub(crate) fn debugger(&self) -> &Debugger {
        &self.debugger
    }

    /// The modules, in the order of their numbers.
    #[must_use]
    pub fn modules(&self) -> Vec<LoadedModule> {
        let is_of = |instance: &Instance, index| self.store.module_of(*instance) == Some(index);
        let instances = |index| self.store.instances().filter(|instance| is_of(instance, index)).collect();
        (0..self.store.num_modules())
            .filter_map(|index| {
                let module = self.store.module(index)?.clone();
                let name = module.name().to_owned();
                Some(LoadedModule { id: ModuleId::of(index), name, module, instances: instances(index) })
            })
            .collect()
    }

    pub(crate) fn frame(&self, frame: usize) -> Result<&runtime::WasmFrame, Error> {
        self.check_changes()?;
        let found = [&self.innermost, &self.near].into_iter().filter_map(OnceCell::get);
        let has_frame = |stack: &&Stack| frame < stack.raw.len();
        let raw = &found.into_iter().find(has_frame).unwrap_or_else(|| self.stack()).raw;
        let found = raw.get(frame).ok_or(Error::NoFrame(frame))?;
        found.as_ref().ok_or(Error::HostFrame(frame))
    }

    /// A local of a frame; frame 0 is the innermost.
    ///
    /// # Errors
    /// When there is no such frame or local, or its value is not known.
    pub fn local(&self, frame: usize, index: u32) -> Result<Value, Error> {
        if let Some(standing) = self.debugger.standing() {
            return standing.local(frame, index);
        }
        Ok(self.frame(frame)?.local(self.store, index)?)
    }

    /// Changes a local. The program uses the new value when it goes on.
    ///
    /// # Errors
    /// When there is no such frame or local, or it has another type.
    pub fn set_local(&mut self, frame: usize, index: u32, value: Value) -> Result<(), Error> {
        let frame = self.frame(frame)?.clone();
        Ok(frame.set_local(self.store, index, value)?)
    }

    /// An operand of a frame; operand 0 is the bottom of the stack.
    ///
    /// # Errors
    /// When there is no such frame or operand, or its value is not known.
    pub fn operand(&self, frame: usize, index: u32) -> Result<Value, Error> {
        if let Some(standing) = self.debugger.standing() {
            return standing.operand(frame, index);
        }
        Ok(self.frame(frame)?.operand(self.store, index)?)
    }

    /// Changes an operand. The program uses the new value when it goes on.
    ///
    /// # Errors
    /// When there is no such frame or operand, it has another type, or it is a constant.
    pub fn set_operand(&mut self, frame: usize, index: u32, value: Value) -> Result<(), Error> {
        let frame = self.frame(frame)?.clone();
        Ok(frame.set_operand(self.store, index, value)?)
    }

    /// The call right before the operator that a frame is at, with its arguments as they were.
    #[must_use]
    pub fn last_call(&self, frame: usize) -> Option<LastCall> {
        let found = self.frame(frame).ok()?;
        let runtime::LastCall { pc, mut arguments, results } = found.last_call(self.store)?;
        let callee = match self.store.module(found.module)?.callee(pc)? {
            Callee::Function(function) => Some(function),
            Callee::Element { table } => {
                let index = arguments.pop().flatten();
                index.and_then(|index| self.element_function(found.instance?, table, index))
            }
        };
        Some(LastCall { callee, arguments, results })
    }

    /// The function in a table's element, if it is of the same instance.
    fn element_function(&self, instance: Instance, table: u32, index: Value) -> Option<u32> {
        let index = match index {
            Value::I32(index) => u64::from(index.cast_unsigned()),
            Value::I64(index) => index.cast_unsigned(),
            _ => return None,
        };
        let Value::FuncRef(Some(handle)) = self.store.table_element(instance, table, index)? else {
            return None;
        };
        let (owner, function) = self.store.function_of(handle)?;
        (owner == instance).then_some(function)
    }

    /// A global of an instance.
    ///
    /// # Errors
    /// When there is none.
    pub fn global(&self, instance: Instance, index: u32) -> Result<Value, Error> {
        if self.debugger.standing().is_some_and(|standing| !standing.knows_global(instance, index)) {
            return Err(Error::NotRecorded);
        }
        self.store.global(instance, index).ok_or(Error::NoEntity("global"))
    }

    /// Changes a global of an instance.
    ///
    /// # Errors
    /// When there is none, it is immutable, or it has another type.
    pub fn set_global(&mut self, instance: Instance, index: u32, value: Value) -> Result<(), Error> {
        self.check_changes()?;
        Ok(self.store.set_global(instance, index, value)?)
    }

    /// Bytes that a memory has.
    ///
    /// # Errors
    /// When there is no such memory.
    pub fn memory_size(&self, instance: Instance, memory: u32) -> Result<u64, Error> {
        self.store.memory_size(instance, memory).ok_or(Error::NoEntity("memory"))
    }

    /// Reads a memory from `address` on; returns how many bytes there were, fewer at its end.
    ///
    /// # Errors
    /// When there is no such memory.
    pub fn read_memory(
        &self,
        instance: Instance,
        memory: u32,
        address: u64,
        into: &mut [u8],
    ) -> Result<usize, Error> {
        self.store.read_memory(instance, memory, address, into).ok_or(Error::NoEntity("memory"))
    }

    /// Writes to a memory, all bytes or none.
    ///
    /// # Errors
    /// When there is no such memory, or not all of the bytes are in it.
    pub fn write_memory(
        &mut self,
        instance: Instance,
        memory: u32,
        address: u64,
        from: &[u8],
    ) -> Result<(), Error> {
        self.check_changes()?;
        self.memory_size(instance, memory)?;
        let end = address.saturating_add(from.len() as u64);
        let written = self.store.write_memory(instance, memory, address, from);
        written.then_some(()).ok_or(Error::OutOfMemory { memory, start: address, end })
    }

    /// How many elements a table has.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn table_size(&self, instance: Instance, table: u32) -> Result<u64, Error> {
        self.store.table_size(instance, table).ok_or(Error::NoEntity("table"))
    }

    /// An element of a table.
    ///
    /// # Errors
    /// When there is none.
    pub fn table_element(&self, instance: Instance, table: u32, index: u64) -> Result<Value, Error> {
        self.store.table_element(instance, table, index).ok_or(Error::NoEntity("table element"))
    }

    /// How large the garbage-collected heap of the thread is, and what collecting costs.
    #[must_use]
    pub fn heap_statistics(&self) -> HeapStatistics {
        self.store.heap_statistics()
    }

    /// What a reference to an object is to: its type, and the types of its fields or elements.
    ///
    /// # Errors
    /// When the reference is stale: the program went on since.
    pub fn object(&self, reference: GcRef) -> Result<Object, Error> {
        Ok(self.store.object(reference)?)
    }

    /// A field of a structure, an element of an array, a value of an exception; counted from 0.
    ///
    /// # Errors
    /// When there is none, or the reference is stale.
    pub fn field(&self, reference: GcRef, index: u32) -> Result<Value, Error> {
        Ok(self.store.field(reference, index)?)
    }

    /// Changes a field or an element. The program uses the new value when it goes on.
    ///
    /// # Errors
    /// When there is none, it has another type, or the reference is stale.
    pub fn set_field(&mut self, reference: GcRef, index: u32, value: Value) -> Result<(), Error> {
        self.check_changes()?;
        Ok(self.store.set_field(reference, index, value)?)
    }

    /// Changes an element of a table. The program uses the new value when it goes on.
    ///
    /// # Errors
    /// When there is none, or it has another type.
    pub fn set_table_element(
        &mut self,
        instance: Instance,
        table: u32,
        index: u64,
        value: Value,
    ) -> Result<(), Error> {
        self.check_changes()?;
        Ok(self.store.set_table_element(instance, table, index, value)?)
    }

    /// Which function a reference names; none if it is the host's.
    #[must_use]
    pub fn function_of(&self, handle: FuncHandle) -> Option<(Instance, u32)> {
        self.store.function_of(handle)
    }

    /// Sets a breakpoint, in all stores of the guest, each before it next runs. It stops at the operator at `pc`, or
    /// else at the next one in the same function, and is reported as `pc`.
    ///
    /// # Errors
    /// When no operator follows.
    pub fn add_breakpoint(&mut self, module: ModuleId, pc: ModulePc) -> Result<(), Error> {
        self.add_breakpoint_if(module, pc, None)
    }

    /// Sets a breakpoint with a condition, or without one; one that is there already has this condition from now on.
    ///
    /// # Errors
    /// As [`Paused::add_breakpoint`].
    pub fn add_breakpoint_if(
        &mut self,
        module: ModuleId,
        pc: ModulePc,
        condition: Option<Arc<dyn Condition>>,
    ) -> Result<(), Error> {
        if self.store.module(module.index()).is_none() {
            return Err(Error::NoModule(module.0));
        }
        self.store.program_point(module.index(), pc)?.ok_or(Error::NoCode(pc))?;
        self.debugger.requests().insert(module.index(), pc, condition);
        Ok(())
    }

    /// Sets a breakpoint on a function of the host, with a condition or without one. It stops where the function is about
    /// to run, and is reported as [`Stop::HostCall`].
    pub fn add_host_breakpoint_if(&mut self, function: &str, condition: Option<Arc<dyn Condition>>) {
        self.debugger.requests().insert_host_call(function.to_owned(), condition);
    }

    /// Removes a breakpoint on a function of the host.
    pub fn remove_host_breakpoint(&mut self, function: &str) {
        self.debugger.requests().remove_host_call(function);
    }

    /// Chooses which exceptions stop the guest from now on, in any of its threads.
    pub fn catch_exceptions(&mut self, which: Catch) {
        self.debugger.requests().catch = which;
    }

    /// Removes a breakpoint, in all stores of the guest.
    pub fn remove_breakpoint(&mut self, module: ModuleId, pc: ModulePc) {
        self.debugger.requests().remove(module.index(), pc);
    }

    /// Removes all breakpoints, also those on functions of the host.
    pub fn clear_breakpoints(&mut self) {
        self.debugger.requests().clear();
    }

    /// Whether every value of every frame is to be there at every stop, from when the guest goes on. Otherwise fast code
    /// keeps what the debug info names and what the program may still read. The guest is slower meanwhile.
    pub fn keep_everything(&self, keeps: bool) {
        self.debugger.requests().keep_everything(keeps);
    }

    /// Whether the guest stops when a module was instantiated: see [`Stop::ModuleLoaded`].
    pub fn stop_at_modules(&mut self, stops: bool) {
        self.debugger.stop_at_modules(stops);
    }

    /// Takes back an interrupt that nothing has stopped for.
    pub(crate) fn take_interrupt(&mut self) {
        self.store.take_interrupt();
    }

    /// Calls a function of the guest from here. Stops in it are handled like any other.
    ///
    /// # Errors
    /// When it does not return.
    pub fn call(&mut self, function: FuncHandle, arguments: &[Value]) -> Result<Vec<Value>, Error> {
        self.check_changes()?;
        let step = self.debugger.suspend_step(self.store);
        self.debugger.agree(self.store);
        let results = function.call(self.store, arguments);
        self.debugger.resume_step(self.store, step);
        // Frames that were found before are stale now, though they are still there.
        (self.stack, self.innermost, self.near) = Default::default();
        Ok(results?)
    }

    /// A function of an instance by its index, imports first.
    #[must_use]
    pub fn function(&self, instance: Instance, index: u32) -> Option<FuncHandle> {
        self.store.function(instance, index)
    }

    /// The operator at `pc`, or else the next one in the same function: where a breakpoint at `pc` stops. None without one,
    /// or if the function cannot be compiled.
    #[must_use]
    pub fn operator_at(&mut self, module: ModuleId, pc: ModulePc) -> Option<ModulePc> {
        self.store.program_point(module.index(), pc).ok().flatten()
    }

    /// An exported function of an instance.
    #[must_use]
    pub fn export(&self, instance: Instance, name: &str) -> Option<FuncHandle> {
        instance.get_func(self.store, name)
    }
}
