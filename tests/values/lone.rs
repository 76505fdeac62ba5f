//! Stops that only one of two programs makes, and why.
//!
//! That ours stops where the module's line table says, and nowhere runs past such a place in code without labels, `lines.py`
//! has found out. gdb itself reads the line table of the native program. So what is told here are differences of the
//! two tables, and of the ways that the two programs take.

use std::collections::BTreeMap;

use crate::transcript::{Stop, Transcript};

/// Why the other program does not stop there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lone {
    /// It has made all stops that were asked for.
    Over,
    /// It has made all stops that were asked for at this line.
    Used,
    /// Its line table has no row of the line in this function.
    NoRow,
    /// It has, but in a function that the function is not inlined in here, or the other way round.
    Inlined,
    /// It makes this stop too, before or after others that both make.
    Order,
    /// It has another number of places for the line: its compiler copied code or merged it.
    Copies,
    /// It has the same number of places, and does not come by now: its compiler put the line's code elsewhere.
    Way,
}

/// Stops that one program makes while the other makes others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'r, 't> {
    pub(crate) program: &'r Transcript<'t>,
    /// The first of them, and how many.
    pub(crate) at: usize,
    pub(crate) count: usize,
}

impl<'r, 't> Run<'r, 't> {
    pub(crate) fn stops(&self) -> &'r [Stop<'t>] {
        let stops = &self.program.stops;
        stops.get(self.at..(self.at + self.count).min(stops.len())).unwrap_or_default()
    }

    fn reason(&self, stop: &Stop<'_>, other: &Run<'_, '_>) -> Lone {
        let Transcript { places, stops, has_ended, .. } = other.program;
        let is_over = other.at + other.count >= stops.len() && !has_ended;
        let is_asked = |line: &str| stop.asked.contains(&line);
        let innermost = |functions: &str| functions.split('<').next().map(str::to_owned);
        let mut same = places.iter().filter(|(line, _)| is_asked(line)).collect::<Vec<_>>();
        same.retain(|(_, functions)| innermost(functions) == innermost(stop.functions));
        let is_off = |line: &str| other.program.is_off(line, other.at + other.count);
        let here = |places: &[(&str, &str)]| {
            places.iter().filter(|(line, names)| is_asked(line) && *names == stop.functions).count()
        };
        if same.is_empty() {
            Lone::NoRow
        } else if is_over {
            Lone::Over
        } else if same.iter().all(|(line, _)| is_off(line)) {
            Lone::Used
        } else if here(places) == 0 {
            Lone::Inlined
        } else if here(places) != here(&self.program.places) {
            Lone::Copies
        } else {
            Lone::Way
        }
    }
}

/// Why the other program makes none of the stops of these runs, each of which has the one that the other makes meanwhile.
pub(crate) fn reasons<'r, 't>(runs: &[Run<'r, 't>], others: &[Run<'_, '_>]) -> Vec<(&'r Stop<'t>, Lone)> {
    let mut unpaired: BTreeMap<&str, usize> = BTreeMap::new();
    for stop in others.iter().flat_map(Run::stops) {
        *unpaired.entry(stop.place).or_default() += 1;
    }
    let mut found = Vec::new();
    for (run, other) in runs.iter().zip(others) {
        for stop in run.stops() {
            let reason = match unpaired.get_mut(stop.place) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    Lone::Order
                }
                _ => run.reason(stop, other),
            };
            found.push((stop, reason));
        }
    }
    found
}
