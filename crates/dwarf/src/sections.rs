//! Finding the DWARF of a module: in its own custom sections, in a file of debug info only, or in a split-DWARF
//! file (`.dwo`) or package (`.dwp`).

use std::sync::Arc;

use gimli::{DwarfPackage, EndianSlice, LittleEndian, Section, SectionId};

use crate::Module;
use crate::report::{Drop, Report};

/// How gimli reads our sections.
pub(crate) type Reader<'a> = EndianSlice<'a, LittleEndian>;
/// DWARF sections being read.
pub(crate) type ReadDwarf<'a> = gimli::read::Dwarf<Reader<'a>>;

/// How the names of sections with lists of addresses begin.
const LISTS: [&str; 4] = [".debug_ranges", ".debug_rnglists", ".debug_loc", ".debug_addr"];

/// The debug info of one module.
pub(crate) struct DebugSections<'a> {
    /// Full and skeleton units.
    pub(crate) main: Arc<ReadDwarf<'a>>,
    /// Where the contents of skeleton units are.
    pub(crate) split: Split<'a>,
    list_bytes: usize,
}

/// Where the contents of skeleton units are.
pub(crate) enum Split<'a> {
    /// Not given.
    None,
    /// One or more units of a `.dwo` file.
    Object(Arc<ReadDwarf<'a>>),
    /// A `.dwp` file with an index.
    Package(Box<DwarfPackage<Reader<'a>>>),
}

impl<'a> DebugSections<'a> {
    /// Takes the sections of the module, unless the debug file has better ones.
    pub(crate) fn find(module: &Module<'a>, debug_file: Option<&Module<'a>>, report: &mut Report) -> Self {
        let main_file = match debug_file {
            Some(file) if file.custom_section(SectionId::DebugInfo.name()).is_some() => file,
            _ => module,
        };
        let mut main = load(main_file, |id| Some(id.name()));
        // Units made by link-time optimisation share one table.
        main.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        let split = debug_file.map_or(Split::None, |file| Self::find_split(&main, file, report));
        let lists = |file: &Module<'_>| -> usize {
            let is_list = |name: &str| LISTS.iter().any(|list| name.starts_with(list));
            let sections = file.custom_sections.iter().filter(|section| is_list(section.0));
            sections.map(|section| section.1.len()).sum()
        };
        let list_bytes = lists(main_file).saturating_add(debug_file.map_or(0, lists));
        Self { main: Arc::new(main), split, list_bytes }
    }

    /// Bytes of all sections with strings.
    pub(crate) fn string_bytes(&self) -> usize {
        let split = match &self.split {
            Split::None => 0,
            Split::Object(object) => object.debug_str.reader().len(),
            Split::Package(package) => package.debug_str.reader().len(),
        };
        let line =
            self.main.debug_line_str.reader().len().saturating_add(self.main.debug_line.reader().len());
        self.main.debug_str.reader().len().saturating_add(line).saturating_add(split)
    }

    /// Bytes of all units.
    pub(crate) fn info_bytes(&self) -> usize {
        let split = match &self.split {
            Split::None => 0,
            Split::Object(object) => object.debug_info.reader().len(),
            Split::Package(package) => package.debug_info.reader().len(),
        };
        self.main.debug_info.reader().len().saturating_add(split)
    }

    /// Bytes of all lists of addresses that attributes can refer to by offset.
    pub(crate) fn list_bytes(&self) -> usize {
        self.list_bytes
    }

    fn find_split(main: &ReadDwarf<'a>, file: &Module<'a>, report: &mut Report) -> Split<'a> {
        if file.custom_section(SectionId::DebugCuIndex.name()).is_some() {
            let section = |id: SectionId| Ok(contents(file, id.dwo_name()));
            return match DwarfPackage::load(section, EndianSlice::default()) {
                Ok(package) => Split::Package(Box::new(package)),
                Err(error) => {
                    let _: gimli::Error = error;
                    report.drop(Drop::Unit, format_args!("the split-DWARF package is malformed: {error}"));
                    Split::None
                }
            };
        }
        if SectionId::DebugInfo.dwo_name().is_some_and(|name| file.custom_section(name).is_some()) {
            let mut object = load(file, SectionId::dwo_name);
            object.make_dwo(main);
            return Split::Object(Arc::new(object));
        }
        Split::None
    }
}

fn load<'a>(file: &Module<'a>, name: impl Fn(SectionId) -> Option<&'static str>) -> ReadDwarf<'a> {
    let section = |id| Ok::<_, std::convert::Infallible>(contents(file, name(id)));
    match ReadDwarf::load(section) {
        Ok(dwarf) => dwarf,
        Err(never) => match never {},
    }
}

fn contents<'a>(file: &Module<'a>, name: Option<&str>) -> Reader<'a> {
    EndianSlice::new(name.and_then(|name| file.custom_section(name)).unwrap_or_default(), LittleEndian)
}
