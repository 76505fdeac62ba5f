//! Watchpoints: stops after the operator, or the host function, that read or wrote a part of a memory or a global.
//!
//! An operator says before it runs what it will touch (`operator.rs`). So while there are watchpoints, the points of landing code
//! before all operators of the kinds that matter (`wanted.rs`) are armed: those that write memory if memory is watched for
//! writes, and so on. What was not touched costs the visit of the point, which is about a microsecond. When an operator
//! does touch something that is watched, the point after it is armed as well, and the stop is there.
//!
//! Other code comes to landing code when it is about to touch memory that is watched: it compares addresses itself, which costs
//! next to nothing (`guard.rs`, `translate/guard.rs`). For what is in a global all functions run landing code, for a local its
//! function does.
//!
//! A host function is not looked into: its writes are found by comparing when it returns, and its reads not at all.
//!
//! Why not page protection? The stack of a C program is near to everything; it cannot tell threads of a memory apart; and
//! it faults in the middle of operators that touch several pages, and in host functions.

mod guard;
mod host;
mod operator;
mod shared;
mod wanted;

pub(crate) use shared::SharedPlaces;

use super::{Frame, WasmFrame};
use crate::engine::Tiers;
use crate::error::Error;
use crate::heap::object_address;
use crate::instance::Instance;
use crate::jit::FunctionCode;
use crate::store::Store;
use crate::translate::{Guard, Version};
use crate::unwind::{RawFrame, read_place};
use crate::value::{Value, ValueType};
use frame_table::{HeapType, ModulePc};
use operator::{Touch, Touched, operator_at, relevant_operators};
use shared::{SharedPlace, Writing};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wanted::Wanted;
use wasmparser::Operator;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchTarget {
    /// A range of a memory.
    Memory {
        /// An instance that has the memory. Others that share it are watched as well.
        instance: Instance,
        /// Index of the memory in the instance.
        memory: u32,
        /// First byte.
        start: u64,
        /// Number of bytes, at least 1.
        length: u64,
    },
    /// A global.
    Global {
        /// An instance that has the global. Others that share it are watched as well.
        instance: Instance,
        /// Index of the global in the instance.
        index: u32,
    },
    /// A local of a frame. When the frame is gone nothing stops any more, unless the same function has a frame at the
    /// same address again: then that one's local is watched.
    Local {
        /// The frame: [`WasmFrame::address`].
        frame: usize,
        /// Index of the local, parameters first.
        index: u32,
    },
}

/// Which accesses stop the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchAccess {
    /// Reads by operators.
    Read,
    /// Writes, also of the value that was there. Of a host function, only those that change the value.
    Write,
    /// Both.
    Any,
}

/// Names a watchpoint of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchId(u32);

/// What is in a watched place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchedValue {
    /// Bytes of a memory.
    Bytes(Vec<u8>),
    /// A global's value.
    Value(Value),
    /// An object of the garbage-collected heap, which may be gone by now. If it is not, the global has it.
    Object,
}

/// What is in a watched place, as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Raw {
    Bytes(Vec<u8>),
    Bits(u128),
}

/// An access to a watched place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchHit {
    /// The watchpoint.
    pub id: WatchId,
    /// Whether the place was read.
    pub read: bool,
    /// Whether it was written.
    pub written: bool,
    /// The first byte that was touched, counted from the start of the place; 0 for globals and locals.
    pub offset: u64,
    /// The operator: the call, if a host function wrote.
    pub pc: ModulePc,
    /// Whether a host function wrote.
    pub by_host: bool,
    /// What was there before.
    pub old: WatchedValue,
    /// What is there now.
    pub new: WatchedValue,
}

/// A place in the store, whichever instances have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Memory {
        index: usize,
        start: u64,
        length: u64,
    },
    Global {
        index: usize,
    },
    /// A local of a frame of a function.
    Local {
        frame: usize,
        function: FunctionId,
        index: u32,
        ty: ValueType,
    },
}

/// Index of a module in the store, and of a function in the module. A frame may change its code, but not its function.
type FunctionId = (usize, u32);

fn function_id(code: &FunctionCode) -> FunctionId {
    (code.module, code.function)
}

struct Watchpoint {
    place: Place,
    /// The target, by which the place is read.
    target: WatchTarget,
    access: WatchAccess,
    /// What was there when anybody knew last. What differs was written by the host.
    known: Raw,
    /// What was there before a host function, which has not returned, wrote.
    before_host: Option<Raw>,
    /// What is known of it together with other stores, if it can be written and is in a shared memory.
    shared: Option<Arc<SharedPlace>>,
}

/// An access by an operator that is running, or a host function that is returning.
struct Pending {
    fp: usize,
    /// Where the frame goes on.
    from: ModulePc,
    /// Where it is to stop, and that point's site: at the next operator that does anything, so that a block's end after
    /// a statement does not count as a part of it. Whoever stops before gets the accesses there.
    pc: ModulePc,
    site: usize,
    hits: Vec<WatchHit>,
    /// What of a `cmpxchg` is on top of the operand stack afterwards if it wrote.
    exchanges: Option<u64>,
    /// Tells other stores that this one writes.
    writing: Vec<Writing>,
}

/// The watchpoints of a store.
#[derive(Default)]
pub(crate) struct Watchpoints {
    set: BTreeMap<WatchId, Watchpoint>,
    /// What all of them need armed.
    wanted: Wanted,
    /// What code compares that is not landing code.
    guard: Guard,
    next: u32,
    /// The embedder or a debugger wrote to a memory.
    pub(crate) embedder_wrote: bool,
    /// Invariant: inner frames, which have lower frame pointers, are behind outer ones.
    pending: Vec<Pending>,
}

impl Watchpoints {
    /// What code compares that is not landing code.
    pub(crate) fn guard(&self) -> Guard {
        self.guard
    }

    /// Whether a function is to run landing code for what is watched.
    pub(crate) fn wants_points_of(&self, function: FunctionId) -> bool {
        self.wanted.needs_points_of(function)
    }

    /// Forgets accesses of frames that are gone, which were below `address`.
    pub(crate) fn forget_below(&mut self, address: usize) {
        self.pending.retain(|pending| pending.fp > address);
    }

    /// After a change of the set: whether other points are to be armed now, or other code is to run.
    fn update_wanted(&mut self) -> bool {
        let wanted = Wanted::by(self.set.values().map(|watchpoint| (watchpoint.place, watchpoint.access)));
        let guard = Guard::new(wanted.memory(), &self.ranges(|_| true));
        let changed = self.wanted != wanted || self.guard != guard;
        (self.wanted, self.guard) = (wanted, guard);
        changed
    }
}

impl Store {
    /// Watches a place. It works in code with instrumentation only.
    ///
    /// # Errors
    /// When there is no such place, it is empty, or the engine's code cannot stop.
    pub fn add_watchpoint(&mut self, target: WatchTarget, access: WatchAccess) -> Result<WatchId, Error> {
        let (place, known) = self.watchable(target)?;
        let id = WatchId(self.debug.watch.next);
        self.debug.watch.next += 1;
        let shared = match (place, &known) {
            (Place::Memory { index, start, length }, Raw::Bytes(bytes)) if access != WatchAccess::Read => {
                let memory = &self.memories[index];
                memory.shared().then(|| memory.watched().watch(start, length, bytes))
            }
            _ => None,
        };
        let watchpoint = Watchpoint { place, target, access, known, before_host: None, shared };
        self.debug.watch.set.insert(id, watchpoint);
        self.place_guards();
        if self.debug.watch.update_wanted() {
            self.rearm_for_watchpoints();
        }
        Ok(id)
    }

    /// Whether [`Store::add_watchpoint`] can watch a place.
    ///
    /// # Errors
    /// As for that.
    pub fn can_watch(&self, target: WatchTarget) -> Result<(), Error> {
        self.watchable(target).map(|_| ())
    }

    fn watchable(&self, target: WatchTarget) -> Result<(Place, Raw), Error> {
        if self.engine().config().tiers == Tiers::Run {
            return Err(Error::Limit("code without instrumentation cannot be watched".into()));
        }
        let found = match target {
            WatchTarget::Local { frame, index } => self.watched_local(frame, index),
            other => self.watched_place(other).zip(self.watched_value(other)),
        };
        found.ok_or_else(|| Error::Limit("there is nothing to watch".into()))
    }

    /// Stops watching. False if there is no such watchpoint.
    pub fn remove_watchpoint(&mut self, id: WatchId) -> bool {
        let removed = self.debug.watch.set.remove(&id).is_some();
        for pending in &mut self.debug.watch.pending {
            pending.hits.retain(|hit| hit.id != id);
        }
        self.place_guards();
        if removed && self.debug.watch.update_wanted() {
            self.rearm_for_watchpoints();
        }
        removed
    }

    fn rearm_for_watchpoints(&mut self) {
        if self.engine().config().tiers != Tiers::Run {
            self.settle_all_functions();
            self.switch_waiting_frames();
        }
        let loaded = self.modules.iter().flat_map(|module| module.compiled());
        let stepped = &self.debug.armed;
        let functions: Vec<_> = loaded.filter(|code| !stepped.contains_key(&code.start)).cloned().collect();
        self.rearm(functions);
    }

    fn watched_place(&self, target: WatchTarget) -> Option<Place> {
        match target {
            WatchTarget::Memory { instance, memory, start, length } => {
                let index = *self.instances.get(instance.index())?.memories.get(memory as usize)?;
                let end = start.checked_add(length)?;
                let inside = length > 0 && end <= self.memories.get(index)?.length();
                inside.then_some(Place::Memory { index, start, length })
            }
            WatchTarget::Global { instance, index } => {
                let globals = &self.instances.get(instance.index())?.globals;
                globals.get(index as usize).map(|index| Place::Global { index: *index })
            }
            WatchTarget::Local { .. } => None,
        }
    }

    /// The local of a frame that is on the stack now, and its value.
    fn watched_local(&self, frame: usize, index: u32) -> Option<(Place, Raw)> {
        let mut frames = self.frames();
        let found = frames.find_map(|one| match one {
            Frame::Wasm(one) if one.address() == frame => Some(one),
            _ => None,
        })?;
        let ty = *found.locals().get(index as usize)?;
        let place = Place::Local { frame, function: function_id(&found.raw.code), index, ty };
        Some((place, local_bits(&found, index, ty)?))
    }

    fn watched_value(&self, target: WatchTarget) -> Option<Raw> {
        match target {
            WatchTarget::Memory { instance, memory, start, length } => {
                let mut bytes = vec![0; usize::try_from(length).ok()?];
                self.read_memory(instance, memory, start, &mut bytes)?;
                Some(Raw::Bytes(bytes))
            }
            WatchTarget::Global { instance, index } => {
                let index = *self.instances.get(instance.index())?.globals.get(index as usize)?;
                Some(Raw::Bits(self.globals.get(index)?.0.get()))
            }
            // Whoever wants it has the frame.
            WatchTarget::Local { .. } => None,
        }
    }

    /// What is in a watched place, as the innermost frame sees it.
    fn watched_here(&self, watchpoint: &Watchpoint, frame: &WasmFrame) -> Option<Raw> {
        match watchpoint.place {
            Place::Local { frame: fp, index, ty, .. } if fp == frame.address() => {
                local_bits(frame, index, ty)
            }
            _ => self.watched_value(watchpoint.target),
        }
    }

    /// What was read at some time from a place. Why not the value of an object? Nothing keeps it until it is reported.
    fn shown(&self, place: Place, raw: &Raw) -> WatchedValue {
        match (place, raw) {
            (_, Raw::Bytes(bytes)) => WatchedValue::Bytes(bytes.clone()),
            (Place::Memory { .. }, Raw::Bits(bits)) => WatchedValue::Bytes(bits.to_le_bytes().to_vec()),
            (Place::Global { .. } | Place::Local { .. }, Raw::Bits(bits)) => {
                let ty = match place {
                    Place::Local { ty, .. } => ty,
                    Place::Global { index } => {
                        self.globals.get(index).map_or(ValueType::I64, |(_, ty)| ty.content)
                    }
                    Place::Memory { .. } => ValueType::I64,
                };
                let is_reference = matches!(ty, ValueType::Ref(ty) if ty.heap.top() != HeapType::Func);
                if is_reference && u64::try_from(*bits).ok().and_then(object_address).is_some() {
                    return WatchedValue::Object;
                }
                WatchedValue::Value(self.value_of(ty, *bits))
            }
        }
    }

    /// The sites of a function before operators that may touch what is watched, and after those that do.
    pub(super) fn watched_sites(&self, code: &FunctionCode) -> BTreeSet<usize> {
        let of_code =
            |site: &usize| self.code().function_at(*site).is_some_and(|found| found.start == code.start);
        let pending = self.debug.watch.pending.iter().map(|pending| pending.site);
        let mut sites: BTreeSet<usize> = pending.filter(of_code).collect();
        let wanted = &self.debug.watch.wanted;
        let is_asked = code.version.lives_in_slot() && wanted.matters_to(function_id(code));
        let loaded = self.modules.get(code.module).filter(|_| is_asked);
        if let Some(loaded) = loaded {
            let matters = |operator: &Operator<'_>| wanted.matters(operator, function_id(code));
            let relevant = relevant_operators(&loaded.module, code.function, matters);
            sites.extend(relevant.into_iter().filter_map(|pc| code.site_of(pc)));
        }
        sites
    }

    /// Whether watchpoints need this site.
    pub(super) fn is_watched(&self, module: usize, pc: ModulePc, site: usize) -> bool {
        let watch = &self.debug.watch;
        let relevant = || {
            let operator = self.modules.get(module).and_then(|loaded| operator_at(&loaded.module, pc));
            let code = self.code().function_at(site);
            operator
                .zip(code)
                .filter(|(_, code)| code.version.lives_in_slot())
                .is_some_and(|(operator, code)| watch.wanted.matters(&operator, function_id(code)))
        };
        watch.pending.iter().any(|pending| pending.site == site) || !watch.set.is_empty() && relevant()
    }

    /// At a point: the accesses of the operator before it, which has run.
    pub(super) fn finish_watched(&mut self) -> Vec<WatchHit> {
        if self.debug.watch.pending.is_empty() {
            return Vec::new();
        }
        let Some(frame) = &self.innermost_frame() else { return Vec::new() };
        let watch = &mut self.debug.watch;
        let mut found = None;
        while let Some(last) = watch.pending.pop_if(|last| last.fp <= frame.address()) {
            if last.fp == frame.address() && (last.from..=last.pc).contains(&frame.pc) {
                found = Some(last);
            }
        }
        let Some(Pending { mut hits, site, exchanges, writing, .. }) = found else { return Vec::new() };
        if exchanges.is_some_and(|expected| integer_operand(self, frame, 0) != Some(expected)) {
            hits.iter_mut().for_each(|hit| hit.written = false);
            hits.retain(|hit| self.is_wanted(hit));
        }
        for hit in &mut hits {
            let Some(watchpoint) = self.debug.watch.set.get(&hit.id) else { continue };
            let Some(now) = self.watched_here(watchpoint, frame) else { continue };
            hit.new = self.shown(watchpoint.place, &now);
            if let Some(shared) = watchpoint.shared.as_ref().filter(|_| hit.written) {
                shared.accept(|| self.watched_bytes(watchpoint));
            }
            if let Some(watchpoint) = self.debug.watch.set.get_mut(&hit.id) {
                watchpoint.known = now;
            }
        }
        drop(writing);
        let stays = self.is_breakpoint(frame.module, frame.pc)
            || self.is_watched(frame.module, frame.pc, site)
            || self.debug.armed.contains_key(&frame.raw.code.start);
        if !stays {
            self.code_mut().set_sites(&[], &[site]);
        }
        hits
    }

    /// At a point, before its operator runs: notes what it will touch.
    pub(super) fn begin_watched(&mut self) {
        if self.debug.watch.set.is_empty() {
            return;
        }
        let Some(frame) = self.innermost_frame() else { return };
        let module = self.modules.get(frame.module).map(|loaded| &loaded.module);
        let Some(operator) = module.and_then(|module| operator_at(module, frame.pc)) else { return };
        let touches = operator::touches(&operator, |depth| integer_operand(self, &frame, depth));
        let hits = self.hits_of(&frame, &touches);
        if !hits.is_empty() {
            // Other threads may write before the operator of a shared memory compares, so that tells afterwards.
            let exchanges = touches.iter().find_map(Touch::exchanges);
            self.expect_hits(&frame, hits, exchanges);
        }
    }

    fn hits_of(&self, frame: &WasmFrame, touches: &[Touch]) -> Vec<WatchHit> {
        let Some(instance) = frame.instance else { return Vec::new() };
        let mut hits: BTreeMap<WatchId, WatchHit> = BTreeMap::new();
        for touch in touches {
            for (id, watchpoint) in &self.debug.watch.set {
                let (read, written) = self.touches(instance, frame, touch, watchpoint);
                if !read && !written {
                    continue;
                }
                let old = self.watched_here(watchpoint, frame);
                let Some(old) = old.map(|old| self.shown(watchpoint.place, &old)) else { continue };
                let hit = hits.entry(*id).or_insert_with(|| WatchHit {
                    id: *id,
                    read: false,
                    written: false,
                    offset: touch.offset_in(watchpoint.target),
                    pc: frame.pc,
                    by_host: false,
                    new: old.clone(),
                    old,
                });
                hit.read |= read;
                hit.written |= written;
            }
        }
        hits.into_values().filter(|hit| self.is_wanted(hit)).collect()
    }

    /// Whether an access is of the kind for which its watchpoint stops.
    fn is_wanted(&self, hit: &WatchHit) -> bool {
        match self.debug.watch.set.get(&hit.id).map(|watchpoint| watchpoint.access) {
            Some(WatchAccess::Read) => hit.read,
            Some(WatchAccess::Write) => hit.written,
            Some(WatchAccess::Any) => hit.read || hit.written,
            None => false,
        }
    }

    /// Whether something that an operator of an instance touches reads and writes a watched place.
    fn touches(
        &self,
        instance: Instance,
        frame: &WasmFrame,
        touch: &Touch,
        watchpoint: &Watchpoint,
    ) -> (bool, bool) {
        let data = &self.instances[instance.index()];
        let same = match (touch.what, watchpoint.place) {
            (Touched::Global(index), Place::Global { index: watched }) => {
                data.globals.get(index as usize) == Some(&watched)
            }
            (Touched::Local(index), Place::Local { frame: fp, function, index: watched, .. }) => {
                index == watched && fp == frame.address() && function == function_id(&frame.raw.code)
            }
            (
                Touched::Memory { memory, start, length } | Touched::Compared { memory, start, length, .. },
                Place::Memory { index, start: watched, length: watched_length },
            ) => {
                let overlap = start < watched + watched_length && start.saturating_add(length) > watched;
                overlap && data.memories.get(memory as usize) == Some(&index)
            }
            _ => false,
        };
        let writes = same && touch.writes;
        let writes = match touch.what {
            // In a shared memory it may write whatever is there now.
            Touched::Compared { memory, start, length, expected }
                if writes && watchpoint.shared.is_none() =>
            {
                let mut bytes = expected.to_le_bytes();
                let (expected, bytes_there) = (expected.to_le_bytes(), &mut bytes);
                let length = usize::try_from(length).unwrap_or_default();
                let there = bytes_there.get_mut(..length).unwrap_or_default();
                let read = self.read_memory(instance, memory, start, there);
                read.is_some() && expected.starts_with(there)
            }
            _ => writes,
        };
        (same && touch.reads, writes)
    }

    /// Has the guest stop where `frame` goes on.
    fn expect_hits(&mut self, frame: &WasmFrame, hits: Vec<WatchHit>, exchanges: Option<u64>) {
        let Some(code) = self.code_to_stop_in(&frame.raw) else { return };
        // None of these operators branches, so the next one in the code is the next one to run; behind a call it is
        // the one where the frame is already.
        let from = if frame.call.is_some() { frame.pc } else { frame.pc.offset(1) };
        let Some(from) = code.frame.at_or_after(from).map(|point| point.pc) else { return };
        let pc = self.behind_ends(frame.module, &code, from);
        let Some(site) = code.site_of(pc) else { return };
        let writes = hits.iter().filter(|hit| hit.written && !hit.by_host);
        let shared = writes.filter_map(|hit| self.debug.watch.set.get(&hit.id)?.shared.as_ref());
        let writing = shared.map(SharedPlace::write).collect();
        let fp = frame.address();
        self.debug.watch.forget_below(fp);
        self.debug.watch.pending.push(Pending { fp, from, pc, site, hits, exchanges, writing });
        self.code_mut().set_sites(&[site], &[]);
    }

    /// Landing code of a frame's function, in which the frame goes on.
    fn code_to_stop_in(&mut self, frame: &RawFrame) -> Option<Arc<FunctionCode>> {
        let code = &frame.code;
        if code.version.lives_in_slot() {
            return Some(Arc::clone(code));
        }
        let landing = self.version_of(code.module, self.defined_of(code), Version::Landing).ok()?;
        self.switching.note_written(frame.fp);
        self.switch_waiting_frame(frame);
        Some(landing)
    }

    /// The first operator from `pc` on that is not the end of a block. The end of a function is one to stop at.
    fn behind_ends(&self, module: usize, code: &FunctionCode, mut pc: ModulePc) -> ModulePc {
        let Some(module) = self.modules.get(module).map(|loaded| &loaded.module) else { return pc };
        while let Some(Operator::End) = operator_at(module, pc) {
            let Some(next) = code.frame.at_or_after(pc.offset(1)) else { break };
            pc = next.pc;
        }
        pc
    }

    /// The operator of the innermost frame traps: it touched nothing.
    pub(super) fn forget_trapped(&mut self) {
        if let Some(frame) = self.raw_frames(1).first() {
            self.debug.watch.forget_below(frame.fp);
        }
    }
}

/// An integer operand of a frame by its depth, 0 for the top.
fn integer_operand(store: &Store, frame: &WasmFrame, depth: u32) -> Option<u64> {
    let height = u32::try_from(frame.operands().len()).ok()?.checked_sub(depth + 1)?;
    match frame.operand(store, height).ok()? {
        Value::I32(value) => Some(u64::from(value.cast_unsigned())),
        Value::I64(value) => Some(value.cast_unsigned()),
        _ => None,
    }
}

/// The bits of a local of a frame.
fn local_bits(frame: &WasmFrame, index: u32, ty: ValueType) -> Option<Raw> {
    read_place(&frame.raw, frame.raw.code.frame.layout().local(index), ty).map(Raw::Bits)
}
