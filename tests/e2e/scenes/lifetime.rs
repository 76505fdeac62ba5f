//! Losing the client, `detach` and `kill` are three things.

use anyhow::Result;
use tests::fixture::Build;
use tests::rsp::Client;

use super::{Scene, another, spin, stage};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "detach_and_attach", native: false, play: detach_and_attach },
    Scene { name: "detach_at_a_breakpoint", native: false, play: detach_at_a_breakpoint },
    Scene { name: "gdb_killed_while_stopped", native: false, play: killed_while_stopped },
    Scene { name: "gdb_killed_while_running", native: false, play: killed_while_running },
    Scene { name: "gdb_killed_while_tracing", native: false, play: killed_while_tracing },
    Scene { name: "kill", native: true, play: kill },
    Scene { name: "quit", native: true, play: quit },
    Scene { name: "no_wait", native: false, play: no_wait },
    Scene { name: "second_client", native: false, play: second_client },
];

fn detach_and_attach(build: Build) -> Result<()> {
    let (mut server, mut gdb) = stage("spin", build, &[], &[])?;
    gdb.connect();
    spin(&mut server, &mut gdb)?;
    gdb.interrupt();
    gdb.complete().has("SIGINT").has("spin (from=6)");
    gdb.go("set var rounds = 1000000000");
    gdb.go("detach").has("Detaching from program").has("detached]");
    let mut second = another(&gdb, &server)?;
    gdb.quit();
    second.attach();
    second.go("bt").has("spin (from=6)").has("in main (argc=1").lacks("#2");
    // It ran on meanwhile.
    second.go("print rounds > 1000000000").is("1");
    second.go("set var stop = 1");
    second.go("detach").has("detached]");
    second.quit();
    let ended = server.finish()?;
    assert_eq!(ended.stdout, "stopped 7\n");
    assert_eq!(ended.status.code(), Some(0));
    Ok(())
}

/// A breakpoint of a gdb that left does not stop the program.
fn detach_at_a_breakpoint(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("steps", build, &["--once"], &["7"])?;
    gdb.connect();
    gdb.go("break fib");
    gdb.go("continue").has("fib (n=7)");
    gdb.go("detach").has("detached]");
    gdb.quit();
    let ended = server.finish()?;
    assert_eq!(ended.stdout, "fib = 13\nsum = 15\nproduct = 105\nwalk = 8\n");
    assert_eq!(ended.status.code(), Some(0));
    Ok(())
}

/// Tracing ends with its client, and the next one sees the program and not the frame that was looked at. What was collected
/// stays.
fn killed_while_tracing(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("steps", build, &[], &["5"])?;
    gdb.connect();
    gdb.go("trace fib");
    gdb.go("actions\ncollect n\nend");
    gdb.go("tstart");
    gdb.go("break {main-report}");
    gdb.go("continue").at("main-report");
    let mut second = another(&gdb, &server)?;
    gdb.kill();
    second.attach();
    second.go("tstatus").has("Trace stopped because of disconnection.").has("Collected 15 trace frames.");
    second.go("tfind start").has("Found trace frame 0");
    let mut third = another(&second, &server)?;
    second.kill();
    third.attach();
    third.go("frame").at("main-report");
    third.go("print f").is("5");
    third.go("trace sum_to");
    third.go("actions\ncollect n\nend");
    third.go("tstart");
    third.go("tbreak walk");
    third.go("continue").has("walk (n=6)");
    third.go("tstop");
    third.go("tfind start").has("Found trace frame 0, tracepoint 1").has("sum_to (n=5)");
    third.go("tfind none");
    third.go("delete");
    third.go("continue").has("exited normally]");
    third.quit();
    server.finish()?;
    Ok(())
}

fn killed_while_stopped(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("steps", build, &[], &["4"])?;
    gdb.connect();
    gdb.go("break {fib-base}");
    gdb.go("continue").has("fib (n=1)").at("fib-base");
    let stack = gdb.go("bt").has("in main (argc=2").text().to_owned();
    let mut second = another(&gdb, &server)?;
    gdb.kill();
    second.attach();
    assert_eq!(second.go("bt").text(), stack, "the stack of the stopped program");
    // The first gdb's breakpoint went with it.
    second.go("tbreak {main-report}");
    second.go("continue").at("main-report");
    second.go("continue").has("exited normally]");
    second.quit();
    assert_eq!(server.finish()?.status.code(), Some(0));
    Ok(())
}

fn killed_while_running(build: Build) -> Result<()> {
    let (mut server, mut gdb) = stage("spin", build, &[], &[])?;
    gdb.connect();
    spin(&mut server, &mut gdb)?;
    let mut second = another(&gdb, &server)?;
    gdb.kill();
    second.attach();
    second.go("bt").has("spin (from=6)").has("in main (argc=1").lacks("#2");
    second.go("set var stop = 1");
    second.go("continue").has("exited normally]");
    second.quit();
    assert_eq!(server.finish()?.stdout, "stopped 7\n");
    Ok(())
}

fn kill(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("steps", build, &["--once"], &[])?;
    gdb.connect();
    gdb.go("break fib");
    gdb.go("continue").has("fib (n=10)");
    gdb.go("kill").has("[Inferior 1 (").has("killed]");
    gdb.go("info threads").has("No threads.");
    gdb.quit();
    assert_eq!(server.finish()?.stdout, "");
    Ok(())
}

/// Leaving gdb ends the program that was started for it, as with gdbserver.
fn quit(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("steps", build, &["--once"], &[])?;
    gdb.connect();
    gdb.go("break fib");
    gdb.go("continue").has("fib (n=10)");
    gdb.quit();
    assert_eq!(server.finish()?.stdout, "");
    Ok(())
}

fn no_wait(build: Build) -> Result<()> {
    let (mut server, mut gdb) = stage("spin", build, &["--no-wait"], &[])?;
    server.stdout.until("spinning\n")?;
    gdb.attach();
    gdb.go("tbreak {round}");
    gdb.go("continue").at("round");
    gdb.go("bt").has("spin (from=6)").has("in main (argc=1").lacks("#2");
    gdb.go("set var stop = 1");
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    assert_eq!(server.finish()?.stdout, "stopped 7\n");
    Ok(())
}

/// A second client is turned away, and the first does not notice.
fn second_client(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("steps", build, &["--once"], &["4"])?;
    gdb.connect();
    gdb.go("break fib");
    let mut second = Client::connect(server.port)?;
    second.send("qSupported:xmlRegisters=i386")?;
    gdb.go("continue").has("fib (n=4)");
    gdb.go("delete");
    drop(second);
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    assert_eq!(server.finish()?.status.code(), Some(0));
    Ok(())
}
