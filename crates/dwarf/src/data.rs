//! Sections for what is in memory 0 and table 0: variables, and the functions that pointers can point to.
//!
//! A pointer to a function is an index into the table, and so far below the first variable that linkers place:
//!
//! ```text
//!   0                           nothing: NULL
//!   1 .. table length           .wasm_table   a byte for each element, named as its function
//!   lowest data ..              .data         variables, with the bytes that the module puts there
//!   .. end of the first memory  .bss          variables, zero
//! ```
//!
//! Both memory and table start at 0, so a large table overlaps the data. Then the data wins.
//!
//! Every symbol has a size, because debuggers take one without for everything up to the next symbol, and would find
//! a variable's name for the heap and for string literals.

use std::collections::BTreeMap;

use crate::convert::StaticVariable;
use crate::elf::{AddressSection, Contents};
use crate::{Layout, Module, Symbol};

/// Bytes between segments that may become bytes of the file.
const MAX_GAPS: u64 = 1 << 20;
/// How often the names of all functions may be used for elements of the table.
const NAME_TIMES: usize = 8;

/// The sections, in the order of their addresses. Empty ones are left out.
pub(crate) fn sections(
    module: &Module<'_>,
    variables: Vec<StaticVariable>,
    layout: &Layout,
) -> Vec<AddressSection> {
    let memory = memory_sections(module, variables, layout);
    let start = memory.first().map_or(u64::MAX, |section| section.address);
    let table = table_section(module, start.min(first_synthetic(layout)));
    let sections = std::iter::once(table).chain(memory);
    sections.filter(|section| section.size > 0).collect()
}

/// The lowest address that is no address of memory.
fn first_synthetic(layout: &Layout) -> u64 {
    let hosts = layout.host_functions.iter().map(|function| function.address);
    hosts.chain([layout.code_base, layout.globals_base, layout.host.address]).min().unwrap_or_default()
}

fn table_section(module: &Module<'_>, limit: u64) -> AddressSection {
    let end = module.memory.table_length.min(limit).max(1);
    // In a malformed module the same long name can be that of all elements.
    let names: usize = module.functions.iter().map(|function| function.name.len()).sum();
    let mut left = names.saturating_mul(NAME_TIMES);
    let mut elements = BTreeMap::new();
    for &(index, function) in &module.memory.functions {
        if (1..end).contains(&index)
            && let Some(function) =
                usize::try_from(function).ok().and_then(|function| module.functions.get(function))
            && let Some(rest) = left.checked_sub(function.name.len())
        {
            elements.insert(index, function);
            left = rest;
        }
    }
    let symbol = |(address, function)| Symbol { name: module.symbol_name(function), address, size: 1 };
    AddressSection {
        name: ".wasm_table",
        address: 1,
        size: end - 1,
        contents: Contents::Zero { writable: false },
        symbols: Vec::new(),
        // Not global: a debugger that looks for a function by its name prefers the global one.
        local_symbols: elements.into_iter().map(symbol).collect(),
    }
}

fn memory_sections(
    module: &Module<'_>,
    variables: Vec<StaticVariable>,
    layout: &Layout,
) -> Vec<AddressSection> {
    let end = module.memory.size.min(first_synthetic(layout));
    let places: Vec<(u64, &[u8])> = module
        .memory
        .data
        .iter()
        .copied()
        .filter(|(address, data)| *address < end && !data.is_empty())
        .collect();
    let variables: Vec<StaticVariable> =
        variables.into_iter().filter(|variable| (1..end).contains(&variable.symbol.address)).collect();
    let starts = variables.iter().map(|variable| variable.symbol.address);
    // Nothing is at address 0: debuggers look at programs with a section there in another way.
    let start = places.iter().map(|place| place.0).chain(starts).min().unwrap_or(end).max(1);
    if start >= end {
        return Vec::new();
    }

    let bytes = contents(&places, start, end, &variables);
    let middle = start.saturating_add(length(&bytes));
    let mut data = AddressSection {
        name: ".data",
        address: start,
        size: middle - start,
        contents: Contents::Data(bytes),
        symbols: Vec::new(),
        local_symbols: Vec::new(),
    };
    let mut zero = AddressSection {
        name: ".bss",
        address: middle,
        size: end - middle,
        contents: Contents::Zero { writable: true },
        symbols: Vec::new(),
        local_symbols: Vec::new(),
    };
    for StaticVariable { mut symbol, is_external } in unique(variables) {
        symbol.size = symbol.size.min(end - symbol.address);
        let section = if symbol.address < middle { &mut data } else { &mut zero };
        let symbols = if is_external { &mut section.symbols } else { &mut section.local_symbols };
        symbols.push(symbol);
    }
    vec![data, zero]
}

/// The bytes from `start` to the end of the last segment, or of the variable there: one that goes on in another
/// section is not found by its last bytes. Less if the segments lie far apart.
fn contents(places: &[(u64, &[u8])], start: u64, end: u64, variables: &[StaticVariable]) -> Vec<u8> {
    let total: u64 = places.iter().map(|place| length(place.1)).sum();
    let limit = end.min(start.saturating_add(total).saturating_add(MAX_GAPS));
    let ends = places.iter().map(|(address, data)| address.saturating_add(length(data)));
    let last = ends.max().unwrap_or(start).min(limit);
    let across = variables.iter().map(|variable| &variable.symbol).filter(|symbol| symbol.address < last);
    let across = across.map(|symbol| symbol.address.saturating_add(symbol.size));
    let last = across.filter(|&end| end <= limit).max().unwrap_or(last).max(last);

    let mut bytes = vec![0; usize::try_from(last - start).unwrap_or_default()];
    for (address, data) in places {
        // What a segment has at address 0 is cut off.
        let skip = start.saturating_sub(*address);
        let at = usize::try_from(address.saturating_sub(start)).unwrap_or(usize::MAX);
        let data = usize::try_from(skip).ok().and_then(|skip| data.get(skip..)).unwrap_or_default();
        let places = bytes.get_mut(at..).unwrap_or_default();
        for (place, byte) in places.iter_mut().zip(data) {
            *place = *byte;
        }
    }
    bytes
}

/// Each variable once: several units may describe the same one.
fn unique(variables: Vec<StaticVariable>) -> impl Iterator<Item = StaticVariable> {
    let mut found: BTreeMap<(u64, String), StaticVariable> = BTreeMap::new();
    for variable in variables {
        let key = (variable.symbol.address, variable.symbol.name.clone());
        let known = found.entry(key).or_insert_with(|| variable.clone());
        known.is_external |= variable.is_external;
        known.symbol.size = known.symbol.size.max(variable.symbol.size);
    }
    found.into_values()
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
