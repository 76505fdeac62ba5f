//! The address space of a garbage-collected heap: one range of pages, which read as zero until they are written.
//!
//! Every access is checked against the range, so that the heap above is safe code: a wrong address there is a panic
//! (which becomes the guest's failure), never an access to foreign memory.
#![expect(unsafe_code, reason = "maps address space and lends it out as slices")]

/// Bytes of a page of the operating system.
pub(crate) const PAGE: usize = 4096;

/// A reserved range of addresses.
pub(crate) struct Space {
    base: usize,
    length: usize,
}

impl Space {
    /// A space without any address.
    pub(crate) const fn empty() -> Self {
        Self { base: 0, length: 0 }
    }

    /// Reserves `length` bytes, rounded down to whole pages. None if there is no such address space.
    pub(crate) fn reserve(length: usize) -> Option<Self> {
        let length = length / PAGE * PAGE;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        if length == 0 {
            return None;
        }
        // SAFETY: a fresh mapping, nothing is replaced.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0) };
        (base != libc::MAP_FAILED).then(|| Self { base: base.expose_provenance(), length })
    }

    /// Address of the first byte.
    pub(crate) fn base(&self) -> u64 {
        self.base as u64
    }

    /// Bytes in all.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    fn offset(&self, at: u64, length: usize) -> usize {
        let offset = usize::try_from(at.wrapping_sub(self.base as u64)).unwrap_or(usize::MAX);
        let inside = offset.checked_add(length).is_some_and(|end| end <= self.length);
        assert!(inside, "{at:#x} is no address of the garbage-collected heap");
        offset
    }

    /// The bytes at an address.
    pub(crate) fn bytes(&self, at: u64, length: usize) -> &[u8] {
        let start = std::ptr::with_exposed_provenance::<u8>(self.base + self.offset(at, length));
        // SAFETY: within the mapping; compiled code, which writes it too, does not run while somebody has its store.
        unsafe { std::slice::from_raw_parts(start, length) }
    }

    /// The bytes at an address.
    pub(crate) fn bytes_mut(&mut self, at: u64, length: usize) -> &mut [u8] {
        let start = std::ptr::with_exposed_provenance_mut::<u8>(self.base + self.offset(at, length));
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(start, length) }
    }

    /// Reads an array of bytes.
    pub(crate) fn read<const N: usize>(&self, at: u64) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.bytes(at, N));
        bytes
    }

    pub(crate) fn read_u32(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.read(at))
    }

    pub(crate) fn read_u64(&self, at: u64) -> u64 {
        u64::from_le_bytes(self.read(at))
    }

    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) {
        self.bytes_mut(at, bytes.len()).copy_from_slice(bytes);
    }

    /// Copies bytes; the places may overlap.
    pub(crate) fn copy(&mut self, from: u64, to: u64, length: usize) {
        let (from, to) = (self.offset(from, length), self.offset(to, length));
        let all = self.bytes_mut(self.base(), self.length);
        all.copy_within(from..from + length, to);
    }

    /// Gives the memory of whole pages back to the operating system: they read as zero.
    pub(crate) fn discard(&mut self, at: u64, length: usize) {
        let start = self.base + self.offset(at, length);
        if !start.is_multiple_of(PAGE) || !length.is_multiple_of(PAGE) {
            self.bytes_mut(at, length).fill(0);
            return;
        }
        let pointer = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: whole pages of this mapping, which `self` owns.
        if unsafe { libc::madvise(pointer, length, libc::MADV_DONTNEED) } != 0 {
            self.bytes_mut(at, length).fill(0);
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if self.length == 0 {
            return;
        }
        // SAFETY: the mapping made in `reserve`, which nobody else owns.
        unsafe { libc::munmap(std::ptr::with_exposed_provenance_mut(self.base), self.length) };
    }
}
