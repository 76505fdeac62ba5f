//! The sessions of lldb, by what the person at its prompt wants.

mod breakpoints;
mod elf;
mod exceptions;
mod frames;
mod host;
mod languages;
mod libraries;
mod machine;
mod memory;
mod modules;
mod old;
mod optimised;
mod start;
mod steps;
mod threads;
mod traps;
mod values;
mod watchpoints;
mod without_debug_info;

use tests::lldb::Lldb;

use crate::session::Session;

/// Every session of lldb.
pub(crate) const ALL: &[&[Session]] = &[
    start::SESSIONS,
    breakpoints::SESSIONS,
    frames::SESSIONS,
    values::SESSIONS,
    steps::SESSIONS,
    host::SESSIONS,
    machine::SESSIONS,
    traps::SESSIONS,
    exceptions::SESSIONS,
    threads::SESSIONS,
    watchpoints::SESSIONS,
    memory::SESSIONS,
    modules::SESSIONS,
    libraries::SESSIONS,
    languages::SESSIONS,
    optimised::SESSIONS,
    elf::SESSIONS,
    old::SESSIONS,
    without_debug_info::SESSIONS,
];

/// Why `step` into a function and the end of `finish` differ: what stock lldb cannot do with Wasm.
const NO_ABI: &str = "lldb has no calling convention of Wasm";

/// Why the frames below `main` differ.
const BELOW_MAIN: &str = "what calls main is the system's";

/// Connects and runs to a breakpoint at `mark`, which is gone then.
#[track_caller]
fn run_to(lldb: &mut Lldb, mark: &str) {
    lldb.connect();
    lldb.go(&format!("tbreak {{{mark}}}")).names(mark);
    lldb.go("continue").has("stop reason = one-shot breakpoint 1").at(mark);
}
