//! The Wasm state of the function being translated: its locals and its operand stack.
//!
//! Locals are SSA variables and operands are SSA values. The slot gets operands, and in the run tier locals, when somebody
//! may look: see [`super::held`]. In debug code a local is stored whenever it is written. `local.get` and constants push an
//! entry that says where the value is.
//!
//! In landing code everything lives in the state slot and an SSA value lives for one operator only: it is loaded when the
//! operator begins and its result stored when the operator ends. So whatever is in the slot at a stop is what the
//! program uses when it goes on.

use super::region::Region;
use super::{Version, clif_type};
use crate::engine::Tier;
use crate::value::ValueType;
use cranelift_codegen::ir::{self, InstBuilder, StackSlot, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use frame_table::{LocalSet, Operand, Place, ShapeId, SlotLayout, StackShapes};
use std::collections::HashMap;

/// One operand of the translator's stack.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) ty: ValueType,
    pub(super) place: Place,
    /// The SSA value; none in landing code, or if a variable has it.
    pub(super) value: Option<Value>,
    /// The shape whose top is this entry, once asked for.
    pub(super) shape: Option<ShapeId>,
    /// How many blocks were open when its own place got the value; not in landing code.
    pub(super) stored_at: usize,
}

/// Locals and operand stack.
pub(super) struct State {
    pub(super) version: Version,
    layout: SlotLayout,
    slot: StackSlot,
    pub(super) locals: Vec<ValueType>,
    variables: Vec<Variable>,
    pub(super) stack: Vec<Entry>,
    /// The highest that `stack` has been.
    max_height: usize,
    /// Run tier: the locals that the slot has.
    pub(super) held: LocalSet,
    /// Run tier: the variables of operands below blocks, by height and type. Code that is entered in the middle defines
    /// them there as well; other code does not need any.
    pub(super) below_blocks: Option<HashMap<(usize, ir::Type), Variable>>,
}

impl State {
    pub(super) fn new(
        version: Version,
        layout: SlotLayout,
        slot: StackSlot,
        locals: Vec<ValueType>,
        is_resumed: bool,
        builder: &mut FunctionBuilder<'_>,
    ) -> Self {
        let variables = if version.lives_in_slot() {
            Vec::new()
        } else {
            locals.iter().map(|ty| declare_local(builder, *ty, version.tier())).collect()
        };
        Self {
            version,
            layout,
            slot,
            locals,
            variables,
            stack: Vec::new(),
            max_height: 0,
            held: LocalSet::default(),
            below_blocks: is_resumed.then(HashMap::new),
        }
    }

    /// Whether values are in registers.
    pub(super) fn has_values(&self) -> bool {
        !self.version.lives_in_slot()
    }

    /// Whether the state slot always has all locals.
    pub(super) fn keeps_locals(&self) -> bool {
        self.version.tier() == Tier::Debug
    }

    pub(super) fn height(&self) -> usize {
        self.stack.len()
    }

    pub(super) fn max_height(&self) -> usize {
        self.max_height
    }

    /// The type of the operand at the top.
    pub(super) fn top_type(&self) -> ValueType {
        self.stack.last().map_or(ValueType::I32, |entry| entry.ty)
    }

    pub(super) fn operand_type(&self, height: usize) -> ValueType {
        self.stack[height].ty
    }

    pub(super) fn local_type(&self, index: u32) -> ValueType {
        self.locals[index as usize]
    }

    /// Writes a local's first value, of a parameter.
    pub(super) fn init_local(&mut self, builder: &mut FunctionBuilder<'_>, index: u32, value: Value) {
        if self.has_values() {
            builder.def_var(self.variables[index as usize], value);
        }
        if self.keeps_locals() {
            self.store(builder, self.layout.local(index), value);
        }
    }

    /// Writes the first value of the locals from `first` on: zero.
    pub(super) fn zero_locals(&mut self, builder: &mut FunctionBuilder<'_>, first: u32) {
        for (variable, ty) in self.variables.iter().zip(&self.locals).skip(first as usize) {
            let zero = constant(builder, *ty, 0);
            builder.def_var(*variable, zero);
        }
        let (mut at, end) = (self.layout.local(first), self.layout.operand(0));
        if self.keeps_locals() && at < end {
            let zeroes = constant(builder, ValueType::V128, 0);
            while at + 16 <= end {
                self.store(builder, at, zeroes);
                at += 16;
            }
            if at < end {
                let zero = constant(builder, ValueType::I64, 0);
                self.store(builder, at, zero);
            }
        }
    }

    pub(super) fn get_local(&mut self, builder: &mut FunctionBuilder<'_>, index: u32) {
        let ty = self.local_type(index);
        let value = self.has_values().then(|| builder.use_var(self.variables[index as usize]));
        self.push_entry(ty, Place::Local(index), value);
    }

    pub(super) fn set_local(&mut self, builder: &mut FunctionBuilder<'_>, index: u32, value: Value) {
        if self.has_values() {
            self.forget(|place| place == Place::Local(index));
            self.held.remove(index);
            builder.def_var(self.variables[index as usize], value);
        } else {
            self.settle(builder, 0, |place| place == Place::Local(index));
        }
        if self.keeps_locals() {
            self.store(builder, self.layout.local(index), value);
        }
    }

    /// Pushes the result of an operator.
    pub(super) fn push(&mut self, builder: &mut FunctionBuilder<'_>, ty: ValueType, value: Value) {
        if !self.has_values() {
            self.store(builder, self.place_of(self.stack.len()), value);
            self.push_entry(ty, Place::Slot, None);
            return;
        }
        if self.version.tier() == Tier::Run && ty.holds_objects() {
            builder.declare_value_needs_stack_map(value);
        }
        self.push_entry(ty, Place::Unknown, Some(value));
    }

    /// Pushes a constant; `bits` as in [`Place::Constant`].
    pub(super) fn push_constant(&mut self, builder: &mut FunctionBuilder<'_>, ty: ValueType, bits: u64) {
        let value = self.has_values().then(|| constant(builder, ty, bits));
        self.push_entry(ty, Place::Constant(bits), value);
    }

    /// Pops the top operand as an SSA value.
    pub(super) fn pop(&mut self, builder: &mut FunctionBuilder<'_>) -> Value {
        let value = self.read(builder, self.stack.len() - 1);
        self.stack.pop();
        value
    }

    /// Pops `count` operands; the first is the one that was pushed first.
    pub(super) fn pop_many(&mut self, builder: &mut FunctionBuilder<'_>, count: usize) -> Vec<Value> {
        let base = self.stack.len() - count;
        let values = (base..self.stack.len()).map(|height| self.read(builder, height)).collect();
        self.stack.truncate(base);
        values
    }

    pub(super) fn drop_top(&mut self) {
        self.stack.pop();
    }

    /// Cuts the stack down to `height` operands.
    pub(super) fn truncate(&mut self, height: usize) {
        self.stack.truncate(height);
    }

    /// The top `count` operands as SSA values, without popping them.
    pub(super) fn peek_many(&mut self, builder: &mut FunctionBuilder<'_>, count: usize) -> Vec<Value> {
        (self.stack.len() - count..self.stack.len()).map(|height| self.read(builder, height)).collect()
    }

    /// Landing code: stores operands from `base` upwards into their own places as `values`, which are not on the stack.
    pub(super) fn store_at(&mut self, builder: &mut FunctionBuilder<'_>, base: usize, values: &[Value]) {
        for (offset, value) in values.iter().enumerate() {
            self.store(builder, self.place_of(base + offset), *value);
        }
        self.max_height = self.max_height.max(base + values.len());
    }

    /// Pushes operands that are known to be in their own places, or in `values`.
    pub(super) fn push_settled(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        types: &[ValueType],
        values: &[Value],
    ) {
        for (index, ty) in types.iter().enumerate() {
            match values.get(index) {
                Some(value) => self.push(builder, *ty, *value),
                None => self.push_entry(*ty, Place::Slot, None),
            }
        }
    }

    /// Before control flow splits: an operand that stands for a local no longer does, since another path may write the
    /// local. In landing code it gets a place of its own, and so do the operands from `base` upwards whatever they are,
    /// since control may come back to them with other values.
    pub(super) fn settle_for_block(&mut self, builder: &mut FunctionBuilder<'_>, base: usize) {
        if self.has_values() {
            self.forget(|place| matches!(place, Place::Local(_)));
            self.keep_in_variables(builder, base);
        } else {
            self.settle(builder, 0, |place| matches!(place, Place::Local(_)));
            self.settle(builder, base, |place| place != Place::Slot);
        }
    }

    /// The shape of the stack, with `points` as the store of shapes.
    pub(super) fn shape(&mut self, shapes: &mut StackShapes) -> ShapeId {
        let known = self.stack.iter().rposition(|entry| entry.shape.is_some());
        let mut below = known.and_then(|index| self.stack[index].shape).unwrap_or(StackShapes::EMPTY);
        for entry in &mut self.stack[known.map_or(0, |index| index + 1)..] {
            below = shapes.push(below, Operand { ty: entry.ty, place: entry.place });
            entry.shape = Some(below);
        }
        below
    }

    fn settle(&mut self, builder: &mut FunctionBuilder<'_>, base: usize, which: impl Fn(Place) -> bool) {
        for height in base..self.stack.len() {
            if which(self.stack[height].place) {
                let value = self.read(builder, height);
                self.store(builder, self.place_of(height), value);
                self.stack[height].place = Place::Slot;
                // Shapes above are made of this one.
                for entry in &mut self.stack[height..] {
                    entry.shape = None;
                }
            }
        }
    }

    fn push_entry(&mut self, ty: ValueType, place: Place, value: Option<Value>) {
        self.stack.push(Entry { ty, place, value, shape: None, stored_at: 0 });
        self.max_height = self.max_height.max(self.stack.len());
    }

    pub(super) fn read(&self, builder: &mut FunctionBuilder<'_>, height: usize) -> Value {
        let entry = self.stack[height];
        match (entry.value, entry.place) {
            (Some(value), _) => value,
            (None, _) if !self.version.lives_in_slot() => self.variable_below_blocks(builder, height),
            (None, Place::Slot) => self.load(builder, entry.ty, self.place_of(height)),
            (None, Place::Local(index)) => self.load(builder, entry.ty, self.layout.local(index)),
            (None, Place::Constant(bits)) => constant(builder, entry.ty, bits),
            (None, Place::Unknown) => unreachable!("landing code knows where everything is"),
        }
    }

    pub(super) fn place_of(&self, height: usize) -> u32 {
        self.layout.operand(crate::module::narrow(height))
    }

    pub(super) fn load(&self, builder: &mut FunctionBuilder<'_>, ty: ValueType, offset: u32) -> Value {
        let address = builder.ins().stack_addr(types::I64, self.slot, offset.cast_signed());
        builder.ins().load(clif_type(ty), Region::Slot.trusted(), address, 0)
    }

    pub(super) fn store(&self, builder: &mut FunctionBuilder<'_>, offset: u32, value: Value) {
        let address = builder.ins().stack_addr(types::I64, self.slot, offset.cast_signed());
        builder.ins().store(Region::Slot.trusted(), value, address, 0);
    }

    /// Run tier: stores a local into its place.
    pub(super) fn store_local(&mut self, builder: &mut FunctionBuilder<'_>, index: u32) {
        if self.held.insert(index) {
            let value = builder.use_var(self.variables[index as usize]);
            self.store(builder, self.layout.local(index), value);
        }
    }

    /// Run tier: gives a local its value where code is entered in the middle.
    pub(super) fn resume_local(&mut self, builder: &mut FunctionBuilder<'_>, index: u32, value: Value) {
        builder.def_var(self.variables[index as usize], value);
        self.store(builder, self.layout.local(index), value);
    }

    /// Run tier: the same for an operand.
    pub(super) fn resume_operand(&mut self, builder: &mut FunctionBuilder<'_>, height: usize, value: Value) {
        self.define_below_blocks(builder, height, value);
        self.store(builder, self.place_of(height), value);
    }
}

fn declare_local(builder: &mut FunctionBuilder<'_>, ty: ValueType, tier: Tier) -> Variable {
    let variable = builder.declare_var(clif_type(ty));
    if tier == Tier::Run && ty.holds_objects() {
        builder.declare_var_needs_stack_map(variable);
    }
    variable
}

/// A constant of a Wasm type.
pub(super) fn constant(builder: &mut FunctionBuilder<'_>, ty: ValueType, bits: u64) -> Value {
    match ty {
        ValueType::I32 => builder.ins().iconst(types::I32, bits.cast_signed()),
        ValueType::F32 => {
            let bits = u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
            builder.ins().f32const(ir::immediates::Ieee32::with_bits(bits))
        }
        ValueType::F64 => builder.ins().f64const(ir::immediates::Ieee64::with_bits(bits)),
        ValueType::V128 => {
            let zero = builder.ins().iconst(types::I8, 0);
            builder.ins().splat(types::I8X16, zero)
        }
        ValueType::I64 | ValueType::Ref(_) => builder.ins().iconst(types::I64, bits.cast_signed()),
    }
}
