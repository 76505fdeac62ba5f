//! Operators on float lanes, and conversions between them and integer lanes.

use runtime::Value;
use wasmparser::Operator;

use super::super::float::{double, single};
use super::super::step::{Expected, Lane};
use super::Sign::{Signed, Unsigned};
use super::{Pure, Sign, cast, lanes, pack, pure, range};

pub(super) fn lanes32(vector: u128) -> [u32; 4] {
    let bytes = vector.to_le_bytes();
    let (chunks, _) = bytes.as_chunks();
    std::array::from_fn(|lane| u32::from_le_bytes(chunks[lane]))
}

pub(super) fn lanes64(vector: u128) -> [u64; 2] {
    let bytes = vector.to_le_bytes();
    let (chunks, _) = bytes.as_chunks();
    std::array::from_fn(|lane| u64::from_le_bytes(chunks[lane]))
}

/// Operators of one width.
macro_rules! width {
    ($binary:ident, $compare:ident, $unary:ident, $module:ident, $float:ident, $bits:ty,
     $add:ident $sub:ident $mul:ident $div:ident $min:ident $max:ident $pmin:ident $pmax:ident;
     $eq:ident $ne:ident $lt:ident $gt:ident $le:ident $ge:ident;
     $abs:ident $neg:ident $ceil:ident $floor:ident $trunc:ident $nearest:ident $sqrt:ident) => {
        fn $binary(operator: &Operator<'_>, a: $bits, b: $bits) -> Option<Lane<$bits>> {
            let (x, y) = ($float::from_bits(a), $float::from_bits(b));
            Some(match operator {
                Operator::$add => $module::arithmetic(|a, b| a + b, a, b),
                Operator::$sub => $module::arithmetic(|a, b| a - b, a, b),
                Operator::$mul => $module::arithmetic(|a, b| a * b, a, b),
                Operator::$div => $module::arithmetic(|a, b| a / b, a, b),
                Operator::$min => $module::min(a, b),
                Operator::$max => $module::max(a, b),
                Operator::$pmin => Lane::Exactly(if y < x { b } else { a }),
                Operator::$pmax => Lane::Exactly(if x < y { b } else { a }),
                _ => return None,
            })
        }

        fn $compare(operator: &Operator<'_>, a: $bits, b: $bits) -> Option<Lane<$bits>> {
            let (a, b) = ($float::from_bits(a), $float::from_bits(b));
            let holds = match operator {
                Operator::$eq => a == b,
                Operator::$ne => a != b,
                Operator::$lt => a < b,
                Operator::$gt => a > b,
                Operator::$le => a <= b,
                Operator::$ge => a >= b,
                _ => return None,
            };
            Some(Lane::Exactly(if holds { <$bits>::MAX } else { 0 }))
        }

        fn $unary(operator: &Operator<'_>, a: $bits) -> Option<Lane<$bits>> {
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

width!(binary32, compare32, unary32, single, f32, u32,
    F32x4Add F32x4Sub F32x4Mul F32x4Div F32x4Min F32x4Max F32x4PMin F32x4PMax;
    F32x4Eq F32x4Ne F32x4Lt F32x4Gt F32x4Le F32x4Ge;
    F32x4Abs F32x4Neg F32x4Ceil F32x4Floor F32x4Trunc F32x4Nearest F32x4Sqrt);
width!(binary64, compare64, unary64, double, f64, u64,
    F64x2Add F64x2Sub F64x2Mul F64x2Div F64x2Min F64x2Max F64x2PMin F64x2PMax;
    F64x2Eq F64x2Ne F64x2Lt F64x2Gt F64x2Le F64x2Ge;
    F64x2Abs F64x2Neg F64x2Ceil F64x2Floor F64x2Trunc F64x2Nearest F64x2Sqrt);

/// All lanes, if each has a result.
fn all<T: Copy, const N: usize>(lane: impl Fn(usize) -> Option<Lane<T>>) -> Option<[Lane<T>; N]> {
    let found: Vec<Lane<T>> = (0..N).map(lane).collect::<Option<_>>()?;
    found.try_into().ok()
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    let Value::V128(top) = *stack.last()? else { return None };
    if let [.., Value::V128(below), _] = *stack {
        let (a, b) = (lanes32(below), lanes32(top));
        let lane = |at: usize| binary32(operator, a[at], b[at]).or_else(|| compare32(operator, a[at], b[at]));
        if let Some(lanes) = all(lane) {
            return Some(Ok((2, vec![Expected::Lanes32(lanes)])));
        }
        let (a, b) = (lanes64(below), lanes64(top));
        let lane = |at: usize| binary64(operator, a[at], b[at]).or_else(|| compare64(operator, a[at], b[at]));
        if let Some(lanes) = all(lane) {
            return Some(Ok((2, vec![Expected::Lanes64(lanes)])));
        }
    }
    if let Some(lanes) = all(|at| unary32(operator, lanes32(top)[at])) {
        return Some(Ok((1, vec![Expected::Lanes32(lanes)])));
    }
    if let Some(lanes) = all(|at| unary64(operator, lanes64(top)[at])) {
        return Some(Ok((1, vec![Expected::Lanes64(lanes)])));
    }
    from_integers(operator, top).or_else(|| to_integers(operator, top)).or_else(|| between(operator, top))
}

/// Integer lanes that saturate.
fn truncated(numbers: impl Iterator<Item = f64>, sign: Sign) -> Vec<i128> {
    let (least, greatest) = range(32, sign);
    numbers.map(|number| cast::truncated(number, least, greatest).map_or(0, |(whole, _)| whole)).collect()
}

fn to_integers(operator: &Operator<'_>, vector: u128) -> Option<Pure> {
    let single = || lanes32(vector).into_iter().map(|bits| f64::from(f32::from_bits(bits)));
    let double = || lanes64(vector).into_iter().map(f64::from_bits);
    // Two lanes give the low half; the high one is zero.
    let numbers = match operator {
        Operator::I32x4TruncSatF32x4S => truncated(single(), Signed),
        Operator::I32x4TruncSatF32x4U => truncated(single(), Unsigned),
        Operator::I32x4TruncSatF64x2SZero => truncated(double(), Signed),
        Operator::I32x4TruncSatF64x2UZero => truncated(double(), Unsigned),
        _ => return None,
    };
    Some(pure(1, Value::V128(pack(&numbers, 32))))
}

fn from_integers(operator: &Operator<'_>, vector: u128) -> Option<Pure> {
    let sign = match operator {
        Operator::F32x4ConvertI32x4S | Operator::F64x2ConvertLowI32x4S => Signed,
        Operator::F32x4ConvertI32x4U | Operator::F64x2ConvertLowI32x4U => Unsigned,
        _ => return None,
    };
    let numbers = lanes(vector, 32, sign).into_iter();
    // Every number of 32 bits is an `f64`, and rounding that to an `f32` is rounding once.
    let doubles = numbers.map(|number| i64::try_from(number).map_or(f64::NAN, cast::nearest_f64_of_i64));
    let (bits, width): (Vec<i128>, u32) = match operator {
        Operator::F64x2ConvertLowI32x4S | Operator::F64x2ConvertLowI32x4U => {
            (doubles.take(2).map(|number| number.to_bits().into()).collect(), 64)
        }
        _ => (doubles.map(|number| cast::nearest_f32(number).to_bits().into()).collect(), 32),
    };
    Some(pure(1, Value::V128(pack(&bits, width))))
}

fn between(operator: &Operator<'_>, vector: u128) -> Option<Pure> {
    match operator {
        Operator::F32x4DemoteF64x2Zero => {
            let [low, high] = lanes64(vector).map(super::super::convert::demoted);
            let zero = Lane::Exactly(0);
            Some(Ok((1, vec![Expected::Lanes32([low, high, zero, zero])])))
        }
        Operator::F64x2PromoteLowF32x4 => {
            let [first, second, ..] = lanes32(vector).map(super::super::convert::promoted);
            Some(Ok((1, vec![Expected::Lanes64([first, second])])))
        }
        _ => None,
    }
}
