//! A core dump as a guest that stands.

mod frames;
mod restore;

use crate::error::Error;
use crate::event::Stop;
use crate::record::Standing;
use core_dump::{CoreDump, ReasonKind, WasmFrame as DumpedFrame};
use runtime::{Engine, MemoryType, Module, SharedMemory, Store, TrapCode};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A core dump with the modules that it is of.
pub struct Record {
    dump: CoreDump,
    modules: Vec<Module>,
    engine: Engine,
    /// By their indices in the dump, once a thread has them.
    shared: Mutex<BTreeMap<u32, SharedMemory>>,
}

impl Record {
    /// Puts a core dump and modules together, one for each of the dump's, in their order.
    ///
    /// # Errors
    /// When the dump cannot be of these modules: it names functions, operators, memories that they have not.
    pub fn new(dump: CoreDump, modules: Vec<Module>, engine: &Engine) -> Result<Self, Error> {
        let record = Self { dump, modules, engine: engine.clone(), shared: Mutex::default() };
        let wrong =
            |module: &Module, why: String| Err(Error::OtherModule { module: module.name().to_owned(), why });
        for instance in &record.dump.instances {
            let module = record.module(instance.module)?;
            let counts = [
                ("memories", instance.memories.len(), module.memories().len()),
                ("globals", instance.globals.len(), module.globals().len()),
            ];
            if let Some((what, had, has)) = counts.into_iter().find(|(_, had, has)| had != has) {
                return wrong(module, format!("it had {had} {what}, and has {has}"));
            }
        }
        for frame in record.dump.threads.iter().flat_map(|thread| &thread.frames) {
            let core_dump::Frame::Wasm(frame) = frame else { continue };
            let module = record.module_of(frame)?;
            let Some(body) = module.body_range(frame.function) else {
                return wrong(module, format!("it has no function {}", frame.function));
            };
            let pcs = [Some(frame.offset), frame.next];
            for offset in pcs.into_iter().flatten().filter(|offset| *offset > 0) {
                let is_in = body.start.0.checked_add(offset).is_some_and(|pc| pc < body.end.0);
                if !is_in || module.operator(body.start.offset(offset)).is_none() {
                    return wrong(
                        module,
                        format!("function {} has no operator at {offset:#x}", frame.function),
                    );
                }
            }
        }
        Ok(record)
    }

    /// How many threads it has. One without frames, if nothing is known of any.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.dump.threads.len().max(1)
    }

    /// The index of the thread because of which it was written.
    pub(crate) fn crashed(&self) -> usize {
        self.dump.crashed
    }

    fn module(&self, index: u32) -> Result<&Module, Error> {
        usize::try_from(index).ok().and_then(|index| self.modules.get(index)).ok_or(Error::NoModule(index))
    }

    fn module_of(&self, frame: &DumpedFrame) -> Result<&Module, Error> {
        let instance = usize::try_from(frame.instance).ok().and_then(|index| self.dump.instances.get(index));
        self.module(instance.ok_or(Error::NoEntity("instance"))?.module)
    }

    /// Why it was written.
    fn stop(&self) -> Stop {
        let Some(reason) = &self.dump.reason else {
            return Stop::Recorded { message: "the core dump does not say why it was written".to_owned() };
        };
        let message = reason.message.clone();
        match (reason.kind, TrapCode::from_words(&reason.code)) {
            (ReasonKind::Trap, Some(code)) => Stop::Trap { code, message },
            (ReasonKind::Exception, _) => Stop::Exception { caught: false, rethrown: false, message },
            (ReasonKind::Host, _) => Stop::HostError { message },
            (ReasonKind::Trap | ReasonKind::Stop, _) => Stop::Recorded { message },
        }
    }

    /// Fills a store with what a thread had.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(crate) fn restore(&self, store: &mut Store, thread: usize) -> Result<Standing, Error> {
        for module in &self.modules {
            store.load(module)?;
        }
        let described = self.dump.threads.get(thread);
        let all = 0..u32::try_from(self.dump.instances.len()).unwrap_or(u32::MAX);
        let range = described.map_or(all, |thread| thread.instances.clone());
        let (instances, unknown_globals) = restore::instances(self, store, range)?;
        let frames = described.map(|thread| thread.frames.as_slice()).unwrap_or_default();
        let (frames, slots) = frames::frames(self, store, &instances, frames)?;
        Ok(Standing { stop: self.stop(), frames, slots, unknown_globals })
    }

    /// A shared memory by its index, which is the same for all threads.
    fn shared_memory(&self, index: u32, ty: MemoryType) -> Result<SharedMemory, Error> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(memory) = shared.get(&index) {
            return Ok(memory.clone());
        }
        // A maximum is what makes it one that can be shared.
        let maximum = Some(ty.maximum.unwrap_or(ty.minimum));
        let memory = SharedMemory::new(&self.engine, MemoryType { shared: true, maximum, ..ty })?;
        for (address, bytes) in self.contents(index) {
            if !memory.write(address, bytes) {
                return Err(Error::NoEntity("memory"));
            }
        }
        shared.insert(index, memory.clone());
        Ok(memory)
    }

    /// What of a memory is not zero.
    fn contents(&self, memory: u32) -> impl Iterator<Item = (u64, &[u8])> {
        let memory = usize::try_from(memory).ok().and_then(|index| self.dump.memories.get(index));
        let segments = memory.map(|memory| memory.segments.as_slice()).unwrap_or_default();
        segments
            .iter()
            .filter_map(|segment| Some((segment.address, self.dump.file.get(segment.bytes.clone())?)))
    }
}
