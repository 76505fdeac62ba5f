//! What the host holds of the heap: a table of references, which [`GcRef`]s name.
//!
//! One object has one [`GcRef`] as long as anybody holds it, so that equal references are equal values. Whoever is
//! given one holds it once more, and gives it up with `Store::release`; what a host function or a debugger's hook was
//! given meanwhile is given up when it returns (a *scope*).

use crate::value::GcRef;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

/// One entry of the table.
struct Root {
    /// Changes when the entry is used again, so that stale names are noticed.
    serial: u32,
    /// The object; 0 while the entry is free.
    bits: u64,
    /// How often it is held.
    holders: u32,
}

/// The first serial number of the next store's entries, so that names of one store are none of another's.
static SERIALS: AtomicU32 = AtomicU32::new(0);
/// How far apart they are.
const SERIALS_APART: u32 = 1 << 16;

/// All references that the host holds.
pub(crate) struct Roots {
    /// The serial number of new entries.
    serial: u32,
    entries: Vec<Root>,
    free: Vec<u32>,
    by_object: HashMap<u64, u32>,
    /// Entries that were given out within scopes, in order, one for each time.
    given: Vec<u32>,
    /// How many scopes are open.
    scopes: u32,
}

/// Where a scope began.
#[derive(Clone, Copy)]
pub(crate) struct RootMark {
    given: usize,
    scopes: u32,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            serial: SERIALS.fetch_add(SERIALS_APART, Ordering::Relaxed),
            entries: Vec::new(),
            free: Vec::new(),
            by_object: HashMap::new(),
            given: Vec::new(),
            scopes: 0,
        }
    }
}

impl Roots {
    /// Gives out the name of an object.
    pub(crate) fn acquire(&mut self, bits: u64) -> GcRef {
        let name = self.hold(bits);
        self.adopt(name);
        name
    }

    fn add(&mut self, bits: u64) -> u32 {
        let root = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Root { serial: self.serial, bits: 0, holders: 0 });
            crate::module::narrow(self.entries.len() - 1)
        });
        self.entries[root as usize].bits = bits;
        self.by_object.insert(bits, root);
        root
    }

    /// The object that a name stands for; none if nobody holds it any more.
    pub(crate) fn get(&self, name: GcRef) -> Option<u64> {
        let entry = self.entries.get(name.root as usize)?;
        (entry.bits != 0 && entry.serial == name.serial).then_some(entry.bits)
    }

    /// Gives out the name of an object, whatever scope is open.
    pub(crate) fn hold(&mut self, bits: u64) -> GcRef {
        let root = match self.by_object.get(&bits) {
            Some(root) => *root,
            None => self.add(bits),
        };
        let entry = &mut self.entries[root as usize];
        entry.holders += 1;
        GcRef { root, serial: entry.serial }
    }

    /// Has the open scope, if there is one, give up what was held whatever scope is open.
    pub(crate) fn adopt(&mut self, name: GcRef) {
        if self.scopes > 0 && self.get(name).is_some() {
            self.given.push(name.root);
        }
    }

    /// Holds an object once more, whatever scope is open. False if nobody holds it.
    pub(crate) fn keep(&mut self, name: GcRef) -> bool {
        if self.get(name).is_none() {
            return false;
        }
        self.entries[name.root as usize].holders += 1;
        true
    }

    /// Gives an object up once.
    pub(crate) fn release(&mut self, name: GcRef) {
        if self.get(name).is_some() {
            self.give_up(name.root);
        }
    }

    fn give_up(&mut self, root: u32) {
        let entry = &mut self.entries[root as usize];
        entry.holders = entry.holders.saturating_sub(1);
        if entry.holders == 0 && entry.bits != 0 {
            self.by_object.remove(&entry.bits);
            entry.bits = 0;
            entry.serial = entry.serial.wrapping_add(1);
            self.free.push(root);
        }
    }

    /// Opens a scope.
    pub(crate) fn open(&mut self) -> RootMark {
        let mark = self.mark();
        self.scopes += 1;
        mark
    }

    /// What [`Roots::close`] needs to get back here.
    pub(crate) fn mark(&self) -> RootMark {
        RootMark { given: self.given.len(), scopes: self.scopes }
    }

    /// Closes a scope and all in it, and gives up what was given out meanwhile.
    pub(crate) fn close(&mut self, mark: RootMark) {
        for root in self.given.split_off(mark.given.min(self.given.len())) {
            self.give_up(root);
        }
        self.scopes = mark.scopes;
    }

    /// All objects that are held.
    pub(crate) fn objects(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().map(|entry| entry.bits).filter(|bits| *bits != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_one_name_until_it_was_released_as_often_as_given_out() {
        let mut roots = Roots::default();
        let [one, again] = [16, 16].map(|bits| roots.acquire(bits));
        assert_eq!(one, again);
        roots.release(one);
        assert_eq!(roots.get(one), Some(16));
        roots.release(one);
        assert_eq!((roots.get(one), roots.objects().count()), (None, 0));
        assert_ne!(roots.acquire(16), one);
        assert_eq!(Roots::default().get(one), None);
        let mut other = Roots::default();
        other.acquire(16);
        assert_eq!(other.get(roots.acquire(16)), None, "a name of another store");
    }

    #[test]
    fn a_scope_gives_up_what_was_given_out_in_it_and_was_not_kept() {
        let mut roots = Roots::default();
        let before = roots.acquire(16);
        let mark = roots.open();
        roots.acquire(16);
        let [lost, kept] = [32, 48].map(|bits| roots.acquire(bits));
        assert!(roots.keep(kept));
        roots.open();
        let inner = roots.acquire(64);
        roots.close(mark);
        assert_eq!([before, lost, kept, inner].map(|name| roots.get(name)), [Some(16), None, Some(48), None]);
        let outside = roots.acquire(80);
        roots.close(roots.mark());
        assert_eq!(roots.get(outside), Some(80));
    }
}
