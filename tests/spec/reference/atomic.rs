//! Atomic operators, as one thread sees them.

use runtime::{TrapCode, Value};
use wasmparser::{MemArg, Operator};

use super::cast;
use super::machine::Machine;
use super::memory::{effective, memory_of, number};
use super::step::{Expected, Step};

/// What is done with the bytes at an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Load,
    Store,
    Add,
    Sub,
    And,
    Or,
    Xor,
    Xchg,
    Cmpxchg,
}

/// Operators with the number of bytes that they touch.
macro_rules! kinds {
    ($($name:ident = $size:literal $kind:ident,)*) => {
        fn kind_of<'a>(operator: &'a Operator<'_>) -> Option<(&'a MemArg, u32, Kind)> {
            Some(match operator {
                $(Operator::$name { memarg } => (memarg, $size, Kind::$kind),)*
                _ => return None,
            })
        }
    };
}

kinds! {
    I32AtomicRmwAdd = 4 Add,
    I64AtomicRmwAdd = 8 Add,
    I32AtomicRmw8AddU = 1 Add,
    I32AtomicRmw16AddU = 2 Add,
    I64AtomicRmw8AddU = 1 Add,
    I64AtomicRmw16AddU = 2 Add,
    I64AtomicRmw32AddU = 4 Add,
    I32AtomicRmwSub = 4 Sub,
    I64AtomicRmwSub = 8 Sub,
    I32AtomicRmw8SubU = 1 Sub,
    I32AtomicRmw16SubU = 2 Sub,
    I64AtomicRmw8SubU = 1 Sub,
    I64AtomicRmw16SubU = 2 Sub,
    I64AtomicRmw32SubU = 4 Sub,
    I32AtomicRmwAnd = 4 And,
    I64AtomicRmwAnd = 8 And,
    I32AtomicRmw8AndU = 1 And,
    I32AtomicRmw16AndU = 2 And,
    I64AtomicRmw8AndU = 1 And,
    I64AtomicRmw16AndU = 2 And,
    I64AtomicRmw32AndU = 4 And,
    I32AtomicRmwOr = 4 Or,
    I64AtomicRmwOr = 8 Or,
    I32AtomicRmw8OrU = 1 Or,
    I32AtomicRmw16OrU = 2 Or,
    I64AtomicRmw8OrU = 1 Or,
    I64AtomicRmw16OrU = 2 Or,
    I64AtomicRmw32OrU = 4 Or,
    I32AtomicRmwXor = 4 Xor,
    I64AtomicRmwXor = 8 Xor,
    I32AtomicRmw8XorU = 1 Xor,
    I32AtomicRmw16XorU = 2 Xor,
    I64AtomicRmw8XorU = 1 Xor,
    I64AtomicRmw16XorU = 2 Xor,
    I64AtomicRmw32XorU = 4 Xor,
    I32AtomicRmwXchg = 4 Xchg,
    I64AtomicRmwXchg = 8 Xchg,
    I32AtomicRmw8XchgU = 1 Xchg,
    I32AtomicRmw16XchgU = 2 Xchg,
    I64AtomicRmw8XchgU = 1 Xchg,
    I64AtomicRmw16XchgU = 2 Xchg,
    I64AtomicRmw32XchgU = 4 Xchg,
    I32AtomicRmwCmpxchg = 4 Cmpxchg,
    I64AtomicRmwCmpxchg = 8 Cmpxchg,
    I32AtomicRmw8CmpxchgU = 1 Cmpxchg,
    I32AtomicRmw16CmpxchgU = 2 Cmpxchg,
    I64AtomicRmw8CmpxchgU = 1 Cmpxchg,
    I64AtomicRmw16CmpxchgU = 2 Cmpxchg,
    I64AtomicRmw32CmpxchgU = 4 Cmpxchg,
    I32AtomicLoad = 4 Load,
    I64AtomicLoad = 8 Load,
    I32AtomicLoad8U = 1 Load,
    I32AtomicLoad16U = 2 Load,
    I64AtomicLoad8U = 1 Load,
    I64AtomicLoad16U = 2 Load,
    I64AtomicLoad32U = 4 Load,
    I32AtomicStore = 4 Store,
    I64AtomicStore = 8 Store,
    I32AtomicStore8 = 1 Store,
    I32AtomicStore16 = 2 Store,
    I64AtomicStore8 = 1 Store,
    I64AtomicStore16 = 2 Store,
    I64AtomicStore32 = 4 Store,
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    match operator {
        Operator::MemoryAtomicNotify { memarg } => {
            let access = access(machine, memarg, 4, 1)?;
            // Nobody waits: scripts have one thread.
            Some(access.map_or_else(traps, |_| vec![Step::push(2, Value::I32(0))]))
        }
        Operator::MemoryAtomicWait32 { memarg } => wait(machine, memarg, 4),
        Operator::MemoryAtomicWait64 { memarg } => wait(machine, memarg, 8),
        _ => {
            let (memarg, size, kind) = kind_of(operator)?;
            // The result's type is in the operator's name only if there is no other operand.
            let wide = match kind {
                Kind::Load => matches!(
                    operator,
                    Operator::I64AtomicLoad { .. }
                        | Operator::I64AtomicLoad8U { .. }
                        | Operator::I64AtomicLoad16U { .. }
                        | Operator::I64AtomicLoad32U { .. }
                ),
                _ => matches!(machine.top(0)?, Value::I64(_)),
            };
            change(machine, memarg, size, kind, wide)
        }
    }
}

/// Where an access is and what is there, or the traps of which there may be any.
type Access = Result<(u64, u64), Vec<TrapCode>>;

fn access(machine: &Machine<'_>, memarg: &MemArg, size: u32, depth: usize) -> Option<Access> {
    let at = effective(machine, memarg, depth)?;
    let memory = memory_of(memarg)?;
    let unaligned = at.is_some_and(|at| at % u64::from(size) != 0);
    let bytes = at.and_then(|at| machine.bytes(memory, at, size.into()));
    let mut codes = Vec::new();
    codes.extend(unaligned.then_some(TrapCode::UnalignedAtomic));
    codes.extend(bytes.is_none().then_some(TrapCode::MemoryOutOfBounds));
    Some(match (at, bytes) {
        (Some(at), Some(bytes)) if codes.is_empty() => Ok((at, cast::low_u64(number(&bytes)))),
        _ => Err(codes),
    })
}

fn traps(codes: Vec<TrapCode>) -> Vec<Step> {
    codes.into_iter().map(Step::trap).collect()
}

fn wait(machine: &Machine<'_>, memarg: &MemArg, size: u32) -> Option<Vec<Step>> {
    let shared = machine.store.memory_type(machine.at.instance, memory_of(memarg)?)?.shared;
    Some(match access(machine, memarg, size, 2)? {
        Err(mut codes) => {
            codes.extend((!shared).then_some(TrapCode::ExpectedSharedMemory));
            traps(codes)
        }
        Ok(_) if !shared => vec![Step::trap(TrapCode::ExpectedSharedMemory)],
        Ok((_, found)) if found != machine.index(1)? => vec![Step::push(3, Value::I32(1))],
        Ok(_) => [0, 2].map(|result| Step::push(3, Value::I32(result))).to_vec(),
    })
}

fn change(machine: &Machine<'_>, memarg: &MemArg, size: u32, kind: Kind, wide: bool) -> Option<Vec<Step>> {
    let operands = match kind {
        Kind::Load => 0,
        Kind::Cmpxchg => 2,
        _ => 1,
    };
    let (at, found) = match access(machine, memarg, size, operands)? {
        Ok(access) => access,
        Err(codes) => return Some(traps(codes)),
    };
    let mask = u64::MAX >> (64 - 8 * size);
    let operand = if operands == 0 { 0 } else { machine.index(0)? };
    let written = match kind {
        Kind::Load => None,
        Kind::Store | Kind::Xchg => Some(operand),
        Kind::Add => Some(found.wrapping_add(operand)),
        Kind::Sub => Some(found.wrapping_sub(operand)),
        Kind::And => Some(found & operand),
        Kind::Or => Some(found | operand),
        Kind::Xor => Some(found ^ operand),
        // An operand with higher bits than the access is never equal.
        Kind::Cmpxchg => Some(if found == machine.index(1)? { operand } else { found }),
    };
    let mut step = Step::next(operands + 1, Vec::new());
    if kind != Kind::Store {
        let value = if wide {
            Value::I64(found.cast_signed())
        } else {
            Value::I32(cast::low_u32(found).cast_signed())
        };
        step.pushes.push(Expected::Exactly(value));
    }
    if let Some(written) = written {
        let bytes = (written & mask).to_le_bytes();
        let bytes = bytes.get(..size as usize)?;
        step.writes.push(machine.write_bytes(memory_of(memarg)?, at, bytes)?);
    }
    Some(vec![step])
}
