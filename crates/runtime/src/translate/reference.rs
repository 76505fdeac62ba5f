//! References: of functions, of the host, and what all of them have in common.
//!
//! A reference is 64 bits, 0 is null. In the `func` hierarchy it is the address of a `FuncRef`, elsewhere what
//! `offsets::reference` draws.

use super::function::FunctionTranslator;
use crate::error::Error;
use crate::trap::TrapCode;
use crate::value::{HeapType, RefType, ValueType};
use crate::vm::offsets::reference;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmparser::Operator;

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    ///
    /// # Errors
    /// When it names a type that this runtime does not have.
    pub(super) fn reference_operator(&mut self, operator: &Operator<'_>) -> Result<bool, Error> {
        match operator {
            Operator::RefNull { hty } => {
                let ty = RefType::nullable(self.info.heap_type(*hty)?);
                self.state.push_constant(&mut self.builder, ValueType::Ref(ty), 0);
            }
            Operator::RefIsNull => {
                let value = self.pop();
                self.push_equal(value, 0);
            }
            Operator::RefFunc { function_index } => {
                let heap =
                    self.info.function_def(*function_index).map_or(HeapType::Func, |ty| ty.heap_type());
                let value = self.func_ref(*function_index);
                self.push(ValueType::Ref(RefType::non_null(heap)), value);
            }
            Operator::RefAsNonNull => {
                let ty = self.state.top_type();
                let value = self.pop();
                self.trap_if_zero(value, TrapCode::NullReference);
                self.push(non_null(ty), value);
            }
            Operator::RefEq => {
                let right = self.pop();
                let left = self.pop();
                let equal = self.builder.ins().icmp(IntCC::Equal, left, right);
                let equal = self.builder.ins().uextend(types::I32, equal);
                self.push(ValueType::I32, equal);
            }
            Operator::AnyConvertExtern => self.retype(HeapType::Any),
            Operator::ExternConvertAny => self.retype(HeapType::Extern),
            _ => return Ok(self.i31_operator(operator)),
        }
        Ok(true)
    }

    fn i31_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::RefI31 => {
                let value = self.pop();
                let value = self.builder.ins().uextend(types::I64, value);
                let value = self.builder.ins().band_imm_u(value, 0x7fff_ffff);
                let value = self.builder.ins().ishl_imm_u(value, 1);
                let value = self.builder.ins().bor_imm_u(value, reference::I31.cast_signed());
                self.push(ValueType::Ref(RefType::non_null(HeapType::I31)), value);
            }
            Operator::I31GetS | Operator::I31GetU => {
                let value = self.pop();
                self.trap_if_zero(value, TrapCode::NullI31);
                let bits = self.builder.ins().ireduce(types::I32, value);
                let value = match operator {
                    Operator::I31GetS => self.builder.ins().sshr_imm_u(bits, 1),
                    _ => self.builder.ins().ushr_imm_u(bits, 1),
                };
                self.push(ValueType::I32, value);
            }
            _ => return false,
        }
        true
    }

    /// The same reference in another hierarchy.
    fn retype(&mut self, heap: HeapType) {
        let nullable = matches!(self.state.top_type(), ValueType::Ref(RefType { nullable: true, .. }));
        let value = self.pop();
        self.push(ValueType::Ref(RefType { nullable, heap }), value);
    }

    fn push_equal(&mut self, value: Value, bits: i64) {
        let equal = self.builder.ins().icmp_imm_s(IntCC::Equal, value, bits);
        let equal = self.builder.ins().uextend(types::I32, equal);
        self.push(ValueType::I32, equal);
    }

    fn func_ref(&mut self, function: u32) -> Value {
        let imported = self.info.imported.functions;
        if function < imported {
            return self.vmctx_pointer(self.offsets.imported_function(function));
        }
        let offset = self.offsets.defined_function(function - imported);
        let vmctx = self.vmctx();
        self.builder.ins().iadd_imm_s(vmctx, i64::from(offset))
    }
}

/// The same type without null.
pub(super) fn non_null(ty: ValueType) -> ValueType {
    match ty {
        ValueType::Ref(ty) => ValueType::Ref(RefType::non_null(ty.heap)),
        other => other,
    }
}
