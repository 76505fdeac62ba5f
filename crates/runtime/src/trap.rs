//! How a guest ends early: a trap is an outcome of the program, not an error of ours.

use crate::value::GcRef;
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $words:literal;)*) => {
        /// Why a guest trapped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum TrapCode { $($(#[$doc])* $name,)* }

        impl TrapCode {
            /// The number that stands for this trap in compiled code.
            pub(crate) const fn number(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            /// The trap that a number in compiled code stands for.
            pub(crate) const fn from_number(number: u8) -> Option<Self> {
                match number { $($code => Some(Self::$name),)* _ => None }
            }

            /// The trap whose words these are.
            #[must_use]
            pub fn from_words(words: &str) -> Option<Self> {
                match words { $($words => Some(Self::$name),)* _ => None }
            }
        }

        impl fmt::Display for TrapCode {
            /// The words of the specification's test suite.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $words,)* })
            }
        }
    };
}

trap_codes! {
    /// The `unreachable` operator.
    Unreachable = 1, "unreachable";
    /// An access outside a linear memory.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// An access outside a table, or a table operation beyond its bounds.
    TableOutOfBounds = 3, "out of bounds table access";
    /// `call_indirect` beyond the end of its table.
    UndefinedElement = 4, "undefined element";
    /// `call_indirect` through a null entry.
    UninitializedElement = 5, "uninitialized element";
    /// `call_indirect` to a function of another type.
    BadSignature = 6, "indirect call type mismatch";
    /// Integer overflow in a division or a conversion.
    IntegerOverflow = 7, "integer overflow";
    /// Integer division by zero.
    IntegerDivisionByZero = 8, "integer divide by zero";
    /// NaN converted to an integer.
    BadConversionToInteger = 9, "invalid conversion to integer";
    /// The guest used up its call stack.
    StackOverflow = 10, "call stack exhausted";
    /// A null reference where none may be.
    NullReference = 12, "null reference";
    /// A null reference to a function was called.
    NullFunction = 13, "null function reference";
    /// A reference is not of the type that it is cast to.
    CastFailure = 14, "cast failure";
    /// A null reference to a structure was opened.
    NullStructure = 15, "null structure reference";
    /// A null reference to an array was opened.
    NullArray = 16, "null array reference";
    /// An access outside of an array.
    ArrayOutOfBounds = 17, "out of bounds array access";
    /// A null exception was thrown.
    NullException = 18, "null exception reference";
    /// A null reference to a 31-bit integer was read.
    NullI31 = 20, "null i31 reference";
    /// An atomic access whose address is no multiple of its size.
    UnalignedAtomic = 21, "unaligned atomic";
    /// `memory.atomic.wait` on a memory that is not shared.
    ExpectedSharedMemory = 22, "expected shared memory";
    /// The garbage-collected heap is full.
    HeapExhausted = 19, "garbage-collected heap exhausted";
    /// The engine cannot compile a function: a limit of the implementation.
    Compilation = 11, "function cannot be compiled";
}

/// Why a call into the guest did not return values.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The guest trapped.
    #[error("wasm trap: {0}")]
    Trap(TrapCode),
    /// The guest asked to end with this exit code (`proc_exit`).
    #[error("exit with code {0}")]
    Exit(i32),
    /// The guest threw an exception that nothing in it caught; `Store::describe_exception` has the words.
    #[error("uncaught exception")]
    Exception(GcRef),
    /// A host function failed.
    #[error("{0}")]
    Host(String),
    /// Somebody ended the guest from outside.
    #[error("killed")]
    Killed,
    /// The call's arguments do not fit the function's type.
    #[error("arguments do not fit the function type {0}")]
    Arguments(String),
}

/// How a host function ends other than by returning values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostError {
    /// End the program with this exit code.
    Exit(i32),
    /// Trap in the calling operator.
    Trap(TrapCode),
    /// Throw this exception in the calling operator.
    Exception(GcRef),
    /// The host cannot go on; the words say why.
    Message(String),
    /// Somebody ended the guest from outside while the function waited.
    Killed,
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Exit(code) => Self::Exit(code),
            HostError::Trap(code) => Self::Trap(code),
            HostError::Exception(exception) => Self::Exception(exception),
            HostError::Message(words) => Self::Host(words),
            HostError::Killed => Self::Killed,
        }
    }
}

impl From<Failure> for HostError {
    /// For a host function that calls Wasm code and has nothing to say to how that ends.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Exit(code) => Self::Exit(code),
            Failure::Trap(code) => Self::Trap(code),
            Failure::Exception(exception) => Self::Exception(exception),
            Failure::Killed => Self::Killed,
            other => Self::Message(other.to_string()),
        }
    }
}
