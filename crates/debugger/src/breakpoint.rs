//! Breakpoints as they were asked for, and the program points that they slipped to.

use crate::catch::Catch;
use crate::watch::WatchRequests;
use frame_table::ModulePc;
use std::collections::{BTreeMap, BTreeSet};

/// What was asked for, for all stores of a guest. Each store has code of its own, and is armed by its own thread: see
/// [`Breakpoints::missing`].
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// (module, PC).
    all: BTreeSet<(usize, ModulePc)>,
    pub(crate) watch: WatchRequests,
    /// Counts changes of these.
    version: u64,
    /// Which exceptions stop.
    pub(crate) catch: Catch,
    /// Whether every value of every frame is to be there at every stop.
    keeps_everything: bool,
}

impl Requests {
    pub(crate) fn insert(&mut self, module: usize, pc: ModulePc) {
        self.version += u64::from(self.all.insert((module, pc)));
    }

    pub(crate) fn remove(&mut self, module: usize, pc: ModulePc) {
        self.version += u64::from(self.all.remove(&(module, pc)));
    }

    pub(crate) fn keep_everything(&mut self, keeps: bool) {
        self.version += u64::from(self.keeps_everything != keeps);
        self.keeps_everything = keeps;
    }

    pub(crate) fn keeps_everything(&self) -> bool {
        self.keeps_everything
    }

    pub(crate) fn clear(&mut self) {
        self.version += u64::from(!self.all.is_empty());
        self.all.clear();
    }

    pub(crate) fn contains(&self, module: usize, pc: ModulePc) -> bool {
        self.all.contains(&(module, pc))
    }

    /// Something else than a breakpoint was changed.
    pub(crate) fn changed(&mut self) {
        self.version += 1;
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

/// The requests that a store knows of, by module, each with the program point where it stops.
#[derive(Debug, Default)]
pub(crate) struct Breakpoints {
    /// (module, requested PC) to the program point.
    requested: BTreeMap<(usize, ModulePc), ModulePc>,
}

impl Breakpoints {
    /// Notes a request. True if its point had none before.
    pub(crate) fn add(&mut self, module: usize, requested: ModulePc, point: ModulePc) -> bool {
        let first = !self.stops_at(module, point);
        self.requested.insert((module, requested), point);
        first
    }

    /// Forgets a request. The point is returned if nothing asks for it any more.
    pub(crate) fn remove(&mut self, module: usize, requested: ModulePc) -> Option<ModulePc> {
        let point = self.requested.remove(&(module, requested))?;
        (!self.stops_at(module, point)).then_some(point)
    }

    /// Whether a request stops at `point`.
    fn stops_at(&self, module: usize, point: ModulePc) -> bool {
        self.reported(module, point).is_some()
    }

    /// The request to report for a stop at `point`: the one for that very PC, else the nearest before it.
    pub(crate) fn reported(&self, module: usize, point: ModulePc) -> Option<ModulePc> {
        let before = self.requested.range((module, ModulePc(0))..=(module, point));
        before.rev().find(|(_, stops_at)| **stops_at == point).map(|((_, requested), _)| *requested)
    }

    /// What was asked for and is not here, in modules below `modules`.
    pub(crate) fn missing(&self, requests: &Requests, modules: usize) -> Vec<(usize, ModulePc)> {
        let known = requests.all.iter().filter(|(module, _)| *module < modules);
        known.filter(|request| !self.requested.contains_key(request)).copied().collect()
    }

    /// What is here and no longer asked for.
    pub(crate) fn outdated(&self, requests: &Requests) -> Vec<(usize, ModulePc)> {
        self.requested.keys().filter(|request| !requests.all.contains(request)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_reported_as_the_request_that_slipped_to_it() {
        let mut breakpoints = Breakpoints::default();
        assert!(breakpoints.add(0, ModulePc(8), ModulePc(10)));
        assert_eq!(breakpoints.reported(0, ModulePc(10)), Some(ModulePc(8)));
        assert!(!breakpoints.add(0, ModulePc(10), ModulePc(10)));
        assert_eq!(breakpoints.reported(0, ModulePc(10)), Some(ModulePc(10)));
        assert_eq!(breakpoints.reported(1, ModulePc(10)), None);
        assert_eq!(breakpoints.remove(0, ModulePc(10)), None);
        assert_eq!(breakpoints.remove(0, ModulePc(8)), Some(ModulePc(10)));
    }
}
