//! Modules with so many units that they are converted in parts.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use std::fmt::Write as _;
use std::path::Path;

use common::{gdb, run, verify, write_image};

/// Each of them has more debug info than belongs into a part.
const UNITS: usize = 4;

const FUNCTIONS: usize = 500;

/// A program of several units. A small function of each is called in the next one.
fn compile_units(directory: &Path, flags: &[&str]) -> Vec<u8> {
    let mut clang = common::clang();
    clang.current_dir(directory).args(flags).args(["-o", "out.wasm"]);
    for unit in 0..UNITS {
        let before = (unit + UNITS - 1) % UNITS;
        let mut source =
            format!("int small_{before}(int);\nint small_{unit}(int n)\n{{\n  return n * {unit} + 1;\n}}\n");
        for function in 0..FUNCTIONS {
            let name = format!("{unit}_{function}");
            let text = format!(
                "struct s_{name} {{ int first, last[{function} + 1]; }};\n__attribute__((noinline)) int f_{name}(struct s_{name} *s, int n)\n\
                 {{\n  int sum = small_{before}(n) + s->first;\n  s->last[0] = sum;\n  return sum;\n}}\n"
            );
            source.push_str(&text);
        }
        let calls = |function| format!("  sum += f_{unit}_{function}((void *)bytes, n);\n");
        let calls: String = (0..FUNCTIONS).map(calls).collect();
        let of_unit = format!(
            "char bytes[8192];\nint all_{unit}(int n)\n{{\n  int sum = 0;\n{calls}  return sum;\n}}\n"
        );
        source.push_str(&of_unit.replace("bytes", &format!("bytes_{unit}")));
        if unit == 0 {
            let mut sum = String::new();
            for unit in 0..UNITS {
                writeln!(source, "int all_{unit}(int);").unwrap();
                write!(sum, " + all_{unit}(argc)").unwrap();
            }
            write!(source, "int main(int argc, char **argv)\n{{\n  return 0{sum};\n}}\n").unwrap();
        }
        let file = format!("unit_{unit}.c");
        std::fs::write(directory.join(&file), source).unwrap();
        clang.arg(file);
    }
    run(&mut clang, "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32");
    std::fs::read(directory.join("out.wasm")).unwrap()
}

fn check(flags: &[&str]) -> dwarf::Report {
    let directory = tempfile::tempdir().unwrap();
    let module = compile_units(directory.path(), flags);
    let (path, image) = write_image(directory.path(), &module, None);
    let again = write_image(directory.path(), &module, None).1;
    assert!(image.elf == again.elf, "the image depends on which processor was faster");
    let checked = verify(&path);
    assert!(checked.is_empty(), "{flags:?}: {checked}");
    let last = FUNCTIONS - 1;
    for unit in 0..UNITS {
        let line = 8 + last * 7;
        let output = gdb(
            &path,
            &[
                &format!("info line f_{unit}_{last}"),
                &format!("info scope f_{unit}_{last}"),
                &format!("ptype struct s_{unit}_{last}"),
                &format!("print sizeof(struct s_{unit}_7)"),
            ],
        );
        let expect = |text: &str| assert!(output.contains(text), "{flags:?}: no {text:?} in\n{output}");
        expect(&format!("of \"unit_{unit}.c\" starts at address 0x7e00"));
        expect(&format!("Line {line} of"));
        expect(&format!("Scope for f_{unit}_{last}:"));
        expect(&format!("int last[{FUNCTIONS}];"));
        expect("$1 = 36\n");
    }
    image.report
}

/// Whether nothing was dropped but addresses of removed code, which the C library's units have.
fn lost_nothing(report: &dwarf::Report) -> bool {
    report.dropped.keys().all(|(what, _)| *what == dwarf::Drop::Range)
}

#[test]
fn units_in_parts_are_joined() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let report = check(&["-O0", version]);
        assert!(lost_nothing(&report), "{report}");
    }
}

#[test]
fn units_that_refer_to_each_other_stay_together() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let report = check(&["-O2", "-flto", version]);
        assert!(lost_nothing(&report), "{report}");
    }
}
