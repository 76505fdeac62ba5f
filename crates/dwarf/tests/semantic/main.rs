//! A reader of a module's own DWARF and a reader of its image see the same: every function, line, variable, type and location,
//! but for addresses, and for where values are. Both readers are gimli; locations are compared by what they find in a
//! program that is stopped with values by chance.
//!
//! The programs are the fixtures of the end-to-end tests and those of this crate, and programs by chance (csmith):
//! `SEMANTIC_PROGRAMS=N` takes so many of them, from `SEMANTIC_SEED` on (`just semantic N SEED`).

#[expect(dead_code, reason = "each test program uses its part of it")]
#[path = "../common/mod.rs"]
mod common;
mod compare;
mod listing;
mod machine;
mod rewritten;

use std::path::{Path, PathBuf};
use std::process::Command;

use dwarf::{Machine, Module};
use gimli::{Dwarf, EndianSlice, LittleEndian};
use object::{Object as _, ObjectSection as _};

use compare::Outcome;
use machine::{Side, Stopped};

const INSTALL: &str =
    "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 csmith libcsmith-dev";
/// The machines, each with values by chance of some seeds.
const MACHINES: [(Machine, &[u64]); 2] = [(Machine::X32, &[1, 2]), (Machine::X86_64, &[3])];

/// Compares what readers see of a module and of its image, for each machine; with the units of the C library or without.
fn compare(module: &[u8], with_library: bool) -> Outcome {
    let is_wanted = |name: &str| with_library || !name.contains("libc-");
    let parsed = Module::parse(module).expect("the module is well-formed");
    let code = &module[parsed.code.start as usize..parsed.code.end as usize];
    let mut outcome = Outcome::default();
    let read = Dwarf::load(|id| {
        let bytes = parsed.custom_section(id.name()).unwrap_or_default();
        Ok::<_, gimli::Error>(EndianSlice::new(bytes, LittleEndian))
    });
    let read = read.expect("sections can be taken");
    for (machine, seeds) in MACHINES {
        let layout = match machine {
            Machine::X86_64 => common::layout(module),
            machine => common::narrow_layout(module, machine),
        };
        let image = dwarf::symbol_image(module, &[], &layout).expect("the module is well-formed");
        if with_library {
            verify(&image.elf, &mut outcome);
        }
        let file = object::File::parse(&*image.elf).expect("the image is an ELF file");
        let written = Dwarf::load(|id| {
            let section = file.section_by_name(id.name()).and_then(|section| section.data().ok());
            Ok::<_, gimli::Error>(EndianSlice::new(section.unwrap_or_default(), LittleEndian))
        });
        let written = written.expect("sections can be taken");
        for &seed in seeds {
            let stopped = |side| Stopped { side, module: &parsed, layout: &layout, seed };
            let before = outcome.different.len();
            outcome.compare(
                (&parsed, code),
                &listing::units(&read, stopped(Side::Module), &is_wanted),
                &listing::units(&written, stopped(Side::Image), &is_wanted),
            );
            for different in &mut outcome.different[before..] {
                *different = format!("{machine:?}, seed {seed}: {different}");
            }
        }
    }
    outcome
}

/// `llvm-dwarfdump --verify` finds nothing. It finds nothing in what clang makes for Wasm, either.
fn verify(image: &[u8], outcome: &mut Outcome) {
    let directory = tempfile::tempdir().expect("a folder can be made");
    let path = directory.path().join("image.elf");
    std::fs::write(&path, image).expect("the folder is writable");
    let said = common::verify(&path);
    if !said.is_empty() {
        outcome.different.push(said);
    }
}

fn build(directory: &Path, source: &Path, flags: &[&str]) -> Vec<u8> {
    let out = directory.join("out.wasm");
    let mut clang = common::clang();
    clang.arg("-w").args(flags).arg("-o").arg(&out).arg(source);
    clang.current_dir(source.parent().expect("a source lies in a folder"));
    common::run(&mut clang, INSTALL);
    std::fs::read(out).expect("clang wrote its output")
}

/// Of so many places one may be unavailable in the image: what is computed of an operand whose size is not known, and
/// values that are longer than an address of the machine and computed.
const LOST: usize = 1000;

#[track_caller]
fn check(programs: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let mut wrong = Vec::new();
    let (mut lost, mut count_lost) = (Vec::new(), 0);
    let mut total = [0; 7];
    for (number, (name, module)) in programs.into_iter().enumerate() {
        // All programs have the same library, and optimised code of it, whatever level they have themselves.
        let outcome = compare(&module, number < 2);
        assert!(outcome.functions > 0 && outcome.lines > 0 && outcome.places > 0, "{name}: {outcome:?}");
        lost.extend(
            outcome.lost.iter().map(|(what, count)| format!("{name}: unavailable, {count} times: {what}")),
        );
        count_lost += outcome.lost.values().sum::<usize>();
        wrong.extend(outcome.different.iter().take(20).map(|different| format!("{name}: {different}")));
        let counts = [
            outcome.functions,
            outcome.entries,
            outcome.attributes,
            outcome.lines,
            outcome.places,
            outcome.incomplete,
            outcome.taken,
        ];
        for (sum, count) in total.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let [functions, entries, attributes, lines, places, incomplete, taken] = total;
    let summary = format!(
        "compared {functions} functions, {entries} entries, {attributes} attributes, {lines} lines, {places} places, \
         {incomplete} of them incomplete, {count_lost} more unavailable in the image, and {taken} operands that a call has taken"
    );
    assert!(wrong.is_empty(), "{summary}\n{}", wrong.join("\n"));
    assert!(count_lost * LOST <= places, "{summary}\n{}", lost.join("\n"));
    // For `--nocapture`.
    common::say(&summary);
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let folders = [folder, common::programs()];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("the folder is there"));
    let is_source =
        |file: &PathBuf| file.extension().is_some_and(|extension| extension == "c" || extension == "cc");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).filter(is_source).collect();
    files.sort();
    files
}

#[test]
fn fixtures_are_seen_alike() {
    let directory = tempfile::tempdir().unwrap();
    let mut programs = Vec::new();
    for source in fixtures() {
        let text = std::fs::read_to_string(&source).unwrap();
        let own = text.lines().filter_map(|line| line.strip_prefix("// WASM "));
        let mut own: Vec<&str> = own.flat_map(str::split_whitespace).collect();
        // There is nothing to be seen of these.
        if own.iter().any(|option| option.contains("strip")) {
            continue;
        }
        match source.extension().and_then(|extension| extension.to_str()) {
            // `caller.c` is a part of a program.
            // Nor is there more to see in a large program.
            Some("c")
                if text.contains("main(")
                    && !source.ends_with("caller.c")
                    && !source.ends_with("large.c") => {}
            Some("cc") => own.push("-fwasm-exceptions"),
            _ => continue,
        }
        // clang-19 does not survive exceptions at -O2.
        let levels: &[_] = if own.contains(&"-fwasm-exceptions") { &["-O0"] } else { &["-O0", "-O2"] };
        for &level in levels {
            let flags = [level, if level == "-O0" { "-gdwarf-4" } else { "-gdwarf-5" }];
            let flags = [flags.as_slice(), &own].concat();
            let name = source.file_name().unwrap().to_string_lossy().into_owned();
            programs.push((format!("{name} {flags:?}"), build(directory.path(), &source, &flags)));
        }
    }
    assert!(programs.len() > 20, "{} programs", programs.len());
    check(programs);
}

#[test]
fn programs_by_chance_are_seen_alike() {
    let number = |name, otherwise| match std::env::var(name) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => otherwise,
    };
    let (count, seed): (u64, u64) = (number("SEMANTIC_PROGRAMS", 1), number("SEMANTIC_SEED", 1));
    let directory = tempfile::tempdir().unwrap();
    let levels = ["-O0", "-O1", "-O2", "-Os"];
    let programs = (seed..seed + count).flat_map(|seed| {
        let source = directory.path().join("chance.c");
        let mut csmith = Command::new("csmith");
        csmith
            .args(["--seed", &seed.to_string(), "--float", "-o"])
            .arg(&source)
            .current_dir(directory.path());
        common::run(&mut csmith, INSTALL);
        let version = if seed % 2 == 0 { "-gdwarf-4" } else { "-gdwarf-5" };
        let build = |level| build(directory.path(), &source, &[level, version, "-I/usr/include/csmith"]);
        levels.map(|level| (format!("csmith --seed {seed} --float {level} {version}"), build(level)))
    });
    check(programs);
}
