//! Locals, globals, constants, `drop` and `select`.

use super::function::FunctionTranslator;
use super::region::Region;
use crate::value::ValueType;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmparser::Operator;

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn variable_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::LocalGet { local_index } => self.state.get_local(&mut self.builder, *local_index),
            Operator::LocalSet { local_index } => self.set_local(*local_index),
            Operator::LocalTee { local_index } => {
                self.set_local(*local_index);
                self.state.get_local(&mut self.builder, *local_index);
            }
            Operator::GlobalGet { global_index } => {
                let ty = self.info.globals[*global_index as usize].content;
                let cell = self.global_cell(*global_index);
                let value = self.builder.ins().load(super::clif_type(ty), Region::Global.trusted(), cell, 0);
                self.push(ty, value);
            }
            Operator::GlobalSet { global_index } => {
                let value = self.pop();
                let cell = self.global_cell(*global_index);
                self.builder.ins().store(Region::Global.trusted(), value, cell, 0);
            }
            Operator::I32Const { value } => self.constant(ValueType::I32, u64::from(value.cast_unsigned())),
            Operator::I64Const { value } => self.constant(ValueType::I64, value.cast_unsigned()),
            Operator::F32Const { value } => self.constant(ValueType::F32, u64::from(value.bits())),
            Operator::F64Const { value } => self.constant(ValueType::F64, value.bits()),
            Operator::Drop => self.state.drop_top(),
            Operator::Select => self.select(None),
            Operator::TypedSelect { ty } => match self.info.value_type(*ty) {
                Ok(ty) => self.select(Some(ty)),
                Err(_) => return false,
            },
            _ => return false,
        }
        true
    }

    /// One of two operands, which are of one type, or of types that match `ty`.
    fn select(&mut self, ty: Option<ValueType>) {
        let condition = self.pop();
        let ty = ty.unwrap_or(self.state.top_type());
        let otherwise = self.pop();
        let then = self.pop();
        let value = self.builder.ins().select(condition, then, otherwise);
        self.push(ty, value);
    }

    fn constant(&mut self, ty: ValueType, bits: u64) {
        self.state.push_constant(&mut self.builder, ty, bits);
    }

    fn set_local(&mut self, index: u32) {
        let value = self.pop();
        self.state.set_local(&mut self.builder, index, value);
        // Without it an access out of bounds would have no variable to show.
        if self.uses.as_ref().is_some_and(|uses| uses.frame_bases().contains(index)) {
            self.state.store_local(&mut self.builder, index);
        }
    }

    fn global_cell(&mut self, index: u32) -> Value {
        // Loaded where it is needed: as a value that may move it would take a register from the beginning, where C has
        // its stack pointer, to the end.
        let offset = self.offsets.global(index).cast_signed();
        let vmctx = self.vmctx();
        self.builder.ins().load(types::I64, Region::Runtime.trusted().with_readonly(), vmctx, offset)
    }
}
