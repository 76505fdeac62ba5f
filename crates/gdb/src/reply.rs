//! The replies that the interposer writes itself. `lldb` has those that only lldb gets.

pub(crate) mod lldb;

mod region;

use debugger::ThreadId;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt as _;
use std::sync::Arc;

use crate::hex;
use crate::interposer::Document;
use crate::machine::Fault;
use crate::packet::escape;
use crate::stop::Reason;
use crate::target::Target;
use crate::xfer::transfer;

pub(crate) use region::region;

/// A thread id as the client wants it.
fn thread_id(ThreadId(thread): ThreadId, is_multiprocess: bool) -> String {
    if is_multiprocess { format!("p01.{thread:02x}") } else { format!("{thread:02x}") }
}

/// The stop reply: always a `T` with its thread and the registers that every client asks for next, so that no client
/// has to ask and none keeps old ones.
pub(crate) fn stop(target: &Target<'_>, reason: Reason, is_multiprocess: bool) -> Vec<u8> {
    let (signal, is_breakpoint) = match reason {
        Reason::NoneRuns => return b"N".to_vec(),
        Reason::Exited(code) => return format!("W{code:02x}").into_bytes(),
        Reason::Terminated(signal) => return format!("X{signal:02x}").into_bytes(),
        Reason::Stopped { signal, is_breakpoint } => (signal, is_breakpoint),
    };
    let thread = target.debuggee.stopped_thread();
    let mut reply = format!("T{signal:02x}thread:{};", thread_id(thread, is_multiprocess));
    if is_breakpoint {
        reply.push_str("swbreak:;");
    }
    if let Some((watch, touched)) = target.debuggee.watched() {
        reply.push_str(&format!("{}:{touched:x};", watch.kind.key()));
    }
    for (number, value) in target.expedited(thread) {
        let written = write!(reply, "{number:02x}:{};", String::from_utf8_lossy(&hex::text(&value)));
        debug_assert!(written.is_ok(), "a string takes all text");
    }
    reply.into_bytes()
}

/// `qC`.
pub(crate) fn current_thread(thread: ThreadId, is_multiprocess: bool) -> Vec<u8> {
    format!("QC{}", thread_id(thread, is_multiprocess)).into_bytes()
}

/// `p`: the register, or as many `xx` as it has bytes. A thread that could not be stopped has none. lldb knows no `xx` (it
/// would show `0xcc` for each), and understands an error.
pub(crate) fn register(target: &Target<'_>, number: u64, is_lldb: bool) -> Result<Vec<u8>, Fault> {
    let number = usize::try_from(number).map_err(|_| Fault::Unmapped)?;
    let size = *target.persona.register_sizes().get(number).ok_or(Fault::Unmapped)?;
    if let Some(frame) = target.debuggee.tracing.selected() {
        let unknown = || b"xx".repeat(usize::from(size));
        return Ok(frame.registers.get(&number).map_or_else(unknown, |bytes| hex::text(bytes)));
    }
    let thread = target.thread();
    let value = if target.is_stopped(thread) { target.shown_register(thread, number) } else { None };
    if value.is_none() && is_lldb {
        return Err(Fault::Unavailable);
    }
    Ok(value.map_or_else(|| b"xx".repeat(usize::from(size)), |bytes| hex::text(&bytes)))
}

/// `m`: memory in hexadecimal.
pub(crate) fn memory(target: &Target<'_>, address: u64, length: u64) -> Result<Vec<u8>, Fault> {
    if length == 0 {
        return Ok(Vec::new());
    }
    Ok(hex::text(&target.read_memory(address, crate::int::index(length))?))
}

/// `x`: memory in binary, behind the `b` that newer gdbs want.
pub(crate) fn binary_memory(target: &Target<'_>, address: u64, length: u64) -> Result<Vec<u8>, Fault> {
    let mut reply = b"b".to_vec();
    if length > 0 {
        escape(&mut reply, &target.read_memory(address, crate::int::index(length))?);
    }
    Ok(reply)
}

/// `qSearch:memory`: `0`, or `1,` and the address.
pub(crate) fn search(
    target: &Target<'_>,
    address: u64,
    length: u64,
    pattern: Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    let found = target.search_memory(address, length, pattern)?;
    Ok(found.map_or_else(|| b"0".to_vec(), |address| format!("1,{address:x}").into_bytes()))
}

/// `qXfer`: a piece of a document.
pub(crate) fn read(
    target: &mut Target<'_>,
    document: Document,
    offset: u64,
    length: u64,
    is_multiprocess: bool,
) -> Vec<u8> {
    match document {
        Document::Description => transfer(target.persona.target_xml().as_bytes(), offset, length),
        Document::ExecFile => transfer(&exec_file(target), offset, length),
        Document::Libraries if target.persona.has_wasm_frames() => {
            transfer(lldb::libraries(target).as_bytes(), offset, length)
        }
        Document::Libraries => transfer(libraries(target).as_bytes(), offset, length),
        Document::TraceFrame => {
            let frame = target.debuggee.tracing.selected();
            transfer(frame.map(|frame| frame.info()).unwrap_or_default().as_bytes(), offset, length)
        }
        Document::Threads => transfer(threads(target, is_multiprocess).as_bytes(), offset, length),
    }
}

/// Where gdb is to open the symbol image: a file on its machine, if it can have one there, or else with us.
fn exec_file(target: &mut Target<'_>) -> Vec<u8> {
    let symbols = Arc::clone(&target.debuggee.symbols);
    let file = if target.debuggee.shares_files { symbols.file(target.persona) } else { None };
    target.debuggee.shares_files = file.is_some();
    file.map_or_else(|| symbols.path().into_bytes(), |file| file.into_os_string().into_vec())
}

/// The modules beside the program, for gdb: their symbol images, which are where the code is. gdb wants to know where the
/// first segment is to tell how far the rest has moved.
fn libraries(target: &Target<'_>) -> String {
    let symbols = &target.debuggee.symbols;
    let library = |(module, path): (u32, String)| {
        let address = symbols.first_address(target.persona, module)?;
        let name = xml_text(&path);
        Some(format!("<library name=\"{name}\"><segment address=\"{address:#x}\"/></library>\n"))
    };
    let list: String = symbols.libraries().filter_map(library).collect();
    format!("<library-list>\n{list}</library-list>\n")
}

/// All threads, with the program's name on each, and a word on those that could not be stopped.
fn threads(target: &Target<'_>, is_multiprocess: bool) -> String {
    let name = xml_text(&target.debuggee.symbols.name());
    let mut document = "<?xml version=\"1.0\"?>\n<threads>\n".to_owned();
    for thread in target.living() {
        let id = thread_id(thread.id, is_multiprocess);
        let rest = if thread.is_stopped { "/>".to_owned() } else { format!(">{NOT_STOPPED}</thread>") };
        document.push_str(&format!("<thread id=\"{id}\" name=\"{name}\"{rest}\n"));
    }
    document.push_str("</threads>\n");
    document
}

/// What is said of a thread that did not stop with the others.
pub(crate) const NOT_STOPPED: &str = "not stopped: in a call of the host";

/// Text for an attribute; characters that XML has no way to write become `?`.
fn xml_text(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            character if character.is_control() => out.push('?'),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_document() {
        assert_eq!(xml_text("a<b>&\"\n"), "a&lt;b>&amp;&quot;?");
    }

    #[test]
    fn thread_ids_name_the_process_if_the_client_knows_processes() {
        assert_eq!(thread_id(ThreadId(1), true), "p01.01");
        assert_eq!(thread_id(ThreadId(26), false), "1a");
    }
}
