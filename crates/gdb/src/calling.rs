//! Calls of functions as gdb makes them on an x86-64 machine, in Wasm's terms.
//!
//! gdb puts arguments where the System V ABI says: integers and floats into registers in two orders, what is left and large
//! structures onto the stack. A structure that Wasm functions take by a pointer is copied to the guest's memory, below its
//! stack pointer, and so is room for one that is returned.
//!
//! What this is not: the conversation about it. `target::call` has that.

use debugger::{Value, ValueType};
use dwarf::{FunctionReturn, Parameter, RegisterClass, ReturnPlace, Signature};
use thiserror::Error;

use crate::int::{index, wide};

/// Bytes below the guest's stack pointer that a function without calls may use without moving that.
const RED_ZONE: u64 = 128;

/// Why a function cannot be called.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Refusal {
    #[error("functions with variable arguments cannot be called")]
    Variadic,
    #[error("parameter {0} is of a type that cannot be passed")]
    Parameter(usize),
    #[error("the debug info and the code disagree about the function's parameters")]
    Mismatch,
    #[error("a register that has an argument could not be written")]
    Unavailable,
    #[error("structures need the guest's stack pointer, and the module does not say which global that is")]
    StackPointer,
    #[error("the guest's stack has no room for the arguments")]
    NoRoom,
    #[error("the function at {0:#x} is in no table, so there is no pointer to it")]
    NoPointer(u64),
    #[error("there is no function of the program at that address")]
    NoFunction,
    #[error(
        "the program can only go on in the function that it is in, where no value is on the operand stack"
    )]
    Jump,
    #[error("the frame cannot be left: {0}")]
    Frame(String),
}

/// Where gdb has put arguments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed {
    /// `rdi`, `rsi`, `rdx`, `rcx`, `r8`, `r9`, as far as they have values.
    pub(crate) integers: Vec<Option<u64>>,
    /// `xmm0` to `xmm7`.
    pub(crate) floats: Vec<Option<u128>>,
    /// What is behind the return address.
    pub(crate) stack: Vec<u8>,
}

/// One argument of a Wasm function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    Value(Value),
    /// The index in the table of the function at this address; or that index itself.
    Function(u64),
    /// A pointer to a copy of these bytes.
    Copy(Vec<u8>),
    /// A pointer to room for so many bytes of result.
    Room(u64),
}

/// A call with its values, and what has to be in memory before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prepared {
    pub(crate) arguments: Vec<Value>,
    pub(crate) copies: Vec<(u64, Vec<u8>)>,
    /// Where the function puts what it returns.
    pub(crate) room: Option<u64>,
    /// The guest's stack pointer during the call.
    pub(crate) stack_pointer: Option<u64>,
}

/// What gdb is shown after a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Returned {
    /// `rax`, `rdx`.
    pub(crate) integers: Vec<u64>,
    /// `xmm0`, `xmm1`.
    pub(crate) floats: Vec<u128>,
}

/// Takes what gdb has passed, in order.
struct Taker<'p> {
    passed: &'p Passed,
    integers: usize,
    floats: usize,
    stack: usize,
}

impl Taker<'_> {
    fn integer(&mut self) -> Result<u64, Refusal> {
        match self.passed.integers.get(self.integers) {
            Some(value) => {
                self.integers += 1;
                value.ok_or(Refusal::Unavailable)
            }
            None => Ok(first_word(&self.on_stack(8))),
        }
    }

    fn float(&mut self) -> Result<u64, Refusal> {
        match self.passed.floats.get(self.floats) {
            Some(value) => {
                self.floats += 1;
                value.map(low_word).ok_or(Refusal::Unavailable)
            }
            None => Ok(first_word(&self.on_stack(8))),
        }
    }

    /// The next bytes on the stack, which go on at a multiple of 8.
    fn on_stack(&mut self, length: usize) -> Vec<u8> {
        let start = self.stack;
        self.stack = start.saturating_add(length.next_multiple_of(8));
        let mut bytes: Vec<u8> =
            self.passed.stack.get(start..).unwrap_or_default().iter().copied().take(length).collect();
        bytes.resize(length, 0);
        bytes
    }

    /// A value of these classes: in registers if there are enough for all of it.
    fn parts(&mut self, classes: &[RegisterClass], length: usize) -> Result<Vec<u8>, Refusal> {
        let count = |wanted| classes.iter().filter(|class| **class == wanted).count();
        let fits = self.integers + count(RegisterClass::Integer) <= self.passed.integers.len()
            && self.floats + count(RegisterClass::Sse) <= self.passed.floats.len();
        if !fits {
            return Ok(self.on_stack(length));
        }
        let mut bytes = Vec::new();
        for class in classes {
            let word = match class {
                RegisterClass::Integer => self.integer()?,
                RegisterClass::Sse => self.float()?,
            };
            bytes.extend(word.to_le_bytes());
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn first_word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// The low half.
fn low_word(bits: u128) -> u64 {
    first_word(&bits.to_le_bytes())
}

fn low_half(word: u64) -> u32 {
    word.to_le_bytes().first_chunk().map_or(0, |half| u32::from_le_bytes(*half))
}

/// A Wasm value with these bits.
fn value(ty: ValueType, is_float: bool, word: u64) -> Option<Value> {
    match (ty, is_float) {
        (ValueType::I32, false) => Some(Value::I32(low_half(word).cast_signed())),
        (ValueType::I64, false) => Some(Value::I64(word.cast_signed())),
        (ValueType::F32, true) => Some(Value::F32(low_half(word))),
        (ValueType::F64, true) => Some(Value::F64(word)),
        _ => None,
    }
}

/// The arguments for a function with these Wasm parameters.
///
/// # Errors
/// When they are not all known, or of a kind that cannot be passed.
pub(crate) fn arguments(
    signature: &Signature,
    types: &[ValueType],
    passed: &Passed,
) -> Result<Vec<Argument>, Refusal> {
    if signature.is_variadic {
        return Err(Refusal::Variadic);
    }
    let mut taker = Taker { passed, integers: 0, floats: 0, stack: 0 };
    let mut arguments = Vec::new();
    if let Some(returns) = signature.returns.as_ref().filter(|returns| returns.hidden_pointer) {
        if returns.place == ReturnPlace::Memory {
            // The address of gdb's own room.
            taker.integer()?;
        }
        arguments.push(Argument::Room(returns.byte_size));
    }
    let made_up;
    let parameters = match &signature.parameters {
        Some(parameters) => parameters,
        None => {
            made_up = types.iter().map(|ty| parameter_of(*ty)).collect();
            &made_up
        }
    };
    for (number, parameter) in (1..).zip(parameters) {
        let mut next = |is_float, word| {
            let ty = types.get(arguments.len()).copied().ok_or(Refusal::Mismatch)?;
            arguments.push(Argument::Value(value(ty, is_float, word).ok_or(Refusal::Mismatch)?));
            Ok(())
        };
        match parameter {
            Parameter::Integer => next(false, taker.integer()?)?,
            Parameter::Function => arguments.push(Argument::Function(taker.integer()?)),
            Parameter::Float => next(true, taker.float()?)?,
            Parameter::WideInteger => {
                let bytes = taker.parts(&[RegisterClass::Integer; 2], 16)?;
                next(false, first_word(&bytes))?;
                next(false, first_word(bytes.get(8..).unwrap_or_default()))?;
            }
            Parameter::Indirect { byte_size, place } => {
                let length = index(*byte_size);
                let bytes = match place {
                    ReturnPlace::Registers(classes) => taker.parts(classes, length)?,
                    ReturnPlace::Memory => taker.on_stack(length),
                };
                arguments.push(Argument::Copy(bytes));
            }
            Parameter::Unsupported => return Err(Refusal::Parameter(number)),
        }
    }
    let is_pointer = |ty: &ValueType| matches!(ty, ValueType::I32 | ValueType::I64);
    let fit = arguments
        .iter()
        .zip(types)
        .all(|(argument, ty)| matches!(argument, Argument::Value(_)) || is_pointer(ty));
    if arguments.len() == types.len() && fit { Ok(arguments) } else { Err(Refusal::Mismatch) }
}

/// How a parameter without debug info is passed. gdb makes a `float` a `double` then, so that is none to be passed.
fn parameter_of(ty: ValueType) -> Parameter {
    match ty {
        ValueType::I32 | ValueType::I64 => Parameter::Integer,
        ValueType::F64 => Parameter::Float,
        _ => Parameter::Unsupported,
    }
}

/// Gives what is passed by pointer its place below the guest's stack pointer, and functions their indices.
///
/// # Errors
/// When there is no stack pointer, and one is needed, or no room below it.
pub(crate) fn lay_out(
    arguments: Vec<Argument>,
    types: &[ValueType],
    stack_pointer: Option<u64>,
    index_of: impl Fn(u64) -> Result<u64, Refusal>,
) -> Result<Prepared, Refusal> {
    let mut prepared = Prepared::default();
    let mut lowest = match stack_pointer {
        Some(pointer) => Some(pointer.checked_sub(RED_ZONE).ok_or(Refusal::NoRoom)? & !15),
        None => None,
    };
    let mut room = |bytes: u64| {
        let pointer = lowest.ok_or(Refusal::StackPointer)?;
        let place = pointer.checked_sub(bytes).ok_or(Refusal::NoRoom)? & !15;
        lowest = Some(place);
        Ok(place)
    };
    for (argument, ty) in arguments.into_iter().zip(types) {
        let place = match argument {
            Argument::Value(value) => {
                prepared.arguments.push(value);
                continue;
            }
            Argument::Function(address) => index_of(address)?,
            Argument::Copy(bytes) => {
                let place = room(wide(bytes.len()))?;
                prepared.copies.push((place, bytes));
                place
            }
            Argument::Room(bytes) => {
                let place = room(bytes)?;
                prepared.room = Some(place);
                place
            }
        };
        prepared.arguments.push(value(*ty, false, place).ok_or(Refusal::Mismatch)?);
    }
    prepared.stack_pointer = lowest;
    Ok(prepared)
}

/// What registers show of a scalar that a function returned.
pub(crate) fn returned_scalar(values: &[Value]) -> Returned {
    let mut returned = Returned::default();
    for value in values {
        match value {
            Value::I32(number) => returned.integers.push(number.cast_unsigned().into()),
            Value::I64(number) => returned.integers.push(number.cast_unsigned()),
            Value::F32(bits) => returned.floats.push((*bits).into()),
            Value::F64(bits) => returned.floats.push((*bits).into()),
            Value::V128(bits) => returned.floats.push(*bits),
            Value::FuncRef(_) | Value::ExternRef(_) | Value::AnyRef(_) | Value::ExnRef(_) => {}
        }
    }
    returned
}

/// What registers show of a structure that a function has put into memory, or of a vector. `address`: where gdb wanted one that is too long
/// for registers.
pub(crate) fn returned_structure(returns: &FunctionReturn, bytes: &[u8], address: u64) -> Returned {
    let mut returned = Returned::default();
    match &returns.place {
        ReturnPlace::Memory => returned.integers.push(address),
        ReturnPlace::Registers(classes) => {
            let mut padded = bytes.to_vec();
            padded.resize(classes.len() * 8, 0);
            for (class, word) in classes.iter().zip(padded.as_chunks::<8>().0) {
                match class {
                    RegisterClass::Integer => returned.integers.push(u64::from_le_bytes(*word)),
                    RegisterClass::Sse => returned.floats.push(u64::from_le_bytes(*word).into()),
                }
            }
        }
    }
    returned
}

#[cfg(test)]
mod tests;
