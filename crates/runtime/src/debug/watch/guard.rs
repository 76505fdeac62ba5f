//! What guards compare with, and what happens when one finds something.

use super::{Place, Watchpoints};
use crate::store::Store;
use crate::tier::Entrance;
use crate::trap::{Failure, TrapCode};
use crate::vm::offsets::watch::RANGES;
use std::ops::Range;

impl Watchpoints {
    /// The watched ranges of the memories that `is_meant`, by index in the store. They are ascending, and at most [`RANGES`]: with
    /// more, some are one together with what is between them.
    pub(super) fn ranges(&self, is_meant: impl Fn(usize) -> bool) -> Vec<Range<u64>> {
        let mut all: Vec<Range<u64>> = self
            .set
            .values()
            .filter_map(|watchpoint| match watchpoint.place {
                Place::Memory { index, start, length } if is_meant(index) => Some(start..start + length),
                _ => None,
            })
            .collect();
        all.sort_unstable_by_key(|range| range.start);
        join(all, RANGES as usize)
    }
}

/// Joins ranges that overlap, and then those with the least between them, until no more than `most` are left.
fn join(ascending: Vec<Range<u64>>, most: usize) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ascending {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    while joined.len() > most.max(1) {
        let gaps = joined.windows(2).map(|pair| pair[1].start - pair[0].end);
        let Some((narrowest, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) else { break };
        let behind = joined.remove(narrowest + 1);
        joined[narrowest].end = behind.end;
    }
    joined
}

impl Store {
    /// Has guards compare with what is watched now.
    pub(crate) fn place_guards(&mut self) {
        self.limits().set_watched(&self.debug.watch.ranges(|_| true));
        for instance in &mut self.instances {
            let ranges = self.debug.watch.ranges(|index| instance.memories.contains(&index));
            let all = ranges.first().zip(ranges.last()).map_or(0..0, |(first, last)| first.start..last.end);
            instance.vmctx.set_watched(&all);
        }
    }

    /// The innermost frame's operator is about to touch what is watched. The frame goes on in landing code, where the operator's
    /// point sees to that.
    pub(crate) fn at_guard(&mut self) -> Result<bool, Failure> {
        let Some(frame) = self.innermost_raw_frame() else { return Ok(false) };
        self.switching.note_written(frame.fp);
        if self.switch_at_point(&frame, Entrance::AtPoint) {
            return Ok(true);
        }
        // Frames of landing code are larger.
        Err(self.trap_failure(TrapCode::StackOverflow))
    }
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn ranges_become_few() {
        assert_eq!(join(vec![0..4, 4..6, 5..5, 9..10], 4), [0..6, 9..10]);
        assert_eq!(join(vec![0..9, 2..3, 8..10, 20..21], 4), [0..10, 20..21]);
        assert_eq!(join(vec![0..1, 10..11, 12..13, 30..31], 3), [0..1, 10..13, 30..31]);
        assert_eq!(join(vec![0..1, 10..11, 12..13, 30..31], 2), [0..13, 30..31]);
        assert!(join(Vec::new(), 4).is_empty());
    }
}
