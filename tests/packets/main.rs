//! The server and peers that are no debugger: what comes over the wire may be anything.
//!
//! After each attempt the server must be alive and the guest untouched: a new client debugs it to its end.

mod garbage;
mod memory;
mod stops;

use std::time::Instant;

use anyhow::Result;
use tests::fixture::{Build, Fixture};
use tests::process::PATIENCE;
use tests::rsp::Client;
use tests::server::Server;

/// Serves a fixture at -O0. The server outlives its clients.
fn serve(program: &str, args: &[&str]) -> Result<Server> {
    let build = Build::wasm(0, 4);
    Server::start(&Fixture::build(program, build)?, build, &[], args)
}

/// A client that has greeted the server. As long as the server has not noticed that the client before it is gone, it
/// turns others away, so this tries again.
fn greeted(server: &Server) -> Result<Client> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut client = Client::connect(server.port)?;
        match client.greet() {
            Ok(_) => return Ok(client),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => {}
        }
    }
}

/// The guest is where it was before its first operator, and runs from there to its end.
fn assert_untouched(server: Server) -> Result<()> {
    let mut client = greeted(&server)?;
    let stop = client.ask("?")?;
    assert!(stop.starts_with("T05"), "the guest should stand still: {stop}");
    assert_eq!(client.ask("vCont;c")?, "W00");
    let ended = server.finish()?;
    assert_eq!(ended.stdout, "fib = 55\nsum = 15\nproduct = 105\nwalk = 8\n");
    assert_eq!(ended.status.code(), Some(0));
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    Ok(())
}
