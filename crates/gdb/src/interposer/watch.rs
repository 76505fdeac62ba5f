//! `Z2`, `Z3`, `Z4` and `z2`, `z3`, `z4`: watchpoints for writes, reads, and both.

use debugger::WatchAccess;

use super::{Fields, Own, Verdict, parsed};

/// Which accesses a watchpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WatchKind {
    /// `Z2`.
    Write,
    /// `Z3`.
    Read,
    /// `Z4`.
    Access,
}

/// A range of addresses to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Watch {
    pub(crate) kind: WatchKind,
    pub(crate) address: u64,
    /// In bytes, at least 1.
    pub(crate) length: u64,
}

impl WatchKind {
    fn of(number: u64) -> Option<Self> {
        match number {
            2 => Some(Self::Write),
            3 => Some(Self::Read),
            4 => Some(Self::Access),
            _ => None,
        }
    }

    /// What a stop reply calls it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Write => "watch",
            Self::Read => "rwatch",
            Self::Access => "awatch",
        }
    }

    /// The same in the debugger's words.
    pub(crate) fn access(self) -> WatchAccess {
        match self {
            Self::Write => WatchAccess::Write,
            Self::Read => WatchAccess::Read,
            Self::Access => WatchAccess::Any,
        }
    }
}

/// The rest of `Z number,address,length`, or of `z`.
pub(super) fn packet(letter: u8, number: u64, fields: &mut Fields<'_>) -> Verdict {
    let Some(kind) = WatchKind::of(number) else { return Verdict::Unsupported };
    let range = fields.number(b',').zip(fields.last_number());
    let range = range.filter(|(address, length)| *length > 0 && address.checked_add(*length).is_some());
    parsed(range.map(|(address, length)| {
        let watch = Watch { kind, address, length };
        Verdict::Own(if letter == b'Z' { Own::Watch(watch) } else { Own::Unwatch(watch) })
    }))
}
