//! A core dump from bytes, which may come from anywhere.

use bytes::Bytes;
use thiserror::Error;
use wasmparser::{
    BinaryReader, BinaryReaderError, ConstExpr, CoreDumpInstancesSection, CoreDumpModulesSection,
    CoreDumpSection, CoreDumpStackFrame, CoreDumpStackSection, CoreDumpValue, DataKind, Operator, Parser,
    Payload,
};

use crate::{
    CoreDump, Frame, Global, Instance, Memory, Module, Segment, Thread, Value, WasmFrame, extras, wide,
};

/// Why bytes are no core dump.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// They are not in the binary format at all.
    #[error("it is no core dump: it does not start with `\\0asm`")]
    NotWasm,
    /// They are a module, or a component, but no core dump.
    #[error("it is no core dump: it has no section `core` and no `corestack`")]
    NotACoreDump,
    /// A part of it is damaged.
    #[error("it is damaged at {offset:#x}: {section}: {reason}")]
    Damaged {
        /// The part.
        section: String,
        /// Offset in the file.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// It refers to something that it has not.
    #[error("it is damaged: {what} {number} is missing")]
    Missing {
        /// What.
        what: &'static str,
        /// Its index.
        number: u32,
    },
    /// Contents of a memory are beyond its end.
    #[error("it is damaged: memory {memory} has nothing at {address:#x}")]
    Outside {
        /// Index of the memory.
        memory: u32,
        /// The address.
        address: u64,
    },
}

/// What is wrong in a part of the file.
pub(crate) struct Damage {
    offset: u64,
    reason: String,
}

impl Damage {
    pub(crate) fn new(reason: &str, offset: u64) -> Self {
        Self { offset, reason: reason.to_owned() }
    }
}

impl From<BinaryReaderError> for Damage {
    fn from(error: BinaryReaderError) -> Self {
        Self::new(error.message(), error.offset())
    }
}

/// Pages that a memory with 64-bit addresses can have, and more than any machine.
const MOST_PAGES: u64 = 1 << 48;

/// Reads a core dump.
///
/// # Errors
/// When it is none, or damaged.
pub fn read(file: &Bytes) -> Result<CoreDump, Error> {
    if !file.starts_with(b"\0asm") {
        return Err(Error::NotWasm);
    }
    let mut dump = CoreDump { file: file.clone(), ..CoreDump::default() };
    let mut found = Found::default();
    for payload in Parser::new(0).parse_all(file) {
        let payload = payload.map_err(|error| damaged("the file", error.into()))?;
        let section = name_of(&payload);
        add(&mut dump, payload, &mut found).map_err(|damage| damaged(&section, damage))?;
    }
    if !found.is_core_dump {
        return Err(Error::NotACoreDump);
    }
    fill_in(&mut dump);
    for (memory, segment) in found.segments {
        let place = dump.memories.get_mut(index(memory));
        let described = place.ok_or(Error::Missing { what: "memory", number: memory })?;
        let end = segment.address.checked_add(wide(segment.bytes.len()));
        let size = described.pages.saturating_mul(1 << 16);
        if end.is_none_or(|end| end > size) {
            return Err(Error::Outside { memory, address: segment.address });
        }
        described.segments.push(segment);
    }
    if let Some(range) = found.extras {
        let bytes = file.get(range.clone()).unwrap_or_default();
        let mut reader = BinaryReader::new(bytes, wide(range.start));
        extras::read(&mut reader, &mut dump).map_err(|damage| damaged(extras::SECTION, damage))?;
    }
    check(&dump)?;
    Ok(dump)
}

/// What is looked at when everything else is there.
#[derive(Default)]
struct Found {
    is_core_dump: bool,
    /// With the index of the memory.
    segments: Vec<(u32, Segment)>,
    extras: Option<std::ops::Range<usize>>,
}

fn damaged(section: &str, damage: Damage) -> Error {
    let Damage { offset, reason } = damage;
    Error::Damaged { section: section.to_owned(), offset, reason }
}

fn name_of(payload: &Payload<'_>) -> String {
    match payload {
        Payload::MemorySection(_) => "memories".to_owned(),
        Payload::GlobalSection(_) => "globals".to_owned(),
        Payload::DataSection(_) => "contents of memories".to_owned(),
        Payload::CustomSection(section) => section.name().to_owned(),
        _ => "the file".to_owned(),
    }
}

fn add(dump: &mut CoreDump, payload: Payload<'_>, found: &mut Found) -> Result<(), Damage> {
    match payload {
        Payload::MemorySection(memories) => {
            for memory in memories {
                let memory = memory?;
                dump.memories.push(Memory {
                    pages: memory.initial.min(MOST_PAGES),
                    is_wide: memory.memory64,
                    is_shared: memory.shared,
                    maximum: memory.maximum,
                    segments: Vec::new(),
                });
            }
        }
        Payload::GlobalSection(globals) => {
            for global in globals {
                let global = global?;
                let value = constant(&global.init_expr)?;
                dump.globals.push(Global { value, is_mutable: global.ty.mutable });
            }
        }
        Payload::DataSection(segments) => {
            for segment in segments {
                let segment = segment?;
                let DataKind::Active { memory_index, offset_expr } = segment.kind else { continue };
                let end = index(segment.range.end);
                let start = end.saturating_sub(segment.data.len());
                let address = match constant(&offset_expr)? {
                    Value::I32(address) => u64::from(address.cast_unsigned()),
                    Value::I64(address) => address.cast_unsigned(),
                    _ => return Err(Damage::new("no constant address", wide(start))),
                };
                let bytes = start..end;
                found.segments.push((memory_index, Segment { address, bytes }));
            }
        }
        Payload::CustomSection(section) => {
            let reader = BinaryReader::new(section.data(), section.data_offset());
            match section.name() {
                "core" => {
                    found.is_core_dump = true;
                    dump.name = CoreDumpSection::new(reader)?.name.to_owned();
                }
                "coremodules" => {
                    let names = CoreDumpModulesSection::new(reader)?.modules.into_iter();
                    dump.modules.extend(names.map(|name| Module { name: name.to_owned(), content: None }));
                }
                "coreinstances" => {
                    let instances = CoreDumpInstancesSection::new(reader)?.instances.into_iter();
                    dump.instances.extend(instances.map(|instance| Instance {
                        module: instance.module_index,
                        memories: instance.memories,
                        globals: instance.globals,
                        tables: None,
                    }));
                }
                "corestack" => {
                    found.is_core_dump = true;
                    let stack = CoreDumpStackSection::new(reader)?;
                    let frames = stack.frames.iter().map(|frame| Frame::Wasm(wasm_frame(frame))).collect();
                    dump.threads.push(Thread {
                        name: stack.name.to_owned(),
                        id: None,
                        instances: 0..0,
                        frames,
                    });
                }
                extras::SECTION => {
                    found.extras = Some(index(section.data_offset())..index(section.range().end))
                }
                _ => {}
            }
        }
        _ => {}
    }
    Ok(())
}

fn wasm_frame(frame: &CoreDumpStackFrame) -> WasmFrame {
    let values = |values: &[CoreDumpValue]| values.iter().map(value).collect::<Vec<_>>();
    WasmFrame {
        instance: frame.instanceidx,
        function: frame.funcidx,
        offset: frame.codeoffset,
        next: None,
        activation: 0,
        locals: values(&frame.locals),
        operands: values(&frame.stack),
        operand_types: Vec::new(),
    }
}

fn value(value: &CoreDumpValue) -> Value {
    match value {
        CoreDumpValue::Missing => Value::Missing,
        CoreDumpValue::I32(value) => Value::I32(*value),
        CoreDumpValue::I64(value) => Value::I64(*value),
        CoreDumpValue::F32(value) => Value::F32(value.bits()),
        CoreDumpValue::F64(value) => Value::F64(value.bits()),
    }
}

/// The value of an expression that is one constant; what else it may be is not known.
fn constant(expression: &ConstExpr<'_>) -> Result<Value, Damage> {
    let mut operators = expression.get_operators_reader();
    let value = match operators.read()? {
        Operator::I32Const { value } => Value::I32(value),
        Operator::I64Const { value } => Value::I64(value),
        Operator::F32Const { value } => Value::F32(value.bits()),
        Operator::F64Const { value } => Value::F64(value.bits()),
        Operator::V128Const { value } => Value::V128(u128::from_le_bytes(*value.bytes())),
        // Whatever it was: references are written as null.
        _ => return Ok(Value::Missing),
    };
    let is_all = matches!(operators.read()?, Operator::End);
    Ok(if is_all { value } else { Value::Missing })
}

/// Old dumps have no modules and instances: there was one of each.
fn fill_in(dump: &mut CoreDump) {
    if dump.modules.is_empty() {
        dump.modules.push(Module { name: dump.name.clone(), content: None });
    }
    if dump.instances.is_empty() {
        let all = |count: usize| (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
        let (memories, globals) = (all(dump.memories.len()), all(dump.globals.len()));
        dump.instances.push(Instance { module: 0, memories, globals, tables: None });
    }
    let all = 0..u32::try_from(dump.instances.len()).unwrap_or(u32::MAX);
    dump.threads.iter_mut().for_each(|thread| thread.instances = all.clone());
}

/// Everything that is named is there.
fn check(dump: &CoreDump) -> Result<(), Error> {
    let has = |what: &'static str, number: u32, count: usize| {
        if index(number) < count { Ok(()) } else { Err(Error::Missing { what, number }) }
    };
    for instance in &dump.instances {
        has("module", instance.module, dump.modules.len())?;
        instance.memories.iter().try_for_each(|memory| has("memory", *memory, dump.memories.len()))?;
        instance.globals.iter().try_for_each(|global| has("global", *global, dump.globals.len()))?;
    }
    for thread in &dump.threads {
        has("instance", thread.instances.end.saturating_sub(1), dump.instances.len())?;
        for frame in &thread.frames {
            match frame {
                Frame::Wasm(frame) if thread.instances.contains(&frame.instance) => {}
                Frame::Wasm(WasmFrame { instance: number, .. }) => {
                    return Err(Error::Missing { what: "instance", number: *number });
                }
                Frame::Host { module, .. } => has("module", *module, dump.modules.len())?,
            }
        }
    }
    if !dump.threads.is_empty() {
        has("thread", u32::try_from(dump.crashed).unwrap_or(u32::MAX), dump.threads.len())?;
    }
    Ok(())
}

fn index(number: impl Into<u64>) -> usize {
    usize::try_from(number.into()).unwrap_or(usize::MAX)
}
