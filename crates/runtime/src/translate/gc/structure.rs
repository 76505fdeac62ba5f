//! Structures.

use super::Extension;
use crate::heap::Layout;
use crate::module::narrow_offset;
use crate::translate::function::FunctionTranslator;
use crate::trap::TrapCode;
use crate::types::Storage;
use crate::value::{RefType, ValueType};
use wasmparser::Operator;

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn struct_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::StructNew { struct_type_index } => self.struct_new(struct_type_index, false),
            Operator::StructNewDefault { struct_type_index } => self.struct_new(struct_type_index, true),
            Operator::StructGet { struct_type_index, field_index }
            | Operator::StructGetU { struct_type_index, field_index } => {
                self.struct_get(struct_type_index, field_index, Extension::Unsigned);
            }
            Operator::StructGetS { struct_type_index, field_index } => {
                self.struct_get(struct_type_index, field_index, Extension::Signed);
            }
            Operator::StructSet { struct_type_index, field_index } => {
                let value = self.pop();
                let object = self.pop();
                self.trap_if_zero(object, TrapCode::NullStructure);
                let (offset, storage) = self.struct_field(struct_type_index, field_index);
                self.overwrite_field(object, offset, storage, value);
            }
            _ => return false,
        }
        true
    }

    fn struct_new(&mut self, index: u32, default: bool) {
        let ty = self.type_def(index);
        let count = if default { 0 } else { ty.layout.fields.len() };
        let values = self.state.pop_many(&mut self.builder, count);
        let no_elements = self.iconst32(0);
        let object = self.allocate(&ty, no_elements);
        self.store_fields(object, &ty.layout, &values);
        self.push(ValueType::Ref(RefType::non_null(ty.heap_type())), object);
    }

    fn struct_get(&mut self, index: u32, field: u32, extension: Extension) {
        let object = self.pop();
        self.trap_if_zero(object, TrapCode::NullStructure);
        let (offset, storage) = self.struct_field(index, field);
        let value = self.load_field(object, offset, storage, extension);
        self.push(storage.value_type(), value);
    }

    fn struct_field(&self, index: u32, field: u32) -> (i32, Storage) {
        let layout: &Layout = &self.info.types[index as usize].layout;
        let field = layout.fields[field as usize];
        (narrow_offset(u64::from(field.offset)), field.storage)
    }
}
