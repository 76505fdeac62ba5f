//! Names that lie in one piece of memory: a large module has tens of thousands of functions.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A name. All names of a module share their memory.
#[derive(Clone)]
pub struct FunctionName {
    /// All of them, one behind the other.
    all: Arc<str>,
    start: u32,
    end: u32,
}

impl FunctionName {
    /// The part of some text that is a name; empty if there is none there.
    pub(crate) fn new(all: &Arc<str>, range: &Range<usize>) -> Self {
        let (start, end) = (u32::try_from(range.start), u32::try_from(range.end));
        let known = start.ok().zip(end.ok()).filter(|_| all.get(range.clone()).is_some());
        let (start, end) = known.unwrap_or_default();
        Self { all: Arc::clone(all), start, end }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
        self.all.get(at(self.start)..at(self.end)).unwrap_or_default()
    }
}

impl Default for FunctionName {
    fn default() -> Self {
        Self { all: Arc::from(""), start: 0, end: 0 }
    }
}

impl Deref for FunctionName {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for FunctionName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for FunctionName {}

impl PartialEq<str> for FunctionName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for FunctionName {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
