//! Sets of locals: which of them a state slot has, or somebody may ask for.
//!
//! Code that does not keep every local in the state slot says for each of its points which ones are there. Points have
//! few different sets, so a function keeps each once, and a point names it.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A set of local indices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LocalSet {
    /// Bit `i % 64` of word `i / 64` is local `i`. Invariant: the last word is not zero.
    words: Vec<u64>,
}

impl LocalSet {
    /// The locals below `count`.
    #[must_use]
    pub fn all(count: u32) -> Self {
        let mut set = Self { words: vec![u64::MAX; usize::try_from(count / 64).unwrap_or_default()] };
        set.words.push((1 << (count % 64)) - 1);
        set.trim();
        set
    }

    /// Whether it has no local.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether it has this local.
    #[must_use]
    pub fn contains(&self, local: u32) -> bool {
        let (word, bit) = place(local);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Adds a local; returns whether it was not there.
    pub fn insert(&mut self, local: u32) -> bool {
        let (word, bit) = place(local);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// Takes a local out; returns whether it was there.
    pub fn remove(&mut self, local: u32) -> bool {
        let (word, bit) = place(local);
        let Some(word) = self.words.get_mut(word) else { return false };
        let there = *word & bit != 0;
        *word &= !bit;
        self.trim();
        there
    }

    /// Adds all of another set.
    pub fn add_all(&mut self, other: &Self) {
        if other.words.len() > self.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Takes all of another set out.
    pub fn remove_all(&mut self, other: &Self) {
        for (word, less) in self.words.iter_mut().zip(&other.words) {
            *word &= !less;
        }
        self.trim();
    }

    /// Leaves what is in another set as well.
    pub fn keep_common(&mut self, other: &Self) {
        self.words.truncate(other.words.len());
        for (word, common) in self.words.iter_mut().zip(&other.words) {
            *word &= common;
        }
        self.trim();
    }

    /// The locals, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0u32..).zip(&self.words).flat_map(|(index, word)| {
            let word = *word;
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| index * 64 + bit)
        })
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }
}

fn place(local: u32) -> (usize, u64) {
    (usize::try_from(local / 64).unwrap_or(usize::MAX), 1 << (local % 64))
}

/// Names a set in its [`LocalSets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LocalSetId(u32);

/// All sets of locals that one function's points name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LocalSets {
    sets: Vec<LocalSet>,
    /// For those that are still added.
    #[serde(skip)]
    known: HashMap<LocalSet, LocalSetId>,
}

impl LocalSets {
    /// The set of all locals, which is not stored.
    pub const ALL: LocalSetId = LocalSetId(u32::MAX);

    /// The name of a set.
    pub fn intern(&mut self, set: &LocalSet) -> LocalSetId {
        if let Some(known) = self.known.get(set) {
            return *known;
        }
        let id = LocalSetId(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
        self.sets.push(set.clone());
        self.known.insert(set.clone(), id);
        id
    }

    /// Whether a set has a local.
    #[must_use]
    pub fn contains(&self, set: LocalSetId, local: u32) -> bool {
        let found = usize::try_from(set.0).ok().and_then(|index| self.sets.get(index));
        set == Self::ALL || found.is_some_and(|set| set.contains(local))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(locals: &[u32]) -> LocalSet {
        let mut set = LocalSet::default();
        for local in locals {
            set.insert(*local);
        }
        set
    }

    #[test]
    fn sets_are_equal_when_they_have_the_same_locals() {
        let mut one = set(&[1, 200]);
        assert!(one.remove(200) && !one.remove(200));
        assert_eq!(one, set(&[1]));
        assert_eq!(LocalSet::all(64).iter().count(), 64);
        assert_eq!(LocalSet::all(65), set(&(0..65).collect::<Vec<_>>()));
        assert!(LocalSet::all(0).is_empty());
    }

    #[test]
    fn sets_are_combined() {
        let (one, other) = (set(&[0, 63, 64]), set(&[63, 130]));
        let combined = |how: fn(&mut LocalSet, &LocalSet)| {
            let mut result = one.clone();
            how(&mut result, &other);
            result.iter().collect::<Vec<_>>()
        };
        assert_eq!(combined(LocalSet::add_all), [0, 63, 64, 130]);
        assert_eq!(combined(LocalSet::remove_all), [0, 64]);
        assert_eq!(combined(LocalSet::keep_common), [63]);
    }

    #[test]
    fn a_set_is_kept_once() {
        let mut sets = LocalSets::default();
        let one = sets.intern(&set(&[3]));
        assert_eq!(sets.intern(&set(&[3])), one);
        assert!(sets.contains(one, 3) && !sets.contains(one, 4) && sets.contains(LocalSets::ALL, 4));
        let none = sets.intern(&LocalSet::default());
        assert!(!sets.contains(none, 0));
    }
}
