//! Backtraces and values, without a server: gdb reads frame images and linear memory from a core file.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use common::core::{FRAMES, STACKS};
use common::{compile, write_image};

fn stopped(directory: &std::path::Path, module: &[u8], into: [u32; 3], commands: &[&str]) -> String {
    let (image, _) = write_image(directory, module, None);
    common::core::stopped(directory, &image, module, into, commands)
}

#[test]
fn backtraces_have_arguments_and_end_in_the_host() {
    let directory = tempfile::tempdir().unwrap();
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let module = compile(directory.path(), "calls.c", &["-O0", version]);
        let commands = ["bt", "set backtrace past-main on", "bt", "info locals", "up", "info locals"];
        let output = stopped(directory.path(), &module, [40, 60, 80], &commands);
        let expect = |text: &str| assert!(output.contains(text), "{version}: no {text:?} in\n{output}");
        expect(" in leaf (n=11) at ");
        expect(" in middle (n=22, b=0x16) at ");
        expect(" in main (argc=33, argv=0x21) at ");
        expect("\n#3  0x00007e8000000001 in <host> ()\n");
        expect("\ntwice = 11\n");
        expect("\nsum = 22\n");
        assert!(!output.contains("#4"), "{output}");
        assert!(!output.contains("warning"), "{output}");
        assert_eq!(
            output.matches("in <host>").count(),
            1,
            "main is where a backtrace ends by default: {output}"
        );
    }
}

#[test]
fn variables_in_wasm_locals_are_memory() {
    let directory = tempfile::tempdir().unwrap();
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let module = compile(directory.path(), "calls.c", &["-O2", version]);
        let commands = ["bt", "print n", "print &n", "up", "print b", "print &b"];
        let output = stopped(directory.path(), &module, [0, 8, 40], &commands);
        let expect = |text: &str| assert!(output.contains(text), "{version}: no {text:?} in\n{output}");
        expect(&format!("leaf (n={}) at ", STACKS[0]));
        expect(&format!("$1 = {}\n", STACKS[0]));
        // Local 0 of the inner frame, local 1 of the outer one.
        expect(&format!("$2 = (int *) {:#x}\n", FRAMES[0] - 16));
        expect(&format!("$3 = (const struct box *) {:#x}\n", STACKS[1]));
        expect(&format!("$4 = (const struct box **) {:#x}\n", FRAMES[1] - 32));
    }
}
