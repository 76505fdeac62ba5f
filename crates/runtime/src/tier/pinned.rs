//! Functions that always run landing code, because a frame of theirs could not be rebuilt.
//!
//! A frame is rebuilt from its state slot and the registers that have results. So there may be neither results in memory
//! of the caller's (more than the registers for them hold), nor an exception that a `rethrow` would need; and the
//! frame pointer stays, so a tail call may not have moved the frame to make room for arguments on the stack.

use crate::module::ModuleInfo;
use crate::unwind::has_results_in_memory;
use crate::value::{FuncType, ValueType};
use wasmparser::{BinaryReader, FunctionBody, Operator};

/// Integers and references that are passed in registers beside the two vmctxs.
const ARGUMENTS: usize = 4;
/// Floats and vectors that are passed in registers.
const FLOAT_ARGUMENTS: usize = 8;

/// Whether a function, counted with imports, always runs landing code.
pub(crate) fn is_pinned(info: &ModuleInfo, index: u32) -> bool {
    let own = info.function_type(index).is_none_or(has_results_in_memory);
    own || body_pins(info, index).unwrap_or(true)
}

fn body_pins(info: &ModuleInfo, index: u32) -> Option<bool> {
    info.check_body(index).ok()?;
    let defined = index.checked_sub(info.imported.functions)?;
    let range = info.bodies.get(defined as usize)?.clone();
    let bytes = info.bytes.get(range.clone())?;
    let body = FunctionBody::new(BinaryReader::new(bytes, range.start as u64));
    let mut reader = body.get_operators_reader().ok()?;
    while !reader.eof() {
        let pins = match reader.read().ok()? {
            Operator::Call { function_index } => {
                info.function_type(function_index).is_none_or(has_results_in_memory)
            }
            Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
                has_results_in_memory(info.signature(type_index))
            }
            Operator::ReturnCall { function_index } => {
                info.function_type(function_index).is_none_or(has_arguments_in_memory)
            }
            Operator::ReturnCallIndirect { type_index, .. } | Operator::ReturnCallRef { type_index } => {
                has_arguments_in_memory(info.signature(type_index))
            }
            Operator::Rethrow { .. } => true,
            _ => false,
        };
        if pins {
            return Some(true);
        }
    }
    Some(false)
}

fn has_arguments_in_memory(ty: &FuncType) -> bool {
    let (integers, floats) = count(ty.params());
    integers > ARGUMENTS || floats > FLOAT_ARGUMENTS
}

/// How many values are in integer registers, and how many in the others.
fn count(types: &[ValueType]) -> (usize, usize) {
    let is_integer = |ty: &&ValueType| matches!(ty, ValueType::I32 | ValueType::I64 | ValueType::Ref(_));
    let integers = types.iter().filter(is_integer).count();
    (integers, types.len() - integers)
}
