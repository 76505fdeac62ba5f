//! The sessions, by what the person at gdb wants.

mod breakpoints;
mod calls;
mod catch;
mod exceptions;
mod frames;
mod languages;
mod modules;
mod monitor;
mod optimised;
mod returns;
mod start;
mod steps;
mod threads;
mod trace;
mod traps;
mod values;
mod watched_memory;
mod watchpoints;
mod wide;
mod without_debug_info;

use crate::session::Session;

/// Every session.
pub(crate) const ALL: &[&[Session]] = &[
    start::SESSIONS,
    breakpoints::SESSIONS,
    frames::SESSIONS,
    modules::SESSIONS,
    values::SESSIONS,
    calls::SESSIONS,
    steps::SESSIONS,
    threads::SESSIONS,
    returns::SESSIONS,
    trace::SESSIONS,
    traps::SESSIONS,
    catch::SESSIONS,
    exceptions::SESSIONS,
    optimised::SESSIONS,
    monitor::SESSIONS,
    watchpoints::SESSIONS,
    watched_memory::SESSIONS,
    wide::SESSIONS,
    languages::SESSIONS,
    without_debug_info::SESSIONS,
];
