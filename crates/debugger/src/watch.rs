//! Watchpoints of a guest: each store of it, one a thread, watches the same places.

use crate::error::Error;
use crate::inspect::Paused;
use runtime::{Store, WatchAccess, WatchHit, WatchId, WatchTarget};
use std::collections::BTreeMap;

/// Names a watchpoint of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchpointId(pub u32);

/// An access to a watched place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The watchpoint.
    pub watchpoint: WatchpointId,
    /// What it watches.
    pub target: WatchTarget,
    /// Which accesses it stops for.
    pub stops_for: WatchAccess,
    /// What was done, by which operator, and what is there.
    pub access: WatchHit,
}

/// What was asked for, for all stores of a guest.
#[derive(Debug, Default)]
pub(crate) struct WatchRequests {
    all: BTreeMap<WatchpointId, (WatchTarget, WatchAccess)>,
    next: u32,
}

impl WatchRequests {
    /// Whether any of the accesses is to something that is still watched.
    pub(crate) fn contain_any(&self, watched: &[Watched]) -> bool {
        let is_asked_for = |one: &Watched| self.all.values().any(|all| *all == (one.target, one.stops_for));
        watched.iter().any(is_asked_for)
    }

    fn insert(&mut self, target: WatchTarget, access: WatchAccess) -> WatchpointId {
        let id = WatchpointId(self.next);
        self.next += 1;
        self.all.insert(id, (target, access));
        id
    }
}

/// The watchpoints that a store has.
#[derive(Debug, Default)]
pub(crate) struct Watchpoints {
    here: BTreeMap<WatchId, (WatchpointId, WatchTarget, WatchAccess)>,
}

impl Watchpoints {
    /// Makes a store watch what was asked for, as far as it has that.
    pub(crate) fn agree(&mut self, requests: &WatchRequests, store: &mut Store) {
        // First what is new: while a store watches anything at all, more costs nothing.
        for (request, (target, access)) in &requests.all {
            if self.here.values().any(|(here, ..)| here == request) {
                continue;
            }
            match store.add_watchpoint(*target, *access) {
                Ok(id) => {
                    self.here.insert(id, (*request, *target, *access));
                }
                // Whoever asked was told so by the store that it asked.
                Err(error) => tracing::debug!(?target, %error, "nothing to watch here"),
            }
        }
        self.here.retain(|id, (request, ..)| {
            let stays = requests.all.contains_key(request);
            stays || {
                store.remove_watchpoint(*id);
                false
            }
        });
    }

    /// What a store says, in the guest's numbers.
    pub(crate) fn reported(&self, hits: Vec<WatchHit>) -> Vec<Watched> {
        let known = |access: WatchHit| {
            let (watchpoint, target, stops_for) = *self.here.get(&access.id)?;
            Some(Watched { watchpoint, target, stops_for, access })
        };
        hits.into_iter().filter_map(known).collect()
    }
}

impl Paused<'_> {
    /// A local of a frame of this thread as something to watch; frame 0 is the innermost.
    ///
    /// # Errors
    /// When there is no such frame.
    pub fn local_target(&self, frame: usize, index: u32) -> Result<WatchTarget, Error> {
        Ok(WatchTarget::Local { frame: self.frame(frame)?.address(), index })
    }

    /// Watches a range of a memory or a global, in every thread's instance of that number, or a local of this thread.
    /// For a global the guest runs much slower: every operator on globals is looked at. For a local its function does.
    ///
    /// # Errors
    /// When the guest has no such place.
    pub fn add_watchpoint(
        &mut self,
        target: WatchTarget,
        access: WatchAccess,
    ) -> Result<WatchpointId, Error> {
        self.store().can_watch(target)?;
        let mut requests = self.debugger().requests();
        requests.changed();
        Ok(requests.watch.insert(target, access))
    }

    /// Stops watching. False if there is no such watchpoint.
    pub fn remove_watchpoint(&mut self, watchpoint: WatchpointId) -> bool {
        let mut requests = self.debugger().requests();
        requests.changed();
        requests.watch.all.remove(&watchpoint).is_some()
    }

    /// Stops watching anything.
    pub fn clear_watchpoints(&mut self) {
        let mut requests = self.debugger().requests();
        requests.changed();
        requests.watch.all.clear();
    }

    /// All watchpoints.
    #[must_use]
    pub fn watchpoints(&self) -> Vec<(WatchpointId, WatchTarget, WatchAccess)> {
        let requests = self.debugger().requests();
        requests.watch.all.iter().map(|(id, (target, access))| (*id, *target, *access)).collect()
    }
}
