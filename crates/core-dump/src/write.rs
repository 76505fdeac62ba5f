//! A core dump to bytes.

use wasm_encoder::{
    ConstExpr, CoreDumpInstancesSection, CoreDumpModulesSection, CoreDumpSection, CoreDumpStackSection,
    CoreDumpValue, CustomSection, DataSection, GlobalSection, GlobalType, HeapType, MemorySection,
    MemoryType, RefType, ValType,
};

use crate::{CoreDump, Frame, Thread, Value, extras, wide};

/// Memories are looked at in pieces of so many bytes, and those that are all zero are left out.
const SEGMENT: usize = 4096;

/// Bytes of a memory, of which neither the first nor the last is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its first address.
    pub address: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What of a memory of so many bytes is not zero. `fill` reads it, from an address on; what it leaves is zero.
pub fn pieces(size: u64, mut fill: impl FnMut(u64, &mut [u8])) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut run = Piece { address: 0, bytes: Vec::new() };
    let mut piece = vec![0; SEGMENT];
    let mut address = 0;
    while address < size {
        piece.fill(0);
        fill(address, &mut piece);
        if piece.iter().any(|byte| *byte != 0) {
            if run.bytes.is_empty() {
                run.address = address;
            }
            run.bytes.extend_from_slice(&piece);
        } else if !run.bytes.is_empty() {
            found.push(trimmed(&run));
            run.bytes.clear();
        }
        address = address.saturating_add(wide(SEGMENT));
    }
    if !run.bytes.is_empty() {
        found.push(trimmed(&run));
    }
    found
}

fn trimmed(run: &Piece) -> Piece {
    let is_set = |byte: &u8| *byte != 0;
    let start = run.bytes.iter().position(is_set).unwrap_or(0);
    let end = run.bytes.iter().rposition(is_set).map_or(0, |last| last + 1);
    let bytes = run.bytes.get(start..end).unwrap_or_default().to_vec();
    Piece { address: run.address.saturating_add(wide(start)), bytes }
}

/// Writes a core dump with the contents of its memories. What `dump` itself says of those is not looked at.
#[must_use]
pub fn write(dump: &CoreDump, contents: &[Vec<Piece>]) -> Vec<u8> {
    let mut module = wasm_encoder::Module::new();
    module.section(&CoreDumpSection::new(dump.name.as_str()));
    let mut memories = MemorySection::new();
    let mut data = DataSection::new();
    let mut contents = contents.iter();
    for (index, memory) in (0..).zip(&dump.memories) {
        memories.memory(MemoryType {
            minimum: memory.pages,
            maximum: memory.maximum,
            memory64: memory.is_wide,
            shared: memory.is_shared,
            page_size_log2: None,
        });
        for Piece { address, bytes } in contents.next().into_iter().flatten() {
            // A 32-bit address as the signed number that the binary format writes.
            let offset = match u32::try_from(*address) {
                Ok(address) if !memory.is_wide => ConstExpr::i32_const(address.cast_signed()),
                _ => ConstExpr::i64_const(address.cast_signed()),
            };
            data.active(index, &offset, bytes.iter().copied());
        }
    }
    module.section(&memories);
    let mut globals = GlobalSection::new();
    for global in &dump.globals {
        let (val_type, value) = constant(global.value);
        globals.global(GlobalType { val_type, mutable: global.is_mutable, shared: false }, &value);
    }
    module.section(&globals);
    module.section(&data);
    let mut modules = CoreDumpModulesSection::new();
    for module in &dump.modules {
        modules.module(&module.name);
    }
    module.section(&modules);
    let mut instances = CoreDumpInstancesSection::new();
    for instance in &dump.instances {
        let (memories, globals) = (instance.memories.iter().copied(), instance.globals.iter().copied());
        instances.instance(instance.module, memories, globals);
    }
    module.section(&instances);
    for thread in &dump.threads {
        module.section(&stack(thread));
    }
    let mut own = Vec::new();
    extras::write(dump, &mut own);
    module.section(&CustomSection { name: extras::SECTION.into(), data: own.into() });
    module.finish()
}

fn constant(value: Value) -> (ValType, ConstExpr) {
    match value {
        Value::I32(value) => (ValType::I32, ConstExpr::i32_const(value)),
        Value::I64(value) => (ValType::I64, ConstExpr::i64_const(value)),
        Value::F32(bits) => (ValType::F32, ConstExpr::f32_const(f32::from_bits(bits).into())),
        Value::F64(bits) => (ValType::F64, ConstExpr::f64_const(f64::from_bits(bits).into())),
        Value::V128(bits) => (ValType::V128, ConstExpr::v128_const(bits.cast_signed())),
        // Of references, others know only that there is one.
        Value::Function { .. } | Value::Missing | Value::Null => {
            (ValType::Ref(RefType::FUNCREF), ConstExpr::ref_null(HeapType::FUNC))
        }
    }
}

fn stack(thread: &Thread) -> CoreDumpStackSection {
    let mut stack = CoreDumpStackSection::new(thread.name.as_str());
    for frame in &thread.frames {
        let Frame::Wasm(frame) = frame else { continue };
        let values = |values: &[Value]| values.iter().copied().map(value).collect::<Vec<_>>();
        let (locals, operands) = (values(&frame.locals), values(&frame.operands));
        stack.frame(frame.instance, frame.function, frame.offset, locals, operands);
    }
    stack
}

fn value(value: Value) -> CoreDumpValue {
    match value {
        Value::I32(value) => CoreDumpValue::I32(value),
        Value::I64(value) => CoreDumpValue::I64(value),
        Value::F32(bits) => CoreDumpValue::F32(f32::from_bits(bits).into()),
        Value::F64(bits) => CoreDumpValue::F64(f64::from_bits(bits).into()),
        Value::V128(_) | Value::Function { .. } | Value::Missing | Value::Null => CoreDumpValue::Missing,
    }
}
