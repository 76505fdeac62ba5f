//! Where code can stop, and what is stored there: program points, calls, cold paths; and where it can be entered again.

use super::function::{Callee, FunctionTranslator, user_trap};
use super::points::{CALL_TAG, COLD_TAG, Call, POLL_TAG, Point};
use super::{clif_type, effects, region::Region};
use crate::engine::Tier;
use crate::module::narrow;
use crate::trap::TrapCode;
use crate::value::ValueType;
use crate::vm::offsets;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, DebugTag, InstBuilder, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use frame_table::{LocalSet, ModulePc};

/// Where the code of [`super::Version::Resumed`] begins.
pub(super) struct Resume {
    /// The first operator of a loop.
    pub(super) pc: ModulePc,
    /// Loads the state and goes to the loop.
    pub(super) block: Block,
    /// Whether the loop was found.
    pub(super) used: bool,
}

impl FunctionTranslator<'_> {
    /// A program point before the operator at hand. Landing code can stop at all of them, debug code at the *main* ones:
    /// where no operand is on the stack, or a loop begins. Of the others it is known what a trap there leaves.
    pub(super) fn point(&mut self) {
        let at_loop_header = std::mem::take(&mut self.at_loop_header);
        let is_debug = self.tier() == Tier::Debug;
        let is_main = at_loop_header || self.state.height() == 0;
        let stops = is_debug && (is_main || self.lives_in_slot());
        if is_debug && !self.lives_in_slot() && (stops || self.can_be_looked_at()) {
            self.state.hold(&mut self.builder, None, self.control.len());
        }
        let point = self.state_here(self.pc);
        let number = narrow(self.points.points.len());
        self.points.points.push(point);
        if !stops {
            return;
        }
        if at_loop_header {
            self.points.loops.push(number);
        }
        let call = self.call_preserving(Callee::Breakpoint);
        self.builder.func.debug_tags.set(call, [DebugTag::User(number)]);
    }

    fn can_be_looked_at(&self) -> bool {
        let operator = self.info.bytes.get(self.pc.0 as usize..);
        operator.is_none_or(effects::can_be_looked_at)
    }

    /// What is where now, for a frame that is at `pc`.
    fn state_here(&mut self, pc: ModulePc) -> Point {
        let shape = self.state.shape(&mut self.points.shapes);
        let held = self.state.held_id(&mut self.points.local_sets);
        Point { pc, shape, held }
    }

    /// Calls something that keeps all registers.
    pub(super) fn call_preserving(&mut self, callee: Callee) -> ir::Inst {
        let thunk = self.direct_callee(callee, Signature::new(CallConv::PreserveAll));
        self.builder.ins().call(thunk, &[])
    }

    /// Tags `call`, whose arguments are popped, so that a frame waiting in it is understood.
    pub(super) fn record_call(&mut self, call: ir::Inst) {
        let Point { shape, held, .. } = self.state_here(self.pc);
        let number = narrow(self.points.calls.len());
        self.points.calls.push(Call { pc: self.pc, next_pc: self.next_pc, shape, held });
        self.builder.func.debug_tags.set(call, [DebugTag::User(CALL_TAG | number)]);
    }

    /// Tags what a frame on a cold path is found by, with the state as it is now.
    pub(super) fn record_cold(&mut self, inst: ir::Inst, pc: ModulePc) {
        let point = self.state_here(pc);
        let number = narrow(self.points.cold.len());
        self.points.cold.push(point);
        self.builder.func.debug_tags.set(inst, [DebugTag::User(COLD_TAG | number)]);
    }

    /// Run tier: stores what somebody may ask for while the operator runs, as far as it is not stored.
    pub(super) fn hold(&mut self) {
        if let Some(uses) = &self.uses {
            self.state.hold(&mut self.builder, uses.wanted(self.pc), self.control.len());
        }
    }

    /// Run tier: before an operator that calls or traps on its way, stores all but its `taken` operands.
    pub(super) fn hold_for_operator(&mut self, taken: usize) {
        if self.tier() == Tier::Debug {
            return;
        }
        let operands = self.state.split_off(taken);
        self.hold();
        self.state.put_back(operands);
        let point = self.state_here(self.pc);
        if let Some(last) = self.points.points.last_mut() {
            *last = point;
        }
    }

    /// Traps where everything is stored.
    pub(super) fn trap_with_state(&mut self, code: TrapCode) {
        if self.tier() == Tier::Debug {
            self.builder.ins().trap(user_trap(code));
            return;
        }
        self.hold();
        self.cold_trap(code);
    }

    fn cold_trap(&mut self, code: TrapCode) {
        // A block with nothing but a trap becomes a part of the branch to it, with that operator's PC.
        let point = self.builder.ins().sequence_point();
        self.record_cold(point, self.pc);
        self.builder.ins().trap(user_trap(code));
    }

    /// Run tier: before a division whose operands are on the stack, traps with the state if the divisor is zero, or if
    /// it `overflows`, which the lowest number does that is divided by -1.
    pub(super) fn check_division(&mut self, overflows: bool) {
        if self.tier() == Tier::Debug {
            return;
        }
        let &[dividend, divisor] = self.state.peek_many(&mut self.builder, 2).as_slice() else { return };
        // Neither 0 nor, as a number of either width, -1.
        let is_harmless = |bits: i64| bits != 0 && bits != -1 && bits != i64::from(u32::MAX);
        if self.constant_bits(divisor).is_some_and(is_harmless) {
            return;
        }
        let (cold, next) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(cold);
        if overflows {
            let above = self.builder.ins().iadd_imm_s(divisor, 1);
            let special = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThanOrEqual, above, 1);
            self.builder.ins().brif(special, cold, &[], next, &[]);
        } else {
            self.builder.ins().brif(divisor, next, &[], cold, &[]);
        }
        self.go_on(cold);
        let before = self.state.note_held();
        self.hold();
        if overflows {
            self.check_overflow(dividend, divisor, next);
        }
        self.cold_trap(TrapCode::IntegerDivisionByZero);
        self.state.restore_held(before);
        self.go_on(next);
    }

    /// On the cold path of a division by 0 or by -1: goes on where it is by 0, and to `next` if it does not overflow.
    fn check_overflow(&mut self, dividend: Value, divisor: Value, next: Block) {
        let [zero, minus_one, overflow] = [(); 3].map(|()| self.builder.create_block());
        for block in [zero, minus_one, overflow] {
            self.builder.set_cold_block(block);
        }
        self.builder.ins().brif(divisor, minus_one, &[], zero, &[]);
        self.go_on(minus_one);
        let lowest = match self.builder.func.dfg.value_type(dividend) {
            types::I32 => i64::from(i32::MIN),
            _ => i64::MIN,
        };
        let overflows = self.builder.ins().icmp_imm_s(IntCC::Equal, dividend, lowest);
        self.builder.ins().brif(overflows, overflow, &[], next, &[]);
        self.go_on(overflow);
        self.cold_trap(TrapCode::IntegerOverflow);
        self.go_on(zero);
    }

    fn constant_bits(&self, value: Value) -> Option<i64> {
        let ir::ValueDef::Result(inst, _) = self.builder.func.dfg.value_def(value) else { return None };
        match self.builder.func.dfg.insts[inst] {
            ir::InstructionData::UnaryImm { opcode: ir::Opcode::Iconst, imm } => Some(imm.bits()),
            _ => None,
        }
    }

    /// Calls `callee` on a cold path if `condition` holds, with these locals stored, or all of them; the frame is then at the
    /// operator at `pc`.
    pub(super) fn stop_if(
        &mut self,
        condition: Value,
        callee: Callee,
        wanted: Option<&LocalSet>,
        pc: ModulePc,
    ) {
        let (cold, next) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(cold);
        self.builder.ins().brif(condition, cold, &[], next, &[]);
        self.go_on(cold);
        let before = self.state.note_held();
        if self.tier() == Tier::Run {
            self.state.hold(&mut self.builder, wanted, self.control.len());
        }
        let call = self.call_preserving(callee);
        self.record_cold(call, pc);
        self.state.restore_held(before);
        self.builder.ins().jump(next, &[]);
        self.go_on(next);
    }

    /// The `loop` at hand was opened. The next operator is the first one of the loop.
    pub(super) fn loop_header(&mut self) {
        match self.tier() {
            Tier::Debug => self.at_loop_header = true,
            Tier::Run => {
                let poll = self.builder.ins().sequence_point();
                self.builder.func.debug_tags.set(poll, [DebugTag::User(POLL_TAG)]);
                // As an atomic one, the load is not taken out of the loop.
                let vmctx = self.vmctx();
                let flag = self.builder.ins().iadd_imm_s(vmctx, i64::from(offsets::STOP_AT_LOOPS));
                let flag = self.builder.ins().atomic_load(types::I32, Region::Runtime.trusted(), flag);
                let wanted = self.uses.as_ref().and_then(|uses| uses.wanted(self.pc)).cloned();
                self.stop_if(flag, Callee::Stop, wanted.as_ref(), self.next_pc);
            }
        }
    }

    /// If the code is to begin at the loop that is being opened, whose parameters are popped: loads the state, and jumps
    /// there. All of it is put into the slot as well, where other paths to the loop may have put it.
    pub(super) fn resume_at_loop(&mut self, header: Block, params: &[ValueType]) {
        let next_pc = self.next_pc;
        let Some(resume) = self.resume.as_mut().filter(|resume| resume.pc == next_pc && !resume.used) else {
            return;
        };
        resume.used = true;
        let block = resume.block;
        self.go_on(block);
        let limits = self.limits();
        let flags = Region::Runtime.trusted();
        let state = self.builder.ins().load(types::I64, flags, limits, offsets::limits::RESUME_STATE);
        let mut at = 0;
        let mut load = |builder: &mut cranelift_frontend::FunctionBuilder<'_>, ty: ValueType| {
            let value = builder.ins().load(clif_type(ty), flags, state, at);
            at += offsets::limits::RESUME_STRIDE;
            value
        };
        for (index, ty) in (0..).zip(self.points.locals.clone()) {
            let value = load(&mut self.builder, ty);
            self.state.resume_local(&mut self.builder, index, value);
        }
        for height in 0..self.state.height() {
            let value = load(&mut self.builder, self.state.operand_type(height));
            self.state.resume_operand(&mut self.builder, height, value);
        }
        let values: Vec<Value> = params.iter().map(|ty| load(&mut self.builder, *ty)).collect();
        self.builder.ins().jump(header, &super::control::block_args(&values));
    }

    /// Whether the stack pointer is below the limit, or something is requested.
    pub(super) fn is_past_limit(&mut self) -> Value {
        let limits = self.limits();
        let limit =
            self.builder.ins().load(types::I64, Region::Runtime.trusted(), limits, offsets::limits::STACK);
        let sp = self.builder.ins().get_stack_pointer(types::I64);
        self.builder.ins().icmp(IntCC::UnsignedLessThan, sp, limit)
    }
}
