//! A stopped program made up by chance, seen in two ways: as a reader of the module's DWARF sees it (locals, operands,
//! globals, linear memory), and as a reader of the image sees it (a frame pointer and memory). And evaluating expressions on
//! it, with gimli's evaluator.
//!
//! The two ways are drawn in `dwarf::Layout`. This says the same once more, so that a mistake there is seen.

use std::ops::Range;

use dwarf::{Function, Layout, Machine, Module, ValueType};
use frame_table::ModulePc;
use gimli::{
    DebugAddrIndex, EndianSlice, EvaluationResult, LittleEndian, Location, Operation, Piece, Reader as _,
    UnitOffset, UnitRef, Value,
};

use crate::rewritten::{with_long_addresses, with_types};

pub(crate) type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A reader of the module.
    Module,
    /// A reader of the image.
    Image,
}

/// What a reader knows besides the debug info.
#[derive(Clone, Copy)]
pub(crate) struct Stopped<'s> {
    pub(crate) side: Side,
    pub(crate) module: &'s Module<'s>,
    pub(crate) layout: &'s Layout,
    /// Another seed, other values.
    pub(crate) seed: u64,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(crate) struct At<'f> {
    pub(crate) function: Option<&'f Function>,
    /// What `DW_OP_fbreg` counts from.
    pub(crate) frame_base: Option<u64>,
    /// Bytes of the value that is described.
    pub(crate) size: u64,
    /// What is on the stack at first: the address of an object.
    pub(crate) object: Option<u64>,
    /// Whether operands have 64 bits.
    pub(crate) wide_operands: bool,
}

/// Bytes of an object that are known; `None` where it is optimized out.
pub(crate) type Bytes = Vec<Option<u8>>;

const CFA: u64 = 0x1234_5670;
const SLOT: u64 = 16;
/// Operands that frames have, and globals that a reader of the image finds.
const OPERANDS: u64 = 1 << 16;
const MAX_SIZE: u64 = 256;

fn mixed(mut bits: u64) -> u64 {
    bits ^= bits >> 30;
    bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^= bits >> 27;
    bits = bits.wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl<'s> Stopped<'s> {
    /// A number by chance for the thing number `index` of a kind.
    fn chance(&self, kind: u64, index: u64) -> u64 {
        mixed(mixed(self.seed ^ (kind << 56)).wrapping_add(index))
    }

    /// The 16 bytes of a value of a type.
    fn value(&self, kind: u64, index: u64, ty: ValueType) -> u128 {
        let low = self.chance(kind, index);
        match ty {
            ValueType::I32 | ValueType::F32 => u128::from(low & 0xffff_ffff),
            ValueType::V128 => u128::from(low) << 64 | u128::from(mixed(low)),
            _ => u128::from(low),
        }
    }

    fn global(&self, index: u32) -> Option<u128> {
        let ty = *self.module.globals.get(usize::try_from(index).ok()?)?;
        Some(self.value(2, u64::from(index), ty))
    }

    fn local(&self, function: Option<&Function>, index: u32) -> Option<u128> {
        Some(self.value(0, u64::from(index), function?.local(index)?))
    }

    fn operand(&self, at: At<'_>, index: u64) -> u128 {
        self.value(1, index, if at.wide_operands { ValueType::I64 } else { ValueType::I32 })
    }

    /// A byte of linear memory.
    fn linear(&self, address: u64) -> u8 {
        self.chance(3, address / 8).to_le_bytes()[usize::try_from(address % 8).unwrap_or(0)]
    }

    fn frame_pointer(&self) -> u64 {
        if self.layout.machine == Machine::X86_64 { 0x7f00_0001_0000 } else { 0xf812_0000 }
    }

    /// A byte of what is at an address.
    fn byte(&self, at: At<'_>, address: u64) -> u8 {
        if self.side == Side::Module {
            return self.linear(address);
        }
        let inside = |value: u128, from: u64| value.to_le_bytes()[usize::try_from(from).unwrap_or(0)];
        let below = self.frame_pointer().wrapping_sub(address);
        let locals = at.function.map_or(0, Function::num_locals);
        if (1..=SLOT * (locals + OPERANDS)).contains(&below) {
            let slot = (below - 1) / SLOT;
            let from = (SLOT - below % SLOT) % SLOT;
            let value = match u32::try_from(slot) {
                Ok(index) if slot < locals => self.local(at.function, index),
                _ => Some(self.operand(at, slot - locals)),
            };
            return inside(value.unwrap_or_default(), from);
        }
        let above = address.wrapping_sub(self.layout.globals_base);
        if above < SLOT * OPERANDS
            && let Ok(index) = u32::try_from(above / SLOT)
            && let Some(value) = self.global(index)
        {
            return inside(value, above % SLOT);
        }
        self.linear(address)
    }

    fn bytes(&self, at: At<'_>, address: u64, size: u64) -> Vec<u8> {
        (0..size).map(|from| self.byte(at, address.wrapping_add(from))).collect()
    }

    /// The function around a code address that counts from the start of the code section.
    pub(crate) fn function_at(&self, address: u64) -> Option<&'s Function> {
        let pc = address.checked_add(u64::from(self.module.code.start))?;
        self.module.function_at(ModulePc(u32::try_from(pc).ok()?))
    }

    /// Where a function's body is, counted so.
    pub(crate) fn body(&self, function: &Function) -> Range<u64> {
        let start = self.module.code.start;
        u64::from(function.body.start - start)..u64::from(function.body.end - start)
    }

    /// A code address of this side's debug info, counted from the start of the code section.
    pub(crate) fn code(&self, address: u64) -> u64 {
        match self.side {
            Side::Module => address,
            Side::Image => address.wrapping_sub(self.layout.code_address(ModulePc(self.module.code.start))),
        }
    }

    /// Whether values have 64 bits: the module's own units have addresses of 32, but a value of 64 is no reason to
    /// cut it.
    fn is_wide(
        &self,
        unit: UnitRef<'_, Reader<'_>>,
        expression: gimli::Expression<Reader<'_>>,
        at: At<'_>,
    ) -> bool {
        let wide = |ty: Option<ValueType>| matches!(ty, Some(ValueType::I64 | ValueType::F64));
        let mut operations = expression.operations(unit.encoding());
        while let Ok(Some(operation)) = operations.next() {
            let is_wide = match operation {
                Operation::WasmLocal { index } => {
                    wide(at.function.and_then(|function| function.local(index)))
                }
                Operation::WasmGlobal { index } => wide(
                    usize::try_from(index).ok().and_then(|index| self.module.globals.get(index)).copied(),
                ),
                Operation::WasmStack { .. } => at.wide_operands,
                // Compilers compute with as many bits as the variable has.
                Operation::StackValue => at.size == 8,
                Operation::Piece { size_in_bits, .. } => size_in_bits == 64,
                Operation::UnsignedConstant { value } => {
                    value > u64::from(u32::MAX) && value < i64::from(i32::MIN).cast_unsigned()
                }
                _ => false,
            };
            if is_wide {
                return true;
            }
        }
        false
    }

    /// Evaluates an expression to the address or value on top of its stack.
    pub(crate) fn number<'a>(
        &self,
        unit: UnitRef<'_, Reader<'a>>,
        expression: gimli::Expression<Reader<'a>>,
        at: At<'_>,
    ) -> Result<u64, String> {
        match self.pieces(unit, expression, at)?.as_slice() {
            [Piece { location: Location::Address { address }, .. }] => Ok(*address),
            [Piece { location: Location::Value { value }, .. }] => {
                value.to_u64(u64::MAX).map_err(|error| error.to_string())
            }
            other => Err(format!("no number: {other:?}")),
        }
    }

    /// Evaluates an expression to the bytes of an object.
    pub(crate) fn object<'a>(
        &self,
        unit: UnitRef<'_, Reader<'a>>,
        expression: gimli::Expression<Reader<'a>>,
        mut at: At<'_>,
    ) -> Result<Bytes, String> {
        if expression.0.is_empty() {
            return Ok(Vec::new());
        }
        // An operand that is an address has 32 bits; one that is the value has its size.
        // In the image, that is in memory as it is.
        let mut operations = expression.operations(unit.encoding());
        let is_in_memory = self.side == Side::Image
            && matches!((operations.next(), operations.next()), (Ok(Some(_)), Ok(None)));
        let is_value = expression.0.slice().contains(&gimli::DW_OP_stack_value.0);
        at.wide_operands = at.size == 8 && (is_value || is_in_memory);
        let size = at.size.min(MAX_SIZE);
        let pieces = self.pieces(unit, expression, at)?;
        let mut bytes = Bytes::new();
        for Piece { size_in_bits, bit_offset, location } in pieces {
            let length = size_in_bits.map_or(size, |bits| bits.div_ceil(8));
            let known = |known: Vec<u8>| known.into_iter().map(Some).collect::<Bytes>();
            let is_address = matches!(location, Location::Address { .. });
            let mut piece = match location {
                Location::Empty => Vec::new(),
                Location::Address { address } => known(self.bytes(at, address, length)),
                Location::Value { value } => {
                    known(bytes_of(value, self.side, size, unit.encoding().address_size))
                }
                Location::Bytes { value } => known(value.slice().to_vec()),
                Location::Register { .. } => return Err("a register".to_owned()),
                Location::ImplicitPointer { byte_offset, .. } => {
                    return Err(format!("implicit pointer to {byte_offset}"));
                }
            };
            if let Some(bits) = bit_offset.filter(|bits| *bits > 0) {
                bytes.extend(format!("from bit {bits}:").bytes().map(Some));
            }
            let length = usize::try_from(length.min(MAX_SIZE)).unwrap_or(0);
            if size_in_bits.is_some() {
                // A piece that is longer than its value is zero to gdb.
                let rest = (piece.iter().any(Option::is_some) && !is_address).then_some(0);
                piece.resize(length, rest);
            } else {
                piece.truncate(length);
            }
            bytes.extend(piece);
        }
        Ok(bytes)
    }

    fn pieces<'a>(
        &self,
        unit: UnitRef<'_, Reader<'a>>,
        expression: gimli::Expression<Reader<'a>>,
        at: At<'_>,
    ) -> Result<Vec<Piece<Reader<'a>>>, String> {
        let mut encoding = unit.encoding();
        if self.side == Side::Module && encoding.address_size == 4 && self.is_wide(unit, expression, at) {
            encoding.address_size = 8;
        }
        // gdb lets a typed value be longer than an address; gimli does not.
        let mut operations = expression.operations(encoding);
        while let Ok(Some(operation)) = operations.next() {
            if matches!(operation, Operation::Deref { base_type, size: 5.., .. } if base_type.0 != 0) {
                encoding.address_size = 8;
            }
        }
        let text = |error: gimli::Error| error.to_string();
        let mut expression = expression;
        // The image has to say what the module means.
        if self.side == Side::Module && expression.0.slice().contains(&gimli::DW_OP_convert.0) {
            expression = with_types(expression, unit.encoding());
        }
        if encoding != unit.encoding() {
            expression = with_long_addresses(expression, unit.encoding());
        }
        let mut evaluation = expression.evaluation(encoding);
        if let Some(object) = at.object {
            evaluation.set_initial_value(object);
            evaluation.set_object_address(object);
        }
        let mut state = evaluation.evaluate().map_err(text)?;
        loop {
            let next = match state {
                EvaluationResult::Complete => break,
                EvaluationResult::RequiresMemory { address, size, base_type, .. } => {
                    // The program's addresses have 4 bytes, however wide values are.
                    let size = if encoding == unit.encoding() { size } else { size.min(4) };
                    let bytes = self.bytes(at, address, u64::from(size));
                    evaluation.resume_with_memory(self.typed(unit, base_type, &bytes)?)
                }
                EvaluationResult::RequiresRegister { .. } if self.side == Side::Image => {
                    evaluation.resume_with_register(Value::Generic(self.frame_pointer()))
                }
                EvaluationResult::RequiresFrameBase => {
                    evaluation.resume_with_frame_base(at.frame_base.ok_or("no frame base")?)
                }
                EvaluationResult::RequiresTls(offset) => {
                    self.data(unit, offset)?;
                    let base = self.module.tls_base.and_then(|index| self.global(index)).unwrap_or_default();
                    evaluation.resume_with_tls(low(base).wrapping_add(offset))
                }
                EvaluationResult::RequiresCallFrameCfa => evaluation.resume_with_call_frame_cfa(CFA),
                EvaluationResult::RequiresRelocatedAddress(address) => {
                    evaluation.resume_with_relocated_address(self.data(unit, address)?)
                }
                EvaluationResult::RequiresIndexedAddress { index, relocate } => {
                    let DebugAddrIndex(_) = index;
                    let address = unit.address(index).map_err(text)?;
                    let address = if relocate { self.data(unit, address)? } else { address };
                    evaluation.resume_with_indexed_address(address)
                }
                EvaluationResult::RequiresBaseType(offset) => {
                    evaluation.resume_with_base_type(base_type(unit, offset)?)
                }
                EvaluationResult::RequiresWasmLocal { index } => {
                    let value = self.local(at.function, index).ok_or("no such local")?;
                    evaluation.resume_with_wasm_value(Value::Generic(low(value)))
                }
                EvaluationResult::RequiresWasmGlobal { index } => {
                    let value = self.global(index).ok_or("no such global")?;
                    evaluation.resume_with_wasm_value(Value::Generic(low(value)))
                }
                EvaluationResult::RequiresWasmStack { index } => {
                    at.function.ok_or("no function")?;
                    evaluation.resume_with_wasm_value(Value::Generic(low(self.operand(at, u64::from(index)))))
                }
                other => {
                    return Err(format!("{other:?}").split([' ', '(']).next().unwrap_or_default().to_owned());
                }
            };
            state = next.map_err(text)?;
        }
        Ok(evaluation.result())
    }

    /// The address of data, which the linker may have removed.
    fn data(&self, unit: UnitRef<'_, Reader<'_>>, address: u64) -> Result<u64, String> {
        let highest = if unit.encoding().address_size == 4 { u64::from(u32::MAX) } else { u64::MAX };

        if self.side == Side::Module && address >= highest - 1 {
            return Err("the linker removed it".to_owned());
        }
        Ok(address)
    }

    fn typed(&self, unit: UnitRef<'_, Reader<'_>>, ty: UnitOffset, bytes: &[u8]) -> Result<Value, String> {
        if ty.0 != 0 {
            let ty = base_type(unit, ty)?;
            return Value::parse(ty, EndianSlice::new(bytes, LittleEndian))
                .map_err(|error| error.to_string());
        }
        let mut all = [0; 8];
        for (to, from) in all.iter_mut().zip(bytes) {
            *to = *from;
        }
        Ok(Value::Generic(u64::from_le_bytes(all)))
    }
}

/// The low bits of a value, which may be a vector.
fn low(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).unwrap_or_default()
}

fn base_type(unit: UnitRef<'_, Reader<'_>>, offset: UnitOffset) -> Result<gimli::ValueType, String> {
    if offset.0 == 0 {
        return Ok(gimli::ValueType::Generic);
    }
    let text = |error: gimli::Error| error.to_string();
    let entry = unit.entry(offset).map_err(text)?;
    gimli::ValueType::from_entry(&entry).map_err(text)?.ok_or_else(|| "no base type".to_owned())
}

/// The bytes of a value that an expression computed. A generic one has those of an address.
fn bytes_of(value: Value, side: Side, size: u64, address_size: u8) -> Vec<u8> {
    match value {
        Value::Generic(bits) => {
            let all = bits.to_le_bytes();
            // A reader with longer addresses shows no more than the value has.
            let length = match side {
                Side::Module => size,
                Side::Image => u64::from(address_size).min(size),
            };
            all.into_iter().take(usize::try_from(length).unwrap_or(8)).collect()
        }
        Value::I8(bits) => bits.to_le_bytes().to_vec(),
        Value::U8(bits) => vec![bits],
        Value::I16(bits) => bits.to_le_bytes().to_vec(),
        Value::U16(bits) => bits.to_le_bytes().to_vec(),
        Value::I32(bits) => bits.to_le_bytes().to_vec(),
        Value::U32(bits) => bits.to_le_bytes().to_vec(),
        Value::I64(bits) => bits.to_le_bytes().to_vec(),
        Value::U64(bits) => bits.to_le_bytes().to_vec(),
        Value::F32(bits) => bits.to_le_bytes().to_vec(),
        Value::F64(bits) => bits.to_le_bytes().to_vec(),
    }
}
