//! What operators do with memory: which bytes relative to their operands, and whether they read or write them.

use serde::{Deserialize, Serialize};
use wasmparser::{MemArg, Operator};

/// What an operator does with things of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Accesses {
    pub(crate) reads: bool,
    pub(crate) writes: bool,
}

impl Accesses {
    pub(crate) const NONE: Self = Self { reads: false, writes: false };
    pub(crate) const READS: Self = Self { reads: true, writes: false };
    pub(crate) const WRITES: Self = Self { reads: false, writes: true };
    pub(crate) const BOTH: Self = Self { reads: true, writes: true };

    /// Whether both have one of the two.
    pub(crate) fn meets(self, other: Self) -> bool {
        self.reads && other.reads || self.writes && other.writes
    }
}

/// How an operator with a static width accesses memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Load,
    /// The loaded bytes replace a lane of the vector on top of the address.
    LoadLane,
    Store,
    ReadModifyWrite,
    CompareExchange,
    /// `memory.atomic.wait`: reads, with a value and a timeout on top of the address.
    Wait,
}

impl Mode {
    /// What it does with the bytes.
    pub(crate) fn accesses(self) -> Accesses {
        match self {
            Self::Load | Self::LoadLane | Self::Wait => Accesses::READS,
            Self::Store => Accesses::WRITES,
            Self::ReadModifyWrite | Self::CompareExchange => Accesses::BOTH,
        }
    }

    /// How deep in the operand stack the address is, 0 for the top.
    pub(crate) fn address_depth(self) -> u32 {
        match self {
            Self::Load => 0,
            Self::LoadLane | Self::Store | Self::ReadModifyWrite => 1,
            Self::CompareExchange | Self::Wait => 2,
        }
    }
}

/// What an operator does with memory, whatever its operands are.
pub(crate) fn on_memory(operator: &Operator<'_>) -> Accesses {
    match operator {
        Operator::MemoryFill { .. } | Operator::MemoryInit { .. } => Accesses::WRITES,
        Operator::MemoryCopy { .. } => Accesses::BOTH,
        _ => static_access(operator).map_or(Accesses::NONE, |(_, _, mode)| mode.accesses()),
    }
}

/// The operators that access as many bytes as their name says.
pub(crate) fn static_access<'a>(operator: &'a Operator<'_>) -> Option<(&'a MemArg, u64, Mode)> {
    plain_access(operator).or_else(|| vector_access(operator)).or_else(|| atomic_access(operator))
}

fn plain_access<'a>(operator: &'a Operator<'_>) -> Option<(&'a MemArg, u64, Mode)> {
    use Operator as O;
    Some(match operator {
        O::I32Load8S { memarg }
        | O::I32Load8U { memarg }
        | O::I64Load8S { memarg }
        | O::I64Load8U { memarg } => (memarg, 1, Mode::Load),
        O::I32Load16S { memarg }
        | O::I32Load16U { memarg }
        | O::I64Load16S { memarg }
        | O::I64Load16U { memarg } => (memarg, 2, Mode::Load),
        O::I32Load { memarg }
        | O::F32Load { memarg }
        | O::I64Load32S { memarg }
        | O::I64Load32U { memarg } => (memarg, 4, Mode::Load),
        O::I64Load { memarg } | O::F64Load { memarg } => (memarg, 8, Mode::Load),
        O::I32Store8 { memarg } | O::I64Store8 { memarg } => (memarg, 1, Mode::Store),
        O::I32Store16 { memarg } | O::I64Store16 { memarg } => (memarg, 2, Mode::Store),
        O::I32Store { memarg } | O::F32Store { memarg } | O::I64Store32 { memarg } => {
            (memarg, 4, Mode::Store)
        }
        O::I64Store { memarg } | O::F64Store { memarg } => (memarg, 8, Mode::Store),
        _ => return None,
    })
}

fn vector_access<'a>(operator: &'a Operator<'_>) -> Option<(&'a MemArg, u64, Mode)> {
    use Operator as O;
    Some(match operator {
        O::V128Load { memarg } => (memarg, 16, Mode::Load),
        O::V128Store { memarg } => (memarg, 16, Mode::Store),
        O::V128Load8x8S { memarg }
        | O::V128Load8x8U { memarg }
        | O::V128Load16x4S { memarg }
        | O::V128Load16x4U { memarg }
        | O::V128Load32x2S { memarg }
        | O::V128Load32x2U { memarg }
        | O::V128Load64Splat { memarg }
        | O::V128Load64Zero { memarg } => (memarg, 8, Mode::Load),
        O::V128Load32Splat { memarg } | O::V128Load32Zero { memarg } => (memarg, 4, Mode::Load),
        O::V128Load16Splat { memarg } => (memarg, 2, Mode::Load),
        O::V128Load8Splat { memarg } => (memarg, 1, Mode::Load),
        O::V128Load8Lane { memarg, .. } => (memarg, 1, Mode::LoadLane),
        O::V128Load16Lane { memarg, .. } => (memarg, 2, Mode::LoadLane),
        O::V128Load32Lane { memarg, .. } => (memarg, 4, Mode::LoadLane),
        O::V128Load64Lane { memarg, .. } => (memarg, 8, Mode::LoadLane),
        O::V128Store8Lane { memarg, .. } => (memarg, 1, Mode::Store),
        O::V128Store16Lane { memarg, .. } => (memarg, 2, Mode::Store),
        O::V128Store32Lane { memarg, .. } => (memarg, 4, Mode::Store),
        O::V128Store64Lane { memarg, .. } => (memarg, 8, Mode::Store),
        _ => return None,
    })
}

fn atomic_access<'a>(operator: &'a Operator<'_>) -> Option<(&'a MemArg, u64, Mode)> {
    use Operator as O;
    Some(match operator {
        O::I32AtomicLoad8U { memarg } | O::I64AtomicLoad8U { memarg } => (memarg, 1, Mode::Load),
        O::I32AtomicLoad16U { memarg } | O::I64AtomicLoad16U { memarg } => (memarg, 2, Mode::Load),
        O::I32AtomicLoad { memarg } | O::I64AtomicLoad32U { memarg } => (memarg, 4, Mode::Load),
        O::I64AtomicLoad { memarg } => (memarg, 8, Mode::Load),
        O::I32AtomicStore8 { memarg } | O::I64AtomicStore8 { memarg } => (memarg, 1, Mode::Store),
        O::I32AtomicStore16 { memarg } | O::I64AtomicStore16 { memarg } => (memarg, 2, Mode::Store),
        O::I32AtomicStore { memarg } | O::I64AtomicStore32 { memarg } => (memarg, 4, Mode::Store),
        O::I64AtomicStore { memarg } => (memarg, 8, Mode::Store),
        O::I32AtomicRmw8CmpxchgU { memarg } | O::I64AtomicRmw8CmpxchgU { memarg } => {
            (memarg, 1, Mode::CompareExchange)
        }
        O::I32AtomicRmw16CmpxchgU { memarg } | O::I64AtomicRmw16CmpxchgU { memarg } => {
            (memarg, 2, Mode::CompareExchange)
        }
        O::I32AtomicRmwCmpxchg { memarg } | O::I64AtomicRmw32CmpxchgU { memarg } => {
            (memarg, 4, Mode::CompareExchange)
        }
        O::I64AtomicRmwCmpxchg { memarg } => (memarg, 8, Mode::CompareExchange),
        O::MemoryAtomicWait32 { memarg } => (memarg, 4, Mode::Wait),
        O::MemoryAtomicWait64 { memarg } => (memarg, 8, Mode::Wait),
        _ => {
            let (memarg, length) = modified(operator)?;
            (memarg, length, Mode::ReadModifyWrite)
        }
    })
}

/// The operators that read, modify and write.
fn modified<'a>(operator: &'a Operator<'_>) -> Option<(&'a MemArg, u64)> {
    macro_rules! of_width {
        ($($length:literal: $($name:ident)*;)*) => {
            match operator { $($(Operator::$name { memarg } => Some((memarg, $length)),)*)* _ => None }
        };
    }
    of_width! {
        1: I32AtomicRmw8AddU I32AtomicRmw8SubU I32AtomicRmw8AndU I32AtomicRmw8OrU I32AtomicRmw8XorU
           I32AtomicRmw8XchgU I64AtomicRmw8AddU I64AtomicRmw8SubU I64AtomicRmw8AndU I64AtomicRmw8OrU
           I64AtomicRmw8XorU I64AtomicRmw8XchgU;
        2: I32AtomicRmw16AddU I32AtomicRmw16SubU I32AtomicRmw16AndU I32AtomicRmw16OrU I32AtomicRmw16XorU
           I32AtomicRmw16XchgU I64AtomicRmw16AddU I64AtomicRmw16SubU I64AtomicRmw16AndU I64AtomicRmw16OrU
           I64AtomicRmw16XorU I64AtomicRmw16XchgU;
        4: I32AtomicRmwAdd I32AtomicRmwSub I32AtomicRmwAnd I32AtomicRmwOr I32AtomicRmwXor I32AtomicRmwXchg
           I64AtomicRmw32AddU I64AtomicRmw32SubU I64AtomicRmw32AndU I64AtomicRmw32OrU I64AtomicRmw32XorU
           I64AtomicRmw32XchgU;
        8: I64AtomicRmwAdd I64AtomicRmwSub I64AtomicRmwAnd I64AtomicRmwOr I64AtomicRmwXor I64AtomicRmwXchg;
    }
}
