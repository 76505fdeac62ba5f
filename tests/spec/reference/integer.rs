//! Integer operators that are one operation on numbers of 32 or 64 bits.

use runtime::{TrapCode, Value};
use wasmparser::Operator;

use super::step::{Pure, pure};

/// The operators of one width.
macro_rules! width {
    ($binary:ident, $compare:ident, $unary:ident, $int:ty, $uint:ty, $mask:literal,
     $add:ident $sub:ident $mul:ident $div_s:ident $div_u:ident $rem_s:ident $rem_u:ident
     $and:ident $or:ident $xor:ident $shl:ident $shr_s:ident $shr_u:ident $rotl:ident $rotr:ident;
     $eq:ident $ne:ident $lt_s:ident $lt_u:ident $gt_s:ident $gt_u:ident $le_s:ident $le_u:ident
     $ge_s:ident $ge_u:ident; $clz:ident $ctz:ident $popcnt:ident $extend8:ident $extend16:ident) => {
        fn $binary(operator: &Operator<'_>, a: $int, b: $int) -> Option<Result<$int, TrapCode>> {
            let (ua, ub) = (a.cast_unsigned(), b.cast_unsigned());
            // Shift counts are taken modulo the width.
            let count = u32::try_from(ub & <$uint>::from($mask)).unwrap_or(0);
            let by_zero = TrapCode::IntegerDivisionByZero;
            Some(Ok(match operator {
                Operator::$add => a.wrapping_add(b),
                Operator::$sub => a.wrapping_sub(b),
                Operator::$mul => a.wrapping_mul(b),
                Operator::$div_s if b == 0 => return Some(Err(by_zero)),
                Operator::$div_s => match a.checked_div(b) {
                    Some(quotient) => quotient,
                    None => return Some(Err(TrapCode::IntegerOverflow)),
                },
                Operator::$div_u => match ua.checked_div(ub) {
                    Some(quotient) => quotient.cast_signed(),
                    None => return Some(Err(by_zero)),
                },
                Operator::$rem_s if b == 0 => return Some(Err(by_zero)),
                Operator::$rem_s => a.wrapping_rem(b),
                Operator::$rem_u => match ua.checked_rem(ub) {
                    Some(remainder) => remainder.cast_signed(),
                    None => return Some(Err(by_zero)),
                },
                Operator::$and => a & b,
                Operator::$or => a | b,
                Operator::$xor => a ^ b,
                Operator::$shl => a << count,
                Operator::$shr_s => a >> count,
                Operator::$shr_u => (ua >> count).cast_signed(),
                Operator::$rotl => a.rotate_left(count),
                Operator::$rotr => a.rotate_right(count),
                _ => return None,
            }))
        }

        fn $compare(operator: &Operator<'_>, a: $int, b: $int) -> Option<bool> {
            let (ua, ub) = (a.cast_unsigned(), b.cast_unsigned());
            Some(match operator {
                Operator::$eq => a == b,
                Operator::$ne => a != b,
                Operator::$lt_s => a < b,
                Operator::$lt_u => ua < ub,
                Operator::$gt_s => a > b,
                Operator::$gt_u => ua > ub,
                Operator::$le_s => a <= b,
                Operator::$le_u => ua <= ub,
                Operator::$ge_s => a >= b,
                Operator::$ge_u => ua >= ub,
                _ => return None,
            })
        }

        fn $unary(operator: &Operator<'_>, a: $int) -> Option<$int> {
            let count = |bits: u32| <$int>::try_from(bits).ok();
            match operator {
                Operator::$clz => count(a.leading_zeros()),
                Operator::$ctz => count(a.trailing_zeros()),
                Operator::$popcnt => count(a.count_ones()),
                // The low bits at the top, then back with the sign.
                Operator::$extend8 => Some(a << (<$int>::BITS - 8) >> (<$int>::BITS - 8)),
                Operator::$extend16 => Some(a << (<$int>::BITS - 16) >> (<$int>::BITS - 16)),
                _ => None,
            }
        }
    };
}

width!(i32_binary, i32_compare, i32_unary, i32, u32, 31_u8,
    I32Add I32Sub I32Mul I32DivS I32DivU I32RemS I32RemU
    I32And I32Or I32Xor I32Shl I32ShrS I32ShrU I32Rotl I32Rotr;
    I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU;
    I32Clz I32Ctz I32Popcnt I32Extend8S I32Extend16S);
width!(i64_binary, i64_compare, i64_unary, i64, u64, 63_u8,
    I64Add I64Sub I64Mul I64DivS I64DivU I64RemS I64RemU
    I64And I64Or I64Xor I64Shl I64ShrS I64ShrU I64Rotl I64Rotr;
    I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU;
    I64Clz I64Ctz I64Popcnt I64Extend8S I64Extend16S);

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    match operator {
        Operator::I32Const { value } => return Some(pure(0, Value::I32(*value))),
        Operator::I64Const { value } => return Some(pure(0, Value::I64(*value))),
        _ => {}
    }
    let found = match stack {
        [.., Value::I32(a), Value::I32(b)] => binary(
            i32_binary(operator, *a, *b).map(|result| result.map(Value::I32)),
            i32_compare(operator, *a, *b),
        ),
        [.., Value::I64(a), Value::I64(b)] => binary(
            i64_binary(operator, *a, *b).map(|result| result.map(Value::I64)),
            i64_compare(operator, *a, *b),
        ),
        _ => None,
    };
    found.or_else(|| match (operator, stack.last()?) {
        (Operator::I32Eqz, Value::I32(a)) => Some(pure(1, Value::I32(i32::from(*a == 0)))),
        (Operator::I64Eqz, Value::I64(a)) => Some(pure(1, Value::I32(i32::from(*a == 0)))),
        (Operator::I64Extend32S, Value::I64(a)) => Some(pure(1, Value::I64(*a << 32 >> 32))),
        (_, Value::I32(a)) => i32_unary(operator, *a).map(|result| pure(1, Value::I32(result))),
        (_, Value::I64(a)) => i64_unary(operator, *a).map(|result| pure(1, Value::I64(result))),
        _ => None,
    })
}

fn binary(result: Option<Result<Value, TrapCode>>, holds: Option<bool>) -> Option<Pure> {
    match result {
        Some(Ok(value)) => Some(pure(2, value)),
        Some(Err(code)) => Some(Err(code)),
        None => holds.map(|holds| pure(2, Value::I32(i32::from(holds)))),
    }
}
