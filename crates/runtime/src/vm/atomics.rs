//! `memory.atomic.notify`, `wait32` and `wait64`. The other atomic operators are compiled.
#![expect(unsafe_code, reason = "knows the instance by a raw vmctx")]

use super::entries::{in_builtin, serve};
use super::memory::Memory;
use super::vmctx::VmContext;
use super::waiters::Waiter;
use crate::store::Store;
use crate::trap::{Failure, TrapCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What `wait` returns.
mod outcome {
    pub(super) const WOKEN: u32 = 0;
    pub(super) const NOT_EQUAL: u32 = 1;
    pub(super) const TIMED_OUT: u32 = 2;
}

/// What an operator names: the memory, and a place of so many bytes in it.
#[derive(Clone, Copy)]
struct Place {
    memory: u32,
    at: u64,
    size: u64,
}

impl Place {
    /// Why the place cannot be used.
    fn fault(self, memory: &Memory) -> Option<TrapCode> {
        if self.at.checked_add(self.size).is_none_or(|end| end > memory.length()) {
            return Some(TrapCode::MemoryOutOfBounds);
        }
        (!self.at.is_multiple_of(self.size)).then_some(TrapCode::UnalignedAtomic)
    }
}

/// Runs `work` with the store and the memory, unless the operator traps. One that waits wants a shared memory.
fn run(
    (vmctx, pc, fp): (usize, usize, usize),
    place: Place,
    waits: bool,
    work: impl FnOnce(&mut Store, &Arc<Memory>) -> Result<u32, Failure>,
) -> u32 {
    // SAFETY: compiled code passes its own vmctx.
    let instance = unsafe { VmContext::instance_of(vmctx) } as usize;
    serve(in_builtin(pc, fp), |store| {
        let memory = store.memory_of(instance, place.memory).map(Arc::clone);
        let memory = memory.ok_or_else(|| Failure::Host("no such memory".into()))?;
        let unshared = (waits && !memory.shared()).then_some(TrapCode::ExpectedSharedMemory);
        if let Some(code) = place.fault(&memory).or(unshared) {
            // The store has its memory to itself again while a debugger looks at the trap.
            drop(memory);
            return Err(store.trap_failure(code));
        }
        work(store, &memory)
    })
}

pub(super) extern "C" fn notify(vmctx: usize, pc: usize, fp: usize, memory: u32, at: u64, count: u32) -> u32 {
    let place = Place { memory, at, size: 4 };
    run((vmctx, pc, fp), place, false, |_, memory| Ok(memory.waiters().notify(at, count)))
}

pub(super) extern "C" fn wait32(
    vmctx: usize,
    pc: usize,
    fp: usize,
    memory: u32,
    at: u64,
    expected: u32,
    timeout: i64,
) -> u32 {
    let place = Place { memory, at, size: 4 };
    run((vmctx, pc, fp), place, true, |store, memory| {
        wait(store, memory, at, timeout, |memory| memory.load32(at) == Some(expected))
    })
}

pub(super) extern "C" fn wait64(
    vmctx: usize,
    pc: usize,
    fp: usize,
    memory: u32,
    at: u64,
    expected: u64,
    timeout: i64,
) -> u32 {
    let place = Place { memory, at, size: 8 };
    run((vmctx, pc, fp), place, true, |store, memory| {
        wait(store, memory, at, timeout, |memory| memory.load64(at) == Some(expected))
    })
}

/// Waits at `at` for `timeout` nanoseconds, for ever if it is negative.
fn wait(
    store: &mut Store,
    memory: &Arc<Memory>,
    at: u64,
    timeout: i64,
    still: impl FnOnce(&Memory) -> bool,
) -> Result<u32, Failure> {
    // A deadline that the clock cannot tell never comes.
    let timeout = u64::try_from(timeout).ok().map(Duration::from_nanos);
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let Some(waiter) = memory.waiters().enter(at, || still(memory)) else { return Ok(outcome::NOT_EQUAL) };
    let stopped = until_notified(store, &waiter, deadline);
    memory.waiters().leave(&waiter);
    stopped?;
    Ok(if waiter.notified() { outcome::WOKEN } else { outcome::TIMED_OUT })
}

/// Parks this thread until the waiter is notified or the deadline is past. Whoever interrupts the guest gets it here.
fn until_notified(store: &mut Store, waiter: &Waiter, deadline: Option<Instant>) -> Result<(), Failure> {
    while !waiter.notified() {
        store.limits().will_park();
        if store.stop_in_host()? {
            // Whoever had the guest may have parked this thread as well, and so taken what would wake it here.
            continue;
        }
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            None => std::thread::park(),
            Some(Duration::ZERO) => break,
            Some(left) => std::thread::park_timeout(left),
        }
    }
    Ok(())
}
