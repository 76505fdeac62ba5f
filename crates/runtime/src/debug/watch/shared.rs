//! Watched places of a shared memory: what all stores that watch one know of it together.
//!
//! A store finds what a host function wrote by comparing with what was there before. In a shared memory, threads of other
//! stores write as well, and they tell themselves what they write, if they watch the place too. So one record, of all
//! stores, has what was there last and how many operators are about to write; what differs from it while none is was
//! written by a host function. Which thread's function it was is not known if several run: the first one that returns
//! tells it. A host function that writes at the same time as an operator of another thread goes unnoticed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A range that is watched by one or more stores.
pub(crate) struct SharedPlace {
    start: u64,
    length: u64,
    state: Mutex<State>,
}

struct State {
    /// What was there when anybody knew last.
    known: Vec<u8>,
    /// Operators that have said that they write there, and are not known to have done it.
    writers: usize,
}

/// The watched ranges of a memory.
#[derive(Default)]
pub(crate) struct SharedPlaces(Mutex<Vec<Weak<SharedPlace>>>);

impl SharedPlaces {
    /// The record for a range, which has these bytes if it is a new one.
    pub(super) fn watch(&self, start: u64, length: u64, bytes: &[u8]) -> Arc<SharedPlace> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|place| place.strong_count() > 0);
        let known = places.iter().filter_map(Weak::upgrade);
        let mut same = known.filter(|place| (place.start, place.length) == (start, length));
        same.next().unwrap_or_else(|| {
            let state = Mutex::new(State { known: bytes.to_vec(), writers: 0 });
            let place = Arc::new(SharedPlace { start, length, state });
            places.push(Arc::downgrade(&place));
            place
        })
    }
}

impl SharedPlace {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operator is about to write there, until what this returns is dropped.
    pub(super) fn write(self: &Arc<Self>) -> Writing {
        self.state().writers += 1;
        Writing(Arc::clone(self))
    }

    /// Whoever asks knows what is there now.
    pub(super) fn accept(&self, read: impl FnOnce() -> Option<Vec<u8>>) {
        let mut state = self.state();
        if let Some(now) = read() {
            state.known = now;
        }
    }

    /// What was there and what is there now, if these differ and no operator is about to write. It is known then.
    pub(super) fn change(&self, read: impl FnOnce() -> Option<Vec<u8>>) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut state = self.state();
        let now = read().filter(|now| state.writers == 0 && *now != state.known)?;
        let old = std::mem::replace(&mut state.known, now.clone());
        Some((old, now))
    }
}

/// An operator that is about to write to a place.
pub(super) struct Writing(Arc<SharedPlace>);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.state().writers -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_operator_wrote_is_a_change() {
        let places = SharedPlaces::default();
        let place = places.watch(8, 2, &[1, 2]);
        assert_eq!(place.change(|| Some(vec![1, 2])), None);
        assert_eq!(place.change(|| Some(vec![1, 3])), Some((vec![1, 2], vec![1, 3])));
        assert_eq!(place.change(|| Some(vec![1, 3])), None, "it is known now");
        let writing = place.write();
        assert_eq!(place.change(|| Some(vec![4, 4])), None, "an operator may have written it");
        place.accept(|| Some(vec![4, 4]));
        drop(writing);
        assert_eq!(place.change(|| Some(vec![4, 4])), None);
        assert_eq!(place.change(|| Some(vec![5, 4])), Some((vec![4, 4], vec![5, 4])));
    }

    #[test]
    fn stores_that_watch_the_same_range_have_one_record_of_it() {
        let places = SharedPlaces::default();
        let (first, other) = (places.watch(8, 2, &[1, 2]), places.watch(8, 1, &[1]));
        let second = places.watch(8, 2, &[7, 7]);
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &other));
        drop((first, second));
        assert_eq!(places.watch(8, 2, &[9, 9]).change(|| Some(vec![9, 9])), None, "a new record");
    }
}
