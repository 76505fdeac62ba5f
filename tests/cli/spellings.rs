//! Where to listen, in every spelling that some client's user would try.

use std::process::Command;

use anyhow::Result;
use tests::fixture::{Build, Fixture};
use tests::rsp::Client;
use tests::server::Server;
use tests::toolchain;

use crate::{ARITHMETIC, file, stderr, stdout, text, wasm_gdbserver};

/// A server that was started with these arguments, where MODULE stands for a program.
fn start(args: &[&str]) -> Result<Server> {
    let program = Fixture::build("steps", Build::wasm(0, 4))?.program;
    let mut command = Command::new(toolchain::server_binary()?);
    command.args(args.iter().map(|arg| if *arg == "MODULE" { text(&program) } else { arg }));
    Server::launch(&mut command, "Listening on 127.0.0.1:")
}

fn assert_serves(server: Server, printed: &str) -> Result<()> {
    let mut client = Client::connect(server.port)?;
    client.greet()?;
    assert_eq!(client.ask("vCont;c")?, "W00");
    let ended = server.finish()?;
    assert!(ended.stdout.starts_with(printed), "{}", ended.stdout);
    assert_eq!(ended.status.code(), Some(0));
    Ok(())
}

#[test]
fn every_spelling_of_the_address_listens() -> Result<()> {
    for args in [
        &[":0", "MODULE", "4"][..],
        &["127.0.0.1:0", "MODULE", "4"],
        &["localhost:0", "MODULE", "4"],
        &["--listen", ":0", "MODULE", "4"],
        &["--listen=127.0.0.1:0", "MODULE", "4"],
        &["--port=0", "MODULE", "4"],
        &["-g", ":0", "MODULE", "4"],
        &["--once", "-q", ":0", "MODULE", "4"],
    ] {
        assert_serves(start(args)?, "fib = 3\n")?;
    }
    Ok(())
}

/// What follows the module is the guest's, even if it looks like an option of ours.
#[test]
fn options_after_the_module_belong_to_the_guest() -> Result<()> {
    assert_serves(start(&[":0", "MODULE", "5", "--once", "--version", "-v"])?, "fib = 5\n")
}

#[test]
fn an_address_that_others_reach_is_warned_of() -> Result<()> {
    let program = Fixture::build("steps", Build::wasm(0, 4))?.program;
    let mut command = Command::new(toolchain::server_binary()?);
    command.args(["--once", "0.0.0.0:0", text(&program), "4"]);
    let server = Server::launch(&mut command, "Listening on 0.0.0.0:")?;
    let mut client = Client::connect(server.port)?;
    client.greet()?;
    assert_eq!(client.ask("vCont;c")?, "W00");
    let ended = server.finish()?;
    assert!(ended.stderr.contains("authentication"), "{}", ended.stderr);
    Ok(())
}

#[test]
fn a_text_module_is_served() -> Result<()> {
    let path = file("served.wat", ARITHMETIC.as_bytes())?;
    let server = Server::wasm(&path, &["--once", "--invoke", "add"], &["2", "40"])?;
    let mut client = Client::connect(server.port)?;
    client.greet()?;
    assert_eq!(client.ask("vCont;c")?, "W00");
    assert_eq!(server.finish()?.stdout.trim(), "42");
    Ok(())
}

#[test]
fn help_and_version_are_there() -> Result<()> {
    let help = wasm_gdbserver(&["--help"])?;
    assert_eq!(help.status.code(), Some(0));
    for part in
        ["run", "symbols", "demo", "--listen", "--dir", "--env", "--invoke", "--multi", "--once", "--no-wait"]
    {
        assert!(stdout(&help).contains(part), "no {part} in:\n{}", stdout(&help));
    }
    let version = wasm_gdbserver(&["--version"])?;
    assert!(stdout(&version).starts_with("wasm-gdbserver "), "{}", stdout(&version));
    assert_eq!(stderr(&version), "");
    Ok(())
}
