//! Lines of the source around a position, if the source is on this machine.
//!
//! It is looked for where the debug info says; a name that is not found there also beside the module and in the current
//! directory, as gdb does it.

use std::path::{Path, PathBuf};

use crate::debug_info::Position;

/// Lines before the position, and after it.
const AROUND: u32 = 3;

/// Longer files are not sources.
const LONGEST: u64 = 64 << 20;

/// Longer lines are cut: generated code may have all in one.
const WIDEST: usize = 200;

/// Some lines of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// The number of the first one, from 1.
    first: u32,
    lines: Vec<String>,
}

impl Excerpt {
    /// The lines around a position. `module` is the module's file. None if the source is not there, or has no such line.
    #[must_use]
    pub(crate) fn find(position: &Position, module: &Path) -> Option<Self> {
        let named = Path::new(&position.file);
        let beside = module.parent().unwrap_or(Path::new(""));
        let name = named.file_name().map_or_else(PathBuf::new, PathBuf::from);
        let places = [named.to_owned(), beside.join(named), beside.join(&name), name];
        places.iter().find_map(|place| Self::read(place, position.line))
    }

    fn read(path: &Path, line: u32) -> Option<Self> {
        let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        if metadata.len() > LONGEST {
            return None;
        }
        Self::around(&String::from_utf8_lossy(&std::fs::read(path).ok()?), line)
    }

    fn around(text: &str, line: u32) -> Option<Self> {
        let first = line.saturating_sub(AROUND).max(1);
        let before = usize::try_from(line.checked_sub(first)?).ok()?;
        let after = usize::try_from(AROUND).ok()?;
        let skipped = usize::try_from(first - 1).ok()?;
        let lines = text.lines().skip(skipped).take(before + 1 + after);
        let lines: Vec<String> = lines.map(|line| line.chars().take(WIDEST).collect()).collect();
        (lines.len() > before).then_some(Self { first, lines })
    }

    /// The lines with their numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u32, &str)> {
        (self.first..).zip(self.lines.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(line: u32) -> Option<Vec<(u32, String)>> {
        let text = "a\nb\nc\nd\ne\nf\ng\nh\n";
        let excerpt = Excerpt::around(text, line)?;
        Some(excerpt.lines().map(|(number, line)| (number, line.to_owned())).collect())
    }

    #[test]
    fn lines_are_counted_from_one_and_end_with_the_file() {
        let numbers = |line| around(line).map(|lines| (lines[0].clone(), lines.len()));
        assert_eq!(numbers(1), Some(((1, "a".to_owned()), 4)));
        assert_eq!(numbers(5), Some(((2, "b".to_owned()), 7)));
        assert_eq!(numbers(8), Some(((5, "e".to_owned()), 4)));
        assert_eq!(numbers(9), None, "another file than the one that was compiled");
    }
}
