//! The module's DWARF to DWARF that describes what a persona shows.
//!
//! ```text
//!   units ─┬─> part: read, convert, write ───┬─> link, join ──> sections in pieces
//!          ├─> part: ...                     ─┤
//!          └─> ...                           ─┘
//! ```
//!
//! A *part* is some units that stand together; parts are converted on all processors. Entries are copied one after the other,
//! attribute by attribute, and never are in memory as anything but bytes: a large module needs little more memory than its
//! image. What an entry refers to is put right at the end of its unit, or, if it is in another unit (link-time optimisation makes
//! such references, and type units), when all parts are there.
//!
//! Why not gimli's own conversion? It makes trees of entries in memory, which takes several times as long, gives up on the first
//! unit that it cannot read, copies tombstones, and some malformed line tables make it panic.

mod abbreviation;
mod address;
mod attribute;
mod by_function;
mod bytes;
mod copy;
mod counting;
mod entry;
mod expression;
mod kind;
pub(crate) mod library;
mod limits;
mod line;
mod list;
mod locals;
mod names;
mod output;
mod part;
pub(crate) mod piece;
mod pointer;
mod reference;
mod run;
pub(crate) mod sources;
mod strings;
mod taken;
mod unit;
mod variable;

use frame_table::ModulePc;

pub(crate) use self::by_function::UnitsByFunction;
pub use self::locals::{NamedLocals, named_locals};
pub use self::names::LocalNames;
pub(crate) use self::piece::{Piece, Pieces, Written};
pub(crate) use self::strings::Texts;
pub(crate) use self::variable::StaticVariable;

use self::output::Output;
use self::part::{IsWanted, Plan};
use crate::index::PartSymbols;
use crate::report::{Drop, Report};
use crate::sections::DebugSections;
use crate::{Layout, Module, Sources};

/// What comes out of the conversion.
#[derive(Default)]
pub(crate) struct Converted {
    /// The new sections: name and contents. None if there is no debug info.
    pub(crate) sections: Vec<(&'static str, Pieces)>,
    /// Variables at one address each.
    pub(crate) variables: Vec<StaticVariable>,
    /// What the index of names is made of, if there is to be one.
    pub(crate) symbols: Option<Vec<PartSymbols>>,
}

/// Converts all debug sections. If nothing is known of `sources`, all units keep their lines.
///
/// What is not wanted any more comes to an end soon, with a part of it or nothing.
///
/// `make_up` adds units of functions that have none: it is told which have, in the order of their indices, and whether the program
/// has lines of its own.
pub(crate) fn convert<'a>(
    debug: &DebugSections<'a>,
    module: &Module<'_>,
    layout: &Layout,
    sources: Sources<'_>,
    is_wanted: IsWanted<'_>,
    make_up: &dyn Fn(&[u32], bool) -> Vec<Written>,
    report: &mut Report,
) -> Converted {
    let text = layout.code_address(ModulePc(module.code.start));
    let plan = Plan::new(debug, module, layout, text, sources, report);
    let parts = plan.convert(is_wanted, report);
    if !is_wanted() {
        return Converted::default();
    }
    let mut converted = Converted::default();
    let mut written = Vec::new();
    let mut counts = Report::default();
    let mut described = Vec::new();
    let mut symbols = Some(Vec::new());
    for Output { sections, variables, described: in_part, symbols: in_index, report, .. } in parts {
        written.push(Written { sections });
        symbols = symbols.zip(in_index).map(with);
        converted.variables.extend(variables);
        described.extend(in_part);
        counts.add(report);
    }
    described.sort_unstable();
    for made in make_up(&described, plan.is_program_described) {
        symbols = symbols.zip(plan.symbols(&made.sections)).map(with);
        written.push(made);
    }
    if written.is_empty() {
        return Converted::default();
    }
    match piece::join(written, plan.texts.into_sections()) {
        Ok(sections) => {
            converted.sections = sections;
            converted.symbols = symbols;
        }
        Err(error) => {
            report.drop(Drop::DebugInfo, error);
            return Converted::default();
        }
    }
    report.add(counts);
    converted
}

/// All of a list and one more.
fn with<T>((mut list, one): (Vec<T>, T)) -> Vec<T> {
    list.push(one);
    list
}
