//! What host functions write to what is watched: found by comparing with what was there before, when they return and
//! whenever somebody else may write while they have not.

use super::{Place, Raw, WatchAccess, WatchHit, WatchId, Watchpoint};
use crate::store::Store;
use crate::unwind::ExitKind;

impl Store {
    /// In a host function, before a debugger looks: what the function wrote until now.
    pub(in crate::debug) fn note_host_writes(&mut self) {
        for id in self.debug.watch.set.keys().copied().collect::<Vec<_>>() {
            let changed = self.debug.watch.set.get(&id).and_then(|watchpoint| self.change_of(watchpoint));
            if let Some((watchpoint, (old, new))) = self.debug.watch.set.get_mut(&id).zip(changed) {
                watchpoint.known = new;
                watchpoint.before_host.get_or_insert(old);
            }
        }
    }

    /// What was there when anybody knew last, and what is there now, if these differ.
    fn change_of(&self, watchpoint: &Watchpoint) -> Option<(Raw, Raw)> {
        match (&watchpoint.shared, watchpoint.place) {
            // No host function knows of a local.
            (_, Place::Local { .. }) => None,
            (Some(shared), _) => {
                let (old, new) = shared.change(|| self.watched_bytes(watchpoint))?;
                Some((Raw::Bytes(old), Raw::Bytes(new)))
            }
            (None, _) => {
                let now = self.watched_value(watchpoint.target)?;
                (watchpoint.known != now).then(|| (watchpoint.known.clone(), now))
            }
        }
    }

    pub(super) fn watched_bytes(&self, watchpoint: &Watchpoint) -> Option<Vec<u8>> {
        match self.watched_value(watchpoint.target)? {
            Raw::Bytes(bytes) => Some(bytes),
            Raw::Bits(_) => None,
        }
    }

    /// Before Wasm code is entered from this exit of the store, or from nowhere.
    pub(crate) fn before_entry(&mut self, exit: Option<ExitKind>) {
        match exit {
            Some(ExitKind::Host(_)) => self.note_host_writes(),
            _ => self.accept_writes(),
        }
    }

    /// After a debugger, or whoever runs before any Wasm code, may have written.
    pub(in crate::debug) fn accept_writes(&mut self) {
        // What another thread's host function wrote to a shared memory meanwhile is not to be lost.
        let wrote = std::mem::take(&mut self.debug.watch.embedder_wrote);
        for id in self.debug.watch.set.keys().copied().collect::<Vec<_>>() {
            let Some(watchpoint) = self.debug.watch.set.get(&id) else { continue };
            if let Some(shared) = watchpoint.shared.as_ref().filter(|_| wrote) {
                shared.accept(|| self.watched_bytes(watchpoint));
            }
            let now = self.watched_value(watchpoint.target);
            if let Some((watchpoint, now)) = self.debug.watch.set.get_mut(&id).zip(now) {
                watchpoint.known = now;
            }
        }
    }

    /// After a host function that Wasm code called: the guest is to stop if it wrote.
    pub(in crate::debug) fn finish_host_call(&mut self) {
        if self.debug.watch.set.is_empty() {
            return;
        }
        self.note_host_writes();
        let Some(frame) = self.innermost_frame() else { return };
        let changed = self.debug.watch.set.iter_mut().filter_map(|(id, one)| {
            let old = one.before_host.take()?;
            (one.access != WatchAccess::Read).then(|| (*id, one.place, old, one.known.clone()))
        });
        let changed: Vec<_> = changed.collect();
        let pc = frame.call.unwrap_or(frame.pc);
        let hit = |(id, place, old, new): (WatchId, Place, Raw, Raw)| {
            let offset = first_difference(&old, &new);
            let (old, new) = (self.shown(place, &old), self.shown(place, &new));
            WatchHit { id, read: false, written: true, offset, pc, by_host: true, old, new }
        };
        let hits: Vec<WatchHit> = changed.into_iter().map(hit).collect();
        if !hits.is_empty() {
            self.expect_hits(&frame, hits, None);
        }
    }
}

/// The first byte that differs.
fn first_difference(old: &Raw, new: &Raw) -> u64 {
    let (Raw::Bytes(old), Raw::Bytes(new)) = (old, new) else { return 0 };
    old.iter().zip(new).position(|(old, new)| old != new).unwrap_or_default() as u64
}
