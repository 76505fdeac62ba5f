//! Operators on integer lanes that change their width, to the double or to the half.

use runtime::Value;
use wasmparser::Operator;

use super::Sign::{self, Signed, Unsigned};
use super::{Pure, lanes, pack, pure, saturated};

/// What is done; lanes of the result are twice as wide, of `Narrow` half as wide.
#[derive(Clone, Copy)]
enum Kind {
    ExtendLow,
    ExtendHigh,
    MulLow,
    MulHigh,
    AddPairs,
    Dot,
    /// The sign is the result's: the operands' lanes have one.
    Narrow,
}

/// Operators with the width of their operands' lanes in bits.
macro_rules! kinds {
    ($($name:ident = $width:literal $sign:ident $kind:ident,)*) => {
        fn kind_of(operator: &Operator<'_>) -> Option<(u32, Sign, Kind)> {
            Some(match operator {
                $(Operator::$name => ($width, $sign, Kind::$kind),)*
                _ => return None,
            })
        }
    };
}

kinds! {
    I16x8ExtendLowI8x16S = 8 Signed ExtendLow,
    I16x8ExtMulLowI8x16S = 8 Signed MulLow,
    I16x8ExtendHighI8x16S = 8 Signed ExtendHigh,
    I16x8ExtMulHighI8x16S = 8 Signed MulHigh,
    I16x8ExtAddPairwiseI8x16S = 8 Signed AddPairs,
    I16x8ExtendLowI8x16U = 8 Unsigned ExtendLow,
    I16x8ExtMulLowI8x16U = 8 Unsigned MulLow,
    I16x8ExtendHighI8x16U = 8 Unsigned ExtendHigh,
    I16x8ExtMulHighI8x16U = 8 Unsigned MulHigh,
    I16x8ExtAddPairwiseI8x16U = 8 Unsigned AddPairs,
    I32x4ExtendLowI16x8S = 16 Signed ExtendLow,
    I32x4ExtMulLowI16x8S = 16 Signed MulLow,
    I32x4ExtendHighI16x8S = 16 Signed ExtendHigh,
    I32x4ExtMulHighI16x8S = 16 Signed MulHigh,
    I32x4ExtAddPairwiseI16x8S = 16 Signed AddPairs,
    I32x4ExtendLowI16x8U = 16 Unsigned ExtendLow,
    I32x4ExtMulLowI16x8U = 16 Unsigned MulLow,
    I32x4ExtendHighI16x8U = 16 Unsigned ExtendHigh,
    I32x4ExtMulHighI16x8U = 16 Unsigned MulHigh,
    I32x4ExtAddPairwiseI16x8U = 16 Unsigned AddPairs,
    I64x2ExtendLowI32x4S = 32 Signed ExtendLow,
    I64x2ExtMulLowI32x4S = 32 Signed MulLow,
    I64x2ExtendHighI32x4S = 32 Signed ExtendHigh,
    I64x2ExtMulHighI32x4S = 32 Signed MulHigh,
    I64x2ExtendLowI32x4U = 32 Unsigned ExtendLow,
    I64x2ExtMulLowI32x4U = 32 Unsigned MulLow,
    I64x2ExtendHighI32x4U = 32 Unsigned ExtendHigh,
    I64x2ExtMulHighI32x4U = 32 Unsigned MulHigh,
    I32x4DotI16x8S = 16 Signed Dot,
    I8x16NarrowI16x8S = 16 Signed Narrow,
    I8x16NarrowI16x8U = 16 Unsigned Narrow,
    I16x8NarrowI32x4S = 32 Signed Narrow,
    I16x8NarrowI32x4U = 32 Unsigned Narrow,
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    let (width, sign, kind) = kind_of(operator)?;
    let Value::V128(top) = *stack.last()? else { return None };
    let wide = |numbers: Vec<i128>| Value::V128(pack(&numbers, 2 * width));
    let half = |vector: u128, high: bool| {
        let mut all = lanes(vector, width, sign);
        let upper = all.split_off(all.len() / 2);
        if high { upper } else { all }
    };
    let pairs = |numbers: Vec<i128>| numbers.as_chunks().0.iter().map(|[a, b]| a + b).collect();
    match kind {
        Kind::ExtendLow => return Some(pure(1, wide(half(top, false)))),
        Kind::ExtendHigh => return Some(pure(1, wide(half(top, true)))),
        Kind::AddPairs => return Some(pure(1, wide(pairs(lanes(top, width, sign))))),
        Kind::MulLow | Kind::MulHigh | Kind::Dot | Kind::Narrow => {}
    }
    let [.., Value::V128(below), _] = *stack else { return None };
    let products = |a: Vec<i128>, b: Vec<i128>| a.iter().zip(b).map(|(a, b)| a * b).collect();
    let result = match kind {
        Kind::Dot => wide(pairs(products(lanes(below, width, sign), lanes(top, width, sign)))),
        Kind::Narrow => {
            let mut all = lanes(below, width, Signed);
            all.extend(lanes(top, width, Signed));
            let narrow: Vec<i128> =
                all.into_iter().map(|number| saturated(number, width / 2, sign)).collect();
            Value::V128(pack(&narrow, width / 2))
        }
        _ => {
            let high = matches!(kind, Kind::MulHigh);
            wide(products(half(below, high), half(top, high)))
        }
    };
    Some(pure(2, result))
}
