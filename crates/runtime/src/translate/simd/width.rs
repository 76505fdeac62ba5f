//! Operators between lanes of different widths: extend, narrow, extended products and sums.

use super::Form;
use cranelift_codegen::ir::types::{I8X16, I16X8, I32X4};
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::FunctionBuilder;
use wasmparser::Operator;

/// Lanes extended, narrowed, and summed up.
pub(super) fn width(operator: &Operator<'_>) -> Option<Form> {
    Some(match operator {
        Operator::I16x8ExtendLowI8x16S => Form::Unary(I8X16, |b, x| b.ins().swiden_low(x)),
        Operator::I16x8ExtendHighI8x16S => Form::Unary(I8X16, |b, x| b.ins().swiden_high(x)),
        Operator::I16x8ExtAddPairwiseI8x16S => Form::Unary(I8X16, |b, x| {
            let (low, high) = (b.ins().swiden_low(x), b.ins().swiden_high(x));
            b.ins().iadd_pairwise(low, high)
        }),
        Operator::I8x16NarrowI16x8S => Form::Binary(I16X8, |b, x, y| b.ins().snarrow(x, y)),
        Operator::I16x8ExtendLowI8x16U => Form::Unary(I8X16, |b, x| b.ins().uwiden_low(x)),
        Operator::I16x8ExtendHighI8x16U => Form::Unary(I8X16, |b, x| b.ins().uwiden_high(x)),
        Operator::I16x8ExtAddPairwiseI8x16U => Form::Unary(I8X16, |b, x| {
            let (low, high) = (b.ins().uwiden_low(x), b.ins().uwiden_high(x));
            b.ins().iadd_pairwise(low, high)
        }),
        Operator::I8x16NarrowI16x8U => Form::Binary(I16X8, |b, x, y| b.ins().unarrow(x, y)),
        Operator::I32x4ExtendLowI16x8S => Form::Unary(I16X8, |b, x| b.ins().swiden_low(x)),
        Operator::I32x4ExtendHighI16x8S => Form::Unary(I16X8, |b, x| b.ins().swiden_high(x)),
        Operator::I32x4ExtAddPairwiseI16x8S => Form::Unary(I16X8, |b, x| {
            let (low, high) = (b.ins().swiden_low(x), b.ins().swiden_high(x));
            b.ins().iadd_pairwise(low, high)
        }),
        Operator::I16x8NarrowI32x4S => Form::Binary(I32X4, |b, x, y| b.ins().snarrow(x, y)),
        Operator::I32x4ExtendLowI16x8U => Form::Unary(I16X8, |b, x| b.ins().uwiden_low(x)),
        Operator::I32x4ExtendHighI16x8U => Form::Unary(I16X8, |b, x| b.ins().uwiden_high(x)),
        Operator::I32x4ExtAddPairwiseI16x8U => Form::Unary(I16X8, |b, x| {
            let (low, high) = (b.ins().uwiden_low(x), b.ins().uwiden_high(x));
            b.ins().iadd_pairwise(low, high)
        }),
        Operator::I16x8NarrowI32x4U => Form::Binary(I32X4, |b, x, y| b.ins().unarrow(x, y)),
        Operator::I64x2ExtendLowI32x4S => Form::Unary(I32X4, |b, x| b.ins().swiden_low(x)),
        Operator::I64x2ExtendHighI32x4S => Form::Unary(I32X4, |b, x| b.ins().swiden_high(x)),
        Operator::I64x2ExtendLowI32x4U => Form::Unary(I32X4, |b, x| b.ins().uwiden_low(x)),
        Operator::I64x2ExtendHighI32x4U => Form::Unary(I32X4, |b, x| b.ins().uwiden_high(x)),
        Operator::I32x4DotI16x8S => Form::Binary(I16X8, dot),
        Operator::I16x8RelaxedDotI8x16I7x16S => Form::Binary(I8X16, dot),
        Operator::I32x4RelaxedDotI8x16I7x16AddS => Form::Dot,
        _ => return None,
    })
}

/// Products in lanes of twice the width.
pub(super) fn product(operator: &Operator<'_>) -> Option<Form> {
    Some(match operator {
        Operator::I16x8ExtMulLowI8x16S => Form::Binary(I8X16, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().swiden_low(value));
            b.ins().imul(x, y)
        }),
        Operator::I16x8ExtMulHighI8x16S => Form::Binary(I8X16, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().swiden_high(value));
            b.ins().imul(x, y)
        }),
        Operator::I16x8ExtMulLowI8x16U => Form::Binary(I8X16, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().uwiden_low(value));
            b.ins().imul(x, y)
        }),
        Operator::I16x8ExtMulHighI8x16U => Form::Binary(I8X16, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().uwiden_high(value));
            b.ins().imul(x, y)
        }),
        Operator::I32x4ExtMulLowI16x8S => Form::Binary(I16X8, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().swiden_low(value));
            b.ins().imul(x, y)
        }),
        Operator::I32x4ExtMulHighI16x8S => Form::Binary(I16X8, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().swiden_high(value));
            b.ins().imul(x, y)
        }),
        Operator::I32x4ExtMulLowI16x8U => Form::Binary(I16X8, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().uwiden_low(value));
            b.ins().imul(x, y)
        }),
        Operator::I32x4ExtMulHighI16x8U => Form::Binary(I16X8, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().uwiden_high(value));
            b.ins().imul(x, y)
        }),
        Operator::I64x2ExtMulLowI32x4S => Form::Binary(I32X4, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().swiden_low(value));
            b.ins().imul(x, y)
        }),
        Operator::I64x2ExtMulHighI32x4S => Form::Binary(I32X4, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().swiden_high(value));
            b.ins().imul(x, y)
        }),
        Operator::I64x2ExtMulLowI32x4U => Form::Binary(I32X4, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().uwiden_low(value));
            b.ins().imul(x, y)
        }),
        Operator::I64x2ExtMulHighI32x4U => Form::Binary(I32X4, |b, x, y| {
            let [x, y] = [x, y].map(|value| b.ins().uwiden_high(value));
            b.ins().imul(x, y)
        }),
        _ => return None,
    })
}

/// Sums of neighbouring products, in lanes of twice the width.
pub(super) fn dot(b: &mut FunctionBuilder<'_>, x: Value, y: Value) -> Value {
    let [low_x, low_y] = [x, y].map(|value| b.ins().swiden_low(value));
    let [high_x, high_y] = [x, y].map(|value| b.ins().swiden_high(value));
    let low = b.ins().imul(low_x, low_y);
    let high = b.ins().imul(high_x, high_y);
    b.ins().iadd_pairwise(low, high)
}
