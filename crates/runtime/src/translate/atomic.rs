//! Atomic operators. `wait` and `notify` are functions of the runtime; everything else is an instruction or two.

use super::clif_type;
use super::function::FunctionTranslator;
use super::memory::access;
use crate::trap::TrapCode;
use crate::value::ValueType;
use crate::vm::Builtin;
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, Type, Value, types};
use wasmparser::{MemArg, Operator};

/// What an operator does with its place in memory.
#[derive(Clone, Copy)]
enum Action {
    Load,
    Store,
    Update(AtomicRmwOp),
    CompareExchange,
}

/// A table of actions, and of the operators that do them: with a whole `i32`, its low 8 bits, its low 16; with a whole
/// `i64`, its low 8, 16 and 32.
macro_rules! accesses {
    ($operator:ident; $($action:expr => $i32:ident $i32_8:ident $i32_16:ident $i64:ident $i64_8:ident $i64_16:ident $i64_32:ident;)*) => {
        match $operator {
            $(
                Operator::$i32 { memarg } => ($action, types::I32, ValueType::I32, memarg),
                Operator::$i32_8 { memarg } => ($action, types::I8, ValueType::I32, memarg),
                Operator::$i32_16 { memarg } => ($action, types::I16, ValueType::I32, memarg),
                Operator::$i64 { memarg } => ($action, types::I64, ValueType::I64, memarg),
                Operator::$i64_8 { memarg } => ($action, types::I8, ValueType::I64, memarg),
                Operator::$i64_16 { memarg } => ($action, types::I16, ValueType::I64, memarg),
                Operator::$i64_32 { memarg } => ($action, types::I32, ValueType::I64, memarg),
            )*
            _ => return None,
        }
    };
}

/// An operator's action, the part of its values that is in memory, the type of its values, and where.
fn access_of<'a>(operator: &'a Operator<'_>) -> Option<(Action, Type, ValueType, &'a MemArg)> {
    use Action::Update;
    Some(accesses! { operator;
        Action::Load => I32AtomicLoad I32AtomicLoad8U I32AtomicLoad16U
            I64AtomicLoad I64AtomicLoad8U I64AtomicLoad16U I64AtomicLoad32U;
        Action::Store => I32AtomicStore I32AtomicStore8 I32AtomicStore16
            I64AtomicStore I64AtomicStore8 I64AtomicStore16 I64AtomicStore32;
        Update(AtomicRmwOp::Add) => I32AtomicRmwAdd I32AtomicRmw8AddU I32AtomicRmw16AddU
            I64AtomicRmwAdd I64AtomicRmw8AddU I64AtomicRmw16AddU I64AtomicRmw32AddU;
        Update(AtomicRmwOp::Sub) => I32AtomicRmwSub I32AtomicRmw8SubU I32AtomicRmw16SubU
            I64AtomicRmwSub I64AtomicRmw8SubU I64AtomicRmw16SubU I64AtomicRmw32SubU;
        Update(AtomicRmwOp::And) => I32AtomicRmwAnd I32AtomicRmw8AndU I32AtomicRmw16AndU
            I64AtomicRmwAnd I64AtomicRmw8AndU I64AtomicRmw16AndU I64AtomicRmw32AndU;
        Update(AtomicRmwOp::Or) => I32AtomicRmwOr I32AtomicRmw8OrU I32AtomicRmw16OrU
            I64AtomicRmwOr I64AtomicRmw8OrU I64AtomicRmw16OrU I64AtomicRmw32OrU;
        Update(AtomicRmwOp::Xor) => I32AtomicRmwXor I32AtomicRmw8XorU I32AtomicRmw16XorU
            I64AtomicRmwXor I64AtomicRmw8XorU I64AtomicRmw16XorU I64AtomicRmw32XorU;
        Update(AtomicRmwOp::Xchg) => I32AtomicRmwXchg I32AtomicRmw8XchgU I32AtomicRmw16XchgU
            I64AtomicRmwXchg I64AtomicRmw8XchgU I64AtomicRmw16XchgU I64AtomicRmw32XchgU;
        Action::CompareExchange => I32AtomicRmwCmpxchg I32AtomicRmw8CmpxchgU I32AtomicRmw16CmpxchgU
            I64AtomicRmwCmpxchg I64AtomicRmw8CmpxchgU I64AtomicRmw16CmpxchgU I64AtomicRmw32CmpxchgU;
    })
}

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn atomic_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::AtomicFence { .. } => {
                self.builder.ins().fence();
            }
            Operator::MemoryAtomicNotify { memarg } => self.wait_or_notify(Builtin::AtomicNotify, memarg, 1),
            Operator::MemoryAtomicWait32 { memarg } => self.wait_or_notify(Builtin::AtomicWait32, memarg, 2),
            Operator::MemoryAtomicWait64 { memarg } => self.wait_or_notify(Builtin::AtomicWait64, memarg, 2),
            _ => {
                let Some((action, memory, ty, memarg)) = access_of(operator) else { return false };
                self.atomic_access(action, memory, ty, memarg);
            }
        }
        true
    }

    fn atomic_access(&mut self, action: Action, memory: Type, ty: ValueType, memarg: &MemArg) {
        let operands = match action {
            Action::Load => 0,
            Action::Store | Action::Update(_) => 1,
            Action::CompareExchange => 2,
        };
        let operands = self.state.pop_many(&mut self.builder, operands);
        let operands: Vec<Value> = operands.into_iter().map(|value| self.narrowed(memory, value)).collect();
        let address = self.aligned_address(memory, memarg);
        let old = match (action, operands.as_slice()) {
            (Action::Update(op), &[value]) => {
                self.builder.ins().atomic_rmw(memory, access(), op, address, value)
            }
            (Action::CompareExchange, &[expected, value]) => {
                self.builder.ins().atomic_cas(access(), address, expected, value)
            }
            (Action::Store, &[value]) => {
                self.builder.ins().atomic_store(access(), value, address);
                return;
            }
            _ => self.builder.ins().atomic_load(memory, access(), address),
        };
        let wide = clif_type(ty);
        let old = if memory == wide { old } else { self.builder.ins().uextend(wide, old) };
        self.push(ty, old);
    }

    /// The low bits of a value, as they are kept in memory.
    fn narrowed(&mut self, memory: Type, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == memory {
            return value;
        }
        self.builder.ins().ireduce(memory, value)
    }

    /// Pops an index; returns the native address that it means, which must be a multiple of the size of the access.
    fn aligned_address(&mut self, memory: Type, memarg: &MemArg) -> Value {
        let address = self.address(memarg, memory.bytes());
        if memory != types::I8 {
            // Memories start at the boundary of a page.
            let low = self.builder.ins().band_imm_s(address, i64::from(memory.bytes() - 1));
            self.trap_if(low, TrapCode::UnalignedAtomic);
        }
        address
    }

    /// Calls a builtin that takes the memory, an address and `count` more operands, and returns an `i32`.
    fn wait_or_notify(&mut self, builtin: Builtin, memarg: &MemArg, count: usize) {
        let operands = self.state.pop_many(&mut self.builder, count);
        let (memory, at) = self.effective_address(memarg);
        let mut args = vec![self.iconst32(memory), at];
        args.extend(operands);
        if let Some(result) = self.call_builtin(builtin, &args) {
            self.push(ValueType::I32, result);
        }
    }
}
