//! The module's DWARF to DWARF that describes what a persona shows.
//!
//! ```text
//!   units ─┬─> part: survey, convert, write ─┬─> join ──> sections in pieces
//!          ├─> part: ...                     ─┤
//!          └─> ...                           ─┘
//! ```
//!
//! A *part* is some units that stand together; parts are converted on all processors. An entry is in memory only until its
//! part is written, so a large module needs little more memory than its image. In a part, the *survey* walks all units,
//! decides which entries go into the image, and reserves a place for each, so that references can be converted in any
//! direction. The *conversion* then takes one unit at a time: its line table, and the attributes of its entries. A unit
//! needs nothing of another one but the places. If a unit refers to one of another part (link-time optimisation makes such,
//! and type units), all is done again with all units in one part.
//!
//! Why not gimli's own `Dwarf::convert`? It gives up on the first unit that it cannot read, it copies tombstones,
//! and some malformed line tables make it panic.

mod address;
mod attribute;
mod expression;
mod library;
mod limits;
mod line;
mod list;
mod locals;
mod part;
mod piece;
mod pointer;
mod sources;
mod strings;
mod survey;
mod unit;
mod variable;

use std::collections::{BTreeMap, HashSet};

use frame_table::ModulePc;

pub(crate) use self::library::SourceExists;
pub use self::locals::{NamedLocals, named_locals};
pub(crate) use self::piece::{Piece, Pieces, Written};
pub(crate) use self::variable::StaticVariable;

use self::part::{Part, Plan};
use crate::report::{Drop, Report};
use crate::sections::DebugSections;
use crate::{FunctionReturn, Layout, Module};

/// What comes out of the conversion.
#[derive(Default)]
pub(crate) struct Converted {
    /// The new sections: name and contents. None if there is no debug info.
    pub(crate) sections: Vec<(&'static str, Pieces)>,
    /// How functions return structures, by function index.
    pub(crate) returns: BTreeMap<u32, FunctionReturn>,
    /// Variables at one address each.
    pub(crate) variables: Vec<StaticVariable>,
}

/// Converts all debug sections. Without `source_exists`, all units keep their lines.
///
/// `make_up` adds units of functions that have none: it is told which have, by index, and whether the program has lines of
/// its own.
pub(crate) fn convert<'a>(
    debug: &DebugSections<'a>,
    module: &Module<'_>,
    layout: &Layout,
    source_exists: Option<SourceExists<'_>>,
    make_up: &dyn Fn(&HashSet<u32>, bool) -> Vec<Written>,
    report: &mut Report,
) -> Converted {
    let text = layout.code_address(ModulePc(module.code.start));
    let plan = Plan::new(debug, module, layout, text, source_exists, report);
    let parts = plan.in_parts().unwrap_or_else(|| plan.as_one());
    let mut converted = Converted::default();
    let mut written = Vec::new();
    let mut counts = Report::default();
    let mut described = HashSet::new();
    for Part { written: part, returns, variables, described: in_part, report } in parts {
        match part {
            Ok(part) => written.push(part),
            Err(error) => {
                counts.drop(Drop::Unit, error);
                continue;
            }
        }
        converted.returns.extend(returns);
        converted.variables.extend(variables);
        described.extend(in_part);
        counts.add(report);
    }
    written.extend(make_up(&described, plan.is_program_described));
    if written.is_empty() {
        return Converted::default();
    }
    match piece::join(written, plan.strings.contents().collect::<Vec<_>>().concat()) {
        Ok(sections) => converted.sections = sections,
        Err(error) => {
            report.drop(Drop::DebugInfo, error);
            return Converted::default();
        }
    }
    report.add(counts);
    converted
}
