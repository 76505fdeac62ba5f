//! Arithmetic, comparisons, conversions: each operator is a line of a table that names the CLIF instruction.

use super::clif_type;
use super::function::FunctionTranslator;
use crate::value::ValueType;
use ValueType::{F32, F64, I32, I64};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

/// What takes one value.
type Unary = fn(FuncInstBuilder<'_, '_>, Value) -> Value;
/// What takes two values.
type Binary = fn(FuncInstBuilder<'_, '_>, Value, Value) -> Value;

/// How an operator is translated.
enum Form {
    /// One operand and the result of one type.
    Unary(ValueType, Unary),
    /// Two operands and the result of one type.
    Binary(ValueType, Binary),
    /// The same, for what traps if the right one is zero, and maybe if the result is too large.
    Divide { ty: ValueType, overflows: bool, emit: Binary },
    /// Two integers to a truth value.
    Compare(IntCC),
    /// Two floats to a truth value.
    CompareFloat(FloatCC),
    /// One integer to a truth value: is it zero?
    IsZero,
    /// One operand to a result of this type.
    Convert(ValueType, fn(FuncInstBuilder<'_, '_>, Type, Value) -> Value),
    /// The bits of one operand as this type.
    Reinterpret(ValueType),
    /// The low bits, sign-extended.
    Extend(ValueType, Type),
}

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn numeric_operator(&mut self, operator: &Operator<'_>) -> bool {
        let form = integer(operator).or_else(|| float(operator)).or_else(|| conversion(operator));
        form.map(|form| self.numeric(form)).is_some()
    }

    fn numeric(&mut self, form: Form) {
        if let Form::Divide { overflows, .. } = form {
            self.check_division(overflows);
        }
        let right = self.pop();
        match form {
            Form::Unary(ty, emit) => {
                let value = emit(self.builder.ins(), right);
                self.push(ty, value);
            }
            Form::Binary(ty, emit) | Form::Divide { ty, emit, .. } => {
                let left = self.pop();
                let value = emit(self.builder.ins(), left, right);
                self.push(ty, value);
            }
            Form::Compare(condition) => {
                let left = self.pop();
                let truth = self.builder.ins().icmp(condition, left, right);
                self.push_truth(truth);
            }
            Form::CompareFloat(condition) => {
                let left = self.pop();
                let truth = self.builder.ins().fcmp(condition, left, right);
                self.push_truth(truth);
            }
            Form::IsZero => {
                let truth = self.builder.ins().icmp_imm_s(IntCC::Equal, right, 0);
                self.push_truth(truth);
            }
            Form::Convert(ty, emit) => {
                let value = emit(self.builder.ins(), clif_type(ty), right);
                self.push(ty, value);
            }
            Form::Reinterpret(ty) => {
                let value = self.builder.ins().bitcast(clif_type(ty), MemFlagsData::new(), right);
                self.push(ty, value);
            }
            Form::Extend(ty, narrow) => {
                let low = self.builder.ins().ireduce(narrow, right);
                let value = self.builder.ins().sextend(clif_type(ty), low);
                self.push(ty, value);
            }
        }
    }

    fn push_truth(&mut self, truth: Value) {
        let value = self.builder.ins().uextend(types::I32, truth);
        self.push(I32, value);
    }
}

fn divide(ty: ValueType, overflows: bool, emit: Binary) -> Form {
    Form::Divide { ty, overflows, emit }
}

fn integer(operator: &Operator<'_>) -> Option<Form> {
    use IntCC as Cc;
    Some(match operator {
        Operator::I32Add => Form::Binary(I32, |ins, a, b| ins.iadd(a, b)),
        Operator::I64Add => Form::Binary(I64, |ins, a, b| ins.iadd(a, b)),
        Operator::I32Sub => Form::Binary(I32, |ins, a, b| ins.isub(a, b)),
        Operator::I64Sub => Form::Binary(I64, |ins, a, b| ins.isub(a, b)),
        Operator::I32Mul => Form::Binary(I32, |ins, a, b| ins.imul(a, b)),
        Operator::I64Mul => Form::Binary(I64, |ins, a, b| ins.imul(a, b)),
        Operator::I32DivS => divide(I32, true, |ins, a, b| ins.sdiv(a, b)),
        Operator::I64DivS => divide(I64, true, |ins, a, b| ins.sdiv(a, b)),
        Operator::I32DivU => divide(I32, false, |ins, a, b| ins.udiv(a, b)),
        Operator::I64DivU => divide(I64, false, |ins, a, b| ins.udiv(a, b)),
        Operator::I32RemS => divide(I32, false, |ins, a, b| ins.srem(a, b)),
        Operator::I64RemS => divide(I64, false, |ins, a, b| ins.srem(a, b)),
        Operator::I32RemU => divide(I32, false, |ins, a, b| ins.urem(a, b)),
        Operator::I64RemU => divide(I64, false, |ins, a, b| ins.urem(a, b)),
        Operator::I32And => Form::Binary(I32, |ins, a, b| ins.band(a, b)),
        Operator::I64And => Form::Binary(I64, |ins, a, b| ins.band(a, b)),
        Operator::I32Or => Form::Binary(I32, |ins, a, b| ins.bor(a, b)),
        Operator::I64Or => Form::Binary(I64, |ins, a, b| ins.bor(a, b)),
        Operator::I32Xor => Form::Binary(I32, |ins, a, b| ins.bxor(a, b)),
        Operator::I64Xor => Form::Binary(I64, |ins, a, b| ins.bxor(a, b)),
        Operator::I32Shl => Form::Binary(I32, |ins, a, b| ins.ishl(a, b)),
        Operator::I64Shl => Form::Binary(I64, |ins, a, b| ins.ishl(a, b)),
        Operator::I32ShrS => Form::Binary(I32, |ins, a, b| ins.sshr(a, b)),
        Operator::I64ShrS => Form::Binary(I64, |ins, a, b| ins.sshr(a, b)),
        Operator::I32ShrU => Form::Binary(I32, |ins, a, b| ins.ushr(a, b)),
        Operator::I64ShrU => Form::Binary(I64, |ins, a, b| ins.ushr(a, b)),
        Operator::I32Rotl => Form::Binary(I32, |ins, a, b| ins.rotl(a, b)),
        Operator::I64Rotl => Form::Binary(I64, |ins, a, b| ins.rotl(a, b)),
        Operator::I32Rotr => Form::Binary(I32, |ins, a, b| ins.rotr(a, b)),
        Operator::I64Rotr => Form::Binary(I64, |ins, a, b| ins.rotr(a, b)),
        Operator::I32Clz => Form::Unary(I32, |ins, a| ins.clz(a)),
        Operator::I64Clz => Form::Unary(I64, |ins, a| ins.clz(a)),
        Operator::I32Ctz => Form::Unary(I32, |ins, a| ins.ctz(a)),
        Operator::I64Ctz => Form::Unary(I64, |ins, a| ins.ctz(a)),
        Operator::I32Popcnt => Form::Unary(I32, |ins, a| ins.popcnt(a)),
        Operator::I64Popcnt => Form::Unary(I64, |ins, a| ins.popcnt(a)),
        Operator::I32Extend8S => Form::Extend(I32, types::I8),
        Operator::I32Extend16S => Form::Extend(I32, types::I16),
        Operator::I64Extend8S => Form::Extend(I64, types::I8),
        Operator::I64Extend16S => Form::Extend(I64, types::I16),
        Operator::I64Extend32S => Form::Extend(I64, types::I32),
        Operator::I32Eqz | Operator::I64Eqz => Form::IsZero,
        Operator::I32Eq | Operator::I64Eq => Form::Compare(Cc::Equal),
        Operator::I32Ne | Operator::I64Ne => Form::Compare(Cc::NotEqual),
        Operator::I32LtS | Operator::I64LtS => Form::Compare(Cc::SignedLessThan),
        Operator::I32LtU | Operator::I64LtU => Form::Compare(Cc::UnsignedLessThan),
        Operator::I32GtS | Operator::I64GtS => Form::Compare(Cc::SignedGreaterThan),
        Operator::I32GtU | Operator::I64GtU => Form::Compare(Cc::UnsignedGreaterThan),
        Operator::I32LeS | Operator::I64LeS => Form::Compare(Cc::SignedLessThanOrEqual),
        Operator::I32LeU | Operator::I64LeU => Form::Compare(Cc::UnsignedLessThanOrEqual),
        Operator::I32GeS | Operator::I64GeS => Form::Compare(Cc::SignedGreaterThanOrEqual),
        Operator::I32GeU | Operator::I64GeU => Form::Compare(Cc::UnsignedGreaterThanOrEqual),
        _ => return None,
    })
}

fn float(operator: &Operator<'_>) -> Option<Form> {
    use FloatCC as Cc;
    Some(match operator {
        Operator::F32Add => Form::Binary(F32, |ins, a, b| ins.fadd(a, b)),
        Operator::F64Add => Form::Binary(F64, |ins, a, b| ins.fadd(a, b)),
        Operator::F32Sub => Form::Binary(F32, |ins, a, b| ins.fsub(a, b)),
        Operator::F64Sub => Form::Binary(F64, |ins, a, b| ins.fsub(a, b)),
        Operator::F32Mul => Form::Binary(F32, |ins, a, b| ins.fmul(a, b)),
        Operator::F64Mul => Form::Binary(F64, |ins, a, b| ins.fmul(a, b)),
        Operator::F32Div => Form::Binary(F32, |ins, a, b| ins.fdiv(a, b)),
        Operator::F64Div => Form::Binary(F64, |ins, a, b| ins.fdiv(a, b)),
        Operator::F32Min => Form::Binary(F32, |ins, a, b| ins.fmin(a, b)),
        Operator::F64Min => Form::Binary(F64, |ins, a, b| ins.fmin(a, b)),
        Operator::F32Max => Form::Binary(F32, |ins, a, b| ins.fmax(a, b)),
        Operator::F64Max => Form::Binary(F64, |ins, a, b| ins.fmax(a, b)),
        Operator::F32Copysign => Form::Binary(F32, |ins, a, b| ins.fcopysign(a, b)),
        Operator::F64Copysign => Form::Binary(F64, |ins, a, b| ins.fcopysign(a, b)),
        Operator::F32Abs => Form::Unary(F32, |ins, a| ins.fabs(a)),
        Operator::F64Abs => Form::Unary(F64, |ins, a| ins.fabs(a)),
        Operator::F32Neg => Form::Unary(F32, |ins, a| ins.fneg(a)),
        Operator::F64Neg => Form::Unary(F64, |ins, a| ins.fneg(a)),
        Operator::F32Ceil => Form::Unary(F32, |ins, a| ins.ceil(a)),
        Operator::F64Ceil => Form::Unary(F64, |ins, a| ins.ceil(a)),
        Operator::F32Floor => Form::Unary(F32, |ins, a| ins.floor(a)),
        Operator::F64Floor => Form::Unary(F64, |ins, a| ins.floor(a)),
        Operator::F32Trunc => Form::Unary(F32, |ins, a| ins.trunc(a)),
        Operator::F64Trunc => Form::Unary(F64, |ins, a| ins.trunc(a)),
        Operator::F32Nearest => Form::Unary(F32, |ins, a| ins.nearest(a)),
        Operator::F64Nearest => Form::Unary(F64, |ins, a| ins.nearest(a)),
        Operator::F32Sqrt => Form::Unary(F32, |ins, a| ins.sqrt(a)),
        Operator::F64Sqrt => Form::Unary(F64, |ins, a| ins.sqrt(a)),
        Operator::F32Eq | Operator::F64Eq => Form::CompareFloat(Cc::Equal),
        Operator::F32Ne | Operator::F64Ne => Form::CompareFloat(Cc::NotEqual),
        Operator::F32Lt | Operator::F64Lt => Form::CompareFloat(Cc::LessThan),
        Operator::F32Gt | Operator::F64Gt => Form::CompareFloat(Cc::GreaterThan),
        Operator::F32Le | Operator::F64Le => Form::CompareFloat(Cc::LessThanOrEqual),
        Operator::F32Ge | Operator::F64Ge => Form::CompareFloat(Cc::GreaterThanOrEqual),
        _ => return None,
    })
}

fn conversion(operator: &Operator<'_>) -> Option<Form> {
    Some(match operator {
        Operator::I32WrapI64 => Form::Convert(I32, |ins, ty, a| ins.ireduce(ty, a)),
        Operator::I64ExtendI32S => Form::Convert(I64, |ins, ty, a| ins.sextend(ty, a)),
        Operator::I64ExtendI32U => Form::Convert(I64, |ins, ty, a| ins.uextend(ty, a)),
        Operator::F32DemoteF64 => Form::Convert(F32, |ins, ty, a| ins.fdemote(ty, a)),
        Operator::F64PromoteF32 => Form::Convert(F64, |ins, ty, a| ins.fpromote(ty, a)),
        Operator::I32TruncF32S | Operator::I32TruncF64S => {
            Form::Convert(I32, |ins, ty, a| ins.fcvt_to_sint(ty, a))
        }
        Operator::I32TruncF32U | Operator::I32TruncF64U => {
            Form::Convert(I32, |ins, ty, a| ins.fcvt_to_uint(ty, a))
        }
        Operator::I64TruncF32S | Operator::I64TruncF64S => {
            Form::Convert(I64, |ins, ty, a| ins.fcvt_to_sint(ty, a))
        }
        Operator::I64TruncF32U | Operator::I64TruncF64U => {
            Form::Convert(I64, |ins, ty, a| ins.fcvt_to_uint(ty, a))
        }
        Operator::I32TruncSatF32S | Operator::I32TruncSatF64S => {
            Form::Convert(I32, |ins, ty, a| ins.fcvt_to_sint_sat(ty, a))
        }
        Operator::I32TruncSatF32U | Operator::I32TruncSatF64U => {
            Form::Convert(I32, |ins, ty, a| ins.fcvt_to_uint_sat(ty, a))
        }
        Operator::I64TruncSatF32S | Operator::I64TruncSatF64S => {
            Form::Convert(I64, |ins, ty, a| ins.fcvt_to_sint_sat(ty, a))
        }
        Operator::I64TruncSatF32U | Operator::I64TruncSatF64U => {
            Form::Convert(I64, |ins, ty, a| ins.fcvt_to_uint_sat(ty, a))
        }
        Operator::F32ConvertI32S | Operator::F32ConvertI64S => {
            Form::Convert(F32, |ins, ty, a| ins.fcvt_from_sint(ty, a))
        }
        Operator::F32ConvertI32U | Operator::F32ConvertI64U => {
            Form::Convert(F32, |ins, ty, a| ins.fcvt_from_uint(ty, a))
        }
        Operator::F64ConvertI32S | Operator::F64ConvertI64S => {
            Form::Convert(F64, |ins, ty, a| ins.fcvt_from_sint(ty, a))
        }
        Operator::F64ConvertI32U | Operator::F64ConvertI64U => {
            Form::Convert(F64, |ins, ty, a| ins.fcvt_from_uint(ty, a))
        }
        Operator::I32ReinterpretF32 => Form::Reinterpret(I32),
        Operator::I64ReinterpretF64 => Form::Reinterpret(I64),
        Operator::F32ReinterpretI32 => Form::Reinterpret(F32),
        Operator::F64ReinterpretI64 => Form::Reinterpret(F64),
        _ => return None,
    })
}
