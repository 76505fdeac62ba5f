//! The units to convert: those of the module, the contents of split units, and type units.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use gimli::{AttributeValue, DwoId, EndianSlice, LittleEndian, Section, UnitRef, UnitType, read};

use super::limits::AbbreviationTables;
use crate::parallel;
use crate::report::{Drop, Report};
use crate::sections::{DebugSections, ReadDwarf, Reader, Split};

/// Units whose roots and tables a processor reads at a time.
const SHARE: usize = 32;

/// One unit being read.
pub(crate) struct Source<'a> {
    pub(crate) dwarf: Arc<ReadDwarf<'a>>,
    pub(crate) unit: read::Unit<Reader<'a>>,
    /// For a split unit: what stayed in the module of it.
    pub(crate) skeleton: Option<Skeleton<'a>>,
    /// Units with the same number can refer to each other by offset.
    pub(crate) origin: usize,
}

/// The part of a split unit that is in the module.
pub(crate) struct Skeleton<'a> {
    pub(crate) dwarf: Arc<ReadDwarf<'a>>,
    pub(crate) unit: read::Unit<Reader<'a>>,
}

impl<'a> Source<'a> {
    pub(crate) fn unit_ref(&self) -> UnitRef<'_, Reader<'a>> {
        self.unit.unit_ref(&self.dwarf)
    }

    /// Where its line table is: in the module for a split unit.
    pub(crate) fn with_table(&self) -> UnitRef<'_, Reader<'a>> {
        self.skeleton.as_ref().map_or(self.unit_ref(), Skeleton::unit_ref)
    }

    /// Whether it can have code.
    pub(crate) fn is_code_unit(&self) -> bool {
        !matches!(
            self.unit.header.type_(),
            UnitType::Type { .. } | UnitType::SplitType { .. } | UnitType::Partial
        )
    }
}

impl<'a> Skeleton<'a> {
    pub(crate) fn unit_ref(&self) -> UnitRef<'_, Reader<'a>> {
        self.unit.unit_ref(&self.dwarf)
    }
}

/// All units that can be read, in the order of their origins and offsets.
pub(crate) fn sources<'a>(debug: &DebugSections<'a>, report: &mut Report) -> Vec<Source<'a>> {
    let mut found = Vec::new();
    let mut skeletons = Vec::new();
    let mut in_objects = units_of_objects(&debug.split, report);
    for unit in units(&debug.main, report) {
        // Without its contents, a skeleton is still good for its line table.
        let contents = match skeleton_id(&unit) {
            Some(id) => contents(&debug.main, &debug.split, &mut in_objects, id, &unit, report),
            None => None,
        };
        match contents {
            Some((dwarf, contents)) => {
                let skeleton = Some(Skeleton { dwarf: Arc::clone(&debug.main), unit });
                skeletons.push(Source { dwarf, unit: contents, skeleton, origin: 0 });
            }
            None => found.push(Source { dwarf: Arc::clone(&debug.main), unit, skeleton: None, origin: 0 }),
        }
    }
    let mut headers = debug.main.type_units();
    let mut types = Vec::new();
    loop {
        match headers.next().and_then(|header| header.map(|header| debug.main.unit(header)).transpose()) {
            Ok(Some(unit)) => types.push(unit),
            Ok(None) => break,
            Err(error) => report.drop(Drop::Unit, error),
        }
    }
    let types = types.into_iter().map(|unit| Source {
        dwarf: Arc::clone(&debug.main),
        unit,
        skeleton: None,
        origin: 0,
    });
    // Offsets of type units count in another section, and split units are sections of their own each.
    let apart = skeletons.into_iter().chain(types).zip(1..);
    found.extend(apart.map(|(source, origin)| Source { origin, ..source }));
    found
}

/// The units of `.debug_info`. A unit that cannot be read does not hide the next one, as long as its length is right.
fn units<'a>(dwarf: &ReadDwarf<'a>, report: &mut Report) -> Vec<read::Unit<Reader<'a>>> {
    let section = *dwarf.debug_info.reader();
    let mut headers = Vec::new();
    let mut offset = 0;
    let mut tables = AbbreviationTables::new(dwarf);
    while offset < section.len() {
        let header = dwarf.debug_info.header_from_offset(gimli::DebugInfoOffset(offset));
        match header {
            Ok(header) if !tables.allow(dwarf, header.debug_abbrev_offset().0) => {
                report.drop(Drop::Unit, "the tables of abbreviations are too long");
            }
            Ok(header) => headers.push(header),
            Err(error) => report.drop(Drop::Unit, error),
        }
        let Some(length) = unit_length(section, offset) else { break };
        offset = offset.saturating_add(length);
    }
    let shares: Vec<_> = headers.chunks(SHARE).collect();
    let read = |share: usize| -> Vec<_> {
        let headers = shares.get(share).copied().unwrap_or_default();
        headers.iter().map(|header| dwarf.unit(*header)).collect()
    };
    let read = parallel::map(shares.len(), read).into_iter().flatten();
    read.filter_map(|unit| unit.inspect_err(|error| report.drop(Drop::Unit, error)).ok()).collect()
}

/// Bytes from the start of a unit to the start of the next one.
fn unit_length(section: Reader<'_>, offset: usize) -> Option<usize> {
    let mut rest = section.slice().get(offset..).map(|bytes| EndianSlice::new(bytes, LittleEndian))?;
    let (length, format) = read::Reader::read_initial_length(&mut rest).ok()?;
    length.checked_add(usize::from(format.initial_length_size()))
}

/// The id by which a skeleton's contents are found.
pub(crate) fn skeleton_id(unit: &read::Unit<Reader<'_>>) -> Option<DwoId> {
    match unit.header.type_() {
        UnitType::Skeleton(id) => Some(id),
        UnitType::Compilation => unit.dwo_id,
        _ => None,
    }
}

/// A unit of a split-DWARF file, with the file.
type SplitUnit<'a> = (Arc<ReadDwarf<'a>>, read::Unit<Reader<'a>>);

/// The units of all `.dwo` files, by their ids.
fn units_of_objects<'a>(split: &Split<'a>, report: &mut Report) -> HashMap<DwoId, SplitUnit<'a>> {
    let mut found = HashMap::new();
    for object in &split.objects {
        for unit in units(object, report) {
            if let Some(id) = unit.dwo_id {
                found.insert(id, (Arc::clone(object), unit));
            }
        }
    }
    found
}

/// Looks up the contents of a skeleton unit. No two skeletons have the same.
fn contents<'a>(
    main: &ReadDwarf<'a>,
    split: &Split<'a>,
    in_objects: &mut HashMap<DwoId, SplitUnit<'a>>,
    id: DwoId,
    skeleton: &read::Unit<Reader<'a>>,
    report: &mut Report,
) -> Option<(Arc<ReadDwarf<'a>>, read::Unit<Reader<'a>>)> {
    let mut in_package = || {
        for package in &split.packages {
            match package.find_cu(id, main) {
                Ok(Some(dwarf)) => {
                    let unit = units(&dwarf, report).into_iter().find(|unit| unit.dwo_id == Some(id))?;
                    return Some((Arc::new(dwarf), unit));
                }
                Ok(None) => {}
                Err(error) => report.drop(Drop::Unit, error),
            }
        }
        None
    };
    let Some((dwarf, mut unit)) = in_objects.remove(&id).or_else(&mut in_package) else {
        report.drop(Drop::Unit, "the contents of a split unit were not given");
        return None;
    };
    unit.copy_relocated_attributes(skeleton);
    Some((dwarf, unit))
}

/// The text of an attribute, as a path.
pub(crate) fn text_of<'a>(
    unit: UnitRef<'_, Reader<'a>>,
    value: AttributeValue<Reader<'a>>,
) -> Option<PathBuf> {
    let text = unit.attr_string(value).ok()?;
    (!text.is_empty()).then(|| PathBuf::from(text.to_string_lossy().into_owned()))
}
