//! Calls, direct and through tables.

use super::function::FunctionTranslator;
use super::native_signature;
use crate::trap::TrapCode;
use crate::value::FuncType;
use crate::vm::offsets::func_ref;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use std::sync::Arc;
use wasmparser::Operator;

/// What happens after a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The results are pushed, and the function goes on.
    Return,
    /// The callee takes the frame's place (a tail call).
    Leave,
}

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn call_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Call { function_index } => self.call(*function_index, Then::Return),
            Operator::CallIndirect { type_index, table_index } => {
                self.call_indirect(*type_index, *table_index, Then::Return)
            }
            Operator::CallRef { type_index } => self.call_ref(*type_index, Then::Return),
            Operator::ReturnCall { function_index } => self.call(*function_index, Then::Leave),
            Operator::ReturnCallIndirect { type_index, table_index } => {
                self.call_indirect(*type_index, *table_index, Then::Leave)
            }
            Operator::ReturnCallRef { type_index } => self.call_ref(*type_index, Then::Leave),
            _ => return false,
        }
        true
    }

    fn call(&mut self, function: u32, then: Then) {
        let info = self.info;
        let Some(ty) = info.function_type(function) else { return };
        let imported = info.imported.functions;
        if function < imported {
            let callee = self.vmctx_pointer(self.offsets.imported_function(function));
            let (code, vmctx) = self.code_and_vmctx(callee);
            self.emit_call(ty, code, vmctx, then);
        } else {
            // Not read-only: it changes when the function is compiled.
            let offset = self.offsets.defined_function(function - imported).cast_signed() + func_ref::CODE;
            let code = self.builder.ins().load(types::I64, MemFlagsData::trusted(), self.vmctx, offset);
            self.emit_call(ty, code, self.vmctx, then);
        }
    }

    fn call_indirect(&mut self, type_index: u32, table: u32, then: Then) {
        let info = self.info;
        let ty = info.signature(type_index);
        let callee = self.element_for_call(table);
        self.trap_if_zero(callee, TrapCode::UninitializedElement);
        self.check_signature(type_index, callee);
        let (code, vmctx) = self.code_and_vmctx(callee);
        self.emit_call(ty, code, vmctx, then);
    }

    /// Traps if the callee is not of the type, or of one that extends it.
    fn check_signature(&mut self, type_index: u32, callee: Value) {
        let wanted = Arc::clone(&self.info.types[type_index as usize]);
        let flags = MemFlagsData::trusted().with_readonly();
        let found = self.builder.ins().load(types::I32, flags, callee, func_ref::SIGNATURE);
        let fits = self.extends(found, &wanted);
        self.trap_if_zero(fits, TrapCode::BadSignature);
    }

    fn call_ref(&mut self, type_index: u32, then: Then) {
        let ty = self.info.signature(type_index);
        let callee = self.pop();
        self.trap_if_zero(callee, TrapCode::NullFunction);
        let (code, vmctx) = self.code_and_vmctx(callee);
        self.emit_call(ty, code, vmctx, then);
    }

    pub(super) fn trap_if_zero(&mut self, value: Value, code: TrapCode) {
        self.builder.ins().trapz(value, super::function::user_trap(code));
    }

    fn code_and_vmctx(&mut self, callee: Value) -> (Value, Value) {
        let code = self.builder.ins().load(types::I64, MemFlagsData::trusted(), callee, func_ref::CODE);
        let vmctx = self.builder.ins().load(types::I64, MemFlagsData::trusted(), callee, func_ref::VMCTX);
        (code, vmctx)
    }

    /// Pops the arguments, calls, pushes the results.
    fn emit_call(&mut self, ty: &FuncType, code: Value, vmctx: Value, then: Then) {
        let signature = self.builder.import_signature(native_signature(ty));
        let mut args = vec![vmctx, self.vmctx];
        args.extend(self.state.pop_many(&mut self.builder, ty.params().len()));
        if then == Then::Leave {
            self.builder.ins().return_call_indirect(signature, code, &args);
            self.reachable = false;
            return;
        }
        let (call, results) = self.call_or_try(signature, code, &args);
        self.record_call(call);
        for (result, ty) in results.into_iter().zip(ty.results()) {
            self.push(*ty, result);
        }
    }
}
