//! Arrays.

use super::Extension;
use crate::heap::{ELEMENTS, LENGTH};
use crate::module::narrow_offset;
use crate::translate::function::FunctionTranslator;
use crate::trap::TrapCode;
use crate::types::{Storage, TypeDef};
use crate::value::{RefType, ValueType};
use crate::vm::Builtin;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::Operator;

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn array_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::ArrayNew { array_type_index } => self.array_new(array_type_index),
            Operator::ArrayNewDefault { array_type_index } => {
                let ty = self.type_def(array_type_index);
                let length = self.pop();
                let array = self.allocate(&ty, length);
                self.push_array(&ty, array);
            }
            Operator::ArrayNewFixed { array_type_index, array_size } => {
                let ty = self.type_def(array_type_index);
                let values = self.state.pop_many(&mut self.builder, array_size as usize);
                let length = self.iconst32(array_size);
                let array = self.allocate(&ty, length);
                self.store_fields(array, &ty.layout, &values);
                self.push_array(&ty, array);
            }
            Operator::ArrayNewData { array_type_index, array_data_index } => {
                self.array_from_segment(Builtin::ArrayNewData, array_type_index, array_data_index);
            }
            Operator::ArrayNewElem { array_type_index, array_elem_index } => {
                self.array_from_segment(Builtin::ArrayNewElem, array_type_index, array_elem_index);
            }
            Operator::ArrayGet { array_type_index } | Operator::ArrayGetU { array_type_index } => {
                self.array_get(array_type_index, Extension::Unsigned);
            }
            Operator::ArrayGetS { array_type_index } => self.array_get(array_type_index, Extension::Signed),
            Operator::ArraySet { array_type_index } => {
                let value = self.pop();
                let (address, storage) = self.array_element(array_type_index);
                self.overwrite_field(address, narrow_offset(u64::from(ELEMENTS)), storage, value);
            }
            Operator::ArrayLen => {
                let array = self.pop();
                let length = self.array_length(array);
                self.push(ValueType::I32, length);
            }
            _ => return self.array_bulk_operator(operator),
        }
        true
    }

    fn array_bulk_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::ArrayFill { .. } => {
                let operands = self.state.pop_many(&mut self.builder, 4);
                let &[array, start, value, length] = operands.as_slice() else { return true };
                let [low, high] = self.halves(value);
                self.call_builtin(Builtin::ArrayFill, &[array, start, low, high, length]);
            }
            Operator::ArrayCopy { .. } => self.call_with_operands(Builtin::ArrayCopy, &[], 5),
            Operator::ArrayInitData { array_data_index, .. } => {
                self.call_with_operands(Builtin::ArrayInitData, &[array_data_index], 4);
            }
            Operator::ArrayInitElem { array_elem_index, .. } => {
                self.call_with_operands(Builtin::ArrayInitElem, &[array_elem_index], 4);
            }
            _ => return false,
        }
        true
    }

    /// Calls a builtin that takes `immediates`, then `count` operands, and returns nothing.
    fn call_with_operands(&mut self, builtin: Builtin, immediates: &[u32], count: usize) {
        let operands = self.state.pop_many(&mut self.builder, count);
        let mut args: Vec<Value> = immediates.iter().map(|immediate| self.iconst32(*immediate)).collect();
        args.extend(operands);
        self.call_builtin(builtin, &args);
    }

    fn array_new(&mut self, index: u32) {
        let ty = self.type_def(index);
        let length = self.pop();
        let value = self.pop();
        let array = self.allocate(&ty, length);
        let start = self.iconst32(0);
        let [low, high] = self.halves(value);
        self.call_builtin(Builtin::ArrayFill, &[array, start, low, high, length]);
        self.push_array(&ty, array);
    }

    fn array_from_segment(&mut self, builtin: Builtin, index: u32, segment: u32) {
        let ty = self.type_def(index);
        let operands = self.state.pop_many(&mut self.builder, 2);
        let mut args = vec![self.iconst32(ty.id.0), self.iconst32(segment)];
        args.extend(operands);
        let array = self.call_for_reference(builtin, &args);
        self.push_array(&ty, array);
    }

    fn push_array(&mut self, ty: &TypeDef, array: Value) {
        self.push(ValueType::Ref(RefType::non_null(ty.heap_type())), array);
    }

    fn array_length(&mut self, array: Value) -> Value {
        self.trap_if_zero(array, TrapCode::NullArray);
        // An array's length never changes.
        let flags = MemFlagsData::trusted().with_readonly();
        self.builder.ins().load(types::I32, flags, array, narrow_offset(u64::from(LENGTH)))
    }

    fn array_get(&mut self, index: u32, extension: Extension) {
        let (address, storage) = self.array_element(index);
        let value = self.load_field(address, narrow_offset(u64::from(ELEMENTS)), storage, extension);
        self.push(storage.value_type(), value);
    }

    /// Pops an index and an array; returns the address that [`ELEMENTS`] bytes before the element has.
    fn array_element(&mut self, index: u32) -> (Value, Storage) {
        let position = self.pop();
        let array = self.pop();
        let length = self.array_length(array);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, position, length);
        self.trap_if(outside, TrapCode::ArrayOutOfBounds);
        let layout = &self.info.types[index as usize].layout;
        let (element, storage) = (layout.element, layout.fields[0].storage);
        let position = self.builder.ins().uextend(types::I64, position);
        let offset = self.builder.ins().imul_imm_s(position, i64::from(element));
        (self.builder.ins().iadd(array, offset), storage)
    }
}
