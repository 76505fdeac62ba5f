//! Single functions, called from WAT: what a libc would not do.

mod common;

use common::{Guest, run};
use runtime::{Failure, TrapCode};
use std::io::{Read, pipe};
use wasi::WasiBuilder;

/// A module with a memory that calls one function of preview 1, and stores its error number at address 0.
fn calling(name: &str, params: &str, args: &str) -> Vec<u8> {
    format!(
        r#"(module (import "wasi_snapshot_preview1" "{name}" (func $f (param {params}) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start") (i32.store (i32.const 0) (call $f {args}))))"#
    )
    .into_bytes()
}

/// The error number that such a module gets.
fn errno(name: &str, params: &str, args: &str) -> Result<u8, Failure> {
    let module = calling(name, params, args);
    let (mut guest, _) = Guest::new(&module, &WasiBuilder::new()).expect("links");
    guest.start()?;
    let [errno, 0, 0, 0] = guest.memory(0, 4)[..] else { panic!("not an error number") };
    Ok(errno)
}

#[test]
fn bad_descriptors_are_errors() {
    const BADF: u8 = 8;
    let fd = "(i32.const 99)";
    assert_eq!(errno("fd_close", "i32", fd), Ok(BADF));
    let rest = "(i32.const 8) (i32.const 1) (i32.const 16)";
    assert_eq!(errno("fd_read", "i32 i32 i32 i32", &format!("{fd} {rest}")), Ok(BADF));
    assert_eq!(errno("fd_write", "i32 i32 i32 i32", &format!("{fd} {rest}")), Ok(BADF));
    let stdin = "(i32.const 0)";
    assert_eq!(errno("fd_write", "i32 i32 i32 i32", &format!("{stdin} {rest}")), Ok(BADF));
    assert_eq!(errno("sock_shutdown", "i32 i32", &format!("{fd} (i32.const 1)")), Ok(BADF));
}

#[test]
fn bad_flags_are_errors_and_bad_pointers_trap() {
    const INVAL: u8 = 28;
    let result = "(i32.const 8)";
    assert_eq!(errno("clock_res_get", "i32 i32", &format!("(i32.const 77) {result}")), Ok(INVAL));
    let outside = Err(Failure::Trap(TrapCode::MemoryOutOfBounds));
    assert_eq!(errno("clock_res_get", "i32 i32", "(i32.const 0) (i32.const 65530)"), outside);
    assert_eq!(errno("args_sizes_get", "i32 i32", "(i32.const -4) (i32.const 0)"), outside);
    let write = |vectors: &str| format!("(i32.const 1) {vectors} (i32.const 0)");
    assert_eq!(errno("fd_write", "i32 i32 i32 i32", &write("(i32.const 65536) (i32.const 1)")), outside);
    assert_eq!(errno("fd_write", "i32 i32 i32 i32", &write("(i32.const 8) (i32.const -1)")), outside);
}

#[test]
fn an_instance_without_memory_is_told_so() {
    let wat = r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $f (result i32)))
        (func (export "_start") (drop (call $f))))"#;
    let words = "sched_yield was called by an instance that has no memory";
    assert_eq!(run(wat.as_bytes(), &WasiBuilder::new()), Err(Failure::Host(words.into())));
}

#[test]
fn proc_exit_needs_no_memory_and_takes_any_code() {
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        for code in [0, 3, 126, 255, -1] {
            let wat = format!(
                r#"(module (import "{module}" "proc_exit" (func $f (param i32)))
                    (func (export "_start") (call $f (i32.const {code}))))"#
            );
            assert_eq!(run(wat.as_bytes(), &WasiBuilder::new()), Err(Failure::Exit(code)));
        }
    }
}

#[test]
fn raising_a_signal_ends_the_program_with_words() {
    let module = calling("proc_raise", "i32", "(i32.const 6)");
    let failure = run(&module, &WasiBuilder::new()).expect_err("not supported");
    assert_eq!(failure, Failure::Host("proc_raise: proc_raise unsupported".into()));
}

#[test]
fn programs_for_the_older_snapshot_run() {
    // Its clock subscription has another layout: the timeout is at 24 rather than at 16 bytes after the union's tag.
    let wat = r#"(module
        (import "wasi_unstable" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_unstable" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\08\00\00\00\06\00\00\00older\n")
        (data (i32.const 64) "\07\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00")
        (func (export "_start")
          (i64.store (i32.const 96) (i64.const 2000000))
          (if (call $poll (i32.const 64) (i32.const 200) (i32.const 1) (i32.const 300)) (then unreachable))
          (if (i32.ne (i32.load (i32.const 300)) (i32.const 1)) (then unreachable))
          (if (i64.ne (i64.load (i32.const 200)) (i64.const 7)) (then unreachable))
          (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 40)) (then unreachable))))"#;
    let (mut from_guest, stdout) = pipe().expect("a pipe");
    let mut builder = WasiBuilder::new();
    builder.stdout(stdout);
    assert_eq!(run(wat.as_bytes(), &builder), Ok(Vec::new()));
    drop(builder);
    let mut text = String::new();
    from_guest.read_to_string(&mut text).expect("text");
    assert_eq!(text, "older\n");
}

#[test]
fn vectors_that_overlap_cannot_use_up_the_hosts_memory() {
    // 8191 vectors of all 64 KiB: half a gigabyte. The reader sees what the guest is told that it wrote.
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (local $at i32)
          (loop $next
            (i32.store offset=4 (local.get $at) (i32.const 65536))
            (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 65528))))
          (if (call $write (i32.const 1) (i32.const 0) (i32.const 8191) (i32.const 65528)) (then unreachable))))"#;
    let (mut from_guest, stdout) = pipe().expect("a pipe");
    let reader = std::thread::spawn(move || std::io::copy(&mut from_guest, &mut std::io::sink()));
    let mut builder = WasiBuilder::new();
    builder.stdout(stdout);
    let (mut guest, _) = Guest::new(wat.as_bytes(), &builder).expect("links");
    assert_eq!(guest.start(), Ok(Vec::new()));
    let told = guest.memory(65528, 4).iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    drop((guest, builder));
    assert_eq!(told, 16 << 20);
    assert_eq!(reader.join().expect("no panic").expect("reads to the end"), told);
}
