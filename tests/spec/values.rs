//! Values of the scripts, as the runtime has them.

use runtime::{HeapType, Reference, Value};
use wast::WastArg;
use wast::core::{AbstractHeapType, NanPattern, WastArgCore, WastRetCore};

/// An argument; none if the runtime has no such type.
pub(crate) fn argument(argument: &WastArg<'_>) -> Option<Value> {
    let WastArg::Core(argument) = argument else { return None };
    Some(match argument {
        WastArgCore::I32(value) => Value::I32(*value),
        WastArgCore::I64(value) => Value::I64(*value),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::RefNull(heap) => Value::null(heap_type(heap)?),
        WastArgCore::RefExtern(number) => Value::ExternRef(Some(Reference::Host(*number))),
        WastArgCore::RefHost(number) => Value::AnyRef(Some(Reference::Host(*number))),
        WastArgCore::V128(_) => return None,
    })
}

/// The hierarchy of an abstract type. A script names defined types only where nobody looks at the value.
fn heap_type(heap: &wast::core::HeapType<'_>) -> Option<HeapType> {
    let wast::core::HeapType::Abstract { ty, .. } = heap else { return None };
    Some(match ty {
        AbstractHeapType::Func | AbstractHeapType::NoFunc => HeapType::Func,
        AbstractHeapType::Extern | AbstractHeapType::NoExtern => HeapType::Extern,
        AbstractHeapType::Exn | AbstractHeapType::NoExn => HeapType::Exn,
        AbstractHeapType::Cont | AbstractHeapType::NoCont => return None,
        _ => HeapType::Any,
    })
}

/// Whether a value is a null reference.
fn is_null(value: Value) -> bool {
    matches!(value, Value::FuncRef(None) | Value::ExternRef(None) | Value::AnyRef(None) | Value::ExnRef(None))
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
            let of_hierarchy = |heap| heap_type(heap).is_none_or(|heap| value == Value::null(heap));
            is_null(value) && heap.as_ref().is_none_or(of_hierarchy)
        }
        (WastRetCore::RefExtern(number), Value::ExternRef(Some(reference))) => {
            number.is_none_or(|number| reference == Reference::Host(number))
        }
        (WastRetCore::RefHost(number), Value::AnyRef(Some(reference))) => {
            reference == Reference::Host(*number)
        }
        (WastRetCore::RefAny | WastRetCore::RefEq, Value::AnyRef(Some(_))) => true,
        (WastRetCore::RefI31, Value::AnyRef(Some(reference))) => matches!(reference, Reference::I31(_)),
        (WastRetCore::RefFunc(_), Value::FuncRef(Some(_))) => true,
        (WastRetCore::Either(cases), value) => cases.iter().any(|case| fits(value, case)),
        _ => false,
    }
}
