//! The polls at the headers of loops in the run tier: made into NOPs until they are wanted.
//!
//! A poll loads a flag of the vmctx, tests it, and branches to a cold path. The code generator has no patchable branch;
//! but what it makes of a poll is three instructions in a row, and nothing after them reads the register that they use.
//! Where that is so they are overwritten by NOPs, and an armed poll is a jump to the cold path. Anywhere else the poll
//! stays as it is, and the flag arms it.
#![forbid(unsafe_code)]

use super::patch::{self, CALL_LENGTH};
use crate::module::narrow;
use crate::vm::offsets::STOP_AT_LOOPS;
use frame_table::TextOffset;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A poll that is made of NOPs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Poll {
    /// Where a jump ends that stands in its place.
    pub(super) end: TextOffset,
    /// The cold path.
    pub(super) cold: TextOffset,
}

/// Overwrites the poll that begins at `from`, or behind moves there, and ends before `to`.
pub(super) fn overwrite(code: &mut [u8], from: usize, to: usize) -> Option<Poll> {
    let before = code.get(..to.min(code.len()))?;
    let mut start = from;
    let (range, cold) = loop {
        if let Some(found) = poll_at(before, start) {
            break found;
        }
        // Instruction by instruction: the last byte of one may look like the first of the next.
        start += length_of_move(before, start)?;
    };
    if range.len() < CALL_LENGTH {
        return None;
    }
    let end = range.start + CALL_LENGTH;
    patch::fill_with_nops(code.get_mut(range.start..end)?).ok()?;
    fill(code.get_mut(end..range.end)?);
    Some(Poll { end: TextOffset(narrow(end)), cold: TextOffset(narrow(cold)) })
}

/// NOPs of at most eight bytes each, as the processor's manual recommends them.
fn fill(mut place: &mut [u8]) {
    const NOPS: [&[u8]; 8] = [
        &[0x90],
        &[0x66, 0x90],
        &[0x0f, 0x1f, 0x00],
        &[0x0f, 0x1f, 0x40, 0x00],
        &[0x0f, 0x1f, 0x44, 0x00, 0x00],
        &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
        &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
        &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    ];
    while !place.is_empty() {
        let nop = NOPS[place.len().min(NOPS.len()) - 1];
        let (now, rest) = place.split_at_mut(nop.len());
        now.copy_from_slice(nop);
        place = rest;
    }
}

/// The length of the move that starts at `at`: between registers, or between one and memory, as the register allocator
/// makes them.
fn length_of_move(code: &[u8], at: usize) -> Option<usize> {
    let mut next = code.get(at..)?.iter().copied();
    let mut byte = || next.next();
    let mut length = 1;
    let mut opcode = byte()?;
    while matches!(opcode, 0x66 | 0xf2 | 0xf3 | 0x40..=0x4f) {
        opcode = byte()?;
        length += 1;
    }
    // An opcode of two bytes, and vectors' prefixes of two and three bytes in place of its first one.
    let more = match opcode {
        0x0f => 1,
        0xc5 => 2,
        0xc4 => 3,
        _ => 0,
    };
    for _ in 0..more {
        opcode = byte()?;
        length += 1;
    }
    let is_move = match more {
        0 => matches!(opcode, 0x89 | 0x8b),
        _ => matches!(opcode, 0x10 | 0x11 | 0x28 | 0x29 | 0x6e | 0x6f | 0x7e | 0x7f | 0xd6),
    };
    is_move.then_some(())?;
    let fields = byte()?;
    let (mode, base) = (fields >> 6, fields & 7);
    let named = usize::from(mode != 3 && base == 4);
    let displacement = match mode {
        0 if base == 5 => 4,
        // Without a base a displacement follows even so, but the allocator has no use for that.
        0 if named == 1 && byte()? & 7 == 5 => return None,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    Some(length + 1 + named + displacement)
}

/// The three instructions, if they start there, and where the branch goes.
fn poll_at(code: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let (register, at) = load_of_flag(code, start)?;
    let at = test_of(code, at, register)?;
    // jnz with a displacement of four bytes
    let [0x0f, 0x85, displacement @ ..] = code.get(at..at + 6)? else { return None };
    let end = at + 6;
    let displacement = i32::from_le_bytes(displacement.try_into().ok()?);
    let cold = i64::try_from(end).ok()?.checked_add(displacement.into())?;
    Some((start..end, usize::try_from(cold).ok()?))
}

/// A REX prefix's bits that extend the two register fields, if it is one without width; and how long it is.
fn prefix(code: &[u8], at: usize) -> (u8, u8, usize) {
    match code.get(at) {
        Some(rex @ 0x40..=0x47) => ((rex >> 2) & 1, rex & 1, 1),
        _ => (0, 0, 0),
    }
}

/// `mov r32, [base + STOP_AT_LOOPS]`: the register, and where the next instruction starts.
fn load_of_flag(code: &[u8], at: usize) -> Option<(u8, usize)> {
    let (high, _, length) = prefix(code, at);
    let [0x8b, fields, rest @ ..] = code.get(at + length..)? else { return None };
    // A base register and a displacement of one byte.
    if fields >> 6 != 0b01 {
        return None;
    }
    // As a base, the stack pointer's number means that a byte follows which names it.
    let named = usize::from(fields & 7 == 4);
    (u32::from(*rest.get(named)?) == STOP_AT_LOOPS).then_some(())?;
    Some(((fields >> 3) & 7 | high << 3, at + length + 3 + named))
}

/// `test r32, r32` of one register: where the next instruction starts.
fn test_of(code: &[u8], at: usize, register: u8) -> Option<usize> {
    let (high, low, length) = prefix(code, at);
    let [0x85, fields, ..] = code.get(at + length..)? else { return None };
    let both = fields >> 6 == 0b11 && (fields >> 3) & 7 | high << 3 == register;
    (both && fields & 7 | low << 3 == register).then_some(at + length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A move that belongs to no poll, then `mov esi, [rdi + 0x14]; test esi, esi; jnz +0x100`, then a return.
    const CODE: [u8; 15] =
        [0x89, 0xd6, 0x8b, 0x77, 0x14, 0x85, 0xf6, 0x0f, 0x85, 0x00, 0x01, 0, 0, 0xc3, 0xc3];

    #[test]
    fn a_poll_becomes_nops_and_what_is_around_it_stays() {
        let mut code = CODE;
        let poll = overwrite(&mut code, 0, CODE.len());
        assert_eq!(poll, Some(Poll { end: TextOffset(7), cold: TextOffset(13 + 0x100) }));
        let expected = [0x89, 0xd6, 0x0f, 0x1f, 0x44, 0, 0, 0x66, 0x0f, 0x1f, 0x44, 0, 0, 0xc3, 0xc3];
        assert_eq!(code, expected);
    }

    #[test]
    fn the_end_of_a_move_is_no_prefix() {
        // mov rdi, [rsp + 0x40]; mov rsi, rdx; vmovups xmm1, [rsp + 0x140]; movsd [rbp - 8], xmm9
        let moves = [
            &[0x48, 0x8b, 0x7c, 0x24, 0x40][..],
            &[0x48, 0x89, 0xd6],
            &[0xc5, 0xf8, 0x10, 0x8c, 0x24, 0x40, 0x01, 0, 0],
            &[0xf2, 0x44, 0x0f, 0x11, 0x4d, 0xf8],
        ];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0]] {
            let before = order.map(|index| moves[index]).concat();
            let mut code = [&before[..], &CODE[2..]].concat();
            let poll = overwrite(&mut code, 0, usize::MAX);
            assert_eq!(poll.map(|poll| poll.end), Some(TextOffset(narrow(before.len() + CALL_LENGTH))));
            assert_eq!(code[..before.len()], before);
        }
    }

    #[test]
    fn high_registers_are_understood() {
        // mov r9d, [r12 + 0x14]; test r9d, r9d; jnz -0x20
        let mut code = [0x45, 0x8b, 0x4c, 0x24, 0x14, 0x45, 0x85, 0xc9, 0x0f, 0x85, 0xe0, 0xff, 0xff, 0xff];
        let mut long = vec![0xc3; 64];
        long.extend_from_slice(&code);
        assert_eq!(overwrite(&mut long, 0, 78), None, "what is before it is no move");
        assert_eq!(overwrite(&mut long, 64, 78).map(|poll| poll.cold), Some(TextOffset(78 - 0x20)));
        // Another register is tested.
        code[7] = 0xc0;
        assert_eq!(overwrite(&mut code, 0, 14), None);
    }

    #[test]
    fn other_code_stays_as_it_is() {
        for (at, byte) in [(4, 0x10), (3, 0x37), (8, 0x84), (5, 0x3b)] {
            let mut code = CODE;
            code[at] = byte;
            let before = code;
            assert_eq!(overwrite(&mut code, 0, CODE.len()), None);
            assert_eq!(code, before);
        }
        let mut code = CODE;
        assert_eq!(overwrite(&mut code, 0, 12), None, "it is cut short");
    }
}
