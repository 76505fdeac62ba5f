//! What a debugger is told of a guest's threads.

use std::fmt;

/// A thread of the guest. The first one, which runs the entry, is 1; the others are numbered as they are started, and no
/// number is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadId(pub u32);

impl ThreadId {
    /// The first thread.
    pub const MAIN: Self = Self(1);

    /// The largest number that wasi-threads has room for.
    pub(crate) const LARGEST: u32 = 0x1fff_ffff;
}

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A thread that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Which one.
    pub id: ThreadId,
    /// A number that no other living thread has, from 0 and as small as possible: 0 is the main thread.
    pub ordinal: u32,
    /// It waits to be looked at. While the guest is stopped that is so for all threads but those in a call of the host
    /// that cannot be interrupted.
    pub is_stopped: bool,
}
