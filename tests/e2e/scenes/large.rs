//! A program with so many symbols that reading them byte by byte would take long: a gdb on this machine opens them itself.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;

use anyhow::Result;
use tests::fixture::{Build, Fixture};
use tests::gdb::Gdb;
use tests::server::Server;

use super::{Scene, stage};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "large_symbols_here", native: false, play: here },
    Scene { name: "large_symbols_elsewhere", native: false, play: elsewhere },
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

/// A gdb that seems to be on this machine, and is not: something in between forwards what both say.
fn elsewhere(build: Build) -> Result<()> {
    let fixture = Fixture::build("large", build)?;
    let server = Server::start(&fixture, build, &["--once"], &[])?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut gdb = Gdb::start(&fixture, build, listener.local_addr()?.port())?;
    let port = server.port;
    let forwarder = std::thread::spawn(move || -> std::io::Result<()> {
        let (client, _) = listener.accept()?;
        let server = TcpStream::connect(("127.0.0.1", port))?;
        let (from, to) = (client.try_clone()?, server.try_clone()?);
        let there = std::thread::spawn(move || forward(&from, &to));
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
