//! What is known of a guest that has trapped, as text: its frames, with variables as far as the debug info goes.
//!
//! ```text
//!   wasm trap: integer divide by zero
//!   #0 0x4d1 in divide (number=84, by=0) at traps.c:31
//!          result = 42
//!   #1 0x5a0 in main (argc=2, argv=0x11b8c) at traps.c:88
//!   #2 0x2f3 in _start ()
//!          wasm locals: 0: i32 = 1
//! ```
//!
//! A frame without debug info shows its Wasm locals, which always are there.

use std::fmt::Write as _;

use debugger::{Frame, ModuleId, Paused, Stop, Value, WasmFrame};
use frame_table::ModulePc;
use runtime::Module;

use crate::debug_info::{self, DebugInfo, Position, SourceFunction};
use crate::variables::{self, State, Variables};

/// Longer backtraces are cut in the middle, after this many frames,
const INNER: usize = 40;

/// and before this many.
const OUTER: usize = 10;

/// Describes why the guest stopped and all of its frames. `debug_file` is that of the first module.
#[must_use]
pub(crate) fn describe(paused: &Paused<'_>, debug_file: Option<&[u8]>) -> String {
    let mut out = reason(paused.stop());
    let modules = paused.modules();
    let images: Vec<Option<Vec<u8>>> = modules
        .iter()
        .map(|module| debug_info::image(module.module.bytes(), debug_file.filter(|_| module.id.0 == 0)))
        .collect();
    let modules: Vec<Symbols<'_>> = modules
        .iter()
        .zip(&images)
        .map(|(module, image)| Symbols {
            module: &module.module,
            debug_info: image.as_deref().and_then(DebugInfo::read),
        })
        .collect();
    let mut writer = Writer { paused, modules: &modules, number: 0, out: &mut out };
    let count = paused.frames().len();
    for index in 0..count {
        if count > INNER + OUTER && (INNER..count - OUTER).contains(&index) {
            if index == INNER {
                writer.line(&format!("... {} more frames ...", count - INNER - OUTER));
            }
            writer.number += 1;
            continue;
        }
        writer.frame(index);
    }
    out
}

/// Why the guest stopped, in one line.
fn reason(stop: &Stop) -> String {
    match stop {
        Stop::Trap { message, .. } => format!("{message}\n"),
        Stop::Exception { message, .. } => format!("uncaught exception: {message}\n"),
        Stop::HostError { message } => format!("error of the host: {message}\n"),
        other => format!("{other:?}\n"),
    }
}

/// A module, with its debug info if it has any.
struct Symbols<'a> {
    module: &'a Module,
    debug_info: Option<DebugInfo<'a>>,
}

struct Writer<'a, 'p> {
    paused: &'a Paused<'p>,
    modules: &'a [Symbols<'a>],
    /// Number of the next frame. Inlined functions count.
    number: usize,
    out: &'a mut String,
}

impl Writer<'_, '_> {
    fn line(&mut self, text: &str) {
        // A String takes everything.
        let _written = writeln!(self.out, "{text}");
    }

    fn frame(&mut self, index: usize) {
        match &self.paused.frames()[index] {
            Frame::Host(host) => {
                self.line(&format!("#{} {} ()", self.number, host.name));
                self.number += 1;
            }
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
        if functions.is_empty() {
            let name = symbols.module.function_name(frame.function);
            let name = name.unwrap_or_else(|| format!("func[{}]", frame.function));
            self.line(&format!("#{} {pc} in {name} ()", self.number));
            self.wasm_locals(symbols.module, &state);
            self.number += 1;
        }
        for function in functions {
            self.source_function(pc, &function, variables.next().unwrap_or_default());
        }
    }

    fn source_function(&mut self, pc: ModulePc, function: &SourceFunction, variables: Variables) {
        let name = function.name.as_deref().unwrap_or("??");
        let list: Vec<String> =
            variables.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let place = match &function.position {
            Some(Position { file, line: 0 }) => format!(" at {file}"),
            Some(Position { file, line }) => format!(" at {file}:{line}"),
            None => String::new(),
        };
        self.line(&format!("#{} {pc} in {name} ({}){place}", self.number, list.join(", ")));
        for (name, value) in &variables.locals {
            self.line(&format!("       {name} = {value}"));
        }
        self.number += 1;
    }

    fn wasm_locals(&mut self, module: &Module, state: &FrameState<'_, '_>) {
        let local = |(index, ty)| {
            let name = module.local_name(state.frame.function, index);
            let name = name.map(|name| format!(" ${name}")).unwrap_or_default();
            let value = state.paused.local(state.index, index);
            let value = value.map_or_else(|error| format!("<{error}>"), |value| value.to_string());
            format!("{index}{name}: {ty} = {value}")
        };
        let locals: Vec<String> = (0..).zip(state.frame.locals.iter()).map(local).collect();
        if !locals.is_empty() {
            self.line(&format!("       wasm locals: {}", locals.join(", ")));
        }
    }
}

fn symbols<'a>(modules: &'a [Symbols<'a>], id: ModuleId) -> Option<&'a Symbols<'a>> {
    modules.get(usize::try_from(id.0).ok()?)
}

/// The values of one frame.
struct FrameState<'a, 'p> {
    paused: &'a Paused<'p>,
    index: usize,
    frame: &'a WasmFrame,
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
