//! Breakpoints as they were asked for, and the program points that they slipped to.

use crate::catch::Catch;
use crate::inspect::Paused;
use crate::watch::WatchRequests;
use frame_table::ModulePc;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// What has to be so for a breakpoint to stop the guest. It is asked on the guest's thread at every hit.
pub trait Condition: Debug + Send + Sync {
    /// Whether the guest stops.
    fn holds(&self, paused: &mut Paused<'_>) -> bool;
}

/// What was asked for, for all stores of a guest. Each store has code of its own, and is armed by its own thread: see
/// [`Breakpoints::missing`].
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// By (module, PC).
    all: BTreeMap<(usize, ModulePc), Option<Arc<dyn Condition>>>,
    /// By `module.name` of the host function that is called.
    host_calls: BTreeMap<String, Option<Arc<dyn Condition>>>,
    pub(crate) watch: WatchRequests,
    /// Counts changes of these.
    version: u64,
    /// Which exceptions stop.
    pub(crate) catch: Catch,
    /// Whether every value of every frame is to be there at every stop.
    keeps_everything: bool,
}

impl Requests {
    /// Adds a breakpoint, or gives one that is there another condition.
    pub(crate) fn insert(&mut self, module: usize, pc: ModulePc, condition: Option<Arc<dyn Condition>>) {
        self.version += u64::from(self.all.insert((module, pc), condition).is_none());
    }

    /// Adds a breakpoint on a host function, or gives one that is there another condition.
    pub(crate) fn insert_host_call(&mut self, function: String, condition: Option<Arc<dyn Condition>>) {
        self.version += u64::from(self.host_calls.insert(function, condition).is_none());
    }

    pub(crate) fn remove_host_call(&mut self, function: &str) {
        self.version += u64::from(self.host_calls.remove(function).is_some());
    }

    /// The condition of a breakpoint on a host function, if it has one.
    pub(crate) fn host_call_condition(&self, function: &str) -> Option<Arc<dyn Condition>> {
        self.host_calls.get(function)?.clone()
    }

    /// The host functions that have breakpoints.
    pub(crate) fn host_calls(&self) -> impl Iterator<Item = &String> {
        self.host_calls.keys()
    }

    pub(crate) fn remove(&mut self, module: usize, pc: ModulePc) {
        self.version += u64::from(self.all.remove(&(module, pc)).is_some());
    }

    /// The condition of a breakpoint, if it has one.
    pub(crate) fn condition(&self, module: usize, pc: ModulePc) -> Option<Arc<dyn Condition>> {
        self.all.get(&(module, pc))?.clone()
    }

    pub(crate) fn keep_everything(&mut self, keeps: bool) {
        self.version += u64::from(self.keeps_everything != keeps);
        self.keeps_everything = keeps;
    }

    pub(crate) fn keeps_everything(&self) -> bool {
        self.keeps_everything
    }

    pub(crate) fn clear(&mut self) {
        self.version += u64::from(!self.all.is_empty() || !self.host_calls.is_empty());
        self.all.clear();
        self.host_calls.clear();
    }

    pub(crate) fn contains(&self, module: usize, pc: ModulePc) -> bool {
        self.all.contains_key(&(module, pc))
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
    /// (module, program point) to the PCs that were asked for and stop there, none of them twice; the highest comes first.
    points: BTreeMap<(usize, ModulePc), Vec<ModulePc>>,
}

impl Breakpoints {
    /// Notes a request. True if its point had none before.
    pub(crate) fn add(&mut self, module: usize, requested: ModulePc, point: ModulePc) -> bool {
        self.requested.insert((module, requested), point);
        let requests = self.points.entry((module, point)).or_default();
        if !requests.contains(&requested) {
            requests.push(requested);
            requests.sort_unstable_by_key(|pc| std::cmp::Reverse(*pc));
        }
        requests.len() == 1
    }

    /// Forgets a request. The point is returned if nothing asks for it any more.
    pub(crate) fn remove(&mut self, module: usize, requested: ModulePc) -> Option<ModulePc> {
        let point = self.requested.remove(&(module, requested))?;
        let requests = self.points.get_mut(&(module, point))?;
        requests.retain(|pc| *pc != requested);
        if requests.is_empty() {
            self.points.remove(&(module, point));
            return Some(point);
        }
        None
    }

    /// The requests that stop at `point`: the one for that very PC, then those nearest before it. The first is reported.
    pub(crate) fn requests_at(&self, module: usize, point: ModulePc) -> &[ModulePc] {
        self.points.get(&(module, point)).map_or(&[], Vec::as_slice)
    }

    /// What was asked for and is not here, in modules below `modules`.
    pub(crate) fn missing(&self, requests: &Requests, modules: usize) -> Vec<(usize, ModulePc)> {
        let known = requests.all.keys().filter(|(module, _)| *module < modules);
        known.filter(|request| !self.requested.contains_key(request)).copied().collect()
    }

    /// What is here and no longer asked for.
    pub(crate) fn outdated(&self, requests: &Requests) -> Vec<(usize, ModulePc)> {
        self.requested.keys().filter(|request| !requests.all.contains_key(request)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(breakpoints: &Breakpoints, module: usize, point: ModulePc) -> Option<ModulePc> {
        breakpoints.requests_at(module, point).first().copied()
    }

    #[test]
    fn a_point_is_reported_as_the_request_that_slipped_to_it() {
        let mut breakpoints = Breakpoints::default();
        assert!(breakpoints.add(0, ModulePc(8), ModulePc(10)));
        assert_eq!(reported(&breakpoints, 0, ModulePc(10)), Some(ModulePc(8)));
        assert!(!breakpoints.add(0, ModulePc(10), ModulePc(10)));
        assert_eq!(reported(&breakpoints, 0, ModulePc(10)), Some(ModulePc(10)));
        assert_eq!(reported(&breakpoints, 1, ModulePc(10)), None);
        assert_eq!(breakpoints.remove(0, ModulePc(10)), None);
        assert_eq!(breakpoints.remove(0, ModulePc(8)), Some(ModulePc(10)));
    }
}
