//! Any bytes as a module with debug info: the conversion may refuse them, and does nothing else.
#![no_main]

use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use dwarf::{ImageOptions, Layout, LocalNames, Machine, Module, Signatures, Symbol};
use frame_table::ModulePc;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use wasmparser::{Parser, Payload};

fuzz_target!(|module: &[u8]| {
    let bytes = Bytes::copy_from_slice(module);
    let _refused = dwarf::symbol_image(module, &[], &layout(Machine::X86_64));
    let options = ImageOptions { source_exists: Some(&|_: &Path| true), ..ImageOptions::default() };
    let _refused =
        dwarf::write_symbol_image(module, &[bytes.clone()], &layout(Machine::X32), &options, Vec::new());
    let names = LocalNames::new(bytes.clone(), Vec::new());
    let (Ok(parsed), Ok(Some(names)), Ok(signatures)) =
        (Module::parse(module), names, Signatures::new(bytes, Vec::new()))
    else {
        return;
    };
    for function in parsed.defined_functions().iter().take(20) {
        let _unknown = names.of_function(&(ModulePc(function.body.start)..ModulePc(function.body.end)));
        let _unknown = signatures.of_function(function.index);
    }
});

// Most changes are made to the contents of one debug section, and the module around it stays a module.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let module = data[..size].to_vec();
    let sections = debug_sections(&module);
    let chosen = sections.get(seed as usize % (sections.len() + 1));
    let mutated = chosen.and_then(|section| with_changed(&module, section, data, max_size));
    mutated.unwrap_or_else(|| fuzzer_mutate(data, size, max_size))
});

/// A custom section: where all of it is, and its contents.
struct Section {
    whole: Range<usize>,
    name: String,
    contents: Range<usize>,
}

fn debug_sections(module: &[u8]) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut end = 8;
    for payload in Parser::new(0).parse_all(module) {
        let Ok(payload) = payload else { break };
        if let Payload::CustomSection(section) = &payload
            && section.name().starts_with(".debug")
        {
            let contents = section.data_offset() as usize..section.range().end as usize;
            sections.push(Section { whole: end..contents.end, name: section.name().to_owned(), contents });
        }
        if let Some((_, range)) = payload.as_section() {
            end = range.end as usize;
        }
    }
    sections
}

/// Puts a module into `data` that has another section in the place of one of its own. None if that is too long.
fn with_changed(module: &[u8], section: &Section, data: &mut [u8], max_size: usize) -> Option<usize> {
    let old = &module[section.contents.clone()];
    // What the section's length may take in addition.
    let room = max_size.checked_sub(module.len() - old.len())?.checked_sub(8)?;
    let mut new = old.to_vec();
    new.resize(room.max(old.len()), 0);
    let length = fuzzer_mutate(&mut new, old.len(), room);
    let mut body = Vec::new();
    push_number(&mut body, section.name.len());
    body.extend_from_slice(section.name.as_bytes());
    body.extend_from_slice(&new[..length]);
    let mut whole = module[..section.whole.start].to_vec();
    whole.push(0);
    push_number(&mut whole, body.len());
    whole.extend(body);
    whole.extend_from_slice(&module[section.whole.end..]);
    data.get_mut(..whole.len())?.copy_from_slice(&whole);
    Some(whole.len())
}

/// In LEB128.
fn push_number(out: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn layout(machine: Machine) -> Layout {
    let host = Symbol { name: "<host>".into(), address: 0x7000_0000, size: 16 };
    Layout {
        machine,
        code_base: 0x6000_0000,
        globals_base: 0x5000_0000,
        has_variables: true,
        host_functions: Vec::new(),
        host,
    }
}
