//! A stopped guest as a core dump.

use crate::ThreadId;
use crate::error::Error;
use crate::event::Stop;
use crate::frame::{Frame, WasmFrame};
use crate::inspect::{LoadedModule, Paused};
use crate::session::Session;
use core_dump::{Content, CoreDump, Element, Global, Instance, Memory, Module, Piece, Reason, ReasonKind};
use core_dump::{Thread, WasmFrame as DumpedFrame};
use runtime::{HeapType, IndexType, Value, ValueType};
use std::collections::BTreeMap;

/// What one thread's store has. Indices of instances count from those of all threads before.
struct Part {
    stop: Stop,
    modules: Vec<Module>,
    instances: Vec<Instance>,
    /// By their numbers in the store, which the instances have until they are joined.
    memories: BTreeMap<u32, (Memory, Vec<Piece>)>,
    globals: BTreeMap<u32, Global>,
    frames: Vec<core_dump::Frame>,
}

impl Session {
    /// Writes a core dump of the stopped guest: all threads that could be stopped, and what they have.
    ///
    /// References to objects, and to things of the host, are not kept.
    ///
    /// # Errors
    /// When the guest is running or gone.
    pub fn core_dump(&self) -> Result<Vec<u8>, Error> {
        let crashed = self.current_thread();
        let mut dump = CoreDump { is_ours: true, ..CoreDump::default() };
        let mut contents = Vec::new();
        for thread in self.threads().into_iter().filter(|thread| thread.is_stopped) {
            let base = narrow(dump.instances.len());
            let is_first = dump.threads.is_empty();
            let part = self.inspect_thread(thread.id, move |paused| part(paused, base, is_first))?;
            if thread.id == crashed {
                dump.crashed = dump.threads.len();
                dump.reason = Some(reason(&part.stop));
            }
            add(&mut dump, &mut contents, part, thread.id);
        }
        dump.name = dump.modules.first().map(|module| module.name.clone()).unwrap_or_default();
        Ok(core_dump::write(&dump, &contents))
    }
}

/// Adds a thread. A shared memory is the one that the first thread's instance has at the same place.
fn add(dump: &mut CoreDump, contents: &mut Vec<Vec<Piece>>, part: Part, id: ThreadId) {
    let is_first = dump.threads.is_empty();
    let start = narrow(dump.instances.len());
    if is_first {
        dump.modules = part.modules;
    }
    let mut globals = BTreeMap::new();
    for (number, global) in part.globals {
        globals.insert(number, narrow(dump.globals.len()));
        dump.globals.push(global);
    }
    let mut memories = BTreeMap::new();
    let mut described = part.memories;
    for (place, mut instance) in part.instances.into_iter().enumerate() {
        for (index, memory) in instance.memories.iter_mut().enumerate() {
            let number = *memory;
            if let Some((new, pieces)) = described.remove(&number) {
                let shared = dump.instances.get(place).and_then(|first| first.memories.get(index)).copied();
                let place = match shared.filter(|_| new.is_shared && !is_first) {
                    Some(shared) => shared,
                    None => {
                        dump.memories.push(new);
                        contents.push(pieces);
                        narrow(dump.memories.len() - 1)
                    }
                };
                memories.insert(number, place);
            }
            *memory = memories.get(&number).copied().unwrap_or_default();
        }
        for global in &mut instance.globals {
            *global = globals.get(global).copied().unwrap_or_default();
        }
        dump.instances.push(instance);
    }
    let name = if id == ThreadId::MAIN { "main".to_owned() } else { format!("thread {id}") };
    let instances = start..narrow(dump.instances.len());
    dump.threads.push(Thread { name, id: Some(id.0), instances, frames: part.frames });
}

fn part(paused: &mut Paused<'_>, base: u32, is_first: bool) -> Part {
    let loaded = paused.modules();
    let mut part = Part {
        stop: paused.stop().clone(),
        modules: loaded.iter().map(module).collect(),
        instances: Vec::new(),
        memories: BTreeMap::new(),
        globals: BTreeMap::new(),
        frames: Vec::new(),
    };
    let store = paused.store();
    for instance in store.instances() {
        let Some(number) = store.module_of(instance) else { continue };
        let mut found = Instance { module: narrow(number), ..Instance::default() };
        for index in 0.. {
            let Some(memory) = store.memory_number(instance, index) else { break };
            found.memories.push(memory);
            part.memories.entry(memory).or_insert_with(|| memory_of(paused, instance, index, is_first));
        }
        let types = store.module(number).map(|module| module.globals()).unwrap_or_default();
        for (index, ty) in (0..).zip(types) {
            let Some(global) = store.global_number(instance, index) else { break };
            found.globals.push(global);
            let value = store
                .global(instance, index)
                .map_or(core_dump::Value::Missing, |value| kept(paused, value, base));
            part.globals.insert(global, Global { value, is_mutable: ty.mutable });
        }
        let tables = (0..).map_while(|table| Some((table, store.table_size(instance, table)?)));
        let element = |table, index| match store.table_element(instance, table, index) {
            Some(Value::FuncRef(Some(handle))) => match store.function_of(handle) {
                Some((owner, function)) => {
                    Element::Function { instance: owner.number().saturating_add(base), function }
                }
                None => Element::Unknown,
            },
            Some(value) if value == Value::null(HeapType::Func) => Element::Null,
            _ => Element::Unknown,
        };
        let elements = |(table, size)| (0..size).map(|index| element(table, index)).collect();
        found.tables = Some(tables.map(elements).collect());
        part.instances.push(found);
    }
    part.frames = (0..)
        .zip(paused.frames())
        .map(|(index, frame)| frame_of(paused, &loaded, index, frame, base))
        .collect();
    part
}

fn module(loaded: &LoadedModule) -> Module {
    Module { name: loaded.name.clone(), content: Some(Content::of(loaded.module.bytes())) }
}

/// A memory. The contents of one that threads share are those that the first thread saw.
fn memory_of(
    paused: &Paused<'_>,
    instance: runtime::Instance,
    index: u32,
    is_first: bool,
) -> (Memory, Vec<Piece>) {
    let store = paused.store();
    let Some(ty) = store.memory_type(instance, index) else { return Default::default() };
    let size = store.memory_size(instance, index).unwrap_or_default();
    let memory = Memory {
        pages: ty.minimum,
        is_wide: ty.index == IndexType::I64,
        is_shared: ty.shared,
        maximum: ty.maximum,
        segments: Vec::new(),
    };
    let wanted = if ty.shared && !is_first { 0 } else { size };
    let read = |address, piece: &mut [u8]| {
        // What cannot be read is beyond the end.
        let _count = store.read_memory(instance, index, address, piece);
    };
    (memory, core_dump::pieces(wanted, read))
}

fn frame_of(
    paused: &Paused<'_>,
    modules: &[LoadedModule],
    index: usize,
    frame: &Frame,
    base: u32,
) -> core_dump::Frame {
    let frame = match frame {
        Frame::Wasm(frame) => frame,
        Frame::Host(host) => {
            let (name, module, function) = (host.name.clone(), host.module.0, host.function);
            return core_dump::Frame::Host { name, module, function };
        }
    };
    let WasmFrame { instance, function, pc, call, locals, operands, activation, .. } = frame;
    let module = modules.iter().find(|loaded| loaded.id == frame.module);
    let body = module.and_then(|loaded| loaded.module.body_range(*function));
    let start = body.map_or(0, |body| body.start.0);
    let value = |value: Result<Value, Error>| {
        value.map_or(core_dump::Value::Missing, |value| kept(paused, value, base))
    };
    core_dump::Frame::Wasm(DumpedFrame {
        instance: instance.number().saturating_add(base),
        function: *function,
        offset: call.unwrap_or(*pc).0.saturating_sub(start),
        next: call.map(|_| pc.0.saturating_sub(start)),
        activation: *activation,
        locals: (0..narrow(locals.len())).map(|local| value(paused.local(index, local))).collect(),
        operands: (0..narrow(operands.len())).map(|operand| value(paused.operand(index, operand))).collect(),
        operand_types: operands.iter().map(|ty| type_byte(*ty)).collect(),
    })
}

/// What can be kept of a value.
fn kept(paused: &Paused<'_>, value: Value, base: u32) -> core_dump::Value {
    match value {
        Value::I32(value) => core_dump::Value::I32(value),
        Value::I64(value) => core_dump::Value::I64(value),
        Value::F32(bits) => core_dump::Value::F32(bits),
        Value::F64(bits) => core_dump::Value::F64(bits),
        Value::V128(bits) => core_dump::Value::V128(bits),
        Value::FuncRef(Some(handle)) => match paused.function_of(handle) {
            Some((instance, function)) => {
                core_dump::Value::Function { instance: instance.number().saturating_add(base), function }
            }
            None => core_dump::Value::Missing,
        },
        Value::FuncRef(None) | Value::ExternRef(None) | Value::AnyRef(None) | Value::ExnRef(None) => {
            core_dump::Value::Null
        }
        Value::ExternRef(Some(_)) | Value::AnyRef(Some(_)) | Value::ExnRef(Some(_)) => {
            core_dump::Value::Missing
        }
    }
}

/// As the binary format has it. Of a defined type, its hierarchy is kept.
fn type_byte(ty: ValueType) -> u8 {
    match ty {
        ValueType::I32 => 0x7f,
        ValueType::I64 => 0x7e,
        ValueType::F32 => 0x7d,
        ValueType::F64 => 0x7c,
        ValueType::V128 => 0x7b,
        ValueType::Ref(ty) => match ty.heap.top() {
            HeapType::Func => 0x70,
            HeapType::Extern => 0x6f,
            HeapType::Exn => 0x69,
            _ => 0x6e,
        },
    }
}

fn reason(stop: &Stop) -> Reason {
    let (kind, code, message) = match stop {
        Stop::Trap { code, message } => (ReasonKind::Trap, code.to_string(), message.clone()),
        Stop::Exception { caught: false, message, .. } => {
            (ReasonKind::Exception, String::new(), message.clone())
        }
        Stop::HostError { message } => (ReasonKind::Host, String::new(), message.clone()),
        Stop::Recorded { message } => (ReasonKind::Stop, String::new(), message.clone()),
        Stop::Start => (ReasonKind::Stop, String::new(), "it was before its first operator".to_owned()),
        Stop::Breakpoint { pc, .. } => {
            (ReasonKind::Stop, String::new(), format!("it was at a breakpoint at {pc}"))
        }
        Stop::Step => (ReasonKind::Stop, String::new(), "it had taken a step".to_owned()),
        Stop::Watchpoint { .. } => (ReasonKind::Stop, String::new(), "it was at a watchpoint".to_owned()),
        Stop::Interrupt { .. } => (ReasonKind::Stop, String::new(), "it was interrupted".to_owned()),
        _ => (ReasonKind::Stop, String::new(), "it had stopped".to_owned()),
    };
    Reason { kind, code, message }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
