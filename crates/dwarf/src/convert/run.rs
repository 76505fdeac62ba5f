//! Runs of instructions of a line table that stay as they are: those between the rows of one function, behind its first one.
//! They are most of a table, and most of the debug info is tables.

use std::ops::Range;

use gimli::constants as dw;

use super::bytes::read_unsigned;

/// What the standard opcodes take, as all versions of DWARF have it.
const LENGTHS: [u8; 12] = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

/// What an opcode does.
#[derive(Clone, Copy, Default)]
struct Action {
    /// What it adds to the address.
    advance: u32,
    /// Whether a LEB128 number stands behind it.
    has_operand: bool,
    is_row: bool,
    /// Whether it takes a closer look.
    is_special: bool,
}

/// What all opcodes of a table do.
pub(super) struct Runs {
    actions: [Action; 256],
    /// What an instruction adds to the address that says how many steps.
    step: u64,
}

/// The end of a run.
pub(super) struct End {
    /// Bytes of it.
    pub(super) length: usize,
    /// The address of its last row.
    pub(super) address: u64,
}

/// What a table's header says of its opcodes.
#[derive(Clone, Copy)]
pub(super) struct Opcodes<'h> {
    /// The first one that is made by the table's own rules.
    pub(super) base: u8,
    pub(super) line_range: u8,
    pub(super) step: u8,
    /// Operations in an instruction.
    pub(super) operations: u8,
    /// Of the standard ones.
    pub(super) lengths: &'h [u8],
}

impl Runs {
    /// None for a table that is not read as others are.
    pub(super) fn new(opcodes: Opcodes<'_>) -> Option<Self> {
        let Opcodes { base, line_range, step, operations, lengths } = opcodes;
        let count = usize::from(base).checked_sub(1)?.min(LENGTHS.len());
        if operations != 1 || line_range == 0 || lengths.get(..count) != LENGTHS.get(..count) {
            return None;
        }
        let step = u64::from(step);
        let advance =
            |opcode: u8| u32::from(opcode.wrapping_sub(base) / line_range) * u32::from(opcodes.step);
        let mut actions = [Action { is_special: true, ..Action::default() }; 256];
        for (opcode, action) in (0..=u8::MAX).zip(&mut actions) {
            *action = match gimli::DwLns(opcode) {
                _ if opcode >= base => Action { advance: advance(opcode), is_row: true, ..Action::default() },
                dw::DW_LNS_copy => Action { is_row: true, ..Action::default() },
                dw::DW_LNS_advance_line
                | dw::DW_LNS_set_file
                | dw::DW_LNS_set_column
                | dw::DW_LNS_set_isa => Action { has_operand: true, ..Action::default() },
                dw::DW_LNS_negate_stmt
                | dw::DW_LNS_set_basic_block
                | dw::DW_LNS_set_prologue_end
                | dw::DW_LNS_set_epilogue_begin => Action::default(),
                dw::DW_LNS_const_add_pc => Action { advance: advance(u8::MAX), ..Action::default() },
                _ => Action { is_special: true, ..Action::default() },
            };
        }
        Some(Self { actions, step })
    }

    /// The longest run at the beginning of `program` that ends with a row, all of whose rows are in `within` and do not go
    /// back. The row before it is at `address`. None if there is no such row.
    pub(super) fn find(&self, program: &[u8], mut address: u64, within: &Range<u64>) -> Option<End> {
        let mut last = address.max(within.start);
        let mut at = 0_usize;
        let mut end = None;
        while let Some(&opcode) = program.get(at) {
            let Action { advance, has_operand, is_row, is_special } = self.action(opcode);
            let rest = program.get(at.saturating_add(1)..).unwrap_or_default();
            let mut length = 1;
            if is_special {
                match self.special(opcode, rest) {
                    Some((steps, operands)) => {
                        address = address.wrapping_add(steps);
                        length += operands;
                    }
                    None => break,
                }
            } else if has_operand {
                match read_unsigned(rest) {
                    Some((_, operand)) => length += operand,
                    None => break,
                }
            }
            address = address.wrapping_add(u64::from(advance));
            at = at.saturating_add(length);
            if is_row {
                if address < last || address >= within.end {
                    break;
                }
                last = address;
                end = Some(End { length: at, address });
            }
        }
        end
    }

    #[inline]
    fn action(&self, opcode: u8) -> Action {
        self.actions.get(usize::from(opcode)).copied().unwrap_or_default()
    }

    /// What an opcode that takes a closer look adds to the address, and the bytes of its operands. None if it ends a run.
    fn special(&self, opcode: u8, rest: &[u8]) -> Option<(u64, usize)> {
        match gimli::DwLns(opcode) {
            dw::DW_LNS_advance_pc => {
                let (operations, length) = read_unsigned(rest)?;
                Some((self.step.wrapping_mul(operations), length))
            }
            gimli::DwLns(0) => match *rest {
                [length @ 1..0x80, kind, ..] if gimli::DwLne(kind) == dw::DW_LNE_set_discriminator => {
                    Some((0, usize::from(length) + 1)).filter(|(_, length)| *length <= rest.len())
                }
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Opcodes<'_> =
        Opcodes { base: 13, line_range: 14, step: 1, operations: 1, lengths: &LENGTHS };

    fn found(program: &[u8], address: u64, within: Range<u64>) -> Option<(usize, u64)> {
        Runs::new(USUAL)?.find(program, address, &within).map(|end| (end.length, end.address))
    }

    #[test]
    fn a_run_ends_with_the_last_row_that_needs_nothing() {
        // 27 is the first opcode that adds 1. Columns, statements, a long line, a discriminator, the prologue's end.
        let program = [27, 5, 9, 6, 10, 0, 2, 4, 3, 27, 3, 0xff, 0x7e, 2, 4, 1, 8, 13];
        assert_eq!(found(&program, 10, 5..1000), Some((18, 33)));
        // Behind the end of the code.
        assert_eq!(found(&program, 10, 5..33), Some((16, 16)));
        assert_eq!(found(&program, 10, 5..11), None);
        // Before it.
        assert_eq!(found(&program, 3, 5..1000), None);
        // An address, what is cut off, and what begins a row that is not there.
        assert_eq!(found(&[27, 27, 0, 5, 2, 0, 0, 0, 0, 13], 10, 5..99), Some((2, 12)));
        assert_eq!(found(&[27, 5, 0x80], 10, 5..99), Some((1, 11)));
        assert_eq!(found(&[27, 0, 9, 4, 1], 10, 5..99), Some((1, 11)));
        assert_eq!(found(&[27, 5, 3, 3, 1], 10, 5..99), Some((1, 11)));
        let long = [&[27, 5][..], &[0x80; 9], &[0, 27]].concat();
        assert_eq!(found(&long, 10, 5..99), Some((1, 11)));
    }

    #[test]
    fn tables_with_their_own_rules_have_no_runs() {
        let own = [0, 1, 2, 1, 1, 0, 0, 0, 1, 0, 0, 1];
        for opcodes in [
            Opcodes { operations: 4, ..USUAL },
            Opcodes { line_range: 0, ..USUAL },
            Opcodes { base: 0, ..USUAL },
            Opcodes { lengths: &own, ..USUAL },
            Opcodes { lengths: &[], ..USUAL },
        ] {
            assert!(Runs::new(opcodes).is_none());
        }
        // One that has fewer opcodes: 10 makes a row.
        let old = Runs::new(Opcodes { base: 10, lengths: &LENGTHS[..9], ..USUAL });
        assert_eq!(old.and_then(|old| old.find(&[10], 10, &(5..99))).map(|end| end.address), Some(10));
    }
}
