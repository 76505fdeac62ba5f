//! Which locals a debugger can ask for: those that the module's debug info names, where it names them.
//!
//! Code that does not keep every local in its state slot keeps these. Who reads the debug info is not this crate's
//! business; a module without any has all locals observable.

use frame_table::{LocalSet, ModulePc};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

/// The locals that the debug info of a module names, and where.
#[derive(Clone, Debug, Default)]
pub struct ObservableLocals {
    /// By where they start.
    named: Vec<(Range<ModulePc>, u32)>,
    /// Ascending.
    whole: Vec<ModulePc>,
    /// By where they start.
    frame_bases: Vec<(Range<ModulePc>, u32)>,
}

/// What of the function with a body is observable; none if all of its locals are.
type Find = Box<dyn Fn(&Range<ModulePc>) -> Option<Observable> + Send + Sync>;

/// What can be found when somebody has got it ready. None inside if everything is observable.
type Ready = LazyLock<Option<Find>, Box<dyn FnOnce() -> Option<Find> + Send>>;

/// What is got ready when somebody needs it.
#[derive(Clone)]
pub(super) struct Awaited(Arc<Ready>);

impl Awaited {
    pub(super) fn known(locals: ObservableLocals) -> Self {
        Self::new(|| Some(Box::new(move |body: &Range<ModulePc>| locals.of_function(body)) as Find))
    }

    pub(super) fn later<F>(get_ready: impl FnOnce() -> Option<F> + Send + 'static) -> Self
    where
        F: Fn(&Range<ModulePc>) -> Option<ObservableLocals> + Send + Sync + 'static,
    {
        Self::new(move || {
            // If this panics, all locals are observable.
            let find = catch_unwind(AssertUnwindSafe(get_ready)).ok().flatten()?;
            Some(Box::new(move |body: &Range<ModulePc>| find(body)?.of_function(body)) as Find)
        })
    }

    fn new(get_ready: impl FnOnce() -> Option<Find> + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(get_ready))))
    }

    /// Waits until what it takes to find something is there; sees to that if nobody did.
    pub(super) fn get_ready(&self) {
        LazyLock::force(&self.0);
    }

    /// What of the function with a body is observable; none if all of its locals are.
    pub(super) fn of_function(&self, body: &Range<ModulePc>) -> Option<Observable> {
        (self.0.as_ref().as_ref()?)(body)
    }
}

/// The part of one function.
#[derive(Debug)]
pub(crate) struct Observable {
    /// By ascending PC.
    changes: Vec<Change>,
    frame_bases: LocalSet,
}

/// From a PC on, a local is named or is not.
#[derive(Debug)]
struct Change {
    pc: ModulePc,
    local: u32,
    named: bool,
}

impl ObservableLocals {
    /// `named`: where which local is named; what goes beyond the function in which it starts is ignored. `whole`: a PC
    /// in each function of which all locals are observable, such as one without debug info. `frame_bases`: locals from
    /// which the function's other variables are found, with a range in the function.
    #[must_use]
    pub fn new(
        named: impl IntoIterator<Item = (Range<ModulePc>, u32)>,
        whole: impl IntoIterator<Item = ModulePc>,
        frame_bases: impl IntoIterator<Item = (Range<ModulePc>, u32)>,
    ) -> Self {
        let mut named: Vec<_> = named.into_iter().collect();
        named.sort_unstable_by_key(|(range, _)| range.start);
        let mut whole: Vec<_> = whole.into_iter().collect();
        whole.sort_unstable();
        let mut frame_bases: Vec<_> = frame_bases.into_iter().collect();
        frame_bases.sort_unstable_by_key(|(range, _)| range.start);
        Self { named, whole, frame_bases }
    }

    /// The part of the function with this body; none if all of its locals are observable.
    pub(crate) fn of_function(&self, body: &Range<ModulePc>) -> Option<Observable> {
        let first = self.whole.partition_point(|pc| *pc < body.start);
        if self.whole.get(first).is_some_and(|pc| body.contains(pc)) {
            return None;
        }
        let named = starting_in(&self.named, body).iter();
        let named = named.map(|(range, local)| (range.start..range.end.min(body.end), *local));
        let mut frame_bases = LocalSet::default();
        for (_, local) in starting_in(&self.frame_bases, body) {
            frame_bases.insert(*local);
        }
        Some(Observable { changes: changes(named), frame_bases })
    }
}

/// Those that start in a body.
fn starting_in<'a>(
    ranges: &'a [(Range<ModulePc>, u32)],
    body: &Range<ModulePc>,
) -> &'a [(Range<ModulePc>, u32)] {
    let first = ranges.partition_point(|(range, _)| range.start < body.start);
    let last = ranges.partition_point(|(range, _)| range.start < body.end);
    &ranges[first..last]
}

/// Where it changes what is named.
fn changes(named: impl Iterator<Item = (Range<ModulePc>, u32)>) -> Vec<Change> {
    let mut named: Vec<_> = named.filter(|(range, _)| range.start < range.end).collect();
    named.sort_unstable_by_key(|(range, local)| (*local, range.start));
    // Of one local, ranges that meet are one.
    named.dedup_by(|next, last| {
        let meets = next.1 == last.1 && next.0.start <= last.0.end;
        if meets {
            last.0.end = last.0.end.max(next.0.end);
        }
        meets
    });
    let both = |(range, local): (Range<ModulePc>, u32)| {
        [Change { pc: range.start, local, named: true }, Change { pc: range.end, local, named: false }]
    };
    let mut changes: Vec<_> = named.into_iter().flat_map(both).collect();
    changes.sort_unstable_by_key(|change| change.pc);
    changes
}

impl Observable {
    /// The locals from which the function's other variables are found.
    pub(crate) fn frame_bases(&self) -> &LocalSet {
        &self.frame_bases
    }

    /// Goes through the function from its end.
    pub(crate) fn backwards(&self) -> NamedLocals<'_> {
        NamedLocals { before: &self.changes, named: LocalSet::default() }
    }
}

/// What is named at a place that moves towards the function's start.
pub(crate) struct NamedLocals<'a> {
    /// The changes up to the place.
    before: &'a [Change],
    named: LocalSet,
}

impl NamedLocals<'_> {
    /// Moves to `pc`, which is not behind the place. Returns whether anything changed on the way.
    pub(crate) fn go_to(&mut self, pc: ModulePc) -> bool {
        let mut changed = false;
        while let Some((change, before)) = self.before.split_last()
            && change.pc > pc
        {
            if change.named {
                self.named.remove(change.local);
            } else {
                self.named.insert(change.local);
            }
            self.before = before;
            changed = true;
        }
        changed
    }

    /// What is named at the place.
    pub(crate) fn named(&self) -> &LocalSet {
        &self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pcs(range: Range<u32>) -> Range<ModulePc> {
        ModulePc(range.start)..ModulePc(range.end)
    }

    #[test]
    fn a_function_has_what_starts_in_it() {
        let ranges =
            [(25..40, 3), (10..14, 1), (12..18, 1), (30..31, 5), (18..20, 1), (5..10, 9), (12..12, 8)];
        let all = ObservableLocals::new(
            ranges.map(|(range, local)| (pcs(range), local)),
            [ModulePc(45)],
            [(pcs(0..10), 2), (pcs(10..30), 4), (pcs(30..40), 6)],
        );
        let Some(function) = all.of_function(&pcs(10..30)) else {
            panic!("not all of its locals are observable")
        };
        assert_eq!(function.frame_bases().iter().collect::<Vec<_>>(), [4]);
        let mut place = function.backwards();
        let mut seen = Vec::new();
        for pc in (10..=30).rev() {
            if place.go_to(ModulePc(pc)) {
                seen.push((pc, place.named().iter().collect::<Vec<_>>()));
            }
        }
        // Local 3 is named beyond the function's end, local 1 in three pieces that meet.
        assert_eq!(seen, [(29, vec![3]), (24, vec![]), (19, vec![1])]);
        assert!(all.of_function(&pcs(41..50)).is_none());
    }
}
