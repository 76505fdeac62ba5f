//! Which files have the contents of a module's skeleton units, as compilers left them with `-gsplit-dwarf`.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use gimli::{Section as _, UnitType, constants as dw};

use crate::convert::sources::{sources, text_of};
use crate::report::Report;
use crate::sections::DebugSections;
use crate::{Error, Module};

/// `DW_AT_GNU_dwo_name` as tables of abbreviations have it: skeletons of DWARF 4 have nothing else that tells them.
const OLD_NAME: &[u8] = &[0xb0, 0x42];

/// A file with the contents of one skeleton unit or several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SplitFile {
    /// As the compiler was told to call it, mostly a relative path.
    pub name: PathBuf,
    /// Where the compiler ran, if it says so.
    pub directory: Option<PathBuf>,
}

/// The files that a module wants and that are not among `debug_files`, each once, in the order of its units. What cannot be
/// read wants none.
///
/// # Errors
/// If the module is malformed.
pub fn split_files(module: &[u8], debug_files: &[Bytes]) -> Result<Vec<SplitFile>, Error> {
    let module = Module::parse_custom_sections(module)?;
    let debug_files: Vec<_> =
        debug_files.iter().filter_map(|file| Module::parse_custom_sections(file).ok()).collect();
    let debug = DebugSections::find(&module, &debug_files, &mut Report::default());
    if !has_skeletons(&debug) {
        return Ok(Vec::new());
    }
    let mut files: Vec<SplitFile> = Vec::new();
    for source in sources(&debug, &mut Report::default()) {
        let unit = source.unit_ref();
        if source.skeleton.is_some() {
            continue;
        }
        let mut entries = unit.entries();
        let Ok(Some(root)) = entries.next_dfs() else { continue };
        let name =
            [dw::DW_AT_dwo_name, dw::DW_AT_GNU_dwo_name].into_iter().find_map(|name| root.attr_value(name));
        let Some(name) = name.and_then(|name| text_of(unit, name)) else { continue };
        let directory = root.attr_value(dw::DW_AT_comp_dir).and_then(|directory| text_of(unit, directory));
        let file = SplitFile { name, directory };
        if files.last() != Some(&file) && !files.contains(&file) {
            files.push(file);
        }
    }
    Ok(files)
}

/// Whether there may be skeleton units. Looks at headers only, since all other modules are asked this, too.
fn has_skeletons(debug: &DebugSections<'_>) -> bool {
    if debug.main.debug_abbrev.reader().slice().windows(OLD_NAME.len()).any(|bytes| bytes == OLD_NAME) {
        return true;
    }
    let mut headers = debug.main.units();
    while let Ok(Some(header)) = headers.next() {
        if matches!(header.type_(), UnitType::Skeleton(_)) {
            return true;
        }
    }
    false
}

impl SplitFile {
    /// Where the file may be, the likeliest place first: where the compiler left it, or in one of `folders`, under its path
    /// or its name.
    #[must_use]
    pub fn places(&self, folders: &[&Path]) -> Vec<PathBuf> {
        let mut places = Vec::new();
        if let Some(directory) = &self.directory {
            places.push(directory.join(&self.name));
        }
        for folder in folders {
            places.push(folder.join(&self.name));
            places.extend(self.name.file_name().map(|name| folder.join(name)));
        }
        places
    }
}
