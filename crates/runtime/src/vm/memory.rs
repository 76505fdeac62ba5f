//! Linear memories.
#![expect(unsafe_code, reason = "maps address space and lends it out as slices")]

use crate::error::Error;
use crate::module::MemoryType;

/// Bytes of a page.
const PAGE: u64 = 1 << 16;
/// A 32-bit index plus a 32-bit offset plus the widest access names an address below this.
const RESERVED: usize = (1 << 33) + (1 << 16);
/// Pages of a memory that fills its 32-bit address space.
const MAX_PAGES: u32 = 1 << 16;

/// What compiled code sees: see `offsets::view`.
#[repr(C)]
struct MemoryView {
    base: usize,
    length: u64,
}

/// A linear memory: reserved in full, accessible up to its length, so that it grows in place and accesses behind its
/// length fault.
pub(crate) struct Memory {
    /// Boxed, since compiled code keeps its address.
    view: Box<MemoryView>,
    maximum: u32,
    ty: MemoryType,
}

impl Memory {
    pub(crate) fn new(ty: MemoryType) -> Result<Self, Error> {
        let failed =
            |what: &str| Error::Limit(format!("cannot {what} a memory: {}", std::io::Error::last_os_error()));
        // SAFETY: a fresh mapping, nothing is replaced.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                RESERVED,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(failed("reserve address space for"));
        }
        let maximum = ty.maximum.unwrap_or(MAX_PAGES).min(MAX_PAGES);
        let view = Box::new(MemoryView { base: base.expose_provenance(), length: 0 });
        let mut memory = Self { view, maximum: maximum.max(ty.minimum), ty };
        if memory.grow(ty.minimum).is_none() {
            return Err(failed("allocate"));
        }
        Ok(memory)
    }

    /// Its declared type, with the current size as the minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType { minimum: self.pages(), maximum: self.ty.maximum }
    }

    /// The address of what compiled code sees.
    pub(crate) fn view_address(&self) -> usize {
        (&raw const *self.view).expose_provenance()
    }

    pub(crate) fn pages(&self) -> u32 {
        u32::try_from(self.view.length / PAGE).unwrap_or(MAX_PAGES)
    }

    /// Grows by `pages`; returns the old size in pages, or none if that is not possible.
    pub(crate) fn grow(&mut self, pages: u32) -> Option<u32> {
        let old = self.pages();
        let new = old.checked_add(pages).filter(|new| *new <= self.maximum)?;
        let bytes = usize::try_from(u64::from(new) * PAGE).ok()?;
        let base = std::ptr::with_exposed_provenance_mut(self.view.base);
        // SAFETY: the first `bytes` bytes of this memory's own reservation.
        if bytes > 0 && unsafe { libc::mprotect(base, bytes, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
            return None;
        }
        self.view.length = u64::from(new) * PAGE;
        Some(old)
    }

    /// All of its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        let base = std::ptr::with_exposed_provenance(self.view.base);
        // SAFETY: accessible and initialised (zero); Wasm code does not run while somebody holds a `Store`.
        unsafe { std::slice::from_raw_parts(base, usize::try_from(self.view.length).unwrap_or_default()) }
    }

    /// All of its bytes.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let base = std::ptr::with_exposed_provenance_mut(self.view.base);
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(base, usize::try_from(self.view.length).unwrap_or_default()) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the reservation made in `new`, which nobody else knows.
        unsafe { libc::munmap(std::ptr::with_exposed_provenance_mut(self.view.base), RESERVED) };
    }
}
