//! Calls that no sane program makes: every pointer parameter out of bounds, and arguments by chance. They trap or return
//! an error number; nothing panics, and nothing is written outside of the guest's memory.
//!
//! What the functions are called, and with what types, comes from the C programs' imports.

mod common;

use common::{Guest, program};
use runtime::{
    Engine, EngineConfig, ExternType, Failure, FuncType, Module, Tiers, TrapCode, Value, ValueType,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Seek, Write, pipe};
use std::os::unix::net::{UnixListener, UnixStream};
use wasi::WasiBuilder;

const PROGRAMS: [&str; 6] = ["process.c", "descriptors.c", "listing.c", "paths.c", "polls.c", "sockets.c"];

/// All functions with their types.
fn functions() -> BTreeMap<String, FuncType> {
    let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
    let mut functions = BTreeMap::new();
    for name in PROGRAMS {
        let module = Module::new(&engine, &program(name), name).expect("valid");
        for import in module.imports() {
            if let ExternType::Function(ty) = &import.ty {
                functions.insert(import.name.clone(), ty.clone());
            }
        }
    }
    assert_eq!(functions.len(), 46);
    functions
}

/// A module with one page of memory that exports every function that it imports.
fn trampolines(functions: &BTreeMap<String, FuncType>) -> Vec<u8> {
    let mut imports = String::new();
    let mut exports = String::new();
    for (name, ty) in functions {
        let word = |ty: &ValueType| if *ty == ValueType::I64 { "i64" } else { "i32" };
        let params: Vec<_> = ty.params().iter().map(word).collect();
        let results: Vec<_> = ty.results().iter().map(word).collect();
        let ty = format!("(param {}) (result {})", params.join(" "), results.join(" "));
        let _ = writeln!(imports, r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} {ty}))"#);
        let gets: String = (0..params.len()).map(|index| format!("(local.get {index})")).collect();
        let _ = writeln!(exports, r#"(func (export "{name}") {ty} (call ${name} {gets}))"#);
    }
    format!(r#"(module {imports} (memory (export "memory") 1 1) (global (export "size") i32 (i32.const 65536)) {DATA} {exports})"#)
        .into_bytes()
}

/// A vector of 16 bytes at 256; two paths; a subscription of zeros at 64: a sleep that is over.
const DATA: &str = r#"(data (i32.const 0) "\00\01\00\00\10\00\00\00") (data (i32.const 16) "file") (data (i32.const 32) "link")"#;

/// What a guest finds: a directory at 3, a socket that listens and does not wait at 4, a connected one at 5.
struct World {
    builder: WasiBuilder,
    _folder: tempfile::TempDir,
    _peers: Vec<UnixStream>,
}

fn world(visitors: usize) -> World {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let work = folder.path().join("work");
    std::fs::create_dir(&work).expect("a directory");
    std::fs::write(work.join("file"), "0123456789012345").expect("a file");
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    listener.set_nonblocking(true).expect("a socket");
    let mut peers: Vec<_> = (0..visitors).map(|_| UnixStream::connect(&path).expect("listens")).collect();
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    (&ours).write_all(&[b'x'; 4096]).expect("room");
    ours.shutdown(std::net::Shutdown::Write).expect("a socket");
    theirs.set_nonblocking(true).expect("a socket");
    peers.push(ours);
    let mut builder = WasiBuilder::new();
    let mut input = tempfile::tempfile().expect("a temporary file");
    input.write_all(b"input").expect("a file");
    input.rewind().expect("a file");
    let (_, nowhere) = pipe().expect("a pipe");
    builder.args(["wild", "guest"]).env("A", "B").dir(work, "/work").socket(listener).socket(theirs);
    builder.stdin(input).stdout(tempfile::tempfile().expect("a temporary file")).stderr(nowhere);
    World { builder, _folder: folder, _peers: peers }
}

/// A call of each function that has pointers, all of whose arguments are good. Those after `@` are pointers.
const GOOD: &str = "
    args_get @512 @600
    args_sizes_get @512 @516
    clock_res_get 0 @512
    clock_time_get 0 0 @512
    environ_get @512 @600
    environ_sizes_get @512 @516
    fd_fdstat_get 3 @512
    fd_filestat_get 3 @512
    fd_pread 6 @0 1 0 @512
    fd_prestat_dir_name 3 @512 5
    fd_prestat_get 3 @512
    fd_pwrite 6 @0 1 0 @512
    fd_read 6 @0 1 @512
    fd_readdir 3 @512 64 0 @1024
    fd_seek 6 0 0 @512
    fd_tell 6 @512
    fd_write 6 @0 1 @512
    path_create_directory 3 @16 4
    path_filestat_get 3 0 @16 4 @512
    path_filestat_set_times 3 0 @16 4 0 0 0
    path_link 3 0 @16 4 3 @32 4
    path_open 3 0 @16 4 0 2 0 0 @512
    path_readlink 3 @32 4 @512 16 @1024
    path_remove_directory 3 @32 4
    path_rename 3 @16 4 3 @32 4
    path_symlink @16 4 3 @32 4
    path_unlink_file 3 @32 4
    poll_oneoff @64 @512 1 @1024
    random_get @512 16
    sock_accept 4 0 @512
    sock_recv 5 @0 1 0 @512 @516
    sock_send 5 @0 1 0 @512
";

fn arguments(ty: &FuncType, numbers: &[i64]) -> Vec<Value> {
    let value = |(ty, number): (&ValueType, &i64)| match ty {
        ValueType::I64 => Value::I64(*number),
        _ => Value::I32(
            i32::try_from(*number & 0xffff_ffff)
                .unwrap_or_else(|_| u32::try_from(*number & 0xffff_ffff).expect("32 bits").cast_signed()),
        ),
    };
    ty.params().iter().zip(numbers).map(value).collect()
}

#[test]
fn every_pointer_out_of_bounds_traps() {
    let functions = functions();
    let module = trampolines(&functions);
    let mut pointers = 0;
    for tier in [Tiers::Debug, Tiers::Run] {
        for line in GOOD.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let name = words.next().expect("a name");
            let words: Vec<_> = words.collect();
            let good: Vec<i64> =
                words.iter().map(|word| word.trim_start_matches('@').parse().expect("a number")).collect();
            for (index, _) in words.iter().enumerate().filter(|(_, word)| word.starts_with('@')) {
                // The end, the end but for too few bytes, and where an addition would wrap around.
                for bad in [65536, 65535, -8] {
                    let world = world(1);
                    let (mut guest, _) = Guest::new_in(tier, &module, &world.builder).expect("links");
                    if name == "path_readlink" {
                        let link = arguments(&functions["path_symlink"], &[16, 4, 3, 32, 4]);
                        assert_eq!(guest.call("path_symlink", &link), Ok(vec![Value::I32(0)]));
                    }
                    // Descriptor 6.
                    let open = arguments(&functions["path_open"], &[3, 0, 16, 4, 0, 0x42, 0, 0, 2048]);
                    assert_eq!(guest.call("path_open", &open), Ok(vec![Value::I32(0)]));
                    let mut numbers = good.clone();
                    numbers[index] = bad;
                    let outcome = guest.call(name, &arguments(&functions[name], &numbers));
                    assert_eq!(
                        outcome,
                        Err(Failure::Trap(TrapCode::MemoryOutOfBounds)),
                        "{name} {numbers:?} in {tier:?}"
                    );
                }
                pointers += 1;
            }
        }
    }
    assert_eq!(pointers, 2 * GOOD.matches('@').count());
}

/// A generator of numbers (xorshift), so that every run makes the same calls.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let count = u64::try_from(from.len()).expect("few");
        from[usize::try_from(self.next() % count).expect("few")]
    }
}

#[test]
fn calls_by_chance_return_or_trap() {
    const EDGES: [i64; 28] = [
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        16,
        32,
        64,
        100,
        256,
        512,
        1000,
        1024,
        4096,
        65528,
        65535,
        65536,
        1 << 20,
        0x7fff_ffff,
        0x8000_0000,
        -8,
        -2,
        -1,
        i64::MIN,
    ];
    let functions = functions();
    let module = trampolines(&functions);
    let mut chance = Chance(0x5eed);
    let mut returned = 0;
    for tier in [Tiers::Debug, Tiers::Run] {
        for (name, ty) in &functions {
            let world = world(0);
            let (mut guest, _) = Guest::new_in(tier, &module, &world.builder).expect("links");
            let before = guest.memory(0, 1 << 16);
            for _ in 0..100 {
                // What a call writes is no subscription for the next: that would sleep for years.
                guest.set_memory(&before);
                let numbers: Vec<i64> = ty
                    .params()
                    .iter()
                    .map(|_| match chance.next() % 8 {
                        0 => chance.next().cast_signed(),
                        1 => chance.next().cast_signed() & 0xffff,
                        _ => chance.pick(&EDGES),
                    })
                    .collect();
                match guest.call(name, &arguments(ty, &numbers)) {
                    Ok(results) => {
                        assert!(
                            matches!(results[..], [Value::I32(0..=76)]),
                            "{name} {numbers:x?}: {results:?}"
                        );
                        returned += 1;
                    }
                    Err(Failure::Trap(TrapCode::MemoryOutOfBounds)) => (),
                    Err(Failure::Exit(_)) if name == "proc_exit" => (),
                    Err(Failure::Host(words)) if name == "proc_raise" && !words.contains("panic") => (),
                    Err(failure) => panic!("{name} {numbers:x?} in {tier:?}: {failure}"),
                }
            }
        }
    }
    assert!(returned > 4000, "{returned} of 9200 calls returned");
}
