//! What becomes of arguments that gdb has passed.

use super::*;

fn passed(integers: &[u64], floats: &[f64], stack: &[u8]) -> Passed {
    let mut known: Vec<Option<u64>> = integers.iter().copied().map(Some).collect();
    known.resize(6, Some(0));
    let mut bits: Vec<Option<u128>> = floats.iter().map(|float| Some(float.to_bits().into())).collect();
    bits.resize(8, Some(0));
    Passed { integers: known, floats: bits, stack: stack.to_vec() }
}

fn taking(parameters: &[Parameter]) -> Signature {
    Signature { parameters: Some(parameters.to_vec()), ..Signature::default() }
}

const I32: ValueType = ValueType::I32;
const I64: ValueType = ValueType::I64;
const F64: ValueType = ValueType::F64;

#[test]
fn integers_and_floats_are_counted_apart() {
    let signature = taking(&[Parameter::Integer, Parameter::Float, Parameter::Integer]);
    let found = arguments(&signature, &[I32, F64, I64], &passed(&[u64::MAX, 7], &[2.5], &[]));
    let expected =
        [Value::I32(-1), Value::F64(2.5_f64.to_bits()), Value::I64(7)].map(Argument::Value).to_vec();
    assert_eq!(found, Ok(expected));
}

#[test]
fn what_has_no_register_is_on_the_stack() {
    let types = [I32; 8];
    let stack: Vec<u8> = [70_u64, 80].iter().flat_map(|word| word.to_le_bytes()).collect();
    let found = arguments(
        &taking(&[const { Parameter::Integer }; 8]),
        &types,
        &passed(&[1, 2, 3, 4, 5, 6], &[], &stack),
    );
    let expected = [1, 2, 3, 4, 5, 6, 70, 80].map(|number| Argument::Value(Value::I32(number)));
    assert_eq!(found, Ok(expected.to_vec()));
}

#[test]
fn structures_are_copied() {
    let small = Parameter::Indirect {
        byte_size: 12,
        place: ReturnPlace::Registers(vec![RegisterClass::Integer, RegisterClass::Sse]),
    };
    let large = Parameter::Indirect { byte_size: 20, place: ReturnPlace::Memory };
    let stack: Vec<u8> = (0..20).collect();
    let found = arguments(&taking(&[small, large]), &[I32; 2], &passed(&[1], &[0.0], &stack));
    let first: Vec<u8> = [1].into_iter().chain([0; 11]).collect();
    let copies = vec![Argument::Copy(first.clone()), Argument::Copy(stack.clone())];
    assert_eq!(found, Ok(copies.clone()));
    let laid_out = lay_out(copies.clone(), &[I32; 2], Some(1000), |_| Err(Refusal::NoFunction));
    let expected = Prepared {
        arguments: vec![Value::I32(848), Value::I32(816)],
        copies: vec![(848, first), (816, stack)],
        room: None,
        stack_pointer: Some(816),
    };
    assert_eq!(laid_out, Ok(expected));
    let nowhere = lay_out(copies, &[I32; 2], None, |_| Err(Refusal::NoFunction));
    assert_eq!(nowhere, Err(Refusal::StackPointer));
}

#[test]
fn what_cannot_be_passed_is_refused() {
    let variadic = Signature { is_variadic: true, ..taking(&[Parameter::Integer]) };
    assert_eq!(arguments(&variadic, &[I32, I32], &passed(&[], &[], &[])), Err(Refusal::Variadic));
    let missing = taking(&[Parameter::Integer, Parameter::Integer]);
    assert_eq!(arguments(&missing, &[I32], &passed(&[], &[], &[])), Err(Refusal::Mismatch));
    let other = taking(&[Parameter::Float]);
    assert_eq!(arguments(&other, &[I32], &passed(&[], &[], &[])), Err(Refusal::Mismatch));
    let unknown = taking(&[Parameter::Integer, Parameter::Unsupported]);
    assert_eq!(arguments(&unknown, &[I32, I32], &passed(&[], &[], &[])), Err(Refusal::Parameter(2)));
    let unwritten = Passed { integers: vec![None; 6], ..Passed::default() };
    assert_eq!(arguments(&taking(&[Parameter::Integer]), &[I32], &unwritten), Err(Refusal::Unavailable));
}

#[test]
fn a_structure_comes_back_in_registers_or_where_it_was_wanted() {
    let place = ReturnPlace::Registers(vec![RegisterClass::Sse, RegisterClass::Integer]);
    let small = FunctionReturn { byte_size: 12, hidden_pointer: true, keeps_pointer: true, place };
    let bytes: Vec<u8> = 1.5_f64.to_le_bytes().into_iter().chain([7, 0, 0, 0]).collect();
    let returned = returned_structure(&small, &bytes, 5);
    assert_eq!(returned, Returned { integers: vec![7], floats: vec![1.5_f64.to_bits().into()] });
    let large = FunctionReturn {
        byte_size: 20,
        hidden_pointer: true,
        keeps_pointer: true,
        place: ReturnPlace::Memory,
    };
    assert_eq!(returned_structure(&large, &[0; 20], 5), Returned { integers: vec![5], floats: vec![] });
}
