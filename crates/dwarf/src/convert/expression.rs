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

use gimli::write::{Address, DebugInfoRef, Expression, UnitEntryId};
use gimli::{DebugAddrIndex, DebugInfoOffset, DwOp, Encoding, UnitOffset, constants as dw, read};

use super::address::is_data_tombstone;
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
    #[error("reference to an entry that is not in the image")]
    Reference,
    #[error("backward branch in an expression")]
    Branch,
}

/// What an expression can refer to outside of itself.
pub(crate) trait Resolve {
    /// An entry of `.debug_addr`.
    fn address(&self, index: DebugAddrIndex) -> Option<u64>;
    /// A base type that is a child of the unit's root.
    fn base_type(&self, offset: UnitOffset) -> Option<UnitEntryId>;
    /// Any entry.
    fn entry(&self, offset: DebugInfoOffset) -> Option<DebugInfoRef>;
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
    let mut converter =
        Converter { context, role, out: Expression::new(), narrow: is_narrow(context, &operations) };
    // Index in the output of each operation of the input, and of the end.
    let mut indexes = Vec::with_capacity(operations.len() + 1);
    let mut branches = Vec::new();
    let has_branches =
        operations.iter().any(|op| matches!(op, Operation::Bra { .. } | Operation::Skip { .. }));

    let mut rest = operations.as_slice();
    let mut at_start = true;
    while let Some((operation, after)) = rest.split_first() {
        indexes.push(converter.out.next_index());
        let ends =
            matches!(after, [Operation::StackValue] | [Operation::StackValue, Operation::Piece { .. }, ..]);
        if role == Role::Location && at_start && ends && !has_branches && is_place(operation) {
            converter.place(operation)?;
            indexes.push(converter.out.next_index());
            rest = after.get(1..).unwrap_or_default();
            at_start = false;
            continue;
        }
        match *operation {
            Operation::Bra { .. } => {
                converter.cut();
                branches.push((indexes.len() - 1, converter.out.op_bra()));
            }
            Operation::Skip { .. } => branches.push((indexes.len() - 1, converter.out.op_skip())),
            Operation::StackValue if role == Role::FrameBase && after.is_empty() => {}
            _ => converter.operation(operation)?,
        }
        at_start = matches!(operation, Operation::Piece { .. });
        rest = after;
    }
    indexes.push(converter.out.next_index());

    for (from, branch) in branches {
        let target = branch_target(&offsets, &operations, from).ok_or(Unsupported::Branch)?;
        let target = *indexes.get(target).ok_or(Unsupported::Branch)?;
        converter.out.set_target(branch, target);
    }
    Ok(converter.out)
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
        && !operations.iter().any(|operation| match *operation {
            Operation::WasmLocal { index } => {
                let ty = context.function.and_then(|function| function.local(index));
                matches!(ty, Some(ValueType::I64 | ValueType::F64))
            }
            Operation::WasmGlobal { index } => {
                let ty = usize::try_from(index).ok().and_then(|index| context.module.globals.get(index));
                matches!(ty, Some(ValueType::I64 | ValueType::F64))
            }
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

fn is_place(operation: &Operation<'_>) -> bool {
    matches!(
        operation,
        Operation::WasmLocal { .. } | Operation::WasmGlobal { .. } | Operation::WasmStack { .. }
    )
}

struct Converter<'c> {
    context: &'c Context<'c>,
    role: Role,
    out: Expression,
    narrow: bool,
}

impl Converter<'_> {
    /// Pushes the address of a local, operand or global. Returns the size of its value in bytes, if it has one
    /// that fits an expression.
    fn place(&mut self, operation: &Operation<'_>) -> Result<Option<u8>, Unsupported> {
        let machine = self.context.layout.machine;
        let (slot, ty) = match *operation {
            Operation::WasmLocal { index } => {
                let ty = self.context.function.and_then(|function| function.local(index));
                (u64::from(index), ty.ok_or(Unsupported::Place)?)
            }
            Operation::WasmStack { index } => {
                let locals = self.context.function.ok_or(Unsupported::Place)?.num_locals();
                self.slot(locals.saturating_add(u64::from(index)));
                // The type of an operand is unknown here, but the rest of its slot is zero.
                return Ok(Some(machine.address_size()));
            }
            Operation::WasmGlobal { index } => {
                let ty = usize::try_from(index).ok().and_then(|index| self.context.module.globals.get(index));
                let ty = *ty.ok_or(Unsupported::Place)?;
                self.out.op_addr(Address::Constant(self.context.layout.global_address(index)));
                return Ok(size(ty));
            }
            _ => return Err(Unsupported::Place),
        };
        self.slot(slot);
        Ok(size(ty))
    }

    /// Pushes the address of a slot of the frame.
    fn slot(&mut self, slot: u64) {
        let machine = self.context.layout.machine;
        let offset = machine.slot_offset(slot);
        if self.role == Role::FrameBase {
            self.out.op_consts(offset);
            self.out.op_breg(machine.frame_pointer(), 0);
            self.out.op(dw::DW_OP_plus);
        } else {
            self.out.op_breg(machine.frame_pointer(), offset);
        }
    }

    fn deref(&mut self, size: u8) -> Result<(), Unsupported> {
        let address_size = self.context.layout.machine.address_size();
        if size > address_size {
            return Err(Unsupported::Type);
        }
        if size == address_size {
            self.out.op_deref();
        } else {
            self.out.op_deref_size(size);
        }
        Ok(())
    }

    fn operation(&mut self, operation: &Operation<'_>) -> Result<(), Unsupported> {
        let resolve = self.context.resolve;
        match *operation {
            Operation::WasmLocal { .. } | Operation::WasmGlobal { .. } | Operation::WasmStack { .. } => {
                let size = self.place(operation)?.ok_or(Unsupported::Type)?;
                self.deref(size)?;
            }
            Operation::Deref { space: true, .. } => return Err(Unsupported::Operation("an address space")),
            Operation::Deref { base_type, size, .. } if base_type.0 != 0 => {
                let base = resolve.base_type(base_type).ok_or(Unsupported::Reference)?;
                self.out.op_deref_type(size, base);
            }
            Operation::Deref { size, .. } => self.deref(size)?,
            Operation::Address { address } => self.data_address(address)?,
            Operation::AddressIndex { index } => {
                self.data_address(resolve.address(index).ok_or(Unsupported::Malformed)?)?;
            }
            Operation::ConstantIndex { index } => {
                self.out.op_constu(resolve.address(index).ok_or(Unsupported::Malformed)?);
            }
            Operation::UnsignedConstant { value } => self.out.op_constu(value),
            Operation::SignedConstant { value } => self.out.op_consts(value),
            Operation::TypedLiteral { base_type, value } => {
                let base = resolve.base_type(base_type).ok_or(Unsupported::Reference)?;
                self.out.op_const_type(base, value.slice().into());
            }
            Operation::Convert { base_type } => self.out.op_convert(self.optional_type(base_type)?),
            Operation::Reinterpret { base_type } => self.out.op_reinterpret(self.optional_type(base_type)?),
            Operation::TLS => {
                if let Some(index) = self.context.module.tls_base {
                    let size = self.place(&Operation::WasmGlobal { index })?.ok_or(Unsupported::Type)?;
                    self.deref(size)?;
                    self.out.op(dw::DW_OP_plus);
                }
            }
            Operation::FrameOffset { offset } => self.out.op_fbreg(offset),
            Operation::PlusConstant { value } => self.out.op_plus_uconst(value),
            Operation::Pick { index } => self.out.op_pick(index),
            Operation::ImplicitValue { data } => self.out.op_implicit_value(data.slice().into()),
            Operation::ImplicitPointer { value, byte_offset } => {
                let entry = resolve.entry(value).ok_or(Unsupported::Reference)?;
                self.out.op_implicit_pointer(entry, byte_offset);
            }
            Operation::Piece { size_in_bits, bit_offset: None } => self.out.op_piece(size_in_bits / 8),
            Operation::Piece { size_in_bits, bit_offset: Some(offset) } => {
                self.out.op_bit_piece(size_in_bits, offset);
            }
            Operation::Register { .. } | Operation::RegisterOffset { .. } => {
                return Err(Unsupported::Operation("a register, which Wasm has none of,"));
            }
            Operation::EntryValue { .. } | Operation::ParameterRef { .. } => {
                return Err(Unsupported::Operation("a value at function entry"));
            }
            Operation::Call { .. } | Operation::VariableValue { .. } => {
                return Err(Unsupported::Operation("a call of another expression"));
            }
            _ => self.simple(operation)?,
        }
        Ok(())
    }

    /// Operators without operands of their own.
    fn simple(&mut self, operation: &Operation<'_>) -> Result<(), Unsupported> {
        let opcode = match operation {
            Operation::Drop => dw::DW_OP_drop,
            Operation::Swap => dw::DW_OP_swap,
            Operation::Rot => dw::DW_OP_rot,
            Operation::And => dw::DW_OP_and,
            Operation::Or => dw::DW_OP_or,
            Operation::Xor => dw::DW_OP_xor,
            Operation::Not => dw::DW_OP_not,
            Operation::Neg => dw::DW_OP_neg,
            Operation::Plus => dw::DW_OP_plus,
            Operation::Minus => dw::DW_OP_minus,
            Operation::Mul => dw::DW_OP_mul,
            Operation::Shl => dw::DW_OP_shl,
            Operation::Nop => dw::DW_OP_nop,
            Operation::PushObjectAddress => dw::DW_OP_push_object_address,
            Operation::CallFrameCFA => dw::DW_OP_call_frame_cfa,
            Operation::StackValue => dw::DW_OP_stack_value,
            Operation::Uninitialized => dw::DW_OP_GNU_uninit,
            Operation::Abs => {
                self.sign_extend();
                dw::DW_OP_abs
            }
            Operation::Shr => self.after_second(Self::cut, dw::DW_OP_shr),
            Operation::Shra => self.after_second(Self::sign_extend, dw::DW_OP_shra),
            Operation::Mod => self.after_both(Self::cut, dw::DW_OP_mod),
            Operation::Div => self.after_both(Self::sign_extend, dw::DW_OP_div),
            Operation::Eq => self.after_both(Self::cut, dw::DW_OP_eq),
            Operation::Ne => self.after_both(Self::cut, dw::DW_OP_ne),
            Operation::Lt => self.after_both(Self::sign_extend, dw::DW_OP_lt),
            Operation::Le => self.after_both(Self::sign_extend, dw::DW_OP_le),
            Operation::Gt => self.after_both(Self::sign_extend, dw::DW_OP_gt),
            Operation::Ge => self.after_both(Self::sign_extend, dw::DW_OP_ge),
            _ => return Err(Unsupported::Operation("an unknown operator")),
        };
        self.out.op(opcode);
        Ok(())
    }

    fn data_address(&mut self, address: u64) -> Result<(), Unsupported> {
        if is_data_tombstone(address, self.context.encoding.address_size) {
            return Err(Unsupported::Removed);
        }
        self.out.op_addr(Address::Constant(address));
        Ok(())
    }

    fn optional_type(&self, offset: UnitOffset) -> Result<Option<UnitEntryId>, Unsupported> {
        if offset.0 == 0 {
            return Ok(None);
        }
        self.context.resolve.base_type(offset).map(Some).ok_or(Unsupported::Reference)
    }

    /// Clears what a 32-bit stack would not hold.
    fn cut(&mut self) {
        if self.narrow {
            self.out.op_constu(u64::from(u32::MAX));
            self.out.op(dw::DW_OP_and);
        }
    }

    fn sign_extend(&mut self) {
        if self.narrow {
            for opcode in [dw::DW_OP_shl, dw::DW_OP_shra] {
                self.out.op_constu(32);
                self.out.op(opcode);
            }
        }
    }

    /// Changes the operand below the top, then returns the operator.
    fn after_second(&mut self, change: fn(&mut Self), opcode: DwOp) -> DwOp {
        if self.narrow {
            self.out.op(dw::DW_OP_swap);
            change(self);
            self.out.op(dw::DW_OP_swap);
        }
        opcode
    }

    /// Changes both operands, then returns the operator.
    fn after_both(&mut self, change: fn(&mut Self), opcode: DwOp) -> DwOp {
        change(self);
        self.after_second(change, opcode)
    }
}

/// Bytes of a value that an expression can hold.
fn size(ty: ValueType) -> Option<u8> {
    match ty {
        ValueType::I32 | ValueType::F32 => Some(4),
        ValueType::I64 | ValueType::F64 => Some(8),
        ValueType::V128 | ValueType::Ref => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed assumption is a failed test")]
mod tests;
