//! The seam that a debugger uses, without a debugger: frames, traps, watchpoints, writing, breakpoints.

mod breakpoints;
mod fixture;
mod frames;
mod sharing;
mod traps;
mod values;
mod watch;
mod watch_locals;
mod watch_shared;
mod write;

/// The tiers of most tests.
const TIERS: runtime::Tiers = runtime::Tiers::Debug;
