//! The list of known failures, `known-failures.txt`. It is checked both ways: what is listed and holds is a failure.
//!
//! An entry is `MODE FILE:LINE` for one directive, or `MODE FILE` for a script of which many fail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tests::toolchain;

use crate::interpreter::Mishap;
use crate::mode::Mode;

/// What the list says of itself.
const HEAD: &str = "\
# Directives of the suite that fail, as MODE FILE:LINE, or MODE FILE where many of a script fail.
# `UPDATE_EXPECT=1` writes the entries of the scripts that run anew; look at what changed.
";

/// A script of which more directives fail is listed as a whole.
const SINGLE: usize = 5;

/// What the list has for one script in one mode.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries {
    /// Whether the script as a whole is listed.
    whole: bool,
    lines: BTreeSet<usize>,
}

/// The list, by mode and file as the list writes them.
#[derive(Default)]
pub(crate) struct KnownFailures {
    scripts: BTreeMap<String, Entries>,
}

pub(crate) fn key(mode: Mode, file: &str) -> String {
    format!("{mode} {file}")
}

fn path() -> PathBuf {
    toolchain::tests_folder().join("spec/known-failures.txt")
}

impl KnownFailures {
    pub(crate) fn read() -> Result<Self> {
        let text = std::fs::read_to_string(path()).with_context(|| format!("no {}", path().display()))?;
        let mut list = Self::default();
        for entry in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            match entry.rsplit_once(':') {
                None => list.scripts.entry(entry.to_owned()).or_default().whole = true,
                Some((script, line)) => {
                    let line = line.parse().with_context(|| format!("{entry} ends in no line number"))?;
                    list.scripts.entry(script.to_owned()).or_default().lines.insert(line);
                }
            }
        }
        Ok(list)
    }

    /// What is listed of a script.
    pub(crate) fn of(&self, mode: Mode, file: &str) -> Entries {
        self.scripts.get(&key(mode, file)).cloned().unwrap_or_default()
    }

    /// Writes the list, with what was found instead of what it had of those scripts.
    pub(crate) fn write_with(mut self, found: BTreeMap<String, Entries>) -> Result<()> {
        self.scripts.extend(found);
        let mut lines = Vec::new();
        for (script, entries) in &self.scripts {
            let sort = script.split_once(' ').map_or("", |(_, file)| file);
            if entries.whole {
                lines.push((sort, 0, script.clone()));
            }
            lines.extend(entries.lines.iter().map(|line| (sort, *line, format!("{script}:{line}"))));
        }
        lines.sort();
        let text = lines.iter().fold(HEAD.to_owned(), |text, (_, _, entry)| text + entry + "\n");
        std::fs::write(path(), text).with_context(|| format!("cannot write {}", path().display()))
    }
}

impl Entries {
    /// Entries for what failed.
    pub(crate) fn from_failures(mishaps: &[Mishap]) -> Self {
        let lines: BTreeSet<usize> = mishaps.iter().map(|mishap| mishap.line).collect();
        if lines.len() > SINGLE {
            Self { whole: true, lines: BTreeSet::new() }
        } else {
            Self { whole: false, lines }
        }
    }

    /// Failures that are not listed, and entries that hold.
    pub(crate) fn complaints(&self, mode: Mode, file: &str, mishaps: &[Mishap]) -> Vec<String> {
        let unlisted = mishaps.iter().filter(|mishap| !self.whole && !self.lines.contains(&mishap.line));
        let mut complaints: Vec<String> =
            unlisted.map(|mishap| format!("{file}:{}: {}", mishap.line, mishap.why)).collect();
        let failed: BTreeSet<usize> = mishaps.iter().map(|mishap| mishap.line).collect();
        let held = self.lines.difference(&failed).map(|line| format!("{}:{line}", key(mode, file)));
        let held = held.chain((self.whole && failed.is_empty()).then(|| key(mode, file)));
        complaints.extend(held.map(|entry| format!("{entry} is listed as a failure, and it holds")));
        complaints
    }
}
