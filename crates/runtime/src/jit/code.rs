//! Executable memory of a store: what was put into it, and which code an address belongs to.
#![expect(unsafe_code, reason = "patches published code and frees it with the store")]

use super::compile::{Compiled, StackMap};
use super::handler::TrySite;
use super::patch::{self, Edit};
use super::{libcalls, stub, thunk};
use crate::engine::Engine;
use crate::error::Error;
use crate::trap::TrapCode;
use crate::unwind::{HostEntries, lazy_compile_address};
use crate::value::FuncType;
use crate::vm::Builtin;
use cranelift_codegen::ir::Signature;
use cranelift_codegen::isa::CallConv;
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{Module as _, ModuleReloc, default_libcall_names};
use frame_table::{FrameTable, ModulePc, TextOffset};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Address space for code. A call of the breakpoint thunk reaches 2 GiB.
const ARENA: usize = 1 << 30;

/// What is at an address of the arena.
#[derive(Clone)]
pub(crate) enum CodeKind {
    /// A function of a module.
    Function(Arc<FunctionCode>),
    /// A thunk or a stub: never a frame of its own in a walk.
    Glue,
}

/// A function's published code.
pub(crate) struct FunctionCode {
    /// Index of its module in the store.
    pub(crate) module: usize,
    /// Function index, imports included.
    pub(crate) function: u32,
    /// Where the code is.
    pub(crate) start: usize,
    /// What is where in its frames.
    pub(crate) frame: FrameTable,
    traps: Vec<(u32, TrapCode)>,
    sites: Vec<u32>,
    stack_maps: Vec<StackMap>,
    tries: Vec<TrySite>,
}

impl FunctionCode {
    /// An address in the code as an offset.
    pub(crate) fn offset(&self, pc: usize) -> TextOffset {
        TextOffset(crate::module::narrow(pc.wrapping_sub(self.start)))
    }

    /// Why the instruction at `pc` traps.
    pub(crate) fn trap_at(&self, pc: usize) -> Option<TrapCode> {
        let offset = self.offset(pc).0;
        let found = self.traps.binary_search_by_key(&offset, |trap| trap.0).ok()?;
        Some(self.traps[found].1)
    }

    /// Where the frame of a call that returns to `pc` holds references to objects, in bytes below its frame pointer.
    pub(crate) fn references_below_fp(&self, pc: usize) -> &[u32] {
        let offset = self.offset(pc).0;
        match self.stack_maps.binary_search_by_key(&offset, |map| map.returns_to) {
            Ok(found) => &self.stack_maps[found].below_fp,
            Err(_) => &[],
        }
    }

    /// The handlers of the call that returns to `pc`.
    pub(crate) fn try_site(&self, pc: usize) -> Option<&TrySite> {
        let found = self.tries.binary_search_by_key(&self.offset(pc), |site| site.returns_to).ok()?;
        self.tries.get(found)
    }

    /// The address that the site of the point at `pc` returns to.
    pub(crate) fn site_of(&self, pc: ModulePc) -> Option<usize> {
        let point = self.frame.at_or_after(pc).filter(|point| point.pc == pc)?;
        Some(self.start + point.site?.0 as usize)
    }

    /// The addresses that all sites return to.
    pub(crate) fn sites(&self) -> impl Iterator<Item = usize> {
        self.sites.iter().map(|site| self.start + *site as usize)
    }
}

/// All code of a store.
pub(crate) struct CodeMemory {
    engine: Engine,
    /// Taken when the store is dropped.
    jit: Option<JITModule>,
    /// By start address: the end, and what it is.
    registry: BTreeMap<usize, (usize, CodeKind)>,
    arena: Range<usize>,
    hosts: HostEntries,
    entries: HashMap<FuncType, usize>,
    host_thunks: HashMap<FuncType, usize>,
    builtins: Box<[usize]>,
    breakpoint: usize,
    /// How often published code was changed.
    publications: u64,
}

impl CodeMemory {
    /// Reserves the arena and makes the thunks that every store needs.
    pub(crate) fn new(engine: &Engine, hosts: HostEntries) -> Result<Self, Error> {
        let arena = ArenaMemoryProvider::new_with_size(ARENA)
            .map_err(|error| Error::Limit(format!("cannot reserve memory for code: {error}")))?;
        let mut builder = JITBuilder::with_isa(Arc::clone(engine.isa()), default_libcall_names());
        builder.memory_provider(Box::new(arena));
        builder.symbols(libcalls::symbols());
        let mut memory = Self {
            engine: engine.clone(),
            jit: Some(JITModule::new(builder)),
            registry: BTreeMap::new(),
            arena: 0..0,
            hosts,
            entries: HashMap::new(),
            host_thunks: HashMap::new(),
            builtins: Box::default(),
            breakpoint: 0,
            publications: 0,
        };
        let (bytes, alignment) = thunk::breakpoint(engine, hosts.breakpoint)?;
        memory.breakpoint = memory.publish(&bytes, alignment, &[], CodeKind::Glue)?;
        // The first allocation is at the start of the arena.
        memory.arena = memory.breakpoint..memory.breakpoint + ARENA;
        let mut builtins = Vec::new();
        for builtin in Builtin::ALL {
            let (bytes, alignment) = thunk::builtin(engine, *builtin, (hosts.builtin)(*builtin))?;
            builtins.push(memory.publish(&bytes, alignment, &[], CodeKind::Glue)?);
        }
        memory.builtins = builtins.into();
        Ok(memory)
    }

    fn publish(
        &mut self,
        bytes: &[u8],
        alignment: u64,
        relocs: &[ModuleReloc],
        kind: CodeKind,
    ) -> Result<usize, Error> {
        self.publish_with(bytes, alignment, relocs, |_| kind)
    }

    fn publish_with(
        &mut self,
        bytes: &[u8],
        alignment: u64,
        relocs: &[ModuleReloc],
        kind: impl FnOnce(usize) -> CodeKind,
    ) -> Result<usize, Error> {
        let failed =
            |error: cranelift_module::ModuleError| Error::Limit(format!("cannot place code: {error}"));
        let jit = self.jit.as_mut().ok_or_else(|| Error::Limit("the store is gone".into()))?;
        let id = jit.declare_anonymous_function(&Signature::new(CallConv::Tail)).map_err(failed)?;
        jit.define_function_bytes(id, alignment, bytes, relocs).map_err(failed)?;
        jit.finalize_definitions().map_err(failed)?;
        let start = jit.get_finalized_function(id).expose_provenance();
        self.registry.insert(start, (start + bytes.len(), kind(start)));
        Ok(start)
    }

    /// Puts a compiled function into executable memory.
    pub(crate) fn publish_function(
        &mut self,
        module: usize,
        function: u32,
        compiled: Compiled,
    ) -> Result<Arc<FunctionCode>, Error> {
        let Compiled { bytes, relocs, alignment, traps, sites, stack_maps, frame, tries } = compiled;
        let frame = FrameTable::new(frame);
        let mut code = None;
        self.publish_with(&bytes, alignment, &relocs, |start| {
            let published = FunctionCode { module, function, start, frame, traps, sites, stack_maps, tries };
            let published = Arc::new(published);
            code = Some(Arc::clone(&published));
            CodeKind::Function(published)
        })?;
        code.ok_or_else(|| Error::Limit("the code was not placed".into()))
    }

    /// Makes stubs for `count` functions; returns the address of each.
    pub(crate) fn publish_stubs(&mut self, count: usize) -> Result<Vec<usize>, Error> {
        let bytes = stub::stubs(count, lazy_compile_address());
        let start = self.publish(&bytes, 16, &[], CodeKind::Glue)?;
        Ok((0..count).map(|index| start + index * stub::STUB).collect())
    }

    /// The thunk that enters functions of a type.
    pub(crate) fn entry_thunk(&mut self, ty: &FuncType) -> Result<usize, Error> {
        if let Some(address) = self.entries.get(ty) {
            return Ok(*address);
        }
        let (bytes, alignment) = thunk::entry(&self.engine, ty)?;
        let address = self.publish(&bytes, alignment, &[], CodeKind::Glue)?;
        self.entries.insert(ty.clone(), address);
        Ok(address)
    }

    /// The thunk by which Wasm code calls host functions of a type.
    pub(crate) fn host_thunk(&mut self, ty: &FuncType) -> Result<usize, Error> {
        if let Some(address) = self.host_thunks.get(ty) {
            return Ok(*address);
        }
        let (bytes, alignment) = thunk::host(&self.engine, ty, self.hosts.function)?;
        let address = self.publish(&bytes, alignment, &[], CodeKind::Glue)?;
        self.host_thunks.insert(ty.clone(), address);
        Ok(address)
    }

    /// Addresses of the builtins' thunks, in the order of [`Builtin::ALL`].
    pub(crate) fn builtins(&self) -> &[usize] {
        &self.builtins
    }

    /// All addresses that code of this store can have.
    pub(crate) fn arena(&self) -> Range<usize> {
        self.arena.clone()
    }

    /// The code that `pc` is in. A return address may be just behind its code, so `pc` may be the end.
    pub(crate) fn at(&self, pc: usize) -> Option<&CodeKind> {
        let (_, (end, kind)) = self.registry.range(..=pc).next_back()?;
        (pc <= *end).then_some(kind)
    }

    /// The function that `pc` is in.
    pub(crate) fn function_at(&self, pc: usize) -> Option<&Arc<FunctionCode>> {
        match self.at(pc)? {
            CodeKind::Function(function) => Some(function),
            CodeKind::Glue => None,
        }
    }

    /// How often published code was changed.
    pub(crate) fn publications(&self) -> u64 {
        self.publications
    }

    /// Arms or disarms program points, named by the addresses that their sites return to.
    pub(crate) fn set_sites(&mut self, arm: &[usize], disarm: &[usize]) {
        let mut edits: Vec<Edit> = disarm.iter().map(|site| Edit::disarm(*site)).collect();
        edits.extend(arm.iter().filter_map(|site| Edit::arm(*site, self.breakpoint)));
        self.publications += 1;
        // SAFETY: sites come from `FunctionCode`, and the store's one thread is in Rust code while it patches.
        if let Err(error) = unsafe { patch::apply(edits) } {
            tracing::error!(%error, "cannot patch code");
        }
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        if let Some(jit) = self.jit.take() {
            // SAFETY: the store is going, so no frame of its code is left, and its addresses are not used again.
            unsafe { jit.free_memory() };
        }
    }
}
