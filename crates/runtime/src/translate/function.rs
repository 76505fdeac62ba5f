//! The frame of a translation: the prologue, the walk over the operators, and what the families share.

use super::control::ControlFrame;
use super::exception::Tries;
use super::locals::LocalUses;
use super::points::Points;
use super::region::Region;
use super::state::State;
use super::stops::Resume;
use super::{Guard, Translated, Version, clif_type, native_signature};
use crate::engine::{Engine, Tier};
use crate::error::Error;
use crate::module::{ModuleInfo, narrow};
use crate::trap::TrapCode;
use crate::value::ValueType;
use crate::vm::{Builtin, VmOffsets, offsets};
use cranelift_codegen::ir::{
    self, AbiParam, ArgumentPurpose, Block, ExtFuncData, ExternalName, FuncRef, GlobalValueData, InstBuilder,
    MemFlagsData, SigRef, Signature, SourceLoc, StackSlotData, StackSlotKind, UserExternalName, UserFuncName,
    Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use frame_table::{LocalSet, LocalSets, ModulePc, SlotLayout, StackShapes};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use wasmparser::{BinaryReader, FunctionBody, Operator, OperatorsReader};

/// What code calls by name; `crates/runtime/src/jit` knows the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Callee {
    /// What an armed program point calls. It keeps all registers, as the next one does.
    Breakpoint,
    /// At a function's entry with the stack limit passed: traps, or prepares a stop at the first operator.
    FunctionEntry,
    /// On a cold path: stops if anything is requested.
    Stop,
    /// On a cold path, from which it does not return: the frame goes on in landing code, because it is about to touch what is
    /// watched.
    Watched,
    /// A defined function of the same module, counted without imports.
    Function(u32),
}

impl Callee {
    /// The name under which the code generator sees it.
    fn name(self) -> UserExternalName {
        match self {
            Self::Breakpoint => UserExternalName::new(0, 0),
            Self::FunctionEntry => UserExternalName::new(0, 1),
            Self::Stop => UserExternalName::new(0, 2),
            Self::Watched => UserExternalName::new(0, 3),
            Self::Function(index) => UserExternalName::new(1, index),
        }
    }

    /// What has this name.
    pub(crate) fn from_name(name: &UserExternalName) -> Option<Self> {
        match (name.namespace, name.index) {
            (0, 0) => Some(Self::Breakpoint),
            (0, 1) => Some(Self::FunctionEntry),
            (0, 2) => Some(Self::Stop),
            (0, 3) => Some(Self::Watched),
            (1, index) => Some(Self::Function(index)),
            _ => None,
        }
    }
}

/// The byte that every vector operator starts with. Elsewhere in a body it only makes the state slot larger.
const SIMD_PREFIX: u8 = 0xfd;

/// One function in translation.
pub(super) struct FunctionTranslator<'a> {
    pub(super) info: &'a ModuleInfo,
    pub(super) offsets: VmOffsets,
    pub(super) builder: FunctionBuilder<'a>,
    pub(super) state: State,
    pub(super) points: Points,
    pub(super) control: Vec<ControlFrame>,
    pub(super) tries: Tries,
    /// Whether the operator at hand can be reached.
    pub(super) reachable: bool,
    /// Whether the operator at hand is the first one of a loop.
    pub(super) at_loop_header: bool,
    /// What the body does with its locals; run tier only.
    pub(super) uses: Option<LocalUses>,
    /// The callee's own vmctx, as it was passed.
    passed_vmctx: Value,
    /// What accesses are compared.
    pub(super) guard: Guard,
    /// Where the code begins if not at the function's beginning.
    pub(super) resume: Option<Resume>,
    pub(super) pc: ModulePc,
    pub(super) next_pc: ModulePc,
    /// What was called by name so far.
    callees: HashMap<Callee, FuncRef>,
}

pub(super) fn translate(
    engine: &Engine,
    info: &ModuleInfo,
    index: u32,
    version: Version,
) -> Result<Translated, Error> {
    info.check_body(index)?;
    let failed = |reason: &str| Error::Compile { function: index, reason: reason.to_owned() };
    let ty = info.function_type(index).ok_or_else(|| failed("it has no type"))?;
    let defined = index.checked_sub(info.imported.functions).ok_or_else(|| failed("it is imported"))?;
    let range = info.bodies.get(defined as usize).cloned().ok_or_else(|| failed("it has no body"))?;
    let bytes = info.bytes.get(range.clone()).ok_or_else(|| failed("its body is cut short"))?;
    let body = FunctionBody::new(BinaryReader::new(bytes, range.start as u64));

    let mut locals = ty.params().to_vec();
    for group in body.get_locals_reader()? {
        let (count, ty) = group?;
        locals.extend(std::iter::repeat_n(info.value_type(ty)?, count as usize));
    }
    let has_v128 = info.has_v128 || locals.contains(&ValueType::V128) || bytes.contains(&SIMD_PREFIX);
    let layout = SlotLayout::new(narrow(locals.len()), has_v128);

    let mut clif = ir::Function::with_name_signature(UserFuncName::user(0, index), native_signature(ty));
    Region::declare_all(&mut clif);
    let mut context = FunctionBuilderContext::new();
    let tier = version.tier();
    let guard = if version.lives_in_slot() { Guard::NONE } else { version.guard() };
    let mut builder = FunctionBuilder::new(&mut clif, &mut context);
    let slot = builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 0, 4));
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    builder.seal_block(entry);
    let passed_vmctx = builder.block_params(entry)[0];
    let resume = match version {
        Version::Resumed(_, pc, _) => Some(Resume { pc, block: builder.create_block(), used: false }),
        Version::Debug(_) | Version::Landing | Version::Run(_) => None,
    };
    let state = State::new(version, layout, slot, locals.clone(), resume.is_some(), &mut builder);
    let uses = match tier {
        Tier::Run => {
            let observable = info.observable_in(defined as usize);
            Some(LocalUses::analyse(&body, narrow(locals.len()), observable.as_ref(), guard.accesses)?)
        }
        Tier::Debug => None,
    };
    let points = Points {
        locals,
        params: narrow(ty.params().len()),
        layout,
        slot,
        shapes: StackShapes::default(),
        local_sets: LocalSets::default(),
        points: Vec::new(),
        calls: Vec::new(),
        cold: Vec::new(),
        loops: Vec::new(),
    };
    let mut translator = FunctionTranslator {
        info,
        offsets: VmOffsets::new(info),
        builder,
        state,
        points,
        control: Vec::new(),
        tries: Tries::default(),
        reachable: true,
        at_loop_header: false,
        uses,
        passed_vmctx,
        guard,
        resume,
        pc: ModulePc(0),
        next_pc: ModulePc(0),
        callees: HashMap::new(),
    };
    translator.body(&body, ty.results().to_vec())?;
    if translator.resume.as_ref().is_some_and(|resume| !resume.used) {
        return Err(failed("it has no loop at this offset"));
    }
    let FunctionTranslator { builder, state, points, .. } = translator;
    builder.finalize(engine.isa(tier).frontend_config());
    clif.sized_stack_slots[slot].size = layout.size(narrow(state.max_height()));
    Ok(Translated { clif, points })
}

/// Has a function trap before its frame takes any stack, if that would pass the limit.
///
/// Why not every function? Small frames cannot go further than what is kept free below the limit; the check in the
/// prologue of [`FunctionTranslator`] comes in time for them.
pub(super) fn check_stack_first(clif: &mut ir::Function) {
    if let Some(vmctx) = clif.signature.params.first_mut() {
        vmctx.purpose = ArgumentPurpose::VMContext;
    }
    let load = |clif: &mut ir::Function, base, offset: i32| {
        let flags = clif.dfg.mem_flags.insert_unchecked(MemFlagsData::trusted());
        clif.create_global_value(GlobalValueData::Load {
            base,
            offset: offset.into(),
            global_type: types::I64,
            flags,
        })
    };
    let vmctx = clif.create_global_value(GlobalValueData::VMContext);
    let limits = load(clif, vmctx, offsets::LIMITS.cast_signed());
    clif.stack_limit = Some(load(clif, limits, offsets::limits::REAL_STACK));
}

impl FunctionTranslator<'_> {
    fn body(&mut self, body: &FunctionBody<'_>, results: Vec<ValueType>) -> Result<(), Error> {
        let mut reader = body.get_operators_reader()?;
        self.next_pc = pc_of(reader.original_position());
        self.builder.set_srcloc(SourceLoc::new(self.next_pc.0));
        match &self.resume {
            Some(resume) => self.begin_at(resume.block),
            None => self.prologue(),
        }
        self.open_function(results);
        while !reader.eof() {
            self.pc = pc_of(reader.original_position());
            let operator = reader.read()?;
            self.next_pc = pc_of(reader.original_position());
            if self.reachable {
                self.builder.set_srcloc(SourceLoc::new(self.pc.0));
                self.point();
                self.guard(&operator);
                self.operator(&operator, &reader)?;
                self.check_handlers()?;
            } else {
                self.unreachable_operator(&operator, &reader)?;
            }
        }
        Ok(())
    }

    /// Parameters and zeroes into the locals, then the check of the stack limit.
    fn prologue(&mut self) {
        let entry = self.builder.current_block().unwrap_or_else(|| self.builder.create_block());
        let params = self.builder.block_params(entry)[2..].to_vec();
        for (index, param) in (0..).zip(&params) {
            self.state.init_local(&mut self.builder, index, *param);
        }
        self.state.zero_locals(&mut self.builder, narrow(params.len()));
        self.state.store(&mut self.builder, SlotLayout::VMCTX, self.passed_vmctx);
        let past = self.is_past_limit();
        let params = LocalSet::all(self.points.params);
        self.stop_if(past, Callee::FunctionEntry, Some(&params), self.next_pc);
    }

    /// Code that begins in the middle has no prologue. What is translated before its beginning is not reached, unless
    /// in a loop around it.
    fn begin_at(&mut self, resume: Block) {
        self.state.store(&mut self.builder, SlotLayout::VMCTX, self.passed_vmctx);
        self.builder.ins().jump(resume, &[]);
        let never = self.builder.create_block();
        self.go_on(never);
        self.state.zero_locals(&mut self.builder, 0);
    }

    /// The function's own vmctx. In landing code it is in the state slot, so that nothing but the slot outlives an operator.
    pub(super) fn vmctx(&mut self) -> Value {
        if !self.lives_in_slot() {
            return self.passed_vmctx;
        }
        self.state.load(&mut self.builder, ValueType::I64, SlotLayout::VMCTX)
    }

    /// Address of the store's limits.
    pub(super) fn limits(&mut self) -> Value {
        self.vmctx_pointer(offsets::LIMITS)
    }

    /// A pointer in the vmctx that never changes.
    pub(super) fn vmctx_pointer(&mut self, offset: u32) -> Value {
        let flags = Region::Runtime.trusted().with_readonly().with_can_move();
        let vmctx = self.vmctx();
        self.builder.ins().load(types::I64, flags, vmctx, offset.cast_signed())
    }

    /// What is called by name. Only program points are patched; the rest are calls.
    pub(super) fn direct_callee(&mut self, callee: Callee, signature: Signature) -> FuncRef {
        if let Some(known) = self.callees.get(&callee) {
            return *known;
        }
        let signature = self.builder.import_signature(signature);
        let name = self.builder.func.declare_imported_user_function(callee.name());
        let function = self.builder.import_function(ExtFuncData {
            name: ExternalName::User(name),
            signature,
            colocated: true,
            patchable: callee == Callee::Breakpoint,
        });
        self.callees.insert(callee, function);
        function
    }

    /// Calls a function of the runtime.
    pub(super) fn call_builtin(&mut self, builtin: Builtin, args: &[Value]) -> Option<Value> {
        let before = self.state.note_held();
        self.hold();
        let (signature, code, args) = self.builtin_call(builtin, args);
        let call = self.builder.ins().call_indirect(signature, code, &args);
        if self.tier() == Tier::Run {
            self.record_cold(call, self.pc);
        }
        // The call may be on one of two paths through the operator.
        self.state.restore_held(before);
        self.builder.inst_results(call).first().copied()
    }

    /// Signature, code and arguments of a call of a function of the runtime.
    pub(super) fn builtin_call(&mut self, builtin: Builtin, args: &[Value]) -> (SigRef, Value, Vec<Value>) {
        let table = self.vmctx_pointer(offsets::BUILTINS);
        let flags = Region::Runtime.trusted().with_readonly().with_can_move();
        let index = Builtin::ALL.iter().position(|other| *other == builtin).unwrap_or_default();
        let offset = narrow(index) * offsets::POINTER;
        let code = self.builder.ins().load(types::I64, flags, table, offset.cast_signed());
        let signature = self.builder.import_signature(builtin_signature(builtin));
        let mut all = vec![self.vmctx()];
        all.extend_from_slice(args);
        (signature, code, all)
    }

    fn operator(&mut self, operator: &Operator<'_>, reader: &OperatorsReader<'_>) -> Result<(), Error> {
        let handled = self.control_operator(operator)
            || self.call_operator(operator)
            || self.variable_operator(operator)
            || self.numeric_operator(operator)
            || self.memory_operator(operator)
            || self.atomic_operator(operator)
            || self.table_operator(operator)
            || self.reference_operator(operator)?
            || self.gc_operator(operator)?
            || self.exception_operator(operator, reader)
            || self.simd_operator(operator);
        if handled {
            return Ok(());
        }
        Err(Error::Unsupported { offset: self.pc.0 as usize, what: format!("operator {operator:?}") })
    }

    /// Traps with `code` if `condition` is nonzero.
    pub(super) fn trap_if(&mut self, condition: Value, code: TrapCode) {
        self.builder.ins().trapnz(condition, user_trap(code));
    }

    // Short names for what every family does.

    pub(super) fn pop(&mut self) -> Value {
        self.state.pop(&mut self.builder)
    }

    pub(super) fn push(&mut self, ty: ValueType, value: Value) {
        debug_assert_eq!(self.builder.func.dfg.value_type(value), clif_type(ty));
        self.state.push(&mut self.builder, ty, value);
    }

    pub(super) fn iconst32(&mut self, value: u32) -> Value {
        self.builder.ins().iconst(types::I32, i64::from(value))
    }
}

/// The code generator's trap code for one of ours.
pub(crate) fn user_trap(code: TrapCode) -> ir::TrapCode {
    ir::TrapCode::unwrap_user(code.number())
}

/// The native signature of the code that stands for a builtin: the vmctx, then the parameters.
pub(crate) fn builtin_signature(builtin: Builtin) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.push(AbiParam::new(types::I64));
    signature.params.extend(builtin.params().iter().map(|ty| AbiParam::new(*ty)));
    signature.returns.extend(builtin.result().map(AbiParam::new));
    signature
}

fn pc_of(position: impl TryInto<u32>) -> ModulePc {
    ModulePc(position.try_into().unwrap_or(u32::MAX))
}
