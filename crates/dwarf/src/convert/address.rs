//! DWARF code addresses to synthetic addresses.
//!
//! DWARF counts from the start of the code section's contents. The linker leaves tombstones where code went away:
//! `0xffffffff` or `0xfffffffe`, and with binaryen `0`, at which no function body starts, because the section
//! begins with the number of bodies.
//!
//! The `wast` crate (`wat` files with debug info) counts from behind that number instead. So do units whose functions
//! start at bodies only if one counts that way.

use std::ops::Range;

use frame_table::ModulePc;

use super::limits::Budget;
use super::taken::call_at_end;
use crate::{Function, Module};

/// The code of one module as one unit counts it.
#[derive(Clone, Copy)]
pub(crate) struct AddressMap<'m> {
    module: &'m Module<'m>,
    /// Where the addresses count from.
    start: ModulePc,
    /// Synthetic address of `start`.
    text: u64,
    /// Bytes from `start` to the end of the code section.
    length: u64,
    /// For reading lists of addresses.
    pub(crate) lists: &'m Budget,
}

impl<'m> AddressMap<'m> {
    /// `text` is the synthetic address of the code section's contents, `lists` what may be read of the sections with lists
    /// of addresses.
    pub(crate) fn new(module: &'m Module<'m>, text: u64, lists: &'m Budget) -> Self {
        let start = ModulePc(module.code.start);
        let length = u64::from(module.code.end.saturating_sub(module.code.start));
        Self { module, start, text, length, lists }
    }

    /// The map for a unit one of whose functions starts at `address`.
    pub(crate) fn for_unit_with(self, address: u64) -> Self {
        let count = self.module.defined_functions().len();
        // Bytes of the number in LEB128.
        let bytes = (usize::BITS - count.leading_zeros()).div_ceil(7).max(1);
        let behind = Self {
            start: self.start.offset(bytes),
            text: self.text.wrapping_add(u64::from(bytes)),
            length: self.length.saturating_sub(u64::from(bytes)),
            ..self
        };
        let fits = |map: Self| map.function(address).is_some_and(|function| map.body(function).0 == address);
        if !fits(self) && fits(behind) { behind } else { self }
    }

    /// The synthetic address of DWARF address 0.
    pub(crate) fn text(&self) -> u64 {
        self.text
    }

    /// The synthetic address of code, or `None` for a tombstone or what is no code.
    pub(crate) fn code(&self, address: u64) -> Option<u64> {
        (address > 0 && address < self.length).then(|| self.text.wrapping_add(address))
    }

    /// A range of code as offsets from [`AddressMap::text`], or `None` if it is empty or no code.
    pub(crate) fn range(&self, begin: u64, end: u64) -> Option<(u64, u64)> {
        (begin > 0 && begin < end && end <= self.length).then_some((begin, end))
    }

    /// The module PCs of a range of code.
    pub(crate) fn pcs(&self, begin: u64, end: u64) -> Option<Range<ModulePc>> {
        let pc = |address| u32::try_from(address).ok().map(|address| self.start.offset(address));
        Some(pc(begin)?..pc(end)?)
    }

    /// The end of the part of a range of code in which an operand is there that is there up to its end: see [`super::taken`].
    pub(crate) fn before_last_call(&self, begin: u64, end: u64) -> u64 {
        let origin = u64::from(self.start.0.saturating_sub(self.module.code.start));
        let at = |address: u64| usize::try_from(address.saturating_add(origin)).ok();
        let code = at(begin).zip(at(end)).and_then(|(begin, end)| self.module.code_bytes.get(begin..end));
        let call = code.and_then(call_at_end).and_then(|call| u64::try_from(call).ok());
        call.map_or(end, |call| begin.saturating_add(call).saturating_add(1).min(end))
    }

    /// The range of a unit, which may start at 0: some producers say "the whole code section".
    pub(crate) fn unit_range(&self, begin: u64, end: u64) -> Option<(u64, u64)> {
        (begin < end && end <= self.length).then_some((begin, end))
    }

    /// The function whose body holds a code address.
    pub(crate) fn function(&self, address: u64) -> Option<&'m Function> {
        let pc = u64::from(self.start.0).checked_add(address)?;
        self.module.function_at(ModulePc(u32::try_from(pc).ok()?))
    }

    /// As [`AddressMap::function`], quicker if it is probably one.
    pub(crate) fn function_near(&self, probably: Option<&'m Function>, address: u64) -> Option<&'m Function> {
        let is_it = |function: &&Function| {
            let (start, end) = self.body(function);
            start <= address && address < end
        };
        probably.filter(is_it).or_else(|| self.function(address))
    }

    /// The start of the function body whose first operator is at a code address, if that is something else.
    ///
    /// In optimised code a line table starts at the first operator, but the function starts at its local
    /// declarations. Debuggers look up the line of the function's start.
    pub(crate) fn function_start(&self, address: u64) -> Option<u64> {
        let function = self.function(address)?;
        let first = u64::from(function.first_operator.0.saturating_sub(self.start.0));
        let (start, _) = self.body(function);
        (address == first && start < first).then_some(start)
    }

    /// The code of the function around an address that is behind its first operator; nothing if there is no function.
    pub(crate) fn behind_first_operator(&self, address: u64) -> Range<u64> {
        self.function(address).map_or(0..0, |function| {
            let first = u64::from(function.first_operator.0.saturating_sub(self.start.0));
            first.saturating_add(1)..self.body(function).1
        })
    }

    /// Where a function's body is, as DWARF addresses.
    pub(crate) fn body(&self, function: &Function) -> (u64, u64) {
        let start = self.start.0;
        (
            u64::from(function.body.start.saturating_sub(start)),
            u64::from(function.body.end.saturating_sub(start)),
        )
    }
}

/// Whether an address of data stands for an object that the linker removed.
pub(crate) fn is_data_tombstone(address: u64, address_size: u8) -> bool {
    let highest = if address_size >= 8 { u64::MAX } else { (1 << (8 * u32::from(address_size))) - 1 };
    address >= highest - 1
}
