//! Relaxed vector operators: each of the results that the specification allows.

use runtime::Value;
use wasmparser::Operator;

use super::super::float::{double, single};
use super::super::step::{Expected, Lane};
use super::Sign::{Signed, Unsigned};
use super::float::{lanes32, lanes64};
use super::{Pure, lanes, pack, pure, saturated};

fn one_of(pops: usize, cases: impl IntoIterator<Item = Expected>) -> Option<Pure> {
    Some(Ok((pops, vec![Expected::OneOf(cases.into_iter().collect())])))
}

fn exactly(vector: u128) -> Expected {
    Expected::Exactly(Value::V128(vector))
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    match *stack {
        [.., Value::V128(a), Value::V128(b), Value::V128(c)] if is_ternary(operator) => {
            ternary(operator, a, b, c)
        }
        [.., Value::V128(a), Value::V128(b)] if is_binary(operator) => binary(operator, a, b),
        [.., Value::V128(a)] => truncation(operator, a, stack),
        _ => None,
    }
}

fn is_ternary(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::F32x4RelaxedMadd
            | Operator::F32x4RelaxedNmadd
            | Operator::F64x2RelaxedMadd
            | Operator::F64x2RelaxedNmadd
            | Operator::I8x16RelaxedLaneselect
            | Operator::I16x8RelaxedLaneselect
            | Operator::I32x4RelaxedLaneselect
            | Operator::I64x2RelaxedLaneselect
            | Operator::I32x4RelaxedDotI8x16I7x16AddS
    )
}

fn is_binary(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I8x16RelaxedSwizzle
            | Operator::F32x4RelaxedMin
            | Operator::F32x4RelaxedMax
            | Operator::F64x2RelaxedMin
            | Operator::F64x2RelaxedMax
            | Operator::I16x8RelaxedQ15mulrS
            | Operator::I16x8RelaxedDotI8x16I7x16S
    )
}

/// With one rounding, or with two.
fn multiply_add32(a: u128, b: u128, c: u128, negate: bool) -> Option<Pure> {
    let (a, b, c) = (lanes32(a).map(|a| if negate { single::neg(a) } else { a }), lanes32(b), lanes32(c));
    let number = f32::from_bits;
    let lanes = |with: &dyn Fn(usize) -> f32| {
        let lane = |at: usize| single::computed(with(at), &[a[at], b[at], c[at]]);
        Expected::Lanes32(std::array::from_fn(lane))
    };
    let fused = lanes(&|at| number(a[at]).mul_add(number(b[at]), number(c[at])));
    #[expect(clippy::suboptimal_flops, reason = "rounds twice on purpose")]
    let apart = lanes(&|at| number(a[at]) * number(b[at]) + number(c[at]));
    one_of(3, [fused, apart])
}

fn multiply_add64(a: u128, b: u128, c: u128, negate: bool) -> Option<Pure> {
    let (a, b, c) = (lanes64(a).map(|a| if negate { double::neg(a) } else { a }), lanes64(b), lanes64(c));
    let number = f64::from_bits;
    let lanes = |with: &dyn Fn(usize) -> f64| {
        let lane = |at: usize| double::computed(with(at), &[a[at], b[at], c[at]]);
        Expected::Lanes64(std::array::from_fn(lane))
    };
    let fused = lanes(&|at| number(a[at]).mul_add(number(b[at]), number(c[at])));
    #[expect(clippy::suboptimal_flops, reason = "rounds twice on purpose")]
    let apart = lanes(&|at| number(a[at]) * number(b[at]) + number(c[at]));
    one_of(3, [fused, apart])
}

/// By bits, or by the top bit of each lane.
fn lane_select(a: u128, b: u128, mask: u128, width: u32) -> Option<Pure> {
    let select = |mask: u128| exactly(a & mask | b & !mask);
    let signs: Vec<i128> = lanes(mask, width, Signed).iter().map(|lane| -i128::from(*lane < 0)).collect();
    one_of(3, [select(mask), select(pack(&signs, width))])
}

fn ternary(operator: &Operator<'_>, a: u128, b: u128, c: u128) -> Option<Pure> {
    match operator {
        Operator::F32x4RelaxedMadd => multiply_add32(a, b, c, false),
        Operator::F32x4RelaxedNmadd => multiply_add32(a, b, c, true),
        Operator::F64x2RelaxedMadd => multiply_add64(a, b, c, false),
        Operator::F64x2RelaxedNmadd => multiply_add64(a, b, c, true),
        Operator::I8x16RelaxedLaneselect => lane_select(a, b, c, 8),
        Operator::I16x8RelaxedLaneselect => lane_select(a, b, c, 16),
        Operator::I32x4RelaxedLaneselect => lane_select(a, b, c, 32),
        Operator::I64x2RelaxedLaneselect => lane_select(a, b, c, 64),
        Operator::I32x4RelaxedDotI8x16I7x16AddS => {
            let sums = dots(a, b).into_iter().map(|pairs| {
                let wide = pairs.as_chunks().0.iter().map(|[a, b]| a + b);
                let sums: Vec<i128> = wide.zip(lanes(c, 32, Signed)).map(|(sum, c)| sum + c).collect();
                exactly(pack(&sums, 32))
            });
            one_of(3, sums)
        }
        _ => None,
    }
}

/// Sums of pairs of products, with each reading of the second operand's bytes, and saturated or not.
fn dots(a: u128, b: u128) -> Vec<Vec<i128>> {
    let mut cases = Vec::new();
    for sign in [Signed, Unsigned] {
        let products: Vec<i128> =
            lanes(a, 8, Signed).iter().zip(lanes(b, 8, sign)).map(|(a, b)| a * b).collect();
        let sums: Vec<i128> = products.as_chunks().0.iter().map(|[a, b]| a + b).collect();
        cases.push(sums.iter().map(|sum| saturated(*sum, 16, Signed)).collect());
        cases.push(lanes(pack(&sums, 16), 16, Signed));
    }
    cases
}

fn binary(operator: &Operator<'_>, a: u128, b: u128) -> Option<Pure> {
    match operator {
        Operator::I8x16RelaxedSwizzle => {
            let bytes = a.to_le_bytes();
            // An index out of range is zero, or is taken modulo 16 where its top bit is clear.
            let strict = b.to_le_bytes().map(|at| bytes.get(usize::from(at)).copied().unwrap_or(0));
            let loose = b.to_le_bytes().map(|at| if at < 128 { bytes[usize::from(at & 15)] } else { 0 });
            one_of(2, [strict, loose].map(|bytes| exactly(u128::from_le_bytes(bytes))))
        }
        Operator::F32x4RelaxedMin => minmax32(a, b, single::min, |x, y| x < y),
        Operator::F32x4RelaxedMax => minmax32(a, b, single::max, |x, y| x > y),
        Operator::F64x2RelaxedMin => minmax64(a, b, double::min, |x, y| x < y),
        Operator::F64x2RelaxedMax => minmax64(a, b, double::max, |x, y| x > y),
        Operator::I16x8RelaxedQ15mulrS => {
            let products = lanes(a, 16, Signed).into_iter().zip(lanes(b, 16, Signed));
            let rounded: Vec<i128> = products.map(|(a, b)| (a * b + (1 << 14)) >> 15).collect();
            let clamped: Vec<i128> = rounded.iter().map(|lane| saturated(*lane, 16, Signed)).collect();
            one_of(2, [rounded, clamped].map(|lanes| exactly(pack(&lanes, 16))))
        }
        Operator::I16x8RelaxedDotI8x16I7x16S => {
            one_of(2, dots(a, b).into_iter().map(|sums| exactly(pack(&sums, 16))))
        }
        _ => None,
    }
}

/// As the strict operator does, or whichever operand a single comparison chooses.
fn minmax32(
    a: u128,
    b: u128,
    strict: fn(u32, u32) -> Lane<u32>,
    better: fn(f32, f32) -> bool,
) -> Option<Pure> {
    let (a, b) = (lanes32(a), lanes32(b));
    let wins = |x: u32, y: u32| better(f32::from_bits(x), f32::from_bits(y));
    let lanes = |lane: &dyn Fn(u32, u32) -> Lane<u32>| {
        Expected::Lanes32(std::array::from_fn(|at| lane(a[at], b[at])))
    };
    let first = lanes(&|x, y| Lane::Exactly(if wins(x, y) { x } else { y }));
    let second = lanes(&|x, y| Lane::Exactly(if wins(y, x) { y } else { x }));
    one_of(2, [lanes(&strict), first, second])
}

fn minmax64(
    a: u128,
    b: u128,
    strict: fn(u64, u64) -> Lane<u64>,
    better: fn(f64, f64) -> bool,
) -> Option<Pure> {
    let (a, b) = (lanes64(a), lanes64(b));
    let wins = |x: u64, y: u64| better(f64::from_bits(x), f64::from_bits(y));
    let lanes = |lane: &dyn Fn(u64, u64) -> Lane<u64>| {
        Expected::Lanes64(std::array::from_fn(|at| lane(a[at], b[at])))
    };
    let first = lanes(&|x, y| Lane::Exactly(if wins(x, y) { x } else { y }));
    let second = lanes(&|x, y| Lane::Exactly(if wins(y, x) { y } else { x }));
    one_of(2, [lanes(&strict), first, second])
}

/// Saturates; or gives the least number (signed) or the greatest one (unsigned) for what does not fit.
fn truncation(operator: &Operator<'_>, vector: u128, stack: &[Value]) -> Option<Pure> {
    let (strict, wrong) = match operator {
        Operator::I32x4RelaxedTruncF32x4S => (Operator::I32x4TruncSatF32x4S, 0x8000_0000),
        Operator::I32x4RelaxedTruncF32x4U => (Operator::I32x4TruncSatF32x4U, 0xffff_ffff),
        Operator::I32x4RelaxedTruncF64x2SZero => (Operator::I32x4TruncSatF64x2SZero, 0x8000_0000),
        Operator::I32x4RelaxedTruncF64x2UZero => (Operator::I32x4TruncSatF64x2UZero, 0xffff_ffff),
        _ => return None,
    };
    let Ok((_, expected)) = super::float::evaluate(&strict, stack)? else { return None };
    let [Expected::Exactly(Value::V128(saturated))] = expected[..] else { return None };
    let signed = wrong == 0x8000_0000;
    let doubles: Vec<f64> = match operator {
        Operator::I32x4RelaxedTruncF32x4S | Operator::I32x4RelaxedTruncF32x4U => {
            lanes32(vector).into_iter().map(|bits| f32::from_bits(bits).into()).collect()
        }
        _ => lanes64(vector).into_iter().map(f64::from_bits).collect(),
    };
    let fits = |number: f64| {
        if signed {
            (-2_147_483_649.0..2_147_483_648.0).contains(&number) && number > -2_147_483_649.0
        } else {
            number > -1.0 && number < 4_294_967_296.0
        }
    };
    let lane = |(at, bits): (usize, u32)| {
        let fits = doubles.get(at).is_none_or(|number| fits(*number));
        if fits { vec![bits] } else { vec![bits, wrong] }
    };
    // Each lane that does not fit may go either way.
    let choices: Vec<Vec<u32>> = lanes32(saturated).into_iter().enumerate().map(lane).collect();
    let vectors = choices.iter().rev().fold(vec![0_u128], |vectors, lanes| {
        let with = |vector: &u128| lanes.iter().map(|lane| vector << 32 | u128::from(*lane)).collect();
        vectors.iter().flat_map(|vector| -> Vec<u128> { with(vector) }).collect()
    });
    match vectors[..] {
        [single] => Some(pure(1, Value::V128(single))),
        _ => one_of(1, vectors.into_iter().map(exactly)),
    }
}
