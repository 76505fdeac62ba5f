//! Operators on linear memories.

use runtime::{TrapCode, Value};
use wasmparser::{MemArg, MemArgTarget, Operator};

use super::cast;
use super::machine::Machine;
use super::step::{Expected, Step, Write};

/// How a load makes a value of bytes, which are few and little-endian.
enum Load {
    /// An `i32` of bytes, with their sign or without.
    I32 {
        signed: bool,
    },
    I64 {
        signed: bool,
    },
    F32,
    F64,
    V128,
    /// Lanes of this many bits, each extended to the double.
    Extend {
        width: u32,
        signed: bool,
    },
    Splat,
    /// The rest is zero.
    Zero,
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    if let Some((memarg, size, how)) = load_of(operator) {
        return Some(vec![load(machine, memarg, size, &how)?]);
    }
    if let Some((memarg, size)) = store_of(operator) {
        return Some(vec![store(machine, memarg, size)?]);
    }
    if let Some((memarg, size, lane)) = load_lane_of(operator) {
        return Some(vec![load_lane(machine, memarg, size, lane)?]);
    }
    if let Some((memarg, size, lane)) = store_lane_of(operator) {
        return Some(vec![store_lane(machine, memarg, size, lane)?]);
    }
    super::bulk::evaluate(machine, operator)
}

fn load_of<'a>(operator: &'a Operator<'_>) -> Option<(&'a MemArg, u64, Load)> {
    use Load::{Extend, F32, F64, I32, I64, Splat, V128, Zero};
    Some(match operator {
        Operator::I32Load { memarg } => (memarg, 4, I32 { signed: true }),
        Operator::I64Load { memarg } => (memarg, 8, I64 { signed: true }),
        Operator::F32Load { memarg } => (memarg, 4, F32),
        Operator::F64Load { memarg } => (memarg, 8, F64),
        Operator::I32Load8S { memarg } => (memarg, 1, I32 { signed: true }),
        Operator::I32Load8U { memarg } => (memarg, 1, I32 { signed: false }),
        Operator::I32Load16S { memarg } => (memarg, 2, I32 { signed: true }),
        Operator::I32Load16U { memarg } => (memarg, 2, I32 { signed: false }),
        Operator::I64Load8S { memarg } => (memarg, 1, I64 { signed: true }),
        Operator::I64Load8U { memarg } => (memarg, 1, I64 { signed: false }),
        Operator::I64Load16S { memarg } => (memarg, 2, I64 { signed: true }),
        Operator::I64Load16U { memarg } => (memarg, 2, I64 { signed: false }),
        Operator::I64Load32S { memarg } => (memarg, 4, I64 { signed: true }),
        Operator::I64Load32U { memarg } => (memarg, 4, I64 { signed: false }),
        Operator::V128Load { memarg } => (memarg, 16, V128),
        Operator::V128Load8x8S { memarg } => (memarg, 8, Extend { width: 8, signed: true }),
        Operator::V128Load8x8U { memarg } => (memarg, 8, Extend { width: 8, signed: false }),
        Operator::V128Load16x4S { memarg } => (memarg, 8, Extend { width: 16, signed: true }),
        Operator::V128Load16x4U { memarg } => (memarg, 8, Extend { width: 16, signed: false }),
        Operator::V128Load32x2S { memarg } => (memarg, 8, Extend { width: 32, signed: true }),
        Operator::V128Load32x2U { memarg } => (memarg, 8, Extend { width: 32, signed: false }),
        Operator::V128Load8Splat { memarg } => (memarg, 1, Splat),
        Operator::V128Load16Splat { memarg } => (memarg, 2, Splat),
        Operator::V128Load32Splat { memarg } => (memarg, 4, Splat),
        Operator::V128Load64Splat { memarg } => (memarg, 8, Splat),
        Operator::V128Load32Zero { memarg } => (memarg, 4, Zero),
        Operator::V128Load64Zero { memarg } => (memarg, 8, Zero),
        _ => return None,
    })
}

fn store_of<'a>(operator: &'a Operator<'_>) -> Option<(&'a MemArg, usize)> {
    Some(match operator {
        Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => (memarg, 1),
        Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => (memarg, 2),
        Operator::I32Store { memarg } | Operator::I64Store32 { memarg } | Operator::F32Store { memarg } => {
            (memarg, 4)
        }
        Operator::I64Store { memarg } | Operator::F64Store { memarg } => (memarg, 8),
        Operator::V128Store { memarg } => (memarg, 16),
        _ => return None,
    })
}

fn load_lane_of<'a>(operator: &'a Operator<'_>) -> Option<(&'a MemArg, usize, u8)> {
    Some(match operator {
        Operator::V128Load8Lane { memarg, lane } => (memarg, 1, *lane),
        Operator::V128Load16Lane { memarg, lane } => (memarg, 2, *lane),
        Operator::V128Load32Lane { memarg, lane } => (memarg, 4, *lane),
        Operator::V128Load64Lane { memarg, lane } => (memarg, 8, *lane),
        _ => return None,
    })
}

fn store_lane_of<'a>(operator: &'a Operator<'_>) -> Option<(&'a MemArg, usize, u8)> {
    Some(match operator {
        Operator::V128Store8Lane { memarg, lane } => (memarg, 1, *lane),
        Operator::V128Store16Lane { memarg, lane } => (memarg, 2, *lane),
        Operator::V128Store32Lane { memarg, lane } => (memarg, 4, *lane),
        Operator::V128Store64Lane { memarg, lane } => (memarg, 8, *lane),
        _ => return None,
    })
}

/// Little-endian bytes as a number.
pub(super) fn number(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// Where an access begins, if the operand at `depth` is its address; none if that is beyond 64 bits.
pub(super) fn effective(machine: &Machine<'_>, memarg: &MemArg, depth: usize) -> Option<Option<u64>> {
    Some(machine.index(depth)?.checked_add(memarg.offset))
}

/// The memory that an access is to.
pub(super) fn memory_of(memarg: &MemArg) -> Option<u32> {
    match memarg.target {
        MemArgTarget::Memory(memory) => Some(memory),
        MemArgTarget::Array(_) => None,
    }
}

const OUT_OF_BOUNDS: TrapCode = TrapCode::MemoryOutOfBounds;

fn load(machine: &Machine<'_>, memarg: &MemArg, size: u64, how: &Load) -> Option<Step> {
    let at = effective(machine, memarg, 0)?;
    let Some(bytes) = at.and_then(|at| machine.bytes(memory_of(memarg)?, at, size)) else {
        return Some(Step::trap(OUT_OF_BOUNDS));
    };
    let number = number(&bytes);
    let low = cast::low_u64(number);
    let unused = 64 - 8 * u32::try_from(size.min(8)).ok()?;
    let extended = (low << unused).cast_signed() >> unused;
    let value = match how {
        Load::I32 { signed: true } => Value::I32(cast::low_u32(extended.cast_unsigned()).cast_signed()),
        Load::I32 { signed: false } => Value::I32(cast::low_u32(low).cast_signed()),
        Load::I64 { signed: true } => Value::I64(extended),
        Load::I64 { signed: false } => Value::I64(low.cast_signed()),
        Load::F32 => Value::F32(cast::low_u32(low)),
        Load::F64 => Value::F64(low),
        Load::V128 | Load::Zero => Value::V128(number),
        Load::Splat => {
            let all: Vec<u8> = bytes.iter().copied().cycle().take(16).collect();
            Value::V128(super::memory::number(&all))
        }
        Load::Extend { width, signed } => Value::V128(super::simd::extended(number, *width, *signed)),
    };
    Some(Step::push(1, value))
}

/// Little-endian bytes of a value.
pub(super) fn bytes_of(value: Value) -> Option<Vec<u8>> {
    Some(match value {
        Value::I32(number) => number.to_le_bytes().to_vec(),
        Value::I64(number) => number.to_le_bytes().to_vec(),
        Value::F32(bits) => bits.to_le_bytes().to_vec(),
        Value::F64(bits) => bits.to_le_bytes().to_vec(),
        Value::V128(bits) => bits.to_le_bytes().to_vec(),
        _ => return None,
    })
}

fn store(machine: &Machine<'_>, memarg: &MemArg, size: usize) -> Option<Step> {
    let bytes = bytes_of(machine.top(0)?)?;
    write(machine, memarg, bytes.get(..size)?)
}

/// Writes bytes at the address below the top.
fn write(machine: &Machine<'_>, memarg: &MemArg, bytes: &[u8]) -> Option<Step> {
    let at = effective(machine, memarg, 1)?;
    let write = at.and_then(|at| machine.write_bytes(memory_of(memarg)?, at, bytes));
    Some(write.map_or(Step::trap(OUT_OF_BOUNDS), |write: Write| Step::write(2, write)))
}

fn load_lane(machine: &Machine<'_>, memarg: &MemArg, size: usize, lane: u8) -> Option<Step> {
    let Value::V128(vector) = machine.top(0)? else { return None };
    let at = effective(machine, memarg, 1)?;
    let Some(bytes) = at.and_then(|at| machine.bytes(memory_of(memarg)?, at, size as u64)) else {
        return Some(Step::trap(OUT_OF_BOUNDS));
    };
    let mut all = vector.to_le_bytes();
    all.get_mut(usize::from(lane) * size..)?.get_mut(..size)?.copy_from_slice(&bytes);
    Some(Step::next(2, vec![Expected::Exactly(Value::V128(u128::from_le_bytes(all)))]))
}

fn store_lane(machine: &Machine<'_>, memarg: &MemArg, size: usize, lane: u8) -> Option<Step> {
    let Value::V128(vector) = machine.top(0)? else { return None };
    let all = vector.to_le_bytes();
    write(machine, memarg, all.get(usize::from(lane) * size..)?.get(..size)?)
}
