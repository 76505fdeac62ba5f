//! The vmctx of an instance, and the other structures that compiled code reads through it.
#![expect(
    unsafe_code,
    reason = "compiled code holds pointers to these structures; raw reads and writes by offset"
)]

use super::offsets;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;

/// A function as compiled code sees it: see `offsets::func_ref`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct FuncRef {
    /// Address of the code, or of the stub that has it compiled.
    pub(crate) code: usize,
    /// The callee's vmctx; for a host function, its context.
    pub(crate) vmctx: usize,
    /// Number of the type.
    pub(crate) signature: u32,
    /// Index of the instance, or [`FuncRef::HOST`].
    pub(crate) instance: u32,
    /// Function index in the instance, or index of the host function in the store.
    pub(crate) index: u32,
    pub(crate) padding: u32,
}

impl FuncRef {
    /// Instead of an instance: the function is the host's.
    pub(crate) const HOST: u32 = u32::MAX;
}

const _: () = assert!(size_of::<FuncRef>() == offsets::func_ref::SIZE as usize);

/// The function that a non-null reference names.
///
/// # Safety
/// `address` was taken from a reference that compiled code made or was given, of a store that still lives.
pub(crate) unsafe fn func_ref_at(address: usize) -> FuncRef {
    let at: *const FuncRef = std::ptr::with_exposed_provenance(address);
    // SAFETY: the caller's promise.
    unsafe { at.read() }
}

/// What function entries check: see `offsets::limits`. Shared with whoever interrupts.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// `usize::MAX` while anything is requested, so that one comparison at a function's entry covers both.
    stack: AtomicUsize,
    requests: AtomicU32,
    real_stack: AtomicUsize,
    /// See [`Limits::set_resume_state`].
    resume_state: AtomicUsize,
    /// First and end of each range.
    watched: [[AtomicU64; 2]; offsets::watch::RANGES as usize],
    /// The guest's thread, while it may be parked.
    sleeper: Mutex<Option<Thread>>,
}

const _: () = assert!(std::mem::offset_of!(Limits, real_stack) == offsets::limits::REAL_STACK as usize);
const _: () = assert!(std::mem::offset_of!(Limits, watched) == offsets::limits::WATCHED as usize);
const _: () = assert!(std::mem::offset_of!(Limits, resume_state) == offsets::limits::RESUME_STATE as usize);

impl Limits {
    /// Somebody wants the guest to stop.
    pub(crate) const INTERRUPT: u32 = 1;
    /// Every function that is entered is to be armed.
    pub(crate) const STEP: u32 = 2;
    /// Garbage is collected at every function's entry and at loop headers: stress mode.
    pub(crate) const COLLECT: u32 = 4;
    /// Functions change their tier by chance at their entries: stress mode.
    pub(crate) const SWITCH: u32 = 8;

    pub(crate) fn set_stack(&self, limit: usize) {
        self.real_stack.store(limit, Ordering::SeqCst);
        self.refresh();
    }

    /// Where code that is entered in the middle finds its state.
    pub(crate) fn set_resume_state(&self, address: usize) {
        self.resume_state.store(address, Ordering::SeqCst);
    }

    /// The ranges of addresses that guards compare with: the first of them that there is room for.
    pub(crate) fn set_watched(&self, ranges: &[std::ops::Range<u64>]) {
        let all = ranges.iter().cloned().chain(std::iter::repeat(0..0));
        for ([first, end], range) in self.watched.iter().zip(all) {
            first.store(range.start, Ordering::Relaxed);
            end.store(range.end, Ordering::Relaxed);
        }
    }

    pub(crate) fn stack(&self) -> usize {
        self.real_stack.load(Ordering::SeqCst)
    }

    pub(crate) fn request(&self, what: u32) {
        self.requests.fetch_or(what, Ordering::SeqCst);
        self.refresh();
        if let Some(thread) = &*self.sleeper.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
    }

    /// From now on a request wakes this thread if it is parked. It looks for requests before it parks.
    pub(crate) fn will_park(&self) {
        *self.sleeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current());
    }

    /// Takes requests back; returns those of them that were made.
    pub(crate) fn clear(&self, what: u32) -> u32 {
        let old = self.requests.fetch_and(!what, Ordering::SeqCst);
        self.refresh();
        old & what
    }

    pub(crate) fn requested(&self, what: u32) -> bool {
        self.requests.load(Ordering::SeqCst) & what != 0
    }

    /// Makes `stack` agree with `requests`. Whoever comes last sees the latest requests.
    fn refresh(&self) {
        loop {
            let before = self.requests.load(Ordering::SeqCst);
            let limit = if before == 0 { self.real_stack.load(Ordering::SeqCst) } else { usize::MAX };
            self.stack.store(limit, Ordering::SeqCst);
            if self.requests.load(Ordering::SeqCst) == before {
                return;
            }
        }
    }

    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).expose_provenance()
    }
}

/// What compiled code sees of the garbage-collected heap: see `offsets::heap`.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct HeapView {
    marking: AtomicU32,
    row_shift: AtomicU32,
    rows: AtomicUsize,
}

impl HeapView {
    /// Whether compiled code tells the collector of references that it overwrites.
    pub(crate) fn set_marking(&self, marking: bool) {
        self.marking.store(u32::from(marking), Ordering::Relaxed);
    }

    /// Where the rows of supertypes are: each type's row starts its number shifted by `shift` behind `rows`.
    pub(crate) fn set_rows(&self, rows: &[u32], shift: u32) {
        self.rows.store(rows.as_ptr().expose_provenance(), Ordering::Relaxed);
        self.row_shift.store(shift, Ordering::Relaxed);
    }

    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).expose_provenance()
    }
}

/// The cell of a global: bits of its value, zero-extended.
#[repr(C, align(16))]
pub(crate) struct Global {
    bits: std::cell::UnsafeCell<u128>,
}

impl Global {
    pub(crate) fn new(bits: u128) -> Self {
        Self { bits: bits.into() }
    }

    pub(crate) fn get(&self) -> u128 {
        // SAFETY: compiled code, which also writes it, does not run while somebody holds a `Store`.
        unsafe { self.bits.get().read() }
    }

    pub(crate) fn set(&self, bits: u128) {
        // SAFETY: as in `get`.
        unsafe { self.bits.get().write(bits) };
    }

    pub(crate) fn address(&self) -> usize {
        self.bits.get().expose_provenance()
    }
}

/// The memory of one vmctx, laid out as `offsets` draws it.
pub(crate) struct VmContext {
    words: Box<[std::cell::UnsafeCell<u64>]>,
}

impl VmContext {
    pub(crate) fn new(bytes: u32) -> Self {
        Self { words: (0..bytes.div_ceil(8)).map(|_| 0.into()).collect() }
    }

    pub(crate) fn address(&self) -> usize {
        self.words.as_ptr().expose_provenance()
    }

    fn word(&self, offset: u32) -> &std::cell::UnsafeCell<u64> {
        &self.words[(offset / 8) as usize]
    }

    pub(crate) fn set_pointer(&mut self, offset: u32, value: usize) {
        self.set_word(offset, value as u64);
    }

    pub(crate) fn set_word(&mut self, offset: u32, value: u64) {
        // SAFETY: compiled code does not run while somebody holds its store.
        unsafe { self.word(offset).get().write(value) };
    }

    pub(crate) fn get_word(&self, offset: u32) -> u64 {
        // SAFETY: as in `set_word`.
        unsafe { self.word(offset).get().read() }
    }

    /// Whether the run tier is to stop at the headers of loops.
    pub(crate) fn set_stop_at_loops(&mut self, stop: bool) {
        let instance = self.get_word(offsets::INSTANCE) & u64::from(u32::MAX);
        self.set_word(offsets::INSTANCE, instance | u64::from(stop) << 32);
    }

    /// What guards compare accesses with first: everything from the first watched byte of the instance's memories to the last.
    pub(crate) fn set_watched(&mut self, all: &std::ops::Range<u64>) {
        let slack = u64::from(offsets::WATCH_SLACK);
        let length = if all.is_empty() { 0 } else { all.end - all.start + slack };
        self.set_word(offsets::WATCH_START, all.start.wrapping_sub(slack));
        self.set_word(offsets::WATCH_LENGTH, length);
    }

    pub(crate) fn set_func_ref(&mut self, offset: u32, function: FuncRef) {
        let FuncRef { code, vmctx, signature, instance, index, padding } = function;
        self.set_pointer(offset, code);
        self.set_pointer(offset + 8, vmctx);
        self.set_word(offset + 16, u64::from(signature) | u64::from(instance) << 32);
        self.set_word(offset + 24, u64::from(index) | u64::from(padding) << 32);
    }

    /// The instance index that a vmctx says it is of.
    ///
    /// # Safety
    /// `address` is a vmctx of a store that still lives.
    pub(crate) unsafe fn instance_of(address: usize) -> u32 {
        let at: *const u32 = std::ptr::with_exposed_provenance(address + offsets::INSTANCE as usize);
        // SAFETY: the caller's promise.
        unsafe { at.read() }
    }
}

/// The address of a function in an instance's vmctx, by function index.
pub(crate) fn func_ref_address(instance: &crate::instance::InstanceData, index: u32) -> Option<usize> {
    let info = instance.info();
    let offsets = super::VmOffsets::new(info);
    if (index as usize) >= info.functions.len() {
        return None;
    }
    match index.checked_sub(info.imported.functions) {
        Some(defined) => Some(instance.vmctx.address() + offsets.defined_function(defined) as usize),
        None => usize::try_from(instance.vmctx.get_word(offsets.imported_function(index))).ok(),
    }
}

/// The function that a reference names; none if it is null.
pub(crate) fn func_ref_from(bits: u64) -> Option<crate::store::FuncHandle> {
    let address = usize::try_from(bits).ok().filter(|address| *address != 0)?;
    // SAFETY: references come from compiled code, tables and globals only, and all of them live as long as the store.
    let found = unsafe { func_ref_at(address) };
    Some(crate::store::FuncHandle { instance: found.instance, index: found.index })
}

/// The instance of the frame whose slot holds this vmctx.
pub(crate) fn instance_of_frame(vmctx: usize) -> u32 {
    // SAFETY: a frame of this store wrote it; its instances live as long as the store.
    unsafe { VmContext::instance_of(vmctx) }
}
