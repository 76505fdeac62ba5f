//! Single lanes: splat, extract, replace, and bytes that change places.

use runtime::Value;
use wasmparser::Operator;

use super::Sign::{Signed, Unsigned};
use super::{Pure, cast, lanes, low_i32, pack, pure};

/// The bits of a number.
fn bits(value: Value) -> Option<i128> {
    Some(match value {
        Value::I32(number) => number.into(),
        Value::I64(number) => number.into(),
        Value::F32(bits) => bits.into(),
        Value::F64(bits) => bits.into(),
        _ => return None,
    })
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    splat(operator, stack)
        .or_else(|| replace(operator, stack))
        .or_else(|| extract(operator, stack))
        .or_else(|| places(operator, stack))
}

fn splat(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    let width = match operator {
        Operator::I8x16Splat => 8,
        Operator::I16x8Splat => 16,
        Operator::I32x4Splat | Operator::F32x4Splat => 32,
        Operator::I64x2Splat | Operator::F64x2Splat => 64,
        _ => return None,
    };
    let number = bits(*stack.last()?)?;
    let all = vec![number; 128 / width as usize];
    Some(pure(1, Value::V128(pack(&all, width))))
}

fn replace(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    let (width, lane) = match operator {
        Operator::I8x16ReplaceLane { lane } => (8, lane),
        Operator::I16x8ReplaceLane { lane } => (16, lane),
        Operator::I32x4ReplaceLane { lane } | Operator::F32x4ReplaceLane { lane } => (32, lane),
        Operator::I64x2ReplaceLane { lane } | Operator::F64x2ReplaceLane { lane } => (64, lane),
        _ => return None,
    };
    let [.., Value::V128(vector), number] = *stack else { return None };
    let mut all = lanes(vector, width, Unsigned);
    *all.get_mut(usize::from(*lane))? = bits(number)?;
    Some(pure(2, Value::V128(pack(&all, width))))
}

fn extract(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    let Value::V128(vector) = *stack.last()? else { return None };
    let lane = |width, sign, lane: &u8| lanes(vector, width, sign).get(usize::from(*lane)).copied();
    let low = |number: i128| cast::low_u64(number.cast_unsigned());
    let value = match operator {
        Operator::I8x16ExtractLaneS { lane: at } => low_i32(lane(8, Signed, at)?),
        Operator::I8x16ExtractLaneU { lane: at } => low_i32(lane(8, Unsigned, at)?),
        Operator::I16x8ExtractLaneS { lane: at } => low_i32(lane(16, Signed, at)?),
        Operator::I16x8ExtractLaneU { lane: at } => low_i32(lane(16, Unsigned, at)?),
        Operator::I32x4ExtractLane { lane: at } => low_i32(lane(32, Signed, at)?),
        Operator::I64x2ExtractLane { lane: at } => Value::I64(low(lane(64, Signed, at)?).cast_signed()),
        Operator::F32x4ExtractLane { lane: at } => Value::F32(cast::low_u32(low(lane(32, Unsigned, at)?))),
        Operator::F64x2ExtractLane { lane: at } => Value::F64(low(lane(64, Unsigned, at)?)),
        _ => return None,
    };
    Some(pure(1, value))
}

fn places(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    let [.., Value::V128(a), Value::V128(b)] = *stack else { return None };
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    let byte = |index: usize| a.iter().chain(&b).nth(index).copied().unwrap_or(0);
    let bytes: [u8; 16] = match operator {
        Operator::I8x16Shuffle { lanes } => lanes.map(|lane| byte(lane.into())),
        Operator::I8x16Swizzle => b.map(|lane| if lane < 16 { byte(lane.into()) } else { 0 }),
        _ => return None,
    };
    Some(pure(2, Value::V128(u128::from_le_bytes(bytes))))
}
