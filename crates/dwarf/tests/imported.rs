//! Partial units, which other units import and refer to: what `dwz` and link-time optimisation make of types that several units
//! have. No compiler makes them for Wasm, so these are written here.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use std::path::Path;

use common::{custom_section, gdb, verify, write_image};
use dwarf::{ImageOptions, Machine};

/// Two functions of two operators each, and two structures in memory.
const MODULE: &str = r#"(module (memory 1)
    (func $first (result i32) i32.const 1) (func $second (result i32) i32.const 2)
    (data (i32.const 64) "\07\00\00\00\08\00\00\00") (data (i32.const 80) "\09\00\00\00\0a\00\00\00"))"#;

/// 1 partial unit, 2 base type, 3 structure, 4 member, 5 unit, 6 imported unit, 7 variable, 8 function.
const ABBREVIATIONS: [&[u8]; 9] = [
    &[1, 0x3c, 1, 0x03, 0x08, 0, 0],
    &[2, 0x24, 0, 0x03, 0x08, 0x3e, 0x0b, 0x0b, 0x0b, 0, 0],
    &[3, 0x13, 1, 0x03, 0x08, 0x0b, 0x0b, 0, 0],
    &[4, 0x0d, 0, 0x03, 0x08, 0x49, 0x13, 0x38, 0x0b, 0, 0],
    &[5, 0x11, 1, 0x03, 0x08, 0x13, 0x0b, 0x11, 0x01, 0x12, 0x06, 0, 0],
    &[6, 0x3d, 0, 0x18, 0x10, 0, 0],
    &[7, 0x34, 0, 0x03, 0x08, 0x49, 0x10, 0x02, 0x18, 0x3f, 0x19, 0, 0],
    &[8, 0x2e, 0, 0x03, 0x08, 0x49, 0x10, 0x11, 0x01, 0x12, 0x06, 0, 0],
    &[0],
];

/// A unit of `.debug_info` and the offsets of entries in it.
#[derive(Default)]
struct Unit(Vec<u8>);

impl Unit {
    /// `kind` is that of DWARF 5.
    fn new(version: u8, kind: u8) -> Self {
        // The length, the version, the offset of the abbreviations, the size of an address.
        let mut header = vec![0, 0, 0, 0, version, 0];
        match version {
            4 => header.extend([0, 0, 0, 0, 4]),
            _ => header.extend([kind, 4, 0, 0, 0, 0]),
        }
        Self(header)
    }

    /// Adds an entry: its abbreviation and its attributes. Returns where it is.
    fn entry(&mut self, abbreviation: u8, attributes: &[&[u8]]) -> u32 {
        let at = u32::try_from(self.0.len()).unwrap();
        self.0.push(abbreviation);
        self.0.extend(attributes.concat());
        at
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len() - 4).unwrap();
        self.0[..4].copy_from_slice(&length.to_le_bytes());
        self.0
    }
}

fn with_units(version: u8) -> Vec<u8> {
    let mut partial = Unit::new(version, 3);
    let root = partial.entry(1, &[b"shared\0"]);
    let int = partial.entry(2, &[b"int\0", &[5, 4]]);
    let pair = partial.entry(3, &[b"pair\0", &[8]]);
    partial.entry(4, &[b"left\0", &int.to_le_bytes(), &[0]]);
    partial.entry(4, &[b"right\0", &int.to_le_bytes(), &[4]]);
    partial.entry(0, &[]);
    partial.entry(0, &[]);
    let mut info = partial.finish();
    // Offsets from the start of the code section: the number of functions, the size of a body, no locals.
    for (name, variable, function, start, address) in
        [("one.c\0", "apart\0", "first\0", 2_u32, 64_u32), ("two.c\0", "aside\0", "second\0", 7, 80)]
    {
        let mut unit = Unit::new(version, 1);
        let (start, size) = (start.to_le_bytes(), 4_u32.to_le_bytes());
        unit.entry(5, &[name.as_bytes(), &[12], &start, &size]);
        unit.entry(6, &[&root.to_le_bytes()]);
        let place = [&[5, 0x03][..], &address.to_le_bytes()].concat();
        unit.entry(7, &[variable.as_bytes(), &pair.to_le_bytes(), &place]);
        unit.entry(8, &[function.as_bytes(), &int.to_le_bytes(), &start, &size]);
        unit.entry(0, &[]);
        info.extend(unit.finish());
    }
    let mut module = wat::parse_str(MODULE).unwrap();
    module.extend(custom_section(".debug_abbrev", &ABBREVIATIONS.concat()));
    module.extend(custom_section(".debug_info", &info));
    module
}

#[test]
fn units_are_imported() {
    let directory = tempfile::tempdir().unwrap();
    for version in [4, 5] {
        let module = with_units(version);
        let (path, image) = write_image(directory.path(), &module, None);
        assert_eq!((image.report.units, image.report.dropped.len()), (3, 0), "{}", image.report);
        // Of older versions it believes that there are no partial units.
        assert!(version == 4 || verify(&path).is_empty());
        check(&path);
        // With an index for gdb.
        let all_there = |_: &Path| true;
        let layout = common::narrow_layout(&module, Machine::X32);
        let options = ImageOptions { source_exists: Some(&all_there), ..ImageOptions::default() };
        let image = dwarf::write_symbol_image(&module, &[], &layout, &options, Vec::new()).unwrap();
        std::fs::write(&path, image.elf).unwrap();
        check(&path);
    }
}

fn check(path: &Path) {
    let commands = [
        "print apart",
        "print aside",
        "ptype struct pair",
        "ptype first",
        "info scope second",
        "whatis second",
    ];
    let output = gdb(path, &commands);
    for text in [
        "$1 = {left = 7, right = 8}",
        "$2 = {left = 9, right = 10}",
        "type = struct pair {\n    int left;\n    int right;\n}",
        "type = int ()",
    ] {
        assert!(output.contains(text), "no {text:?} in {output}");
    }
}
