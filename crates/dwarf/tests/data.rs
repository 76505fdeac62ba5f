//! Variables and pointers to functions as gdb shows them. The same program compiled for this machine is the standard.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{compile, gdb, write_image};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

/// Compiles a program for this machine.
fn compile_native(directory: &Path, program: &str) -> PathBuf {
    let out = directory.join("native");
    let mut clang = Command::new("clang-19");
    clang.args(["-O0", "-g", "-no-pie", "-o"]).arg(&out).arg(common::programs().join(program));
    common::run(clang.current_dir(directory), "apt-get install clang-19 libc6-dev");
    out
}

/// Replaces all addresses, and the names of sections.
fn normalised(text: &str) -> String {
    // A complaint that gdb has about any program with pointers of 4 bytes.
    let text = text.replace("During symbol reading: invalid pointer size 4\n", "");
    let mut out = String::new();
    for (number, part) in text.split("0x").enumerate() {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        let digits = &part[..part.len() - rest.len()];
        match number {
            0 => out.push_str(part),
            // Short numbers are values of bytes.
            _ if digits.len() <= 2 && !rest.starts_with(" <") => out.extend(["0x", part]),
            _ => out.extend(["ADDRESS", rest]),
        }
    }
    [".data.rel.ro", ".wasm_table", ".data", ".bss", ".text"]
        .into_iter()
        .fold(out, |text, section| text.replace(section, "SECTION"))
}

/// Each of the commands with what gdb says to it.
fn answers(program: &Path, commands: &[&str]) -> Vec<String> {
    let marks: Vec<String> = commands.iter().map(|command| format!("echo >>> {command}\\n")).collect();
    let both: Vec<&str> =
        marks.iter().map(String::as_str).zip(commands.iter().copied()).flat_map(<[&str; 2]>::from).collect();
    let output = gdb(program, &both);
    output.split(">>> ").skip(1).map(str::to_owned).collect()
}

#[test]
fn variables_and_function_pointers_look_as_in_a_native_program() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "data.c", &["-O0", "-g"]);
    let (image, _) = write_image(directory.path(), &module, None);
    let native = compile_native(directory.path(), "data.c");
    let commands = [
        // From here on there is a current unit, where gdb finds `void`.
        "list main",
        "print &origin",
        "print to_origin",
        "print inside",
        "print &origin[1]",
        "print &grid[1][2]",
        "info symbol &origin[1]",
        "info symbol &grid[1]",
        "x/16xb &buffer",
        "x/2dw &origin",
        "print &buffer[63]",
        "info line *&origin",
        "print op",
        "print choice",
        "print no_op",
        "print *op",
        "print commands[0]",
        "print commands",
        "print *node",
        "print *node->next",
        "print node",
        "print text",
        "print *text@4",
        "x/s text",
        "info symbol text",
        "print letters",
        "print &letters",
        "print nothing",
        "print (char *) 0",
        "print (void *) buffer",
        "print &hidden",
        "print hidden",
        "print &'count'::counter",
        "info symbol &'count'::counter",
        "info symbol op",
        "print add",
        "print &add",
        "print main",
        "info symbol add",
        "list add,+1",
        "whatis op",
    ];
    let (ours, theirs) = (answers(&image, &commands), answers(&native, &commands));
    assert_eq!((ours.len(), theirs.len()), (commands.len(), commands.len()));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(normalised(ours), normalised(theirs));
        assert!(!ours.contains("warning"), "{ours}");
    }
    // What the comparison would not notice.
    assert!(gdb(&image, &["print op"]).contains(" 0x1 <add>\n"));
    assert!(gdb(&image, &["print nothing"]).contains(" 0x0\n"));
}

#[test]
fn names_of_functions_in_the_table_are_those_of_code() {
    let directory = tempfile::tempdir().unwrap();
    let with_info = compile(directory.path(), "data.c", &["-O0", "-g"]);
    let without = compile(directory.path(), "data.c", &["-O0", "-Wl,--strip-debug"]);
    for (module, is_bare) in [(with_info, false), (without, true)] {
        let (image, _) = write_image(directory.path(), &module, None);
        let output = gdb(
            &image,
            &[
                "break add",
                "break subtract",
                "info breakpoints",
                "info address add",
                "print add",
                "print &subtract",
                "info symbol 1",
                "info symbol 0",
                "info line add",
            ],
        );
        let expect = |text: &str| assert!(output.contains(text), "no {text:?} in {output}");
        expect("Breakpoint 1 at 0x7e00");
        expect("Breakpoint 2 at 0x7e00");
        assert!(!output.contains("MULTIPLE") && !output.contains("locations"), "{output}");
        expect(if is_bare {
            "Symbol \"add\" is at 0x7e00"
        } else {
            "Symbol \"add\" is a function at address 0x7e00"
        });
        expect("add in section .wasm_table");
        expect("No symbol matches 0.");
        if !is_bare {
            expect("$1 = {int (int, int)} 0x7e00");
            expect("$2 = (int (*)(int, int)) 0x7e00");
            expect("Line 5 of \"");
        }
    }
}

#[test]
fn variables_have_their_linkage_names() {
    let directory = tempfile::tempdir().unwrap();
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let flags = ["-O0", version, "-nostdlib", "-Wl,--no-entry", "-Wl,--export-all"];
        let module = compile(directory.path(), "data.cpp", &flags);
        let (path, image) = write_image(directory.path(), &module, None);
        let file = object::File::parse(&*image.elf).unwrap();
        let find = |name: &str| file.symbols().find(|symbol| symbol.name() == Ok(name)).unwrap();
        for (name, is_global) in [
            ("_ZN6shapes5sidesE", true),
            ("_ZN6shapes7Counter4madeE", true),
            ("_ZN6shapesL6secretE", false),
            ("_ZZN6shapes4nextEvE2id", false),
        ] {
            let symbol = find(name);
            assert_eq!((symbol.size(), symbol.is_global()), (4, is_global), "{version} {name}");
        }
        let output =
            gdb(&path, &["print &shapes::sides", "print &shapes::Counter::made", "print shapes::secret"]);
        assert!(output.contains(" <shapes::sides>\n"), "{version}: {output}");
        assert!(output.contains(" <shapes::Counter::made>\n"), "{version}: {output}");
        assert!(output.contains("$3 = 3\n"), "{version}: {output}");
    }
}

/// Name, first address and size of the sections that are not code.
fn sections(wat: &str) -> Vec<(String, u64, u64)> {
    let module = wat::parse_str(wat).unwrap();
    let image = dwarf::symbol_image(&module, &[], &common::layout(&module)).unwrap();
    let file = object::File::parse(&*image.elf).unwrap();
    let sections = file.sections().filter(|section| section.address() > 0);
    sections
        .map(|section| (section.name().unwrap().to_owned(), section.address(), section.size()))
        .filter(|section| !section.0.starts_with(".text"))
        .collect()
}

#[test]
fn sections_cover_table_and_memory() {
    let section = |name: &str, address, size| (name.to_owned(), address, size);
    let table = |length: u32| format!("(table {length} funcref) (elem (i32.const 1) $f) (func $f)");
    assert_eq!(sections("(module (func))"), []);
    assert_eq!(sections("(module (memory 1))"), [], "nothing is known to be in it");
    assert_eq!(sections(&format!("(module {})", table(4))), [section(".wasm_table", 1, 3)]);
    let data = "(memory 1) (data (i32.const 1024) \"abcd\")";
    assert_eq!(
        sections(&format!("(module {} {data})", table(5000))),
        [section(".wasm_table", 1, 1023), section(".data", 1024, 4), section(".bss", 1028, 65536 - 1028)],
        "the data wins"
    );
    let imported = "(import \"env\" \"memory\" (memory 2)) (data (i32.const 16) \"abcd\")";
    assert_eq!(
        sections(&format!("(module {imported} {})", table(2))),
        [section(".wasm_table", 1, 1), section(".data", 16, 4), section(".bss", 20, 2 * 65536 - 20)]
    );
    assert_eq!(
        sections("(module (memory 1) (data (i32.const 0) \"abcd\"))"),
        [section(".data", 1, 3), section(".bss", 4, 65536 - 4)],
        "nothing is at 0"
    );
    // No bytes for a gap of a gigabyte, and none for what would trap.
    let far = "(module (memory 40000) (data (i32.const 8) \"a\") (data (i32.const 0x7000_0000) \"b\")
        (data (i32.const -1) \"c\"))";
    let found = sections(far);
    assert_eq!(found[0], section(".data", 8, 2 + (1 << 20)));
    assert_eq!(found[1].1 + found[1].2, 40000 * 65536);
    assert_eq!(sections("(module (memory 0) (data (i32.const 5) \"a\"))"), []);
}

#[test]
fn all_kinds_of_element_segments_name_functions() {
    let text = "(module
        (import \"env\" \"host\" (func $host))
        (import \"env\" \"base\" (global $base i32))
        (table 10 funcref) (table $other 10 funcref)
        (elem (i32.const 0) $a $host)
        (elem (i32.const 2) funcref (ref.func $b) (ref.null func) (ref.func $a))
        (elem (table $other) (i32.const 5) func $a)
        (elem func $a)
        (elem (global.get $base) $a)
        (elem (i32.const 9) $a $a)
        (func $a) (func $b))";
    let module = wat::parse_str(text).unwrap();
    let image = dwarf::symbol_image(&module, &[], &common::layout(&module)).unwrap();
    let file = object::File::parse(&*image.elf).unwrap();
    let symbols = file.symbols().filter(|symbol| symbol.address() < 0x1000 && symbol.size() > 0);
    let found: Vec<(u64, &str)> = symbols.map(|symbol| (symbol.address(), symbol.name().unwrap())).collect();
    assert_eq!(found, [(1, "env.host"), (2, "b"), (4, "a"), (9, "a")]);
}

#[test]
fn data_is_there_without_a_process() {
    let directory = tempfile::tempdir().unwrap();
    let module = compile(directory.path(), "data.c", &["-O0", "-g"]);
    let (image, _) = write_image(directory.path(), &module, None);
    let output = gdb(&image, &["print origin", "print hidden", "print buffer[5]"]);
    assert!(output.contains("$1 = {3, 4}\n$2 = 7\n$3 = 0 '\\000'\n"), "{output}");
}
