//! Small functions between Wasm code and Rust, made with the code generator so that they know its conventions.
//!
//! Every way out of Wasm code goes through one of them, and each tells Rust where the Wasm code was: the address it
//! returns to and that frame's frame pointer. So a stack walk can start there.

use super::compile::compile_thunk;
use crate::engine::{Engine, Tier};
use crate::error::Error;
use crate::module::narrow;
use crate::translate::{builtin_signature, clif_type, native_signature};
use crate::value::FuncType;
use crate::vm::Builtin;
use cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, UserFuncName, Value,
    types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

/// Bytes that one value takes in the array by which Rust passes arguments and gets results.
const VALUE: u32 = 16;

fn build(
    engine: &Engine,
    signature: Signature,
    body: impl FnOnce(&mut FunctionBuilder<'_>, &[Value]),
) -> Result<(Vec<u8>, u64), Error> {
    let mut clif = ir::Function::with_name_signature(UserFuncName::default(), signature);
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut clif, &mut context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    builder.seal_block(entry);
    let params = builder.block_params(entry).to_vec();
    body(&mut builder, &params);
    builder.finalize(engine.isa(Tier::Debug).frontend_config());
    compile_thunk(engine, clif)
}

fn host_signature(params: &[ir::Type], result: Option<ir::Type>) -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend(params.iter().map(|ty| AbiParam::new(*ty)));
    signature.returns.extend(result.map(AbiParam::new));
    signature
}

/// Calls the Rust function at `address`.
fn call_host(
    builder: &mut FunctionBuilder<'_>,
    address: usize,
    args: &[Value],
    result: Option<ir::Type>,
) -> Option<Value> {
    let types: Vec<_> = args.iter().map(|arg| builder.func.dfg.value_type(*arg)).collect();
    let signature = builder.import_signature(host_signature(&types, result));
    let callee = builder.ins().iconst(types::I64, (address as u64).cast_signed());
    let call = builder.ins().call_indirect(signature, callee, args);
    builder.inst_results(call).first().copied()
}

/// Where this thunk returns to, and the frame pointer of the frame that it returns to.
fn caller(builder: &mut FunctionBuilder<'_>) -> (Value, Value) {
    let pc = builder.ins().get_return_address(types::I64);
    let own = builder.ins().get_frame_pointer(types::I64);
    let fp = builder.ins().load(types::I64, MemFlagsData::trusted(), own, 0);
    (pc, fp)
}

/// From Rust into Wasm: `extern "C" fn(code, vmctx, values)`; takes the arguments from `values`, leaves the results.
pub(super) fn entry(engine: &Engine, ty: &FuncType) -> Result<(Vec<u8>, u64), Error> {
    build(engine, host_signature(&[types::I64; 3], None), |builder, params| {
        let &[code, vmctx, values] = params else { return };
        let mut args = vec![vmctx, vmctx];
        for (index, ty) in (0..).zip(ty.params()) {
            args.push(builder.ins().load(clif_type(*ty), MemFlagsData::trusted(), values, offset(index)));
        }
        let signature = builder.import_signature(native_signature(ty));
        let call = builder.ins().call_indirect(signature, code, &args);
        let results = builder.inst_results(call).to_vec();
        for (index, result) in (0..).zip(results) {
            builder.ins().store(MemFlagsData::trusted(), result, values, offset(index));
        }
        builder.ins().return_(&[]);
    })
}

/// From Wasm into a host function: `host(context, caller's vmctx, values, pc, fp, record)`, where the callee's vmctx is
/// the context, and `record` the address of the thunk's saved frame pointer and return address.
pub(super) fn host(engine: &Engine, ty: &FuncType, host: usize) -> Result<(Vec<u8>, u64), Error> {
    build(engine, native_signature(ty), |builder, params| {
        let count = narrow(ty.params().len().max(ty.results().len()).max(1));
        let slot = builder.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            count * VALUE,
            4,
        ));
        let values = builder.ins().stack_addr(types::I64, slot, 0);
        let [context, from, args @ ..] = params else { return };
        for (index, arg) in (0..).zip(args) {
            builder.ins().store(MemFlagsData::trusted(), *arg, values, offset(index));
        }
        let (pc, fp) = caller(builder);
        let record = builder.ins().get_frame_pointer(types::I64);
        call_host(builder, host, &[*context, *from, values, pc, fp, record], None);
        let mut results = Vec::new();
        for (index, ty) in (0..).zip(ty.results()) {
            results.push(builder.ins().load(clif_type(*ty), MemFlagsData::trusted(), values, offset(index)));
        }
        builder.ins().return_(&results);
    })
}

/// From Wasm into a function of the runtime: `host(vmctx, pc, fp, parameters)`.
pub(super) fn builtin(engine: &Engine, builtin: Builtin, host: usize) -> Result<(Vec<u8>, u64), Error> {
    build(engine, builtin_signature(builtin), |builder, params| {
        let [vmctx, params @ ..] = params else { return };
        let (pc, fp) = caller(builder);
        let mut args = vec![*vmctx, pc, fp];
        args.extend_from_slice(params);
        let result = call_host(builder, host, &args, builtin.result());
        builder.ins().return_(result.as_slice());
    })
}

/// Goes to an address that may be far away, and changes no register.
pub(super) fn jump(address: usize) -> Vec<u8> {
    // jmp [rip + 0], and the address behind it
    let mut code = vec![0xff, 0x25, 0, 0, 0, 0];
    code.extend((address as u64).to_le_bytes());
    code
}

fn offset(index: u32) -> i32 {
    (index * VALUE).cast_signed()
}
