//! The image as stock gdb and `llvm-dwarfdump` see it, for programs that clang compiles here and now.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use std::process::Command;

use bytes::Bytes;
use common::{compile, gdb, layout, line, narrow_layout, verify, write_image};
use dwarf::{Machine, Module, RegisterClass, ReturnPlace};
use object::{Object as _, ObjectSection as _};

/// Complaints that gdb has about any program with pointers of 4 bytes, and about native inlined code alike.
fn is_known_complaint(line: &str) -> bool {
    line.contains("invalid pointer size 4") || line.contains("and its abstract origin")
}

#[test]
fn gdb_and_dwarfdump_have_no_complaints() {
    let directory = tempfile::tempdir().unwrap();
    for level in ["-O0", "-O1", "-O2", "-Os"] {
        for version in ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"] {
            let module = compile(directory.path(), "calls.c", &[level, version]);
            let (path, image) = write_image(directory.path(), &module, None);
            assert!(image.report.has_debug_info());
            let checked = verify(&path);
            assert!(checked.is_empty(), "{level} {version}: {checked}");
            let output = gdb(&path, &["maint expand-symtabs"]);
            let complaints: Vec<&str> = output.lines().filter(|line| !is_known_complaint(line)).collect();
            assert!(complaints.is_empty(), "{level} {version}: {complaints:#?}");
        }
    }
}

#[test]
fn machines_with_short_addresses_have_images_as_good() {
    let directory = tempfile::tempdir().unwrap();
    for machine in [Machine::X32, Machine::I386] {
        for flags in [["-O0", "-gdwarf-4"], ["-O2", "-gdwarf-4"], ["-O0", "-gdwarf-5"], ["-O2", "-gdwarf-5"]]
        {
            let module = compile(directory.path(), "calls.c", &flags);
            let layout = narrow_layout(&module, machine);
            let image = dwarf::symbol_image(&module, &[], &layout).unwrap();
            let (_, wide) = write_image(directory.path(), &module, None);
            assert_eq!(image.report, wide.report, "{machine:?} {flags:?}");
            let path = directory.path().join("image.elf");
            std::fs::write(&path, &image.elf).unwrap();
            let checked = verify(&path);
            assert!(checked.is_empty(), "{machine:?} {flags:?}: {checked}");
        }
    }
}

#[test]
fn the_image_of_i386_unwinds_by_words_of_4_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "calls.c", &["-O0", "-gdwarf-4"]);
    let image = dwarf::symbol_image(&module, &[], &narrow_layout(&module, Machine::I386)).unwrap();
    let file = object::File::parse(&*image.elf).unwrap();
    assert_eq!(file.architecture(), object::Architecture::I386);
    assert!(!file.is_64());
    let path = directory.path().join("image.elf");
    std::fs::write(&path, &image.elf).unwrap();
    let mut dump = Command::new("llvm-dwarfdump-19");
    let frames = common::run(dump.arg("--debug-frame").arg(&path), "apt-get install llvm-19");
    let rule = "CFA=EBP+8: EBP=[CFA-8], EIP=[CFA-4]";
    assert!(frames.contains(rule), "{frames}");
}

#[test]
fn gdb_finds_lines_types_and_symbols() {
    let directory = tempfile::tempdir().unwrap();
    for level in ["-O0", "-O2"] {
        for version in ["-gdwarf-4", "-gdwarf-5"] {
            let module = compile(directory.path(), "calls.c", &[level, version]);
            let (path, _) = write_image(directory.path(), &module, None);
            let output = gdb(
                &path,
                &[
                    "info line middle",
                    "info scope middle",
                    "ptype struct box",
                    "print sizeof(struct box)",
                    "info address g_counter",
                    "info address g_removed",
                    "print g_removed",
                    "info address main",
                    "info symbol main",
                    "info address <host>",
                    "info functions -n removed",
                    "info source",
                    "list middle,+2",
                ],
            );
            let expect =
                |text: &str| assert!(output.contains(text), "{level} {version}: no {text:?} in\n{output}");
            expect(&format!("Line {} of \"", line("middle")));
            expect("calls.c\" starts at address 0x7e00");
            expect("Symbol n is ");
            expect("Symbol sum is ");
            expect("struct point low;");
            expect("$1 = 20\n");
            expect("Symbol \"g_counter\" is static storage at address 0x");
            expect("Symbol \"g_removed\" is optimized out.");
            expect("$2 = <optimized out>");
            expect("Symbol \"main\" is a function at address 0x7e00");
            expect("main in section .text\n");
            expect("Symbol \"<host>\" is at 0x7e8000000000 in a file compiled without debugging.");
            expect("int sum = leaf(n + 1);");
            assert!(!output.contains("removed(int)"), "{output}");
        }
    }
}

#[test]
fn optimised_functions_have_a_line_at_their_start() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "calls.c", &["-O2", "-g"]);
    let (path, _) = write_image(directory.path(), &module, None);
    let parsed = Module::parse(&module).unwrap();
    let leaf = parsed.functions.iter().find(|function| function.name == "leaf").unwrap();
    assert!(leaf.body.start < leaf.first_operator.0);
    let output = gdb(&path, &["info line *leaf", "break leaf"]);
    let starts = format!("starts at address {:#x} <leaf>", common::CODE_BASE + u64::from(leaf.body.start));
    assert!(output.contains(&starts), "no {starts} in {output}");
    let stop = format!("Breakpoint 1 at {:#x}: file", common::CODE_BASE + u64::from(leaf.first_operator.0));
    assert!(output.contains(&stop), "no {stop} in {output}");
}

#[test]
fn code_is_filler_and_sections_are_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "calls.c", &["-O0", "-g"]);
    let (path, _) = write_image(directory.path(), &module, None);
    let parsed = Module::parse(&module).unwrap();
    let leaf = parsed.functions.iter().find(|function| function.name == "leaf").unwrap();
    let output = gdb(&path, &["maint info sections", "x/4xb leaf", "info osabi", "print &leaf"]);
    let text = format!(
        "{:#x}->{:#x}",
        common::CODE_BASE + u64::from(parsed.code.start),
        common::CODE_BASE + u64::from(parsed.code.end)
    );
    assert!(output.contains(&text), "no {text} in {output}");
    assert!(output.contains("0xcf\t0xcf\t0xcf\t0xcf"), "{output}");
    let address = format!("{:#x} <leaf>", common::CODE_BASE + u64::from(leaf.body.start));
    assert!(output.contains(&address), "no {address} in {output}");
}

#[test]
fn modules_without_dwarf_have_symbols() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "calls.c", &["-O0", "-Wl,--strip-debug"]);
    let (path, image) = write_image(directory.path(), &module, None);
    assert!(!image.report.has_debug_info());
    let output = gdb(&path, &["info address leaf", "info line leaf", "maint info sections"]);
    assert!(output.contains("Symbol \"leaf\" is at 0x7e00"), "{output}");
    assert!(!output.contains(".debug_info"), "{output}");
}

/// The text format has debug info too: `wat` can make DWARF 5 that says where the text of each operator is.
#[test]
fn text_modules_have_lines_and_locals() {
    let text = "(module\n  (func $double (export \"double\") (param $n i32) (result i32)\n    local.get $n\n    \
                i32.const 2\n    i32.mul))\n";
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("double.wat");
    std::fs::write(&source, text).unwrap();
    let mut parser = wat::Parser::new();
    parser.generate_dwarf(wat::GenerateDwarf::Full);
    let module = parser.parse_file(&source).unwrap();
    let (path, image) = write_image(directory.path(), &module, None);
    assert!(image.report.has_debug_info());
    assert_eq!(verify(&path), "");
    let output = gdb(&path, &["break double", "info scope double", "list double.wat:4,4", "info line 5"]);
    assert!(output.contains("double.wat, line 3."), "{output}");
    assert!(output.contains("Symbol local0 is a complex DWARF expression"), "{output}");
    assert!(output.contains("4\t    i32.const 2"), "{output}");
    assert!(output.contains("Line 5 of \""), "{output}");
}

#[test]
fn line_tables_only() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "calls.c", &["-O1", "-gline-tables-only"]);
    let (path, _) = write_image(directory.path(), &module, None);
    let output = gdb(&path, &["info line middle"]);
    assert!(output.contains(&format!("Line {} of ", line("middle"))), "{output}");
}

#[test]
fn debug_info_from_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let full = compile(directory.path(), "calls.c", &["-O0", "-g"]);
    let bare = compile(directory.path(), "calls.c", &["-O0", "-g", "-Wl,--strip-all"]);
    let (path, image) = write_image(directory.path(), &bare, Some(&full));
    assert!(image.report.has_debug_info());
    let output = gdb(&path, &["info line leaf", "info scope leaf"]);
    assert!(output.contains(&format!("Line {} of ", line("leaf"))), "{output}");
    assert!(output.contains("Symbol twice is "), "{output}");
}

/// Wrong lines and values would be worse than none.
#[test]
fn debug_info_of_other_code_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "calls.c", &["-O0", "-g"]);
    let optimised = compile(directory.path(), "calls.c", &["-O2", "-g"]);
    let files: [Bytes; 1] = [optimised.into()];
    assert_eq!(dwarf::named_locals(&module, &files).unwrap(), None);
    assert!(dwarf::LocalNames::new(module.clone().into(), files.to_vec()).unwrap().is_none());
    let image = dwarf::symbol_image(&module, &files, &layout(&module)).unwrap();
    assert!(!image.report.has_debug_info());
    assert!(image.report.to_string().contains("it is about other code"), "{}", image.report);
    let middle =
        Module::parse(&module).unwrap().functions.into_iter().find(|function| function.name == "middle");
    let middle = middle.unwrap().index;
    let parameters = |files: &[Bytes]| {
        let signatures = dwarf::Signatures::new(module.clone().into(), files.to_vec()).unwrap();
        signatures.of_function(middle).parameters
    };
    assert_eq!(parameters(&files), None);
    assert!(parameters(&[]).is_some());
}

#[test]
fn split_dwarf_of_both_kinds() {
    let directory = tempfile::tempdir().unwrap();
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let at = directory.path();
        let object = compile(at, "calls.c", &["-O0", version, "-gsplit-dwarf", "-c"]);
        std::fs::write(at.join("calls.o"), object).unwrap();
        let split = std::fs::read(at.join("out.dwo")).unwrap();
        let mut link = common::clang();
        link.args(["calls.o", "-o", "linked.wasm"]).current_dir(at);
        common::run(&mut link, "apt-get install clang-19 lld-19");
        let module = std::fs::read(at.join("linked.wasm")).unwrap();
        let mut package = Command::new("llvm-dwp-19");
        common::run(package.args(["out.dwo", "-o", "out.dwp"]).current_dir(at), "apt-get install llvm-19");
        let package = std::fs::read(at.join("out.dwp")).unwrap();
        for debug_file in [split, package] {
            let (path, _) = write_image(at, &module, Some(&debug_file));
            assert_eq!(verify(&path), "");
            let output = gdb(&path, &["info line leaf", "info scope middle", "ptype struct pair"]);
            assert!(output.contains(&format!("Line {} of ", line("leaf"))), "{version}: {output}");
            assert!(output.contains("Symbol b is "), "{version}: {output}");
            assert!(output.contains("double a;"), "{version}: {output}");
        }
        // Without the contents, lines are still there.
        let (path, image) = write_image(at, &module, None);
        assert!(image.report.to_string().contains("were not given"), "{}", image.report);
        let output = gdb(&path, &["info line leaf"]);
        assert!(output.contains(&format!("Line {} of ", line("leaf"))), "{version}: {output}");
    }
}

/// clang makes no type units for Wasm, so these come from a native program. Its types are all that is converted.
#[test]
fn type_units_are_found_by_their_signatures() {
    let directory = tempfile::tempdir().unwrap();
    let program = common::programs().join("tiny.c");
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let mut clang = Command::new("clang-19");
        clang.args(["--target=x86_64-linux-gnu", "-fuse-ld=lld", "-shared", "-nostdlib", "-fPIC", version]);
        clang.args(["-fdebug-types-section", "-o", "native.so"]).arg(&program).current_dir(directory.path());
        common::run(&mut clang, "apt-get install clang-19 lld-19");
        let native = std::fs::read(directory.path().join("native.so")).unwrap();
        let native = object::File::parse(&*native).unwrap();
        let mut module = wat::parse_str("(module (func nop))").unwrap();
        for section in native.sections() {
            if let Ok(name) = section.name()
                && name.starts_with(".debug_")
            {
                module.extend(common::custom_section(name, section.data().unwrap()));
            }
        }
        let (path, image) = write_image(directory.path(), &module, None);
        assert_eq!(image.report.dead_functions, 4, "{}", image.report);
        let output = gdb(&path, &["ptype items", "whatis sizeof(items)", "print sizeof(items)"]);
        assert!(output.contains("double y;"), "{version}: {output}");
        assert!(output.contains("char *name;"), "{version}: {output}");
        assert!(output.contains("= 72\n"), "{version}: {output}");
        assert_eq!(verify(&path), "");
    }
}

#[test]
fn returned_structures_are_classified_as_on_x86_64() {
    use RegisterClass::{Integer, Sse};
    let directory = tempfile::tempdir().unwrap();
    for flags in [["-O0", "-gdwarf-4"], ["-O0", "-gdwarf-2"], ["-O2", "-gdwarf-5"]] {
        let module = compile(directory.path(), "calls.c", &flags);
        let parsed = Module::parse(&module).unwrap();
        let signatures = dwarf::Signatures::new(module.clone().into(), Vec::new()).unwrap();
        let find = |name: &str| {
            let function = parsed.functions.iter().find(|function| function.name == name)?;
            signatures.of_function(function.index).returns
        };
        let check = |name, byte_size, hidden_pointer, place| {
            let found = find(name).unwrap();
            let keeps_pointer = found.keeps_pointer;
            assert!(keeps_pointer, "{name} {flags:?}");
            let wanted = dwarf::FunctionReturn { byte_size, hidden_pointer, keeps_pointer, place };
            assert_eq!(found, wanted, "{name} {flags:?}");
        };
        check("make_point", 8, true, ReturnPlace::Registers(vec![Integer]));
        check("make_pair", 16, true, ReturnPlace::Registers(vec![Sse, Integer]));
        check("make_one", 4, false, ReturnPlace::Registers(vec![Sse]));
        check("make_big", 24, true, ReturnPlace::Memory);
        check("make_wide", 16, true, ReturnPlace::Memory);
        assert_eq!(find("make_int"), None);
        assert_eq!(find("leaf"), None);
    }
}
