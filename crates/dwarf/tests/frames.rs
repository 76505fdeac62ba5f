//! Backtraces and values, without a server: gdb reads frame images and linear memory from a core file.
//!
//! The core file holds what a persona would show for a program stopped in `leaf`, called by `middle`, called by
//! `main`. Every local of frame *k* has the value `STACKS[k]`, and all linear memory near that address repeats one
//! number, so every variable of the frame has a known value wherever it is.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{CODE_BASE, GLOBALS, HOST, compile, write_image};
use dwarf::Module;

/// Frame pointers, innermost frame first.
const FRAMES: [u64; 3] = [0x7f00_0000_1000, 0x7f00_0000_2000, 0x7f00_0000_3000];
/// The value of all locals of each frame: an address in linear memory.
const STACKS: [u64; 3] = [0x1_0000, 0x2_0000, 0x3_0000];
/// What linear memory holds around each of these addresses.
const NUMBERS: [u32; 3] = [11, 22, 33];

/// Little-endian bytes of an ELF core file with one thread.
fn core_file(pcs: [u64; 3]) -> Vec<u8> {
    let mut segments: Vec<(u64, Vec<u8>)> = Vec::new();
    for (k, frame) in FRAMES.into_iter().enumerate() {
        let (caller, return_address) = match FRAMES.get(k + 1) {
            Some(&caller) => (caller, pcs[k + 1]),
            None => (0x7f00_0000_4000, HOST + 1),
        };
        let mut image = Vec::new();
        for _ in 0..64 {
            image.extend(u128::from(STACKS[k]).to_le_bytes());
        }
        let start = frame - image.len() as u64;
        image.extend(caller.to_le_bytes());
        image.extend(return_address.to_le_bytes());
        segments.push((start, image));
        segments.push((STACKS[k] - 0x100, NUMBERS[k].to_le_bytes().repeat(0x200)));
    }
    segments.push((GLOBALS, u128::from(STACKS[0]).to_le_bytes().to_vec()));

    // NT_PRSTATUS of x86-64 Linux: the process id at 32, the registers at 112 (rbp 4, rip 16, rsp 19).
    let mut status = vec![0; 336];
    status[32] = 1;
    for (register, value) in [(4, FRAMES[0]), (16, pcs[0]), (19, FRAMES[0] - 0x400)] {
        status[112 + 8 * register..][..8].copy_from_slice(&u64::to_le_bytes(value));
    }
    let mut note: Vec<u8> = [5_u32, 336, 1].into_iter().flat_map(u32::to_le_bytes).collect();
    note.extend(b"CORE\0\0\0\0");
    note.extend(status);

    let mut parts = vec![(4_u32, 0, note)];
    parts.extend(segments.into_iter().map(|(address, bytes)| (1, address, bytes)));
    let count = parts.len();
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([4_u16, 62].into_iter().flat_map(u16::to_le_bytes));
    file.extend(1_u32.to_le_bytes());
    file.extend([0_u64, 64, 0].into_iter().flat_map(u64::to_le_bytes));
    file.extend(0_u32.to_le_bytes());
    file.extend([64, 56, u16::try_from(count).unwrap(), 64, 0, 0].into_iter().flat_map(u16::to_le_bytes));
    let mut offset = 64 + 56 * count as u64;
    for (kind, address, bytes) in &parts {
        let size = bytes.len() as u64;
        file.extend([*kind, 6].into_iter().flat_map(u32::to_le_bytes));
        file.extend([offset, *address, *address, size, size, 1].into_iter().flat_map(u64::to_le_bytes));
        offset += size;
    }
    file.extend(parts.into_iter().flat_map(|part| part.2));
    file
}

/// Runs gdb on the image and the core file of a module stopped in the given functions, `into` bytes into each.
fn stopped(directory: &Path, module: &[u8], into: [u32; 3], commands: &[&str]) -> String {
    let (image, _) = write_image(directory, module, None);
    let parsed = Module::parse(module).unwrap();
    let pc = |name: &str, into: u32| {
        let function = parsed.functions.iter().find(|function| function.name == name).unwrap();
        CODE_BASE + u64::from(function.first_operator.0 + into)
    };
    let pcs = [pc("leaf", into[0]), pc("middle", into[1]), pc("main", into[2])];
    let core: PathBuf = directory.join("core");
    std::fs::write(&core, core_file(pcs)).unwrap();
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set width 0"]);
    gdb.arg(image).arg(core);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    common::run(&mut gdb, "apt-get install gdb")
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
