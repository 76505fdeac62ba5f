//! Calls, direct and through tables.

use super::function::{Callee, FunctionTranslator};
use super::native_signature;
use super::region::Region;
use crate::trap::TrapCode;
use crate::value::FuncType;
use crate::vm::offsets::func_ref;
use cranelift_codegen::ir::{FuncRef, InstBuilder, SigRef, Value, types};
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

/// The code that a call goes to.
#[derive(Clone, Copy)]
pub(super) enum Code {
    /// A function of this module.
    Known(FuncRef),
    /// A function with this signature, by address.
    Loaded(SigRef, Value),
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
            let (code, vmctx) = self.code_and_vmctx(ty, callee);
            self.emit_call(ty, code, vmctx, then);
        } else {
            let code = self.direct_callee(Callee::Function(function - imported), native_signature(ty));
            let vmctx = self.vmctx();
            self.emit_call(ty, Code::Known(code), vmctx, then);
        }
    }

    fn call_indirect(&mut self, type_index: u32, table: u32, then: Then) {
        let info = self.info;
        let ty = info.signature(type_index);
        self.hold_for_operator(ty.params().len() + 1);
        let callee = self.element_for_call(table);
        self.trap_if_zero(callee, TrapCode::UninitializedElement);
        self.check_signature(type_index, callee);
        let (code, vmctx) = self.code_and_vmctx(ty, callee);
        self.emit_call(ty, code, vmctx, then);
    }

    /// Traps if the callee is not of the type, or of one that extends it.
    fn check_signature(&mut self, type_index: u32, callee: Value) {
        let wanted = Arc::clone(&self.info.types[type_index as usize]);
        let flags = Region::Runtime.trusted().with_readonly();
        let found = self.builder.ins().load(types::I32, flags, callee, func_ref::SIGNATURE);
        let fits = self.extends(found, &wanted);
        self.trap_if_zero(fits, TrapCode::BadSignature);
    }

    fn call_ref(&mut self, type_index: u32, then: Then) {
        let ty = self.info.signature(type_index);
        self.hold_for_operator(ty.params().len() + 1);
        let callee = self.pop();
        self.trap_if_zero(callee, TrapCode::NullFunction);
        let (code, vmctx) = self.code_and_vmctx(ty, callee);
        self.emit_call(ty, code, vmctx, then);
    }

    pub(super) fn trap_if_zero(&mut self, value: Value, code: TrapCode) {
        self.builder.ins().trapz(value, super::function::user_trap(code));
    }

    fn code_and_vmctx(&mut self, ty: &FuncType, callee: Value) -> (Code, Value) {
        let signature = self.builder.import_signature(native_signature(ty));
        let code = self.builder.ins().load(types::I64, Region::Runtime.trusted(), callee, func_ref::CODE);
        let vmctx = self.builder.ins().load(types::I64, Region::Runtime.trusted(), callee, func_ref::VMCTX);
        (Code::Loaded(signature, code), vmctx)
    }

    /// Pops the arguments, calls, pushes the results.
    fn emit_call(&mut self, ty: &FuncType, code: Code, vmctx: Value, then: Then) {
        let mut args = vec![vmctx, self.vmctx()];
        args.extend(self.state.pop_many(&mut self.builder, ty.params().len()));
        if then == Then::Leave {
            match code {
                Code::Known(function) => self.builder.ins().return_call(function, &args),
                Code::Loaded(signature, code) => {
                    self.builder.ins().return_call_indirect(signature, code, &args)
                }
            };
            self.reachable = false;
            return;
        }
        self.hold();
        let (call, results) = self.call_or_try(code, &args);
        self.record_call(call);
        for (result, ty) in results.into_iter().zip(ty.results()) {
            self.push(*ty, result);
        }
    }
}
