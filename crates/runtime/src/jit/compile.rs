//! CLIF to bytes, with what the frame table needs to know about them. Pure, so that it can run on several threads.

use super::handler::TrySite;
use crate::engine::Engine;
use crate::error::Error;
use crate::module::{ModuleInfo, narrow};
use crate::translate::{self, CALL_TAG, Callee, Points};
use crate::trap::TrapCode;
use cranelift_codegen::MachDebugTagPos;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::entity::PrimaryMap;
use cranelift_codegen::ir::DebugTag;
use cranelift_codegen::ir::{self, ExternalName};
use cranelift_codegen::{CompiledCode, Context, FinalizedRelocTarget};
use frame_table::{CallSite, FrameTable, FrameTableParts, ModulePc, ProgramPoint, TextOffset};

/// The code of one function, not yet in executable memory.
pub(crate) struct Compiled {
    pub(crate) bytes: Vec<u8>,
    pub(crate) relocs: Vec<Relocation>,
    pub(crate) alignment: u32,
    /// Where the code traps, and why; by ascending offset.
    pub(crate) traps: Vec<(u32, TrapCode)>,
    /// Offsets that patchable calls return to; the calls themselves are NOPs.
    pub(crate) sites: Vec<u32>,
    /// Those of them that are at loop headers, ascending.
    pub(crate) loops: Vec<u32>,
    /// By ascending offset of their calls.
    pub(crate) stack_maps: Vec<StackMap>,
    pub(crate) frame: FrameTableParts,
    /// The calls with handlers, by ascending offset.
    pub(crate) tries: Vec<TrySite>,
    /// Bytes of its frames.
    frame_size: u32,
}

/// Where a frame holds references to objects while it waits for a call.
pub(crate) struct StackMap {
    /// Offset that the call returns to.
    pub(crate) returns_to: u32,
    /// In bytes below the frame pointer.
    pub(crate) below_fp: Box<[u32]>,
}

/// A place in a function's code that depends on where something else is.
pub(crate) struct Relocation {
    /// In the function's code.
    pub(crate) offset: u32,
    pub(crate) kind: Reloc,
    pub(crate) addend: i64,
    pub(crate) target: Target,
}

/// What a [`Relocation`] names.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Callee(Callee),
    LibCall(ir::LibCall),
}

/// A larger frame is checked before it takes any stack. Well below what is kept free under the stack limit.
const LARGE_FRAME: u32 = 64 << 10;

/// The names that a function's CLIF gives to what it calls.
type Names = PrimaryMap<ir::UserExternalNameRef, ir::UserExternalName>;

/// Translates and compiles a defined function; `index` counts imports.
pub(crate) fn compile_function(engine: &Engine, info: &ModuleInfo, index: u32) -> Result<Compiled, Error> {
    let compiled = compile(engine, info, index, false)?;
    if compiled.frame_size <= LARGE_FRAME { Ok(compiled) } else { compile(engine, info, index, true) }
}

fn compile(engine: &Engine, info: &ModuleInfo, index: u32, large: bool) -> Result<Compiled, Error> {
    let translated = translate::translate(engine, info, index, large)?;
    let failed = |reason: String| Error::Compile { function: index, reason };
    let names = translated.clif.params.user_named_funcs().clone();
    let mut context = Context::for_function(translated.clif);
    let code = context
        .compile(&**engine.isa(), &mut ControlPlane::default())
        .map_err(|error| failed(format!("{:?}", error.inner)))?;
    finish(code, &names, translated.points).map_err(failed)
}

/// What compiling a function gives, for people: its CLIF, its machine code, and the frame table.
///
/// # Errors
/// When the function cannot be compiled.
pub(crate) fn explain(engine: &Engine, info: &ModuleInfo, index: u32) -> Result<String, Error> {
    use std::fmt::Write as _;
    let translated = translate::translate(engine, info, index, false)?;
    let failed = |reason: String| Error::Compile { function: index, reason };
    let mut text = format!("{}", translated.clif);
    let names = translated.clif.params.user_named_funcs().clone();
    let mut context = Context::for_function(translated.clif);
    context.set_disasm(true);
    let code = context
        .compile(&**engine.isa(), &mut ControlPlane::default())
        .map_err(|error| failed(format!("{:?}", error.inner)))?;
    text.push('\n');
    text.push_str(code.vcode.as_deref().unwrap_or_default());
    let table = FrameTable::new(finish(code, &names, translated.points).map_err(failed)?.frame);
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

fn finish(code: &CompiledCode, names: &Names, points: Points) -> Result<Compiled, String> {
    let mut bytes = code.code_buffer().to_vec();
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
    let frame_size = code.buffer.frame_layout().map_or(0, |layout| layout.frame_to_fp_offset);
    Ok(Compiled { bytes, relocs, alignment, traps, sites, loops, stack_maps, frame, tries, frame_size })
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
    let slot_below_fp = match (points.slot, code.buffer.frame_layout()) {
        (None, _) => 0,
        (Some(slot), Some(layout)) => {
            let offset = layout.stackslots[slot].offset;
            layout.frame_to_fp_offset.checked_sub(offset).ok_or("the state slot is outside of its frame")?
        }
        (Some(_), None) => return Err("the code generator gave no frame layout".into()),
    };
    let mut out: Vec<ProgramPoint> = points
        .points
        .iter()
        .map(|point| ProgramPoint { pc: point.pc, site: None, shape: point.shape })
        .collect();
    let mut calls = Vec::new();
    let mut returns: Vec<u32> = code.buffer.call_sites().map(|site| site.ret_addr).collect();
    returns.sort_unstable();
    // The instructions that put a call's arguments in place have its tag as well, and it is before each of them.
    for list in code.buffer.debug_tags().filter(|list| list.pos == MachDebugTagPos::Post) {
        for tag in list.tags {
            let DebugTag::User(number) = tag else { continue };
            let at = TextOffset(list.offset);
            if number & CALL_TAG == 0 {
                let point = out.get_mut(*number as usize).ok_or("a tag without a point")?;
                point.site = Some(at);
            } else {
                let call = points.calls.get((number & !CALL_TAG) as usize).ok_or("a tag without a call")?;
                // Behind the call the caller may give back stack, and the tag is behind that.
                let before = returns.partition_point(|returns_to| *returns_to <= list.offset);
                let at = returns[..before].last().copied().ok_or("a tag before any call")?;
                calls.push(CallSite {
                    returns_to: TextOffset(at),
                    pc: call.pc,
                    next_pc: call.next_pc,
                    shape: call.shape,
                });
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
        calls.extend(found.map(|found| points.calls[found]).map(|call| CallSite {
            returns_to: TextOffset(site.ret_addr),
            pc: call.pc,
            next_pc: call.next_pc,
            shape: call.shape,
        }));
    }
    Ok(FrameTableParts {
        locals: points.locals,
        layout: points.layout,
        slot_below_fp,
        shapes: points.shapes,
        points: out,
        calls,
        spans,
    })
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
        .compile(&**engine.isa(), &mut ControlPlane::default())
        .map_err(|error| Error::Limit(format!("cannot compile a thunk: {:?}", error.inner)))?;
    if !code.buffer.relocs().is_empty() {
        return Err(Error::Limit(format!("a thunk with {} relocations", narrow(code.buffer.relocs().len()))));
    }
    Ok((code.code_buffer().to_vec(), u64::from(code.buffer.alignment)))
}
