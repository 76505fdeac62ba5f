//! Linear memory.
//!
//! Why no bounds checks for 32-bit memories? Such a memory reserves every address that an index plus an offset can name,
//! so an access outside of it faults, and the fault is the trap. A 64-bit memory cannot, so its bounds are checked.

use super::function::{FunctionTranslator, user_trap};
use super::region::Region;
use crate::module::IndexType;
use crate::trap::TrapCode;
use crate::value::ValueType;
use crate::vm::{Builtin, offsets::view};
use cranelift_codegen::ir::condcodes::IntCC;
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
            Operator::MemorySize { mem } => self.memory_size(*mem),
            _ => return self.bulk_memory_operator(operator),
        }
        true
    }

    fn bulk_memory_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::MemoryGrow { mem } => {
                let pages = self.pop_index(self.memory_index(*mem));
                let memory = self.iconst32(*mem);
                if let Some(old) = self.call_builtin(Builtin::MemoryGrow, &[memory, pages]) {
                    self.push_index(self.memory_index(*mem), old);
                }
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let (to, from) = (self.memory_index(*dst_mem), self.memory_index(*src_mem));
                self.bulk_copy(Builtin::MemoryCopy, [*dst_mem, *src_mem], [to, from]);
            }
            Operator::MemoryFill { mem } => {
                let index = self.memory_index(*mem);
                let length = self.pop_index(index);
                let value = self.pop();
                let at = self.pop_index(index);
                let memory = self.iconst32(*mem);
                self.call_builtin(Builtin::MemoryFill, &[memory, at, value, length]);
            }
            Operator::MemoryInit { data_index, mem } => {
                self.bulk_init(Builtin::MemoryInit, [*mem, *data_index], self.memory_index(*mem));
            }
            Operator::DataDrop { data_index } => {
                let segment = self.iconst32(*data_index);
                self.call_builtin(Builtin::DataDrop, &[segment]);
            }
            _ => return false,
        }
        true
    }

    /// `copy` from one memory or table to another, whose indices may be of different types; the length is of the
    /// smaller one.
    pub(super) fn bulk_copy(&mut self, builtin: Builtin, immediates: [u32; 2], [to, from]: [IndexType; 2]) {
        let length = if to == from { to } else { IndexType::I32 };
        let length = self.pop_index(length);
        let source = self.pop_index(from);
        let at = self.pop_index(to);
        let [to, from] = immediates.map(|immediate| self.iconst32(immediate));
        self.call_builtin(builtin, &[to, from, at, source, length]);
    }

    /// `init` of a memory or a table from a segment.
    pub(super) fn bulk_init(&mut self, builtin: Builtin, immediates: [u32; 2], to: IndexType) {
        let length = self.pop_index(IndexType::I32);
        let source = self.pop_index(IndexType::I32);
        let at = self.pop_index(to);
        let [to, segment] = immediates.map(|immediate| self.iconst32(immediate));
        self.call_builtin(builtin, &[to, segment, at, source, length]);
    }

    /// Pops an index or a length as 64 bits.
    pub(super) fn pop_index(&mut self, ty: IndexType) -> Value {
        let index = self.pop();
        match ty {
            IndexType::I32 => self.builder.ins().uextend(types::I64, index),
            IndexType::I64 => index,
        }
    }

    /// Pushes an index or a length that is in 64 bits.
    pub(super) fn push_index(&mut self, ty: IndexType, index: Value) {
        let index = match ty {
            IndexType::I32 => self.builder.ins().ireduce(types::I32, index),
            IndexType::I64 => index,
        };
        self.push(ty.value_type(), index);
    }

    fn memory_index(&self, memory: u32) -> IndexType {
        self.info.memories[memory as usize].index
    }

    fn memory_view(&mut self, memory: u32) -> Value {
        self.vmctx_pointer(self.offsets.memory(memory))
    }

    /// Bytes that a memory has. Another thread may grow a shared one at any time.
    fn memory_length(&mut self, memory: u32) -> Value {
        let view = self.memory_view(memory);
        if !self.info.memories[memory as usize].shared {
            return self.builder.ins().load(types::I64, Region::Runtime.trusted(), view, view::LENGTH);
        }
        let length = self.builder.ins().iadd_imm_s(view, i64::from(view::LENGTH));
        self.builder.ins().atomic_load(types::I64, Region::Runtime.trusted(), length)
    }

    fn memory_size(&mut self, memory: u32) {
        let bytes = self.memory_length(memory);
        let pages = self.builder.ins().ushr_imm_u(bytes, 16);
        self.push_index(self.memory_index(memory), pages);
    }

    /// Pops an index; returns the native address of the `size` bytes that it means, of which the access will find out
    /// whether they are there.
    pub(super) fn address(&mut self, memarg: &MemArg, size: u32) -> Value {
        let memory = memory_of(memarg);
        let index = self.pop_index(self.memory_index(memory));
        if self.memory_index(memory) == IndexType::I64 {
            self.check_bounds(memory, index, memarg.offset, size);
        }
        // Growing happens in place, so the base never changes.
        let base = self.vmctx_pointer(self.offsets.memory_base(memory));
        let address = self.builder.ins().iadd(base, index);
        if memarg.offset == 0 {
            return address;
        }
        self.builder.ins().iadd_imm_s(address, memarg.offset.cast_signed())
    }

    /// Traps if a memory has not all of the `size` bytes at an index plus an offset.
    fn check_bounds(&mut self, memory: u32, index: Value, offset: u64, size: u32) {
        let code = TrapCode::MemoryOutOfBounds;
        // Where an offset leaves no room for the access, no index fits.
        let end = offset.saturating_add(u64::from(size));
        let end = self.builder.ins().iconst(types::I64, end.cast_signed());
        let end = self.builder.ins().uadd_overflow_trap(index, end, user_trap(code));
        let length = self.memory_length(memory);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
        self.trap_if(outside, code);
    }

    /// Pops an index; returns the memory and the address in it that it means. An address beyond all numbers becomes
    /// the last one, where no memory has anything.
    pub(super) fn effective_address(&mut self, memarg: &MemArg) -> (u32, Value) {
        let memory = memory_of(memarg);
        let index = self.pop_index(self.memory_index(memory));
        let offset = self.builder.ins().iconst(types::I64, memarg.offset.cast_signed());
        let (sum, beyond) = self.builder.ins().uadd_overflow(index, offset);
        let last = self.builder.ins().iconst(types::I64, -1);
        (memory, self.builder.ins().select(beyond, last, sum))
    }

    fn load(&mut self, ty: ValueType, memory: Type, signed: bool, memarg: &MemArg) {
        let address = self.address(memarg, memory.bytes());
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
        let address = self.address(memarg, memory.bytes());
        let wide = self.builder.func.dfg.value_type(value);
        let value = if memory == wide { value } else { self.builder.ins().ireduce(memory, value) };
        self.builder.ins().store(access(), value, address, 0);
    }
}

/// The memory that an operator names.
fn memory_of(memarg: &MemArg) -> u32 {
    match memarg.target {
        // No operator of these families names an array.
        MemArgTarget::Memory(memory) | MemArgTarget::Array(memory) => memory,
    }
}

/// An access that traps when it faults.
pub(super) fn access() -> MemFlagsData {
    Region::Memory.of(MemFlagsData::new().with_trap_code(Some(user_trap(TrapCode::MemoryOutOfBounds))))
}
