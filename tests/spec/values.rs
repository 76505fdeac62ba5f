//! Values of the scripts, as the runtime has them.

use runtime::{HeapType, RefType, Reference, Store, Value, ValueType};
use wast::WastArg;
use wast::core::{AbstractHeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};

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
        WastArgCore::V128(lanes) => Value::V128(u128::from_le_bytes(lanes.to_le_bytes())),
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
pub(crate) fn fits(store: &Store, value: Value, expected: &WastRetCore<'_>) -> bool {
    let is = |heap| store.fits(value, ValueType::Ref(RefType::non_null(heap)));
    match (expected, value) {
        (WastRetCore::I32(expected), Value::I32(value)) => *expected == value,
        (WastRetCore::I64(expected), Value::I64(value)) => *expected == value,
        (WastRetCore::F32(pattern), Value::F32(bits)) => fits_f32(pattern, bits),
        (WastRetCore::F64(pattern), Value::F64(bits)) => fits_f64(pattern, bits),
        (WastRetCore::V128(pattern), Value::V128(bits)) => fits_vector(pattern, bits.to_le_bytes()),
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
        (WastRetCore::RefAny, _) => is(HeapType::Any),
        (WastRetCore::RefEq, _) => is(HeapType::Eq),
        (WastRetCore::RefStruct, _) => is(HeapType::Struct),
        (WastRetCore::RefArray, _) => is(HeapType::Array),
        (WastRetCore::RefI31, _) => is(HeapType::I31),
        // Scripts name no function where a reference to one is due.
        (WastRetCore::RefFunc(None), _) => is(HeapType::Func),
        (WastRetCore::Either(cases), value) => cases.iter().any(|case| fits(store, value, case)),
        _ => false,
    }
}

fn fits_f32(pattern: &NanPattern<wast::token::F32>, bits: u32) -> bool {
    match pattern {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(expected) => expected.bits == bits,
    }
}

fn fits_f64(pattern: &NanPattern<wast::token::F64>, bits: u64) -> bool {
    match pattern {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(expected) => expected.bits == bits,
    }
}

/// Whether a vector's bytes, low lane first, are what is expected of each lane.
fn fits_vector(pattern: &V128Pattern, bytes: [u8; 16]) -> bool {
    let integers = |expected: Vec<u8>| expected == bytes;
    match pattern {
        V128Pattern::I8x16(lanes) => integers(lanes.iter().flat_map(|lane| lane.to_le_bytes()).collect()),
        V128Pattern::I16x8(lanes) => integers(lanes.iter().flat_map(|lane| lane.to_le_bytes()).collect()),
        V128Pattern::I32x4(lanes) => integers(lanes.iter().flat_map(|lane| lane.to_le_bytes()).collect()),
        V128Pattern::I64x2(lanes) => integers(lanes.iter().flat_map(|lane| lane.to_le_bytes()).collect()),
        V128Pattern::F32x4(lanes) => {
            let (found, _) = bytes.as_chunks();
            lanes.iter().zip(found).all(|(lane, bytes)| fits_f32(lane, u32::from_le_bytes(*bytes)))
        }
        V128Pattern::F64x2(lanes) => {
            let (found, _) = bytes.as_chunks();
            lanes.iter().zip(found).all(|(lane, bytes)| fits_f64(lane, u64::from_le_bytes(*bytes)))
        }
    }
}
