//! The seam between a running store and a debugger: events, frames, values, and which program points stop.
//!
//! A hook is called on the guest's thread, with the Wasm frames on the stack below it, and has the store to itself
//! until it returns. What it learns of frames is good until then: a [`Frame`] used later is refused as stale.

use crate::instance::Instance;
use crate::jit::FunctionCode;
use crate::module::{Module, narrow};
use crate::store::{FuncHandle, Store};
use crate::trap::{Failure, TrapCode};
use crate::unwind::{Position, RawFrame, read_operand, read_place, slot_vmctx, walk, write_place};
use crate::value::{FuncType, Reference, Value, ValueType};
use crate::vm::{FuncRef, Limits};
use frame_table::{HeapType, ModulePc, Operand, Place, RefType, TypeId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;

/// Something that a debugger wants to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DebugEvent {
    /// The innermost frame is about to run the operator at an armed program point.
    Point {
        /// Index of the module in the store.
        module: usize,
        /// The operator.
        pc: ModulePc,
        /// Whether a breakpoint is there.
        breakpoint: bool,
        /// Whether somebody asked for an interrupt, which this stop answers.
        interrupted: bool,
    },
    /// The innermost frame's operator traps.
    Trap(TrapCode),
    /// A host function failed.
    HostError(String),
    /// A host function that waits noticed that an interrupt is wanted; it goes on waiting after.
    InterruptedInHost,
    /// A module was instantiated; its start function has not run.
    ModuleLoaded(Instance),
}

/// What the guest does after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// Goes on: from a point with its operator, from a trap by ending.
    Continue,
    /// Ends with [`Failure::Killed`].
    Kill,
}

/// Whoever is told of events.
pub trait DebugHook: Send + Sync {
    /// An event happened; the store is stopped until this returns.
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption;
}

/// The debugging side of a store.
#[derive(Default)]
pub(crate) struct DebugState {
    hook: Option<Arc<dyn DebugHook>>,
    /// By module: the program points with a breakpoint.
    breakpoints: BTreeMap<usize, BTreeSet<ModulePc>>,
    /// Functions all of whose points are armed, by start address.
    armed: BTreeMap<usize, Arc<FunctionCode>>,
    /// The frame whose surroundings were armed last, by frame pointer.
    armed_around: usize,
    /// Counts resumptions: frames of older stops are stale.
    generation: u64,
}

/// Why a frame's value cannot be had.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The guest went on since the frame was found.
    #[error("the frame is stale: the program has run since")]
    Stale,
    /// There is no such local or operand.
    #[error("no such local or operand")]
    NoSuchValue,
    /// The code keeps no state.
    #[error("the value is not available")]
    Unavailable,
    /// The operand is a constant of the code or stands for a local: it has no place of its own.
    #[error("the operand is not a variable")]
    NotWritable,
    /// The value has another type.
    #[error("the value is a {0}")]
    Type(ValueType),
}

/// A frame of the stack.
#[derive(Clone)]
pub enum Frame {
    /// A Wasm function.
    Wasm(WasmFrame),
    /// A host function that Wasm code called: its name as `module.name`.
    Host(String),
    /// Frames of another store, or of a host that entered Wasm code.
    Gap,
}

/// A frame of a Wasm function.
#[derive(Clone)]
pub struct WasmFrame {
    raw: RawFrame,
    generation: u64,
    /// Index of the module in the store.
    pub module: usize,
    /// The instance; none in code that keeps no state.
    pub instance: Option<Instance>,
    /// Function index.
    pub function: u32,
    /// The operator: about to run or trapped in the innermost frame, the one after the call in a caller.
    pub pc: ModulePc,
    /// For a caller: the call that it waits in.
    pub call: Option<ModulePc>,
    operands: Vec<Operand>,
    /// Number of the activation, counted from the outermost, which is 0.
    pub activation: u32,
}

/// The call before the operator that a frame is at.
#[derive(Clone, Debug)]
pub struct LastCall {
    /// The call operator.
    pub pc: ModulePc,
    /// What it took from the operand stack, bottom first.
    pub arguments: Vec<Option<Value>>,
    /// How many results it left there.
    pub results: usize,
}

impl WasmFrame {
    /// Types of the locals, parameters first.
    #[must_use]
    pub fn locals(&self) -> &[ValueType] {
        self.raw.code.frame.locals()
    }

    /// Types of the operands, bottom first.
    pub fn operands(&self) -> impl ExactSizeIterator<Item = ValueType> {
        self.operands.iter().map(|operand| operand.ty)
    }

    /// The native frame pointer: the same as long as the frame lives, lower for inner frames.
    #[must_use]
    pub fn address(&self) -> usize {
        self.raw.fp
    }

    /// Bytes below [`WasmFrame::address`] that certainly belong to the frame; inner frames are further down.
    #[must_use]
    pub fn extent(&self) -> u32 {
        self.raw.code.frame.slot_below_fp()
    }

    fn check(&self, store: &Store) -> Result<(), FrameError> {
        if self.generation == store.debug.generation { Ok(()) } else { Err(FrameError::Stale) }
    }

    /// A local's value.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn local(&self, store: &Store, index: u32) -> Result<Value, FrameError> {
        self.check(store)?;
        let ty = *self.locals().get(index as usize).ok_or(FrameError::NoSuchValue)?;
        let bits = read_place(&self.raw, self.raw.code.frame.layout().local(index), ty);
        Ok(store.value_of(ty, bits.ok_or(FrameError::Unavailable)?))
    }

    /// Changes a local. The program uses the new value when it goes on.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn set_local(&self, store: &mut Store, index: u32, value: Value) -> Result<(), FrameError> {
        self.check(store)?;
        let ty = *self.locals().get(index as usize).ok_or(FrameError::NoSuchValue)?;
        self.write(store, self.raw.code.frame.layout().local(index), ty, value)
    }

    /// An operand's value; 0 is the bottom of the stack.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn operand(&self, store: &Store, height: u32) -> Result<Value, FrameError> {
        self.check(store)?;
        let operand = *self.operands.get(height as usize).ok_or(FrameError::NoSuchValue)?;
        self.operand_value(store, height, operand)
    }

    fn operand_value(&self, store: &Store, height: u32, operand: Operand) -> Result<Value, FrameError> {
        let bits = read_operand(&self.raw, height, operand).ok_or(FrameError::Unavailable)?;
        Ok(store.value_of(operand.ty, bits))
    }

    /// Changes an operand. The program uses the new value when it goes on.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn set_operand(&self, store: &mut Store, height: u32, value: Value) -> Result<(), FrameError> {
        self.check(store)?;
        let operand = *self.operands.get(height as usize).ok_or(FrameError::NoSuchValue)?;
        if operand.place != Place::Slot {
            return Err(FrameError::NotWritable);
        }
        self.write(store, self.raw.code.frame.layout().operand(height), operand.ty, value)
    }

    fn write(&self, store: &Store, offset: u32, ty: ValueType, value: Value) -> Result<(), FrameError> {
        if !store.fits(value, ty) {
            return Err(FrameError::Type(ty));
        }
        let written = write_place(&self.raw, offset, ty, store.bits_of(value));
        written.then_some(()).ok_or(FrameError::Unavailable)
    }

    /// When the frame is at the operator right after a call: that call. For `call_indirect` the last argument is the
    /// index into the table.
    ///
    /// Arguments stay in the state slot until something is pushed over them, which the results of the call may have
    /// done; those are `None`.
    #[must_use]
    pub fn last_call(&self, store: &Store) -> Option<LastCall> {
        self.check(store).ok()?;
        let table = &self.raw.code.frame;
        let call = table.call_before(self.pc)?;
        let before = table.points().binary_search_by_key(&call.pc, |point| point.pc).ok()?;
        let before = table.operands(table.points()[before].shape);
        let kept = table.operands(call.shape).len();
        let overwritten = self.operands.len();
        let args = before.iter().enumerate().skip(kept).map(|(height, operand)| {
            let lost = operand.place == Place::Slot && height < overwritten;
            if lost { None } else { self.operand_value(store, narrow(height), *operand).ok() }
        });
        Some(LastCall { pc: call.pc, arguments: args.collect(), results: overwritten.saturating_sub(kept) })
    }
}

impl Store {
    /// Has a hook told of all events, or none.
    pub fn set_debug_hook(&mut self, hook: Option<Arc<dyn DebugHook>>) {
        self.debug.hook = hook;
    }

    /// All frames of this thread, innermost first; a [`Frame::Gap`] stands between activations and for those of
    /// other stores.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        let activations = walk(self, usize::MAX);
        let count = narrow(activations.len());
        let mut frames = Vec::new();
        for (number, activation) in (0..).zip(activations) {
            if number > 0 || !activation.own {
                frames.push(Frame::Gap);
            }
            let host = activation.host.and_then(|host| self.host_function_name(host));
            frames.extend(host.map(|name| Frame::Host(name.to_owned())));
            let found = activation.frames.into_iter().filter_map(|raw| self.frame(raw, count - 1 - number));
            frames.extend(found.map(Frame::Wasm));
        }
        frames
    }

    /// The innermost Wasm frame of this thread. Its `activation` is 0 whatever it is.
    #[must_use]
    pub fn innermost_frame(&self) -> Option<WasmFrame> {
        let raw = walk(self, 1).into_iter().find_map(|activation| activation.frames.into_iter().next())?;
        self.frame(raw, 0)
    }

    fn frame(&self, raw: RawFrame, activation: u32) -> Option<WasmFrame> {
        let code = Arc::clone(&raw.code);
        let table = &code.frame;
        let (pc, call, shape) = match raw.position {
            Position::Point => table.by_site(code.offset(raw.pc)).map(|point| (point.pc, None, point.shape)),
            Position::Trap => table.by_trap(code.offset(raw.pc)).map(|point| (point.pc, None, point.shape)),
            Position::Builtin => {
                table.by_trap(code.offset(raw.pc - 1)).map(|point| (point.pc, None, point.shape))
            }
            Position::Call => {
                table.by_call(code.offset(raw.pc)).map(|call| (call.next_pc, Some(call.pc), call.shape))
            }
        }?;
        let instance = slot_vmctx(&raw).map(|vmctx| {
            // The slot's first word is written before anything can look at the frame.
            Instance::from_index(crate::vm::instance_of_frame(vmctx))
        });
        Some(WasmFrame {
            generation: self.debug.generation,
            module: code.module,
            instance,
            function: code.function,
            pc,
            call,
            operands: table.operands(shape),
            activation,
            raw,
        })
    }

    /// The module of a frame or an event.
    #[must_use]
    pub fn module(&self, index: usize) -> Option<&Module> {
        self.modules.get(index).map(|loaded| &loaded.module)
    }

    /// How many modules there are.
    #[must_use]
    pub fn num_modules(&self) -> usize {
        self.modules.len()
    }

    /// The module that an instance is of, by index.
    #[must_use]
    pub fn module_of(&self, instance: Instance) -> Option<usize> {
        self.instances.get(instance.index()).map(|data| data.module)
    }

    /// All instances, in the order of instantiation.
    pub fn instances(&self) -> impl Iterator<Item = Instance> {
        (0..narrow(self.instances.len())).map(Instance::from_index)
    }

    /// Which function of which instance a handle is; none for a host function.
    #[must_use]
    pub fn function_of(&self, handle: FuncHandle) -> Option<(Instance, u32)> {
        (handle.instance != FuncRef::HOST).then(|| (Instance::from_index(handle.instance), handle.index))
    }

    /// The defined type of a function.
    pub(crate) fn type_id(&self, handle: FuncHandle) -> Option<TypeId> {
        if handle.instance == FuncRef::HOST {
            return self.host_function(handle.index).ok().map(|(ty, _)| self.engine().type_of_host(&ty));
        }
        Some(self.instances.get(handle.instance as usize)?.info().function_def(handle.index)?.id)
    }

    /// Whether a value is of a type. A function or an object is known by its own type, not only its hierarchy.
    #[must_use]
    pub fn fits(&self, value: Value, ty: ValueType) -> bool {
        let ValueType::Ref(wanted) = ty else { return value.ty() == ty };
        let heap = match value {
            Value::FuncRef(Some(function)) => {
                self.type_id(function).map_or(HeapType::Func, HeapType::DefinedFunc)
            }
            Value::ExternRef(Some(_)) => HeapType::Extern,
            Value::AnyRef(Some(Reference::I31(_))) => HeapType::I31,
            Value::AnyRef(Some(_)) => HeapType::Any,
            Value::ExnRef(Some(_)) => HeapType::Exn,
            null => return wanted.nullable && Value::null(wanted.heap) == null,
        };
        self.engine().ref_matches(RefType::non_null(heap), wanted)
    }

    pub(crate) fn function_type(&self, handle: FuncHandle) -> Option<FuncType> {
        if handle.instance == FuncRef::HOST {
            return self.host_function(handle.index).ok().map(|(ty, _)| ty);
        }
        self.instances.get(handle.instance as usize)?.info().function_type(handle.index).cloned()
    }

    /// Sets or clears the breakpoint at a program point, which [`Store::program_point`] found.
    pub fn set_breakpoint(&mut self, module: usize, pc: ModulePc, set: bool) {
        let points = self.debug.breakpoints.entry(module).or_default();
        let changed = if set { points.insert(pc) } else { points.remove(&pc) };
        if !changed {
            return;
        }
        let Some(code) = self.code_at(module, pc) else { return };
        if self.debug.armed.contains_key(&code.start) {
            return;
        }
        let site: Vec<usize> = code.site_of(pc).into_iter().collect();
        let (arm, disarm) = if set { (site, Vec::new()) } else { (Vec::new(), site) };
        self.code_mut().set_sites(&arm, &disarm);
    }

    /// Whether the hook is asked at every operator: at those of the functions that are on top of the stack now, and
    /// of every function that is entered or returned to. Undone by `false`.
    pub fn set_stepping(&mut self, stepping: bool) {
        if stepping {
            self.limits().request(Limits::STEP);
            self.debug.armed_around = 0;
            self.arm_around();
        } else {
            self.limits().clear(Limits::STEP);
            self.disarm_all();
        }
    }

    /// Takes back a request to interrupt that nothing has stopped for; returns whether there was one.
    pub fn take_interrupt(&mut self) -> bool {
        self.limits().clear(Limits::INTERRUPT) != 0
    }

    /// Arms the functions of the two innermost frames: the one that runs, and the one that it would return to.
    fn arm_around(&mut self) {
        let activations = walk(self, 2);
        let inner: Vec<RawFrame> = activations.into_iter().flat_map(|activation| activation.frames).collect();
        let Some(first) = inner.first() else { return };
        if self.debug.armed_around == first.fp {
            return;
        }
        self.debug.armed_around = first.fp;
        for frame in inner {
            self.arm_function(&frame.code);
        }
    }

    /// At a function's entry or a loop header, with something requested: the next operator is to stop.
    pub(crate) fn arm_for_request(&mut self, pc: usize) {
        if let Some(code) = self.code().function_at(pc).cloned() {
            self.arm_function(&code);
        }
    }

    fn arm_function(&mut self, code: &Arc<FunctionCode>) {
        if self.debug.hook.is_none() || self.debug.armed.contains_key(&code.start) {
            return;
        }
        let sites: Vec<usize> = code.sites().collect();
        self.code_mut().set_sites(&sites, &[]);
        self.debug.armed.insert(code.start, Arc::clone(code));
    }

    /// Leaves only breakpoints armed.
    fn disarm_all(&mut self) {
        let mut disarm = Vec::new();
        let mut keep = Vec::new();
        for code in std::mem::take(&mut self.debug.armed).into_values() {
            disarm.extend(code.sites());
            keep.extend(self.breakpoint_sites(&code));
        }
        if !disarm.is_empty() {
            let keep_set: BTreeSet<usize> = keep.iter().copied().collect();
            disarm.retain(|site| !keep_set.contains(site));
            self.code_mut().set_sites(&[], &disarm);
        }
    }

    fn breakpoint_sites(&self, code: &FunctionCode) -> Vec<usize> {
        let points = self.debug.breakpoints.get(&code.module);
        let range = self.modules.get(code.module).and_then(|loaded| loaded.module.body_range(code.function));
        let (Some(points), Some(range)) = (points, range) else { return Vec::new() };
        points.range(range).filter_map(|pc| code.site_of(*pc)).collect()
    }

    /// Arms the breakpoints of a function that was just compiled.
    pub(crate) fn arm_breakpoints_of(&mut self, code: &Arc<FunctionCode>) {
        let sites = self.breakpoint_sites(code);
        if !sites.is_empty() {
            self.code_mut().set_sites(&sites, &[]);
        }
    }

    fn code_at(&self, module: usize, pc: ModulePc) -> Option<Arc<FunctionCode>> {
        let loaded = &self.modules.get(module)?.module;
        let defined = loaded.function_at(pc)?.checked_sub(loaded.num_imported_functions())?;
        self.compiled_already(module, defined).cloned()
    }

    /// The innermost frame is at an armed point.
    pub(crate) fn at_point(&mut self) -> Result<(), Failure> {
        let Some(frame) = self.innermost_frame() else { return Ok(()) };
        let (module, pc) = (frame.module, frame.pc);
        let breakpoint = self.debug.breakpoints.get(&module).is_some_and(|points| points.contains(&pc));
        let stepping = self.limits().requested(Limits::STEP);
        // Told after the breakpoint: one stop has one reason, and none is lost.
        let interrupted = !breakpoint && self.limits().clear(Limits::INTERRUPT) != 0;
        if stepping {
            self.arm_around();
        } else if !breakpoint && !interrupted {
            // Armed for an interrupt that was taken back or answered elsewhere.
            self.disarm_all();
            return Ok(());
        }
        match self.report(DebugEvent::Point { module, pc, breakpoint, interrupted }) {
            Resumption::Continue => {
                if !self.limits().requested(Limits::STEP) {
                    self.disarm_all();
                }
                Ok(())
            }
            Resumption::Kill => Err(Failure::Killed),
        }
    }

    /// How the guest ends by a trap, after whoever debugs it saw it.
    pub(crate) fn trap_failure(&mut self, code: TrapCode) -> Failure {
        match self.report(DebugEvent::Trap(code)) {
            Resumption::Continue => Failure::Trap(code),
            Resumption::Kill => Failure::Killed,
        }
    }

    /// After a host function that Wasm code at `pc` called: an interrupt that is still wanted stops at the next point.
    pub(crate) fn after_host_call(&mut self, pc: usize) {
        if self.limits().requested(Limits::INTERRUPT) {
            self.arm_for_request(pc);
        }
    }

    /// In a host function: lets the debugger stop here if an interrupt is wanted.
    pub(crate) fn stop_in_host(&mut self) -> Result<(), Failure> {
        if self.debug.hook.is_none() || self.limits().clear(Limits::INTERRUPT) == 0 {
            return Ok(());
        }
        match self.report(DebugEvent::InterruptedInHost) {
            Resumption::Continue => Ok(()),
            Resumption::Kill => Err(Failure::Killed),
        }
    }

    pub(crate) fn report_loaded(&mut self, instance: Instance) {
        self.report(DebugEvent::ModuleLoaded(instance));
    }

    /// Tells the hook; frames that were found before are stale after.
    pub(crate) fn report(&mut self, event: DebugEvent) -> Resumption {
        let Some(hook) = self.debug.hook.clone() else { return Resumption::Continue };
        let resumption = hook.event(self, event);
        self.debug.generation += 1;
        resumption
    }
}
