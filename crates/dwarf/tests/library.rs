//! Units whose sources are not there: a library compiled elsewhere, linked into a program whose source is there.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use common::{core, gdb, layout, programs};
use dwarf::{ImageOptions, SymbolImage};

/// Compiles `caller.c` and `library.c`, each in a directory of its own, and links them.
fn linked(directory: &Path, flags: &[&str]) -> Vec<u8> {
    linked_in(directory, flags, "DW_LANG_C11")
}

/// As [`linked`], with a debug info that says that the language is `language`.
fn linked_in(directory: &Path, flags: &[&str], language: &str) -> Vec<u8> {
    let mut link = common::clang();
    link.args(["-o", "out.wasm"]).current_dir(directory);
    for (place, source) in [("program", "caller.c"), ("library", "library.c")] {
        let place = directory.join(place);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::copy(programs().join(source), place.join(source)).unwrap();
        let install = "apt-get install clang-19 wasi-libc";
        let clang = |arguments: &[&str]| {
            let mut clang = common::clang();
            clang.args(arguments).args(flags).current_dir(&place);
            common::run(&mut clang, install);
        };
        clang(&["-S", "-emit-llvm", "-o", "unit.ll", source]);
        let code = std::fs::read_to_string(place.join("unit.ll")).unwrap();
        assert!(code.contains("DW_LANG_C11"));
        std::fs::write(place.join("unit.ll"), code.replace("DW_LANG_C11", language)).unwrap();
        clang(&["-c", "-o", "unit.o", "unit.ll"]);
        link.arg(place.join("unit.o"));
    }
    common::run(&mut link, "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32");
    std::fs::read(directory.join("out.wasm")).unwrap()
}

/// Writes the image to a file.
fn image(directory: &Path, module: &[u8], source_exists: &dyn Fn(&Path) -> bool) -> (PathBuf, SymbolImage) {
    let options = ImageOptions { source_exists: Some(source_exists), ..ImageOptions::default() };
    let image = dwarf::write_symbol_image(module, &[], &layout(module), &options, Vec::new()).unwrap();
    let path = directory.join("image.elf");
    std::fs::write(&path, &image.elf).unwrap();
    (path, image)
}

#[test]
fn libraries_without_sources_have_no_lines() {
    let directory = tempfile::tempdir().unwrap();
    for level in ["-O0", "-O1"] {
        for version in ["-gdwarf-4", "-gdwarf-5"] {
            let module = linked(directory.path(), &[level, version]);
            std::fs::remove_file(directory.path().join("library/library.c")).unwrap();
            let (path, made) = image(directory.path(), &module, &Path::is_file);
            assert!(made.report.units_without_lines >= 1, "{}", made.report);
            assert_eq!(common::verify(&path), "");
            let output = gdb(
                &path,
                &["info line middle", "break middle", "info scope middle", "ptype middle", "break leaf"],
            );
            let expect =
                |text: &str| assert!(output.contains(text), "{level} {version}: no {text:?} in\n{output}");
            // `step` goes into functions that have lines only.
            expect("No line number information available for address 0x7e00");
            let parsed = dwarf::Module::parse(&module).unwrap();
            let middle = parsed.functions.iter().find(|function| function.name == "middle").unwrap();
            let start = common::CODE_BASE + u64::from(middle.body.start);
            expect(&format!("Breakpoint 1 at {start:#x}\n"));
            expect("Symbol n is ");
            expect("type = int (int, const void *)");
            expect(": file caller.c, line ");
        }
    }
}

#[test]
fn backtraces_through_libraries_have_arguments() {
    let directory = tempfile::tempdir().unwrap();
    let commands = ["bt", "up", "info args", "info frame", "up", "info locals"];
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let module = linked(directory.path(), &["-O0", version]);
        std::fs::remove_file(directory.path().join("library/library.c")).unwrap();
        let (path, _) = image(directory.path(), &module, &Path::is_file);
        let output = core::stopped(directory.path(), &path, &module, [40, 60, 60], &commands);
        let expect = |text: &str| assert!(output.contains(text), "{version}: no {text:?} in\n{output}");
        expect("#0  0x");
        expect(" in leaf (n=11) at caller.c:");
        expect(" in middle (n=22, b=0x16)\n#2 ");
        expect("\nn = 22\nb = 0x16\n");
        expect("caller of frame at ");
        expect("\ntotal = 33\n");
        assert!(!output.contains("library.c"), "{output}");
    }
}

#[test]
fn lines_are_kept_without_better_knowledge() {
    let directory = tempfile::tempdir().unwrap();
    let module = linked(directory.path(), &["-O0", "-g"]);
    // All sources, no source, and nobody knows.
    let all = image(directory.path(), &module, &|_| true);
    let none = image(directory.path(), &module, &|_| false);
    let unknown = common::write_image(directory.path(), &module, None);
    for (path, made) in [all, none, unknown] {
        assert_eq!(made.report.units_without_lines, 0);
        let output = gdb(&path, &["info line middle", "info line leaf"]);
        assert_eq!(
            output.matches("\nLine ").count() + usize::from(output.starts_with("Line ")),
            2,
            "{output}"
        );
    }
}

#[test]
fn paths_are_as_the_debug_info_has_them() {
    let directory = tempfile::tempdir().unwrap();
    let module = linked(directory.path(), &["-O0", "-g", "-fdebug-compilation-dir=relative/place"]);
    let asked = RefCell::new(Vec::new());
    image(directory.path(), &module, &|path: &Path| {
        asked.borrow_mut().push(path.to_owned());
        path.ends_with("caller.c")
    });
    let asked = asked.into_inner();
    for name in ["relative/place/caller.c", "relative/place/library.c"] {
        let times = asked.iter().filter(|path| path.as_path() == Path::new(name)).count();
        assert_eq!(times, 1, "{name} in {asked:?}");
    }
}

/// The libraries of other languages have their lines in native programs too.
#[test]
fn units_of_other_languages_keep_their_lines() {
    let directory = tempfile::tempdir().unwrap();
    for (language, keeps) in [("DW_LANG_Rust", true), ("DW_LANG_C_plus_plus_14", false)] {
        let module = linked_in(directory.path(), &["-O0", "-g"], language);
        let (path, _) = image(directory.path(), &module, &|path| path.ends_with("caller.c"));
        let output = gdb(&path, &["info line middle"]);
        assert_eq!(output.contains("Line "), keeps, "{language}: {output}");
    }
}
