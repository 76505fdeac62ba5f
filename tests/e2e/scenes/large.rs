//! A program with so many symbols that reading them byte by byte would take long: a gdb on this machine opens them itself.

use std::fs::File;
use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use tests::fixture::{Build, Fixture};
use tests::gdb::Gdb;
use tests::lldb::{Lldb, Way};
use tests::server::Server;

use super::{Scene, own_folder, stage};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "large_symbols_here", native: false, play: here },
    Scene { name: "large_symbols_elsewhere", native: false, play: elsewhere },
    Scene { name: "large_symbols_kept", native: false, play: kept },
    Scene { name: "large_is_replaced", native: false, play: replaced },
    Scene { name: "large_is_loading", native: false, play: loading },
];

fn here(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("large", build, &["--once"], &[])?;
    let said = gdb.connect().lacks("from remote target").text().to_owned();
    let file = said.lines().find_map(|line| line.strip_prefix("Reading symbols from ")?.strip_suffix("..."));
    let file = file.expect("gdb says where from");
    assert!(file.contains("/wasm-gdbserver-files-") && file.ends_with(".elf"), "{file}");
    assert!(Path::new(file).is_file());
    walk(&mut gdb);
    gdb.quit();
    server.finish()?;
    assert!(!Path::new(file).exists(), "{file} is still there");
    Ok(())
}

/// The second server has the symbols and the code of the first one, unless they are damaged.
fn kept(build: Build) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let options = ["--once", "-v", "--cache", folder.path().to_str().expect("no odd name")];
    let start = || -> Result<String> {
        let (server, mut gdb) = stage("large", build, &options, &[])?;
        let said = gdb.connect().lacks("from remote target").text().to_owned();
        walk(&mut gdb);
        gdb.quit();
        Ok(said + &server.finish()?.stderr)
    };
    let said = start()?;
    assert!(said.contains("/wasm-gdbserver-files-"), "{said}");
    assert!(said.contains(": 0 functions from the cache") && !said.contains(", 0 compiled"), "{said}");
    let files = || -> Result<Vec<PathBuf>> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder.path())?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
        files.sort();
        Ok(files)
    };
    let [code, symbols] = &files()?[..] else { panic!("{:?}", files()) };
    let [code_name, name] = [code, symbols].map(|file| file.to_str().expect("no odd name"));
    assert!(code_name.contains("large.wasm.code-") && name.contains("large.wasm.elf-"), "{:?}", files());
    let from_it = format!("Reading symbols from {name}...");
    let said = start()?;
    assert!(said.contains(&from_it) && said.contains("functions from the cache, 0 compiled"), "{said}");
    // Two at once.
    let (here, there) = thread::scope(|scope| {
        let there = scope.spawn(start);
        (start(), there.join().expect("the other session does not panic"))
    });
    assert!(here?.contains(&from_it) && there?.contains(&from_it));
    for file in [code, symbols] {
        let mut damaged = std::fs::read(file)?;
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        std::fs::write(file, damaged)?;
    }
    let said = start()?;
    assert!(said.contains("is damaged, and made anew") && said.contains("/wasm-gdbserver-files-"), "{said}");
    assert!(said.contains(": 0 functions from the cache") && !said.contains(", 0 compiled"), "{said}");
    let said = start()?;
    assert!(said.contains(&from_it) && said.contains("functions from the cache, 0 compiled"), "{said}");
    assert_eq!(files()?.len(), 2);
    Ok(())
}

/// A module whose file is emptied while it is debugged, as a build does.
fn replaced(build: Build) -> Result<()> {
    let mut fixture = Fixture::build("large", build)?;
    let folder = own_folder("replaced")?;
    std::fs::create_dir_all(&folder)?;
    let module = folder.join("large.wasm");
    std::fs::copy(&fixture.program, &module)?;
    fixture.program.clone_from(&module);
    let server = Server::start(&fixture, build, &["--once"], &[])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.connect();
    // A large file is the process's own soon after gdb has its symbols.
    for _ in 0..LONG_WAIT {
        if !server.has_mapped(&module)? {
            break;
        }
        gdb.hidden("info line call");
    }
    assert!(!server.has_mapped(&module)?);
    std::fs::write(&module, "")?;
    walk(&mut gdb);
    gdb.quit();
    server.finish()?;
    Ok(())
}

/// Commands to wait for at most.
const LONG_WAIT: u32 = 10_000;

/// A module with nothing in it.
const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

/// How long the program is loaded.
const LOADING: Duration = Duration::from_secs(4);

/// Debuggers who come before the program is loaded: it waits for a module in a pipe. gdb takes a server for gone that says nothing
/// for `remotetimeout` seconds, which is two by itself, and lldb for six.
fn loading(build: Build) -> Result<()> {
    let fixture = Fixture::build("large", build)?;
    let folder = own_folder("loading")?;
    std::fs::create_dir_all(&folder)?;
    let pipe = folder.join("pipe.wasm");
    let start = || -> Result<(Server, JoinHandle<std::io::Result<()>>)> {
        // What is left of a run before this one.
        let _gone = std::fs::remove_file(&pipe);
        assert!(Command::new("mkfifo").arg(&pipe).status()?.success());
        let path = pipe.clone();
        let writer = thread::spawn(move || {
            let mut pipe = File::options().write(true).open(&path)?;
            thread::park_timeout(LOADING);
            // lldb opens the file as well.
            std::fs::remove_file(&path)?;
            std::fs::write(path, EMPTY)?;
            pipe.write_all(EMPTY)
        });
        let preload = format!("late={}", pipe.display());
        Ok((Server::start(&fixture, build, &["--once", "--preload", &preload], &[])?, writer))
    };
    let (server, writer) = start()?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.connect().lacks("Ignoring packet error").lacks("Timed out");
    walk(&mut gdb);
    gdb.quit();
    server.finish()?;
    writer.join().expect("the writer does not panic")?;

    let (server, writer) = start()?;
    let mut lldb = Lldb::start(&fixture, build, Way::Plugin, Some(server.port), &[], &folder)?;
    lldb.connect();
    lldb.go("breakpoint set --name function_a00001").has("Breakpoint 1");
    lldb.go("continue").has("function_a00001");
    lldb.quit();
    server.finish()?;
    writer.join().expect("the writer does not panic")?;
    Ok(())
}

/// A gdb that seems to be on this machine, and is not: something in between forwards what both say.
fn elsewhere(build: Build) -> Result<()> {
    let fixture = Fixture::build("large", build)?;
    let server = Server::start(&fixture, build, &["--once"], &[])?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut gdb = Gdb::start(&fixture, build, listener.local_addr()?.port())?;
    let port = server.port;
    let forwarder = thread::spawn(move || -> std::io::Result<()> {
        let (client, _) = listener.accept()?;
        let server = TcpStream::connect(("127.0.0.1", port))?;
        let (from, to) = (client.try_clone()?, server.try_clone()?);
        let there = thread::spawn(move || forward(&from, &to));
        forward(&server, &client);
        // Either has ended, and with it the other.
        let _ended = there.join();
        Ok(())
    });
    gdb.connect().has("large.wasm.elf from remote target...").lacks("wasm-gdbserver-files-");
    walk(&mut gdb);
    gdb.quit();
    server.finish()?;
    forwarder.join().expect("the forwarder does not panic")?;
    Ok(())
}

fn walk(gdb: &mut Gdb) {
    gdb.go("break {call}");
    gdb.go("continue").at("call");
    gdb.go("step").has("function_a00001 (amount=0)");
    gdb.go("bt").has("#1 ").has("in main (argc=1");
    gdb.go("info symbol function_h33333").has("in section .text");
    gdb.go("info target").has("is .text\n").has("Entry point: 0xe0");
    gdb.go("print function_h33333").has("function_h33333>");
}

fn forward(mut from: &TcpStream, mut to: &TcpStream) {
    // That it broke off is all that there is to know.
    let _copied = std::io::copy(&mut from, &mut to);
    let _ended = to.shutdown(Shutdown::Write);
}
