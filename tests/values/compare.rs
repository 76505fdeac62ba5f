//! Two transcripts of `values.py`, one of a native program, one of ours.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::{self, Display};

/// Of each kind, differences that are told; there may be thousands of one.
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
    /// How many values differ, for each reason.
    pub(crate) reasons: BTreeMap<Reason, usize>,
    /// Values of ours, and their absence, that were found to be what the module's own debug info says.
    pub(crate) own: usize,
    /// Those that are not, and frames that are not, in words.
    pub(crate) wrong: Vec<String>,
}

/// Why a value differs from the native one although it is what the module's own debug info says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// gdb for i386 computes with 32 bits and shows the lower half of a number of 64.
    Cut,
    /// The native program's debug info names this value at a later stop.
    Ahead,
    /// It did so at an earlier stop.
    Behind,
    /// At this operator the module's debug info names this constant, and the native one nowhere.
    Constant,
    /// The same with what is in a local, on the operand stack, in a global or in memory.
    Place,
}

impl Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stops, only_native, only_ours, values, missing, missing_locals, more, own, .. } = self;
        write!(f, "{stops} stops ({only_native} only native, {only_ours} only ours), {values} values, ")?;
        write!(f, "{missing} only native ({missing_locals} of locals), {more} only ours, ")?;
        write!(f, "{} different {:?}; ", self.differences(), self.reasons)?;
        write!(f, "{own} as the module says, {} not", self.wrong.len())
    }
}

/// One stop: where it is, its frames, and its variables by frame and name.
#[derive(Debug, Default)]
struct Stop<'t> {
    place: &'t str,
    frames: Vec<&'t str>,
    values: BTreeMap<(usize, &'t str), Shown<'t>>,
    /// Frames that are not what the module's debug info says.
    wrong: Vec<&'t str>,
}

/// A value, and what was said of it.
#[derive(Clone, Copy, Debug)]
struct Shown<'t> {
    value: &'t str,
    /// `= PLACE` if it is what the module's own debug info says, `! PLACE VALUE` if not.
    own: &'t str,
}

fn stops(text: &str) -> Vec<Stop<'_>> {
    let mut stops: Vec<Stop<'_>> = Vec::new();
    // The value that `own` is about.
    let mut last = None;
    for line in text.lines() {
        if let Some(place) = line.strip_prefix("stop ") {
            stops.push(Stop { place, ..Stop::default() });
            continue;
        }
        let Some(stop) = stops.last_mut() else { continue };
        if let Some(frame) = line.strip_prefix("frame ") {
            stop.frames.push(frame);
        } else if let Some(own) = line.strip_prefix("own ") {
            if own.starts_with("! frames") {
                stop.wrong.push(own);
            } else if let Some(shown) = last.and_then(|key| stop.values.get_mut(&key)) {
                shown.own = own;
            }
            last = None;
        } else if let Some((name, value)) = line.split_once(" = ") {
            // An inner variable hides an outer one of its name and line only in generated code.
            let key = (stop.frames.len(), name);
            if let Entry::Vacant(entry) = stop.values.entry(key) {
                entry.insert(Shown { value, own: "" });
                last = Some(key);
            }
        }
    }
    stops
}

/// Values of one variable of one function at all native stops.
type History<'t> = BTreeMap<(&'t str, &'t str), Vec<(usize, &'t str)>>;

fn history<'t>(stops: &[Stop<'t>]) -> History<'t> {
    let mut history = History::new();
    for (number, stop) in stops.iter().enumerate() {
        for ((frame, name), shown) in &stop.values {
            history.entry((stop.function(*frame), name)).or_default().push((number, shown.value));
        }
    }
    history
}

impl<'t> Stop<'t> {
    /// The name of the function of a frame.
    fn function(&self, frame: usize) -> &'t str {
        let frame = frame.checked_sub(1).and_then(|index| self.frames.get(index));
        frame.and_then(|frame| frame.split(' ').next()).unwrap_or_default()
    }
}

/// Compares what was written down of a native program with what was of ours.
pub(crate) fn compare(native: &str, ours: &str) -> Score {
    let mut score = Score::default();
    let (native, ours) = (stops(native), stops(ours));
    let history = history(&native);
    for stop in &ours {
        score.own(stop);
    }
    let (mut n, mut o) = (0, 0);
    while let (Some(left), Some(right)) = (native.get(n), ours.get(o)) {
        if left.place == right.place {
            score.stop(n, left, right, &history);
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
    /// How many values differ.
    pub(crate) fn differences(&self) -> usize {
        self.reasons.values().sum()
    }

    /// Takes note of whether everything at a stop of ours is what the module's debug info says.
    fn own(&mut self, stop: &Stop<'_>) {
        self.wrong.extend(stop.wrong.iter().map(|wrong| format!("at {}: {wrong}", stop.place)));
        for ((frame, name), Shown { value, own }) in &stop.values {
            if own.starts_with("= ") {
                self.own += 1;
            } else {
                let place = stop.place;
                self.wrong.push(format!("at {place}: {name} in frame {frame}: {value} here, own {own}"));
            }
        }
    }

    fn stop(&mut self, number: usize, native: &Stop<'_>, ours: &Stop<'_>, history: &History<'_>) {
        self.stops += 1;
        let place = native.place;
        if native.frames != ours.frames {
            self.tell(format!("at {place}: frames {:?} natively, {:?} here", native.frames, ours.frames));
            return;
        }
        for ((frame, name), Shown { value, .. }) in &native.values {
            let nothing = Shown { value: "<optimized out>", own: "" };
            let found = ours.values.get(&(*frame, *name)).copied().unwrap_or(nothing);
            let words = |why: &str| {
                let found = found.value;
                format!("at {place}: {name} in frame {frame}: {value} natively, {found} here{why}")
            };
            match (is_there(value), is_there(found.value)) {
                (true, true) if *value == found.value || is_nameless(value, found.value) => self.values += 1,
                // A pointer to where nothing is any more.
                (true, true) if value.contains("somewhere") => {}
                (true, true) => {
                    let past = history.get(&(native.function(*frame), *name));
                    let reason = reason(value, found, number, past.map_or(&[], Vec::as_slice));
                    *self.reasons.entry(reason).or_default() += 1;
                    self.tell(words(&format!(" ({}: {reason:?})", found.own)));
                }
                (true, false) => {
                    self.missing += 1;
                    self.missing_locals += usize::from(!name.starts_with("global "));
                    if found.value != "<optimized out>" {
                        self.tell(words(""));
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

/// Why our value is another one than the native one at a stop, if it is what the module says.
fn reason(native: &str, ours: Shown<'_>, stop: usize, history: &[(usize, &str)]) -> Reason {
    let number = |text: &str| text.parse::<i128>().ok();
    let low = |number: i128| number.rem_euclid(1 << 32);
    if let (Some(native), Some(ours)) = (number(native), number(ours.value))
        && low(ours) == native
        && ours != native
    {
        return Reason::Cut;
    }
    let mut same = history.iter().filter(|(_, value)| *value == ours.value).map(|(at, _)| *at);
    match (same.clone().any(|at| at > stop), same.any(|at| at < stop)) {
        (true, _) => Reason::Ahead,
        (_, true) => Reason::Behind,
        _ if ours.own == "= constant" => Reason::Constant,
        _ => Reason::Place,
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
