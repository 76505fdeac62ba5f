//! Locals, globals, constants, `drop` and `select`.

use super::function::FunctionTranslator;
use crate::value::ValueType;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};
use wasmparser::Operator;

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn variable_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::LocalGet { local_index } => self.state.get_local(&mut self.builder, *local_index),
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.state.set_local(&mut self.builder, *local_index, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.state.set_local(&mut self.builder, *local_index, value);
                self.state.get_local(&mut self.builder, *local_index);
            }
            Operator::GlobalGet { global_index } => {
                let ty = self.info.globals[*global_index as usize].content;
                let cell = self.global_cell(*global_index);
                let value = self.builder.ins().load(super::clif_type(ty), MemFlagsData::trusted(), cell, 0);
                self.push(ty, value);
            }
            Operator::GlobalSet { global_index } => {
                let value = self.pop();
                let cell = self.global_cell(*global_index);
                self.builder.ins().store(MemFlagsData::trusted(), value, cell, 0);
            }
            Operator::I32Const { value } => self.constant(ValueType::I32, u64::from(value.cast_unsigned())),
            Operator::I64Const { value } => self.constant(ValueType::I64, value.cast_unsigned()),
            Operator::F32Const { value } => self.constant(ValueType::F32, u64::from(value.bits())),
            Operator::F64Const { value } => self.constant(ValueType::F64, value.bits()),
            Operator::Drop => self.state.drop_top(),
            Operator::Select | Operator::TypedSelect { .. } => {
                let condition = self.pop();
                let ty = self.state.top_type();
                let otherwise = self.pop();
                let then = self.pop();
                let value = self.builder.ins().select(condition, then, otherwise);
                self.push(ty, value);
            }
            _ => return false,
        }
        true
    }

    fn constant(&mut self, ty: ValueType, bits: u64) {
        self.state.push_constant(&mut self.builder, ty, bits);
    }

    fn global_cell(&mut self, index: u32) -> Value {
        self.vmctx_pointer(self.offsets.global(index))
    }
}
