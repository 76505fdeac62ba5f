//! Vector operators. Integer lanes are computed as wide numbers that never overflow, and cut to their width at the end.

mod float;
mod integer;
mod lane;
mod relaxed;
mod width;

use runtime::Value;
use wasmparser::Operator;

use super::cast;
use super::step::{Pure, pure};

/// Whether lanes are numbers with a sign.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Signed,
    Unsigned,
}

/// The lanes of a vector as numbers, the lowest first; `width` in bits.
fn lanes(vector: u128, width: u32, sign: Sign) -> Vec<i128> {
    (0..128 / width)
        .map(|lane| {
            let top = vector << (128 - width - lane * width);
            match sign {
                Sign::Signed => top.cast_signed() >> (128 - width),
                Sign::Unsigned => (top >> (128 - width)).cast_signed(),
            }
        })
        .collect()
}

/// A vector of the low `width` bits of each number.
fn pack(numbers: &[i128], width: u32) -> u128 {
    let mask = u128::MAX >> (128 - width);
    numbers
        .iter()
        .rev()
        .fold(0, |vector, number| vector.checked_shl(width).unwrap_or(0) | (number.cast_unsigned() & mask))
}

/// The least and the greatest number of a lane.
fn range(width: u32, sign: Sign) -> (i128, i128) {
    match sign {
        Sign::Signed => (-(1 << (width - 1)), (1 << (width - 1)) - 1),
        Sign::Unsigned => (0, (1 << width) - 1),
    }
}

fn saturated(number: i128, width: u32, sign: Sign) -> i128 {
    let (least, greatest) = range(width, sign);
    number.clamp(least, greatest)
}

/// The bits of an `i32` that is the low part of a number.
fn low_i32(number: i128) -> Value {
    Value::I32(cast::low_u32(cast::low_u64(number.cast_unsigned())).cast_signed())
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    if let Operator::V128Const { value } = operator {
        return Some(pure(0, Value::V128(u128::from_le_bytes(*value.bytes()))));
    }
    bitwise(operator, stack)
        .or_else(|| integer::evaluate(operator, stack))
        .or_else(|| width::evaluate(operator, stack))
        .or_else(|| lane::evaluate(operator, stack))
        .or_else(|| float::evaluate(operator, stack))
        .or_else(|| relaxed::evaluate(operator, stack))
}

fn bitwise(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    match (operator, stack) {
        (Operator::V128Not, [.., Value::V128(a)]) => Some(pure(1, Value::V128(!a))),
        (Operator::V128AnyTrue, [.., Value::V128(a)]) => Some(pure(1, Value::I32(i32::from(*a != 0)))),
        (Operator::V128And, [.., Value::V128(a), Value::V128(b)]) => Some(pure(2, Value::V128(a & b))),
        (Operator::V128AndNot, [.., Value::V128(a), Value::V128(b)]) => Some(pure(2, Value::V128(a & !b))),
        (Operator::V128Or, [.., Value::V128(a), Value::V128(b)]) => Some(pure(2, Value::V128(a | b))),
        (Operator::V128Xor, [.., Value::V128(a), Value::V128(b)]) => Some(pure(2, Value::V128(a ^ b))),
        (Operator::V128Bitselect, [.., Value::V128(a), Value::V128(b), Value::V128(mask)]) => {
            Some(pure(3, Value::V128(a & mask | b & !mask)))
        }
        _ => None,
    }
}

/// The low half of a vector with each of its lanes extended to the double of `width` bits.
pub(super) fn extended(half: u128, width: u32, signed: bool) -> u128 {
    let sign = if signed { Sign::Signed } else { Sign::Unsigned };
    let mut numbers = lanes(half, width, sign);
    numbers.truncate(numbers.len() / 2);
    pack(&numbers, 2 * width)
}
