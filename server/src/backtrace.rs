//! Finds out what is to be reported of a guest that cannot go on: its frames, with variables as far as the debug info goes.
//!
//! It runs on the guest's thread. What is done with it is `report`'s.

use bytes::Bytes;
use debugger::{Frame, ModuleId, Paused, Stop, ThreadId, Value, WasmFrame};
use dwarf::PathMap;
use runtime::Module;

use crate::debug_info::{self, DebugInfo, SourceFunction};
use crate::report::{Entry, Kind, Omitted, Report, WasmLocal};
use crate::variables::{self, State, Variables};

/// Longer backtraces are cut in the middle, after this many frames,
const INNER: usize = 40;

/// and before this many.
const OUTER: usize = 10;

/// What is to be reported of a thread that stopped. `debug_files` are those of the first module; `paths` says where sources are.
#[must_use]
pub(crate) fn report(
    paused: &Paused<'_>,
    thread: ThreadId,
    debug_files: &[Bytes],
    paths: &PathMap,
) -> Report {
    let modules = paused.modules();
    let images: Vec<Option<Vec<u8>>> = modules
        .iter()
        .map(|module| {
            let debug_files = if module.id.0 == 0 { debug_files } else { &[] };
            debug_info::image(module.module.bytes(), debug_files, paths)
        })
        .collect();
    let modules: Vec<Symbols<'_>> = modules
        .iter()
        .zip(&images)
        .map(|(module, image)| Symbols {
            module: &module.module,
            debug_info: image.as_deref().and_then(DebugInfo::read),
        })
        .collect();
    let (kind, reason) = reason(paused.stop());
    let mut collector =
        Collector { paused, modules: &modules, number: 0, entries: Vec::new(), omitted: None };
    let count = paused.frames().len();
    for index in 0..count {
        if count > INNER + OUTER && (INNER..count - OUTER).contains(&index) {
            if index == INNER {
                let after = collector.entries.len();
                collector.omitted = Some(Omitted { after, count: count - INNER - OUTER });
            }
            collector.number += 1;
            continue;
        }
        collector.frame(index);
    }
    let Collector { entries: frames, omitted, .. } = collector;
    Report { kind, reason, thread: thread.0, frames, omitted }
}

/// Why the guest stopped, on one line.
fn reason(stop: &Stop) -> (Kind, String) {
    match stop {
        Stop::Trap { message, .. } => (Kind::Trap, message.clone()),
        Stop::Exception { message, .. } => (Kind::Exception, format!("uncaught exception: {message}")),
        Stop::HostError { message } => (Kind::HostError, format!("error of the host: {message}")),
        other => (Kind::Other, format!("{other:?}")),
    }
}

/// A module, with its debug info if it has any.
struct Symbols<'a> {
    module: &'a Module,
    debug_info: Option<DebugInfo<'a>>,
}

struct Collector<'a, 'p> {
    paused: &'a Paused<'p>,
    modules: &'a [Symbols<'a>],
    /// Number of the next frame. Inlined functions count.
    number: usize,
    entries: Vec<Entry>,
    omitted: Option<Omitted>,
}

impl Collector<'_, '_> {
    fn add(&mut self, entry: Entry) {
        self.entries.push(Entry { number: self.number, ..entry });
        self.number += 1;
    }

    fn frame(&mut self, index: usize) {
        match &self.paused.frames()[index] {
            Frame::Host(host) => self.add(Entry { function: host.name.clone(), ..Entry::default() }),
            Frame::Wasm(frame) => self.wasm_frame(index, frame),
        }
    }

    fn wasm_frame(&mut self, index: usize, frame: &WasmFrame) {
        let Some(symbols) = symbols(self.modules, frame.module) else { return };
        // A caller is in its call, not behind it, where the next line may begin.
        let pc = frame.call.unwrap_or(frame.pc);
        let state = FrameState { paused: self.paused, index, frame };
        let debug_info = symbols.debug_info.as_ref();
        let functions = debug_info.map(|info| info.functions_at(pc)).unwrap_or_default();
        let mut variables =
            debug_info.map(|info| variables::at(info, pc, &state)).unwrap_or_default().into_iter();
        let module = (self.modules.len() > 1).then(|| symbols.module.name().to_owned());
        if functions.is_empty() {
            let name = symbols.module.function_name(frame.function);
            let function = name.unwrap_or_else(|| format!("func[{}]", frame.function));
            let wasm_locals = wasm_locals(symbols.module, &state);
            self.add(Entry { function, pc: Some(pc), module, wasm_locals, ..Entry::default() });
            return;
        }
        for function in functions {
            let SourceFunction { name, position } = function;
            let Variables { parameters: arguments, locals } = variables.next().unwrap_or_default();
            let (function, module) = (name.unwrap_or_else(|| "??".to_owned()), module.clone());
            self.add(Entry {
                function,
                pc: Some(pc),
                module,
                position,
                arguments,
                locals,
                ..Entry::default()
            });
        }
    }
}

fn wasm_locals(module: &Module, state: &FrameState<'_, '_>) -> Vec<WasmLocal> {
    let local = |(index, ty): (u32, &debugger::ValueType)| {
        let name = module.local_name(state.frame.function, index).map(str::to_owned);
        let value = state.paused.local(state.index, index);
        let value = value.map_or_else(|error| format!("<{error}>"), |value| value.to_string());
        WasmLocal { index, name, ty: ty.to_string(), value }
    };
    (0..).zip(state.frame.locals.iter()).map(local).collect()
}

fn symbols<'a>(modules: &'a [Symbols<'a>], id: ModuleId) -> Option<&'a Symbols<'a>> {
    modules.get(usize::try_from(id.0).ok()?)
}

/// The values of one frame.
pub(crate) struct FrameState<'a, 'p> {
    /// The stopped guest.
    pub(crate) paused: &'a Paused<'p>,
    /// The frame's number, from the innermost.
    pub(crate) index: usize,
    /// The frame.
    pub(crate) frame: &'a WasmFrame,
}

impl State for FrameState<'_, '_> {
    fn slots(&self) -> usize {
        self.frame.locals.len() + self.frame.operands.len()
    }

    fn slot(&self, slot: usize) -> Option<[u8; 16]> {
        let value = match slot.checked_sub(self.frame.locals.len()) {
            None => self.paused.local(self.index, u32::try_from(slot).ok()?),
            Some(operand) => self.paused.operand(self.index, u32::try_from(operand).ok()?),
        };
        Some(bytes(value.ok()?))
    }

    fn global(&self, index: u32) -> Option<[u8; 16]> {
        self.paused.global(self.frame.instance, index).ok().map(bytes)
    }

    fn memory(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        let mut into = vec![0; length];
        let read = self.paused.read_memory(self.frame.instance, 0, address, &mut into).ok()?;
        (read == length).then_some(into)
    }
}

/// A value in little-endian order, filled up with zeros. References have no bytes that mean anything to a program.
fn bytes(value: Value) -> [u8; 16] {
    let bits = match value {
        Value::I32(value) => u128::from(value.cast_unsigned()),
        Value::I64(value) => u128::from(value.cast_unsigned()),
        Value::F32(bits) => u128::from(bits),
        Value::F64(bits) => u128::from(bits),
        Value::V128(bits) => bits,
        Value::FuncRef(_) | Value::ExternRef(_) | Value::AnyRef(_) | Value::ExnRef(_) => 0,
    };
    bits.to_le_bytes()
}
