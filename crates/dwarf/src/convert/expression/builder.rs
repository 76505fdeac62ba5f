//! An expression on its way into the image: its bytes, and where in them it refers to entries.

use gimli::{DwOp, Register, UnitOffset, constants as dw};

use super::Unsupported;
use crate::convert::bytes::{PADDED, fixed, signed, unsigned};
use crate::convert::reference::EntryPlace;

/// Whom an expression refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Referred {
    /// A base type of the unit, in a LEB128 number of [`PADDED`] bytes.
    BaseType(UnitOffset),
    /// Any entry, in 4 bytes.
    Entry(EntryPlace),
}

/// What was written of an expression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expression {
    pub(crate) bytes: Vec<u8>,
    /// Where in the bytes it refers to what. There are zeros.
    pub(crate) references: Vec<(usize, Referred)>,
    /// Whether it names an operand.
    pub(crate) names_operand: bool,
    /// Whether it is read as one of DWARF 5, and the size of an address.
    is_new: bool,
    address_size: u8,
}

impl Expression {
    /// An empty one in a unit of the image with that version and size of addresses.
    pub(crate) fn new(version: u16, address_size: u8) -> Self {
        Self {
            bytes: Vec::new(),
            references: Vec::new(),
            names_operand: false,
            is_new: version >= 5,
            address_size,
        }
    }

    pub(super) fn op(&mut self, opcode: DwOp) {
        self.bytes.push(opcode.0);
    }

    /// An operator that had another number before DWARF 5.
    fn renamed(&mut self, opcode: DwOp, before: DwOp) {
        self.op(if self.is_new { opcode } else { before });
    }

    pub(super) fn op_addr(&mut self, address: u64) {
        self.op(dw::DW_OP_addr);
        fixed(&mut self.bytes, address, self.address_size);
    }

    pub(super) fn op_constu(&mut self, value: u64) {
        match u8::try_from(value) {
            Ok(value) if value < 32 => self.bytes.push(dw::DW_OP_lit0.0 + value),
            _ => {
                self.op(dw::DW_OP_constu);
                unsigned(&mut self.bytes, value);
            }
        }
    }

    pub(super) fn op_consts(&mut self, value: i64) {
        self.op(dw::DW_OP_consts);
        signed(&mut self.bytes, value);
    }

    pub(super) fn op_const_type(&mut self, base: UnitOffset, value: &[u8]) -> Result<(), Unsupported> {
        self.renamed(dw::DW_OP_const_type, dw::DW_OP_GNU_const_type);
        self.base_type(base);
        self.bytes.push(u8::try_from(value.len()).map_err(|_| Unsupported::TooLong)?);
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    pub(super) fn op_fbreg(&mut self, offset: i64) {
        self.op(dw::DW_OP_fbreg);
        signed(&mut self.bytes, offset);
    }

    pub(super) fn op_breg(&mut self, register: Register, offset: i64) {
        match u8::try_from(register.0) {
            Ok(register) if register < 32 => self.bytes.push(dw::DW_OP_breg0.0 + register),
            _ => {
                self.op(dw::DW_OP_bregx);
                unsigned(&mut self.bytes, register.0.into());
            }
        }
        signed(&mut self.bytes, offset);
    }

    pub(super) fn op_pick(&mut self, index: u8) {
        match index {
            0 => self.op(dw::DW_OP_dup),
            1 => self.op(dw::DW_OP_over),
            _ => self.bytes.extend_from_slice(&[dw::DW_OP_pick.0, index]),
        }
    }

    pub(super) fn op_deref(&mut self) {
        self.op(dw::DW_OP_deref);
    }

    pub(super) fn op_deref_size(&mut self, size: u8) {
        self.bytes.extend_from_slice(&[dw::DW_OP_deref_size.0, size]);
    }

    pub(super) fn op_deref_type(&mut self, size: u8, base: UnitOffset) {
        self.renamed(dw::DW_OP_deref_type, dw::DW_OP_GNU_deref_type);
        self.bytes.push(size);
        self.base_type(base);
    }

    pub(super) fn op_plus_uconst(&mut self, value: u64) {
        self.op(dw::DW_OP_plus_uconst);
        unsigned(&mut self.bytes, value);
    }

    pub(super) fn op_convert(&mut self, base: Option<UnitOffset>) {
        self.renamed(dw::DW_OP_convert, dw::DW_OP_GNU_convert);
        self.optional_type(base);
    }

    pub(super) fn op_reinterpret(&mut self, base: Option<UnitOffset>) {
        self.renamed(dw::DW_OP_reinterpret, dw::DW_OP_GNU_reinterpret);
        self.optional_type(base);
    }

    pub(super) fn op_implicit_value(&mut self, data: &[u8]) {
        self.op(dw::DW_OP_implicit_value);
        unsigned(&mut self.bytes, u64::try_from(data.len()).unwrap_or(u64::MAX));
        self.bytes.extend_from_slice(data);
    }

    pub(super) fn op_implicit_pointer(&mut self, entry: EntryPlace, byte_offset: i64) {
        self.renamed(dw::DW_OP_implicit_pointer, dw::DW_OP_GNU_implicit_pointer);
        self.references.push((self.bytes.len(), Referred::Entry(entry)));
        self.bytes.extend_from_slice(&[0; 4]);
        signed(&mut self.bytes, byte_offset);
    }

    pub(super) fn op_piece(&mut self, size_in_bytes: u64) {
        self.op(dw::DW_OP_piece);
        unsigned(&mut self.bytes, size_in_bytes);
    }

    pub(super) fn op_bit_piece(&mut self, size_in_bits: u64, bit_offset: u64) {
        self.op(dw::DW_OP_bit_piece);
        unsigned(&mut self.bytes, size_in_bits);
        unsigned(&mut self.bytes, bit_offset);
    }

    /// A branch (`DW_OP_bra` or `DW_OP_skip`), for [`Expression::set_target`].
    pub(super) fn branch(&mut self, opcode: DwOp) -> usize {
        self.op(opcode);
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.len()
    }

    /// Has a branch go to a place in the bytes behind it.
    pub(super) fn set_target(&mut self, branch: usize, target: usize) -> Result<(), Unsupported> {
        let distance = target.checked_sub(branch).and_then(|distance| i16::try_from(distance).ok());
        let operand = self.bytes.get_mut(..branch).and_then(|before| before.last_chunk_mut::<2>());
        *operand.ok_or(Unsupported::Branch)? = distance.ok_or(Unsupported::Branch)?.to_le_bytes();
        Ok(())
    }

    fn base_type(&mut self, base: UnitOffset) {
        self.references.push((self.bytes.len(), Referred::BaseType(base)));
        self.bytes.extend_from_slice(&[0; PADDED]);
    }

    fn optional_type(&mut self, base: Option<UnitOffset>) {
        match base {
            Some(base) => self.base_type(base),
            None => self.bytes.push(0),
        }
    }
}
