//! Two transcripts of `values.py`, one of a native program, one of ours.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// Differences that are told; there may be thousands of one.
const TOLD: usize = 40;
/// How far apart stops may be that are the same.
const AHEAD: usize = 60;

/// What came of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Stops at the same line of the same function, in the same order.
    pub(crate) stops: usize,
    /// Stops that only one program made.
    pub(crate) only_native: usize,
    pub(crate) only_ours: usize,
    /// Values that are the same.
    pub(crate) values: usize,
    /// Values that only the native program has.
    pub(crate) missing: usize,
    /// Of them, those of arguments and locals. The others are of variables that the linker removed.
    pub(crate) missing_locals: usize,
    /// Values that only ours has.
    pub(crate) more: usize,
    /// What differs, in words; the first ones.
    pub(crate) different: Vec<String>,
    /// How many values differ.
    pub(crate) differences: usize,
}

impl Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stops, only_native, only_ours, values, missing, missing_locals, more, differences, ..
        } = self;
        write!(f, "{stops} stops ({only_native} only native, {only_ours} only ours), {values} values, ")?;
        write!(
            f,
            "{missing} only native ({missing_locals} of locals), {more} only ours, {differences} different"
        )
    }
}

/// One stop: where it is, its frames, and its variables by frame and name.
#[derive(Debug, Default)]
struct Stop<'t> {
    place: &'t str,
    frames: Vec<&'t str>,
    values: BTreeMap<(usize, &'t str), &'t str>,
}

fn stops(text: &str) -> Vec<Stop<'_>> {
    let mut stops: Vec<Stop<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(place) = line.strip_prefix("stop ") {
            stops.push(Stop { place, ..Stop::default() });
            continue;
        }
        let Some(stop) = stops.last_mut() else { continue };
        if let Some(frame) = line.strip_prefix("frame ") {
            stop.frames.push(frame);
        } else if let Some((name, value)) = line.split_once(" = ") {
            // An inner variable hides an outer one of its name and line only in generated code.
            stop.values.entry((stop.frames.len(), name)).or_insert(value);
        }
    }
    stops
}

/// Compares what was written down of a native program with what was of ours.
pub(crate) fn compare(native: &str, ours: &str) -> Score {
    let mut score = Score::default();
    let (native, ours) = (stops(native), stops(ours));
    let (mut n, mut o) = (0, 0);
    while let (Some(left), Some(right)) = (native.get(n), ours.get(o)) {
        if left.place == right.place {
            score.stop(left, right);
            (n, o) = (n + 1, o + 1);
            continue;
        }
        // The next place at which both go on together.
        let together = |skip_native: usize, skip_ours: usize| {
            let next = |stops: &[Stop<'_>], at: usize| stops.get(at).map(|stop| stop.place.to_owned());
            (0..3).all(|k| next(&native, n + skip_native + k) == next(&ours, o + skip_ours + k))
        };
        let skip = (1..AHEAD).flat_map(|sum| (0..=sum).map(move |native| (native, sum - native)));
        let (skip_native, skip_ours) = skip.into_iter().find(|(a, b)| together(*a, *b)).unwrap_or((1, 1));
        score.tell(format!("{} natively, {} here", left.place, right.place));
        score.only_native += skip_native;
        score.only_ours += skip_ours;
        (n, o) = (n + skip_native, o + skip_ours);
    }
    score.only_native += native.len().saturating_sub(n);
    score.only_ours += ours.len().saturating_sub(o);
    score
}

impl Score {
    fn stop(&mut self, native: &Stop<'_>, ours: &Stop<'_>) {
        self.stops += 1;
        if native.frames != ours.frames {
            self.tell(format!(
                "at {}: frames {:?} natively, {:?} here",
                native.place, native.frames, ours.frames
            ));
            return;
        }
        for ((frame, name), value) in &native.values {
            let found = ours.values.get(&(*frame, *name)).copied().unwrap_or("<optimized out>");
            match (is_there(value), is_there(found)) {
                (true, true) if *value == found || is_nameless(value, found) => self.values += 1,
                // A pointer to where nothing is any more.
                (true, true) if value.contains("somewhere") => {}
                (true, true) => {
                    self.differences += 1;
                    self.tell(format!(
                        "at {}: {name} in frame {frame}: {value} natively, {found} here",
                        native.place
                    ));
                }
                (true, false) => {
                    self.missing += 1;
                    self.missing_locals += usize::from(!name.starts_with("global "));
                    if found != "<optimized out>" {
                        self.tell(format!(
                            "at {}: {name} in frame {frame}: {value} natively, {found} here",
                            native.place
                        ));
                    }
                }
                (false, true) => self.more += 1,
                (false, false) => {}
            }
        }
        self.more += ours.values.keys().filter(|key| !native.values.contains_key(*key)).count();
    }

    fn tell(&mut self, what: String) {
        if self.different.len() < TOLD {
            self.different.push(what);
        }
    }
}

/// Whether ours is the native value, but for names of constants: one that only its symbol gives an address has no name in a
/// module, where there are no symbols of data. What is there is compared nonetheless.
fn is_nameless(native: &str, ours: &str) -> bool {
    let (native, ours) = (native.split(", "), ours.split(", "));
    native.clone().count() == ours.clone().count()
        && native.zip(ours).all(|(native, ours)| {
            let ends = native.split_once(">-> ").zip(ours.split_once("somewhere-> "));
            native == ours || ends.is_some_and(|((_, native), (_, ours))| native == ours)
        })
}

/// Whether something is a value: gdb's complaints are in brackets.
fn is_there(value: &str) -> bool {
    !value.contains("<optimized out>") && !value.starts_with("<error") && !value.starts_with("<Cannot")
}
