//! Any bytes as a module with debug info: the conversion may refuse them, and does nothing else.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use dwarf::{ImageOptions, Layout, LocalNames, Machine, Module, Signatures, Symbol};
use frame_table::ModulePc;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|module: &[u8]| {
    let _refused = dwarf::symbol_image(module, &[], &layout(Machine::X86_64));
    let options = ImageOptions { source_exists: Some(&|_: &Path| true), ..ImageOptions::default() };
    let _refused =
        dwarf::write_symbol_image(module, &[Arc::from(module)], &layout(Machine::X32), &options, Vec::new());
    let bytes: Arc<[u8]> = Arc::from(module);
    let names = LocalNames::new(Arc::clone(&bytes), Vec::new());
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
