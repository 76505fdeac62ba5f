//! Stands in front of gdbstub and judges every packet before gdbstub sees it.
//!
//! Why? gdbstub has no hook for packets that it does not know, and ends the session on every packet that it cannot
//! parse: truncated `qXfer`s, `Hg-1`, `vCont;t`, `qCRC:` in extended mode, addresses of more than 16 digits. So a packet
//! reaches it only in a form that it takes; all others are answered here: with nothing if we do not support them (the
//! protocol's "unknown packet"), with an error if they make no sense.
//!
//! `validate` has the parsers, `lldb` what only lldb sends, `rewrite` changes replies on their way back. Neither knows the guest.

mod lldb;
mod rewrite;
mod validate;
mod watch;

pub(crate) use lldb::{Request, without_suffix};
pub(crate) use rewrite::supported_features;
pub(crate) use validate::{Thread, has_feature, thread};
pub(crate) use watch::Watch;

use crate::hex;
use crate::packet::{PACKET_SIZE, unescape};
use crate::trace::{self, packets::TraceRequest};
use validate::Fields;

/// What to do with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Give gdbstub this body.
    Forward(Vec<u8>),
    /// Answer as to a packet that nobody knows: an empty reply.
    Unsupported,
    /// Answer that it makes no sense.
    Malformed,
    /// Answer it ourselves.
    Own(Own),
}

/// The packets that we answer ourselves, because gdbstub lacks them or answers with less than we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// `?`: why did the guest stop? gdbstub would always say SIGTRAP, and send no registers.
    StopReason,
    /// `QStartNoAckMode`: acknowledgements are the interposer's business.
    StartNoAckMode,
    /// `p n`: gdbstub cannot say "unavailable" without knowing register sizes beforehand.
    ReadRegister(u64),
    /// `m address,length`: memory in hexadecimal. gdbstub writes it byte by byte, with the packet buffer as scratch space.
    ReadHex { address: u64, length: u64 },
    /// `x address,length`: memory in binary.
    ReadBinary { address: u64, length: u64 },
    /// `qSearch:memory`.
    Search { address: u64, length: u64, pattern: Vec<u8> },
    /// `qXfer`: gdbstub lacks the threads, and never says that a piece is the last.
    Read { document: Document, offset: u64, length: u64 },
    /// `qC`: the current thread.
    CurrentThread,
    /// `Hc`: the thread that the old spellings of `vCont` are about. gdbstub keeps it, and we rewrite those.
    SelectResumed(Thread),
    /// `Z0` and `Z1` with conditions, of which one has to hold, or with commands, after which the guest goes on; in bytecode.
    BreakIf { address: u64, conditions: Vec<Vec<u8>>, commands: Vec<Vec<u8>> },
    /// `Z2` to `Z4`: watch.
    Watch(Watch),
    /// `z2` to `z4`: watch no longer.
    Unwatch(Watch),
    /// `qWatchpointSupportInfo`: how many watchpoints a client can have.
    WatchpointLimit,
    /// `qMemoryRegionInfo` without an address: is it known?
    KnowsRegions,
    /// `qMemoryRegionInfo`: the region that an address is in.
    Region(u64),
    /// `k`: end the guest; there is no reply.
    Kill,
    /// Of tracepoints.
    Trace(TraceRequest),
    /// What only lldb asks.
    Lldb(Request),
}

/// What can be read piece by piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// The target description.
    Description,
    /// The path of the symbol image.
    ExecFile,
    /// The list of threads.
    Threads,
    /// The list of modules, for lldb's Wasm plugin.
    Libraries,
    /// What there is in the trace frame that the client looks at.
    TraceFrame,
}

/// What the client said about itself, as far as packets have to be judged by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// It sent `!`, so it may start and end guests.
    pub(crate) is_extended: bool,
    /// Bytes in a `G` packet's registers.
    pub(crate) register_bytes: usize,
    /// The thread that `c`, `s`, `C` and `S` are about.
    pub(crate) thread: u32,
    /// It is lldb.
    pub(crate) is_lldb: bool,
    /// It is shown a persona with frames and variables by index.
    pub(crate) has_wasm_frames: bool,
}

/// Judges one packet.
pub(crate) fn judge(body: &[u8], dialect: Dialect) -> Verdict {
    let Some((&first, rest)) = body.split_first() else { return Verdict::Unsupported };
    if dialect.is_lldb
        && let Some(verdict) = lldb::judge(body, dialect)
    {
        return verdict;
    }
    match first {
        b'q' | b'Q' => query(body, dialect),
        b'v' => verb(body, dialect),
        b'?' if rest.is_empty() => Verdict::Own(Own::StopReason),
        b'!' | b'g' if rest.is_empty() => forward(body),
        b'k' if rest.is_empty() => Verdict::Own(Own::Kill),
        b'g' | b'?' | b'!' | b'k' => Verdict::Malformed,
        b'D' => detach(rest),
        b'm' | b'x' => read_memory(first, rest),
        b'M' | b'X' => write_memory(first, rest),
        b'p' => parsed(hex::number(rest).map(|number| Verdict::Own(Own::ReadRegister(number)))),
        b'P' => parsed(write_register(rest).then(|| forward(body))),
        b'G' => {
            let fits = hex::bytes(rest).is_some_and(|bytes| bytes.len() == dialect.register_bytes);
            parsed(fits.then(|| forward(body)))
        }
        b'H' => parsed(set_thread(body, rest)),
        b'T' => parsed(thread(rest).filter(|thread| thread.is_one()).map(|_| forward(body))),
        b'c' | b'C' | b's' | b'S' => resume(first, rest, dialect.thread),
        b'z' | b'Z' => breakpoint(first, rest),
        b'R' if dialect.is_extended => parsed(hex::number(rest).map(|_| forward(body))),
        _ => Verdict::Unsupported,
    }
}

fn forward(body: &[u8]) -> Verdict {
    Verdict::Forward(body.to_vec())
}

/// A packet that parsed, or one that makes no sense.
fn parsed(verdict: Option<Verdict>) -> Verdict {
    verdict.unwrap_or(Verdict::Malformed)
}

/// `D` and `D;pid`. `D1`, lldb's "detach and keep stopped", is another packet, and gdbstub would take it for a `D`.
fn detach(rest: &[u8]) -> Verdict {
    match rest {
        [] => Verdict::Forward(b"D".to_vec()),
        [b';', pid @ ..] => {
            parsed(hex::number(pid).filter(|&pid| pid != 0).map(|_| Verdict::Forward(b"D".to_vec())))
        }
        _ => Verdict::Unsupported,
    }
}

/// `m address,length` and `x address,length`. A length that no reply could carry is cut: the client asks again.
fn read_memory(kind: u8, rest: &[u8]) -> Verdict {
    const LONGEST: u64 = (PACKET_SIZE / 2) as u64;
    let mut fields = Fields::new(rest);
    let range = fields.number(b',').zip(fields.last_number());
    parsed(range.map(|(address, length)| {
        // Nothing lives at the end of the address space, and the last byte is as good as the one before it.
        let address = address.min(u64::MAX - 1);
        let length = length.min(LONGEST).min(u64::MAX - address);
        Verdict::Own(match kind {
            b'x' => Own::ReadBinary { address, length },
            _ => Own::ReadHex { address, length },
        })
    }))
}

/// `M address,length:hex` and `X address,length:binary`, whose lengths must agree with their data.
fn write_memory(kind: u8, rest: &[u8]) -> Verdict {
    let mut fields = Fields::new(rest);
    let Some((address, length)) = fields.number(b',').zip(fields.number(b':')) else {
        return Verdict::Malformed;
    };
    let data = if kind == b'M' { hex::bytes(fields.rest()) } else { unescape(fields.rest()) };
    let fits = data.is_some_and(|data| crate::int::wide(data.len()) == length)
        && address.checked_add(length).is_some();
    let mut body = vec![kind];
    body.extend_from_slice(format!("{address:x},{length:x}:").as_bytes());
    body.extend_from_slice(fields.rest());
    parsed(fits.then_some(Verdict::Forward(body)))
}

/// `P n=hex`.
fn write_register(rest: &[u8]) -> bool {
    let mut fields = Fields::new(rest);
    fields.number(b'=').is_some() && hex::bytes(fields.rest()).is_some_and(|bytes| !bytes.is_empty())
}

/// `Hg thread` and `Hc thread`. "All threads" is no thread to read from, and ends gdbstub's session.
fn set_thread(body: &[u8], rest: &[u8]) -> Option<Verdict> {
    match rest.split_first()? {
        (b'g', id) => thread(id).filter(|&thread| thread != Thread::All).map(|_| forward(body)),
        (b'c', id) => thread(id).map(|thread| Verdict::Own(Own::SelectResumed(thread))),
        _ => None,
    }
}

/// `c`, `s`, `C sig`, `S sig`: the old spellings of `vCont`. Going on elsewhere (`c address`) is not possible.
fn resume(kind: u8, rest: &[u8], thread: u32) -> Verdict {
    match (kind, rest) {
        (b'c', []) => Verdict::Forward(b"vCont;c".to_vec()),
        (b's', []) => Verdict::Forward(format!("vCont;s:{thread:x};c").into_bytes()),
        (b'C' | b'S', signal) => parsed(
            hex::number(signal).and_then(|signal| u8::try_from(signal).ok()).map(|signal| match kind {
                b'C' => Verdict::Forward(format!("vCont;C{signal:02x}:{thread:x};c").into_bytes()),
                _ => Verdict::Forward(format!("vCont;S{signal:02x}:{thread:x};c").into_bytes()),
            }),
        ),
        _ => Verdict::Malformed,
    }
}

/// `Z type,address,kind`, after that conditions, and `cmds:persist,` with commands. Whether commands are to persist when the
/// client leaves is not looked at: its breakpoints do not.
fn breakpoint(letter: u8, rest: &[u8]) -> Verdict {
    let mut fields = Fields::new(rest);
    match fields.number(b',') {
        Some(0 | 1) => {}
        Some(number) => return watch::packet(letter, number, &mut fields),
        None => return Verdict::Malformed,
    }
    let Some(address) = fields.number(b',') else { return Verdict::Malformed };
    let (kind, rest_of_it) = match fields.text(b';') {
        Some(kind) => (kind, fields.rest()),
        None => (fields.rest(), b"".as_slice()),
    };
    let (conditions, commands) = split_commands(rest_of_it);
    let expressions = parse_expressions(conditions).zip(commands.map_or(Some(Vec::new()), parse_expressions));
    let fits = hex::number(kind).is_some_and(|size| size <= 16);
    match expressions {
        Some((conditions, commands)) if fits && conditions.is_empty() && commands.is_empty() => {
            let end = rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len());
            let mut body = vec![letter];
            body.extend_from_slice(rest.get(..end).unwrap_or_default());
            Verdict::Forward(body)
        }
        Some((conditions, commands)) if fits && letter == b'Z' => {
            Verdict::Own(Own::BreakIf { address, conditions, commands })
        }
        _ => Verdict::Malformed,
    }
}

/// What comes before `cmds:persist,`, and what after it.
fn split_commands(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    const MARK: &[u8] = b"cmds:";
    let Some(at) = text.windows(MARK.len()).position(|window| window == MARK) else { return (text, None) };
    let (before, after) = text.split_at_checked(at).unwrap_or((text, b""));
    let commands = after.get(MARK.len()..).and_then(|flag| match flag {
        [b'0' | b'1', b',', commands @ ..] => Some(commands),
        _ => None,
    });
    // What is no list of expressions is refused as one.
    (before.strip_suffix(b";").unwrap_or(before), Some(commands.unwrap_or(MARK)))
}

/// `Xlength,hex` for each expression, one after the other or with semicolons between.
fn parse_expressions(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut expressions = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut fields = Fields::new(rest.strip_prefix(b"X")?);
        let digits = crate::int::index(fields.number(b',')?).checked_mul(2)?;
        let (expression, after) = fields.rest().split_at_checked(digits)?;
        expressions.push(hex::bytes(expression)?);
        rest = after.strip_prefix(b";").unwrap_or(after);
    }
    Some(expressions)
}

fn query(body: &[u8], dialect: Dialect) -> Verdict {
    if !dialect.is_lldb
        && let Some(request) = trace::packets::parse(body)
    {
        return parsed(request.map(|request| Verdict::Own(Own::Trace(request))));
    }
    let (name, arguments) = validate::name_and_arguments(body);
    match (name, arguments) {
        (b"qSupported", features) => Verdict::Forward(validate::clean_features(features, dialect.is_lldb)),
        (b"QStartNoAckMode", b"") => Verdict::Own(Own::StartNoAckMode),
        // The modules say where they are; lldb would move its executable to where this says.
        (b"qOffsets", b"") if dialect.has_wasm_frames => Verdict::Unsupported,
        (b"qfThreadInfo" | b"qsThreadInfo" | b"qOffsets" | b"qAttached", b"") => forward(body),
        (b"qAttached", pid) => parsed(validate::process(pid).then(|| forward(body))),
        (b"qC", b"") => Verdict::Own(Own::CurrentThread),
        (b"qThreadExtraInfo", id) => {
            parsed(id.strip_prefix(b",").and_then(thread).filter(|id| id.is_one()).map(|_| forward(body)))
        }
        (b"qRcmd", command) => parsed(command.strip_prefix(b",").and_then(hex::bytes).map(|_| forward(body))),
        (b"qSearch", rest) => search(rest),
        (b"qMemoryRegionInfo", b":" | b"") => Verdict::Own(Own::KnowsRegions),
        (b"qMemoryRegionInfo", address) => {
            let address = address.strip_prefix(b":").and_then(hex::number);
            parsed(address.map(|address| Verdict::Own(Own::Region(address))))
        }
        (b"qWatchpointSupportInfo", b":" | b"") => Verdict::Own(Own::WatchpointLimit),
        (b"qXfer", rest) => transfer(rest, dialect),
        _ => Verdict::Unsupported,
    }
}

/// `qSearch:memory:address;length;pattern`.
fn search(rest: &[u8]) -> Verdict {
    let Some(rest) = rest.strip_prefix(b":memory:") else { return Verdict::Unsupported };
    let mut fields = Fields::new(rest);
    let range = fields.number(b';').zip(fields.number(b';'));
    parsed(range.and_then(|(address, length)| {
        Some(Verdict::Own(Own::Search { address, length, pattern: unescape(fields.rest())? }))
    }))
}

/// `qXfer:object:read:annex:offset,length`.
fn transfer(rest: &[u8], dialect: Dialect) -> Verdict {
    let mut fields = Fields::new(rest);
    let (_, Some(object), Some(b"read")) = (fields.text(b':'), fields.text(b':'), fields.text(b':')) else {
        return Verdict::Unsupported;
    };
    let annex = fields.text(b':');
    let window = fields.number(b',').zip(fields.last_number());
    let Some((annex, (offset, length))) = annex.zip(window) else { return Verdict::Malformed };
    let is_process = annex.is_empty() || hex::number(annex).is_some_and(|pid| pid != 0);
    let document = match (object, annex) {
        (b"features", b"target.xml") => Document::Description,
        (b"exec-file", _) if is_process => Document::ExecFile,
        (b"threads", b"") => Document::Threads,
        (b"libraries", b"") if dialect.has_wasm_frames || !dialect.is_lldb => Document::Libraries,
        (b"traceframe-info", b"") if !dialect.is_lldb => Document::TraceFrame,
        (b"features" | b"exec-file" | b"threads", _) => return Verdict::Malformed,
        _ => return Verdict::Unsupported,
    };
    Verdict::Own(Own::Read { document, offset, length })
}

fn verb(body: &[u8], dialect: Dialect) -> Verdict {
    if let Some(operation) = body.strip_prefix(b"vFile:") {
        return validate::host_io(operation)
            .map_or(Verdict::Unsupported, |fits| parsed(fits.then(|| forward(body))));
    }
    let (name, arguments) = validate::name_and_arguments(body);
    match (name, arguments) {
        (b"vCont", b"?") => forward(body),
        (b"vCont", actions) => parsed(validate::resume_actions(actions).then(|| forward(body))),
        (b"vKill", pid) => parsed(validate::process(pid).then(|| forward(body))),
        (b"vRun", arguments) if dialect.is_extended => {
            parsed(validate::run(arguments).then(|| forward(body)))
        }
        (b"vRun" | b"vAttach", _) => Verdict::Malformed,
        _ => Verdict::Unsupported,
    }
}

#[cfg(test)]
mod tests;
