//! Float operators. The numbers are the host's (IEEE 754, to nearest even); which NaNs are due is the
//! specification's: a canonical one if no operand is another NaN, else any quiet one.

use runtime::Value;
use wasmparser::Operator;

use super::step::{Expected, Lane, Pure};

/// The operators of one width, on numbers. A lane of a vector is computed by the same functions.
macro_rules! width {
    ($module:ident, $float:ident, $bits:ident, $sign:literal, $quiet:literal) => {
        pub(super) mod $module {
            use super::Lane;

            pub(crate) type Bits = $bits;

            /// The result of an operator that computes: NaNs are those that may come of the operands.
            pub(crate) fn computed(result: $float, operands: &[$bits]) -> Lane<$bits> {
                if !result.is_nan() {
                    return Lane::Exactly(result.to_bits());
                }
                let other = |bits: &$bits| $float::from_bits(*bits).is_nan() && bits & !$sign != $quiet;
                Lane::Nan { canonical: !operands.iter().any(other) }
            }

            pub(crate) fn min(a: $bits, b: $bits) -> Lane<$bits> {
                let (x, y) = ($float::from_bits(a), $float::from_bits(b));
                let least = if x.is_nan() || y.is_nan() {
                    $float::NAN
                } else if x == y {
                    // Of zeros the negative one.
                    $float::from_bits(a | b)
                } else if x < y {
                    x
                } else {
                    y
                };
                computed(least, &[a, b])
            }

            pub(crate) fn max(a: $bits, b: $bits) -> Lane<$bits> {
                let (x, y) = ($float::from_bits(a), $float::from_bits(b));
                let greatest = if x.is_nan() || y.is_nan() {
                    $float::NAN
                } else if x == y {
                    // Of zeros the positive one.
                    $float::from_bits(a & b)
                } else if x > y {
                    x
                } else {
                    y
                };
                computed(greatest, &[a, b])
            }

            pub(crate) fn arithmetic(
                operation: impl Fn($float, $float) -> $float,
                a: $bits,
                b: $bits,
            ) -> Lane<$bits> {
                computed(operation($float::from_bits(a), $float::from_bits(b)), &[a, b])
            }

            pub(crate) fn rounded(operation: impl Fn($float) -> $float, a: $bits) -> Lane<$bits> {
                computed(operation($float::from_bits(a)), &[a])
            }

            pub(crate) const fn abs(a: $bits) -> $bits {
                a & !$sign
            }

            pub(crate) const fn neg(a: $bits) -> $bits {
                a ^ $sign
            }

            pub(crate) const fn copysign(a: $bits, b: $bits) -> $bits {
                a & !$sign | b & $sign
            }
        }
    };
}

width!(single, f32, u32, 0x8000_0000, 0x7fc0_0000);
width!(double, f64, u64, 0x8000_0000_0000_0000, 0x7ff8_0000_0000_0000);

/// The operators of one width, on operands.
macro_rules! operators {
    ($binary:ident, $compare:ident, $unary:ident, $module:ident, $float:ident,
     $add:ident $sub:ident $mul:ident $div:ident $min:ident $max:ident $copysign:ident;
     $eq:ident $ne:ident $lt:ident $gt:ident $le:ident $ge:ident;
     $abs:ident $neg:ident $ceil:ident $floor:ident $trunc:ident $nearest:ident $sqrt:ident) => {
        fn $binary(
            operator: &Operator<'_>,
            a: $module::Bits,
            b: $module::Bits,
        ) -> Option<Lane<$module::Bits>> {
            Some(match operator {
                Operator::$add => $module::arithmetic(|a, b| a + b, a, b),
                Operator::$sub => $module::arithmetic(|a, b| a - b, a, b),
                Operator::$mul => $module::arithmetic(|a, b| a * b, a, b),
                Operator::$div => $module::arithmetic(|a, b| a / b, a, b),
                Operator::$min => $module::min(a, b),
                Operator::$max => $module::max(a, b),
                Operator::$copysign => Lane::Exactly($module::copysign(a, b)),
                _ => return None,
            })
        }

        fn $compare(operator: &Operator<'_>, a: $module::Bits, b: $module::Bits) -> Option<bool> {
            let (a, b) = ($float::from_bits(a), $float::from_bits(b));
            Some(match operator {
                Operator::$eq => a == b,
                Operator::$ne => a != b,
                Operator::$lt => a < b,
                Operator::$gt => a > b,
                Operator::$le => a <= b,
                Operator::$ge => a >= b,
                _ => return None,
            })
        }

        fn $unary(operator: &Operator<'_>, a: $module::Bits) -> Option<Lane<$module::Bits>> {
            Some(match operator {
                Operator::$abs => Lane::Exactly($module::abs(a)),
                Operator::$neg => Lane::Exactly($module::neg(a)),
                Operator::$ceil => $module::rounded($float::ceil, a),
                Operator::$floor => $module::rounded($float::floor, a),
                Operator::$trunc => $module::rounded($float::trunc, a),
                Operator::$nearest => $module::rounded($float::round_ties_even, a),
                Operator::$sqrt => $module::rounded($float::sqrt, a),
                _ => return None,
            })
        }
    };
}

operators!(f32_binary, f32_compare, f32_unary, single, f32,
    F32Add F32Sub F32Mul F32Div F32Min F32Max F32Copysign;
    F32Eq F32Ne F32Lt F32Gt F32Le F32Ge;
    F32Abs F32Neg F32Ceil F32Floor F32Trunc F32Nearest F32Sqrt);
operators!(f64_binary, f64_compare, f64_unary, double, f64,
    F64Add F64Sub F64Mul F64Div F64Min F64Max F64Copysign;
    F64Eq F64Ne F64Lt F64Gt F64Le F64Ge;
    F64Abs F64Neg F64Ceil F64Floor F64Trunc F64Nearest F64Sqrt);

pub(super) fn expected32(lane: Lane<u32>) -> Expected {
    match lane {
        Lane::Exactly(bits) => Expected::Exactly(Value::F32(bits)),
        Lane::Nan { canonical } => Expected::Nan32 { canonical },
    }
}

pub(super) fn expected64(lane: Lane<u64>) -> Expected {
    match lane {
        Lane::Exactly(bits) => Expected::Exactly(Value::F64(bits)),
        Lane::Nan { canonical } => Expected::Nan64 { canonical },
    }
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    let condition = |holds: bool| Expected::Exactly(Value::I32(i32::from(holds)));
    let (pops, expected) = match operator {
        Operator::F32Const { value } => (0, Expected::Exactly(Value::F32(value.bits()))),
        Operator::F64Const { value } => (0, Expected::Exactly(Value::F64(value.bits()))),
        _ => match stack {
            [.., Value::F32(a), Value::F32(b)] => {
                let found = f32_binary(operator, *a, *b).map(expected32);
                match found.or_else(|| f32_compare(operator, *a, *b).map(condition)) {
                    Some(expected) => (2, expected),
                    None => (1, expected32(f32_unary(operator, *b)?)),
                }
            }
            [.., Value::F64(a), Value::F64(b)] => {
                let found = f64_binary(operator, *a, *b).map(expected64);
                match found.or_else(|| f64_compare(operator, *a, *b).map(condition)) {
                    Some(expected) => (2, expected),
                    None => (1, expected64(f64_unary(operator, *b)?)),
                }
            }
            [.., Value::F32(a)] => (1, expected32(f32_unary(operator, *a)?)),
            [.., Value::F64(a)] => (1, expected64(f64_unary(operator, *a)?)),
            _ => return None,
        },
    };
    Some(Ok((pops, vec![expected])))
}
