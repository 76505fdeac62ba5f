//! Values that are longer than an address of the machine. gdb takes what is on top of an expression's stack for all of a
//! variable, and reads on behind it if the variable is longer: so what is longer has to be put together of pieces.
//!
//! | in the module | in the image |
//! |---|---|
//! | a constant, `stack_value` | `implicit_value` of the variable's size |
//! | `...; constu 0xffffffff; and; stack_value`: a number without a sign | `...; stack_value; piece 4; lit0; stack_value; piece 4` |
//! | the same with a typed value on top, which has a size of its own | the same |
//! | any other | unavailable |
//!
//! And in the middle of expressions, where an address has 4 bytes: `shr` of an operand, or of a local or global with 64 bits,
//! by a constant is made of its two halves. What an operand's size matters to otherwise is unavailable, since it is not known.

use gimli::constants as dw;

use super::operator::{Converter, is_place};
use super::{Operation, Unsupported};
use crate::ValueType;

/// Longer values are of no type that is computed with.
const MAX_SIZE: u64 = 16;
/// Bits of half of a long value, which are those of an address.
const HALF: u64 = 32;

impl Converter<'_> {
    fn address_size(&self) -> u64 {
        u64::from(self.context.layout.machine.address_size())
    }

    /// Converts a computed value at the start of `operations` that is longer than an address. Returns how many operations
    /// that took: none if there is no such value.
    pub(super) fn wide_value(
        &mut self,
        operations: &[Operation<'_>],
        has_branches: bool,
    ) -> Result<usize, Unsupported> {
        let ends =
            |operation: &Operation<'_>| matches!(operation, Operation::StackValue | Operation::Piece { .. });
        let length = operations.iter().position(ends).unwrap_or(operations.len());
        let (value, rest) = operations.split_at_checked(length).unwrap_or_default();
        let size = match rest {
            [Operation::StackValue, Operation::Piece { size_in_bits, .. }, ..] => Some(size_in_bits / 8),
            [Operation::StackValue] => self.context.resolve.value_size(),
            _ => return Ok(0),
        };
        let size = size.filter(|size| (self.address_size() + 1..=MAX_SIZE).contains(size));
        let (Some(size), Some(last)) = (size, value.last()) else { return Ok(0) };
        match (value, last) {
            ([Operation::UnsignedConstant { value }], _) => self.constant(i128::from(*value), size),
            ([Operation::SignedConstant { value }], _) => self.constant(i128::from(*value), size),
            (_, Operation::Convert { base_type } | Operation::Reinterpret { base_type })
                if base_type.0 != 0 =>
            {
                return Ok(0);
            }
            (_, Operation::TypedLiteral { .. }) => return Ok(0),
            (_, Operation::Deref { base_type, .. }) if base_type.0 != 0 => return Ok(0),
            ([low @ .., Operation::UnsignedConstant { value: 0xffff_ffff }, Operation::And], _)
                if size == 8 && rest.len() == 1 && !has_branches && self.address_size() == 4 =>
            {
                self.without_high_bits(low)?;
            }
            _ => return Err(Unsupported::Wide),
        }
        Ok(length + 1)
    }

    /// A constant of a size in bytes.
    fn constant(&mut self, value: i128, size: u64) {
        let length = usize::try_from(size).unwrap_or_default();
        let bytes: Vec<u8> = value.to_le_bytes().into_iter().take(length).collect();
        self.out.op_implicit_value(&bytes);
    }

    /// A value of 8 bytes whose upper half is zero.
    fn without_high_bits(&mut self, low: &[Operation<'_>]) -> Result<(), Unsupported> {
        let mut rest = low;
        while let Some((operation, after)) = rest.split_first() {
            if self.high_bits(rest)? {
                rest = rest.get(3..).unwrap_or_default();
            } else {
                self.operation(operation)?;
                rest = after;
            }
        }
        self.out.op(dw::DW_OP_stack_value);
        self.out.op_piece(HALF / 8);
        self.out.op_constu(0);
        self.out.op(dw::DW_OP_stack_value);
        self.out.op_piece(HALF / 8);
        Ok(())
    }

    /// Converts `shr` by a constant of a place that may have more bits than an address, if `operations` begin with that.
    pub(super) fn high_bits(&mut self, operations: &[Operation<'_>]) -> Result<bool, Unsupported> {
        let [place, Operation::UnsignedConstant { value: bits }, Operation::Shr, ..] = operations else {
            return Ok(false);
        };
        if self.address_size() != 4 || !is_place(place) || !self.may_be_wide(place) || *bits >= 2 * HALF {
            return Ok(false);
        }
        if let Some(bits) = bits.checked_sub(HALF) {
            self.half(place, HALF / 8)?;
            self.shift(bits, dw::DW_OP_shr);
        } else {
            self.half(place, 0)?;
            self.shift(*bits, dw::DW_OP_shr);
            if *bits > 0 {
                self.half(place, HALF / 8)?;
                self.shift(HALF - bits, dw::DW_OP_shl);
                self.out.op(dw::DW_OP_or);
            }
        }
        Ok(true)
    }

    fn shift(&mut self, bits: u64, operator: gimli::DwOp) {
        if bits > 0 {
            self.out.op_constu(bits);
            self.out.op(operator);
        }
    }

    /// Pushes the half of a long value that is so many bytes behind its start.
    fn half(&mut self, place: &Operation<'_>, behind: u64) -> Result<(), Unsupported> {
        if let Operation::WasmGlobal { index } = *place {
            let address = self.context.layout.global_address(index).wrapping_add(behind);
            self.out.op_addr(address);
        } else {
            self.place(place)?;
            if behind > 0 {
                self.out.op_plus_uconst(behind);
            }
        }
        self.out.op_deref();
        Ok(())
    }

    fn may_be_wide(&self, place: &Operation<'_>) -> bool {
        let ty = match *place {
            Operation::WasmStack { .. } => return true,
            Operation::WasmLocal { index } => {
                self.context.function.and_then(|function| function.local(index))
            }
            Operation::WasmGlobal { index } => {
                usize::try_from(index).ok().and_then(|index| self.context.module.globals.get(index)).copied()
            }
            _ => None,
        };
        ty == Some(ValueType::I64)
    }
}

/// Whether an expression does something with an operand of the operand stack that depends on how long that is: it is as
/// long as an address or twice as long, and nothing says which.
pub(super) fn depends_on_operand_size(operations: &[Operation<'_>]) -> bool {
    let looks_at_high_bits = |operation: &Operation<'_>| {
        matches!(
            operation,
            Operation::Shra
                | Operation::Abs
                | Operation::Div
                | Operation::Mod
                | Operation::Eq
                | Operation::Ne
                | Operation::Lt
                | Operation::Le
                | Operation::Gt
                | Operation::Ge
                | Operation::Bra { .. }
        )
    };
    let is_operand = |operation: &Operation<'_>| matches!(operation, Operation::WasmStack { .. });
    operations.iter().any(is_operand) && operations.iter().any(looks_at_high_bits)
}
