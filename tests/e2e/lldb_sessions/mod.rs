//! The sessions of lldb, by what the person at its prompt wants.

mod elf;
mod memory;
mod steps;
mod watchpoints;

use crate::session::Session;

/// Every session of lldb.
pub(crate) const ALL: &[&[Session]] =
    &[elf::SESSIONS, steps::SESSIONS, watchpoints::SESSIONS, memory::SESSIONS];
