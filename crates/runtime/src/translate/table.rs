//! Tables. An element is a reference, as `reference.rs` describes it.

use super::function::FunctionTranslator;
use super::region::Region;
use crate::module::IndexType;
use crate::trap::TrapCode;
use crate::value::ValueType;
use crate::vm::offsets::view;
use crate::vm::{Builtin, offsets::POINTER};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmparser::Operator;

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn table_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::TableGet { table } => {
                let index = self.pop_index(self.table_index(*table));
                let address = self.element(*table, index, TrapCode::TableOutOfBounds);
                let value = self.builder.ins().load(types::I64, Region::Table.trusted(), address, 0);
                self.push(ValueType::Ref(self.info.tables[*table as usize].element), value);
            }
            Operator::TableSet { table } => {
                let value = self.pop();
                let index = self.pop_index(self.table_index(*table));
                let address = self.element(*table, index, TrapCode::TableOutOfBounds);
                self.builder.ins().store(Region::Table.trusted(), value, address, 0);
            }
            Operator::TableSize { table } => {
                let length = self.table_length(*table);
                self.push_index(self.table_index(*table), length);
            }
            Operator::TableGrow { table } => {
                let index = self.table_index(*table);
                let count = self.pop_index(index);
                let value = self.pop();
                let table = self.iconst32(*table);
                if let Some(old) = self.call_builtin(Builtin::TableGrow, &[table, value, count]) {
                    self.push_index(index, old);
                }
            }
            Operator::TableCopy { dst_table, src_table } => {
                let (to, from) = (self.table_index(*dst_table), self.table_index(*src_table));
                self.bulk_copy(Builtin::TableCopy, [*dst_table, *src_table], [to, from]);
            }
            Operator::TableFill { table } => {
                let index = self.table_index(*table);
                let length = self.pop_index(index);
                let value = self.pop();
                let at = self.pop_index(index);
                let table = self.iconst32(*table);
                self.call_builtin(Builtin::TableFill, &[table, at, value, length]);
            }
            Operator::TableInit { elem_index, table } => {
                self.bulk_init(Builtin::TableInit, [*table, *elem_index], self.table_index(*table));
            }
            Operator::ElemDrop { elem_index } => {
                let segment = self.iconst32(*elem_index);
                self.call_builtin(Builtin::ElemDrop, &[segment]);
            }
            _ => return false,
        }
        true
    }

    /// Pops the index of the element that `call_indirect` names; returns the address of a `FuncRef`, or 0.
    pub(super) fn element_for_call(&mut self, table: u32) -> Value {
        let index = self.pop_index(self.table_index(table));
        let address = self.element(table, index, TrapCode::UndefinedElement);
        self.builder.ins().load(types::I64, Region::Table.trusted(), address, 0)
    }

    fn table_index(&self, table: u32) -> IndexType {
        self.info.tables[table as usize].index
    }

    fn table_view(&mut self, table: u32) -> Value {
        self.vmctx_pointer(self.offsets.table(table))
    }

    fn table_length(&mut self, table: u32) -> Value {
        let view = self.table_view(table);
        self.builder.ins().load(types::I64, Region::Runtime.trusted(), view, view::LENGTH)
    }

    /// The address of an element; traps with `code` if there is none.
    fn element(&mut self, table: u32, index: Value, code: TrapCode) -> Value {
        let length = self.table_length(table);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        self.trap_if(outside, code);
        let view = self.table_view(table);
        // Growing may move the elements.
        let base = self.builder.ins().load(types::I64, Region::Runtime.trusted(), view, view::BASE);
        let offset = self.builder.ins().imul_imm_s(index, i64::from(POINTER));
        self.builder.ins().iadd(base, offset)
    }
}
