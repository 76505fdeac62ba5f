//! One operator after the other: what each becomes in the image. The table is in the parent module.

use gimli::{DwOp, UnitOffset, constants as dw};

use super::{Context, Expression, Operation, Role, Unsupported, bits_of_pieces};
use crate::ValueType;
use crate::convert::address::is_data_tombstone;

/// Whether an operator names a local, operand or global.
pub(super) fn is_place(operation: &Operation<'_>) -> bool {
    matches!(
        operation,
        Operation::WasmLocal { .. } | Operation::WasmGlobal { .. } | Operation::WasmStack { .. }
    )
}

/// Whether an operator computes a value of the type of its two operands.
fn is_binary(operation: &Operation<'_>) -> bool {
    matches!(
        operation,
        Operation::And
            | Operation::Or
            | Operation::Xor
            | Operation::Plus
            | Operation::Minus
            | Operation::Mul
            | Operation::Div
            | Operation::Mod
            | Operation::Shl
            | Operation::Shr
            | Operation::Shra
    )
}

/// The state of converting one expression.
pub(super) struct Converter<'c> {
    pub(super) context: &'c Context<'c>,
    pub(super) role: Role,
    pub(super) out: Expression,
    /// Whether all values have 32 bits.
    pub(super) narrow: bool,
    /// The type of the value on top, if it is known to have one.
    pub(super) typed: Option<UnitOffset>,
}

impl Converter<'_> {
    /// Says of what is behind the last piece of a variable that it is nowhere: gdb would take it for a part of a pointer.
    pub(super) fn fill(&mut self, operations: &[Operation<'_>]) {
        let [.., Operation::Piece { .. }] = operations else { return };
        let described = bits_of_pieces(operations);
        let all = self.context.resolve.value_size().and_then(|bytes| bytes.checked_mul(8));
        let rest = all.and_then(|all| all.checked_sub(described)).filter(|bits| *bits > 0 && bits % 8 == 0);
        if let Some(bits) = rest {
            self.out.op_piece(bits / 8);
        }
    }

    /// After an operator was converted: keeps account of types. A constant that goes with a typed value gets its type:
    /// compilers leave that out, and debuggers refuse to compute with values of different types.
    pub(super) fn with_type(&mut self, operation: &Operation<'_>, after: &[Operation<'_>]) {
        self.typed = match (operation, self.typed) {
            (Operation::Convert { base_type }, _) => Some(*base_type).filter(|ty| ty.0 != 0),
            (Operation::UnsignedConstant { .. } | Operation::SignedConstant { .. }, Some(ty))
                if after.first().is_some_and(is_binary) =>
            {
                self.out.op_convert(Some(ty));
                Some(ty)
            }
            (Operation::Not | Operation::Neg | Operation::Abs, typed) => typed,
            (operation, typed) if is_binary(operation) => typed,
            _ => None,
        };
    }

    /// Pushes the address of a local, operand or global. Returns the size of its value in bytes, if it has one
    /// that fits an expression.
    pub(super) fn place(&mut self, operation: &Operation<'_>) -> Result<Option<u8>, Unsupported> {
        let machine = self.context.layout.machine;
        let (slot, ty) = match *operation {
            Operation::WasmLocal { index } => {
                let ty = self.context.function.and_then(|function| function.local(index));
                (u64::from(index), ty.ok_or(Unsupported::Place)?)
            }
            Operation::WasmStack { index } => {
                let locals = self.context.function.ok_or(Unsupported::Place)?.num_locals();
                self.slot(locals.saturating_add(u64::from(index)));
                self.out.names_operand = true;
                // The type of an operand is unknown here, but the rest of its slot is zero.
                return Ok(Some(machine.address_size()));
            }
            Operation::WasmGlobal { index } => {
                let ty = usize::try_from(index).ok().and_then(|index| self.context.module.globals.get(index));
                let ty = *ty.ok_or(Unsupported::Place)?;
                self.out.op_addr(self.context.layout.global_address(index));
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

    /// Converts any operator but branches.
    pub(super) fn operation(&mut self, operation: &Operation<'_>) -> Result<(), Unsupported> {
        let resolve = self.context.resolve;
        match *operation {
            Operation::WasmLocal { .. } | Operation::WasmGlobal { .. } | Operation::WasmStack { .. } => {
                let size = self.place(operation)?.ok_or(Unsupported::Type)?;
                self.deref(size)?;
            }
            Operation::Deref { space: true, .. } => return Err(Unsupported::Operation("an address space")),
            Operation::Deref { base_type, size, .. } if base_type.0 != 0 => {
                self.out.op_deref_type(size, self.base_type(base_type)?);
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
                self.out.op_const_type(self.base_type(base_type)?, value.slice())?;
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
            Operation::ImplicitValue { data } => self.out.op_implicit_value(data.slice()),
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
        self.out.op_addr(address);
        Ok(())
    }

    fn base_type(&self, offset: UnitOffset) -> Result<UnitOffset, Unsupported> {
        self.context.resolve.is_base_type(offset).then_some(offset).ok_or(Unsupported::Reference)
    }

    fn optional_type(&self, offset: UnitOffset) -> Result<Option<UnitOffset>, Unsupported> {
        if offset.0 == 0 { Ok(None) } else { self.base_type(offset).map(Some) }
    }

    /// Clears what a 32-bit stack would not hold.
    pub(super) fn cut(&mut self) {
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
