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

/// So many names are kept of what lost an expression for the same reason.
const NAMES: usize = 5;

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
    /// What lost an expression, by the reason: the first few, as `variable in function`.
    pub names: BTreeMap<String, Vec<String>>,
    /// Reasons for which the current entry lost expressions.
    pub unnamed: Vec<String>,
}

impl Report {
    /// Whether the image has debug info.
    #[must_use]
    pub fn has_debug_info(&self) -> bool {
        self.units > 0
    }

    /// Adds the counts of another report.
    pub(crate) fn add(&mut self, other: Self) {
        let Self { units, entries, expressions, units_without_lines, dead_functions, dropped, names, .. } =
            other;
        self.units += units;
        self.entries += entries;
        self.expressions += expressions;
        self.units_without_lines += units_without_lines;
        self.dead_functions += dead_functions;
        for (what, count) in dropped {
            *self.dropped.entry(what).or_default() += count;
        }
        for (reason, names) in names {
            names.into_iter().for_each(|name| self.add_name(&reason, name));
        }
    }

    fn add_name(&mut self, reason: &str, name: String) {
        let names = self.names.entry(reason.to_owned()).or_default();
        if names.len() < NAMES && !names.contains(&name) {
            names.push(name);
        }
    }

    /// An expression of the current entry is dropped.
    pub(crate) fn drop_expression(&mut self, reason: impl fmt::Display) {
        let reason = reason.to_string();
        if self.names.get(&reason).is_none_or(|names| names.len() < NAMES) {
            self.unnamed.push(reason.clone());
        }
        self.drop(Drop::Expression, reason);
    }

    /// Names the current entry, if it has lost an expression.
    pub(crate) fn name_lost(&mut self, name: impl FnOnce() -> String) {
        if self.unnamed.is_empty() {
            return;
        }
        let name = name();
        for reason in std::mem::take(&mut self.unnamed) {
            self.add_name(&reason, name.clone());
        }
    }

    /// What was dropped, a line for each reason.
    pub fn losses(&self) -> impl Iterator<Item = String> {
        self.dropped.iter().map(|((what, reason), count)| {
            let names = self.names.get(reason).filter(|_| *what == Drop::Expression);
            let mut line = format!("{count} x {what:?}: {reason}");
            if let Some(names) = names {
                line.push_str(&format!(": {}", names.join(", ")));
                if u64::try_from(names.len()).is_ok_and(|named| named < *count) {
                    line.push_str(", ...");
                }
            }
            line
        })
    }

    pub(crate) fn drop(&mut self, what: Drop, reason: impl fmt::Display) {
        *self.dropped.entry((what, reason.to_string())).or_default() += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { units, entries, expressions, units_without_lines, dead_functions, .. } = self;
        write!(f, "{units} units, {entries} entries, {expressions} expressions, ")?;
        write!(f, "{dead_functions} dead functions, {units_without_lines} units without their lines")?;
        self.losses().try_for_each(|loss| write!(f, "\ndropped {loss}"))
    }
}
