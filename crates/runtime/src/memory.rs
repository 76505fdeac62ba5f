//! Memories as an embedder sees them: sizes, reads and writes, and memories that several stores share.

use crate::engine::Engine;
use crate::error::Error;
use crate::instance::Instance;
use crate::module::{ExternIndex, MemoryType};
use crate::store::Store;
use crate::trap::TrapCode;
use crate::vm::Memory;
use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;

/// A linear memory that instances of several stores, and so several threads, use at once. Cheap to clone; all clones
/// are the same memory.
#[derive(Clone)]
pub struct SharedMemory {
    memory: Arc<Memory>,
}

impl SharedMemory {
    /// A new memory, all zero.
    ///
    /// # Errors
    /// When the type is not that of a shared memory, or when there is no space for it.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<Self, Error> {
        if !ty.shared || ty.maximum.is_none() {
            return Err(Error::Limit("the type of a shared memory says so, and has a maximum".into()));
        }
        Ok(Self { memory: Arc::new(Memory::new(ty, engine.config().max_memory)?) })
    }

    pub(crate) fn of(memory: &Arc<Memory>) -> Option<Self> {
        memory.shared().then(|| Self { memory: Arc::clone(memory) })
    }

    pub(crate) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// Its declared type, with the current size as the minimum.
    #[must_use]
    pub fn ty(&self) -> MemoryType {
        self.memory.ty()
    }

    /// Bytes that it has; it may grow at any time.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.memory.length()
    }

    /// Reads from `at` on; false, and nothing read, if not all of it is in the memory. Other threads may write
    /// meanwhile: each aligned word is one that was there.
    #[must_use]
    pub fn read(&self, at: u64, into: &mut [u8]) -> bool {
        self.memory.read(at, into).is_some()
    }

    /// Writes at `at`; false, and nothing written, if not all of it is in the memory.
    #[must_use]
    pub fn write(&self, at: u64, from: &[u8]) -> bool {
        self.memory.write(at, from).is_some()
    }

    /// Wakes up to `count` threads that wait at an address; returns how many there were.
    pub fn notify(&self, at: u64, count: u32) -> u32 {
        self.memory.waiters().notify(at, count)
    }
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMemory").field("ty", &self.ty()).finish_non_exhaustive()
    }
}

/// The bytes of a memory, as a host function may use them.
pub enum MemoryBytes<'a> {
    /// The memory is the store's own, and so the caller's for now.
    Own(&'a mut [u8]),
    /// Other threads may use the memory at the same time.
    Shared(&'a [UnsafeCell<u8>]),
}

impl MemoryBytes<'_> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Own(bytes) => bytes.len(),
            Self::Shared(cells) => cells.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Instance {
    /// An exported memory that is shared.
    #[must_use]
    pub fn get_shared_memory(self, store: &Store, name: &str) -> Option<SharedMemory> {
        match store.instances.get(self.index())?.info().export(name)? {
            ExternIndex::Memory(index) => SharedMemory::of(store.memory_of(self.index(), index)?),
            _ => None,
        }
    }
}

impl Store {
    pub(crate) fn add_memory(&mut self, ty: MemoryType) -> Result<usize, Error> {
        let memory = Memory::new(ty, self.engine().config().max_memory)?;
        self.memories.push(Arc::new(memory));
        Ok(self.memories.len() - 1)
    }

    /// The index of a shared memory, which this store uses from now on.
    pub(crate) fn use_shared_memory(&mut self, shared: &SharedMemory) -> usize {
        let known = self.memories.iter().position(|memory| Arc::ptr_eq(memory, shared.memory()));
        known.unwrap_or_else(|| {
            self.memories.push(Arc::clone(shared.memory()));
            self.memories.len() - 1
        })
    }

    pub(crate) fn memory_of(&self, instance: usize, memory: u32) -> Option<&Arc<Memory>> {
        let index = *self.instances.get(instance)?.memories.get(memory as usize)?;
        self.memories.get(index)
    }

    /// The bytes of a memory.
    pub(crate) fn memory_bytes(&mut self, instance: usize, memory: u32) -> Option<MemoryBytes<'_>> {
        let index = *self.instances.get(instance)?.memories.get(memory as usize)?;
        let memory = self.memories.get_mut(index)?;
        if memory.shared() {
            return Some(MemoryBytes::Shared(memory.cells()));
        }
        Arc::get_mut(memory).map(|memory| MemoryBytes::Own(memory.bytes_mut()))
    }

    /// `memory.init`.
    pub(crate) fn init_memory(
        &mut self,
        instance: usize,
        memory: u32,
        data: u32,
        at: u64,
        source: u64,
        length: u64,
    ) -> Result<(), TrapCode> {
        let code = TrapCode::MemoryOutOfBounds;
        let bytes = self.instances[instance].data(data);
        let bytes = bytes.get(crate::vm::range(source, length).ok_or(code)?).ok_or(code)?;
        self.memory_of(instance, memory).and_then(|memory| memory.write(at, bytes)).ok_or(code)
    }

    /// The type of a memory, with its current size as the minimum.
    #[must_use]
    pub fn memory_type(&self, instance: Instance, memory: u32) -> Option<MemoryType> {
        self.memory_of(instance.index(), memory).map(|memory| memory.ty())
    }

    /// Bytes that a memory has.
    #[must_use]
    pub fn memory_size(&self, instance: Instance, memory: u32) -> Option<u64> {
        self.memory_of(instance.index(), memory).map(|memory| memory.length())
    }

    /// Reads a memory from `at` on; returns how many bytes there were, fewer at its end. None if there is no such
    /// memory.
    #[must_use]
    pub fn read_memory(&self, instance: Instance, memory: u32, at: u64, into: &mut [u8]) -> Option<usize> {
        let memory = self.memory_of(instance.index(), memory)?;
        let left = usize::try_from(memory.length().saturating_sub(at)).unwrap_or(usize::MAX);
        let count = left.min(into.len());
        if count > 0 {
            memory.read(at, &mut into[..count])?;
        }
        Some(count)
    }

    /// Writes to a memory, all bytes or none; false if not all of them are in it.
    #[must_use]
    pub fn write_memory(&mut self, instance: Instance, memory: u32, at: u64, from: &[u8]) -> bool {
        self.debug.watch.embedder_wrote = true;
        self.memory_of(instance.index(), memory).is_some_and(|memory| memory.write(at, from).is_some())
    }
}
