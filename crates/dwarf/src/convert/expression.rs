//! DWARF expressions and locations: Wasm's places become memory, and 32-bit arithmetic stays 32-bit.
//!
//! | in the module | in the image |
//! |---|---|
//! | `WASM_location local i; stack_value` as a variable's location | `breg_fp -16*(i+1)`: memory, so it can be set |
//! | `WASM_location local i` elsewhere | `breg_fp -16*(i+1); deref_size 4 or 8` |
//! | operand `j` of a function with `n` locals | the same with slot `n + j` |
//! | global `i` | `addr globals_base + 16*i`, and `deref_size` as above |
//! | `stack_value` at the end of a frame base | nothing: gdb refuses a frame base that is a value |
//! | a local in a frame base | `consts -16*(i+1); breg_fp 0; plus; deref_size`: `info scope` fails on `breg; deref` |
//! | `deref` in a unit with 4-byte addresses | `deref_size 4` |
//! | a thread-local offset | added to the global `__tls_base`; without threads it is an address already |
//!
//! Values on the DWARF stack have the size of an address. That was 4 bytes and becomes 8, so operators that look at
//! the sign or at high bits (`shr`, `shra`, `div`, comparisons, ...) get their operands cut or sign-extended first.
//!
//! On a machine with addresses of 4 bytes, and for what is longer than 8, `wide.rs` says what becomes of longer values.

mod builder;
mod operator;
mod wide;

use gimli::{DebugAddrIndex, DebugInfoOffset, Encoding, UnitOffset, constants as dw, read};

pub(crate) use self::builder::{Expression, Referred};
use self::operator::{Converter, is_place};
use self::wide::depends_on_operand_size;
use super::reference::EntryPlace;
use crate::sections::Reader;
use crate::{Function, Layout, Module, ValueType};

/// Longer expressions are dropped: no compiler makes them, and a debugger would choke on them.
const MAX_OPERATIONS: usize = 4096;

type Operation<'a> = read::Operation<Reader<'a>>;

/// What an expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Where a variable is.
    Location,
    /// `DW_AT_frame_base`: the value is the base address.
    FrameBase,
    /// Anything else that is computed.
    Value,
}

/// Why an expression was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsupported {
    #[error("malformed expression")]
    Malformed,
    #[error("expression too long")]
    TooLong,
    #[error("the linker removed the object")]
    Removed,
    #[error("{0} in an expression")]
    Operation(&'static str),
    #[error("local, operand or global of an unknown function or out of bounds")]
    Place,
    #[error("a value in the middle of an expression that is larger than an address")]
    Type,
    #[error("a computed value that is larger than an address")]
    Wide,
    #[error("an operand of unknown size in an operation that depends on it")]
    OperandSize,
    #[error("reference to an entry that is not in the image")]
    Reference,
    #[error("backward branch in an expression")]
    Branch,
}

/// What an expression can refer to outside of itself.
pub(crate) trait Resolve {
    /// An entry of `.debug_addr`.
    fn address(&self, index: DebugAddrIndex) -> Option<u64>;
    /// Whether there is a base type of the unit.
    fn is_base_type(&self, offset: UnitOffset) -> bool;
    /// Any entry.
    fn entry(&self, offset: DebugInfoOffset) -> Option<EntryPlace>;
    /// Bytes of the type of the variable that the expression describes.
    fn value_size(&self) -> Option<u64>;
    /// Bytes of a base type, if it is one of integers.
    fn integer_size(&self, offset: UnitOffset) -> Option<u8>;
}

/// Where and for what an expression stands.
pub(crate) struct Context<'c> {
    pub(crate) layout: &'c Layout,
    pub(crate) module: &'c Module<'c>,
    /// The function that contains the expression's PC.
    pub(crate) function: Option<&'c Function>,
    /// Of the unit being read.
    pub(crate) encoding: Encoding,
    pub(crate) resolve: &'c dyn Resolve,
}

impl Context<'_> {
    /// An expression without operators.
    pub(crate) fn empty(&self) -> Expression {
        Expression::new(image_version(self.encoding.version), self.layout.machine.address_size())
    }
}

/// The version that a unit has in the image: versions 2 and 3 have no form of their own for expressions and section offsets.
pub(crate) fn image_version(read: u16) -> u16 {
    read.max(4)
}

/// Converts one expression.
pub(crate) fn convert(
    context: &Context<'_>,
    role: Role,
    expression: read::Expression<Reader<'_>>,
) -> Result<Expression, Unsupported> {
    let (offsets, mut operations) = parse(expression, context.encoding)?;
    if let [Operation::UnsignedConstant { value }, Operation::TLS] = *operations
        && context.module.tls_base.is_none()
    {
        // A program with one thread: gdb takes this form for an ordinary static variable.
        operations = vec![Operation::Address { address: value }];
    }
    if depends_on_operand_size(&operations) {
        return Err(Unsupported::OperandSize);
    }
    let mut converter = Converter {
        context,
        role,
        out: context.empty(),
        narrow: is_narrow(context, &operations),
        typed: None,
    };
    // Where in the output each operation of the input is, and the end.
    let mut indexes = Vec::with_capacity(operations.len() + 1);
    let mut branches = Vec::new();
    let has_branches =
        operations.iter().any(|op| matches!(op, Operation::Bra { .. } | Operation::Skip { .. }));

    let mut rest = operations.as_slice();
    let mut at_start = true;
    while let Some((operation, after)) = rest.split_first() {
        indexes.push(converter.out.bytes.len());
        let ends =
            matches!(after, [Operation::StackValue] | [Operation::StackValue, Operation::Piece { .. }, ..]);
        if role == Role::Location && at_start && ends && !has_branches && is_place(operation) {
            converter.place(operation)?;
            indexes.push(converter.out.bytes.len());
            rest = after.get(1..).unwrap_or_default();
            at_start = false;
            continue;
        }
        if at_start && role == Role::Location {
            let taken = converter.wide_value(rest, has_branches)?;
            if taken > 0 {
                rest = rest.get(taken..).unwrap_or_default();
                at_start = false;
                continue;
            }
        }
        let taken = if has_branches { 0 } else { converter.part(rest)? };
        if taken > 0 {
            rest = rest.get(taken..).unwrap_or_default();
            at_start = false;
            continue;
        }
        match *operation {
            Operation::Bra { .. } => {
                converter.cut();
                branches.push((indexes.len() - 1, converter.out.branch(dw::DW_OP_bra)));
            }
            Operation::Skip { .. } => {
                branches.push((indexes.len() - 1, converter.out.branch(dw::DW_OP_skip)))
            }
            Operation::StackValue if role == Role::FrameBase && after.is_empty() => {}
            _ => {
                converter.operation(operation)?;
                if !has_branches {
                    converter.with_type(operation, after);
                }
            }
        }
        at_start = matches!(operation, Operation::Piece { .. });
        rest = after;
    }
    indexes.push(converter.out.bytes.len());

    if role == Role::Location && !has_branches {
        converter.fill(&operations);
    }

    for (from, branch) in branches {
        let target = branch_target(&offsets, &operations, from).ok_or(Unsupported::Branch)?;
        let target = *indexes.get(target).ok_or(Unsupported::Branch)?;
        converter.out.set_target(branch, target)?;
    }
    Ok(converter.out)
}

/// Bits that pieces describe.
fn bits_of_pieces(operations: &[Operation<'_>]) -> u64 {
    let bits = operations.iter().map(|operation| match operation {
        Operation::Piece { size_in_bits, .. } => *size_in_bits,
        _ => 0,
    });
    bits.fold(0, u64::saturating_add)
}

/// The operations, and the byte offset of each and of the end.
fn parse<'a>(
    expression: read::Expression<Reader<'a>>,
    encoding: Encoding,
) -> Result<(Vec<usize>, Vec<Operation<'a>>), Unsupported> {
    let mut offsets = vec![0];
    let mut operations = Vec::new();
    let mut iter = expression.operations(encoding);
    while let Some(operation) = iter.next().map_err(|_| Unsupported::Malformed)? {
        if operations.len() == MAX_OPERATIONS {
            return Err(Unsupported::TooLong);
        }
        operations.push(operation);
        offsets.push(iter.offset_from(&expression));
    }
    Ok((offsets, operations))
}

/// Index of the operation that the branch at index `from` goes to. Only forward: a loop could hang the debugger.
fn branch_target(offsets: &[usize], operations: &[Operation<'_>], from: usize) -> Option<usize> {
    let (Operation::Bra { target } | Operation::Skip { target }) = operations.get(from)? else { return None };
    let next = offsets.get(from + 1)?;
    let target = next.checked_add_signed(isize::from(*target))?;
    let index = offsets.binary_search(&target).ok()?;
    (index > from).then_some(index)
}

/// Whether the expression computes with 32-bit values only.
fn is_narrow(context: &Context<'_>, operations: &[Operation<'_>]) -> bool {
    context.encoding.address_size == 4
        && context.layout.machine.address_size() == 8
        && !is_long_value(context, operations)
        && !operations.iter().any(|operation| match *operation {
            Operation::WasmLocal { index } => {
                let ty = context.function.and_then(|function| function.local(index));
                matches!(ty, Some(ValueType::I64 | ValueType::F64))
            }
            Operation::WasmGlobal { index } => {
                let ty = usize::try_from(index).ok().and_then(|index| context.module.globals.get(index));
                matches!(ty, Some(ValueType::I64 | ValueType::F64))
            }
            // Compilers shift so far to get at the upper half.
            Operation::WasmStack { .. } => operations.windows(2).any(|pair| {
                matches!(
                    pair,
                    [Operation::UnsignedConstant { value: 32.. }, Operation::Shr | Operation::Shra]
                )
            }),
            Operation::Deref { base_type, size, .. } => base_type.0 != 0 || size > 4,
            // Compilers sign-extend a negative constant to 64 bits.
            Operation::UnsignedConstant { value } => {
                value > u64::from(u32::MAX) && value < i64::from(i32::MIN).cast_unsigned()
            }
            Operation::SignedConstant { value } => {
                i32::try_from(value).is_err() && u32::try_from(value).is_err()
            }
            Operation::TypedLiteral { .. } | Operation::Convert { .. } | Operation::Reinterpret { .. } => {
                true
            }
            _ => false,
        })
}

/// Whether the expression computes a value of 8 bytes: compilers compute with as many bits as a variable has.
fn is_long_value(context: &Context<'_>, operations: &[Operation<'_>]) -> bool {
    match operations {
        [.., Operation::StackValue] => context.resolve.value_size() == Some(8),
        [.., Operation::Piece { .. }] => {
            operations.iter().any(|operation| matches!(operation, Operation::Piece { size_in_bits: 64, .. }))
        }
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption is a failed test")]
mod operators;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed assumption is a failed test")]
mod tests;
