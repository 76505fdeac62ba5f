//! Free pages of the heap, as runs of neighbours.

use std::collections::BTreeMap;

/// Runs of free pages, by the first page of each.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Invariant: no two runs touch.
    free: BTreeMap<usize, usize>,
}

impl Runs {
    /// All of `count` pages.
    pub(super) fn new(count: usize) -> Self {
        Self { free: BTreeMap::from([(0, count)]) }
    }

    /// Takes `count` neighbouring pages from the lowest run that has so many; returns the first.
    pub(super) fn take(&mut self, count: usize) -> Option<usize> {
        let (start, length) = self.free.iter().find(|(_, length)| **length >= count)?;
        let (start, length) = (*start, *length);
        self.free.remove(&start);
        if length > count {
            self.free.insert(start + count, length - count);
        }
        Some(start)
    }

    /// Gives pages back that were taken.
    pub(super) fn give(&mut self, mut start: usize, mut count: usize) {
        if let Some(after) = self.free.remove(&(start + count)) {
            count += after;
        }
        let before = self.free.range(..start).next_back().map(|(start, count)| (*start, *count));
        if let Some((first, length)) = before.filter(|(first, length)| first + length == start) {
            (start, count) = (first, length + count);
        }
        self.free.insert(start, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_are_given_back_join_their_neighbours() {
        let mut runs = Runs::new(10);
        let taken = [3, 3, 4].map(|count| runs.take(count));
        assert_eq!(taken, [Some(0), Some(3), Some(6)]);
        assert_eq!(runs.take(1), None);
        runs.give(0, 3);
        runs.give(6, 4);
        assert_eq!(runs.take(5), None);
        runs.give(3, 3);
        assert_eq!(runs.take(10), Some(0));
    }
}
