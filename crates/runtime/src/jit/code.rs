//! Executable memory of a store: what was put into it, and which code an address belongs to.
#![expect(unsafe_code, reason = "patches published code and frees it with the store")]

use super::arena::Arena;
use super::compile::{Compiled, NativeFrame, StackMap, Target};
use super::handler::TrySite;
use super::link::{DirectCall, Known, Location};
use super::pages::CodePages;
use super::patch::{self, Edit};
use super::poll::Poll;
use super::registry::{CodeKind, Registry};
use super::{libcalls, stub, thunk};
use crate::engine::{Engine, Tier};
use crate::error::Error;
use crate::module::narrow;
use crate::translate::{Callee, Version};
use crate::trap::TrapCode;
use crate::unwind::{
    HostEntries, Position, breakpoint_address, function_entry_address, lazy_compile_address, watched_address,
};
use crate::value::FuncType;
use crate::vm::Builtin;
use cranelift_codegen::ir::Signature;
use cranelift_codegen::isa::CallConv;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module as _, ModuleReloc, ModuleRelocTarget, default_libcall_names};
use frame_table::{FrameTable, ModulePc, ProgramPoint, ShapeId, TextOffset};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Address space for code. A call of the breakpoint thunk reaches 2 GiB.
const ARENA: usize = 1 << 30;

/// Functions start at multiples of this.
const FUNCTION_ALIGNMENT: usize = 16;

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
    pub(crate) native: NativeFrame,
    pub(crate) version: Version,
    location: Location,
    /// Its first bytes, where another version may be entered instead.
    entry: [u8; patch::CALL_LENGTH],
    traps: Vec<(u32, TrapCode)>,
    sites: Vec<u32>,
    /// Those of them that are at loop headers, ascending.
    loops: Vec<u32>,
    stack_maps: Vec<StackMap>,
    tries: Vec<TrySite>,
}

impl FunctionCode {
    /// An address in the code as an offset.
    pub(crate) fn offset(&self, pc: usize) -> TextOffset {
        TextOffset(narrow(pc.wrapping_sub(self.start)))
    }

    /// Why the instruction at `pc` traps.
    pub(crate) fn trap_at(&self, pc: usize) -> Option<TrapCode> {
        let offset = self.offset(pc).0;
        let found = self.traps.binary_search_by_key(&offset, |trap| trap.0).ok()?;
        Some(self.traps[found].1)
    }

    /// The operator that trapped at `pc`. None where a large frame found no room: it has no state yet.
    pub(crate) fn trapped_point(&self, pc: usize) -> Option<&ProgramPoint> {
        let no_room = self.trap_at(pc) == Some(TrapCode::StackOverflow);
        self.frame.by_trap(self.offset(pc)).filter(|_| !no_room)
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

    /// Where the patchable call starts that returns to `site`.
    pub(crate) fn start_of_site(site: TextOffset) -> TextOffset {
        TextOffset(site.0 - narrow(patch::CALL_LENGTH))
    }

    /// Whether a site is at the header of a loop.
    pub(crate) fn is_loop_site(&self, site: TextOffset) -> bool {
        self.loops.binary_search(&site.0).is_ok()
    }

    /// The addresses that the sites at loop headers return to.
    pub(crate) fn loop_sites(&self) -> impl Iterator<Item = usize> {
        self.loops.iter().map(|site| self.start + *site as usize)
    }

    /// Where the operator at `pc`, which calls or throws, lands if its handler of this index catches an exception.
    pub(crate) fn landing_of(&self, pc: ModulePc, handler: usize) -> Option<TextOffset> {
        let at = |site: &&TrySite| self.operator_before(site.returns_to) == Some(pc);
        Some(self.tries.iter().find(at)?.handlers.get(handler)?.1)
    }

    /// The operator whose code ends at `offset`.
    fn operator_before(&self, offset: TextOffset) -> Option<ModulePc> {
        self.frame.by_trap(TextOffset(offset.0.checked_sub(1)?)).map(|point| point.pc)
    }

    /// The operand stack of a frame that is at the operator at `pc`, or waits in its call.
    pub(crate) fn shape_at(&self, pc: ModulePc, position: Position) -> Option<ShapeId> {
        if position == Position::Call {
            return self.frame.calls().iter().find(|call| call.pc == pc).map(|call| call.shape);
        }
        self.frame.at_or_after(pc).filter(|point| point.pc == pc).map(|point| point.shape)
    }

    /// The addresses that all sites return to.
    pub(crate) fn sites(&self) -> impl Iterator<Item = usize> {
        self.sites.iter().map(|site| self.start + *site as usize)
    }
}

/// What can be armed at the header of a loop.
#[derive(Clone, Copy)]
struct LoopSite {
    end: usize,
    /// Where it goes when it is armed; none for a point, which calls.
    cold: Option<usize>,
}

impl LoopSite {
    fn point(code: usize, site: u32) -> Self {
        Self { end: code + site as usize, cold: None }
    }

    fn poll(code: usize, poll: Poll) -> Self {
        Self { end: code + poll.end.0 as usize, cold: Some(code + poll.cold.0 as usize) }
    }

    fn arm(&self, breakpoint: usize) -> Option<Edit> {
        match self.cold {
            Some(cold) => Edit::jump(self.end, cold),
            None => Edit::arm(self.end, breakpoint),
        }
    }
}

/// Who is to know a function's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Its callers: it is the first code of the function.
    Callers,
    /// Nobody: callers come to it by way of the first one, or not at all.
    Nobody,
}

/// All code of a store.
pub(crate) struct CodeMemory {
    engine: Engine,
    /// All pieces of code.
    registry: Registry,
    /// Taken when the store is dropped.
    jit: Option<JITModule>,
    arena: Range<usize>,
    pages: CodePages,
    /// What is at the headers of all loops, by the address that it ends at, ascending.
    loops: Vec<LoopSite>,
    /// While they are armed, nothing but `disarm_loops` disarms one.
    loops_armed: bool,
    hosts: HostEntries,
    entries: HashMap<FuncType, usize>,
    host_thunks: HashMap<FuncType, usize>,
    builtins: Box<[usize]>,
    breakpoint: usize,
    /// How often published code was changed.
    publications: u64,
    /// Thunks that code calls by name.
    thunks: HashMap<Callee, Location>,
    /// Of each module's defined functions: the code, or the stub while there is none.
    functions: Vec<Vec<Known>>,
    /// Bytes of functions' code, thunks and stubs left out.
    code_size: u64,
}

impl CodeMemory {
    /// Reserves the arena and makes the thunks that every store needs.
    pub(crate) fn new(engine: &Engine, hosts: HostEntries) -> Result<Self, Error> {
        let pages = CodePages::default();
        let arena = Arena::reserve(ARENA, pages.clone())
            .map_err(|error| Error::Limit(format!("cannot reserve memory for code: {error}")))?;
        let addresses = arena.range();
        let mut builder = JITBuilder::with_isa(Arc::clone(engine.isa(Tier::Debug)), default_libcall_names());
        builder.memory_provider(Box::new(arena));
        builder.symbols(libcalls::symbols());
        let mut memory = Self {
            engine: engine.clone(),
            registry: Registry::default(),
            jit: Some(JITModule::new(builder)),
            arena: addresses,
            pages,
            loops: Vec::new(),
            loops_armed: false,
            hosts,
            entries: HashMap::new(),
            host_thunks: HashMap::new(),
            builtins: Box::default(),
            breakpoint: 0,
            publications: 0,
            thunks: HashMap::new(),
            functions: Vec::new(),
            code_size: 0,
        };
        let stop = memory.publish_jump(breakpoint_address())?;
        memory.breakpoint = stop.address;
        memory.thunks.insert(Callee::Stop, stop);
        let entry = memory.publish_jump(function_entry_address())?;
        memory.thunks.insert(Callee::FunctionEntry, entry);
        let watched = memory.publish_jump(watched_address())?;
        memory.thunks.insert(Callee::Watched, watched);
        let mut builtins = Vec::new();
        for builtin in Builtin::ALL {
            let (bytes, alignment) = thunk::builtin(engine, *builtin, (hosts.builtin)(*builtin))?;
            builtins.push(memory.publish(&bytes, alignment)?.address);
        }
        memory.builtins = builtins.into();
        Ok(memory)
    }

    /// Puts a thunk or stubs into executable memory.
    fn publish(&mut self, bytes: &[u8], alignment: u64) -> Result<Location, Error> {
        let blob = self.declare()?;
        let address = self.place(blob, bytes, alignment, &[])?;
        self.registry.insert(address..address + bytes.len(), CodeKind::Glue);
        Ok(Location { blob, offset: 0, address })
    }

    fn jit(&mut self) -> Result<&mut JITModule, Error> {
        self.jit.as_mut().ok_or_else(|| Error::Limit("the store is gone".into()))
    }

    fn declare(&mut self) -> Result<FuncId, Error> {
        self.jit()?.declare_anonymous_function(&Signature::new(CallConv::Tail)).map_err(not_placed)
    }

    /// Copies bytes into executable memory, behind all others; returns the address.
    fn place(
        &mut self,
        blob: FuncId,
        bytes: &[u8],
        alignment: u64,
        relocs: &[ModuleReloc],
    ) -> Result<usize, Error> {
        let jit = self.jit()?;
        jit.define_function_bytes(blob, alignment, bytes, relocs).map_err(not_placed)?;
        jit.finalize_definitions().map_err(not_placed)?;
        Ok(jit.get_finalized_function(blob).expose_provenance())
    }

    /// What code calls that is too far away to be called.
    fn publish_jump(&mut self, address: usize) -> Result<Location, Error> {
        self.publish(&thunk::jump(address), 16)
    }

    /// Puts compiled functions of a module into executable memory, side by side. The numbers are those of defined
    /// functions; `imported` is how many there are before them.
    pub(crate) fn publish_functions(
        &mut self,
        module: usize,
        imported: u32,
        functions: Vec<(u32, Compiled)>,
        audience: Audience,
    ) -> Result<Vec<Arc<FunctionCode>>, Error> {
        if functions.is_empty() {
            return Ok(Vec::new());
        }
        let alignment =
            functions.iter().map(|(_, compiled)| u64::from(compiled.alignment)).max().unwrap_or(1);
        let alignment = alignment.max(FUNCTION_ALIGNMENT as u64);
        let mut bytes = Vec::new();
        let mut offsets = Vec::new();
        for (_, compiled) in &functions {
            // At least one byte between functions: an address just behind one of them belongs to no other.
            let at = (bytes.len() + 1).next_multiple_of(FUNCTION_ALIGNMENT.max(compiled.alignment as usize));
            bytes.resize(at, patch::FILLER);
            bytes.extend_from_slice(&compiled.bytes);
            offsets.push(at);
        }
        let blob = self.declare()?;
        let numbers = functions.iter().map(|(defined, _)| *defined);
        let own: HashMap<u32, Location> = match audience {
            Audience::Callers => {
                let locations = offsets.iter().map(|at| Location { blob, offset: narrow(*at), address: 0 });
                numbers.zip(locations).collect()
            }
            Audience::Nobody => HashMap::new(),
        };
        let (mut relocs, mut calls) = (Vec::new(), Vec::new());
        for ((_, compiled), offset) in functions.iter().zip(&offsets) {
            for reloc in &compiled.relocs {
                let at = narrow(*offset) + reloc.offset;
                let (name, waits_for) = self.target_of(module, reloc.target, &own);
                relocs.push(ModuleReloc { offset: at, kind: reloc.kind, name, addend: reloc.addend });
                calls.extend(waits_for.map(|callee| (callee, reloc.kind, at as usize)));
            }
        }
        let base = self.place(blob, &bytes, alignment, &relocs)?;
        for (callee, kind, at) in calls {
            if let Some(call) = DirectCall::of_relocation(kind, &bytes, at, base) {
                self.functions[module][callee as usize].add(call);
            }
        }
        self.code_size += bytes.len() as u64;
        let mut published = Vec::new();
        let mut redirected = Vec::new();
        for ((defined, compiled), offset) in functions.into_iter().zip(offsets) {
            let Compiled {
                bytes, traps, sites, loops, polls, stack_maps, frame, tries, native, version, ..
            } = compiled;
            let start = base + offset;
            let location = Location { blob, offset: narrow(offset), address: start };
            if audience == Audience::Callers {
                redirected.extend(self.functions[module][defined as usize].set(location));
            }
            let mut headers: Vec<LoopSite> = loops.iter().map(|site| LoopSite::point(start, *site)).collect();
            headers.extend(polls.iter().map(|poll| LoopSite::poll(start, *poll)));
            headers.sort_unstable_by_key(|site| site.end);
            if self.loops_armed {
                redirected.extend(headers.iter().filter_map(|site| site.arm(self.breakpoint)));
            }
            self.loops.extend(headers);
            let function = imported + defined;
            let frame = FrameTable::new(frame);
            let code = Arc::new(FunctionCode {
                module,
                function,
                start,
                frame,
                native,
                version,
                location,
                entry: entry_of(&bytes),
                traps,
                sites,
                loops,
                stack_maps,
                tries,
            });
            self.registry.insert(start..start + bytes.len(), CodeKind::Function(Arc::clone(&code)));
            published.push(code);
        }
        self.patch(redirected);
        Ok(published)
    }

    /// What a relocation names; and the number of a function that has no code yet, for which that is a stub. `own` are
    /// the functions that are being published.
    fn target_of(
        &self,
        module: usize,
        target: Target,
        own: &HashMap<u32, Location>,
    ) -> (ModuleRelocTarget, Option<u32>) {
        let (location, waits_for) = match target {
            Target::LibCall(call) => return (ModuleRelocTarget::LibCall(call), None),
            Target::Callee(Callee::Function(defined)) => match own.get(&defined) {
                Some(location) => (*location, None),
                None => (self.functions[module][defined as usize].location(), Some(defined)),
            },
            Target::Callee(thunk) => (self.thunks[&thunk], None),
        };
        (ModuleRelocTarget::FunctionOffset(location.blob, location.offset), waits_for)
    }

    /// Makes stubs for the defined functions of the next module; returns the address of each.
    pub(crate) fn publish_stubs(&mut self, count: usize) -> Result<Vec<usize>, Error> {
        let bytes = stub::stubs(count, lazy_compile_address());
        let Location { blob, address, .. } = self.publish(&bytes, 16)?;
        let stub = |index: usize| {
            let offset = index * stub::STUB;
            Location { blob, offset: narrow(offset), address: address + offset }
        };
        let known = |index| Known::Stub { stub: stub(index), callers: Vec::new() };
        self.functions.push((0..count).map(known).collect());
        Ok((0..count).map(|index| stub(index).address).collect())
    }

    /// The thunk that enters functions of a type.
    pub(crate) fn entry_thunk(&mut self, ty: &FuncType) -> Result<usize, Error> {
        if let Some(address) = self.entries.get(ty) {
            return Ok(*address);
        }
        let (bytes, alignment) = thunk::entry(&self.engine, ty)?;
        let address = self.publish(&bytes, alignment)?.address;
        self.entries.insert(ty.clone(), address);
        Ok(address)
    }

    /// The thunk by which Wasm code calls host functions of a type.
    pub(crate) fn host_thunk(&mut self, ty: &FuncType) -> Result<usize, Error> {
        if let Some(address) = self.host_thunks.get(ty) {
            return Ok(*address);
        }
        let (bytes, alignment) = thunk::host(&self.engine, ty, self.hosts.function)?;
        let address = self.publish(&bytes, alignment)?.address;
        self.host_thunks.insert(ty.clone(), address);
        Ok(address)
    }

    /// Addresses of the builtins' thunks, in the order of [`Builtin::ALL`].
    pub(crate) fn builtins(&self) -> &[usize] {
        &self.builtins
    }

    /// Bytes of functions' code, thunks and stubs left out.
    pub(crate) fn size(&self) -> u64 {
        self.code_size
    }

    /// Has the callers of a function, whose number is without imports, know this code of it: the first that they do.
    pub(crate) fn announce(&mut self, defined: u32, code: &FunctionCode) {
        let edits = self.functions[code.module][defined as usize].set(code.location);
        self.patch(edits);
    }

    /// Has the callers of `first` run `code`, another version of the function or the same.
    pub(crate) fn redirect(&mut self, first: &FunctionCode, code: &FunctionCode) {
        let edit = if first.start == code.start {
            Some(Edit::restore(first.start, first.entry))
        } else {
            Edit::stub(first.start, code.start)
        };
        self.publications += 1;
        self.patch(edit.into_iter().collect());
    }

    /// All addresses that code of this store can have.
    pub(crate) fn arena(&self) -> Range<usize> {
        self.arena.clone()
    }

    /// The function that `pc` is in.
    pub(crate) fn function_at(&self, pc: usize) -> Option<&Arc<FunctionCode>> {
        match self.registry.at(pc)? {
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
        let stays = |site: &usize| {
            self.loops_armed && self.loops.binary_search_by_key(site, |known| known.end).is_ok()
        };
        let disarm = disarm.iter().filter(|site| !stays(site));
        let mut edits: Vec<Edit> = disarm.map(|site| Edit::disarm(*site)).collect();
        edits.extend(arm.iter().filter_map(|site| Edit::arm(*site, self.breakpoint)));
        self.publications += 1;
        self.patch(edits);
    }

    /// In the signal handler, after an interrupt took the right to run away: gives it back, and arms all loops if that
    /// is wanted.
    pub(crate) fn allow(&mut self, arm_loops: bool) {
        self.loops_armed |= arm_loops;
        let loops = self.loops.iter().filter(|_| arm_loops);
        let edits = loops.filter_map(|site| site.arm(self.breakpoint));
        // SAFETY: sites come from `FunctionCode`; the store's one thread is in the handler, between two instructions.
        unsafe { self.pages.allow(edits) };
    }

    /// Whether an interrupt has armed all loops.
    pub(crate) fn loops_armed(&self) -> bool {
        self.loops_armed
    }

    /// Arms all loops.
    pub(crate) fn arm_loops(&mut self) {
        if !self.loops_armed {
            self.loops_armed = true;
            let edits = self.loops.iter().filter_map(|site| site.arm(self.breakpoint)).collect();
            self.patch(edits);
        }
    }

    /// Disarms the loops, except for the sites in `lasting`.
    pub(crate) fn disarm_loops(&mut self, lasting: &BTreeSet<usize>) {
        self.loops_armed = false;
        let ends = self.loops.iter().map(|site| site.end);
        let disarm: Vec<usize> = ends.filter(|site| !lasting.contains(site)).collect();
        self.set_sites(&[], &disarm);
    }

    /// The pages that hold the code.
    pub(crate) fn pages(&self) -> &CodePages {
        &self.pages
    }

    fn patch(&mut self, edits: Vec<Edit>) {
        // SAFETY: sites come from `FunctionCode`, stubs from `publish_stubs`; the store's one thread is in Rust code.
        if let Err(error) = unsafe { self.pages.write(edits) } {
            tracing::error!(%error, "cannot patch code");
        }
    }
}

/// The first bytes of a function's code.
fn entry_of(code: &[u8]) -> [u8; patch::CALL_LENGTH] {
    code.first_chunk().copied().unwrap_or([patch::FILLER; patch::CALL_LENGTH])
}

fn not_placed(error: cranelift_module::ModuleError) -> Error {
    Error::Limit(format!("cannot place code: {error}"))
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        self.pages.remove_all();
        if let Some(jit) = self.jit.take() {
            // SAFETY: the store is going, so no frame of its code is left, and its addresses are not used again.
            unsafe { jit.free_memory() };
        }
    }
}
