//! Bounds on work that the size of the input does not bound by itself.
//!
//! In DWARF many things are read by offset, so in a malformed file a few bytes can refer to the same long list or
//! string again and again. Honest files read each byte of their sections a few times at most.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use gimli::read::Reader as _;
use gimli::{Section, constants as dw};

use crate::sections::{ReadDwarf, Reader};

/// How often each byte may be read.
const TIMES: usize = 8;

/// Bytes that may still be read.
#[derive(Debug)]
pub(crate) struct Budget(AtomicUsize);

impl Budget {
    /// A budget for reading sections of that many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes.saturating_mul(TIMES)))
    }

    /// Takes `bytes` out. False, now and for ever, if there is not enough left.
    pub(crate) fn spend(&self, bytes: usize) -> bool {
        let left = |left: usize| left.checked_sub(bytes);
        let spent = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok();
        if !spent {
            self.0.store(0, Ordering::Relaxed);
        }
        spent
    }

    /// Whether nothing is left, so that reading something to learn its length is not worth it.
    pub(crate) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// Watches that the tables of abbreviations that units name are about as long as their section.
pub(crate) struct AbbreviationTables {
    seen: HashSet<usize>,
    budget: Budget,
}

impl AbbreviationTables {
    pub(crate) fn new(dwarf: &ReadDwarf<'_>) -> Self {
        Self { seen: HashSet::new(), budget: Budget::new(dwarf.debug_abbrev.reader().len()) }
    }

    /// Whether the table at an offset may be read.
    pub(crate) fn allow(&mut self, dwarf: &ReadDwarf<'_>, offset: usize) -> bool {
        if !self.seen.insert(offset) {
            // gimli keeps tables that several units share.
            return true;
        }
        let mut table = *dwarf.debug_abbrev.reader();
        if table.skip(offset).is_err() {
            return true;
        }
        let whole = table.len();
        // A table that cannot be read to its end is refused by gimli, after as many bytes.
        let _: Option<()> = skip_table(&mut table);
        self.budget.spend(whole - table.len())
    }
}

/// Reads over a table of abbreviations.
fn skip_table(table: &mut Reader<'_>) -> Option<()> {
    while table.read_uleb128().ok()? != 0 {
        table.read_uleb128().ok()?;
        table.read_u8().ok()?;
        loop {
            let name = table.read_uleb128().ok()?;
            let form = table.read_uleb128().ok()?;
            if form == u64::from(dw::DW_FORM_implicit_const.0) {
                table.read_sleb128().ok()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
        }
    }
    Some(())
}
