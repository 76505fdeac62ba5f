//! Replies to what only lldb asks, and what it wants in stop replies beyond what gdb gets.

use std::fmt::Write as _;

use debugger::{Exit, Stop, ThreadId};

use crate::hex;
use crate::machine::Fault;
use crate::monitor;
use crate::packet::escape;
use crate::persona::wasm::frames::{self, Variable};
use crate::stop::{self, Reason};
use crate::target::Target;

/// Appends to a string, which takes all text.
macro_rules! push {
    ($to:expr, $($text:tt)*) => {{
        let written = write!($to, $($text)*);
        debug_assert!(written.is_ok(), "a string takes all text");
    }};
}

/// Text in hexadecimal.
pub(crate) fn hex_text(text: &str) -> String {
    String::from_utf8_lossy(&hex::text(text.as_bytes())).into_owned()
}

/// An error with its words, for clients that want those.
pub(crate) fn error(code: &[u8], words: &str) -> Vec<u8> {
    let mut reply = code.to_vec();
    reply.extend_from_slice(b";");
    reply.extend(hex::text(words.as_bytes()));
    reply
}

/// What a fault is in words.
pub(crate) fn words(fault: Fault) -> &'static str {
    match fault {
        Fault::Unmapped => "there is nothing",
        Fault::Fixed => "it cannot be changed",
        Fault::Unavailable => "it is not known here",
    }
}

/// Why a thread stopped, as lldb names it.
struct Why {
    signal: u8,
    /// `reason:`; none for a thread that only stopped with the others.
    reason: Option<&'static str>,
    description: Option<String>,
}

fn why(target: &Target<'_>, thread: ThreadId) -> Why {
    let other = Why { signal: 0, reason: None, description: None };
    let stop = target.debuggee.stop().filter(|stop| !matches!(stop, Stop::ModuleLoaded { .. }));
    let Some(stop) = stop.filter(|_| thread == target.debuggee.stopped_thread()) else {
        return other;
    };
    let signal = match stop::of_stop(stop) {
        Reason::Stopped { signal, .. } => signal,
        _ => stop::signal::TRAP,
    };
    let (reason, description) = match stop {
        Stop::Breakpoint { .. } => match target.debuggee.monitored() {
            // lldb has no breakpoint there that could be the reason.
            Some(monitored) => {
                let words = format!("server breakpoint {}: {}", monitored.number, monitored.words);
                ("exception", Some(words))
            }
            None => ("breakpoint", None),
        },
        Stop::Step => ("trace", None),
        Stop::Watchpoint { .. } if target.debuggee.watched().is_some() => ("watchpoint", watched(target)),
        Stop::Trap { message, .. } => ("exception", Some(message.clone())),
        Stop::HostError { message } => ("exception", Some(format!("host error: {message}"))),
        Stop::Exception { caught, message, .. } => {
            let kind = if *caught { "exception thrown" } else { "uncaught exception" };
            ("exception", Some(format!("{kind}: {message}")))
        }
        Stop::HostCall { function, arguments } => {
            ("exception", Some(monitor::host_call(function, arguments)))
        }
        Stop::Recorded { message } => ("exception", Some(format!("core dump: {message}"))),
        _ => ("signal", None),
    };
    Why { signal, reason: Some(reason), description }
}

/// The watched range, its number and the address that was touched, as lldb looks for its watchpoint by those.
fn watched(target: &Target<'_>) -> Option<String> {
    let (watch, touched) = target.debuggee.watched()?;
    let number = target.debuggee.watchpoints.keys().position(|other| *other == watch)?;
    Some(format!("{} {number} {touched}", watch.address))
}

/// A stop reply for a thread, with all that lldb would ask next: the list of threads with their PCs, if it wants that,
/// and the registers.
pub(crate) fn stop(target: &Target<'_>, thread: ThreadId, lists_threads: bool) -> Vec<u8> {
    let why = why(target, thread);
    let mut reply = format!("T{:02x}thread:{:x};", why.signal, thread.0);
    let registers = target.expedited(thread);
    if lists_threads {
        let threads = target.living();
        let ids: Vec<_> = threads.iter().map(|thread| format!("{:x}", thread.id.0)).collect();
        let pc = |other: ThreadId| {
            let own = if other == thread { None } else { Some(target.expedited(other)) };
            let found =
                own.as_ref().unwrap_or(&registers).iter().find(|(number, _)| *number == target.persona.pc());
            found.map_or(u64::MAX, |(_, value)| {
                value.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
            })
        };
        let pcs: Vec<_> = threads.iter().map(|thread| format!("{:x}", pc(thread.id))).collect();
        push!(reply, "threads:{};thread-pcs:{};", ids.join(","), pcs.join(","));
    }
    if matches!(target.debuggee.stop(), Some(Stop::ModuleLoaded { .. })) {
        // lldb reads the list of modules, finds no thread with a reason to stop, and has the program go on.
        reply.push_str("library:;");
    }
    if let Some(reason) = why.reason {
        push!(reply, "reason:{reason};");
    }
    if let Some(description) = why.description {
        push!(reply, "description:{};", hex_text(&description));
    }
    for (number, value) in registers {
        push!(reply, "{number:02x}:{};", String::from_utf8_lossy(&hex::text(&value)));
    }
    reply.into_bytes()
}

/// How the guest ended, in words, for the `X` of a guest that did not end by itself.
pub(crate) fn end(reason: Reason, exit: &Exit) -> Option<Vec<u8>> {
    let Reason::Terminated(signal) = reason else { return None };
    let words = match exit {
        Exit::Trapped { message, .. } | Exit::HostError(message) => message.clone(),
        _ => return None,
    };
    Some(format!("X{signal:02x};description:{};", hex_text(&words)).into_bytes())
}

/// `jThreadsInfo`: JSON, escaped as binary data is.
pub(crate) fn threads_info(target: &Target<'_>) -> Vec<u8> {
    let mut document = "[".to_owned();
    for (number, thread) in target.living().iter().enumerate() {
        if number > 0 {
            document.push(',');
        }
        let why = why(target, thread.id);
        push!(document, "{{\"tid\":{}", thread.id.0);
        if let Some(reason) = why.reason {
            push!(document, ",\"reason\":\"{reason}\",\"signal\":{}", why.signal);
        }
        if let Some(description) = why.description {
            push!(document, ",\"description\":\"{}\"", json_text(&description));
        }
        let registers = target.expedited(thread.id);
        let registers: Vec<_> = registers
            .iter()
            .map(|(number, value)| format!("\"{number}\":\"{}\"", String::from_utf8_lossy(&hex::text(value))))
            .collect();
        push!(document, ",\"registers\":{{{}}}}}", registers.join(","));
    }
    document.push(']');
    let mut reply = Vec::new();
    escape(&mut reply, document.as_bytes());
    reply
}

/// Text for a JSON string.
fn json_text(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            character if character.is_control() => push!(out, "\\u{:04x}", u32::from(character)),
            character => out.push(character),
        }
    }
    out
}

/// `qGDBServerVersion`.
pub(crate) fn server_version() -> Vec<u8> {
    format!("name:wasm-gdbserver;version:{};", env!("CARGO_PKG_VERSION")).into_bytes()
}

/// `qHostInfo`.
pub(crate) fn host_info(target: &Target<'_>) -> Vec<u8> {
    let persona = target.persona;
    let triple = hex_text(persona.triple(target.debuggee.symbols.is_file_misleading()));
    format!("triple:{triple};endian:little;ptrsize:{};", persona.pointer_size()).into_bytes()
}

/// `qProcessInfo`. There is one process, and it has no parent.
pub(crate) fn process_info(target: &Target<'_>) -> Vec<u8> {
    let mut reply = b"pid:1;".to_vec();
    reply.extend(host_info(target));
    reply
}

/// `qRegisterInfo`; `E45` is the end of the list.
pub(crate) fn register_info(target: &Target<'_>, number: u64) -> Vec<u8> {
    target.persona.register_info(number).map_or_else(|| b"E45".to_vec(), |info| info.as_bytes().to_vec())
}

/// `m` and `x`: all of it or an error, since lldb takes a short reply for the end of everything. It reads a module in
/// pieces that end beyond the end of the file; what is there of the file's last page reads as zero.
pub(crate) fn memory(
    target: &Target<'_>,
    address: u64,
    length: u64,
    is_binary: bool,
) -> Result<Vec<u8>, Fault> {
    if length == 0 {
        return Ok(if is_binary { b"OK".to_vec() } else { Vec::new() });
    }
    let bytes = target.read_whole_memory(address, crate::int::index(length))?;
    if !is_binary {
        return Ok(hex::text(&bytes));
    }
    let mut reply = Vec::new();
    escape(&mut reply, &bytes);
    Ok(reply)
}

/// `qWasmCallStack`: the frames' addresses, little endian.
pub(crate) fn call_stack(target: &Target<'_>) -> Result<Vec<u8>, Fault> {
    let space = target.persona.space();
    let addresses = target.look(move |machine| Ok(frames::call_stack(space, machine)))?;
    Ok(addresses.iter().flat_map(|address| hex::text(&address.to_le_bytes())).collect())
}

/// `qWasmLocal` and its like: the value's bytes.
pub(crate) fn variable(target: &Target<'_>, variable: Variable) -> Result<Vec<u8>, Fault> {
    let space = target.persona.space();
    target.look(move |machine| frames::read(space, machine, variable)).map(|bytes| hex::text(&bytes))
}

/// The list of modules: each at the address of its file's first byte, under the path that it was loaded from, which lldb
/// compares with that of the module that it has. No two have the same name: lldb would take them for one.
///
/// It is of the modules that there are instances of, and a later one is a stop with `library:`. If lldb reads the files from us,
/// although it may have some itself, it is of all of them. Why? At such a stop lldb would read all of them again, keep the first
/// as it was, and set breakpoints twice: it looks for them as modules of the program's system, and has them as an unknown one's.
pub(crate) fn libraries(target: &Target<'_>) -> String {
    let space = target.persona.space();
    let symbols = &target.debuggee.symbols;
    let has_all = symbols.is_file_misleading();
    let loaded = target.inspect(move |paused| -> Vec<_> {
        let all = paused.modules().into_iter();
        let listed = all.filter(|loaded| has_all || !loaded.instances.is_empty());
        listed.map(|loaded| (loaded.id.0, loaded.name)).collect()
    });
    let mut names: Vec<String> = Vec::new();
    let mut list = String::new();
    for (number, name) in loaded.unwrap_or_else(|_| Vec::new()) {
        let Some(address) = space.bytecode(number, 0) else { continue };
        let path = symbols.module_path(number);
        let name = path.map_or(name, |path| path.to_string_lossy().into_owned());
        let name = if names.contains(&name) { format!("{name}.{number}") } else { name };
        let shown = super::xml_text(&name);
        push!(list, "<library name=\"{shown}\"><section address=\"{address:#x}\"/></library>\n");
        names.push(name);
    }
    format!("<library-list>\n{list}</library-list>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_cannot_break_the_document() {
        assert_eq!(json_text("a\"b\\c\n"), "a\\\"b\\\\c\\u000a");
    }

    #[test]
    fn errors_carry_words() {
        assert_eq!(error(b"E01", "no"), b"E01;6e6f");
    }
}
