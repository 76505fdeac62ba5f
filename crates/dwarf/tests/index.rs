//! The index of names: it has all that gdb finds when it looks for itself, and gdb says the same with it as without.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{compile, gdb, narrow_layout};
use dwarf::{ImageOptions, Layout, Machine};

const SECTION: &[u8] = b".gdb_index\0";

fn image_for_gdb(module: &[u8], layout: &Layout) -> Vec<u8> {
    let options = ImageOptions { source_exists: Some(&|_: &Path| true), ..ImageOptions::default() };
    dwarf::write_symbol_image(module, &[], layout, &options, Vec::new()).unwrap().elf
}

/// Writes the image that gdb is served, and one whose index gdb does not know.
fn images(directory: &Path, module: &[u8], machine: Machine) -> (PathBuf, PathBuf) {
    let layout = match machine {
        Machine::X86_64 => common::layout(module),
        machine => narrow_layout(module, machine),
    };
    let elf = image_for_gdb(module, &layout);
    let mut without = elf.clone();
    let place = without.windows(SECTION.len()).rposition(|name| name == SECTION).unwrap();
    without[place + 1] = b'x';
    let (with, plain) = (directory.join("with.elf"), directory.join("without.elf"));
    std::fs::write(&with, elf).unwrap();
    std::fs::write(&plain, without).unwrap();
    (with, plain)
}

/// What an index says: which units have a name, as numbers with kind and scope, and where code is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Index {
    units: Vec<(u64, u64)>,
    names: BTreeMap<String, Vec<u32>>,
}

/// Reads an index, and looks each name up as gdb does.
fn read(bytes: &[u8]) -> Index {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let place = |at: usize| usize::try_from(word(at)).unwrap();
    assert_eq!(word(0), 8);
    let [units, types, addresses, table, constants] = [4, 8, 12, 16, 20].map(place);
    assert_eq!(types, addresses, "there are no type units");
    let units = (units..types).step_by(16).map(|at| (long(at), long(at + 8))).collect();
    let mut index = Index { units, names: BTreeMap::new() };
    let size = (constants - table) / 8;
    for slot in 0..size {
        let (name, list) = (place(table + 8 * slot), place(table + 8 * slot + 4));
        if (name, list) == (0, 0) {
            continue;
        }
        let name = bytes[constants + name..].split(|byte| *byte == 0).next().unwrap();
        let list = constants + list;
        let found = (0..place(list)).map(|n| word(list + 4 + 4 * n)).collect();
        assert!(index.names.insert(String::from_utf8_lossy(name).into_owned(), found).is_none());
        let hash = name.iter().fold(0_u32, |hash, byte| {
            let letter = u32::from(byte.to_ascii_lowercase());
            hash.wrapping_mul(67).wrapping_add(letter).wrapping_sub(113)
        });
        let mask = u32::try_from(size - 1).unwrap();
        let step = (hash.wrapping_mul(17) & mask) | 1;
        let mut at = hash & mask;
        while usize::try_from(at).unwrap() != slot {
            assert_ne!(long(table + 8 * usize::try_from(at).unwrap()), 0, "not found: {name:?}");
            at = at.wrapping_add(step) & mask;
        }
    }
    index
}

/// The index of an image.
fn own(image: &Path) -> Index {
    let bytes = std::fs::read(image).unwrap();
    let output = gdb(image, &["maint info sections .gdb_index"]);
    // ` [12]      0x00000000->0x00000d5c at 0x0000b3f9: .gdb_index READONLY`
    let line = output.lines().find(|line| line.contains(".gdb_index")).unwrap();
    let number = |text: &str| usize::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    let (size, rest) = line.split_once("->").unwrap().1.split_once(" at ").unwrap();
    let start = number(rest.split_once(':').unwrap().0);
    read(&bytes[start..start + number(size)])
}

/// The index that gdb makes of an image.
fn gdbs(directory: &Path, image: &Path) -> Index {
    gdb(image, &[&format!("save gdb-index {}", directory.display())]);
    let name = format!("{}.gdb-index", image.file_name().unwrap().to_string_lossy());
    read(&std::fs::read(directory.join(name)).unwrap())
}

const TYPE: u32 = 1;
const VARIABLE: u32 = 2;
const STATIC: u32 = 1 << 31;

fn check(program: &str, flags: &[&str], machine: Machine, commands: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let module = compile(directory, program, flags);
    let (with, without) = images(directory, &module, machine);
    let (own, gdbs) = (own(&with), gdbs(directory, &without));
    assert_eq!(own.units, gdbs.units, "{program} {flags:?}");
    assert!(gdbs.names.len() > 30, "{gdbs:?}");
    for (name, units) in &gdbs.names {
        let found = own.names.get(name).unwrap_or_else(|| panic!("{program} {flags:?}: no {name}"));
        let missing: Vec<_> = units.iter().filter(|unit| !found.contains(unit)).collect();
        assert!(missing.is_empty(), "{program} {flags:?}: {name} is not in {missing:x?}");
        // Of types and static variables that many units have gdb writes one.
        let is_more = |unit: &u32| {
            let (kind, is_static) = (unit >> 28 & 7, unit & STATIC != 0);
            !(units.contains(unit) || is_static && [TYPE, VARIABLE].contains(&kind))
        };
        assert!(!found.iter().any(is_more), "{program} {flags:?}: {name} is in {found:x?}, not {units:x?}");
    }
    let added: Vec<_> = own.names.keys().filter(|name| !gdbs.names.contains_key(*name)).collect();
    assert!(added.iter().all(|name| name.contains('<')), "{program} {flags:?}: {added:?}");
    for command in commands {
        // Each in a gdb of its own, which knows nothing yet. What gdb complains of depends on what it has read.
        let answer = |image| {
            let output = gdb(image, &[command, "echo end\\n"]);
            let lines = output.lines().filter(|line| !line.starts_with("During symbol reading"));
            lines.collect::<Vec<_>>().join("\n").replace("without.elf", "with.elf")
        };
        assert_eq!(answer(&with), answer(&without), "{program} {flags:?}: {command}");
    }
}

const OF_C: [&str; 12] = [
    "break leaf",
    "break calls.c:26",
    "info line middle",
    "info functions make_",
    "info functions",
    "info types .",
    "info variables .",
    "ptype struct box",
    "print sizeof(union word)",
    "print &g_counter",
    "info scope main",
    "list make_wide",
];

const OF_CPLUSPLUS: [&str; 14] = [
    "break shapes::Shape::area",
    "break look",
    "break twice",
    "info line shapes::Shape::total",
    "info functions .",
    "info types .",
    "info variables .",
    "ptype shapes::Shape",
    "ptype Shapes",
    "print sizeof(shapes::Row<shapes::Shape, 2ul>)",
    "print shapes::Left",
    "print shapes::Color::Green",
    "print &shapes::Shape::count",
    "whatis plain",
];

#[test]
fn c_programs_look_alike_with_and_without() {
    check("calls.c", &["-O0", "-gdwarf-4"], Machine::X32, &OF_C);
    check("calls.c", &["-O2", "-gdwarf-5"], Machine::X32, &OF_C[..4]);
}

#[test]
fn cplusplus_programs_look_alike_with_and_without() {
    let plain = ["-x", "c++", "-nostdlib++", "-fno-exceptions", "-fno-rtti", "-std=c++20"];
    let check = |flags: &[&str], commands: &[&str]| {
        check("index.cpp", &[&plain[..], flags].concat(), Machine::X86_64, commands);
    };
    check(&["-O0", "-gdwarf-4"], &OF_CPLUSPLUS);
    check(&["-O1", "-gdwarf-5"], &OF_CPLUSPLUS[..4]);
}

#[test]
fn only_gdb_is_given_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "calls.c", &["-O0", "-g"]);
    let layout = narrow_layout(&module, Machine::X32);
    let image = |layout: &Layout| image_for_gdb(&module, layout);
    let has_index = |elf: &[u8]| elf.windows(SECTION.len()).any(|name| name == SECTION);
    assert!(has_index(&image(&layout)));
    // lldb has no use for one.
    assert!(!has_index(&image(&narrow_layout(&module, Machine::I386))));
}
