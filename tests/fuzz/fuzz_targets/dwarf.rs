//! Any bytes as a module with debug info: the conversion may refuse them, and does nothing else.
#![no_main]

use dwarf::{Layout, Machine, Symbol};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|module: &[u8]| {
    let _refused = dwarf::symbol_image(module, None, &layout());
});

fn layout() -> Layout {
    let host = Symbol { name: "<host>".into(), address: 0x7d00_0000_0000, size: 16 };
    Layout {
        machine: Machine::X86_64,
        code_base: 0x7e00_0000_0000,
        globals_base: 0x7c00_0000_0000,
        has_variables: true,
        host_functions: Vec::new(),
        host,
    }
}
