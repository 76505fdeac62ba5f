//! Core files of programs stopped in `leaf`, called by `middle`, called by `main`.
//!
//! A core file holds what a persona would show. Every local of frame *k* has the value `STACKS[k]`, and all linear
//! memory near that address repeats one number, so every variable of the frame has a known value wherever it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use dwarf::Module;

use super::{CODE_BASE, GLOBALS, HOST};

/// Frame pointers, innermost frame first.
pub(crate) const FRAMES: [u64; 3] = [0x7f00_0000_1000, 0x7f00_0000_2000, 0x7f00_0000_3000];
/// The value of all locals of each frame: an address in linear memory.
pub(crate) const STACKS: [u64; 3] = [0x1_0000, 0x2_0000, 0x3_0000];
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
pub(crate) fn stopped(
    directory: &Path,
    image: &Path,
    module: &[u8],
    into: [u32; 3],
    commands: &[&str],
) -> String {
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
    super::run(&mut gdb, "apt-get install gdb")
}
