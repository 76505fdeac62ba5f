//! Runs a case in all ways and compares what they show.

use crate::case::Case;
use crate::modes::{Mode, Runtimes, Unrun};
use crate::outcome::Outcome;
use crate::reference;

/// What was done.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) modules: u64,
    pub(crate) compared_with_reference: u64,
    pub(crate) calls: u64,
    pub(crate) steps: u64,
    pub(crate) values: u64,
    /// Cases whose outcome depends on how much stack there is.
    pub(crate) exhausted: u64,
    /// Cases that an engine does not support.
    pub(crate) unsupported: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.modules += other.modules;
        self.compared_with_reference += other.compared_with_reference;
        self.calls += other.calls;
        self.steps += other.steps;
        self.values += other.values;
        self.exhausted += other.exhausted;
        self.unsupported += other.unsupported;
    }
}

/// Runs a case in all ways.
///
/// # Errors
/// What differs.
pub(crate) fn compare(case: &Case, runtimes: &Runtimes, tally: &mut Tally) -> Result<(), String> {
    let mut outcomes: Vec<(String, Outcome)> = Vec::new();
    for mode in Mode::ALL {
        match runtimes.run(mode, case) {
            Ok((outcome, seen)) => {
                tally.steps += seen.steps;
                tally.values += seen.values;
                if let Some(complaint) = seen.complaint {
                    return Err(format!("{mode:?}: {complaint}"));
                }
                outcomes.push((format!("{mode:?}"), outcome));
            }
            Err(Unrun::Unsupported) => {
                tally.unsupported += 1;
                return Ok(());
            }
            Err(Unrun::Failed(why)) => return Err(format!("{mode:?}: {why}")),
        }
    }
    tally.modules += 1;
    tally.calls += outcomes.iter().map(|(_, outcome)| outcome.num_calls()).sum::<u64>();
    if outcomes.iter().any(|(_, outcome)| outcome.is_exhausted()) {
        tally.exhausted += 1;
        return Ok(());
    }
    let Some((first, others)) = outcomes.split_first() else { return Ok(()) };
    for (name, other) in others {
        if let Some(difference) = first.1.difference(other) {
            return Err(format!("{} and {name}: {difference}", first.0));
        }
    }
    if case.for_reference {
        match reference::run(case) {
            Ok(reference) if reference.is_exhausted() => tally.exhausted += 1,
            Ok(reference) => {
                tally.compared_with_reference += 1;
                tally.calls += reference.num_calls();
                if let Some(difference) = first.1.generalised().difference(&reference.generalised()) {
                    return Err(format!("{} and wasmi: {difference}", first.0));
                }
            }
            Err(why) => return Err(format!("wasmi refuses the module: {why}")),
        }
    }
    Ok(())
}
