//! Lanes of floats, and conversions between floats and integers.

use super::{Form, bits};
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::FunctionBuilder;
use wasmparser::Operator;

/// Arithmetic. A relaxed operator does what its strict twin does, or rounds twice.
pub(super) fn arithmetic(operator: &Operator<'_>) -> Option<Form> {
    Some(match operator {
        Operator::F32x4Add => Form::Binary(F32X4, |b, x, y| b.ins().fadd(x, y)),
        Operator::F32x4Sub => Form::Binary(F32X4, |b, x, y| b.ins().fsub(x, y)),
        Operator::F32x4Mul => Form::Binary(F32X4, |b, x, y| b.ins().fmul(x, y)),
        Operator::F32x4Div => Form::Binary(F32X4, |b, x, y| b.ins().fdiv(x, y)),
        Operator::F32x4Min | Operator::F32x4RelaxedMin => Form::Binary(F32X4, |b, x, y| b.ins().fmin(x, y)),
        Operator::F32x4Max | Operator::F32x4RelaxedMax => Form::Binary(F32X4, |b, x, y| b.ins().fmax(x, y)),
        Operator::F32x4PMin => Form::Binary(F32X4, |b, x, y| pick(b, FloatCC::LessThan, y, x)),
        Operator::F32x4PMax => Form::Binary(F32X4, |b, x, y| pick(b, FloatCC::GreaterThan, y, x)),
        Operator::F32x4Abs => Form::Unary(F32X4, |b, x| b.ins().fabs(x)),
        Operator::F32x4Neg => Form::Unary(F32X4, |b, x| b.ins().fneg(x)),
        Operator::F32x4Sqrt => Form::Unary(F32X4, |b, x| b.ins().sqrt(x)),
        Operator::F32x4Ceil => Form::Unary(F32X4, |b, x| b.ins().ceil(x)),
        Operator::F32x4Floor => Form::Unary(F32X4, |b, x| b.ins().floor(x)),
        Operator::F32x4Trunc => Form::Unary(F32X4, |b, x| b.ins().trunc(x)),
        Operator::F32x4Nearest => Form::Unary(F32X4, |b, x| b.ins().nearest(x)),
        Operator::F32x4RelaxedMadd => Form::Ternary(F32X4, multiply_add),
        Operator::F32x4RelaxedNmadd => Form::Ternary(F32X4, multiply_subtract),
        Operator::F64x2Add => Form::Binary(F64X2, |b, x, y| b.ins().fadd(x, y)),
        Operator::F64x2Sub => Form::Binary(F64X2, |b, x, y| b.ins().fsub(x, y)),
        Operator::F64x2Mul => Form::Binary(F64X2, |b, x, y| b.ins().fmul(x, y)),
        Operator::F64x2Div => Form::Binary(F64X2, |b, x, y| b.ins().fdiv(x, y)),
        Operator::F64x2Min | Operator::F64x2RelaxedMin => Form::Binary(F64X2, |b, x, y| b.ins().fmin(x, y)),
        Operator::F64x2Max | Operator::F64x2RelaxedMax => Form::Binary(F64X2, |b, x, y| b.ins().fmax(x, y)),
        Operator::F64x2PMin => Form::Binary(F64X2, |b, x, y| pick(b, FloatCC::LessThan, y, x)),
        Operator::F64x2PMax => Form::Binary(F64X2, |b, x, y| pick(b, FloatCC::GreaterThan, y, x)),
        Operator::F64x2Abs => Form::Unary(F64X2, |b, x| b.ins().fabs(x)),
        Operator::F64x2Neg => Form::Unary(F64X2, |b, x| b.ins().fneg(x)),
        Operator::F64x2Sqrt => Form::Unary(F64X2, |b, x| b.ins().sqrt(x)),
        Operator::F64x2Ceil => Form::Unary(F64X2, |b, x| b.ins().ceil(x)),
        Operator::F64x2Floor => Form::Unary(F64X2, |b, x| b.ins().floor(x)),
        Operator::F64x2Trunc => Form::Unary(F64X2, |b, x| b.ins().trunc(x)),
        Operator::F64x2Nearest => Form::Unary(F64X2, |b, x| b.ins().nearest(x)),
        Operator::F64x2RelaxedMadd => Form::Ternary(F64X2, multiply_add),
        Operator::F64x2RelaxedNmadd => Form::Ternary(F64X2, multiply_subtract),
        _ => return None,
    })
}

/// Conversions. Lanes that the result does not fill are zero.
pub(super) fn conversion(operator: &Operator<'_>) -> Option<Form> {
    Some(match operator {
        Operator::I32x4TruncSatF32x4S | Operator::I32x4RelaxedTruncF32x4S => {
            Form::Unary(F32X4, |b, x| b.ins().fcvt_to_sint_sat(I32X4, x))
        }
        Operator::I32x4TruncSatF32x4U | Operator::I32x4RelaxedTruncF32x4U => {
            Form::Unary(F32X4, |b, x| b.ins().fcvt_to_uint_sat(I32X4, x))
        }
        Operator::I32x4TruncSatF64x2SZero | Operator::I32x4RelaxedTruncF64x2SZero => {
            Form::Unary(F64X2, |b, x| {
                let whole = b.ins().fcvt_to_sint_sat(I64X2, x);
                let zero = zero(b);
                b.ins().snarrow(whole, zero)
            })
        }
        Operator::I32x4TruncSatF64x2UZero | Operator::I32x4RelaxedTruncF64x2UZero => {
            Form::Unary(F64X2, |b, x| {
                let whole = b.ins().fcvt_to_uint_sat(I64X2, x);
                let zero = zero(b);
                b.ins().uunarrow(whole, zero)
            })
        }
        Operator::F32x4ConvertI32x4S => Form::Unary(I32X4, |b, x| b.ins().fcvt_from_sint(F32X4, x)),
        Operator::F32x4ConvertI32x4U => Form::Unary(I32X4, |b, x| b.ins().fcvt_from_uint(F32X4, x)),
        Operator::F64x2ConvertLowI32x4S => Form::Unary(I32X4, |b, x| {
            let wide = b.ins().swiden_low(x);
            b.ins().fcvt_from_sint(F64X2, wide)
        }),
        Operator::F64x2ConvertLowI32x4U => Form::Unary(I32X4, |b, x| {
            let wide = b.ins().uwiden_low(x);
            b.ins().fcvt_from_uint(F64X2, wide)
        }),
        Operator::F32x4DemoteF64x2Zero => Form::Unary(F64X2, |b, x| b.ins().fvdemote(x)),
        Operator::F64x2PromoteLowF32x4 => Form::Unary(F32X4, |b, x| b.ins().fvpromote_low(x)),
        _ => return None,
    })
}

/// `x` where it compares so with `y`, else `y`.
fn pick(b: &mut FunctionBuilder<'_>, condition: FloatCC, x: Value, y: Value) -> Value {
    let mask = b.ins().fcmp(condition, x, y);
    let [mask, x, y] = [mask, x, y].map(|value| bits(b, I8X16, value));
    b.ins().bitselect(mask, x, y)
}

fn multiply_add(b: &mut FunctionBuilder<'_>, x: Value, y: Value, z: Value) -> Value {
    let product = b.ins().fmul(x, y);
    b.ins().fadd(product, z)
}

fn multiply_subtract(b: &mut FunctionBuilder<'_>, x: Value, y: Value, z: Value) -> Value {
    let product = b.ins().fmul(x, y);
    b.ins().fsub(z, product)
}

fn zero(b: &mut FunctionBuilder<'_>) -> Value {
    let constant = b.func.dfg.constants.insert([0u8; 16].as_slice().into());
    b.ins().vconst(I64X2, constant)
}
