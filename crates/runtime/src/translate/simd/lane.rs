//! Lanes one by one: make, take out, replace, rearrange, test.

use super::{Form, Wide};
use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use wasmparser::Operator;

/// How such an operator is translated.
pub(super) fn lane(operator: &Operator<'_>) -> Option<Form> {
    Some(match operator {
        Operator::I8x16Splat => Form::Splat(I8X16),
        Operator::I8x16ReplaceLane { lane } => Form::Replace(I8X16, *lane),
        Operator::I8x16ExtractLaneS { lane } => Form::Extract(I8X16, *lane, Wide::Signed),
        Operator::I8x16ExtractLaneU { lane } => Form::Extract(I8X16, *lane, Wide::Unsigned),
        Operator::I8x16AllTrue => Form::Truth(I8X16, |b, x| b.ins().vall_true(x)),
        Operator::I8x16Bitmask => Form::Bits(I8X16),
        Operator::I8x16RelaxedLaneselect => Form::Select,
        Operator::I16x8Splat => Form::Splat(I16X8),
        Operator::I16x8ReplaceLane { lane } => Form::Replace(I16X8, *lane),
        Operator::I16x8ExtractLaneS { lane } => Form::Extract(I16X8, *lane, Wide::Signed),
        Operator::I16x8ExtractLaneU { lane } => Form::Extract(I16X8, *lane, Wide::Unsigned),
        Operator::I16x8AllTrue => Form::Truth(I16X8, |b, x| b.ins().vall_true(x)),
        Operator::I16x8Bitmask => Form::Bits(I16X8),
        Operator::I16x8RelaxedLaneselect => Form::Select,
        Operator::I32x4Splat => Form::Splat(I32X4),
        Operator::I32x4ReplaceLane { lane } => Form::Replace(I32X4, *lane),
        Operator::I32x4ExtractLane { lane } => Form::Extract(I32X4, *lane, Wide::Same),
        Operator::I32x4AllTrue => Form::Truth(I32X4, |b, x| b.ins().vall_true(x)),
        Operator::I32x4Bitmask => Form::Bits(I32X4),
        Operator::I32x4RelaxedLaneselect => Form::Select,
        Operator::I64x2Splat => Form::Splat(I64X2),
        Operator::I64x2ReplaceLane { lane } => Form::Replace(I64X2, *lane),
        Operator::I64x2ExtractLane { lane } => Form::Extract(I64X2, *lane, Wide::Same),
        Operator::I64x2AllTrue => Form::Truth(I64X2, |b, x| b.ins().vall_true(x)),
        Operator::I64x2Bitmask => Form::Bits(I64X2),
        Operator::I64x2RelaxedLaneselect => Form::Select,
        Operator::F32x4Splat => Form::Splat(F32X4),
        Operator::F32x4ReplaceLane { lane } => Form::Replace(F32X4, *lane),
        Operator::F32x4ExtractLane { lane } => Form::Extract(F32X4, *lane, Wide::Same),
        Operator::F64x2Splat => Form::Splat(F64X2),
        Operator::F64x2ReplaceLane { lane } => Form::Replace(F64X2, *lane),
        Operator::F64x2ExtractLane { lane } => Form::Extract(F64X2, *lane, Wide::Same),
        Operator::V128AnyTrue => Form::Truth(I8X16, |b, x| b.ins().vany_true(x)),
        Operator::V128Bitselect => Form::Select,
        Operator::I8x16Swizzle | Operator::I8x16RelaxedSwizzle => {
            Form::Binary(I8X16, |b, x, y| b.ins().swizzle(x, y))
        }
        Operator::I8x16Shuffle { lanes } => Form::Shuffle(*lanes),
        Operator::V128Const { value } => Form::Constant(*value.bytes()),
        _ => return None,
    })
}
