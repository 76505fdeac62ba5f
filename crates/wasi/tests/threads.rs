//! wasi-threads on OS threads, without a debugger: what threads share and what each has of its own.

use runtime::{Engine, EngineConfig, Failure, Instance, Linker, Module, Store, TrapCode};
use std::io::{Read as _, Write as _, pipe};
use std::os::fd::OwnedFd;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use wasi::{Error, ThreadBody, WasiBuilder, add_threads};

/// How long a test waits for what must happen. It is never waited for if all is well.
const LONG: Duration = Duration::from_secs(60);

type Started = Arc<Mutex<Vec<JoinHandle<Result<(), Failure>>>>>;

/// A program in the text format, ready to be run.
struct Program {
    store: Box<Store>,
    instance: Instance,
    started: Started,
}

impl Program {
    /// At most `threads` threads can be started.
    fn new(wat: &str, builder: &WasiBuilder, threads: usize) -> Result<Self, Error> {
        let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
        let module = Module::new(&engine, wat.as_bytes(), "threads.wat").expect("valid");
        let mut linker = Linker::new();
        builder.build().expect("all is there").add_to_linker(&mut linker);
        let started = Started::default();
        let (own, of_threads) = (engine.clone(), Arc::clone(&started));
        let spawn = move |body: ThreadBody| {
            let mut started = of_threads.lock().expect("no panic");
            if started.len() == threads {
                return Err("too many".to_owned());
            }
            let number = 10 + u32::try_from(started.len()).expect("few");
            let engine = own.clone();
            started.push(std::thread::spawn(move || {
                let mut store = Store::new(&engine).expect("memory for code");
                body(&mut store, number)
            }));
            Ok(number)
        };
        add_threads(&mut linker, &engine, &module, spawn)?;
        let mut store = Store::new(&engine).expect("memory for code");
        let instance = Instance::new(&mut store, &module, &linker).expect("links");
        Ok(Self { store, instance, started })
    }

    /// Runs it, and returns what became of each thread.
    fn run(&mut self) -> Vec<Result<(), Failure>> {
        let start = self.instance.get_func(&self.store, "_start").expect("exported");
        start.call(&mut self.store, &[]).expect("returns");
        let started = std::mem::take(&mut *self.started.lock().expect("no panic"));
        started.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    }

    fn word(&self, at: u64) -> i32 {
        let mut bytes = [0; 4];
        assert_eq!(self.store.read_memory(self.instance, 0, at, &mut bytes), Some(4));
        i32::from_le_bytes(bytes)
    }
}

/// Four threads count to 1000 each at 0, all at once. At 4: how many are done; at 8: how many instances were started; at
/// 16: each thread's number, as it was told; at 32: as `thread-spawn` returned it; at 48: each thread's own global.
const COUNTING: &str = r#"(module
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "env" "memory" (memory 1 1 shared))
  (export "memory" (memory 0))
  (global $own (mut i32) (i32.const 0))
  (start $start)
  (func $start (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1))))
  (func (export "wasi_thread_start") (param $number i32) (param $arg i32) (local $i i32)
    (loop $again
      (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
      (global.set $own (i32.add (global.get $own) (i32.const 1)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))
    (i32.store offset=16 (i32.mul (local.get $arg) (i32.const 4)) (local.get $number))
    (i32.store offset=48 (i32.mul (local.get $arg) (i32.const 4)) (global.get $own))
    (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))
    (drop (memory.atomic.notify (i32.const 4) (i32.const 1))))
  (func (export "_start") (local $i i32) (local $done i32)
    (loop $again
      (i32.store offset=32 (i32.mul (local.get $i) (i32.const 4)) (call $spawn (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 4))))
    (loop $wait
      (local.set $done (i32.atomic.load (i32.const 4)))
      (drop (memory.atomic.wait32 (i32.const 4) (local.get $done) (i64.const 1000000)))
      (br_if $wait (i32.lt_u (i32.atomic.load (i32.const 4)) (i32.const 4))))))"#;

#[test]
fn threads_share_memory_and_have_globals_of_their_own() {
    let mut program = Program::new(COUNTING, &WasiBuilder::new(), 4).expect("links");
    assert_eq!(program.run(), vec![Ok(()); 4]);
    assert_eq!(program.word(0), 4000, "every addition counts");
    assert_eq!(program.word(8), 5, "the start function runs in every instance");
    for thread in 0..4 {
        let number = 10 + i32::try_from(thread).expect("small");
        assert_eq!(program.word(16 + 4 * thread), number, "what thread {thread} was told");
        assert_eq!(program.word(32 + 4 * thread), number, "what was returned for thread {thread}");
        assert_eq!(program.word(48 + 4 * thread), 1000, "the global of thread {thread}");
    }
}

#[test]
fn a_thread_that_cannot_be_started_is_a_negative_number() {
    let wat = COUNTING.replace(
        "(i32.lt_u (i32.atomic.load (i32.const 4)) (i32.const 4))",
        "(i32.lt_u (i32.atomic.load (i32.const 4)) (i32.const 2))",
    );
    let mut program = Program::new(&wat, &WasiBuilder::new(), 2).expect("links");
    assert_eq!(program.run(), vec![Ok(()); 2]);
    let returned: Vec<i32> = (0..4).map(|thread| program.word(32 + 4 * thread)).collect();
    assert_eq!(returned, [10, 11, -6, -6]);
}

#[test]
fn a_trap_in_a_thread_is_how_its_body_ends() {
    let wat = r#"(module
      (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
      (import "env" "memory" (memory 1 1 shared))
      (func (export "wasi_thread_start") (param i32 i32) unreachable)
      (func (export "_start") (drop (call $spawn (i32.const 0)))))"#;
    let mut program = Program::new(wat, &WasiBuilder::new(), 1).expect("links");
    assert_eq!(program.run(), [Err(Failure::Trap(TrapCode::Unreachable))]);
}

#[test]
fn a_program_whose_threads_would_have_nothing_to_run_is_refused() {
    for export in ["", r#"(func (export "wasi_thread_start") (param i32))"#] {
        let wat = format!(
            r#"(module (import "wasi" "thread-spawn" (func (param i32) (result i32))) {export}
              (func (export "_start")))"#
        );
        let refused = Program::new(&wat, &WasiBuilder::new(), 1).map(drop);
        assert!(matches!(refused, Err(Error::NoThreadEntry)), "{refused:?}");
    }
}

/// The main thread waits for input, while another one writes.
const TALKING: &str = r#"(module
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "env" "memory" (memory 1 1 shared))
  (export "memory" (memory 0))
  (data (i32.const 0) "\40\00\00\00\05\00\00\00")
  (data (i32.const 8) "\60\00\00\00\05\00\00\00")
  (data (i32.const 64) "hello")
  (func (export "wasi_thread_start") (param i32 i32)
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32))))
  (func (export "_start")
    (drop (call $spawn (i32.const 0)))
    (drop (call $read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 36)))))"#;

#[test]
fn a_thread_that_waits_for_input_keeps_none_from_writing() {
    let (stdin, mut answer) = pipe().expect("a pipe");
    let (mut output, stdout) = pipe().expect("a pipe");
    let mut builder = WasiBuilder::new();
    builder.stdin(OwnedFd::from(stdin)).stdout(OwnedFd::from(stdout));
    let mut program = Program::new(TALKING, &builder, 1).expect("links");
    let asking = std::thread::spawn(move || {
        let mut words = [0; 5];
        output.read_exact(&mut words).expect("it writes");
        answer.write_all(b"world").expect("it reads");
        words
    });
    assert_eq!(program.run(), [Ok(())]);
    assert_eq!(&asking.join().expect("no panic"), b"hello");
    assert_eq!((program.word(32), program.word(36)), (5, 5), "bytes written and read");
    assert_eq!(program.word(96).to_le_bytes(), *b"worl");
}

/// Two threads read a byte at a time from a pipe, into which the main one writes 200 bytes, each when the one before was
/// read. At 4: how many were read, and two more for the ends; byte 113 ends a thread. Each thread's vector is at 64 or 72,
/// its bytes at 80 or 84, its count at 88 or 92.
const COMPETING: &str = r#"(module
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "env" "memory" (memory 1 1 shared))
  (export "memory" (memory 0))
  (data (i32.const 16) "\20\00\00\00\01\00\00\00")
  (data (i32.const 64) "\50\00\00\00\01\00\00\00\54\00\00\00\01\00\00\00")
  (func (export "wasi_thread_start") (param i32) (param $which i32)
    (loop $again
      (drop (call $read (i32.const 0) (i32.add (i32.const 64) (i32.mul (local.get $which) (i32.const 8)))
        (i32.const 1) (i32.add (i32.const 88) (i32.mul (local.get $which) (i32.const 4)))))
      (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))
      (drop (memory.atomic.notify (i32.const 4) (i32.const 1)))
      (br_if $again
        (i32.ne (i32.load8_u offset=80 (i32.mul (local.get $which) (i32.const 4))) (i32.const 113)))))
  (func (export "_start") (local $i i32) (local $seen i32)
    (drop (call $spawn (i32.const 0)))
    (drop (call $spawn (i32.const 1)))
    (loop $again
      (i32.store8 (i32.const 32) (select (i32.const 113) (i32.const 97) (i32.ge_u (local.get $i) (i32.const 200))))
      (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 36)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (loop $wait
        (local.set $seen (i32.atomic.load (i32.const 4)))
        (if (i32.lt_u (local.get $seen) (local.get $i)) (then
          (drop (memory.atomic.wait32 (i32.const 4) (local.get $seen) (i64.const -1)))
          (br $wait))))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 202))))))"#;

#[test]
fn threads_that_compete_for_a_pipe_stop_nobody() {
    let (stdin, stdout) = pipe().expect("a pipe");
    let mut builder = WasiBuilder::new();
    builder.stdin(OwnedFd::from(stdin)).stdout(OwnedFd::from(stdout));
    let (done, end) = channel();
    std::thread::spawn(move || {
        let mut program = Program::new(COMPETING, &builder, 2).expect("links");
        let outcomes = program.run();
        // Nobody listens if the test has failed already.
        let _ = done.send((outcomes, program.word(4)));
    });
    let ended = end.recv_timeout(LONG).expect("no thread that waits keeps the others from writing");
    assert_eq!(ended, (vec![Ok(()); 2], 202));
}
