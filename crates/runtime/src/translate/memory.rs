//! Linear memory.
//!
//! Why no bounds checks? A 32-bit memory reserves every address that an index plus an offset can name, so an access
//! outside of it faults, and the fault is the trap.

use super::function::{FunctionTranslator, user_trap};
use crate::trap::TrapCode;
use crate::value::ValueType;
use crate::vm::{Builtin, offsets::view};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use wasmparser::{MemArg, MemArgTarget, Operator};

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn memory_operator(&mut self, operator: &Operator<'_>) -> bool {
        use ValueType::{F32, F64, I32, I64};
        match operator {
            Operator::I32Load { memarg } => self.load(I32, types::I32, false, memarg),
            Operator::I64Load { memarg } => self.load(I64, types::I64, false, memarg),
            Operator::F32Load { memarg } => self.load(F32, types::F32, false, memarg),
            Operator::F64Load { memarg } => self.load(F64, types::F64, false, memarg),
            Operator::I32Load8S { memarg } => self.load(I32, types::I8, true, memarg),
            Operator::I32Load8U { memarg } => self.load(I32, types::I8, false, memarg),
            Operator::I32Load16S { memarg } => self.load(I32, types::I16, true, memarg),
            Operator::I32Load16U { memarg } => self.load(I32, types::I16, false, memarg),
            Operator::I64Load8S { memarg } => self.load(I64, types::I8, true, memarg),
            Operator::I64Load8U { memarg } => self.load(I64, types::I8, false, memarg),
            Operator::I64Load16S { memarg } => self.load(I64, types::I16, true, memarg),
            Operator::I64Load16U { memarg } => self.load(I64, types::I16, false, memarg),
            Operator::I64Load32S { memarg } => self.load(I64, types::I32, true, memarg),
            Operator::I64Load32U { memarg } => self.load(I64, types::I32, false, memarg),
            Operator::I32Store { memarg } | Operator::I64Store32 { memarg } => self.store(types::I32, memarg),
            Operator::I64Store { memarg } => self.store(types::I64, memarg),
            Operator::F32Store { memarg } => self.store(types::F32, memarg),
            Operator::F64Store { memarg } => self.store(types::F64, memarg),
            Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => self.store(types::I8, memarg),
            Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => {
                self.store(types::I16, memarg)
            }
            Operator::MemorySize { mem } => {
                let view = self.memory_view(*mem);
                let bytes = self.builder.ins().load(types::I64, MemFlagsData::trusted(), view, view::LENGTH);
                let pages = self.builder.ins().ushr_imm_u(bytes, 16);
                let pages = self.builder.ins().ireduce(types::I32, pages);
                self.push(I32, pages);
            }
            _ => return self.bulk_memory_operator(operator),
        }
        true
    }

    fn bulk_memory_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::MemoryGrow { mem } => {
                let pages = self.pop();
                let memory = self.iconst32(*mem);
                if let Some(old) = self.call_builtin(Builtin::MemoryGrow, &[memory, pages]) {
                    self.push(ValueType::I32, old);
                }
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                self.bulk(Builtin::MemoryCopy, &[*dst_mem, *src_mem], 3)
            }
            Operator::MemoryFill { mem } => self.bulk(Builtin::MemoryFill, &[*mem], 3),
            Operator::MemoryInit { data_index, mem } => {
                self.bulk(Builtin::MemoryInit, &[*mem, *data_index], 3)
            }
            Operator::DataDrop { data_index } => self.bulk(Builtin::DataDrop, &[*data_index], 0),
            _ => return false,
        }
        true
    }

    /// Calls a builtin that takes `immediates`, then `count` operands, and returns nothing.
    pub(super) fn bulk(&mut self, builtin: Builtin, immediates: &[u32], count: usize) {
        let operands = self.state.pop_many(&mut self.builder, count);
        let mut args: Vec<Value> = immediates.iter().map(|immediate| self.iconst32(*immediate)).collect();
        args.extend(operands);
        self.call_builtin(builtin, &args);
    }

    fn memory_view(&mut self, memory: u32) -> Value {
        self.vmctx_pointer(self.offsets.memory(memory))
    }

    /// Pops an index; returns the native address that it means.
    pub(super) fn address(&mut self, memarg: &MemArg) -> Value {
        // Without garbage collection nothing but a memory is named here.
        let memory = match memarg.target {
            MemArgTarget::Memory(memory) | MemArgTarget::Array(memory) => memory,
        };
        let index = self.pop();
        let view = self.memory_view(memory);
        // Growing happens in place, so the base never changes.
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        let base = self.builder.ins().load(types::I64, flags, view, view::BASE);
        let index = self.builder.ins().uextend(types::I64, index);
        let address = self.builder.ins().iadd(base, index);
        if memarg.offset == 0 {
            return address;
        }
        self.builder.ins().iadd_imm_s(address, memarg.offset.cast_signed())
    }

    fn load(&mut self, ty: ValueType, memory: Type, signed: bool, memarg: &MemArg) {
        let address = self.address(memarg);
        let loaded = self.builder.ins().load(memory, access(), address, 0);
        let wide = super::clif_type(ty);
        let value = if memory == wide {
            loaded
        } else if signed {
            self.builder.ins().sextend(wide, loaded)
        } else {
            self.builder.ins().uextend(wide, loaded)
        };
        self.push(ty, value);
    }

    fn store(&mut self, memory: Type, memarg: &MemArg) {
        let value = self.pop();
        let address = self.address(memarg);
        let wide = self.builder.func.dfg.value_type(value);
        let value = if memory == wide { value } else { self.builder.ins().ireduce(memory, value) };
        self.builder.ins().store(access(), value, address, 0);
    }
}

/// An access that traps when it faults.
pub(super) fn access() -> MemFlagsData {
    MemFlagsData::new().with_trap_code(Some(user_trap(TrapCode::MemoryOutOfBounds)))
}
