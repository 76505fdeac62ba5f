//! Which locals the debug info names in one function, for somebody who asks for few functions of many. If a unit has code of a
//! function and does not say so, all locals of that function are kept.

use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;
use frame_table::ModulePc;

use super::by_function::UnitsByFunction;
use super::locals::{Bounds, Found, NamedLocals, read};
use crate::Error;

/// The locals that the debug info of a module names.
#[derive(Debug)]
pub struct LocalNames {
    units: UnitsByFunction,
    bounds: Bounds,
    /// By group of units.
    found: Vec<OnceLock<Found>>,
}

impl LocalNames {
    /// Reads which units a module has, or files with debug info of the same code. None if there is no debug info.
    ///
    /// # Errors
    /// If the module is malformed.
    pub fn new(bytes: Bytes, debug_files: Vec<Bytes>) -> Result<Option<Self>, Error> {
        let units = UnitsByFunction::new(bytes, debug_files)?;
        let bounds = Bounds::new(units.info_bytes, units.list_bytes);
        let found: Vec<OnceLock<Found>> = (0..units.len()).map(|_| OnceLock::new()).collect();
        Ok((!found.is_empty()).then_some(Self { units, bounds, found }))
    }

    /// What is named in the function with this body; its locals are as in [`super::named_locals`]. None if all of its locals are
    /// to be kept: it has no debug info, or none that can be read, or the module has too much.
    #[must_use]
    pub fn of_function(&self, body: &Range<ModulePc>) -> Option<NamedLocals> {
        let functions = self.units.module.defined_functions();
        let function = functions.binary_search_by_key(&body.start.0, |function| function.body.start).ok()?;
        let mut is_described = false;
        let mut all = NamedLocals::default();
        for group in self.units.groups_of(function) {
            let found = self.found(group)?;
            if self.bounds.are_broken() || found.unreadable.binary_search(&function).is_ok() {
                return None;
            }
            is_described |= found.described.binary_search(&function).is_ok();
            all.named.extend_from_slice(within(&found.named, body));
            all.frame_bases.extend_from_slice(within(&found.frame_bases, body));
        }
        is_described.then_some(all)
    }

    fn found(&self, group: usize) -> Option<&Found> {
        let found = self.found.get(group)?;
        Some(found.get_or_init(|| {
            let units = &self.units;
            let mut found =
                units.read(group, |sources| read(&units.module, &self.bounds, sources)).unwrap_or_default();
            found.named.sort_unstable_by_key(|(range, _)| range.start);
            found.frame_bases.sort_unstable_by_key(|(range, _)| range.start);
            found
        }))
    }
}

/// The part of a list in ascending order that starts in a body.
fn within<'f>(list: &'f [(Range<ModulePc>, u32)], body: &Range<ModulePc>) -> &'f [(Range<ModulePc>, u32)] {
    let start = list.partition_point(|(range, _)| range.start < body.start);
    let end = list.partition_point(|(range, _)| range.start < body.end);
    list.get(start..end).unwrap_or_default()
}
