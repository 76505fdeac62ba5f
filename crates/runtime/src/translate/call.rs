//! Calls, direct and through tables.

use super::function::FunctionTranslator;
use super::native_signature;
use crate::trap::TrapCode;
use crate::value::FuncType;
use crate::vm::offsets::func_ref;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::Operator;

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn call_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Call { function_index } => self.call(*function_index),
            Operator::CallIndirect { type_index, table_index } => {
                self.call_indirect(*type_index, *table_index)
            }
            _ => return false,
        }
        true
    }

    fn call(&mut self, function: u32) {
        let info = self.info;
        let Some(ty) = info.function_type(function) else { return };
        let imported = info.imported.functions;
        if function < imported {
            let callee = self.vmctx_pointer(self.offsets.imported_function(function));
            let (code, vmctx) = self.code_and_vmctx(callee);
            self.emit_call(ty, code, vmctx);
        } else {
            // Not read-only: it changes when the function is compiled.
            let offset = self.offsets.defined_function(function - imported).cast_signed() + func_ref::CODE;
            let code = self.builder.ins().load(types::I64, MemFlagsData::trusted(), self.vmctx, offset);
            self.emit_call(ty, code, self.vmctx);
        }
    }

    fn call_indirect(&mut self, type_index: u32, table: u32) {
        let info = self.info;
        let ty = &info.types[type_index as usize];
        let index = self.pop();
        let callee = self.element_for_call(table, index);
        self.trap_if_zero(callee, TrapCode::UninitializedElement);
        let flags = MemFlagsData::trusted().with_readonly();
        let found = self.builder.ins().load(types::I32, flags, callee, func_ref::SIGNATURE);
        let wanted = i64::from(self.engine.signature_id(ty));
        let wanted = self.builder.ins().iconst(types::I32, wanted);
        let differs = self.builder.ins().icmp(IntCC::NotEqual, found, wanted);
        self.trap_if(differs, TrapCode::BadSignature);
        let (code, vmctx) = self.code_and_vmctx(callee);
        self.emit_call(ty, code, vmctx);
    }

    fn trap_if_zero(&mut self, value: Value, code: TrapCode) {
        self.builder.ins().trapz(value, super::function::user_trap(code));
    }

    fn code_and_vmctx(&mut self, callee: Value) -> (Value, Value) {
        let code = self.builder.ins().load(types::I64, MemFlagsData::trusted(), callee, func_ref::CODE);
        let vmctx = self.builder.ins().load(types::I64, MemFlagsData::trusted(), callee, func_ref::VMCTX);
        (code, vmctx)
    }

    /// Pops the arguments, calls, pushes the results.
    fn emit_call(&mut self, ty: &FuncType, code: Value, vmctx: Value) {
        let signature = self.builder.import_signature(native_signature(ty));
        let mut args = vec![vmctx, self.vmctx];
        args.extend(self.state.pop_many(&mut self.builder, ty.params().len()));
        let call = self.builder.ins().call_indirect(signature, code, &args);
        self.record_call(call);
        let results = self.builder.inst_results(call).to_vec();
        for (result, ty) in results.into_iter().zip(ty.results()) {
            self.push(*ty, result);
        }
    }
}
