//! `monitor` commands: what Wasm has and gdb has no command for. Text in, text out.
//!
//! Frame numbers count Wasm and host frames from the innermost. gdb's own numbers count inlined functions too, so every
//! answer names the function that it is about.

pub(crate) mod debug_info;
mod disassemble;
mod entities;

use std::fmt::Write as _;

use debugger::{Catch, Frame, InstanceId, Paused, Stop, Value, WasmFrame, Watched};

use crate::address_space::AddressSpace;
use crate::frame_image::module_index;
use crate::int::narrow;
use crate::paused::number_of;
use entities::Path;

/// One command with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Why,
    Stack(usize),
    Locals(usize),
    Disassemble(usize),
    Modules,
    DebugInfo,
    Globals,
    /// The table's index.
    Table(u32),
    Gc(Path),
    Heap,
    Catch(Catch),
    /// A place and perhaps a condition; empty to list them all.
    Break(String),
    /// A place, a format, values and perhaps a condition.
    Dprintf(String),
    /// A number, or the name of a function of the host.
    Delete(String),
    /// The name of the file.
    CoreDump(String),
    Exit,
}

/// Names, arguments and purposes, in the order of `help`.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("help", "", "this list"),
    ("why", "", "why the program stopped, in words"),
    ("stack", "[FRAME]", "the operand stack of a frame, top first"),
    ("locals", "[FRAME]", "the Wasm locals of a frame"),
    ("disassemble", "[FRAME]", "the code around a frame's PC as WAT"),
    ("modules", "", "the modules that are loaded, and where they are"),
    ("debuginfo", "", "what debuggers know of each module, and where that came from"),
    ("globals", "", "the globals of the innermost frame's instance"),
    ("table", "[TABLE]", "the functions and other references in a table"),
    ("gc", "WHERE", "an object: local, operand or global, its index, and the fields to follow"),
    ("heap", "", "how large the garbage-collected heap is"),
    ("catch", "WHICH", "which exceptions stop the program: uncaught, throw, all (thrown again too), off"),
    ("break", "PLACE [if COND]", "stop at a function, FILE:LINE, an address, or calls of the host"),
    ("dprintf", "PLACE,\"FORMAT\",VALUE,... [if COND]", "print there, and go on"),
    ("delete", "NUMBER|NAME", "stop there no longer"),
    ("coredump", "FILE", "write a core dump into the folder where the server was started"),
    ("exit", "", "end the program and the session"),
];

/// What `help` says.
pub(crate) fn help() -> String {
    let mut text = String::from("monitor commands (FRAME counts from 0, the innermost):\n");
    for (name, arguments, purpose) in COMMANDS {
        let usage = format!("{name} {arguments}");
        // A long one has its purpose on the next line.
        let gap = if usage.len() < 22 { String::new() } else { format!("\n{:24}", "") };
        line(&mut text, format_args!("  {usage:<22}{gap}{purpose}"));
    }
    text
}

/// Appends a line; writing to a string does not fail.
fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    let written = writeln!(text, "{words}");
    debug_assert!(written.is_ok(), "a string takes all text");
}

impl Command {
    /// Parses what the user typed after `monitor`. Unambiguous beginnings of names will do, as in gdb.
    ///
    /// # Errors
    /// What to tell the user.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or("help");
        let mut matching = COMMANDS.iter().filter(|(command, ..)| command.starts_with(name));
        let (Some((name, arguments, _)), None) = (matching.next(), matching.next()) else {
            return Err(format!("Unknown monitor command `{name}`; `monitor help` lists them all.\n"));
        };
        let whole = text.trim_start().split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim());
        let rest: Vec<&str> = words.collect();
        let usage = || format!("Usage: monitor {name} {arguments}\n");
        if *name == "catch" {
            let choice = match rest.as_slice() {
                ["uncaught"] => Catch::Uncaught,
                ["throw"] => Catch::Throw,
                ["all"] => Catch::All,
                ["off"] => Catch::Off,
                _ => return Err(usage()),
            };
            return Ok(Self::Catch(choice));
        }
        match *name {
            "break" => return Ok(Self::Break(whole.to_owned())),
            "dprintf" => return Ok(Self::Dprintf(whole.to_owned())),
            _ => {}
        }
        if let "delete" | "coredump" = *name {
            let [word] = rest.as_slice() else { return Err(usage()) };
            let word = (*word).to_owned();
            return Ok(match *name {
                "delete" => Self::Delete(word),
                _ => Self::CoreDump(word),
            });
        }
        if *name == "gc" {
            return Path::parse(&rest).map(Self::Gc).ok_or_else(usage);
        }
        let frame = match (rest.as_slice(), arguments.is_empty()) {
            ([], _) => 0,
            ([number], false) => number.parse().map_err(|_| usage())?,
            _ => return Err(usage()),
        };
        Ok(match *name {
            "why" => Self::Why,
            "stack" => Self::Stack(frame),
            "locals" => Self::Locals(frame),
            "disassemble" => Self::Disassemble(frame),
            "modules" => Self::Modules,
            "debuginfo" => Self::DebugInfo,
            "globals" => Self::Globals,
            "table" => Self::Table(narrow(frame)),
            "heap" => Self::Heap,
            "exit" => Self::Exit,
            _ => Self::Help,
        })
    }

    /// The answer of a stopped guest.
    pub(crate) fn answer(self, paused: &mut Paused<'_>, space: &AddressSpace) -> String {
        match self {
            // Who asks for these has the answer.
            Self::Help
            | Self::Exit
            | Self::DebugInfo
            | Self::Break(_)
            | Self::Dprintf(_)
            | Self::Delete(_)
            | Self::CoreDump(_) => help(),
            Self::Why => why(paused),
            Self::Stack(frame) => with_wasm_frame(paused, frame, stack),
            Self::Locals(frame) => with_wasm_frame(paused, frame, locals),
            Self::Disassemble(frame) => with_wasm_frame(paused, frame, disassembly),
            Self::Modules => modules(paused, space),
            Self::Globals => entities::globals(paused),
            Self::Table(table) => entities::table(paused, table),
            Self::Gc(path) => entities::object(paused, &path),
            Self::Heap => entities::heap(paused),
            Self::Catch(choice) => {
                paused.catch_exceptions(choice);
                catching(choice).to_owned()
            }
        }
    }
}

fn catching(choice: Catch) -> &'static str {
    match choice {
        Catch::Off => "Exceptions do not stop the program.\n",
        Catch::Uncaught => "Exceptions that nothing catches stop the program.\n",
        Catch::Throw => {
            "Exceptions stop the program where they are thrown first, and where nothing catches them.\n"
        }
        Catch::All => "Exceptions stop the program wherever they are thrown, also again.\n",
    }
}

fn why(paused: &Paused<'_>) -> String {
    let words = match paused.stop() {
        Stop::Start => "not started yet: before the first operator".to_owned(),
        Stop::Breakpoint { pc, .. } => format!("breakpoint at module PC {pc}"),
        Stop::Step => "step done".to_owned(),
        Stop::Watchpoint { watched, .. } => watched.iter().map(access).collect::<Vec<_>>().join("; "),
        Stop::ModuleLoaded { module, .. } => format!("module {} was loaded", module.0),
        Stop::Interrupt { in_host_call: false } => "interrupted".to_owned(),
        Stop::Interrupt { in_host_call: true } => "interrupted in a call of the host".to_owned(),
        Stop::Trap { code, message } if message.contains(&code.to_string()) => message.clone(),
        Stop::Trap { code, message } => format!("wasm trap: {code}: {message}"),
        Stop::Exception { caught, rethrown, message } => {
            let thrown = if *rethrown { "thrown again" } else { "thrown" };
            let end = if *caught { "and will be caught" } else { "and nothing catches it" };
            format!("exception {message} is {thrown}, {end}")
        }
        Stop::HostError { message } => format!("error of the host: {message}"),
        Stop::HostCall { function, arguments } => host_call(function, arguments),
        Stop::Recorded { message } => format!("a core dump: {message}"),
        other => format!("{other:?}"),
    };
    let mut text = format!("{words}\n");
    if let Some(Frame::Wasm(frame)) = paused.innermost() {
        line(&mut text, format_args!("in {}", describe(paused, frame)));
    }
    text
}

/// `call of wasi_snapshot_preview1.proc_exit(3)`.
pub(crate) fn host_call(function: &str, arguments: &[Value]) -> String {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    format!("call of {function}({})", arguments.join(", "))
}

/// `the operator at 0x1a3 wrote what is watched`.
fn access(watched: &Watched) -> String {
    let hit = &watched.access;
    let did = match (hit.read, hit.written) {
        (true, true) => "read and wrote",
        (_, true) => "wrote",
        _ => "read",
    };
    let who = if hit.by_host { "the host function called" } else { "the operator" };
    format!("{who} at {} {did} what is watched", hit.pc)
}

/// `func[12] $fib at 0x1a3 in app`.
fn describe(paused: &Paused<'_>, frame: &WasmFrame) -> String {
    let module = paused.modules().into_iter().find(|loaded| loaded.id == frame.module);
    let name = module.as_ref().and_then(|loaded| loaded.module.function_name(frame.function));
    let name = name.map_or_else(String::new, |name| format!(" ${name}"));
    let module = module.map_or_else(String::new, |loaded| format!(" in {}", loaded.name));
    format!("func[{}]{name} at {}{module}", frame.function, frame.pc)
}

fn with_wasm_frame(
    paused: &Paused<'_>,
    number: usize,
    answer: impl Fn(&Paused<'_>, usize, &WasmFrame) -> String,
) -> String {
    match paused.frames().get(number) {
        Some(Frame::Wasm(frame)) => {
            let heading = format!("frame {number}: {}\n", describe(paused, frame));
            heading + &answer(paused, number, frame)
        }
        Some(Frame::Host(frame)) => format!("frame {number}: {} is a function of the host\n", frame.name),
        None => format!("There is no frame {number}; there are {}.\n", paused.frames().len()),
    }
}

/// A value with its bits, where the number alone does not show them.
fn show(value: Value) -> String {
    match value {
        Value::I32(number) => format!("{number} ({number:#x})"),
        Value::I64(number) => format!("{number} ({number:#x})"),
        Value::F32(bits) => format!("{} ({bits:#x})", f32::from_bits(bits)),
        Value::F64(bits) => format!("{} ({bits:#x})", f64::from_bits(bits)),
        _ => value.to_string(),
    }
}

fn shown<E>(value: Result<Value, E>) -> String {
    value.map_or_else(|_| "<unavailable>".to_owned(), show)
}

fn stack(paused: &Paused<'_>, number: usize, frame: &WasmFrame) -> String {
    if frame.operands.is_empty() {
        return "  the operand stack is empty\n".to_owned();
    }
    let mut text = String::new();
    for (index, ty) in frame.operands.iter().enumerate().rev() {
        let value = shown(paused.operand(number, narrow(index)));
        line(&mut text, format_args!("  [{index}] {ty}: {value}"));
    }
    text
}

fn locals(paused: &Paused<'_>, number: usize, frame: &WasmFrame) -> String {
    if frame.locals.is_empty() {
        return "  no locals\n".to_owned();
    }
    let module = paused.modules().into_iter().find(|loaded| loaded.id == frame.module);
    let mut text = String::new();
    for (index, ty) in frame.locals.iter().enumerate() {
        let index = narrow(index);
        let name = module.as_ref().and_then(|loaded| loaded.module.local_name(frame.function, index));
        let name = name.map_or_else(String::new, |name| format!(" ${name}"));
        let value = shown(paused.local(number, index));
        line(&mut text, format_args!("  {index}{name} {ty}: {value}"));
    }
    text
}

fn disassembly(paused: &Paused<'_>, _number: usize, frame: &WasmFrame) -> String {
    let module = paused.modules().into_iter().find(|loaded| loaded.id == frame.module);
    let body = module.and_then(|loaded| loaded.module.body_range(frame.function).map(|body| (loaded, body)));
    let Some((loaded, body)) = body else { return "  there is no code\n".to_owned() };
    disassemble::around(loaded.module.bytes(), body, frame.pc)
}

fn modules(paused: &Paused<'_>, space: &AddressSpace) -> String {
    let mut text = String::new();
    let modules = paused.modules();
    for loaded in &modules {
        let module = &loaded.module;
        let number = module_index(loaded.id);
        let code = module.code_section();
        let (functions, imported) = (module.num_functions(), module.num_imported_functions());
        let (name, size) = (&loaded.name, module.bytes().len());
        line(&mut text, format_args!("module {number}: {name}, {functions} functions ({imported} imported)"));
        let code_place = format!("code, module PC {}..{}", code.start, code.end);
        place(&mut text, &code_place, space.code(number, code.start));
        place(&mut text, &format!("file, {size} bytes"), space.bytecode(number, 0));
        for &instance in &loaded.instances {
            if modules.len() > 1 {
                line(&mut text, format_args!("  instance {}", number_of(instance, &modules)));
            }
            add_instance(&mut text, paused, space, instance, number_of(instance, &modules));
        }
        if loaded.instances.is_empty() {
            line(&mut text, format_args!("  not instantiated yet"));
        }
    }
    text
}

/// What an instance has, which clients know by a number.
fn add_instance(
    text: &mut String,
    paused: &Paused<'_>,
    space: &AddressSpace,
    instance: InstanceId,
    number: u32,
) {
    place(text, "globals", paused.global(instance, 0).ok().and(space.global(number, 0)));
    for memory in 0.. {
        let Ok(size) = paused.memory_size(instance, memory) else { break };
        place(text, &format!("memory {memory}, {size:#x} bytes"), space.memory(number, memory, 0));
    }
    for table in 0.. {
        if paused.table_element(instance, table, 0).is_err() {
            break;
        }
        place(text, &format!("table {table}"), space.table(number, table, 0));
    }
}

/// A line for what has an address.
fn place(text: &mut String, what: &str, address: Option<u64>) {
    if let Some(address) = address {
        line(text, format_args!("  {address:#010x} {what}"));
    }
}

#[cfg(test)]
mod tests;
