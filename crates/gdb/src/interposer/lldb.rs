//! The packets that only lldb sends, and those that mean something else from it.
//!
//! lldb asks a stub for much that gdb does not: the machine's triple, all threads with their registers in one reply, a
//! suffix on register packets that names the thread. Its Wasm plugin asks for frames and variables by index.

use crate::hex;
use crate::packet::PACKET_SIZE;
use crate::persona::wasm::frames::Variable;

use super::validate::{self, Fields, Thread};
use super::{Dialect, Own, Verdict, parsed};

/// What lldb wants to be told or done. Threads are by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// `QThreadSuffixSupported`: `;thread:ID;` may follow packets about registers.
    SuffixThreads,
    /// `QListThreadsInStopReply`.
    ListThreads,
    /// `QEnableErrorStrings`: errors may come with words.
    ExplainErrors,
    /// `qGDBServerVersion`.
    ServerVersion,
    /// `qHostInfo`.
    HostInfo,
    /// `qProcessInfo`.
    ProcessInfo,
    /// `qRegisterInfo`, for clients that did not read the target description.
    RegisterInfo(u64),
    /// `jThreadsInfo`: all threads, with why they stopped and their registers.
    ThreadsInfo,
    /// `qThreadStopInfo`: the stop reply of one thread.
    ThreadStopInfo(u64),
    /// A question to which the answer is yes.
    Yes,
    /// `m` and `x`. lldb wants all or nothing; `x0,0` asks whether there is an `x`.
    ReadMemory { address: u64, length: u64, is_binary: bool },
    /// `qWasmCallStack`.
    CallStack(u64),
    /// `qWasmLocal`, `qWasmStackValue`, `qWasmGlobal`, of the thread that was last named.
    Value(Variable),
    /// `D1`: leave the guest stopped, and be gone.
    DetachStopped,
}

/// Judges a packet of lldb's. None for those that mean the same to all clients.
pub(super) fn judge(body: &[u8], dialect: Dialect) -> Option<Verdict> {
    if let Some((&kind @ (b'm' | b'x'), rest)) = body.split_first() {
        return Some(parsed(read_memory(kind, rest)));
    }
    if body == b"g" && !dialect.has_wasm_frames {
        // lldb cannot be told in it that a register has no value. Without it, it asks for each.
        return Some(Verdict::Unsupported);
    }
    let (name, arguments) = validate::name_and_arguments(body);
    let request = match (name, arguments) {
        (b"QThreadSuffixSupported", b"") => Request::SuffixThreads,
        (b"QListThreadsInStopReply", b"") => Request::ListThreads,
        (b"QEnableErrorStrings", b"") => Request::ExplainErrors,
        (b"qGDBServerVersion", b"") => Request::ServerVersion,
        (b"qHostInfo", b"") => Request::HostInfo,
        (b"qProcessInfo", b"") => Request::ProcessInfo,
        (b"jThreadsInfo", b"") => Request::ThreadsInfo,
        (b"qVAttachOrWaitSupported", b"") | (b"qSupportsDetachAndStayStopped", b":") => Request::Yes,
        (b"D1", b"") => Request::DetachStopped,
        _ => return indexed(name, arguments, dialect),
    };
    Some(Verdict::Own(Own::Lldb(request)))
}

/// Packets whose arguments are numbers.
fn indexed(name: &[u8], arguments: &[u8], dialect: Dialect) -> Option<Verdict> {
    let after = |prefix: &[u8]| name.strip_prefix(prefix).filter(|_| arguments.is_empty());
    let own =
        |request: Option<Request>| Some(parsed(request.map(|request| Verdict::Own(Own::Lldb(request)))));
    if let Some(number) = after(b"qRegisterInfo") {
        return own(hex::number(number).map(Request::RegisterInfo));
    }
    if let Some(thread) = after(b"qThreadStopInfo") {
        return own(one(thread).map(Request::ThreadStopInfo));
    }
    if !dialect.has_wasm_frames {
        return None;
    }
    let arguments = arguments.strip_prefix(b":")?;
    match name {
        b"qWasmCallStack" => own(one(arguments).map(Request::CallStack)),
        b"qWasmLocal" => {
            own(pair(arguments).map(|(frame, index)| Request::Value(Variable::Local { frame, index })))
        }
        b"qWasmStackValue" => {
            own(pair(arguments).map(|(frame, index)| Request::Value(Variable::Operand { frame, index })))
        }
        b"qWasmGlobal" => own(global(arguments).map(Request::Value)),
        _ => None,
    }
}

/// The number of a thread, which may be written with its process.
fn one(id: &[u8]) -> Option<u64> {
    match validate::thread(id)? {
        Thread::One(number) => Some(number),
        Thread::Any | Thread::All => None,
    }
}

/// A number in decimal digits, as the packets of the Wasm plugin have them.
fn decimal(text: &[u8]) -> Option<u32> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}

/// `frame;index`.
fn pair(arguments: &[u8]) -> Option<(usize, u32)> {
    let mut fields = arguments.split(|&byte| byte == b';');
    let frame = usize::try_from(decimal(fields.next()?)?).ok()?;
    let index = decimal(fields.next()?)?;
    fields.next().is_none().then_some((frame, index))
}

/// `frame;index`, or of newer lldbs `index;instance:ID;`.
fn global(arguments: &[u8]) -> Option<Variable> {
    let mut halves = arguments.splitn(2, |&byte| byte == b';');
    let (first, rest) = (halves.next()?, halves.next()?);
    let Some(instance) = rest.strip_prefix(b"instance:") else {
        return pair(arguments).map(|(frame, index)| Variable::Global { frame, index });
    };
    let instance = decimal(instance.strip_suffix(b";").unwrap_or(instance))?;
    Some(Variable::GlobalOf { instance, index: decimal(first)? })
}

fn read_memory(kind: u8, rest: &[u8]) -> Option<Verdict> {
    const LONGEST: u64 = PACKET_SIZE as u64;
    let mut fields = Fields::new(rest);
    let (address, length) = fields.number(b',').zip(fields.last_number())?;
    let fits = length <= LONGEST && address.checked_add(length).is_some();
    let request = Request::ReadMemory { address, length, is_binary: kind == b'x' };
    fits.then_some(Verdict::Own(Own::Lldb(request)))
}

/// A packet about registers without the thread that it names, if it names one.
pub(crate) fn without_suffix(body: &[u8]) -> Option<(&[u8], Thread)> {
    const SUFFIX: &[u8] = b";thread:";
    if !matches!(body.first(), Some(b'g' | b'G' | b'p' | b'P')) {
        return None;
    }
    let start = body.windows(SUFFIX.len()).position(|window| window == SUFFIX)?;
    let (packet, suffix) = body.split_at_checked(start)?;
    let id = suffix.strip_prefix(SUFFIX)?;
    Some((packet, validate::thread(id.strip_suffix(b";").unwrap_or(id))?))
}

#[cfg(test)]
mod tests;
