//! What the state slot holds of a state that is in SSA values.
//!
//! Before a call the run tier stores what somebody may ask for while the call runs and what the slot does not have already;
//! on cold paths (a function's entry with a stop requested, a loop's header with one, some traps) it does so without
//! taking note, since the other path has not. So code that calls nothing stores nothing. Debug code has all locals in the
//! slot, and stores the operands where it can stop, before calls, and before whatever may trap.
//!
//! A local is *held* while its place has its value: from a store until it is written, or until control flow meets with a
//! path on which it was not stored. An operand's value never changes; its place has it from a store until the block ends
//! in which it was stored.

use super::clif_type;
use super::state::{Entry, State};
use cranelift_codegen::ir::Value;
use cranelift_frontend::FunctionBuilder;
use frame_table::{LocalSet, LocalSetId, LocalSets, Place};

/// What a state holds, to go back to.
pub(super) struct Held {
    stack: Vec<Entry>,
    locals: LocalSet,
}

impl State {
    /// What is held now.
    pub(super) fn note_held(&self) -> Held {
        Held { stack: self.stack.clone(), locals: self.held.clone() }
    }

    /// Goes back to what was held.
    pub(super) fn restore_held(&mut self, held: Held) {
        self.stack = held.stack;
        self.held = held.locals;
    }

    /// Stores the operands, and the locals of `wanted` (all of them if there is no such set), that are not stored.
    /// `depth` blocks are open.
    pub(super) fn hold(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        wanted: Option<&LocalSet>,
        depth: usize,
    ) {
        match wanted {
            _ if self.keeps_locals() => {}
            Some(wanted) => {
                let mut missing = wanted.clone();
                missing.remove_all(&self.held);
                for index in missing.iter() {
                    self.store_local(builder, index);
                }
            }
            None => {
                for index in 0..crate::module::narrow(self.locals.len()) {
                    self.store_local(builder, index);
                }
            }
        }
        for height in 0..self.stack.len() {
            match self.stack[height].place {
                Place::Unknown => {
                    let value = self.read(builder, height);
                    self.store(builder, self.place_of(height), value);
                    self.move_entry(height, Place::Slot);
                    self.stack[height].stored_at = depth;
                }
                Place::Local(index) if !self.keeps_locals() => self.store_local(builder, index),
                Place::Local(_) | Place::Slot | Place::Constant(_) => {}
            }
        }
    }

    /// Takes the top `count` operands away for a while.
    pub(super) fn split_off(&mut self, count: usize) -> Vec<Entry> {
        self.stack.split_off(self.stack.len() - count)
    }

    /// Puts them back.
    pub(super) fn put_back(&mut self, mut operands: Vec<Entry>) {
        for operand in &mut operands {
            operand.shape = None;
        }
        self.stack.append(&mut operands);
    }

    /// The name of the set of locals that are held.
    pub(super) fn held_id(&self, sets: &mut LocalSets) -> LocalSetId {
        if self.keeps_locals() { LocalSets::ALL } else { sets.intern(&self.held) }
    }

    /// A block ended that was the innermost of `depth`: what was stored in it may not have been on another path.
    pub(super) fn close_block(&mut self, depth: usize) {
        if !self.has_values() {
            return;
        }
        for height in 0..self.stack.len() {
            let entry = self.stack[height];
            if entry.place == Place::Slot && entry.stored_at >= depth {
                self.move_entry(height, Place::Unknown);
            }
        }
    }

    /// Operands in such places are in registers only.
    pub(super) fn forget(&mut self, which: impl Fn(Place) -> bool) {
        for height in 0..self.stack.len() {
            if which(self.stack[height].place) {
                self.move_entry(height, Place::Unknown);
            }
        }
    }

    fn move_entry(&mut self, height: usize, place: Place) {
        self.stack[height].place = place;
        // Shapes above are made of this one.
        for entry in &mut self.stack[height..] {
            entry.shape = None;
        }
    }

    /// In code that is entered in the middle: operands below a block live in variables.
    pub(super) fn keep_in_variables(&mut self, builder: &mut FunctionBuilder<'_>, base: usize) {
        if self.below_blocks.is_none() {
            return;
        }
        for height in 0..base {
            if let Some(value) = self.stack[height].value.take() {
                self.define_below_blocks(builder, height, value);
            }
        }
    }

    /// Defines the variable of an operand below a block.
    pub(super) fn define_below_blocks(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        height: usize,
        value: Value,
    ) {
        let ty = self.stack[height].ty;
        let Some(variables) = &mut self.below_blocks else { return };
        let variable = *variables.entry((height, clif_type(ty))).or_insert_with(|| {
            let variable = builder.declare_var(clif_type(ty));
            if ty.holds_objects() {
                builder.declare_var_needs_stack_map(variable);
            }
            variable
        });
        builder.def_var(variable, value);
    }

    pub(super) fn variable_below_blocks(&self, builder: &mut FunctionBuilder<'_>, height: usize) -> Value {
        let ty = clif_type(self.stack[height].ty);
        let variable = self.below_blocks.as_ref().and_then(|variables| variables.get(&(height, ty)));
        match variable {
            Some(variable) => builder.use_var(*variable),
            // In code that is not reached.
            None => super::state::constant(builder, self.stack[height].ty, 0),
        }
    }
}
