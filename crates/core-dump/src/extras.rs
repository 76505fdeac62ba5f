//! The section of our own, written and read. Its form is drawn at the head of `lib.rs`.

use wasm_encoder::Encode as _;
use wasmparser::BinaryReader;

use crate::read::Damage;
use crate::{Content, CoreDump, Element, Frame, Reason, ReasonKind, Value};

/// What the section is called.
pub(crate) const SECTION: &str = "wasm-gdbserver";

/// Another one is not read.
const VERSION: u8 = 1;

type Read<T> = Result<T, Damage>;

/// Appends the section's contents.
pub(crate) fn write(dump: &CoreDump, sink: &mut Vec<u8>) {
    sink.push(VERSION);
    let none = Reason { kind: ReasonKind::Stop, code: String::new(), message: String::new() };
    let reason = dump.reason.as_ref();
    sink.push(reason.map_or(0, |reason| kind_byte(reason.kind)));
    let reason = reason.unwrap_or(&none);
    reason.code.encode(sink);
    reason.message.encode(sink);
    number(sink, dump.crashed);
    number(sink, dump.modules.len());
    for module in &dump.modules {
        let content = module.content.unwrap_or(Content { size: 0, hash: 0 });
        content.size.encode(sink);
        sink.extend(content.hash.to_le_bytes());
    }
    let is_extra = |value: Value| matches!(value, Value::Function { .. } | Value::Null);
    let globals: Vec<_> = (0_u32..).zip(&dump.globals).filter(|(_, global)| is_extra(global.value)).collect();
    number(sink, globals.len());
    for (index, global) in globals {
        index.encode(sink);
        write_value(sink, global.value);
    }
    number(sink, dump.instances.len());
    for instance in &dump.instances {
        let tables = instance.tables.as_deref().unwrap_or_default();
        number(sink, tables.len());
        for table in tables {
            number(sink, table.len());
            table.iter().for_each(|element| write_element(sink, *element));
        }
    }
    number(sink, dump.threads.len());
    for thread in &dump.threads {
        thread.id.unwrap_or(0).encode(sink);
        thread.instances.start.encode(sink);
        thread.instances.end.saturating_sub(thread.instances.start).encode(sink);
        number(sink, thread.frames.len());
        thread.frames.iter().for_each(|frame| write_frame(sink, frame));
    }
}

fn write_frame(sink: &mut Vec<u8>, frame: &Frame) {
    match frame {
        Frame::Wasm(frame) => {
            sink.push(0);
            frame.activation.encode(sink);
            frame.next.map_or(0, |next| next.saturating_add(1)).encode(sink);
            number(sink, frame.operand_types.len());
            sink.extend(&frame.operand_types);
            let slots = (0_u32..).zip(frame.locals.iter().chain(&frame.operands));
            let is_extra =
                |value: &Value| matches!(value, Value::V128(_) | Value::Function { .. } | Value::Null);
            let slots: Vec<_> = slots.filter(|(_, value)| is_extra(value)).collect();
            number(sink, slots.len());
            for (slot, value) in slots {
                slot.encode(sink);
                write_value(sink, *value);
            }
        }
        Frame::Host { name, module, function } => {
            sink.push(1);
            name.encode(sink);
            module.encode(sink);
            function.map_or(0, |function| function.saturating_add(1)).encode(sink);
        }
    }
}

fn write_value(sink: &mut Vec<u8>, value: Value) {
    match value {
        Value::V128(bits) => {
            sink.push(0x7b);
            sink.extend(bits.to_le_bytes());
        }
        Value::Function { instance, function } => {
            sink.push(0x70);
            instance.encode(sink);
            function.encode(sink);
        }
        _ => sink.push(0xd0),
    }
}

fn write_element(sink: &mut Vec<u8>, element: Element) {
    match element {
        Element::Null => sink.push(0),
        Element::Function { instance, function } => {
            sink.push(1);
            instance.encode(sink);
            function.encode(sink);
        }
        Element::Unknown => sink.push(2),
    }
}

/// More than four thousand million of anything do not fit into a file.
fn number(sink: &mut Vec<u8>, number: usize) {
    u32::try_from(number).unwrap_or(u32::MAX).encode(sink);
}

fn kind_byte(kind: ReasonKind) -> u8 {
    match kind {
        ReasonKind::Trap => 1,
        ReasonKind::Exception => 2,
        ReasonKind::Host => 3,
        ReasonKind::Stop => 4,
    }
}

/// Adds to a dump what the section says. The dump has all other sections already.
///
/// # Errors
/// When the section is damaged, or does not belong to the others.
pub(crate) fn read(reader: &mut BinaryReader<'_>, dump: &mut CoreDump) -> Read<()> {
    let start = reader.original_position();
    let wrong = |what: &str| Err(Damage::new(what, start));
    if reader.read_u8()? != VERSION {
        return wrong("it was written by another version of wasm-gdbserver");
    }
    dump.reason = read_reason(reader)?;
    dump.crashed = index(reader.read_var_u32()?);
    if index(reader.read_var_u32()?) != dump.modules.len() {
        return wrong("it has another number of modules");
    }
    for module in &mut dump.modules {
        let size = reader.read_var_u64()?;
        module.content = Some(Content { size, hash: u64::from_le_bytes(bytes(reader)?) });
    }
    for _ in 0..reader.read_var_u32()? {
        let global = index(reader.read_var_u32()?);
        let value = read_value(reader)?;
        match dump.globals.get_mut(global) {
            Some(global) => global.value = value,
            None => return wrong("it has more globals"),
        }
    }
    if index(reader.read_var_u32()?) != dump.instances.len() {
        return wrong("it has another number of instances");
    }
    for instance in &mut dump.instances {
        let mut tables = Vec::new();
        for _ in 0..reader.read_var_u32()? {
            let mut table = Vec::new();
            for _ in 0..reader.read_var_u32()? {
                table.push(read_element(reader)?);
            }
            tables.push(table);
        }
        instance.tables = Some(tables);
    }
    if index(reader.read_var_u32()?) != dump.threads.len() {
        return wrong("it has another number of threads");
    }
    for thread in &mut dump.threads {
        thread.id = Some(reader.read_var_u32()?);
        let (first, count) = (reader.read_var_u32()?, reader.read_var_u32()?);
        thread.instances = first..first.saturating_add(count);
        let mut wasm = std::mem::take(&mut thread.frames).into_iter();
        for _ in 0..reader.read_var_u32()? {
            thread.frames.push(read_frame(reader, &mut wasm)?);
        }
        if wasm.next().is_some() {
            return wrong("it has fewer frames");
        }
    }
    if !reader.eof() {
        return wrong("something follows what it should have");
    }
    dump.is_ours = true;
    Ok(())
}

fn read_reason(reader: &mut BinaryReader<'_>) -> Read<Option<Reason>> {
    let start = reader.original_position();
    let kind = match reader.read_u8()? {
        0 => None,
        1 => Some(ReasonKind::Trap),
        2 => Some(ReasonKind::Exception),
        3 => Some(ReasonKind::Host),
        4 => Some(ReasonKind::Stop),
        _ => return Err(Damage::new("it has a reason of an unknown kind", start)),
    };
    let code = reader.read_unlimited_string()?.to_owned();
    let message = reader.read_unlimited_string()?.to_owned();
    Ok(kind.map(|kind| Reason { kind, code, message }))
}

/// A frame; the Wasm frames are those of the `corestack`, which have to have come in between.
fn read_frame(reader: &mut BinaryReader<'_>, wasm: &mut impl Iterator<Item = Frame>) -> Read<Frame> {
    let start = reader.original_position();
    let plus_one = |number: u32| number.checked_sub(1);
    match reader.read_u8()? {
        0 => {
            let Some(Frame::Wasm(mut frame)) = wasm.next() else {
                return Err(Damage::new("it has more frames", start));
            };
            frame.activation = reader.read_var_u32()?;
            frame.next = plus_one(reader.read_var_u32()?);
            let types = index(reader.read_var_u32()?);
            if types != frame.operands.len() {
                return Err(Damage::new("it has another number of operands", start));
            }
            frame.operand_types = reader.read_bytes(types)?.to_vec();
            for _ in 0..reader.read_var_u32()? {
                let slot = index(reader.read_var_u32()?);
                let value = read_value(reader)?;
                let place = match slot.checked_sub(frame.locals.len()) {
                    None => frame.locals.get_mut(slot),
                    Some(operand) => frame.operands.get_mut(operand),
                };
                match place {
                    Some(place) => *place = value,
                    None => return Err(Damage::new("it has more values", start)),
                }
            }
            Ok(Frame::Wasm(frame))
        }
        1 => Ok(Frame::Host {
            name: reader.read_unlimited_string()?.to_owned(),
            module: reader.read_var_u32()?,
            function: plus_one(reader.read_var_u32()?),
        }),
        _ => Err(Damage::new("it has a frame of an unknown kind", start)),
    }
}

fn read_value(reader: &mut BinaryReader<'_>) -> Read<Value> {
    let start = reader.original_position();
    match reader.read_u8()? {
        0x7b => Ok(Value::V128(u128::from_le_bytes(bytes(reader)?))),
        0x70 => Ok(Value::Function { instance: reader.read_var_u32()?, function: reader.read_var_u32()? }),
        0xd0 => Ok(Value::Null),
        _ => Err(Damage::new("it has a value of an unknown kind", start)),
    }
}

fn read_element(reader: &mut BinaryReader<'_>) -> Read<Element> {
    let start = reader.original_position();
    match reader.read_u8()? {
        0 => Ok(Element::Null),
        1 => Ok(Element::Function { instance: reader.read_var_u32()?, function: reader.read_var_u32()? }),
        2 => Ok(Element::Unknown),
        _ => Err(Damage::new("it has an element of an unknown kind", start)),
    }
}

fn bytes<const N: usize>(reader: &mut BinaryReader<'_>) -> Read<[u8; N]> {
    let mut bytes = [0; N];
    bytes.copy_from_slice(reader.read_bytes(N)?);
    Ok(bytes)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
