//! Operators on integer lanes that keep their width: arithmetic, comparisons, shifts, tests of all lanes.

use runtime::Value;
use wasmparser::Operator;

use super::Sign::{self, Signed, Unsigned};
use super::{Pure, lanes, low_i32, pack, pure, saturated};

/// Operators on two vectors, lane by lane.
#[derive(Clone, Copy)]
enum Binary {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
    Add,
    Sub,
    Mul,
    AddSat,
    SubSat,
    Average,
    Min,
    Max,
    MulQ15,
}

/// Operators with the width of their lanes in bits, how they see them, and what they do.
macro_rules! binaries {
    ($($name:ident = $width:literal $sign:ident $kind:ident,)*) => {
        fn binary_of(operator: &Operator<'_>) -> Option<(u32, Sign, Binary)> {
            Some(match operator {
                $(Operator::$name => ($width, $sign, Binary::$kind),)*
                _ => return None,
            })
        }
    };
}

binaries! {
    I8x16Eq = 8 Unsigned Eq,
    I8x16Ne = 8 Unsigned Ne,
    I8x16LtS = 8 Signed Lt,
    I8x16LtU = 8 Unsigned Lt,
    I8x16GtS = 8 Signed Gt,
    I8x16GtU = 8 Unsigned Gt,
    I8x16LeS = 8 Signed Le,
    I8x16LeU = 8 Unsigned Le,
    I8x16GeS = 8 Signed Ge,
    I8x16GeU = 8 Unsigned Ge,
    I8x16Add = 8 Signed Add,
    I8x16Sub = 8 Signed Sub,
    I8x16AddSatS = 8 Signed AddSat,
    I8x16AddSatU = 8 Unsigned AddSat,
    I8x16SubSatS = 8 Signed SubSat,
    I8x16SubSatU = 8 Unsigned SubSat,
    I8x16AvgrU = 8 Unsigned Average,
    I8x16MinS = 8 Signed Min,
    I8x16MinU = 8 Unsigned Min,
    I8x16MaxS = 8 Signed Max,
    I8x16MaxU = 8 Unsigned Max,
    I16x8Eq = 16 Unsigned Eq,
    I16x8Ne = 16 Unsigned Ne,
    I16x8LtS = 16 Signed Lt,
    I16x8LtU = 16 Unsigned Lt,
    I16x8GtS = 16 Signed Gt,
    I16x8GtU = 16 Unsigned Gt,
    I16x8LeS = 16 Signed Le,
    I16x8LeU = 16 Unsigned Le,
    I16x8GeS = 16 Signed Ge,
    I16x8GeU = 16 Unsigned Ge,
    I16x8Add = 16 Signed Add,
    I16x8Sub = 16 Signed Sub,
    I16x8Mul = 16 Signed Mul,
    I16x8AddSatS = 16 Signed AddSat,
    I16x8AddSatU = 16 Unsigned AddSat,
    I16x8SubSatS = 16 Signed SubSat,
    I16x8SubSatU = 16 Unsigned SubSat,
    I16x8AvgrU = 16 Unsigned Average,
    I16x8MinS = 16 Signed Min,
    I16x8MinU = 16 Unsigned Min,
    I16x8MaxS = 16 Signed Max,
    I16x8MaxU = 16 Unsigned Max,
    I16x8Q15MulrSatS = 16 Signed MulQ15,
    I32x4Eq = 32 Unsigned Eq,
    I32x4Ne = 32 Unsigned Ne,
    I32x4LtS = 32 Signed Lt,
    I32x4LtU = 32 Unsigned Lt,
    I32x4GtS = 32 Signed Gt,
    I32x4GtU = 32 Unsigned Gt,
    I32x4LeS = 32 Signed Le,
    I32x4LeU = 32 Unsigned Le,
    I32x4GeS = 32 Signed Ge,
    I32x4GeU = 32 Unsigned Ge,
    I32x4Add = 32 Signed Add,
    I32x4Sub = 32 Signed Sub,
    I32x4Mul = 32 Signed Mul,
    I32x4MinS = 32 Signed Min,
    I32x4MinU = 32 Unsigned Min,
    I32x4MaxS = 32 Signed Max,
    I32x4MaxU = 32 Unsigned Max,
    I64x2Eq = 64 Unsigned Eq,
    I64x2Ne = 64 Unsigned Ne,
    I64x2LtS = 64 Signed Lt,
    I64x2GtS = 64 Signed Gt,
    I64x2LeS = 64 Signed Le,
    I64x2GeS = 64 Signed Ge,
    I64x2Add = 64 Signed Add,
    I64x2Sub = 64 Signed Sub,
    I64x2Mul = 64 Signed Mul,
}

fn binary(kind: Binary, width: u32, sign: Sign, a: i128, b: i128) -> i128 {
    // All bits of a lane are set where a comparison holds.
    let mask = |holds: bool| -i128::from(holds);
    match kind {
        Binary::Eq => mask(a == b),
        Binary::Ne => mask(a != b),
        Binary::Lt => mask(a < b),
        Binary::Gt => mask(a > b),
        Binary::Le => mask(a <= b),
        Binary::Ge => mask(a >= b),
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::AddSat => saturated(a + b, width, sign),
        Binary::SubSat => saturated(a - b, width, sign),
        Binary::Average => (a + b + 1) >> 1,
        Binary::Min => a.min(b),
        Binary::Max => a.max(b),
        Binary::MulQ15 => saturated((a * b + (1 << 14)) >> 15, width, sign),
    }
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    if let Some((width, sign, kind)) = binary_of(operator) {
        let [.., Value::V128(a), Value::V128(b)] = stack else { return None };
        let (a, b) = (lanes(*a, width, sign), lanes(*b, width, sign));
        let result: Vec<i128> = a.iter().zip(&b).map(|(a, b)| binary(kind, width, sign, *a, *b)).collect();
        return Some(pure(2, Value::V128(pack(&result, width))));
    }
    match stack {
        [.., Value::V128(a), Value::I32(count)] => {
            let (width, sign, left) = shift_of(operator)?;
            let count = count.cast_unsigned() % width;
            let shifted: Vec<i128> = lanes(*a, width, sign)
                .iter()
                .map(|lane| if left { lane << count } else { lane >> count })
                .collect();
            Some(pure(2, Value::V128(pack(&shifted, width))))
        }
        [.., Value::V128(a)] => unary(operator, *a),
        _ => None,
    }
}

/// Width, sign, and whether bits go to the left.
fn shift_of(operator: &Operator<'_>) -> Option<(u32, Sign, bool)> {
    Some(match operator {
        Operator::I8x16Shl => (8, Unsigned, true),
        Operator::I8x16ShrS => (8, Signed, false),
        Operator::I8x16ShrU => (8, Unsigned, false),
        Operator::I16x8Shl => (16, Unsigned, true),
        Operator::I16x8ShrS => (16, Signed, false),
        Operator::I16x8ShrU => (16, Unsigned, false),
        Operator::I32x4Shl => (32, Unsigned, true),
        Operator::I32x4ShrS => (32, Signed, false),
        Operator::I32x4ShrU => (32, Unsigned, false),
        Operator::I64x2Shl => (64, Unsigned, true),
        Operator::I64x2ShrS => (64, Signed, false),
        Operator::I64x2ShrU => (64, Unsigned, false),
        _ => return None,
    })
}

fn unary(operator: &Operator<'_>, a: u128) -> Option<Pure> {
    let each = |width, operation: fn(i128) -> i128| {
        let result: Vec<i128> = lanes(a, width, Signed).into_iter().map(operation).collect();
        Some(pure(1, Value::V128(pack(&result, width))))
    };
    let all_true = |width| {
        let all = lanes(a, width, Unsigned).iter().all(|lane| *lane != 0);
        Some(pure(1, low_i32(i128::from(all))))
    };
    let bitmask = |width| {
        let bits = (0_u32..).zip(lanes(a, width, Signed));
        Some(pure(1, low_i32(bits.map(|(bit, lane)| i128::from(lane < 0) << bit).sum())))
    };
    match operator {
        Operator::I8x16Abs => each(8, i128::abs),
        Operator::I16x8Abs => each(16, i128::abs),
        Operator::I32x4Abs => each(32, i128::abs),
        Operator::I64x2Abs => each(64, i128::abs),
        Operator::I8x16Neg => each(8, |lane| -lane),
        Operator::I16x8Neg => each(16, |lane| -lane),
        Operator::I32x4Neg => each(32, |lane| -lane),
        Operator::I64x2Neg => each(64, |lane| -lane),
        Operator::I8x16Popcnt => each(8, |lane| i128::from((lane & 0xff).count_ones())),
        Operator::I8x16AllTrue => all_true(8),
        Operator::I16x8AllTrue => all_true(16),
        Operator::I32x4AllTrue => all_true(32),
        Operator::I64x2AllTrue => all_true(64),
        Operator::I8x16Bitmask => bitmask(8),
        Operator::I16x8Bitmask => bitmask(16),
        Operator::I32x4Bitmask => bitmask(32),
        Operator::I64x2Bitmask => bitmask(64),
        _ => None,
    }
}
