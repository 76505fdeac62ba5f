//! Guards: in code that does not stop before each access to memory, the accesses that may touch what is watched are compared
//! with it, and the frame goes on in landing code when one is about to.
//!
//! ```text
//!   address - (first watched byte - 15) < 31              ──no──► the access
//!     │ yes, on a cold path
//!   the accessed bytes overlap one of the watched ranges  ──no──► the access
//!     │ yes
//!   the state is stored, and the frame rebuilt for landing code at the same operator (`tier::switch`)
//! ```
//!
//! The first comparison takes all widths of accesses together, and says yes too often. It is with a constant, which is enough
//! for one range of up to [`SHORT`] bytes; code for more loads how many there are from the first to the last. Nothing on the
//! way back to the access calls, and the last part does not come back: so the code generator still knows what is in memory.

use super::function::{Callee, FunctionTranslator, user_trap};
use super::region::Region;
use crate::access::{self, Accesses};
use crate::engine::Tier;
use crate::trap::TrapCode;
use crate::vm::offsets::{self, WATCH_SLACK, watch};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use wasmparser::{MemArgTarget, Operator};

/// Bytes that are watched in most cases, at most: a variable of a machine's type.
const SHORT: u64 = 16;

/// Which accesses code compares with what is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Guard {
    pub(crate) accesses: Accesses,
    /// Whether what is watched may be more than one range of [`SHORT`] bytes.
    pub(crate) spread: bool,
}

impl Guard {
    /// Compares nothing.
    pub(crate) const NONE: Self = Self { accesses: Accesses::NONE, spread: false };

    /// Finds these accesses to one of the ranges.
    pub(crate) fn new(accesses: Accesses, ranges: &[Range<u64>]) -> Self {
        let spread = match ranges {
            [] => false,
            [one] => one.end - one.start > SHORT,
            _ => true,
        };
        Self { accesses, spread }
    }

    /// Whether no access that `other` finds is missed.
    pub(crate) fn covers(self, other: Self) -> bool {
        let Accesses { reads, writes } = other.accesses;
        self.accesses.reads >= reads && self.accesses.writes >= writes && self.spread >= other.spread
    }
}

impl FunctionTranslator<'_> {
    /// Before the operator at hand.
    pub(super) fn guard(&mut self, operator: &Operator<'_>) {
        let Guard { accesses, .. } = self.guard;
        if !access::on_memory(operator).meets(accesses) {
            return;
        }
        match operator {
            Operator::MemoryFill { .. } | Operator::MemoryInit { .. } => self.guard_block(2),
            Operator::MemoryCopy { .. } => {
                if accesses.writes {
                    self.guard_block(2);
                }
                if accesses.reads {
                    self.guard_block(1);
                }
            }
            _ => self.guard_access(operator),
        }
    }

    /// An access whose width is known.
    fn guard_access(&mut self, operator: &Operator<'_>) {
        let Some((memarg, length, mode)) = access::static_access(operator) else { return };
        if !matches!(memarg.target, MemArgTarget::Memory(_)) {
            return;
        }
        let index = self.peek_index(mode.address_depth());
        let start = self.builder.ins().iadd_imm_s(index, memarg.offset.cast_signed());
        let before = self.watched_word(offsets::WATCH_START);
        let above = self.builder.ins().isub(start, before);
        let is_near = if self.guard.spread {
            let span = self.watched_word(offsets::WATCH_LENGTH);
            self.builder.ins().icmp(IntCC::UnsignedLessThan, above, span)
        } else {
            let span = (SHORT + u64::from(WATCH_SLACK)).cast_signed();
            self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, above, span)
        };
        let [near, next] = [(); 2].map(|()| self.builder.create_block());
        self.builder.set_cold_block(near);
        self.builder.ins().brif(is_near, near, &[], next, &[]);
        self.go_on(near);
        // What was computed above is not used again: the subtraction takes its number from memory then.
        let end = self.builder.ins().iadd_imm_s(start, length.cast_signed());
        let is_watched = self.is_in_ranges(start, end);
        self.leave_if(is_watched, next);
        self.go_on(next);
    }

    /// An operator on a range of bytes, whose address is `depth` operands below its length.
    fn guard_block(&mut self, depth: u32) {
        let start = self.peek_index(depth);
        let length = self.peek_index(0);
        let end = self.builder.ins().iadd(start, length);
        let next = self.builder.create_block();
        let is_watched = self.is_in_ranges(start, end);
        self.leave_if(is_watched, next);
        self.go_on(next);
    }

    /// An address or a length among the operands, as 64 bits.
    fn peek_index(&mut self, depth: u32) -> Value {
        let operands = self.state.peek_many(&mut self.builder, depth as usize + 1);
        let index = operands[0];
        if self.builder.func.dfg.value_type(index) == types::I32 {
            self.builder.ins().uextend(types::I64, index)
        } else {
            index
        }
    }

    /// A word of the vmctx that changes at most while nothing runs. The code generator takes it for one that each store to memory may
    /// change: else it would load it once and keep it in a register, which it has better uses for.
    fn watched_word(&mut self, offset: u32) -> Value {
        let vmctx = self.vmctx();
        self.builder.ins().load(types::I64, Region::Memory.trusted(), vmctx, offset.cast_signed())
    }

    /// Ends the block: leaves for landing code if something that is watched is about to be touched, and goes to `next` if not.
    fn leave_if(&mut self, is_watched: Value, next: Block) {
        let leave = self.builder.create_block();
        self.builder.set_cold_block(leave);
        self.builder.ins().brif(is_watched, leave, &[], next, &[]);
        self.go_on(leave);
        let before = self.state.note_held();
        if self.tier() == Tier::Run {
            self.hold();
        }
        let call = self.call_preserving(Callee::Watched);
        self.record_cold(call, self.pc);
        self.state.restore_held(before);
        // It does not come back.
        self.builder.ins().trap(user_trap(TrapCode::Unreachable));
    }

    /// Whether the bytes overlap one of the watched ranges.
    fn is_in_ranges(&mut self, start: Value, end: Value) -> Value {
        // For this alone, or it would be in a register wherever the function may get here.
        let limits = self.watched_word(offsets::LIMITS);
        let flags = Region::Memory.trusted();
        let mut any = None;
        let count = if self.guard.spread { watch::RANGES } else { 1 };
        for range in 0..count {
            let at = offsets::limits::WATCHED + range.cast_signed() * watch::RANGE;
            let first = self.builder.ins().load(types::I64, flags, limits, at);
            let behind = self.builder.ins().load(types::I64, flags, limits, at + watch::END);
            let one = self.overlap(start, end, first, behind);
            any = Some(match any {
                Some(others) => self.builder.ins().bor(others, one),
                None => one,
            });
        }
        any.unwrap_or(start)
    }

    fn overlap(&mut self, start: Value, end: Value, first: Value, behind: Value) -> Value {
        let begins = self.builder.ins().icmp(IntCC::UnsignedLessThan, start, behind);
        let ends = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, first);
        self.builder.ins().band(begins, ends)
    }
}
