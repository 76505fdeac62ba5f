//! Figures of a run, and the table that is printed of them at its end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::AddAssign;

use crate::mode::Mode;

/// What was run, and what of it did what it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) scripts: u64,
    pub(crate) directives: u64,
    /// Directives that assert something.
    pub(crate) assertions: u64,
    /// Assertions that hold.
    pub(crate) passed: u64,
    /// `assert_return` among the assertions.
    pub(crate) returns: u64,
    /// `assert_return` among those that hold.
    pub(crate) returns_passed: u64,
    /// Assertions of older versions that 3.0 takes back: neither passed nor failed.
    pub(crate) repealed: u64,
    /// Stops that were read.
    pub(crate) stops: u64,
    /// Operators whose outcome was compared with the reference.
    pub(crate) compared: u64,
    /// Frames that went on in the debug tier, and in the run tier.
    pub(crate) switched: [u64; 2],
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.scripts += other.scripts;
        self.directives += other.directives;
        self.assertions += other.assertions;
        self.passed += other.passed;
        self.returns += other.returns;
        self.returns_passed += other.returns_passed;
        self.repealed += other.repealed;
        self.stops += other.stops;
        self.compared += other.compared;
        for (sum, more) in self.switched.iter_mut().zip(other.switched) {
            *sum += more;
        }
    }
}

/// Tallies by group of scripts and mode.
#[derive(Default)]
pub(crate) struct Table {
    rows: BTreeMap<(String, Mode), Tally>,
}

impl Table {
    pub(crate) fn add(&mut self, group: &str, mode: Mode, tally: Tally) {
        *self.rows.entry((group.to_owned(), mode)).or_default() += tally;
    }

    /// The table as text, with a sum for each mode.
    pub(crate) fn text(&self) -> String {
        let mut sums: BTreeMap<Mode, Tally> = BTreeMap::new();
        let mut text = format!(
            "{:38} {:12} {:>7} {:>10} {:>10} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>9} {:>9}\n",
            "scripts of",
            "mode",
            "scripts",
            "directives",
            "assertions",
            "passed",
            "returns",
            "passed",
            "repealed",
            "stops",
            "compared",
            "to debug",
            "to run"
        );
        for ((group, mode), tally) in &self.rows {
            row(&mut text, group, *mode, tally);
            *sums.entry(*mode).or_default() += *tally;
        }
        for (mode, tally) in &sums {
            row(&mut text, "all", *mode, tally);
        }
        text
    }
}

fn row(text: &mut String, group: &str, mode: Mode, tally: &Tally) {
    let _infallible = writeln!(
        text,
        "{group:38} {mode:12} {:7} {:10} {:10} {:8} {:8} {:8} {:8} {:10} {:10} {:9} {:9}",
        tally.scripts,
        tally.directives,
        tally.assertions,
        tally.passed,
        tally.returns,
        tally.returns_passed,
        tally.repealed,
        tally.stops,
        tally.compared,
        tally.switched[0],
        tally.switched[1]
    );
}
