//! Finding the DWARF of a module: in its own custom sections, in a file of debug info only, or in split-DWARF
//! files (`.dwo`) or packages (`.dwp`).

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
#[derive(Default)]
pub(crate) struct Split<'a> {
    /// `.dwo` files, each with one or more units.
    pub(crate) objects: Vec<Arc<ReadDwarf<'a>>>,
    /// `.dwp` files, each with an index.
    pub(crate) packages: Vec<DwarfPackage<Reader<'a>>>,
}

impl<'a> Split<'a> {
    /// Whether there is no file.
    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.packages.is_empty()
    }

    /// Bytes of one section in all files. Files may share the section of a name.
    fn bytes(
        &self,
        of_object: impl Fn(&ReadDwarf<'a>) -> Reader<'a>,
        of_package: impl Fn(&DwarfPackage<Reader<'a>>) -> Reader<'a>,
    ) -> usize {
        let objects = self.objects.iter().map(|object| of_object(object).len());
        objects.chain(self.packages.iter().map(|package| of_package(package).len())).sum()
    }
}

impl<'a> DebugSections<'a> {
    /// Takes the sections of the module, unless a debug file has better ones.
    pub(crate) fn find(module: &Module<'a>, debug_files: &[Module<'a>], report: &mut Report) -> Self {
        let has_info = |file: &&Module<'a>| file.custom_section(SectionId::DebugInfo.name()).is_some();
        let main_file = debug_files.iter().find(has_info).unwrap_or(module);
        let mut main = load(main_file, |id| Some(id.name()));
        // Units made by link-time optimisation share one table.
        main.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        let mut split = Split::default();
        for file in debug_files {
            split.add(&main, file, report);
        }
        let lists = |file: &Module<'_>| -> usize {
            let is_list = |name: &str| LISTS.iter().any(|list| name.starts_with(list));
            let sections = file.custom_sections.iter().filter(|section| is_list(section.0));
            sections.map(|section| section.1.len()).sum()
        };
        let list_bytes = lists(main_file).saturating_add(debug_files.iter().map(lists).sum());
        Self { main: Arc::new(main), split, list_bytes }
    }

    /// Bytes of all sections with strings.
    pub(crate) fn string_bytes(&self) -> usize {
        let split =
            self.split.bytes(|object| *object.debug_str.reader(), |package| *package.debug_str.reader());
        let line =
            self.main.debug_line_str.reader().len().saturating_add(self.main.debug_line.reader().len());
        self.main.debug_str.reader().len().saturating_add(line).saturating_add(split)
    }

    /// Bytes of all units.
    pub(crate) fn info_bytes(&self) -> usize {
        let split =
            self.split.bytes(|object| *object.debug_info.reader(), |package| *package.debug_info.reader());
        self.main.debug_info.reader().len().saturating_add(split)
    }

    /// Bytes of all lists of addresses that attributes can refer to by offset.
    pub(crate) fn list_bytes(&self) -> usize {
        self.list_bytes
    }
}

impl<'a> Split<'a> {
    /// Takes the sections of a file, if it has some.
    fn add(&mut self, main: &ReadDwarf<'a>, file: &Module<'a>, report: &mut Report) {
        if file.custom_section(SectionId::DebugCuIndex.name()).is_some() {
            let section = |id: SectionId| Ok::<_, gimli::Error>(contents(file, id.dwo_name()));
            match DwarfPackage::load(section, EndianSlice::default()) {
                Ok(package) => self.packages.push(package),
                Err(error) => {
                    report.drop(Drop::Unit, format_args!("the split-DWARF package is malformed: {error}"));
                }
            }
        } else if SectionId::DebugInfo.dwo_name().is_some_and(|name| file.custom_section(name).is_some()) {
            let mut object = load(file, SectionId::dwo_name);
            object.make_dwo(main);
            self.objects.push(Arc::new(object));
        }
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
