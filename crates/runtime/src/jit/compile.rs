//! CLIF to bytes, with what the frame table needs to know about them. Pure, so that it can run on several threads.

use super::handler::TrySite;
use super::poll::Poll;
use super::stored;
use crate::engine::{Engine, Tier};
use crate::error::Error;
use crate::module::{ModuleInfo, narrow};
use crate::translate::{self, CALL_TAG, COLD_TAG, Call, Callee, POLL_TAG, Point, Points, Version};
use crate::trap::TrapCode;
use cranelift_codegen::MachDebugTagPos;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::entity::PrimaryMap;
use cranelift_codegen::ir::DebugTag;
use cranelift_codegen::ir::{self, ExternalName};
use cranelift_codegen::isa::unwind::UnwindInst;
use cranelift_codegen::{CompiledCode, Context, FinalizedRelocTarget};
use frame_table::{CallSite, FrameTable, FrameTableParts, ModulePc, ProgramPoint, TextOffset};
use serde::{Deserialize, Serialize};

/// The code of one function, not yet in executable memory. It has no addresses: other processes can use it (see [`super::cache`]).
#[derive(Serialize, Deserialize)]
pub(crate) struct Compiled {
    /// Kept apart, since serde reads a `Vec` byte by byte.
    #[serde(skip)]
    pub(crate) bytes: Vec<u8>,
    pub(crate) relocs: Vec<Relocation>,
    pub(crate) alignment: u32,
    /// Where the code traps, and why; by ascending offset.
    pub(crate) traps: Vec<(u32, TrapCode)>,
    /// Offsets that patchable calls return to; the calls themselves are NOPs.
    pub(crate) sites: Vec<u32>,
    /// Those of them that are at loop headers, ascending.
    pub(crate) loops: Vec<u32>,
    /// The polls of loops that are made of NOPs.
    pub(super) polls: Vec<Poll>,
    /// By ascending offset of their calls.
    pub(crate) stack_maps: Vec<StackMap>,
    pub(crate) frame: FrameTableParts,
    /// The calls with handlers, by ascending offset.
    pub(crate) tries: Vec<TrySite>,
    /// Its frames on the native stack.
    pub(crate) native: NativeFrame,
    pub(crate) version: Version,
}

/// What a frame of a function looks like on the native stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NativeFrame {
    /// Bytes from the stack pointer to the frame pointer, where the function calls.
    pub(crate) size: u32,
    /// The registers of the caller's that it saves, by their number in instructions, and where, in bytes below the frame
    /// pointer.
    pub(crate) saved: Box<[(u8, u32)]>,
    /// Bytes that it made room for above itself, for the arguments of a tail call.
    pub(crate) moved: u32,
}

/// Where a frame holds references to objects while it waits for a call.
#[derive(Serialize, Deserialize)]
pub(crate) struct StackMap {
    /// Offset that the call returns to.
    pub(crate) returns_to: u32,
    /// In bytes below the frame pointer.
    pub(crate) below_fp: Box<[u32]>,
}

/// A place in a function's code that depends on where something else is.
#[derive(Serialize, Deserialize)]
pub(crate) struct Relocation {
    /// In the function's code.
    pub(crate) offset: u32,
    #[serde(with = "stored::reloc")]
    pub(crate) kind: Reloc,
    pub(crate) addend: i64,
    pub(crate) target: Target,
}

/// What a [`Relocation`] names.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Target {
    Callee(Callee),
    #[serde(with = "stored::libcall")]
    LibCall(ir::LibCall),
}

/// Bytes of a saved frame pointer and a return address.
const FRAME_RECORD: u32 = 16;

/// A larger frame is checked before it takes any stack. Well below what is kept free under the stack limit.
const LARGE_FRAME: u32 = 64 << 10;

/// The names that a function's CLIF gives to what it calls.
type Names = PrimaryMap<ir::UserExternalNameRef, ir::UserExternalName>;

/// The code of a defined function, from the module's cache or compiled; `index` counts imports.
pub(crate) fn compile_function(
    engine: &Engine,
    info: &ModuleInfo,
    index: u32,
    version: Version,
) -> Result<Compiled, Error> {
    match info.code_cache() {
        Some(cache) => cache.get_or_compile((index, version), || compile_anew(engine, info, index, version)),
        None => compile_anew(engine, info, index, version),
    }
}

/// Translates and compiles a defined function; `index` counts imports.
fn compile_anew(engine: &Engine, info: &ModuleInfo, index: u32, version: Version) -> Result<Compiled, Error> {
    let compiled = compile(engine, info, index, version, false)?;
    if compiled.native.size <= LARGE_FRAME {
        Ok(compiled)
    } else {
        compile(engine, info, index, version, true)
    }
}

fn compile(
    engine: &Engine,
    info: &ModuleInfo,
    index: u32,
    version: Version,
    large: bool,
) -> Result<Compiled, Error> {
    let translated = translate::translate(engine, info, index, version, large)?;
    let failed = |reason: String| Error::Compile { function: index, reason };
    let names = translated.clif.params.user_named_funcs().clone();
    let mut context = Context::for_function(translated.clif);
    let code = context
        .compile(&**engine.isa(version.tier()), &mut ControlPlane::default())
        .map_err(|error| failed(format!("{:?}", error.inner)))?;
    finish(code, &names, translated.points, version).map_err(failed)
}

/// What compiling a function gives, for people: its CLIF, its machine code, and the frame table.
///
/// # Errors
/// When the function cannot be compiled.
pub(crate) fn explain(
    engine: &Engine,
    info: &ModuleInfo,
    index: u32,
    version: Version,
) -> Result<String, Error> {
    use std::fmt::Write as _;
    let translated = translate::translate(engine, info, index, version, false)?;
    let failed = |reason: String| Error::Compile { function: index, reason };
    let mut text = format!("{}", translated.clif);
    let names = translated.clif.params.user_named_funcs().clone();
    let mut context = Context::for_function(translated.clif);
    context.set_disasm(true);
    let code = context
        .compile(&**engine.isa(version.tier()), &mut ControlPlane::default())
        .map_err(|error| failed(format!("{:?}", error.inner)))?;
    text.push('\n');
    text.push_str(code.vcode.as_deref().unwrap_or_default());
    let table = FrameTable::new(finish(code, &names, translated.points, version).map_err(failed)?.frame);
    let shape = |shape| {
        let operands = table.operands(shape);
        operands.iter().map(|operand| format!(" {}={:?}", operand.ty, operand.place)).collect::<String>()
    };
    for point in table.points() {
        let site = point.site.map_or_else(String::new, |site| format!(" site {site:?}"));
        // Writing to a string does not fail.
        let _infallible = writeln!(text, "point {}{site}:{}", point.pc, shape(point.shape));
    }
    for call in table.calls() {
        let _infallible =
            writeln!(text, "call {} returns to {:?}:{}", call.pc, call.returns_to, shape(call.shape));
    }
    Ok(text)
}

fn finish(code: &CompiledCode, names: &Names, points: Points, version: Version) -> Result<Compiled, String> {
    let mut bytes = code.code_buffer().to_vec();
    let polls = overwrite_polls(code, &mut bytes);
    let mut sites = Vec::new();
    for site in code.buffer.patchable_call_sites() {
        let end = site.ret_addr as usize;
        let call = bytes.get_mut(end - site.len as usize..end).ok_or("a patch site outside of the code")?;
        super::patch::fill_with_nops(call)?;
        sites.push(site.ret_addr);
    }
    let mut relocs = Vec::new();
    for reloc in code.buffer.relocs() {
        let target = match &reloc.target {
            FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) => Target::LibCall(*call),
            FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                let callee = names.get(*name).and_then(Callee::from_name);
                Target::Callee(callee.ok_or_else(|| format!("a relocation against an unknown name {name}"))?)
            }
            other => return Err(format!("unexpected relocation against {other:?}")),
        };
        // What a patchable call goes to is encoded when it is armed.
        if !matches!(target, Target::Callee(Callee::Breakpoint)) {
            relocs.push(Relocation { offset: reloc.offset, kind: reloc.kind, addend: reloc.addend, target });
        }
    }
    let traps = code.buffer.traps().iter().map(|trap| (trap.offset, trap_code(trap.code))).collect();
    let stack_maps = stack_maps(code)?;
    let tries = super::handler::try_sites(code)?;
    let headers = points.loops.clone();
    let frame = frame_parts(code, points)?;
    let site = |point: &u32| frame.points.get(*point as usize)?.site;
    let mut loops: Vec<u32> = headers.iter().filter_map(|point| Some(site(point)?.0)).collect();
    loops.sort_unstable();
    let alignment = code.buffer.alignment;
    let native = native_frame(code)?;
    Ok(Compiled {
        bytes,
        relocs,
        alignment,
        traps,
        sites,
        loops,
        polls,
        stack_maps,
        frame,
        tries,
        native,
        version,
    })
}

fn overwrite_polls(code: &CompiledCode, bytes: &mut [u8]) -> Vec<Poll> {
    let is_poll = |tag: &DebugTag| matches!(tag, DebugTag::User(number) if number & POLL_TAG != 0);
    let tagged = code.buffer.debug_tags().filter(|list| list.tags.iter().any(is_poll));
    let length = bytes.len();
    tagged.filter_map(|list| super::poll::overwrite(bytes, list.offset as usize, length)).collect()
}

fn native_frame(code: &CompiledCode) -> Result<NativeFrame, String> {
    let size =
        code.buffer.frame_layout().ok_or("the code generator gave no frame layout")?.frame_to_fp_offset;
    let mut native = NativeFrame { size, saved: Box::default(), moved: 0 };
    let (mut saved, mut clobbers) = (Vec::new(), 0);
    for (_, unwind) in &code.buffer.unwind_info {
        match unwind {
            UnwindInst::DefineNewFrame { offset_upward_to_caller_sp, offset_downward_to_clobbers } => {
                native.moved = offset_upward_to_caller_sp.saturating_sub(FRAME_RECORD);
                clobbers = *offset_downward_to_clobbers;
            }
            UnwindInst::SaveReg { clobber_offset, reg } => {
                let below_fp =
                    clobbers.checked_sub(*clobber_offset).ok_or("a register is saved above its frame")?;
                saved.push((reg.hw_enc(), below_fp));
            }
            _ => {}
        }
    }
    native.saved = saved.into();
    Ok(native)
}

fn stack_maps(code: &CompiledCode) -> Result<Vec<StackMap>, String> {
    let maps = code.buffer.user_stack_maps();
    if maps.is_empty() {
        return Ok(Vec::new());
    }
    let to_fp =
        code.buffer.frame_layout().ok_or("the code generator gave no frame layout")?.frame_to_fp_offset;
    let below = |(_, offset): (ir::Type, u32)| {
        to_fp.checked_sub(offset).ok_or_else(|| "a reference outside of its frame".to_owned())
    };
    let map = |(returns_to, _, map): &(u32, u32, ir::UserStackMap)| {
        let below_fp = map.entries().map(below).collect::<Result<_, String>>()?;
        Ok(StackMap { returns_to: *returns_to, below_fp })
    };
    maps.iter().map(map).collect()
}

fn frame_parts(code: &CompiledCode, points: Points) -> Result<FrameTableParts, String> {
    let layout = code.buffer.frame_layout().ok_or("the code generator gave no frame layout")?;
    let offset = layout.stackslots[points.slot].offset;
    let slot_below_fp =
        layout.frame_to_fp_offset.checked_sub(offset).ok_or("the state slot is outside of its frame")?;
    let unplaced =
        |point: &Point| ProgramPoint { pc: point.pc, site: None, shape: point.shape, held: point.held };
    let mut out: Vec<ProgramPoint> = points.points.iter().map(unplaced).collect();
    let mut cold: Vec<ProgramPoint> = points.cold.iter().map(unplaced).collect();
    let mut calls = Vec::new();
    let mut returns: Vec<u32> = code.buffer.call_sites().map(|site| site.ret_addr).collect();
    returns.sort_unstable();
    // Behind a call the caller may give back stack, and the tag is behind that.
    let returned_to = |offset: u32| {
        let before = returns.partition_point(|returns_to| *returns_to <= offset);
        returns[..before].last().copied().map(TextOffset).ok_or("a tag before any call")
    };
    for list in code.buffer.debug_tags() {
        for tag in list.tags {
            let DebugTag::User(number) = tag else { continue };
            let at = TextOffset(list.offset);
            let is_call = list.pos == MachDebugTagPos::Post;
            if number & POLL_TAG != 0 {
                // The code before it is of another operator.
            } else if number & COLD_TAG != 0 {
                let point = cold.get_mut((number & !COLD_TAG) as usize).ok_or("a tag without a cold path")?;
                if is_call {
                    point.site = Some(returned_to(list.offset)?);
                } else if code.buffer.traps().iter().any(|trap| trap.offset == list.offset) {
                    point.site = Some(at);
                }
            } else if !is_call {
                // The instructions that put a call's arguments in place have its tag as well, and it is before each.
            } else if number & CALL_TAG == 0 {
                let point = out.get_mut(*number as usize).ok_or("a tag without a point")?;
                point.site = Some(at);
            } else {
                let call = points.calls.get((number & !CALL_TAG) as usize).ok_or("a tag without a call")?;
                calls.push(call_site(call, returned_to(list.offset)?));
            }
        }
    }
    let mut spans: Vec<_> = code
        .buffer
        .get_srclocs_sorted()
        .iter()
        .filter(|span| !span.loc.is_default())
        .map(|span| (TextOffset(span.start), ModulePc(span.loc.bits())))
        .collect();
    spans.dedup_by_key(|span| span.1);
    // The code generator keeps no tags of calls that have handlers; there is at most one at an operator.
    for site in code.buffer.call_sites().filter(|site| !site.exception_handlers.is_empty()) {
        let after = spans.partition_point(|span| span.0.0 < site.ret_addr);
        let pc = spans[..after].last().map(|span| span.1);
        // Calls were recorded in the order of their operators.
        let found = pc.and_then(|pc| points.calls.binary_search_by_key(&pc, |call| call.pc).ok());
        calls.extend(found.map(|found| call_site(&points.calls[found], TextOffset(site.ret_addr))));
    }
    Ok(FrameTableParts {
        locals: points.locals,
        params: points.params,
        layout: points.layout,
        slot_below_fp,
        shapes: points.shapes,
        local_sets: points.local_sets,
        points: out,
        cold,
        calls,
        spans,
    })
}

fn call_site(call: &Call, returns_to: TextOffset) -> CallSite {
    let Call { pc, next_pc, shape, held } = *call;
    CallSite { returns_to, pc, next_pc, shape, held }
}

/// Our code for one of the code generator's.
fn trap_code(code: ir::TrapCode) -> TrapCode {
    match code {
        ir::TrapCode::INTEGER_OVERFLOW => TrapCode::IntegerOverflow,
        ir::TrapCode::INTEGER_DIVISION_BY_ZERO => TrapCode::IntegerDivisionByZero,
        ir::TrapCode::BAD_CONVERSION_TO_INTEGER => TrapCode::BadConversionToInteger,
        ir::TrapCode::STACK_OVERFLOW => TrapCode::StackOverflow,
        ir::TrapCode::HEAP_OUT_OF_BOUNDS => TrapCode::MemoryOutOfBounds,
        user => TrapCode::from_number(user.as_raw().get()).unwrap_or(TrapCode::Unreachable),
    }
}

/// Compiles a thunk: a function that calls nothing by name.
pub(super) fn compile_thunk(engine: &Engine, clif: ir::Function) -> Result<(Vec<u8>, u64), Error> {
    let mut context = Context::for_function(clif);
    let code = context
        .compile(&**engine.isa(Tier::Debug), &mut ControlPlane::default())
        .map_err(|error| Error::Limit(format!("cannot compile a thunk: {:?}", error.inner)))?;
    if !code.buffer.relocs().is_empty() {
        return Err(Error::Limit(format!("a thunk with {} relocations", narrow(code.buffer.relocs().len()))));
    }
    Ok((code.code_buffer().to_vec(), u64::from(code.buffer.alignment)))
}
