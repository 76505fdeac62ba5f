//! The address space of a store's code, handed out from its beginning to its end.
//!
//! Why not a memory provider of cranelift-jit? Theirs give pages of their own to whatever is published together. Here
//! functions that are compiled one by one lie side by side: at the beginnings of pages all of them would compete for the
//! same lines of the caches.
#![expect(unsafe_code, reason = "maps address space")]

use super::pages::CodePages;
use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::{ModuleError, ModuleResult};
use std::io;
use std::ops::Range;

/// A reserved range of addresses. Nothing of it can be accessed until it is handed out.
pub(super) struct Arena {
    range: Range<usize>,
    /// Where what was handed out ends.
    taken: usize,
    pages: CodePages,
}

impl Arena {
    /// Reserves `length` bytes, a multiple of the size of a page, for code on `pages`.
    pub(super) fn reserve(length: usize, pages: CodePages) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping, nothing is replaced.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = base.expose_provenance();
        Ok(Self { range: start..start + length, taken: start, pages })
    }

    /// All addresses.
    pub(super) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The address of `length` bytes behind everything that was handed out, with at least one byte between: an address
    /// just behind a function belongs to no other. None if there is no room.
    fn take(&mut self, length: usize, alignment: usize) -> Option<usize> {
        let start = (self.taken + 1).checked_next_multiple_of(alignment)?;
        let end = start.checked_add(length).filter(|end| *end <= self.range.end)?;
        self.taken = end;
        Some(start)
    }
}

impl JITMemoryProvider for Arena {
    fn allocate(&mut self, size: usize, align: u64, kind: JITMemoryKind) -> io::Result<*mut u8> {
        if !matches!(kind, JITMemoryKind::Executable) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "it is for code only"));
        }
        let alignment = usize::try_from(align).unwrap_or(usize::MAX);
        let full = || io::Error::new(io::ErrorKind::OutOfMemory, format!("no room for {size} bytes of code"));
        let start = self.take(size, alignment).ok_or_else(full)?;
        self.pages.open(start..start + size)?;
        Ok(std::ptr::with_exposed_provenance_mut(start))
    }

    unsafe fn free_memory(&mut self) {
        let start = std::ptr::with_exposed_provenance_mut(self.range.start);
        // SAFETY: this mapping; the caller promises that nothing of it is used again.
        if unsafe { libc::munmap(start, self.range.len()) } != 0 {
            tracing::error!(error = %io::Error::last_os_error(), "cannot unmap code");
        }
        self.range = 0..0;
        self.taken = 0;
    }

    fn finalize(&mut self, _branch_protection: BranchProtection) -> ModuleResult<()> {
        self.pages.close().map_err(|err| ModuleError::Allocation { err })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_aligned_and_apart() {
        let mut arena = Arena::reserve(1 << 16, CodePages::default()).expect("there is address space");
        let first = arena.take(16, 16).expect("there is room");
        let second = arena.take(1, 64).expect("there is room");
        assert!(arena.range().contains(&first) && first.is_multiple_of(16));
        assert!(second > first + 16 && second.is_multiple_of(64));
    }

    #[test]
    fn no_more_is_taken_than_there_is() {
        let mut arena = Arena::reserve(1 << 12, CodePages::default()).expect("there is address space");
        assert_eq!(arena.take(1 << 12, 1), None);
        assert!(arena.take((1 << 12) - 1, 1).is_some());
        assert_eq!(arena.take(1, 1), None);
    }
}
