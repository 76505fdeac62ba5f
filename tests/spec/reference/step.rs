//! What an operator should do, as the reference says it before the runtime does it.

use frame_table::TypeId;
use runtime::{FuncHandle, GcRef, Instance, Store, Tag, TrapCode, Value, ValueType};

/// A value that is due.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    /// These bits.
    Exactly(Value),
    /// A NaN of 32 bits; only the canonical ones if so.
    Nan32 { canonical: bool },
    /// A NaN of 64 bits.
    Nan64 { canonical: bool },
    /// Four lanes.
    Lanes32([Lane<u32>; 4]),
    /// Two lanes.
    Lanes64([Lane<u64>; 2]),
    /// One of these: relaxed vectors, growth that may fail.
    OneOf(Vec<Expected>),
    /// Some value of this type.
    OfType(ValueType),
    /// An object of just this type, with these fields or elements.
    Object { ty: TypeId, fields: Vec<Expected> },
}

/// A float lane that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane<T> {
    Exactly(T),
    Nan { canonical: bool },
}

const NAN32: u32 = 0x7fc0_0000;
const NAN64: u64 = 0x7ff8_0000_0000_0000;

/// Whether bits are a NaN that an operator may make: canonical with any sign, or any whose top payload bit is set.
fn is_nan32(bits: u32, canonical: bool) -> bool {
    if canonical { bits & !(1 << 31) == NAN32 } else { bits & NAN32 == NAN32 }
}

fn is_nan64(bits: u64, canonical: bool) -> bool {
    if canonical { bits & !(1 << 63) == NAN64 } else { bits & NAN64 == NAN64 }
}

impl Expected {
    /// Whether a value is what is due.
    pub(crate) fn admits(&self, store: &Store, value: Value) -> bool {
        match (self, value) {
            (Self::Exactly(expected), _) => *expected == value,
            (Self::Nan32 { canonical }, Value::F32(bits)) => is_nan32(bits, *canonical),
            (Self::Nan64 { canonical }, Value::F64(bits)) => is_nan64(bits, *canonical),
            (Self::Lanes32(lanes), Value::V128(bits)) => {
                let bytes = bits.to_le_bytes();
                lanes.iter().zip(bytes.as_chunks().0).all(|(lane, bytes)| match *lane {
                    Lane::Exactly(lane) => lane == u32::from_le_bytes(*bytes),
                    Lane::Nan { canonical } => is_nan32(u32::from_le_bytes(*bytes), canonical),
                })
            }
            (Self::Lanes64(lanes), Value::V128(bits)) => {
                let bytes = bits.to_le_bytes();
                lanes.iter().zip(bytes.as_chunks().0).all(|(lane, bytes)| match *lane {
                    Lane::Exactly(lane) => lane == u64::from_le_bytes(*bytes),
                    Lane::Nan { canonical } => is_nan64(u64::from_le_bytes(*bytes), canonical),
                })
            }
            (Self::OneOf(cases), _) => cases.iter().any(|case| case.admits(store, value)),
            (Self::OfType(ty), _) => store.fits(value, *ty),
            (Self::Object { ty, fields }, _) => value.object().is_some_and(|name| {
                store
                    .object(name)
                    .is_ok_and(|object| object.ty == *ty && object.len() as usize == fields.len())
                    && (0..).zip(fields).all(|(index, field)| {
                        store.field(name, index).is_ok_and(|value| field.admits(store, value))
                    })
            }),
            _ => false,
        }
    }
}

impl Expected {
    /// Adds the objects that are named.
    pub(super) fn objects(&self, names: &mut Vec<GcRef>) {
        match self {
            Self::Exactly(value) => names.extend(value.object()),
            Self::OneOf(cases) => cases.iter().for_each(|case| case.objects(names)),
            Self::Object { fields, .. } => fields.iter().for_each(|field| field.objects(names)),
            _ => {}
        }
    }
}

impl Write {
    /// Adds the objects that are named.
    pub(super) fn objects(&self, names: &mut Vec<GcRef>) {
        match self {
            Self::Local(_, value) | Self::Global(_, value) => names.extend(value.object()),
            Self::Table { elements, .. } => elements.iter().for_each(|element| element.objects(names)),
            Self::Fields { object, fields, .. } => {
                names.push(*object);
                fields.iter().for_each(|field| field.objects(names));
            }
            Self::Memory { .. } | Self::MemorySize { .. } | Self::TableSize { .. } => {}
        }
    }
}

/// What an operator without side effects does: how many operands it takes, and what it leaves.
pub(super) type Pure = Result<(usize, Vec<Expected>), TrapCode>;

/// Takes `pops` operands and leaves one value.
pub(super) fn pure(pops: usize, value: Value) -> Pure {
    Ok((pops, vec![Expected::Exactly(value)]))
}

/// Something outside of the frame's operands that an operator writes, and what is there after.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Local(u32, Value),
    Global(u32, Value),
    /// Bytes of a memory, some of them around the written ones.
    Memory {
        memory: u32,
        at: u64,
        bytes: Vec<u8>,
    },
    /// Elements of a table, some of them around the written ones.
    Table {
        table: u32,
        at: u64,
        elements: Vec<Expected>,
    },
    /// Fields of a structure or elements of an array, from one of them on.
    Fields {
        object: GcRef,
        at: u32,
        fields: Vec<Expected>,
    },
    /// Pages of a memory.
    MemorySize {
        memory: u32,
        pages: u64,
    },
    /// Elements of a table.
    TableSize {
        table: u32,
        size: u64,
    },
}

/// Whom a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callee {
    /// A function of an instance.
    Wasm(Instance, u32),
    /// A function of the host.
    Host,
}

impl Callee {
    pub(super) fn of(store: &Store, function: FuncHandle) -> Self {
        store.function_of(function).map_or(Self::Host, |(instance, index)| Self::Wasm(instance, index))
    }
}

/// Where control goes.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// To the operator at this PC, with the operands below `height` and the topmost `carried`.
    Goto { pc: u32, height: usize, carried: usize },
    /// To the next operator.
    Next,
    /// Back to the caller, with the topmost operands.
    Return(usize),
    /// To another function, and later to the next operator, with results of these types.
    Call { callee: Callee, args: usize, results: Vec<ValueType> },
    /// To another function, instead of this one.
    TailCall { callee: Callee, args: usize },
    /// To whoever catches an exception.
    Throw(Thrown),
    /// Nowhere.
    Trap(TrapCode),
}

/// What is thrown.
#[derive(Clone, Debug)]
pub(crate) enum Thrown {
    /// A new exception.
    New { tag: Tag, values: Vec<Value> },
    /// This exception.
    Again(GcRef),
    /// The exception that a legacy handler caught.
    Caught,
}

/// What an operator should do.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// How many operands it takes.
    pub(crate) pops: usize,
    /// What it leaves after that, bottom first.
    pub(crate) pushes: Vec<Expected>,
    pub(crate) writes: Vec<Write>,
    pub(crate) then: Then,
}

impl Step {
    pub(super) fn next(pops: usize, pushes: Vec<Expected>) -> Self {
        Self { pops, pushes, writes: Vec::new(), then: Then::Next }
    }

    pub(super) fn push(pops: usize, value: Value) -> Self {
        Self::next(pops, vec![Expected::Exactly(value)])
    }

    pub(super) fn write(pops: usize, write: Write) -> Self {
        Self { pops, pushes: Vec::new(), writes: vec![write], then: Then::Next }
    }

    pub(super) fn then(pops: usize, then: Then) -> Self {
        Self { pops, pushes: Vec::new(), writes: Vec::new(), then }
    }

    pub(super) fn trap(code: TrapCode) -> Self {
        Self::then(0, Then::Trap(code))
    }

    pub(super) fn from_pure(pure: Pure) -> Self {
        match pure {
            Ok((pops, pushes)) => Self::next(pops, pushes),
            Err(code) => Self::trap(code),
        }
    }
}
