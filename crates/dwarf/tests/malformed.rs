//! Damaged input: thousands of random changes to a good module, the same ones on every run. Nothing may panic or
//! hang, and an image always comes out if the module itself is intact.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use common::{compile, layout};
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

fn custom_section(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    let length = 5 + name.len() + contents.len();
    let leb = |mut value: usize| {
        let mut bytes = Vec::new();
        for last in [false, false, false, false, true] {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | if last { 0 } else { 0x80 });
            value >>= 7;
        }
        bytes
    };
    bytes.extend(leb(length));
    bytes.extend(leb(name.len()));
    bytes.extend(name.as_bytes());
    bytes.extend(contents);
    bytes
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
            let image = dwarf::symbol_image(&bytes, None, &layout).unwrap();
            converted += usize::from(image.report.has_debug_info());
        }
        assert!(converted > 500, "most damage must leave something: {converted} of 1500");
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
        match dwarf::symbol_image(&bytes, Some(&bytes), &layout) {
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
        let error = dwarf::symbol_image(bytes, None, &layout).unwrap_err();
        assert!(error.to_string().contains("at offset 0x"), "{error}");
    }
    let component = dwarf::symbol_image(b"\0asm\x0d\0\x01\0", None, &layout).unwrap_err();
    assert!(matches!(component, Error::Component));
}

#[test]
fn one_bad_unit_leaves_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "calls.c", &["-O0", "-g"]);
    let parsed = Module::parse(&module).unwrap();
    let info = parsed.custom_section(".debug_info").unwrap();
    let start = info.as_ptr().addr() - module.as_ptr().addr();
    let before = dwarf::symbol_image(&module, None, &layout(&module)).unwrap().report;
    let mut damaged = module.clone();
    // The version of the first unit.
    damaged[start + 4] = 0x77;
    let after = dwarf::symbol_image(&damaged, None, &layout(&module)).unwrap().report;
    assert_eq!(after.units, before.units - 1, "{after}");
}
