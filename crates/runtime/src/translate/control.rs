//! Structured control: blocks, loops, ifs, branches.
//!
//! Values cross block boundaries as block parameters. In landing code they cross in the state slot: a branch stores them
//! into the places that the target's height says, and whoever arrives finds them there.

use super::exception::{Clause, opens_block};
use super::function::FunctionTranslator;
use super::reference::non_null;
use crate::engine::Tier;
use crate::error::Error;
use crate::trap::TrapCode;
use crate::value::ValueType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, JumpTableData, Value};
use frame_table::LocalSet;
use std::collections::BTreeMap;
use wasmparser::{BlockType, BrTable, Catch, Operator, OperatorsReader};

/// An open block, loop, if, or the function itself.
pub(super) struct ControlFrame {
    pub(super) kind: Kind,
    /// Where control goes on after `end`.
    exit: Block,
    /// Height of the operand stack below the parameters.
    pub(super) base: usize,
    params: Vec<ValueType>,
    results: Vec<ValueType>,
    /// Whether something can arrive at `exit`.
    exit_reached: bool,
    /// Run tier: the locals that the state slot has on every path to `exit` so far.
    held_at_exit: Option<LocalSet>,
}

pub(super) enum Kind {
    Block,
    /// Branches go to the header.
    Loop {
        header: Block,
    },
    /// The block for `else`, while none was seen; and the parameters, which are needed again there (not in landing code),
    /// as is what is held.
    If {
        otherwise: Option<Block>,
        params: Vec<Value>,
        held: LocalSet,
    },
    TryTable {
        clauses: Vec<(Clause, Catch)>,
    },
    /// The body of a `try`. What it throws goes to the clauses, or to those around the label that it delegates to.
    Try {
        clauses: Vec<Clause>,
        delegate: Option<u32>,
    },
    /// A handler of a `try`, with what it caught unless nothing can throw it, and the clauses behind it.
    Handler {
        exception: Option<Value>,
        rest: Vec<Clause>,
    },
    /// Opened in dead code: nothing of it is translated.
    Dead,
}

impl ControlFrame {
    /// Something arrives at the exit, with such locals in the state slot.
    fn arrive(&mut self, held: &LocalSet) {
        self.exit_reached = true;
        match &mut self.held_at_exit {
            Some(common) => common.keep_common(held),
            None => self.held_at_exit = Some(held.clone()),
        }
    }
}

impl FunctionTranslator<'_> {
    /// The function's body as the outermost block.
    pub(super) fn open_function(&mut self, results: Vec<ValueType>) {
        self.open(Kind::Block, Vec::new(), results);
    }

    /// Handles an operator of this family; false if it is none.
    pub(super) fn control_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Nop => {}
            Operator::Unreachable => {
                self.trap_with_state(TrapCode::Unreachable);
                self.reachable = false;
            }
            Operator::Block { blockty } => {
                let (params, results) = self.block_type(*blockty);
                self.settle(params.len());
                self.open(Kind::Block, params, results);
            }
            Operator::Loop { blockty } => self.open_loop(*blockty),
            Operator::If { blockty } => self.open_if(*blockty),
            Operator::Else => self.otherwise(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth);
                self.reachable = false;
            }
            Operator::BrIf { relative_depth } => self.branch_if(*relative_depth),
            Operator::BrOnNull { relative_depth } => self.branch_on_null(*relative_depth),
            Operator::BrOnNonNull { relative_depth } => self.branch_on_non_null(*relative_depth),
            Operator::BrTable { targets } => self.branch_table(targets),
            Operator::Return => {
                let outermost = super::super::module::narrow(self.control.len()) - 1;
                self.branch(outermost);
                self.reachable = false;
            }
            _ => return false,
        }
        true
    }

    /// Keeps track of nesting in code that cannot be reached.
    pub(super) fn unreachable_operator(
        &mut self,
        operator: &Operator<'_>,
        reader: &OperatorsReader<'_>,
    ) -> Result<(), Error> {
        let structured =
            matches!(operator, Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. });
        match operator {
            _ if structured || opens_block(operator) => {
                let exit = self.builder.func.layout.entry_block();
                let exit = exit.ok_or_else(|| self.internal("a function without an entry"))?;
                self.control.push(ControlFrame {
                    kind: Kind::Dead,
                    exit,
                    base: self.state.height(),
                    params: Vec::new(),
                    results: Vec::new(),
                    exit_reached: false,
                    held_at_exit: None,
                });
            }
            Operator::Else => self.otherwise(),
            Operator::End => self.end(),
            Operator::Catch { .. } | Operator::CatchAll | Operator::Delegate { .. } => {
                self.exception_operator(operator, reader);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn internal(&self, reason: &str) -> Error {
        Error::Compile {
            function: self.builder.func.name.get_user().map_or(0, |name| name.index),
            reason: reason.into(),
        }
    }

    pub(super) fn block_type(&self, ty: BlockType) -> (Vec<ValueType>, Vec<ValueType>) {
        match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => (Vec::new(), self.info.value_type(ty).into_iter().collect()),
            BlockType::FuncType(index) => {
                let ty = self.info.signature(index);
                (ty.params().to_vec(), ty.results().to_vec())
            }
        }
    }

    pub(super) fn settle(&mut self, params: usize) {
        let base = self.state.height() - params;
        self.state.settle_for_block(&mut self.builder, base);
    }

    pub(super) fn tier(&self) -> Tier {
        self.state.version.tier()
    }

    pub(super) fn lives_in_slot(&self) -> bool {
        self.state.version.lives_in_slot()
    }

    /// A block that takes values of `types`: as parameters, or in landing code in the state slot.
    fn block_for(&mut self, types: &[ValueType]) -> Block {
        let block = self.builder.create_block();
        if !self.lives_in_slot() {
            for ty in types {
                self.builder.append_block_param(block, super::clif_type(*ty));
            }
        }
        block
    }

    pub(super) fn open(&mut self, kind: Kind, params: Vec<ValueType>, results: Vec<ValueType>) {
        let exit = self.block_for(&results);
        let base = self.state.height() - params.len();
        self.control.push(ControlFrame {
            kind,
            exit,
            base,
            params,
            results,
            exit_reached: false,
            held_at_exit: None,
        });
    }

    fn open_loop(&mut self, ty: BlockType) {
        let (params, results) = self.block_type(ty);
        self.settle(params.len());
        let header = self.block_for(&params);
        let values = if self.lives_in_slot() {
            Vec::new()
        } else {
            self.state.peek_many(&mut self.builder, params.len())
        };
        self.builder.ins().jump(header, &block_args(&values));
        let base = self.state.height() - params.len();
        self.state.truncate(base);
        self.resume_at_loop(header, &params);
        if let Some(uses) = &self.uses {
            self.state.held.remove_all(uses.written_in(self.pc));
        }
        self.enter(header, &params);
        self.open(Kind::Loop { header }, params, results);
        self.loop_header();
    }

    fn open_if(&mut self, ty: BlockType) {
        let (params, results) = self.block_type(ty);
        let condition = self.pop();
        self.settle(params.len());
        let values = if self.lives_in_slot() {
            Vec::new()
        } else {
            self.state.peek_many(&mut self.builder, params.len())
        };
        let then = self.builder.create_block();
        let otherwise = self.builder.create_block();
        self.hint(then, otherwise);
        self.builder.ins().brif(condition, then, &[], otherwise, &[]);
        self.builder.switch_to_block(then);
        self.builder.seal_block(then);
        let held = self.state.held.clone();
        self.open(Kind::If { otherwise: Some(otherwise), params: values, held }, params, results);
    }

    /// `else`: the first arm ends as if by a branch to the exit.
    fn otherwise(&mut self) {
        if self.reachable {
            self.leave();
        }
        let Some(frame) = self.control.last_mut() else { return };
        let Kind::If { otherwise, params: values, held } = &mut frame.kind else { return };
        let Some(block) = otherwise.take() else { return };
        self.state.held = std::mem::take(held);
        let (base, types, values) = (frame.base, frame.params.clone(), std::mem::take(values));
        self.builder.switch_to_block(block);
        self.builder.seal_block(block);
        self.state.truncate(base);
        self.state.close_block(self.control.len());
        self.state.push_settled(&mut self.builder, &types, &values);
        self.reachable = true;
    }

    pub(super) fn end(&mut self) {
        if let Some(ControlFrame { kind: Kind::If { otherwise: Some(_), .. }, .. }) = self.control.last() {
            self.otherwise();
        }
        if self.reachable {
            self.leave();
        }
        let Some(frame) = self.control.pop() else { return };
        if let Kind::Dead = frame.kind {
            return;
        }
        if let Kind::Loop { header } = frame.kind {
            self.builder.seal_block(header);
        }
        self.state.truncate(frame.base);
        self.state.close_block(self.control.len() + 1);
        if let Kind::TryTable { clauses } = frame.kind {
            self.close_try_table(clauses);
        }
        self.reachable = frame.exit_reached || self.control.is_empty();
        if !self.reachable {
            return;
        }
        self.state.held = frame.held_at_exit.unwrap_or_default();
        self.enter(frame.exit, &frame.results);
        self.builder.seal_block(frame.exit);
        if self.control.is_empty() {
            let results = self.state.pop_many(&mut self.builder, frame.results.len());
            self.builder.ins().return_(&results);
            self.reachable = false;
        }
    }

    /// Goes on in `block`, at which values of `types` have arrived.
    fn enter(&mut self, block: Block, types: &[ValueType]) {
        self.builder.switch_to_block(block);
        let values = self.builder.block_params(block).to_vec();
        self.state.push_settled(&mut self.builder, types, &values);
    }

    /// The block that a branch goes to, the height below its values, and their number.
    fn target(&mut self, depth: u32) -> (Block, usize, usize) {
        let index = self.control.len() - 1 - depth as usize;
        let frame = &mut self.control[index];
        if let Kind::Loop { header } = frame.kind {
            return (header, frame.base, frame.params.len());
        }
        frame.arrive(&self.state.held);
        (frame.exit, frame.base, frame.results.len())
    }

    /// Jumps to a label with the top operands; the stack stays as it is.
    pub(super) fn branch(&mut self, depth: u32) {
        if let Some(ControlFrame { kind: Kind::Dead, .. }) = self.control.last() {
            return;
        }
        let (block, base, count) = self.target(depth);
        self.jump(block, base, count);
    }

    /// Falls out of the innermost block at its end, loops included.
    pub(super) fn leave(&mut self) {
        let Some(frame) = self.control.last_mut() else { return };
        frame.arrive(&self.state.held);
        let (exit, base, count) = (frame.exit, frame.base, frame.results.len());
        self.jump(exit, base, count);
    }

    /// Jumps with the top `count` operands, which the target expects above `base`.
    fn jump(&mut self, block: Block, base: usize, count: usize) {
        let values = self.state.peek_many(&mut self.builder, count);
        if self.lives_in_slot() {
            self.state.store_at(&mut self.builder, base, &values);
            self.builder.ins().jump(block, &[]);
        } else {
            self.builder.ins().jump(block, &block_args(&values));
        }
    }

    fn branch_if(&mut self, depth: u32) {
        let condition = self.pop();
        let (target, _, count) = self.target(depth);
        let next = if !self.lives_in_slot() || count == 0 {
            let values = self.state.peek_many(&mut self.builder, count);
            let next = self.builder.create_block();
            self.builder.ins().brif(condition, target, &block_args(&values), next, &[]);
            next
        } else {
            let next = self.split(condition);
            self.branch(depth);
            next
        };
        self.go_on(next);
    }

    /// Goes on where `condition` holds; returns the block for where it does not.
    pub(super) fn split(&mut self, condition: Value) -> Block {
        let taken = self.builder.create_block();
        let next = self.builder.create_block();
        self.hint(taken, next);
        self.builder.ins().brif(condition, taken, &[], next, &[]);
        self.go_on(taken);
        next
    }

    /// Tells the code generator where the branch at hand mostly goes, if the module says so.
    fn hint(&mut self, taken: Block, next: Block) {
        match self.info.branch_hints.get(&self.pc) {
            Some(true) => self.builder.set_cold_block(next),
            Some(false) => self.builder.set_cold_block(taken),
            None => {}
        }
    }

    /// Goes on in a block that nothing else will branch to.
    pub(super) fn go_on(&mut self, block: Block) {
        self.builder.switch_to_block(block);
        self.builder.seal_block(block);
    }

    fn branch_on_null(&mut self, depth: u32) {
        let ty = self.state.top_type();
        let value = self.pop();
        let null = self.builder.ins().icmp_imm_s(IntCC::Equal, value, 0);
        let next = self.split(null);
        self.branch(depth);
        self.go_on(next);
        self.push(non_null(ty), value);
    }

    fn branch_on_non_null(&mut self, depth: u32) {
        let ty = self.state.top_type();
        let value = self.pop();
        let next = self.split(value);
        self.push(non_null(ty), value);
        self.branch(depth);
        self.state.drop_top();
        self.go_on(next);
    }

    fn branch_table(&mut self, targets: &BrTable<'_>) {
        let index = self.pop();
        let mut edges = BTreeMap::new();
        let default = self.edge(&mut edges, targets.default());
        let default = self.builder.func.dfg.block_call(default, &[]);
        let mut table = Vec::new();
        for depth in targets.targets().flatten() {
            let block = self.edge(&mut edges, depth);
            table.push(self.builder.func.dfg.block_call(block, &[]));
        }
        let table = self.builder.create_jump_table(JumpTableData::new(default, &table));
        self.builder.ins().br_table(index, table);
        for (depth, block) in edges {
            self.go_on(block);
            self.branch(depth);
        }
        self.reachable = false;
    }

    /// The block from which a table's branch goes on to `depth`; one, however often the table names it.
    fn edge(&mut self, edges: &mut BTreeMap<u32, Block>, depth: u32) -> Block {
        *edges.entry(depth).or_insert_with(|| self.builder.create_block())
    }
}

pub(super) fn block_args(values: &[Value]) -> Vec<BlockArg> {
    values.iter().copied().map(BlockArg::Value).collect()
}
