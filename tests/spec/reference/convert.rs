//! Conversions between number types.

use runtime::{TrapCode, Value};
use wasmparser::Operator;

use super::cast;
use super::float::{double, expected32, expected64, single};
use super::step::{Lane, Pure, pure};

/// Where a truncation goes.
#[derive(Clone, Copy)]
enum Target {
    I32,
    U32,
    I64,
    U64,
}

impl Target {
    fn range(self) -> (i128, i128) {
        match self {
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
            Self::U32 => (0, u32::MAX.into()),
            Self::I64 => (i64::MIN.into(), i64::MAX.into()),
            Self::U64 => (0, u64::MAX.into()),
        }
    }

    /// A number of the range as a value.
    fn value(self, number: i128) -> Value {
        let low = cast::low_u64(number.cast_unsigned());
        match self {
            Self::I32 | Self::U32 => Value::I32(cast::low_u32(low).cast_signed()),
            Self::I64 | Self::U64 => Value::I64(low.cast_signed()),
        }
    }
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(operator: &Operator<'_>, stack: &[Value]) -> Option<Pure> {
    let operand = *stack.last()?;
    if let Some((target, saturates)) = truncation(operator) {
        let number = match operand {
            Value::F32(bits) => f64::from(f32::from_bits(bits)),
            Value::F64(bits) => f64::from_bits(bits),
            _ => return None,
        };
        return Some(truncate(number, target, saturates));
    }
    match operand {
        Value::I32(number) => from_i32(operator, number).map(|value| pure(1, value)),
        Value::I64(number) => from_i64(operator, number).map(|value| pure(1, value)),
        Value::F32(bits) => match operator {
            Operator::I32ReinterpretF32 => Some(pure(1, Value::I32(bits.cast_signed()))),
            Operator::F64PromoteF32 => Some(Ok((1, vec![expected64(promoted(bits))]))),
            _ => None,
        },
        Value::F64(bits) => match operator {
            Operator::I64ReinterpretF64 => Some(pure(1, Value::I64(bits.cast_signed()))),
            Operator::F32DemoteF64 => Some(Ok((1, vec![expected32(demoted(bits))]))),
            _ => None,
        },
        _ => None,
    }
}

/// A float of 32 bits as one of 64.
pub(super) fn promoted(bits: u32) -> Lane<u64> {
    let canonical = bits & !(1 << 31) == 0x7fc0_0000;
    // A NaN of the other width that is canonical if the operand is.
    let operand = if canonical { 0x7ff8_0000_0000_0000 } else { 0x7ff8_0000_0000_0001 };
    double::computed(f64::from(f32::from_bits(bits)), &[operand])
}

/// A float of 64 bits as one of 32.
pub(super) fn demoted(bits: u64) -> Lane<u32> {
    let canonical = bits & !(1 << 63) == 0x7ff8_0000_0000_0000;
    let operand = if canonical { 0x7fc0_0000 } else { 0x7fc0_0001 };
    single::computed(cast::nearest_f32(f64::from_bits(bits)), &[operand])
}

fn truncation(operator: &Operator<'_>) -> Option<(Target, bool)> {
    Some(match operator {
        Operator::I32TruncF32S | Operator::I32TruncF64S => (Target::I32, false),
        Operator::I32TruncF32U | Operator::I32TruncF64U => (Target::U32, false),
        Operator::I64TruncF32S | Operator::I64TruncF64S => (Target::I64, false),
        Operator::I64TruncF32U | Operator::I64TruncF64U => (Target::U64, false),
        Operator::I32TruncSatF32S | Operator::I32TruncSatF64S => (Target::I32, true),
        Operator::I32TruncSatF32U | Operator::I32TruncSatF64U => (Target::U32, true),
        Operator::I64TruncSatF32S | Operator::I64TruncSatF64S => (Target::I64, true),
        Operator::I64TruncSatF32U | Operator::I64TruncSatF64U => (Target::U64, true),
        _ => return None,
    })
}

fn truncate(number: f64, target: Target, saturates: bool) -> Pure {
    let (least, greatest) = target.range();
    match cast::truncated(number, least, greatest) {
        None if saturates => pure(1, target.value(0)),
        None => Err(TrapCode::BadConversionToInteger),
        Some((whole, fits)) if fits || saturates => pure(1, target.value(whole)),
        Some(_) => Err(TrapCode::IntegerOverflow),
    }
}

fn from_i32(operator: &Operator<'_>, number: i32) -> Option<Value> {
    let positive = number.cast_unsigned();
    Some(match operator {
        Operator::I64ExtendI32S => Value::I64(number.into()),
        Operator::I64ExtendI32U => Value::I64(positive.into()),
        Operator::F32ConvertI32S => Value::F32(cast::nearest_f32_of_i64(number.into()).to_bits()),
        Operator::F32ConvertI32U => Value::F32(cast::nearest_f32_of_u64(positive.into()).to_bits()),
        Operator::F64ConvertI32S => Value::F64(f64::from(number).to_bits()),
        Operator::F64ConvertI32U => Value::F64(f64::from(positive).to_bits()),
        Operator::F32ReinterpretI32 => Value::F32(positive),
        _ => return None,
    })
}

fn from_i64(operator: &Operator<'_>, number: i64) -> Option<Value> {
    let positive = number.cast_unsigned();
    Some(match operator {
        Operator::I32WrapI64 => Value::I32(cast::low_u32(positive).cast_signed()),
        Operator::F32ConvertI64S => Value::F32(cast::nearest_f32_of_i64(number).to_bits()),
        Operator::F32ConvertI64U => Value::F32(cast::nearest_f32_of_u64(positive).to_bits()),
        Operator::F64ConvertI64S => Value::F64(cast::nearest_f64_of_i64(number).to_bits()),
        Operator::F64ConvertI64U => Value::F64(cast::nearest_f64_of_u64(positive).to_bits()),
        Operator::F64ReinterpretI64 => Value::F64(positive),
        _ => return None,
    })
}
