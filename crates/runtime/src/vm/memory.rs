//! Linear memories.
//!
//! A memory is reserved in full, and accessible up to its length. So it grows in place, and its base never changes.
//!
//! Compiled code of several threads may use a shared memory at once. Rust code gets no reference to its bytes, and what
//! it reads and writes there it does with atomic accesses. A memory that is not shared belongs to one store, and
//! compiled code does not run while somebody holds that; so it may be used as plain bytes.
#![expect(unsafe_code, reason = "maps address space, and reads and writes it by address")]

use super::waiters::Waiters;
use crate::debug::SharedPlaces;
use crate::error::Error;
use crate::module::{IndexType, MemoryType};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes of a page.
pub(crate) const PAGE: u64 = 1 << 16;
/// A 32-bit index plus a 32-bit offset plus the widest access names an address below this.
const RESERVED: u64 = (1 << 33) + (1 << 16);
/// Bytes of a memory that fills its 32-bit address space.
const LARGEST_32: u64 = 1 << 32;
/// Bytes that are copied at a time from or to a shared memory.
const CHUNK: usize = 4096;

/// What compiled code sees: see `offsets::view`.
#[repr(C)]
struct MemoryView {
    base: usize,
    /// Grows only.
    length: AtomicU64,
}

/// A linear memory. It stays where it is while anybody has it, hence the `Arc`s around it.
pub(crate) struct Memory {
    view: MemoryView,
    ty: MemoryType,
    /// Bytes that it can have.
    maximum: u64,
    reserved: usize,
    growing: Mutex<()>,
    waiters: Waiters,
    watched: SharedPlaces,
}

impl Memory {
    /// A memory of at most `limit` bytes.
    pub(crate) fn new(ty: MemoryType, limit: u64) -> Result<Self, Error> {
        let wanted = ty.minimum.checked_mul(PAGE).filter(|bytes| *bytes <= limit).ok_or_else(|| {
            Error::Limit(format!("a memory of {} pages is above the limit of {limit} bytes", ty.minimum))
        })?;
        let (largest, reserved) = match ty.index {
            IndexType::I32 => (LARGEST_32.min(limit), Some(RESERVED)),
            IndexType::I64 => (limit, None),
        };
        let declared = ty.maximum.map_or(largest, |pages| pages.saturating_mul(PAGE));
        let maximum = declared.min(largest) / PAGE * PAGE;
        let reserved = usize::try_from(reserved.unwrap_or(maximum.max(PAGE)));
        let memory = Self {
            view: reserve(reserved.unwrap_or(usize::MAX))?,
            ty,
            maximum,
            reserved: reserved.unwrap_or(usize::MAX),
            growing: Mutex::new(()),
            waiters: Waiters::default(),
            watched: SharedPlaces::default(),
        };
        match memory.grow(wanted / PAGE) {
            Some(_) => Ok(memory),
            None => Err(failed("allocate")),
        }
    }

    /// Its declared type, with the current size as the minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType { minimum: self.length() / PAGE, ..self.ty }
    }

    pub(crate) fn shared(&self) -> bool {
        self.ty.shared
    }

    /// Bytes that it has. Those of a shared memory may be more a moment later, never fewer.
    pub(crate) fn length(&self) -> u64 {
        self.view.length.load(Ordering::SeqCst)
    }

    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// What debuggers of several stores watch, if it is shared.
    pub(crate) fn watched(&self) -> &SharedPlaces {
        &self.watched
    }

    /// The address of what compiled code sees.
    pub(crate) fn view_address(&self) -> usize {
        (&raw const self.view).expose_provenance()
    }

    /// The address of its first byte.
    pub(crate) fn base(&self) -> usize {
        self.view.base
    }

    /// Grows by `pages`; returns the old size in pages, or none if that is not possible.
    pub(crate) fn grow(&self, pages: u64) -> Option<u64> {
        let _one_at_a_time = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.length();
        let new = pages.checked_mul(PAGE)?.checked_add(old).filter(|new| *new <= self.maximum)?;
        let bytes = usize::try_from(new).ok()?;
        let base = std::ptr::with_exposed_provenance_mut(self.view.base);
        // SAFETY: the first `bytes` bytes of this memory's own reservation.
        if new > old && unsafe { libc::mprotect(base, bytes, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
            return None;
        }
        self.view.length.store(new, Ordering::SeqCst);
        Some(old / PAGE)
    }

    /// The address of `length` bytes from `at` on, if the memory has them.
    fn address(&self, at: u64, length: usize) -> Option<*mut u8> {
        let end = at.checked_add(length as u64)?;
        let offset = usize::try_from(at).ok().filter(|_| end <= self.length())?;
        Some(std::ptr::with_exposed_provenance_mut(self.view.base + offset))
    }

    /// Reads from `at` on; none, and nothing read, if not all of it is there.
    pub(crate) fn read(&self, at: u64, into: &mut [u8]) -> Option<()> {
        let from = self.address(at, into.len())?;
        if self.ty.shared {
            // SAFETY: `address` checked the bounds; a memory's bytes stay accessible while it lives.
            unsafe { read_shared(from, into) };
        } else {
            // SAFETY: as above; compiled code does not run while somebody holds the memory's store.
            unsafe { std::ptr::copy(from, into.as_mut_ptr(), into.len()) };
        }
        Some(())
    }

    /// Writes at `at`; none, and nothing written, if not all of it is there. For a memory that is not shared the
    /// caller has its store to itself.
    pub(crate) fn write(&self, at: u64, from: &[u8]) -> Option<()> {
        let to = self.address(at, from.len())?;
        if self.ty.shared {
            // SAFETY: as in `read`.
            unsafe { write_shared(to, from) };
        } else {
            // SAFETY: as in `read`.
            unsafe { std::ptr::copy(from.as_ptr(), to, from.len()) };
        }
        Some(())
    }

    /// `memory.fill`; none, and nothing written, if not all of it is there. As for [`Memory::write`].
    pub(crate) fn fill(&self, at: u64, value: u8, length: u64) -> Option<()> {
        let count = usize::try_from(length).ok()?;
        let to = self.address(at, count)?;
        if self.ty.shared {
            for (start, length) in chunks(length) {
                self.write(at + start, &[value; CHUNK][..length])?;
            }
        } else {
            // SAFETY: as in `read`.
            unsafe { std::ptr::write_bytes(to, value, count) };
        }
        Some(())
    }

    /// `memory.copy`; none, and nothing written, if not all of it is there. As for [`Memory::write`].
    pub(crate) fn copy(&self, at: u64, from: &Self, source: u64, length: u64) -> Option<()> {
        let count = usize::try_from(length).ok()?;
        let (first, to) = (from.address(source, count)?, self.address(at, count)?);
        if !self.ty.shared && !from.ty.shared {
            // SAFETY: as in `read`.
            unsafe { std::ptr::copy(first, to, count) };
            return Some(());
        }
        let mut buffer = [0; CHUNK];
        let mut copy = |(start, length): (u64, usize)| {
            let part = &mut buffer[..length];
            from.read(source + start, part)?;
            self.write(at + start, part)
        };
        // What is copied last must not have been overwritten by then.
        if at <= source {
            chunks(length).try_for_each(copy)
        } else {
            chunks(length).rev().try_for_each(&mut copy)
        }
    }

    /// The value at an address that is a multiple of 4; none if it is not there.
    pub(crate) fn load32(&self, at: u64) -> Option<u32> {
        let from: *mut u32 = self.address(at, 4)?.cast();
        // SAFETY: `address` checked the bounds; the base is aligned to pages, and `at` to 4.
        let place = from.is_aligned().then(|| unsafe { AtomicU32::from_ptr(from) })?;
        Some(place.load(Ordering::SeqCst))
    }

    /// The value at an address that is a multiple of 8; none if it is not there.
    pub(crate) fn load64(&self, at: u64) -> Option<u64> {
        let from: *mut u64 = self.address(at, 8)?.cast();
        // SAFETY: as in `load32`.
        let place = from.is_aligned().then(|| unsafe { AtomicU64::from_ptr(from) })?;
        Some(place.load(Ordering::SeqCst))
    }

    /// All of its bytes, while nobody else can use them. Not for shared memories.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let base = std::ptr::with_exposed_provenance_mut(self.view.base);
        let length = usize::try_from(self.length()).unwrap_or_default();
        // SAFETY: accessible and initialised (zero); the memory is borrowed exclusively, and so is its store, so that
        // compiled code does not run.
        unsafe { std::slice::from_raw_parts_mut(base, length) }
    }

    /// All of its bytes, for somebody who minds that other threads use them.
    pub(crate) fn cells(&self) -> &[UnsafeCell<u8>] {
        let base = std::ptr::with_exposed_provenance(self.view.base);
        let length = usize::try_from(self.length()).unwrap_or_default();
        // SAFETY: accessible and initialised (zero), and a cell may change at any time.
        unsafe { std::slice::from_raw_parts(base, length) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let base = std::ptr::with_exposed_provenance_mut(self.view.base);
        // SAFETY: the reservation made in `reserve`, which nobody else knows.
        unsafe { libc::munmap(base, self.reserved) };
    }
}

fn failed(what: &str) -> Error {
    Error::Limit(format!("cannot {what} a memory: {}", std::io::Error::last_os_error()))
}

/// Address space of which nothing is accessible.
fn reserve(bytes: usize) -> Result<MemoryView, Error> {
    // SAFETY: a fresh mapping, nothing is replaced.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if base == libc::MAP_FAILED {
        return Err(failed("reserve address space for"));
    }
    Ok(MemoryView { base: base.expose_provenance(), length: AtomicU64::new(0) })
}

/// Offsets and lengths of the chunks of `length` bytes.
fn chunks(length: u64) -> impl DoubleEndedIterator<Item = (u64, usize)> {
    let chunk = CHUNK as u64;
    (0..length.div_ceil(chunk)).map(move |index| {
        let start = index * chunk;
        (start, usize::try_from((length - start).min(chunk)).unwrap_or(CHUNK))
    })
}

/// Copies from memory that other threads may write: words where they are aligned, else bytes.
///
/// # Safety
/// The bytes are accessible, and everybody else uses them by atomic accesses or from compiled code.
unsafe fn read_shared(from: *mut u8, into: &mut [u8]) {
    let head = from.align_offset(8).min(into.len());
    let (head, rest) = into.split_at_mut(head);
    let (words, tail) = rest.as_chunks_mut::<8>();
    let (first_word, first_tail) = (head.len(), head.len() + words.len() * 8);
    for (start, bytes) in [(0, head), (first_tail, tail)] {
        for (index, byte) in (start..).zip(bytes) {
            let at = from.wrapping_add(index);
            // SAFETY: the caller's promise.
            *byte = unsafe { AtomicU8::from_ptr(at) }.load(Ordering::Relaxed);
        }
    }
    for (index, word) in (0..).zip(words) {
        let at = from.wrapping_add(first_word + index * 8).cast();
        // SAFETY: the caller's promise; `head` ends at a word's boundary.
        *word = unsafe { AtomicU64::from_ptr(at) }.load(Ordering::Relaxed).to_ne_bytes();
    }
}

/// Copies to memory that other threads may use: words where they are aligned, else bytes.
///
/// # Safety
/// As for [`read_shared`].
unsafe fn write_shared(to: *mut u8, from: &[u8]) {
    let head = to.align_offset(8).min(from.len());
    let (head, rest) = from.split_at(head);
    let (words, tail) = rest.as_chunks::<8>();
    let (first_word, first_tail) = (head.len(), head.len() + words.len() * 8);
    for (start, bytes) in [(0, head), (first_tail, tail)] {
        for (index, byte) in (start..).zip(bytes) {
            let at = to.wrapping_add(index);
            // SAFETY: the caller's promise.
            unsafe { AtomicU8::from_ptr(at) }.store(*byte, Ordering::Relaxed);
        }
    }
    for (index, word) in (0..).zip(words) {
        let at = to.wrapping_add(first_word + index * 8).cast();
        // SAFETY: the caller's promise; `head` ends at a word's boundary.
        unsafe { AtomicU64::from_ptr(at) }.store(u64::from_ne_bytes(*word), Ordering::Relaxed);
    }
}
