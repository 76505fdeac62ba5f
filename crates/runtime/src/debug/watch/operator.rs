//! Which memory, globals and locals an operator reads and writes: known before it runs, from the operator and its
//! operands.

use super::WatchTarget;
use crate::access::{Accesses, Mode, static_access};
use crate::module::Module;
use frame_table::ModulePc;
use wasmparser::{BinaryReader, MemArgTarget, Operator, OperatorsReader};

/// A part of the store's state that an operator is about to touch. Indices are those of its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Touch {
    pub(super) what: Touched,
    pub(super) reads: bool,
    pub(super) writes: bool,
}

/// What is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touched {
    Memory {
        memory: u32,
        start: u64,
        length: u64,
    },
    /// Bytes of a memory that are written only if they are this value now (`cmpxchg`).
    Compared {
        memory: u32,
        start: u64,
        length: u64,
        expected: u64,
    },
    Global(u32),
    /// Of the frame that runs.
    Local(u32),
}

impl Touch {
    /// What a `cmpxchg` leaves on the stack if it wrote.
    pub(super) fn exchanges(&self) -> Option<u64> {
        let Touched::Compared { length, expected, .. } = self.what else { return None };
        let unused = 64_u64.saturating_sub(length * 8);
        Some(expected << unused >> unused)
    }

    /// The first byte of a watched place that is touched, counted from the start of the place.
    pub(super) fn offset_in(&self, target: WatchTarget) -> u64 {
        match (self.what, target) {
            (
                Touched::Memory { start, .. } | Touched::Compared { start, .. },
                WatchTarget::Memory { start: watched, .. },
            ) => start.saturating_sub(watched),
            _ => 0,
        }
    }
}

/// What an operator does with a global.
pub(super) fn on_globals(operator: &Operator<'_>) -> Accesses {
    match operator {
        Operator::GlobalGet { .. } => Accesses::READS,
        Operator::GlobalSet { .. } => Accesses::WRITES,
        _ => Accesses::NONE,
    }
}

/// The local that an operator is about, and what it does with it.
pub(super) fn on_local(operator: &Operator<'_>) -> Option<(u32, Accesses)> {
    match operator {
        Operator::LocalGet { local_index } => Some((*local_index, Accesses::READS)),
        Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
            Some((*local_index, Accesses::WRITES))
        }
        _ => None,
    }
}

/// What an operator is about to touch; `operand` gives an integer operand by its depth, 0 for the top.
pub(super) fn touches(operator: &Operator<'_>, operand: impl Fn(u32) -> Option<u64>) -> Vec<Touch> {
    let memory = |memory: u32, depth: u32, writes: bool| {
        let what = Touched::Memory { memory, start: operand(depth)?, length: operand(0)? };
        Some(Touch { what, reads: !writes, writes })
    };
    let value = |what, Accesses { reads, writes }| Touch { what, reads, writes };
    if let Some((index, accesses)) = on_local(operator) {
        return vec![value(Touched::Local(index), accesses)];
    }
    match operator {
        Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
            vec![value(Touched::Global(*global_index), on_globals(operator))]
        }
        Operator::MemoryFill { mem } | Operator::MemoryInit { mem, .. } => {
            memory(*mem, 2, true).into_iter().collect()
        }
        Operator::MemoryCopy { dst_mem, src_mem } => {
            memory(*src_mem, 1, false).into_iter().chain(memory(*dst_mem, 2, true)).collect()
        }
        _ => static_touch(operator, operand).into_iter().collect(),
    }
}

fn static_touch(operator: &Operator<'_>, operand: impl Fn(u32) -> Option<u64>) -> Option<Touch> {
    let (memarg, length, mode) = static_access(operator)?;
    let Accesses { reads, writes } = mode.accesses();
    let memory = match memarg.target {
        MemArgTarget::Memory(memory) => memory,
        MemArgTarget::Array(_) => return None,
    };
    // An address beyond 64 bits traps.
    let start = operand(mode.address_depth())?.checked_add(memarg.offset)?;
    let what = match mode {
        Mode::CompareExchange => Touched::Compared { memory, start, length, expected: operand(1)? },
        _ => Touched::Memory { memory, start, length },
    };
    Some(Touch { what, reads, writes })
}

/// The operator that begins at `pc`.
pub(super) fn operator_at(module: &Module, pc: ModulePc) -> Option<Operator<'_>> {
    let bytes = module.bytes().get(usize::try_from(pc.0).ok()?..)?;
    OperatorsReader::new(BinaryReader::new(bytes, u64::from(pc.0))).read().ok()
}

/// Where the operators of a function are that matter.
pub(super) fn relevant_operators(
    module: &Module,
    function: u32,
    matters: impl Fn(&Operator<'_>) -> bool,
) -> Vec<ModulePc> {
    let range = module.entry(function).zip(module.body_range(function));
    let Some(((_, first), range)) = range else { return Vec::new() };
    let bytes = module.bytes().get(first.0 as usize..range.end.0 as usize).unwrap_or_default();
    let mut reader = OperatorsReader::new(BinaryReader::new(bytes, u64::from(first.0)));
    let mut found = Vec::new();
    while !reader.eof() {
        let at = u32::try_from(reader.original_position());
        let (Ok(at), Ok(operator)) = (at, reader.read()) else { break };
        if matters(&operator) {
            found.push(ModulePc(at));
        }
    }
    found
}
