//! A debugger wants a guest that waits: it is stopped in the call, and goes on as if nothing had happened, or ends.

mod common;

use common::Guest;
use runtime::{Failure, Resumption, Value};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{TryRecvError, channel};
use std::time::{Duration, Instant};
use wasi::WasiBuilder;

/// How long a test waits for what must happen. It is never waited for if all is well.
const LONG: Duration = Duration::from_secs(60);

/// Reads at most 16 bytes from standard input to address 32. The error number goes to 0, the count to 4.
const READ: &str = r#"(call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 4))"#;

/// Writes 200000 bytes to standard output: more than a pipe holds.
const WRITE: &str = r#"(call $write (i32.const 1) (i32.const 24) (i32.const 1) (i32.const 4))"#;

/// A module that says that it is ready, and makes a call.
fn calling(call: &str, subscription: &str) -> Vec<u8> {
    format!(
        r#"(module
            (import "test" "ready" (func $ready))
            (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "sock_recv"
              (func $receive (param i32 i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 4)
            (data (i32.const 16) "\20\00\00\00\10\00\00\00")
            (data (i32.const 24) "\20\00\00\00\40\0d\03\00")
            (func (export "_start")
              {subscription}
              (call $ready)
              (i32.store (i32.const 0) {call})))"#
    )
    .into_bytes()
}

/// A sleep of so many nanoseconds on the monotonic clock, as the first subscription.
fn sleeping(nanoseconds: u64) -> Vec<u8> {
    let subscription = format!(
        "(i32.store (i32.const 80) (i32.const 1)) (i64.store (i32.const 88) (i64.const {nanoseconds}))"
    );
    calling("(call $poll (i32.const 64) (i32.const 160) (i32.const 1) (i32.const 4))", &subscription)
}

/// Runs a module whose call waits, and interrupts it until it was stopped in the call `stops` times. What the last
/// stop says happens; `then` runs after the first stop, while the guest is stopped.
fn interrupted(
    module: &[u8],
    stops: usize,
    last: Resumption,
    builder: &WasiBuilder,
    then: impl Fn() + Send + Sync + 'static,
) -> (Result<Vec<Value>, Failure>, Guest, usize) {
    let (mut guest, ready) = Guest::new(module, builder).expect("links");
    let handle = guest.interrupt_handle();
    let (stopped, stop) = channel();
    let seen = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&seen);
    guest.on_stop_in_host(move || {
        let before = count.fetch_add(1, Ordering::SeqCst);
        if before == 0 {
            then();
        }
        // The other side may have seen enough.
        let _ = stopped.send(());
        if before + 1 == stops { last } else { Resumption::Continue }
    });
    let (ended, end) = channel::<()>();
    let interrupter = std::thread::spawn(move || {
        ready.recv_timeout(LONG).expect("the guest gets there");
        for _ in 0..stops {
            // An interrupt just before the call is answered before it, so that one may not be enough.
            handle.interrupt();
            while stop.recv_timeout(Duration::from_millis(50)).is_err() {
                if end.try_recv() == Err(TryRecvError::Disconnected) {
                    return;
                }
                handle.interrupt();
            }
        }
    });
    let outcome = guest.start();
    drop(ended);
    interrupter.join().expect("no panic");
    (outcome, guest, seen.load(Ordering::SeqCst))
}

fn word(guest: &Guest, at: u64) -> u32 {
    guest.memory(at, 4).iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

#[test]
fn a_sleep_that_was_stopped_ends_when_it_would_have() {
    let began = Instant::now();
    let module = sleeping(1_000_000_000);
    let (outcome, guest, stops) = interrupted(&module, 3, Resumption::Continue, &WasiBuilder::new(), || ());
    assert_eq!(outcome, Ok(Vec::new()));
    assert!(stops >= 3);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!([word(&guest, 0), word(&guest, 4)], [0, 1], "an error number, a count of events");
}

#[test]
fn a_guest_that_sleeps_for_ever_can_be_killed() {
    let module = sleeping(u64::MAX);
    let (outcome, ..) = interrupted(&module, 1, Resumption::Kill, &WasiBuilder::new(), || ());
    assert_eq!(outcome, Err(Failure::Killed));
}

#[test]
fn a_guest_that_waits_for_input_can_be_killed() {
    let (stdin, _to_guest) = pipe().expect("a pipe");
    let mut builder = WasiBuilder::new();
    builder.stdin(stdin);
    let (outcome, ..) = interrupted(&calling(READ, ""), 1, Resumption::Kill, &builder, || ());
    assert_eq!(outcome, Err(Failure::Killed));
}

#[test]
fn a_read_that_was_stopped_gets_what_comes_later() {
    let (stdin, to_guest) = pipe().expect("a pipe");
    let mut builder = WasiBuilder::new();
    builder.stdin(stdin);
    let (outcome, guest, _) =
        interrupted(&calling(READ, ""), 1, Resumption::Continue, &builder, move || send(&to_guest));
    assert_eq!(outcome, Ok(Vec::new()));
    assert_eq!([word(&guest, 0), word(&guest, 4)], [0, 5]);
    assert_eq!(guest.memory(32, 5), b"hello");
}

fn send(mut pipe: &PipeWriter) {
    pipe.write_all(b"hello").expect("a pipe has room");
}

#[test]
fn a_poll_of_input_and_a_clock_that_was_stopped_sees_the_input() {
    let (stdin, to_guest) = pipe().expect("a pipe");
    let mut builder = WasiBuilder::new();
    builder.stdin(stdin);
    // A minute on the clock, userdata 0; standard input, userdata 9.
    let subscriptions =
        "(i32.store (i32.const 80) (i32.const 1)) (i64.store (i32.const 88) (i64.const 60000000000))
        (i64.store (i32.const 112) (i64.const 9)) (i32.store8 (i32.const 120) (i32.const 1))";
    let poll = "(call $poll (i32.const 64) (i32.const 160) (i32.const 2) (i32.const 4))";
    let module = calling(poll, subscriptions);
    let (outcome, guest, _) =
        interrupted(&module, 1, Resumption::Continue, &builder, move || send(&to_guest));
    assert_eq!(outcome, Ok(Vec::new()));
    assert_eq!([word(&guest, 0), word(&guest, 4)], [0, 1]);
    assert_eq!(guest.memory(160, 11), [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "userdata, error number, kind");
    assert_eq!(word(&guest, 176), 5, "bytes that are there");
}

#[test]
fn a_write_to_a_full_pipe_that_was_stopped_is_whole() {
    let (mut from_guest, stdout): (PipeReader, PipeWriter) = pipe().expect("a pipe");
    let mut builder = WasiBuilder::new();
    builder.stdout(stdout);
    let (go, wait) = channel();
    let reader = std::thread::spawn(move || {
        wait.recv_timeout(LONG).expect("the guest stops when the pipe is full");
        let mut bytes = vec![0; 200_000];
        from_guest.read_exact(&mut bytes).expect("all bytes");
        bytes
    });
    let (outcome, guest, _) =
        interrupted(&calling(WRITE, ""), 1, Resumption::Continue, &builder, move || {
            go.send(()).expect("the reader waits");
        });
    assert_eq!(outcome, Ok(Vec::new()));
    assert_eq!([word(&guest, 0), word(&guest, 4)], [0, 200_000]);
    assert_eq!(reader.join().expect("no panic").len(), 200_000);
}

#[test]
fn a_guest_that_waits_for_room_can_be_killed() {
    let (_from_guest, stdout) = pipe().expect("a pipe");
    let mut builder = WasiBuilder::new();
    builder.stdout(stdout);
    let (outcome, ..) = interrupted(&calling(WRITE, ""), 1, Resumption::Kill, &builder, || ());
    assert_eq!(outcome, Err(Failure::Killed));
}

#[test]
fn a_guest_that_waits_for_the_clock_of_the_day_can_be_killed() {
    // A subscription with flag 1 (absolute), at the end of all time.
    let subscription =
        "(i64.store (i32.const 88) (i64.const -1)) (i32.store16 (i32.const 104) (i32.const 1))";
    let poll = "(call $poll (i32.const 64) (i32.const 160) (i32.const 1) (i32.const 4))";
    let module = calling(poll, subscription);
    let (outcome, ..) = interrupted(&module, 2, Resumption::Kill, &WasiBuilder::new(), || ());
    assert_eq!(outcome, Err(Failure::Killed));
}

#[test]
fn an_accept_that_was_stopped_gets_who_comes_later() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("socket");
    let mut builder = WasiBuilder::new();
    builder.socket(UnixListener::bind(&path).expect("a socket"));
    let accept = calling("(call $accept (i32.const 3) (i32.const 0) (i32.const 4))", "");
    let (visitor, visitors) = channel();
    let (outcome, guest, _) = interrupted(&accept, 1, Resumption::Continue, &builder, move || {
        visitor.send(UnixStream::connect(&path).expect("somebody listens")).expect("kept");
    });
    assert_eq!(outcome, Ok(Vec::new()));
    assert_eq!([word(&guest, 0), word(&guest, 4)], [0, 4], "an error number, a descriptor");
    drop(visitors);
}

#[test]
fn a_guest_that_wants_all_bytes_of_a_socket_can_be_stopped_between_them_and_killed() {
    // At most 16 bytes to address 32, and all of them; the count goes to 4, the flags to 8.
    let receive = "(call $receive (i32.const 3) (i32.const 16) (i32.const 1) (i32.const 2) (i32.const 4) (i32.const 8))";
    for last in [Resumption::Continue, Resumption::Kill] {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        (&ours).write_all(b"these are ").expect("room");
        let mut builder = WasiBuilder::new();
        builder.socket(theirs);
        let (outcome, guest, _) = interrupted(&calling(receive, ""), 1, last, &builder, move || {
            (&ours).write_all(if last == Resumption::Kill { b"" } else { b"sixteen" }).expect("room");
        });
        if last == Resumption::Kill {
            assert_eq!(outcome, Err(Failure::Killed));
        } else {
            assert_eq!(outcome, Ok(Vec::new()));
            assert_eq!([word(&guest, 0), word(&guest, 4)], [0, 16]);
            assert_eq!(guest.memory(32, 17), b"these are sixtee\0");
        }
    }
}
