//! Damaged input: thousands of random changes to a good module, the same ones on every run. Nothing may panic or
//! hang, and an image always comes out if the module itself is intact.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use common::{compile, custom_section, layout};
use dwarf::{Error, Module};

/// Marsaglia's xorshift: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// Changes a few bytes, mostly to values that mean something in DWARF.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        const TELLING: [&[u8]; 10] = [
            &[0x00],
            &[0xff],
            &[0x80],
            &[0x7f],
            &[0xff, 0xff, 0xff, 0xff],
            &[0xfe, 0xff, 0xff, 0xff],
            &[0x00, 0x00, 0x00, 0x00],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0xed, 0x00, 0x00],
            &[0x2f, 0xfd, 0xff],
        ];
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len());
            match self.below(8) {
                0..=2 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = self.next().to_le_bytes()[3];
                    }
                }
                3..=5 => {
                    for (byte, new) in bytes.iter_mut().skip(at).zip(TELLING[self.below(TELLING.len())]) {
                        *byte = *new;
                    }
                }
                6 => {
                    let from = self.below(bytes.len());
                    let count = self.below(32);
                    let copied: Vec<u8> = bytes.iter().skip(from).take(count).copied().collect();
                    bytes.splice(at..at, copied);
                }
                _ => bytes.truncate(bytes.len() - self.below(bytes.len() / 4)),
            }
        }
    }
}

const FREESTANDING: [&str; 3] = ["-nostdlib", "-Wl,--no-entry", "-Wl,--export=run"];

#[test]
fn damaged_debug_sections_never_panic() {
    let directory = tempfile::tempdir().unwrap();
    for (seed, flags) in [(1, ["-O0", "-gdwarf-4"]), (2, ["-O2", "-gdwarf-5"]), (3, ["-O2", "-gdwarf-2"])] {
        let flags = [&flags[..], &FREESTANDING].concat();
        let module = compile(directory.path(), "tiny.c", &flags);
        let stripped = compile(directory.path(), "tiny.c", &[&flags[..], &["-Wl,--strip-debug"]].concat());
        let parsed = Module::parse(&module).unwrap();
        let sections: Vec<(&str, Vec<u8>)> = parsed
            .custom_sections
            .iter()
            .filter(|section| section.0.starts_with(".debug"))
            .map(|&(name, contents)| (name, contents.to_vec()))
            .collect();
        assert!(sections.len() >= 5, "{flags:?}");
        let layout = layout(&module);
        let mut random = Random(0x9e37_79b9_7f4a_7c15 + seed);
        let mut converted = 0;
        for _ in 0..1500 {
            let victim = random.below(sections.len());
            let mut bytes = stripped.clone();
            for (i, (name, contents)) in sections.iter().enumerate() {
                let mut contents = contents.clone();
                if i == victim {
                    random.damage(&mut contents);
                }
                bytes.extend(custom_section(name, &contents));
            }
            let image = dwarf::symbol_image(&bytes, &[], &layout).unwrap();
            converted += usize::from(image.report.has_debug_info());
            check_named_locals(&bytes);
        }
        assert!(converted > 500, "most damage must leave something: {converted} of 1500");
    }
}

/// Whatever the debug info says, what it names are locals of functions.
fn check_named_locals(bytes: &[u8]) {
    let module = Module::parse(bytes).unwrap();
    let Some(locals) = dwarf::named_locals(bytes, &[]).unwrap() else { return };
    for (range, local) in &locals.named {
        let function = module.function_at(range.start).unwrap();
        assert!(range.start < range.end && range.end.0 <= function.body.end, "{range:?}");
        assert!(u64::from(*local) < function.num_locals(), "{range:?}: {local}");
    }
}

#[test]
fn damaged_modules_never_panic() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "tiny.c", &[&["-O1", "-g"][..], &FREESTANDING].concat());
    let layout = layout(&module);
    let mut random = Random(77);
    let mut refused = 0;
    for _ in 0..2000 {
        let mut bytes = module.clone();
        random.damage(&mut bytes);
        match dwarf::symbol_image(&bytes, &[bytes.clone().into()], &layout) {
            Ok(_) => {}
            Err(Error::Malformed { offset, .. }) => {
                assert!(offset <= u64::try_from(bytes.len()).unwrap());
                refused += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn what_is_no_module_is_an_error_with_an_offset() {
    let layout = layout(b"");
    for bytes in [&b""[..], b"\0asm", b"\x7fELF\x02\x01\x01\0", b"\0asm\x01\0\0\0\x01\xff"] {
        let error = dwarf::symbol_image(bytes, &[], &layout).unwrap_err();
        assert!(error.to_string().contains("at offset 0x"), "{error}");
    }
    let component = dwarf::symbol_image(b"\0asm\x0d\0\x01\0", &[], &layout).unwrap_err();
    assert!(matches!(component, Error::Component));
}

#[test]
fn one_bad_unit_leaves_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "calls.c", &["-O0", "-g"]);
    let parsed = Module::parse(&module).unwrap();
    let info = parsed.custom_section(".debug_info").unwrap();
    let start = info.as_ptr().addr() - module.as_ptr().addr();
    let before = dwarf::symbol_image(&module, &[], &layout(&module)).unwrap().report;
    let mut damaged = module.clone();
    // The version of the first unit.
    damaged[start + 4] = 0x77;
    let after = dwarf::symbol_image(&damaged, &[], &layout(&module)).unwrap().report;
    assert_eq!(after.units, before.units - 1, "{after}");
}

/// A module with one function and a unit of 20,000 entries like `entry`, which gets its number.
fn many_entries(
    abbreviation: &[u8],
    entry: impl Fn(u32) -> Vec<u8>,
    section: (&str, &[u8]),
) -> (Vec<u8>, dwarf::Report) {
    let mut module = wat::parse_str("(module (func nop nop))").unwrap();
    // Abbreviation 1 is the unit, a DW_TAG_compile_unit with children; 2 is the entry.
    let abbreviations = [&[1, 0x11, 1, 0, 0, 2][..], abbreviation, &[0, 0, 0]].concat();
    let mut unit = vec![4, 0, 0, 0, 0, 0, 4, 1];
    unit.extend((0..20_000).flat_map(entry));
    unit.push(0);
    let length = u32::try_from(unit.len()).unwrap().to_le_bytes();
    module.extend(custom_section(".debug_abbrev", &abbreviations));
    module.extend(custom_section(".debug_info", &[&length[..], &unit].concat()));
    module.extend(custom_section(section.0, section.1));
    let image = dwarf::symbol_image(&module, &[], &layout(&module)).unwrap();
    (image.elf, image.report)
}

#[test]
fn overlapping_strings_do_not_multiply() {
    let mut strings = vec![b'a'; 1 << 20];
    strings.push(0);
    // DW_TAG_variable without children, DW_AT_name as DW_FORM_strp: each name is the rest of one long string.
    let entry = |i: u32| [&[2][..], &i.to_le_bytes()].concat();
    let (elf, report) = many_entries(&[0x34, 0, 0x03, 0x0e], entry, (".debug_str", &strings));
    assert_eq!(report.entries, 20_001);
    // The strings are there once, as they were.
    assert!(elf.len() < 4 << 20, "{}", elf.len());
}

#[test]
fn overlapping_lists_do_not_multiply() {
    let ranges = [1_u32, 3].map(u32::to_le_bytes).concat().repeat(1 << 16);
    // DW_TAG_lexical_block without children, DW_AT_ranges as DW_FORM_sec_offset.
    let entry = |i: u32| [&[2][..], &(8 * i).to_le_bytes()].concat();
    let (elf, report) = many_entries(&[0x0b, 0, 0x55, 0x17], entry, (".debug_ranges", &ranges));
    assert_eq!(report.entries, 20_001);
    assert!(elf.len() < 256 << 20, "{}", elf.len());
}
