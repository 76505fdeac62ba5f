//! Values of the scripts, as the runtime has them.

use runtime::{Value, ValueType};
use wast::WastArg;
use wast::core::{AbstractHeapType, HeapType, NanPattern, WastArgCore, WastRetCore};

/// An argument; none if the runtime has no such type.
pub(crate) fn argument(argument: &WastArg<'_>) -> Option<Value> {
    let WastArg::Core(argument) = argument else { return None };
    Some(match argument {
        WastArgCore::I32(value) => Value::I32(*value),
        WastArgCore::I64(value) => Value::I64(*value),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::RefNull(heap) => Value::zero(reference(heap)?),
        WastArgCore::RefExtern(number) | WastArgCore::RefHost(number) => Value::ExternRef(Some(*number)),
        WastArgCore::V128(_) => return None,
    })
}

fn reference(heap: &HeapType<'_>) -> Option<ValueType> {
    match heap {
        HeapType::Abstract { ty: AbstractHeapType::Func, .. } => Some(ValueType::FuncRef),
        HeapType::Abstract { ty: AbstractHeapType::Extern, .. } => Some(ValueType::ExternRef),
        _ => None,
    }
}

/// Whether a result is what the script expects.
pub(crate) fn fits(value: Value, expected: &WastRetCore<'_>) -> bool {
    match (expected, value) {
        (WastRetCore::I32(expected), Value::I32(value)) => *expected == value,
        (WastRetCore::I64(expected), Value::I64(value)) => *expected == value,
        (WastRetCore::F32(pattern), Value::F32(bits)) => match pattern {
            NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
            NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
            NanPattern::Value(expected) => expected.bits == bits,
        },
        (WastRetCore::F64(pattern), Value::F64(bits)) => match pattern {
            NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
            NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
            NanPattern::Value(expected) => expected.bits == bits,
        },
        (WastRetCore::RefNull(heap), value) => {
            let is_of_type = heap.as_ref().is_none_or(|heap| reference(heap) == Some(value.ty()));
            is_of_type && matches!(value, Value::FuncRef(None) | Value::ExternRef(None))
        }
        (WastRetCore::RefExtern(number), Value::ExternRef(Some(value))) => {
            number.is_none_or(|number| number == value)
        }
        (WastRetCore::RefHost(number), Value::ExternRef(Some(value))) => *number == value,
        (WastRetCore::RefFunc(_), Value::FuncRef(Some(_))) => true,
        (WastRetCore::Either(cases), value) => cases.iter().any(|case| fits(value, case)),
        _ => false,
    }
}
