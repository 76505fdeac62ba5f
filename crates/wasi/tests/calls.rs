//! C programs that together call every function of preview 1, in both tiers. Each checks what it gets, and says where
//! that was not so; here is what the host sees of it.

mod common;

use common::{Guest, program, run};
use expect_test::expect;
use runtime::{Engine, EngineConfig, Failure, Module, Tiers};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Seek, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, UNIX_EPOCH};
use wasi::WasiBuilder;

const PROGRAMS: [&str; 6] = ["process.c", "descriptors.c", "listing.c", "paths.c", "polls.c", "sockets.c"];

/// Runs a program in each tier, in a world that is made anew for each, and compares all that it writes.
fn succeeds<World>(name: &str, world: impl Fn(&mut WasiBuilder) -> World, wanted: &expect_test::Expect) {
    let module = program(name);
    for tier in [Tiers::Debug, Tiers::Run] {
        let mut builder = WasiBuilder::new();
        let mut output = tempfile::tempfile().expect("a temporary file");
        builder.stdout(output.try_clone().expect("a second descriptor"));
        builder.stderr(output.try_clone().expect("a second descriptor"));
        let kept = world(&mut builder);
        let (mut guest, _) = Guest::new_in(tier, &module, &builder).expect("links");
        let outcome = guest.start();
        drop((guest, builder, kept));
        let mut text = String::new();
        output.rewind().expect("a file on disk");
        output.read_to_string(&mut text).expect("text");
        assert_eq!(outcome, Ok(Vec::new()), "{tier:?}: {text}");
        wanted.assert_eq(&text);
    }
}

/// Standard input with a word in it.
fn input() -> OwnedFd {
    let (reader, mut writer) = pipe().expect("a pipe");
    writer.write_all(b"input").expect("a pipe has room");
    reader.into()
}

#[test]
fn the_programs_import_every_function_of_preview_1() {
    let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
    let mut names = BTreeSet::new();
    for name in PROGRAMS {
        let module = Module::new(&engine, &program(name), name).expect("valid");
        for import in module.imports() {
            assert_eq!(import.module, "wasi_snapshot_preview1");
            names.insert(import.name.clone());
        }
    }
    let names: Vec<String> = names.into_iter().collect();
    assert_eq!(names.len(), 46);
    expect![[r#"
        args_get args_sizes_get clock_res_get clock_time_get environ_get environ_sizes_get
        fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags
        fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread fd_prestat_dir_name
        fd_prestat_get fd_pwrite fd_read fd_readdir fd_renumber fd_seek
        fd_sync fd_tell fd_write path_create_directory path_filestat_get path_filestat_set_times
        path_link path_open path_readlink path_remove_directory path_rename path_symlink
        path_unlink_file poll_oneoff proc_exit proc_raise random_get sched_yield
        sock_accept sock_recv sock_send sock_shutdown
    "#]]
    .assert_eq(&names.chunks(6).map(|line| line.join(" ") + "\n").collect::<String>());
}

#[test]
fn arguments_environment_clocks_and_random_bytes() {
    let world = |builder: &mut WasiBuilder| {
        builder.args(["process.wasm", "", "two words", "ünï"]).env("A", "").env("B", "c=d");
    };
    let wanted = expect![[r#"
        arg [process.wasm]
        arg []
        arg [two words]
        arg [ünï]
        env [A=]
        env [B=c=d]
        all right
    "#]];
    succeeds("process.c", world, &wanted);
    succeeds(
        "process.c",
        |_| (),
        &expect![[r#"
        all right
    "#]],
    );
}

#[test]
fn many_and_long_arguments_and_variables() {
    let long = "x".repeat(100_000);
    let world = |builder: &mut WasiBuilder| {
        builder.args((0..1000).map(|number| format!("argument {number}")));
        builder.env("LONG", &long);
        for number in 0..1000 {
            builder.env(format!("V{number}"), number.to_string());
        }
    };
    let mut wanted: String = (0..1000).map(|number| format!("arg [argument {number}]\n")).collect();
    wanted += &format!("env [LONG={long}]\n");
    wanted.extend((0..1000).map(|number| format!("env [V{number}={number}]\n")));
    wanted += "all right\n";
    let module = program("process.c");
    let mut builder = WasiBuilder::new();
    world(&mut builder);
    let mut output = tempfile::tempfile().expect("a temporary file");
    builder.stdout(output.try_clone().expect("a second descriptor"));
    assert_eq!(run(&module, &builder), Ok(Vec::new()));
    let mut text = String::new();
    output.rewind().expect("a file on disk");
    output.read_to_string(&mut text).expect("text");
    assert!(text == wanted, "{} bytes of {}", text.len(), wanted.len());
}

#[test]
fn exit_codes_and_signals() {
    let module = program("process.c");
    for tier in [Tiers::Debug, Tiers::Run] {
        let outcome = |words: &[&str]| {
            let mut builder = WasiBuilder::new();
            builder.args([&["process"], words].concat());
            Guest::new_in(tier, &module, &builder).expect("links").0.start()
        };
        for (code, wanted) in [("0", 0), ("1", 1), ("125", 125), ("126", 126), ("255", 255), ("256", 256)] {
            assert_eq!(outcome(&["exit", code]), Err(Failure::Exit(wanted)));
        }
        assert_eq!(outcome(&["exit", "0xffffffff"]), Err(Failure::Exit(-1)));
        for signal in ["0", "6", "11", "30"] {
            let Err(Failure::Host(words)) = outcome(&["raise", signal]) else { panic!("signal {signal}") };
            assert!(words.contains("proc_raise"), "{words}");
        }
        // There is no such signal.
        assert_eq!(outcome(&["raise", "77"]), Err(Failure::Exit(28)));
    }
}

#[test]
fn files_and_what_may_be_done_with_descriptors() {
    let world = |builder: &mut WasiBuilder| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let ancient = File::create(folder.path().join("ancient")).expect("a file");
        let before = UNIX_EPOCH.checked_sub(Duration::from_secs(1000)).expect("a time");
        ancient.set_modified(before).expect("a time that the host can keep");
        builder.dir(folder.path(), "/work").stdin(input());
        folder
    };
    succeeds(
        "descriptors.c",
        world,
        &expect![[r#"
        all right
    "#]],
    );
}

#[test]
fn directories_are_listed() {
    let world = |builder: &mut WasiBuilder| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let odd = folder.path().join("odd");
        fs::create_dir(&odd).expect("a directory");
        for name in [&b"plain"[..], b"\xff\xfe"] {
            File::create(odd.join(std::ffi::OsStr::from_bytes(name))).expect("a file");
        }
        builder.dir(folder.path(), "/work");
        folder
    };
    succeeds(
        "listing.c",
        world,
        &expect![[r#"
        all right
    "#]],
    );
}

#[test]
fn paths_and_what_lies_outside() {
    let world = |builder: &mut WasiBuilder| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let work = folder.path().join("work");
        fs::create_dir(&work).expect("a directory");
        fs::write(folder.path().join("secret"), "nobody may know").expect("a file");
        symlink("../secret", work.join("out")).expect("a link");
        symlink("..", work.join("out-dir")).expect("a link");
        symlink(folder.path().join("secret"), work.join("absolute")).expect("a link");
        builder.dir(work, "/work");
        Untouched(folder)
    };
    succeeds(
        "paths.c",
        world,
        &expect![[r#"
        all right
    "#]],
    );
}

/// A directory in which a program may change `work` only.
struct Untouched(tempfile::TempDir);

impl Drop for Untouched {
    fn drop(&mut self) {
        let entries = fs::read_dir(self.0.path()).expect("is there");
        let names: BTreeSet<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(names, ["secret", "work"].map(Into::into).into());
        let secret = self.0.path().join("secret");
        assert_eq!(fs::read_to_string(&secret).expect("a file"), "nobody may know");
        let modified = fs::metadata(&secret).and_then(|secret| secret.modified()).expect("a time");
        assert!(modified > UNIX_EPOCH + Duration::from_secs(1_000_000), "{modified:?}");
    }
}

#[test]
fn polling_clocks_and_descriptors() {
    let world = |builder: &mut WasiBuilder| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (unread, full) = UnixStream::pair().expect("sockets");
        full.set_nonblocking(true).expect("a socket");
        while (&full).write(&[0; 4096]).is_ok() {}
        builder.dir(folder.path(), "/work").stdin(input()).stderr(full);
        (folder, unread)
    };
    succeeds(
        "polls.c",
        world,
        &expect![[r#"
        all right
    "#]],
    );
}

#[test]
fn sockets_that_listen_and_are_connected() {
    let world = |builder: &mut WasiBuilder| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("socket");
        builder.socket(UnixListener::bind(&path).expect("a socket")).stdin(input());
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        builder.socket(theirs);
        let echo = std::thread::spawn(move || echo(&ours));
        let visitors = std::thread::spawn(move || {
            for _ in 0..4 {
                let mut welcome = String::new();
                let mut visitor = UnixStream::connect(&path).expect("somebody listens");
                visitor.read_to_string(&mut welcome).expect("text");
                assert_eq!(welcome, "welcome");
            }
        });
        Joined(vec![echo, visitors], folder)
    };
    succeeds(
        "sockets.c",
        world,
        &expect![[r#"
        all right
    "#]],
    );
}

/// The other side of a connection.
fn echo(mut socket: &UnixStream) {
    socket.write_all(b"hello world").expect("room");
    for byte in b"abcdef" {
        socket.write_all(&[*byte]).expect("room");
        std::thread::yield_now();
    }
    std::io::copy(&mut &*socket, &mut socket).expect("ends well");
    socket.shutdown(std::net::Shutdown::Write).expect("a socket");
}

/// Threads that must end well.
struct Joined(Vec<std::thread::JoinHandle<()>>, #[expect(dead_code, reason = "kept")] tempfile::TempDir);

impl Drop for Joined {
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            thread.join().expect("no panic");
        }
    }
}

#[test]
fn a_program_of_checks_says_where_one_failed() {
    let mut builder = WasiBuilder::new();
    let (mut reader, writer) = pipe().expect("a pipe");
    builder.stdout(writer);
    // There is no `/work`.
    assert_eq!(run(&program("descriptors.c"), &builder), Err(Failure::Exit(1)));
    drop(builder);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("text");
    assert!(text.starts_with("check.h:") && text.contains("not so: !\"preopened\""), "{text}");
}
