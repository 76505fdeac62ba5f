//! Two transcripts of `values.py`, one of a native program, one of ours.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use crate::lone::{Lone, Run, reasons};
use crate::transcript::{Shown, Stop, Transcript, name};

/// Of each kind, differences that are told; there may be thousands of one.
const TOLD: usize = 40;
/// How far apart stops may be that are the same.
const AHEAD: usize = 60;

/// What came of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Stops at the same line of the same function, in the same order.
    pub(crate) stops: usize,
    /// Stops that only one program made, for each reason.
    pub(crate) only_native: BTreeMap<Lone, usize>,
    pub(crate) only_ours: BTreeMap<Lone, usize>,
    /// Stops at the same line of the same function with other functions around it, because the compilers inlined others.
    pub(crate) other_frames: usize,
    /// The same functions, and a call has another line.
    pub(crate) other_calls: usize,
    /// Values that are the same.
    pub(crate) values: usize,
    /// Values that only the native program has.
    pub(crate) missing: usize,
    /// Of them, those of arguments and locals of which the module does not say that they are nowhere.
    pub(crate) missing_locals: usize,
    /// Values that only ours has.
    pub(crate) more: usize,
    /// What differs, in words; the first ones.
    pub(crate) different: Vec<String>,
    /// How many values differ, for each reason.
    pub(crate) reasons: BTreeMap<Reason, usize>,
    /// Values of ours, and their absence, that were found to be what the module's own debug info says.
    pub(crate) own: usize,
    /// Numbers of 8 bytes that are left out, because they are computed and gdb computes with 4.
    pub(crate) long: usize,
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
        write!(f, "{stops} stops (only native {only_native:?}, only ours {only_ours:?}), ")?;
        write!(f, "{} with other frames, {} with other calls; ", self.other_frames, self.other_calls)?;
        write!(f, "{values} values, ")?;
        write!(f, "{missing} only native ({missing_locals} of locals), {more} only ours, ")?;
        write!(f, "{} different {:?}; ", self.differences(), self.reasons)?;
        write!(f, "{own} as the module says, {} left out, {} not", self.long, self.wrong.len())
    }
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

/// Compares what was written down of a native program with what was of ours.
pub(crate) fn compare(native: &str, ours: &str) -> Score {
    let mut score = Score::default();
    let (native, ours) = (&Transcript::read(native), &Transcript::read(ours));
    let history = history(&native.stops);
    score.wrong.extend(ours.wrong.iter().map(|wrong| format!("line {wrong}")));
    for stop in &ours.stops {
        score.own(stop);
    }
    let (mut n, mut o, mut lone) = (0, 0, Vec::new());
    while let (Some(left), Some(right)) = (native.stops.get(n), ours.stops.get(o)) {
        if left.place == right.place {
            score.stop(n, left, right, &history);
            (n, o) = (n + 1, o + 1);
            continue;
        }
        // The next place at which both go on together.
        let together = |skip_native: usize, skip_ours: usize| {
            let next = |stops: &[Stop<'_>], at: usize| stops.get(at).map(|stop| stop.place.to_owned());
            (0..3).all(|k| next(&native.stops, n + skip_native + k) == next(&ours.stops, o + skip_ours + k))
        };
        let skip = (1..AHEAD).flat_map(|sum| (0..=sum).map(move |native| (native, sum - native)));
        let (skip_native, skip_ours) = skip.into_iter().find(|(a, b)| together(*a, *b)).unwrap_or((1, 1));
        let theirs = Run { program: native, at: n, count: skip_native };
        lone.push((theirs, Run { program: ours, at: o, count: skip_ours }));
        (n, o) = (n + skip_native, o + skip_ours);
    }
    let rest = |program, at| Run { program, at, count: usize::MAX - at };
    lone.push((rest(native, n), rest(ours, o)));
    let (theirs, here): (Vec<_>, Vec<_>) = lone.into_iter().unzip();
    score.only_native = score.lone(&theirs, &here, "natively");
    score.only_ours = score.lone(&here, &theirs, "here");
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
            } else if own.starts_with("~ ") {
                self.long += 1;
            } else {
                let place = stop.place;
                self.wrong.push(format!("at {place}: {name} in frame {frame}: {value} here, own {own}"));
            }
        }
    }

    /// Counts stops that only one of both programs makes, by reason.
    fn lone(&mut self, runs: &[Run<'_, '_>], others: &[Run<'_, '_>], whose: &str) -> BTreeMap<Lone, usize> {
        let mut only = BTreeMap::new();
        for (stop, reason) in reasons(runs, others) {
            *only.entry(reason).or_default() += 1;
            let Stop { place, functions, .. } = stop;
            self.tell(format!("{place} in {functions} only {whose} ({reason:?})"));
        }
        only
    }

    fn stop(&mut self, number: usize, native: &Stop<'_>, ours: &Stop<'_>, history: &History<'_>) {
        self.stops += 1;
        let place = native.place;
        if native.frames != ours.frames {
            let names =
                |stop: &Stop<'_>| stop.frames.iter().map(|frame| name(frame).to_owned()).collect::<Vec<_>>();
            let are_same = names(native) == names(ours);
            *(if are_same { &mut self.other_calls } else { &mut self.other_frames }) += 1;
            self.tell(format!("at {place}: frames {:?} natively, {:?} here", native.frames, ours.frames));
            return;
        }
        for ((frame, name), Shown { value, .. }) in &native.values {
            // What the module has is in all of our frames, as was found out: it has no such variable.
            let nothing = Shown { value: "<optimized out>", own: "= nowhere" };
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
                    // One that is computed with more bits than gdb computes with is left out, too.
                    let is_known = ["= ", "~ "].iter().any(|sign| found.own.starts_with(sign));
                    self.missing_locals += usize::from(!name.starts_with("global ") && !is_known);
                    if found.value != "<optimized out>" && found.own != "= nowhere" {
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
