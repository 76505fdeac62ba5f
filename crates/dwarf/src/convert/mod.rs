//! The module's DWARF to DWARF that describes what a persona shows.
//!
//! Two passes. The *survey* walks all units, decides which entries go into the image, and reserves a place for
//! each, so that references can be converted in any direction. The *conversion* then takes one unit at a time:
//! its line table, and the attributes of its entries. A unit needs nothing of another one but the places.
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
mod pointer;
mod sources;
mod survey;
mod unit;
mod variable;

use std::collections::{BTreeMap, HashSet};

use frame_table::ModulePc;
use gimli::LittleEndian;
use gimli::write::{Dwarf, EndianVec, Sections};

pub(crate) use self::library::SourceExists;
pub use self::locals::{NamedLocals, named_locals};
pub(crate) use self::variable::StaticVariable;

use self::address::AddressMap;
use self::attribute::Strings;
use self::limits::Budget;
use self::line::LineStrings;
use self::survey::Survey;
use self::unit::{Shared, Tables};
use crate::report::{Drop, Report};
use crate::sections::DebugSections;
use crate::{FunctionReturn, Layout, Module};

/// What comes out of the conversion.
#[derive(Default)]
pub(crate) struct Converted {
    /// The new sections: name and contents. None if there is no debug info.
    pub(crate) sections: Vec<(&'static str, Vec<u8>)>,
    /// How functions return structures, by function index.
    pub(crate) returns: BTreeMap<u32, FunctionReturn>,
    /// Variables at one address each.
    pub(crate) variables: Vec<StaticVariable>,
}

/// Converts all debug sections. Without `source_exists`, all units keep their lines.
pub(crate) fn convert<'a>(
    debug: &DebugSections<'a>,
    module: &Module<'_>,
    layout: &Layout,
    source_exists: Option<SourceExists<'_>>,
    report: &mut Report,
) -> Converted {
    let lists = Budget::new(debug.list_bytes());
    let text = layout.code_address(ModulePc(module.code.start));
    let map = AddressMap::new(module, text, &lists);
    let mut dwarf = Dwarf::new();
    let survey = Survey::new(debug, map, layout.machine, source_exists, &mut dwarf, report);
    let strings = Budget::new(debug.string_bytes());
    let names = Budget::new(debug.string_bytes().saturating_add(debug.info_bytes()));
    let shared = Shared { module, layout, names: &names };
    let mut tables = Tables {
        units: &mut dwarf.units,
        strings: Strings::new(&mut dwarf.strings, &strings),
        line_strings: LineStrings { table: &mut dwarf.line_strings, budget: &strings },
        line_tables: HashSet::new(),
        returns: BTreeMap::new(),
        variables: Vec::new(),
    };
    for number in 0..survey.units.len() {
        unit::convert(&shared, &survey, number, &mut tables, report);
    }
    let Tables { returns, variables, .. } = tables;
    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    if let Err(error) = dwarf.write(&mut sections) {
        report.drop(Drop::DebugInfo, error);
        report.units = 0;
        return Converted::default();
    }
    let mut named = Vec::new();
    let collected = sections.for_each_mut(|id, section| {
        let contents = section.take();
        if !contents.is_empty() {
            named.push((id.name(), contents));
        }
        Ok::<_, std::convert::Infallible>(())
    });
    match collected {
        Ok(()) => Converted { sections: named, returns, variables },
        Err(never) => match never {},
    }
}
