//! Which units lose their lines: those of libraries whose sources are not there.
//!
//! The C library of a native program has no line table, so debuggers step over its functions. The one of WASI has, and
//! they would step into functions that they cannot show. When some sources of a program are there, the units whose
//! sources are not are taken for libraries, and lose their lines. When none is there, nothing is known, unless the program itself was compiled without debug info.
//!
//! Only units of C, C++ and assembler: the libraries of other languages have their lines in native programs too.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gimli::constants as dw;

use super::kind::language;
use super::sources::Source;
use crate::{Module, Sources};

/// Longer names are no paths.
const MAX_PATH: usize = 4096;

/// Whether the function in which the program starts has debug info, or no function is that. Of a program that was compiled
/// without, only libraries may have some.
pub(crate) fn is_program_described(sources: &[Source<'_>], module: &Module<'_>) -> bool {
    if sources.is_empty() {
        return false;
    }
    let Some(main) = module.main() else { return true };
    let start = u64::from(main.body.start.saturating_sub(module.code.start));
    sources.iter().any(|source| {
        let unit = source.with_table();
        let Ok(mut ranges) = unit.dwarf.unit_ranges(unit.unit) else { return true };
        std::iter::from_fn(|| ranges.next().ok().flatten())
            .any(|range| range.begin <= start && start < range.end || is_unsaid(range))
    })
}

/// Of so many units, at least, it is looked at where their code begins.
const SAMPLE: usize = 500;

/// Fewer ranges say nothing of whether debug info is about this code.
const ENOUGH: usize = 4;

/// Bytes between where code is said to begin and where a function does: some tools count its locals, or its size.
const NEAR: u64 = 5;

/// Whether debug info is about other code: that of another build, or of the module before a tool changed its code and left the
/// debug info as it was. Most of what it says of where code is does not begin where a function does, then.
pub(crate) fn is_of_other_code(sources: &[Source<'_>], module: &Module<'_>) -> bool {
    let starts: Vec<u64> = module
        .defined_functions()
        .iter()
        .map(|function| u64::from(function.body.start.saturating_sub(module.code.start)))
        .collect();
    let (mut right, mut all) = (0, 0);
    for source in sources.iter().step_by((sources.len() / SAMPLE).max(1)) {
        let unit = source.with_table();
        let Ok(mut ranges) = unit.dwarf.unit_ranges(unit.unit) else { continue };
        while let Ok(Some(range)) = ranges.next() {
            // What the linker removed is at 0.
            if range.begin == 0 || range.begin >= range.end {
                continue;
            }
            let next = starts.partition_point(|start| *start + NEAR < range.begin);
            all += 1;
            right += usize::from(starts.get(next).is_some_and(|start| start.abs_diff(range.begin) <= NEAR));
        }
    }
    all >= ENOUGH && right * 2 < all
}

/// Whether a unit's range says nothing of where its code is.
fn is_unsaid(range: gimli::Range) -> bool {
    range.begin == 0 && range.end == 0
}

/// For each of `sources`, in their order, whether it loses its lines. `is_program_described` is as above.
pub(crate) fn without_lines(
    sources: &[Source<'_>],
    is_program_described: bool,
    known_sources: Sources<'_>,
) -> Vec<bool> {
    let mut known: HashMap<PathBuf, bool> = HashMap::new();
    let mut is_there = |path: PathBuf| match known.get(&path) {
        Some(&there) => there,
        None => {
            let there = known_sources.has(&path);
            known.insert(path, there);
            there
        }
    };
    // A unit without a name is in no known file, so it is not in a missing one.
    let there: Vec<Option<bool>> =
        sources.iter().map(|source| Some(is_there(primary_source(source)?))).collect();
    let any = there.contains(&Some(true)) || !is_program_described;
    let pairs = sources.iter().zip(there);
    pairs.map(|(source, there)| any && there == Some(false) && is_c_like(source)).collect()
}

/// The file that was compiled.
fn primary_source(source: &Source<'_>) -> Option<PathBuf> {
    let skeleton = source.skeleton.as_ref().map(|skeleton| &skeleton.unit);
    let name = source.unit.name.or_else(|| skeleton?.name).filter(|name| name.len() <= MAX_PATH)?;
    let name = name.to_string_lossy();
    // rustc appends the name of its part of the crate.
    let name = name.split_once("/@/").map_or(&*name, |parts| parts.0);
    let directory = source.unit.comp_dir.or_else(|| skeleton?.comp_dir).unwrap_or_default();
    if directory.len() > MAX_PATH {
        return None;
    }
    // Zig says that it is C, and names the module instead of a file.
    Path::new(name).extension()?;
    Some(Path::new(&*directory.to_string_lossy()).join(name))
}

fn is_c_like(source: &Source<'_>) -> bool {
    let Some(language) = language(source.unit_ref()) else { return false };
    matches!(
        language,
        dw::DW_LANG_C89
            | dw::DW_LANG_C
            | dw::DW_LANG_C99
            | dw::DW_LANG_C11
            | dw::DW_LANG_C17
            | dw::DW_LANG_C_plus_plus
            | dw::DW_LANG_C_plus_plus_03
            | dw::DW_LANG_C_plus_plus_11
            | dw::DW_LANG_C_plus_plus_14
            | dw::DW_LANG_C_plus_plus_17
            | dw::DW_LANG_C_plus_plus_20
            | dw::DW_LANG_Mips_Assembler
            | dw::DW_LANG_SUN_Assembler
    )
}
