//! What happened to the debug info on its way into the image.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::MadeUp;

/// What was lost when something was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Drop {
    /// All debug info of the module.
    DebugInfo,
    /// A unit, or the rest of a unit after its first unreadable entry.
    Unit,
    /// The line table of a unit.
    LineTable,
    /// A sequence of a line table.
    Sequence,
    /// An entry (and its children) that makes no sense without what it lost.
    Entry,
    /// One attribute of an entry.
    Attribute,
    /// A location or another expression.
    Expression,
    /// An address range of code.
    Range,
}

/// Counts of what was converted, and of what was dropped with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Units in the image.
    pub units: u64,
    /// Entries (DIEs) in the image.
    pub entries: u64,
    /// Expressions in the image, entries of location lists included.
    pub expressions: u64,
    /// Units that lost their lines, because their sources are not there.
    pub units_without_lines: u64,
    /// What was made up for functions without debug info.
    pub made_up: MadeUp,
    /// Subprograms left out because the linker removed their code.
    pub dead_functions: u64,
    /// How often something was dropped, and why.
    pub dropped: BTreeMap<(Drop, String), u64>,
}

impl Report {
    /// Whether the image has debug info.
    #[must_use]
    pub fn has_debug_info(&self) -> bool {
        self.units > 0
    }

    /// Adds the counts of another report.
    pub(crate) fn add(&mut self, other: Self) {
        let Self { units, entries, expressions, units_without_lines, made_up: _, dead_functions, dropped } =
            other;
        self.units += units;
        self.entries += entries;
        self.expressions += expressions;
        self.units_without_lines += units_without_lines;
        self.dead_functions += dead_functions;
        for (what, count) in dropped {
            *self.dropped.entry(what).or_default() += count;
        }
    }

    pub(crate) fn drop(&mut self, what: Drop, reason: impl fmt::Display) {
        *self.dropped.entry((what, reason.to_string())).or_default() += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { units, entries, expressions, units_without_lines, made_up: _, dead_functions, dropped } =
            self;
        write!(f, "{units} units, {entries} entries, {expressions} expressions, ")?;
        write!(f, "{dead_functions} dead functions, {units_without_lines} units without their lines")?;
        for ((what, reason), count) in dropped {
            write!(f, "\ndropped {count} x {what:?}: {reason}")?;
        }
        Ok(())
    }
}
