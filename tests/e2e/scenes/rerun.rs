//! `run` again, under `target extended-remote` and `--multi`.

use anyhow::Result;
use tests::fixture::Build;

use super::{Scene, stage};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "run_again", native: false, play: run_again },
    Scene { name: "multi_keeps_listening", native: false, play: keeps_listening },
];

fn run_again(build: Build) -> Result<()> {
    let (mut server, mut gdb) = stage("steps", build, &["--multi"], &["3"])?;
    gdb.go(&format!("target extended-remote :{}", server.port)).has(" in _start");
    gdb.go("break {main-fib}");
    gdb.go("continue").has("Breakpoint 1, main (argc=2").at("main-fib");
    gdb.go("print n").is("3");
    gdb.go("continue").has("exited normally]");
    server.stdout.until("fib = 2\n")?;
    // The same program, the same arguments.
    gdb.go("run").has("Breakpoint 1, main (argc=").at("main-fib");
    gdb.go("bt").has("#0  main (argc=").lacks("#1");
    gdb.go("continue").has("exited normally]");
    // New ones.
    gdb.go("run 6").has("Breakpoint 1, main (argc=2").at("main-fib");
    gdb.go("print n").is("6");
    gdb.go("print argv[1]").has("\"6\"");
    gdb.go("continue").has("exited normally]");
    server.stdout.until("fib = 8\n")?;
    gdb.go("set args 7 'two words' x");
    gdb.go("run").has("Breakpoint 1, main (argc=4").at("main-fib");
    gdb.go("print argv[2]").has("\"two words\"");
    gdb.go("kill").has("killed]");
    gdb.go("start 5").has("Temporary breakpoint 2, main (argc=2").at("main-first");
    gdb.go("continue").at("main-fib");
    gdb.go("print n").is("5");
    // Amid a run, `run` begins anew.
    gdb.go("run 4").has("Breakpoint 1, main (argc=2").at("main-fib");
    gdb.go("print calls").is("0");
    gdb.go("continue").has("exited normally]");
    server.stdout.until("fib = 3\n")?;
    gdb.quit();
    assert!(server.is_running(), "--multi keeps the server alive");
    Ok(())
}

fn keeps_listening(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("steps", build, &["--multi"], &["3"])?;
    for number in 1..=3 {
        gdb.go(&format!("target extended-remote :{}", server.port)).has("Remote debugging using");
        gdb.go(&format!("run {number}")).has("exited normally]");
        gdb.go("disconnect").lacks("You can't do that");
    }
    gdb.quit();
    Ok(())
}
