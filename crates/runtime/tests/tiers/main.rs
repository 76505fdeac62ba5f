//! Both tiers: the tests of the seam that a debugger uses, of code that changes its tier when it is needed; and tests of
//! changing.

#[path = "../debug/breakpoints.rs"]
mod breakpoints;
#[path = "../debug/fixture.rs"]
mod fixture;
#[path = "../debug/frames.rs"]
mod frames;
mod guards;
mod kept;
mod optimized;
#[path = "../debug/sharing.rs"]
mod sharing;
mod switching;
#[path = "../debug/traps.rs"]
mod traps;
#[path = "../debug/values.rs"]
mod values;
#[path = "../debug/watch.rs"]
mod watch;
#[path = "../debug/watch_locals.rs"]
mod watch_locals;
#[path = "../debug/watch_shared.rs"]
mod watch_shared;
#[path = "../debug/write.rs"]
mod write;

/// The tiers of most tests.
const TIERS: runtime::Tiers = runtime::Tiers::Automatic;
