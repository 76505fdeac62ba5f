//! From a function's name or a line of the source to the operators where breakpoints of that go.

use std::collections::BTreeMap;

use addr2line::gimli::{self, AttributeValue, Unit};
use dwarf::Module;
use frame_table::ModulePc;

use crate::debug_info::{DebugInfo, Reader, address, module_pc};

/// Where to stop for what a user wrote: `NAME`, with or without its namespaces and classes, or `FILE:LINE`. Nothing if there
/// is no such function or file, or no code at the line or after it.
pub(super) fn find(info: &DebugInfo<'_>, module: &Module<'_>, wanted: &str) -> Vec<ModulePc> {
    let line = wanted.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?)));
    match line {
        Some((file, line)) => of_line(info, module, file, line),
        None => of_function(info, module, wanted),
    }
}

fn of_function(info: &DebugInfo<'_>, module: &Module<'_>, wanted: &str) -> Vec<ModulePc> {
    let last = wanted.rsplit("::").next().unwrap_or(wanted);
    // The linker's name of a function holds the source's.
    let candidates = module.defined_functions().iter().filter(|function| function.name.contains(last));
    let found = candidates.filter_map(|function| {
        let named = info.functions_at(ModulePc(function.body.end.checked_sub(1)?));
        let name = named.last().and_then(|outermost| outermost.name.as_deref());
        let is_it = means(&function.name, wanted) || name.is_some_and(|name| means(name, wanted));
        is_it.then(|| behind_prologue(info, &function.body))?
    });
    found.collect()
}

/// Whether a user who writes `wanted` means the function with this full name.
fn means(name: &str, wanted: &str) -> bool {
    let plain = name.split('(').next().unwrap_or(name);
    // Rust's compiler appends a hash.
    let is_hash = |end: &str| {
        end.len() == 17 && end.starts_with('h') && end.bytes().skip(1).all(|byte| byte.is_ascii_hexdigit())
    };
    let plain = plain.rsplit_once("::").filter(|(_, end)| is_hash(end)).map_or(plain, |(plain, _)| plain);
    plain == wanted || plain.strip_suffix(wanted).is_some_and(|before| before.ends_with("::"))
}

/// Where a function's own code begins: where the line table says so, or else at its second line.
fn behind_prologue(info: &DebugInfo<'_>, body: &std::ops::Range<u32>) -> Option<ModulePc> {
    let code = address(ModulePc(body.start))..address(ModulePc(body.end));
    let mut rows: Vec<(u64, bool)> = Vec::new();
    each_line_program(info, |_, row, _| {
        if code.contains(&row.address()) {
            rows.push((row.address(), row.prologue_end()));
        }
    });
    rows.sort_unstable();
    let said = rows.iter().find(|(_, is_end)| *is_end).map(|(at, _)| *at);
    rows.dedup_by_key(|(at, _)| *at);
    let guessed = || rows.get(1).or_else(|| rows.first()).map(|(at, _)| *at);
    module_pc(said.or_else(guessed)?)
}

fn of_line(info: &DebugInfo<'_>, module: &Module<'_>, file: &str, line: u64) -> Vec<ModulePc> {
    // By line, the first operator in each function.
    let mut found: BTreeMap<u64, BTreeMap<u32, ModulePc>> = BTreeMap::new();
    each_line_program(info, |unit, row, header| {
        let Some(at) = row.line().map(std::num::NonZero::get).filter(|at| *at >= line) else { return };
        let nearest = found.keys().next().copied().unwrap_or(u64::MAX);
        if !row.is_stmt() || at > nearest || !is_of_file(info, unit, row, header, file) {
            return;
        }
        let Some(pc) = module_pc(row.address()) else { return };
        let Some(function) = module.function_at(pc) else { return };
        let first = found.entry(at).or_default().entry(function.index).or_insert(pc);
        *first = (*first).min(pc);
    });
    found.into_values().next().map(|functions| functions.into_values().collect()).unwrap_or_default()
}

/// Whether a row's file is what a user calls it: its path, or the end of it.
fn is_of_file(
    info: &DebugInfo<'_>,
    unit: &Unit<Reader<'_>>,
    row: &gimli::LineRow,
    header: &gimli::LineProgramHeader<Reader<'_>>,
    wanted: &str,
) -> bool {
    let text = |value: AttributeValue<Reader<'_>>| {
        info.dwarf
            .attr_string(unit, value)
            .map(|text| text.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let Some(file) = row.file(header) else { return false };
    let name = text(file.path_name());
    let folder = file.directory(header).map(text).unwrap_or_default();
    let path = if name.starts_with('/') { name } else { format!("{folder}/{name}") };
    path == wanted || path.strip_suffix(wanted).is_some_and(|before| before.ends_with('/'))
}

/// Visits the rows of all line tables that are code's.
fn each_line_program(
    info: &DebugInfo<'_>,
    mut visit: impl FnMut(&Unit<Reader<'_>>, &gimli::LineRow, &gimli::LineProgramHeader<Reader<'_>>),
) {
    let mut headers = info.dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        let Ok(unit) = info.dwarf.unit(header) else { continue };
        let Some(program) = unit.line_program.clone() else { continue };
        let mut rows = program.rows();
        while let Ok(Some((header, row))) = rows.next_row() {
            if !row.end_sequence() {
                visit(&unit, row, header);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_lack_namespaces_and_parameters() {
        for wanted in ["zoo::Dog<int>::number", "number", "Dog<int>::number"] {
            assert!(means("zoo::Dog<int>::number() const", wanted), "{wanted}");
        }
        assert!(means("fib", "fib"));
        assert!(means("shapes::total::h2493b5a91052b57b", "total"));
        assert!(!means("fib", "ib"));
        assert!(!means("zoo::renumber(int)", "number"));
    }
}
