//! Parsers that say whether gdbstub will take a packet. They are stricter than the protocol where gdbstub is fragile.

use crate::hex;

/// A thread id: `p1.1`, `1`, `0` (any) or `-1` (all).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thread {
    /// Every thread.
    All,
    /// Any one; the stub chooses.
    Any,
    /// This one.
    One(u64),
}

impl Thread {
    /// Whether it names one thread.
    pub(crate) fn is_one(self) -> bool {
        matches!(self, Self::One(_))
    }
}

/// Parses a thread id. The process in it may be any; there is only one.
pub(crate) fn thread(text: &[u8]) -> Option<Thread> {
    let Some(text) = text.strip_prefix(b"p") else { return thread_number(text) };
    let mut parts = text.splitn(2, |&byte| byte == b'.');
    thread_number(parts.next()?)?;
    parts.next().map_or(Some(Thread::All), thread_number)
}

fn thread_number(text: &[u8]) -> Option<Thread> {
    match text {
        b"-1" => Some(Thread::All),
        b"0" => Some(Thread::Any),
        // Only `0` itself means "any" to gdbstub; `00` would be an id of zero, which it refuses.
        _ => hex::number(text).filter(|&id| id != 0).map(Thread::One),
    }
}

/// A packet cut at its separators, from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Everything up to the next `end`, which must be there and is dropped.
    pub(super) fn text(&mut self, end: u8) -> Option<&'a [u8]> {
        let at = self.rest.iter().position(|&byte| byte == end)?;
        let (field, rest) = self.rest.split_at_checked(at)?;
        self.rest = rest.get(1..)?;
        Some(field)
    }

    /// A number up to the next `end`.
    pub(super) fn number(&mut self, end: u8) -> Option<u64> {
        hex::number(self.text(end)?)
    }

    /// All that is left, as a number.
    pub(super) fn last_number(&self) -> Option<u64> {
        hex::number(self.rest)
    }

    /// All that is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// Splits a long packet after the letters and digits of its name: `qXfer` and `:features...`.
pub(super) fn name_and_arguments(body: &[u8]) -> (&[u8], &[u8]) {
    let length = body.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    body.split_at_checked(length).unwrap_or((body, b""))
}

/// `:pid` or `;pid`.
pub(super) fn process(arguments: &[u8]) -> bool {
    let pid = arguments.split_first().filter(|(separator, _)| matches!(separator, b':' | b';'));
    pid.and_then(|(_, pid)| hex::number(pid)).is_some_and(|pid| pid != 0)
}

/// `qSupported` with the features that are not empty. gdbstub wants at least one. lldb says that it knows processes, and
/// does not say it in its packets unless it has to: `;thread:1;` and the like are simpler without.
pub(super) fn clean_features(arguments: &[u8], is_lldb: bool) -> Vec<u8> {
    let features = arguments.strip_prefix(b":").unwrap_or_default();
    let mut body = b"qSupported:".to_vec();
    let is_dropped = |feature: &[u8]| feature.is_empty() || (is_lldb && feature == b"multiprocess+");
    let kept = features.split(|&byte| byte == b';').filter(|feature| !is_dropped(feature));
    for (number, feature) in kept.enumerate() {
        if number > 0 {
            body.push(b';');
        }
        body.extend_from_slice(feature);
    }
    if body.ends_with(b":") {
        body.extend_from_slice(b"multiprocess-");
    }
    body
}

/// Whether the client of a `qSupported` has a feature, such as `multiprocess+`.
pub(crate) fn has_feature(body: &[u8], feature: &[u8]) -> bool {
    body.split(|&byte| matches!(byte, b':' | b';')).any(|named| named == feature)
}

/// `;action[:thread]...` of `vCont`, each action one that gdbstub takes. Stepping needs one thread.
pub(super) fn resume_actions(arguments: &[u8]) -> bool {
    let Some(actions) = arguments.strip_prefix(b";") else { return false };
    actions.split(|&byte| byte == b';').all(|action| {
        let mut parts = action.splitn(2, |&byte| byte == b':');
        let kind = parts.next().unwrap_or_default();
        let target = match parts.next() {
            None => Some(Thread::All),
            Some(id) => thread(id),
        };
        let Some(target) = target else { return false };
        match kind.split_first() {
            Some((b'c', [])) => true,
            Some((b's', [])) => target.is_one(),
            Some((b'C', signal)) => is_signal(signal),
            Some((b'S', signal)) => is_signal(signal) && target.is_one(),
            Some((b'r', range)) => {
                let mut fields = Fields::new(range);
                target.is_one() && fields.number(b',').zip(fields.last_number()).is_some()
            }
            _ => false,
        }
    })
}

fn is_signal(text: &[u8]) -> bool {
    hex::number(text).is_some_and(|signal| u8::try_from(signal).is_ok())
}

/// `;filename;argument...` of `vRun`, all in hexadecimal.
pub(super) fn run(arguments: &[u8]) -> bool {
    let Some(arguments) = arguments.strip_prefix(b";") else { return false };
    arguments.split(|&byte| byte == b';').all(|argument| hex::bytes(argument).is_some())
}

/// What follows `vFile:`. None for operations that we do not have.
pub(super) fn host_io(operation: &[u8]) -> Option<bool> {
    /// The flags and mode bits that the protocol defines; gdbstub ends the session on any other.
    const FLAGS: u64 = 0x1 | 0x2 | 0x8 | 0x200 | 0x400 | 0x800;
    const MODE: u64 = 0o170_777;
    let mut fields = Fields::new(operation);
    let name = fields.text(b':')?;
    let is_descriptor = |number: u64| u32::try_from(number).is_ok();
    match name {
        b"open" => {
            let path = fields.text(b',').and_then(hex::bytes);
            let flags = fields.number(b',').filter(|flags| flags & !FLAGS == 0);
            let mode = fields.last_number().filter(|mode| mode & !MODE == 0);
            // gdbstub knows the kinds "regular file" and "directory" only.
            let kind =
                mode.map(|mode| mode & 0o170_000).filter(|kind| matches!(kind, 0 | 0o100_000 | 0o40_000));
            Some(path.is_some() && flags.is_some() && kind.is_some())
        }
        b"pread" => {
            let descriptor = fields.number(b',').filter(|&number| is_descriptor(number));
            Some(descriptor.is_some() && fields.number(b',').is_some() && fields.last_number().is_some())
        }
        b"close" | b"fstat" => Some(fields.last_number().is_some_and(is_descriptor)),
        b"setfs" => Some(fields.last_number().is_some()),
        _ => None,
    }
}
