//! Values that are longer than an address of the machine. gdb takes what is on top of an expression's stack for all of a
//! variable, and reads on behind it if the variable is longer: so what is longer has to be put together of pieces.
//!
//! | in the module | in the image |
//! |---|---|
//! | a constant, computed or not, `stack_value` | `implicit_value` of the variable's size |
//! | `...; constu 0xffffffff; and; stack_value`: a number without a sign | `...; stack_value; piece 4; lit0; stack_value; piece 4` |
//! | the same with a typed value on top, which has a size of its own | the same |
//! | any other | unavailable |
//!
//! A place that is converted to a type is read as a value of that type: its lower bytes are what is left of it. And in the
//! middle of expressions, where an address has 4 bytes: `shr` of an operand, or of a local or global with 64 bits, by a
//! constant is made of its two halves. What an operand's size matters to otherwise is unavailable, since it is not known.

use gimli::{UnitOffset, constants as dw};

use super::operator::{Converter, is_place};
use super::{Operation, Unsupported};
use crate::ValueType;

/// Longer values are of no type that is computed with.
const MAX_SIZE: u64 = 16;
/// Longer constants are not written out.
const MAX_CONSTANT: u64 = 4096;
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
        let size = size.filter(|size| (self.address_size() + 1..=MAX_CONSTANT).contains(size));
        let (Some(size), Some(last)) = (size, value.last()) else { return Ok(0) };
        if let Some(value) = constant(value) {
            // Of a variable that is longer than any number, compilers only say that it is all zero.
            if size > MAX_SIZE && value != 0 {
                return Err(Unsupported::Wide);
            }
            let bytes = value.to_le_bytes().into_iter().chain(std::iter::repeat(0));
            let bytes: Vec<u8> = bytes.take(usize::try_from(size).unwrap_or_default()).collect();
            self.out.op_implicit_value(&bytes);
            return Ok(length + 1);
        }
        match (value, last) {
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

    /// A value of 8 bytes whose upper half is zero.
    fn without_high_bits(&mut self, low: &[Operation<'_>]) -> Result<(), Unsupported> {
        let mut rest = low;
        while let Some((operation, after)) = rest.split_first() {
            let taken = self.part(rest)?;
            if taken == 0 {
                self.operation(operation)?;
            }
            rest = rest.get(taken..).filter(|_| taken > 0).unwrap_or(after);
        }
        self.out.op(dw::DW_OP_stack_value);
        self.out.op_piece(HALF / 8);
        self.out.op_constu(0);
        self.out.op(dw::DW_OP_stack_value);
        self.out.op_piece(HALF / 8);
        Ok(())
    }

    /// Converts a part of a place that may be longer than an address, if `operations` begin with that. Returns how many
    /// operations that took.
    pub(super) fn part(&mut self, operations: &[Operation<'_>]) -> Result<usize, Unsupported> {
        Ok(match operations {
            [place, converted @ ..]
                if is_place(place)
                    && self.may_be_wide(place)
                    && matches!(converted, [Operation::Convert { base_type }, ..] if base_type.0 != 0) =>
            {
                1 + self.converted(place, converted)?
            }
            _ if self.high_bits(operations)? => {
                self.typed = None;
                3
            }
            _ => 0,
        })
    }

    /// Reads the lower bytes of a place, as many as are left after it is converted to integers of fewer and fewer bytes.
    /// Returns how many conversions that stands for.
    fn converted(
        &mut self,
        place: &Operation<'_>,
        operations: &[Operation<'_>],
    ) -> Result<usize, Unsupported> {
        let resolve = self.context.resolve;
        let mut narrowest: Option<(u8, UnitOffset)> = None;
        let mut taken = 0;
        for operation in operations {
            let Operation::Convert { base_type } = *operation else { break };
            let Some(size) = resolve.integer_size(base_type) else { break };
            if narrowest.is_some_and(|(narrowest, _)| size > narrowest) {
                break;
            }
            narrowest = Some((size, base_type));
            taken += 1;
        }
        let (size, base_type) = narrowest.ok_or(Unsupported::Type)?;
        if !resolve.is_base_type(base_type) {
            return Err(Unsupported::Reference);
        }
        self.place(place)?;
        self.out.op_deref_type(size, base_type);
        self.typed = Some(base_type);
        Ok(taken)
    }

    /// Converts `shr` by a constant of a place that may have more bits than an address, if `operations` begin with that.
    fn high_bits(&mut self, operations: &[Operation<'_>]) -> Result<bool, Unsupported> {
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

/// The number that operations compute that read nothing. Where it matters, numbers have 64 bits.
fn constant(operations: &[Operation<'_>]) -> Option<i128> {
    let mut stack: Vec<u64> = Vec::new();
    if let [Operation::UnsignedConstant { value }] = operations {
        return Some(i128::from(*value));
    }
    for operation in operations {
        let result = match *operation {
            Operation::UnsignedConstant { value } => value,
            Operation::SignedConstant { value } => value.cast_unsigned(),
            Operation::Pick { index } => {
                *stack.get(stack.len().checked_sub(usize::from(index).checked_add(1)?)?)?
            }
            Operation::Not => !stack.pop()?,
            Operation::Neg => stack.pop()?.wrapping_neg(),
            Operation::PlusConstant { value } => stack.pop()?.wrapping_add(value),
            _ => {
                let (right, left) = (stack.pop()?, stack.pop()?);
                let bits = u32::try_from(right).unwrap_or(u32::MAX);
                match operation {
                    Operation::And => left & right,
                    Operation::Or => left | right,
                    Operation::Xor => left ^ right,
                    Operation::Plus => left.wrapping_add(right),
                    Operation::Minus => left.wrapping_sub(right),
                    Operation::Mul => left.wrapping_mul(right),
                    Operation::Shl => left.checked_shl(bits).unwrap_or(0),
                    Operation::Shr => left.checked_shr(bits).unwrap_or(0),
                    _ => return None,
                }
            }
        };
        stack.push(result);
    }
    match *stack {
        [value] => Some(i128::from(value.cast_signed())),
        _ => None,
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
