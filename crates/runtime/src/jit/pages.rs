//! The pages of published code, and whether they may be executed.
//!
//! This is how another thread interrupts a guest that is anywhere in its code: it takes the right to execute away from
//! all pages. The guest's next instruction faults, and the signal handler, on the guest's own thread, gives the right
//! back and arms the loops. So a loop pays nothing for being interruptible but a NOP.
#![expect(
    unsafe_code,
    reason = "changes the protection of code, and writes into code that may be on the stack"
)]

use super::patch::Edit;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const PAGE: usize = 4096;
const EXECUTABLE: i32 = libc::PROT_READ | libc::PROT_EXEC;
const WRITABLE: i32 = libc::PROT_READ | libc::PROT_WRITE;

/// All pages of a store's code. Clones are of the same pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodePages {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The pages that hold code.
    range: Range<usize>,
    /// Those that are being written, the last ones: see [`CodePages::open`].
    open: Range<usize>,
    /// Whether an interrupt took the right to execute away.
    forbidden: bool,
}

impl State {
    /// The pages that nobody writes.
    fn closed(&self) -> Range<usize> {
        let end = if self.open.is_empty() { self.range.end } else { self.range.end.min(self.open.start) };
        self.range.start..end.max(self.range.start)
    }

    /// The protection of pages that nobody writes.
    fn at_rest(&self) -> i32 {
        if self.forbidden { libc::PROT_READ } else { EXECUTABLE }
    }
}

impl CodePages {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Any thread: makes the guest's next instruction fault. Nothing happens if the store is gone.
    pub(crate) fn forbid(&self) {
        let mut state = self.lock();
        state.forbidden = true;
        protect_or_abort(&state.closed(), libc::PROT_READ);
    }

    /// The guest's thread: more code is about to be written, behind everything else. Its first page may hold other code
    /// already, which does not run meanwhile.
    ///
    /// # Errors
    /// When the system does not let the pages be written.
    pub(super) fn open(&self, code: Range<usize>) -> io::Result<()> {
        let mut state = self.lock();
        let pages = pages_of(code);
        protect(&pages, WRITABLE)?;
        let open = &state.open;
        state.open = if open.is_empty() { pages } else { open.start..pages.end };
        Ok(())
    }

    /// The guest's thread: that code is written.
    ///
    /// # Errors
    /// When the system does not let it run.
    pub(super) fn close(&self) -> io::Result<()> {
        let mut state = self.lock();
        let pages = std::mem::take(&mut state.open);
        if pages.is_empty() {
            return Ok(());
        }
        protect(&pages, state.at_rest())?;
        let start = if state.range.is_empty() { pages.start } else { state.range.start };
        state.range = start..pages.end;
        Ok(())
    }

    /// The code is about to be unmapped.
    pub(super) fn remove_all(&self) {
        self.lock().range = 0..0;
    }

    /// The guest's thread, after [`CodePages::forbid`]: makes the edits, and lets the code run again.
    ///
    /// It runs in a signal handler: it needs little stack, and takes no memory.
    ///
    /// # Safety
    /// As for [`CodePages::write`].
    pub(super) unsafe fn allow(&self, edits: impl Iterator<Item = Edit>) {
        let mut state = self.lock();
        state.forbidden = false;
        protect_or_abort(&state.range, WRITABLE);
        for edit in edits {
            // SAFETY: the caller's promise; all pages are writable.
            unsafe { edit.write() };
        }
        protect_or_abort(&state.range, EXECUTABLE);
    }

    /// The guest's thread: makes the edits, with one change of protection for each run of neighbouring pages.
    ///
    /// # Safety
    /// Every edit names a patch site or a stub among these pages, and no thread is running in them. (The guest's
    /// thread may have frames there: it goes on behind a site, never within one.)
    pub(super) unsafe fn write(&self, mut edits: Vec<Edit>) -> io::Result<()> {
        edits.sort_by_key(|edit| edit.end);
        let state = self.lock();
        let mut rest = edits.as_slice();
        while let Some(first) = rest.first() {
            let mut run = pages_of(first.start()..first.end);
            let mut count = 0;
            for edit in rest {
                if edit.start() >= run.end + PAGE {
                    break;
                }
                run.end = pages_of(edit.start()..edit.end).end;
                count += 1;
            }
            let (now, after) = rest.split_at(count);
            protect(&run, WRITABLE)?;
            for edit in now {
                // SAFETY: the caller's promise; the pages are writable.
                unsafe { edit.write() };
            }
            protect_or_abort(&run, state.at_rest());
            rest = after;
        }
        Ok(())
    }
}

/// The pages that hold a range of addresses.
fn pages_of(range: Range<usize>) -> Range<usize> {
    range.start & !(PAGE - 1)..range.end.next_multiple_of(PAGE)
}

fn protect(pages: &Range<usize>, protection: i32) -> io::Result<()> {
    let start = std::ptr::with_exposed_provenance_mut(pages.start);
    // SAFETY: whole pages of the code arena, which this process owns and nobody else maps.
    let result = unsafe { libc::mprotect(start, pages.len(), protection) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Changes a protection that the guest needs: there is no state to return to.
fn protect_or_abort(pages: &Range<usize>, protection: i32) {
    if let Err(error) = protect(pages, protection) {
        tracing::error!(%error, "cannot change the protection of code");
        std::process::abort();
    }
}
