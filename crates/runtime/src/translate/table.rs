//! Tables. An element is a reference, as `reference.rs` describes it.

use super::function::FunctionTranslator;
use crate::trap::TrapCode;
use crate::value::ValueType;
use crate::vm::offsets::view;
use crate::vm::{Builtin, offsets::POINTER};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::Operator;

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn table_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::TableGet { table } => {
                let index = self.pop();
                let address = self.element(*table, index, TrapCode::TableOutOfBounds);
                let value = self.builder.ins().load(types::I64, MemFlagsData::trusted(), address, 0);
                self.push(ValueType::Ref(self.info.tables[*table as usize].element), value);
            }
            Operator::TableSet { table } => {
                let value = self.pop();
                let index = self.pop();
                let address = self.element(*table, index, TrapCode::TableOutOfBounds);
                self.builder.ins().store(MemFlagsData::trusted(), value, address, 0);
            }
            Operator::TableSize { table } => {
                let length = self.table_length(*table);
                let length = self.builder.ins().ireduce(types::I32, length);
                self.push(ValueType::I32, length);
            }
            Operator::TableGrow { table } => {
                let operands = self.state.pop_many(&mut self.builder, 2);
                let table = self.iconst32(*table);
                if let Some(old) = self.call_builtin(Builtin::TableGrow, &[table, operands[0], operands[1]]) {
                    self.push(ValueType::I32, old);
                }
            }
            Operator::TableCopy { dst_table, src_table } => {
                self.bulk(Builtin::TableCopy, &[*dst_table, *src_table], 3);
            }
            Operator::TableFill { table } => self.bulk(Builtin::TableFill, &[*table], 3),
            Operator::TableInit { elem_index, table } => {
                self.bulk(Builtin::TableInit, &[*table, *elem_index], 3)
            }
            Operator::ElemDrop { elem_index } => self.bulk(Builtin::ElemDrop, &[*elem_index], 0),
            _ => return false,
        }
        true
    }

    /// The element that `call_indirect` names: the address of a `FuncRef`, or 0.
    pub(super) fn element_for_call(&mut self, table: u32, index: Value) -> Value {
        let address = self.element(table, index, TrapCode::UndefinedElement);
        self.builder.ins().load(types::I64, MemFlagsData::trusted(), address, 0)
    }

    fn table_view(&mut self, table: u32) -> Value {
        self.vmctx_pointer(self.offsets.table(table))
    }

    fn table_length(&mut self, table: u32) -> Value {
        let view = self.table_view(table);
        self.builder.ins().load(types::I64, MemFlagsData::trusted(), view, view::LENGTH)
    }

    /// The address of an element; traps with `code` if there is none.
    fn element(&mut self, table: u32, index: Value, code: TrapCode) -> Value {
        let length = self.table_length(table);
        let index = self.builder.ins().uextend(types::I64, index);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        self.trap_if(outside, code);
        let view = self.table_view(table);
        // Growing may move the elements.
        let base = self.builder.ins().load(types::I64, MemFlagsData::trusted(), view, view::BASE);
        let offset = self.builder.ins().imul_imm_s(index, i64::from(POINTER));
        self.builder.ins().iadd(base, offset)
    }
}
