//! Threads that wait at an address of a shared memory (`memory.atomic.wait`), and how others wake them.
//!
//! A waiter's thread is parked. It wakes up when it is notified, and when somebody interrupts its guest; then it lets
//! the debugger have the guest and goes on waiting, in its old place in the queue.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

/// The queues of one memory.
#[derive(Default)]
pub(crate) struct Waiters {
    /// By address, longest wait first. No queue is empty.
    queues: Mutex<HashMap<u64, Queue>>,
}

type Queue = VecDeque<Arc<Waiter>>;

/// A thread that waits.
pub(crate) struct Waiter {
    address: u64,
    thread: Thread,
    notified: AtomicBool,
}

impl Waiter {
    /// Whether somebody woke it.
    pub(crate) fn notified(&self) -> bool {
        self.notified.load(Ordering::SeqCst)
    }
}

impl Waiters {
    fn queues(&self) -> MutexGuard<'_, HashMap<u64, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts this thread into the queue at `address`, if `still` says so. Nobody can notify between the two.
    pub(crate) fn enter(&self, address: u64, still: impl FnOnce() -> bool) -> Option<Arc<Waiter>> {
        let mut queues = self.queues();
        if !still() {
            return None;
        }
        let waiter = Waiter { address, thread: std::thread::current(), notified: AtomicBool::new(false) };
        let waiter = Arc::new(waiter);
        queues.entry(address).or_default().push_back(Arc::clone(&waiter));
        Some(waiter)
    }

    /// Takes a waiter out of its queue, if it is there. Nobody notifies it after.
    pub(crate) fn leave(&self, waiter: &Arc<Waiter>) {
        let mut queues = self.queues();
        let Some(queue) = queues.get_mut(&waiter.address) else { return };
        queue.retain(|other| !Arc::ptr_eq(other, waiter));
        if queue.is_empty() {
            queues.remove(&waiter.address);
        }
    }

    /// Wakes up to `count` of those that wait at `address`; returns how many there were.
    pub(crate) fn notify(&self, address: u64, count: u32) -> u32 {
        let mut queues = self.queues();
        let Some(queue) = queues.get_mut(&address) else { return 0 };
        let mut woken = 0;
        while woken < count
            && let Some(waiter) = queue.pop_front()
        {
            waiter.notified.store(true, Ordering::SeqCst);
            waiter.thread.unpark();
            woken += 1;
        }
        if queue.is_empty() {
            queues.remove(&address);
        }
        woken
    }
}
