//! The frames of a core dump, as a debugger sees those of a stopped guest.

use super::Record;
use super::restore::Instances;
use crate::ModuleId;
use crate::error::Error;
use crate::frame::{Frame, HostFrame, WasmFrame};
use core_dump::WasmFrame as Dumped;
use frame_table::ModulePc;
use runtime::{HeapType, Module, RefType, Store, Value, ValueType};
use std::sync::Arc;

/// Bytes from the base of a stack to its outermost frame: more than none, as that of a running guest.
const OUTERMOST: u64 = 1 << 16;

/// For each frame its locals, and behind those its operands.
type Slots = Vec<Vec<Option<Value>>>;

/// The frames, innermost first.
///
/// # Errors
/// When they are not of their modules.
pub(super) fn frames(
    record: &Record,
    store: &Store,
    instances: &Instances,
    dumped: &[core_dump::Frame],
) -> Result<(Vec<Frame>, Slots), Error> {
    let (mut frames, mut slots) = (Vec::new(), Vec::new());
    for (index, frame) in dumped.iter().enumerate() {
        match frame {
            core_dump::Frame::Host { name, module, function } => {
                let module = ModuleId(*module);
                let host = HostFrame { name: name.clone(), module, function: *function, depth: 0 };
                frames.push(Frame::Host(host));
                slots.push(Vec::new());
            }
            core_dump::Frame::Wasm(dumped) => {
                let module = record.module_of(dumped)?;
                let (frame, values) = wasm_frame(module, store, instances, dumped, index == 0)?;
                frames.push(Frame::Wasm(frame));
                slots.push(values);
            }
        }
    }
    let mut depth = OUTERMOST;
    for (frame, values) in frames.iter_mut().zip(&slots).rev() {
        let room = u64::try_from(values.len()).unwrap_or(u64::MAX).saturating_mul(8).saturating_add(32);
        match frame {
            Frame::Wasm(frame) => frame.depth = depth,
            Frame::Host(frame) => frame.depth = depth,
        }
        depth = depth.saturating_add(room.next_multiple_of(16));
    }
    Ok((frames, slots))
}

fn wasm_frame(
    module: &Module,
    store: &Store,
    instances: &Instances,
    dumped: &Dumped,
    is_innermost: bool,
) -> Result<(WasmFrame, Vec<Option<Value>>), Error> {
    let instance = instances.get(dumped.instance).ok_or(Error::NoEntity("instance"))?;
    let number = store.module_of(instance).ok_or(Error::NoEntity("module"))?;
    let body = module.body_range(dumped.function).ok_or(Error::NoEntity("function"))?;
    let at = body.start.offset(dumped.offset);
    let (call, pc) = match dumped.next {
        Some(next) => (Some(at), body.start.offset(next)),
        None if is_innermost => (None, at),
        None => call_at(module, at),
    };
    let locals: Arc<[ValueType]> = module.local_types(dumped.function).unwrap_or_default().into();
    let operands: Vec<ValueType> = (0..)
        .zip(&dumped.operands)
        .map(|(index, value)| {
            dumped.operand_types.get(index).map_or_else(|| type_of(*value), |byte| type_named(*byte))
        })
        .collect();
    let values =
        locals.iter().zip(dumped.locals.iter().copied().chain(std::iter::repeat(core_dump::Value::Missing)));
    let values = values.chain(operands.iter().zip(dumped.operands.iter().copied()));
    let slots = values.map(|(ty, value)| instances.value(store, value, *ty)).collect();
    let frame = WasmFrame {
        module: ModuleId::of(number),
        instance,
        function: dumped.function,
        pc,
        call,
        locals,
        operands,
        depth: 0,
        activation: dumped.activation,
    };
    Ok((frame, slots))
}

/// Where a caller is: the call that it waits in, and the operator behind it. Others than we keep either of them.
fn call_at(module: &Module, at: ModulePc) -> (Option<ModulePc>, ModulePc) {
    match module.operator(at).filter(|_| module.callee(at).is_some()) {
        Some(call) => (Some(call.start), call.end),
        None => (None, at),
    }
}

fn type_of(value: core_dump::Value) -> ValueType {
    match value {
        core_dump::Value::I64(_) => ValueType::I64,
        core_dump::Value::F32(_) => ValueType::F32,
        core_dump::Value::F64(_) => ValueType::F64,
        core_dump::Value::V128(_) => ValueType::V128,
        core_dump::Value::Function { .. } | core_dump::Value::Null => ValueType::FUNC_REF,
        // One that is missing may be anything; it has no value in either case.
        core_dump::Value::I32(_) | core_dump::Value::Missing => ValueType::I32,
    }
}

/// The type that a byte of the binary format names.
fn type_named(byte: u8) -> ValueType {
    match byte {
        0x7e => ValueType::I64,
        0x7d => ValueType::F32,
        0x7c => ValueType::F64,
        0x7b => ValueType::V128,
        0x70 => ValueType::FUNC_REF,
        0x6f => ValueType::EXTERN_REF,
        0x69 => ValueType::Ref(RefType::nullable(HeapType::Exn)),
        0x6e => ValueType::Ref(RefType::nullable(HeapType::Any)),
        _ => ValueType::I32,
    }
}
