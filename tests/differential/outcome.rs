//! What a run is compared by.

use std::hash::{DefaultHasher, Hash, Hasher};

/// All that a run shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// How instantiation ended.
    pub(crate) instantiated: Ended,
    /// Each call that was made: its function, how it ended, and what was exported after it.
    pub(crate) calls: Vec<(String, Ended, State)>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ended {
    Returned(Vec<Datum>),
    /// In the words of the specification's test suite.
    Trapped(String),
}

/// The exported globals, memories and tables, in the order of the exports.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) globals: Vec<Datum>,
    pub(crate) memories: Vec<Bytes>,
    /// Which elements are null.
    pub(crate) tables: Vec<Vec<bool>>,
}

/// A value that two engines can agree on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Datum {
    /// Bits of a number or vector.
    Number(u128),
    Null,
    Reference,
}

/// A memory's contents: compared by length and hash, and by what the hash is of when that differs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bytes {
    length: usize,
    hash: u64,
}

impl Bytes {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self { length: bytes.len(), hash: hasher.finish() }
    }
}

/// The trap that depends on how much stack an engine has.
pub(crate) const EXHAUSTED: &str = "call stack exhausted";

/// The trap that depends on how much memory an engine has for objects.
const HEAP_EXHAUSTED: &str = "garbage-collected heap exhausted";

/// Traps that engines call by different names.
const SAME: [(&str, &str); 1] = [("undefined element", "out of bounds table access")];

impl Outcome {
    pub(crate) fn num_calls(&self) -> u64 {
        u64::try_from(self.calls.len()).unwrap_or(u64::MAX)
    }

    /// Whether the guest ran out of stack or of memory for objects.
    pub(crate) fn is_exhausted(&self) -> bool {
        let exhausted = |ended: &Ended| matches!(ended, Ended::Trapped(words) if words == EXHAUSTED || words == HEAP_EXHAUSTED);
        exhausted(&self.instantiated) || self.calls.iter().any(|(_, ended, _)| exhausted(ended))
    }

    /// The same in words that engines agree on. Of an instantiation that failed, only that it did.
    pub(crate) fn generalised(&self) -> Self {
        let general = |ended: &Ended| match ended {
            Ended::Trapped(words) => {
                let same = SAME.iter().find(|(from, _)| from == words);
                Ended::Trapped(same.map_or_else(|| words.clone(), |(_, to)| (*to).to_owned()))
            }
            Ended::Returned(values) => Ended::Returned(values.clone()),
        };
        let instantiated = match &self.instantiated {
            Ended::Trapped(_) => Ended::Trapped("it failed".to_owned()),
            Ended::Returned(_) => Ended::Returned(Vec::new()),
        };
        let calls =
            self.calls.iter().map(|(name, ended, state)| (name.clone(), general(ended), state.clone()));
        Self { instantiated, calls: calls.collect() }
    }

    /// The first thing in which they differ.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        if self.instantiated != other.instantiated {
            return Some(format!("instantiation: {:?} and {:?}", self.instantiated, other.instantiated));
        }
        for (number, (one, other)) in self.calls.iter().zip(&other.calls).enumerate() {
            let place = format!("call {number}, of {:?}", one.0);
            if one.1 != other.1 {
                return Some(format!("{place}: {:?} and {:?}", one.1, other.1));
            }
            if one.2 != other.2 {
                return Some(format!("after {place}: {}", one.2.difference(&other.2)));
            }
        }
        (self.calls.len() != other.calls.len())
            .then(|| format!("{} and {} calls", self.calls.len(), other.calls.len()))
    }
}

impl State {
    fn difference(&self, other: &Self) -> String {
        if let Some(index) = first_difference(&self.globals, &other.globals) {
            return format!("global {index}: {:x?} and {:x?}", self.globals[index], other.globals[index]);
        }
        if let Some(index) = first_difference(&self.memories, &other.memories) {
            return format!("memory {index}: {:?} and {:?}", self.memories[index], other.memories[index]);
        }
        if let Some(index) = first_difference(&self.tables, &other.tables) {
            let (one, other) = (&self.tables[index], &other.tables[index]);
            let element = first_difference(one, other);
            return format!(
                "table {index}: {} and {} elements, first at {element:?}",
                one.len(),
                other.len()
            );
        }
        "the numbers of exports".to_owned()
    }
}

fn first_difference<T: PartialEq>(one: &[T], other: &[T]) -> Option<usize> {
    one.iter().zip(other).position(|(one, other)| one != other)
}
