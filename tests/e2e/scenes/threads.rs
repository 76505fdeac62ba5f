//! Threads that run: `Ctrl-C`, `kill`, `detach`.

use anyhow::Result;
use tests::fixture::Build;
use tests::gdb::Gdb;
use tests::server::Server;

use super::{Scene, stage};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "threads_interrupt", native: true, play: interrupt },
    // Where a thread sleeps natively is the system's.
    Scene { name: "threads_interrupt_asleep", native: false, play: interrupt_asleep },
    Scene { name: "threads_kill", native: true, play: kill },
    Scene { name: "threads_detach", native: false, play: detach },
];

/// Lets all threads wait for each other for ever, in loops or asleep. The breakpoint is gone: an interrupt may come before
/// the main thread has left its address, and it would be hit again when another thread is selected and goes on.
fn to_forever(build: Build, args: &[&str]) -> Result<(Server, Gdb)> {
    let (mut server, mut gdb) = stage("threads", build, &["--once"], args)?;
    gdb.attach();
    gdb.go("tbreak {forever}");
    gdb.go("continue").has("Thread 1 \"threads\" hit Temporary breakpoint 1, main (").at("forever");
    server.stdout.until("starting\n")?;
    gdb.begin("continue");
    gdb.says("Continuing.\n");
    Ok((server, gdb))
}

fn interrupt(build: Build) -> Result<()> {
    let (server, mut gdb) = to_forever(build, &["forever"])?;
    for round in 0..10 {
        if round > 0 {
            gdb.begin("continue");
            gdb.says("Continuing.\n");
        }
        gdb.interrupt();
        // Natively it is another thread's, if the main one stands at that moment.
        let is_ours = gdb.is_ours();
        let stopped = gdb.complete().has("\"threads\" received signal SIGINT, Interrupt.");
        if is_ours {
            stopped.has("Thread 1 \"threads\" received");
        }
        let threads = gdb.hidden("info threads");
        assert_eq!(threads.lines().count(), 4, "{threads}");
        assert!(threads.lines().skip(1).all(|row| row.contains("\"threads\" ")), "{threads}");
    }
    gdb.hidden("thread 2");
    gdb.go("frame function worker").has("in worker (argument=0x");
    gdb.go("print job->number").is("5");
    gdb.go("set var gate = 100");
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    assert_eq!(server.finish()?.stdout, "results 26 51\n");
    Ok(())
}

fn interrupt_asleep(build: Build) -> Result<()> {
    let (server, mut gdb) = to_forever(build, &["forever", "sleep"])?;
    // Nobody tells when the last one has fallen asleep.
    let all = loop {
        gdb.interrupt();
        gdb.complete().has("Thread 1 \"threads\" received signal SIGINT, Interrupt.");
        let all = gdb.hidden("thread apply all bt");
        if all.matches(" sleep_while (").count() == 3 {
            break all;
        }
        gdb.begin("continue");
        gdb.says("Continuing.\n");
    };
    assert_eq!(all.matches(" wait_for (").count(), 3, "{all}");
    gdb.go("set scheduler-locking on");
    gdb.hidden("thread 2");
    // The only one that may run sleeps on; the interrupt is its own then.
    gdb.begin("continue");
    gdb.says("Continuing.\n");
    gdb.interrupt();
    gdb.complete().has("Thread 2 \"threads\" received signal SIGINT, Interrupt.").has("sleep_while (");
    gdb.go("kill").has("killed]");
    gdb.quit();
    server.finish()?;
    Ok(())
}

fn kill(build: Build) -> Result<()> {
    let (server, mut gdb) = to_forever(build, &["forever"])?;
    gdb.interrupt();
    gdb.complete().has("SIGINT");
    gdb.go("kill").has("killed]");
    gdb.quit();
    server.finish()?;
    Ok(())
}

fn detach(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("threads", build, &["--once"], &["spin"])?;
    gdb.attach();
    gdb.go("break work");
    gdb.go("continue").has("Thread 2 \"threads\" hit Breakpoint 1, work (job=0x");
    gdb.go("detach").has("detached]");
    gdb.quit();
    let ended = server.finish()?;
    assert_eq!(ended.stdout, "starting\nresults 26 51\n");
    assert_eq!(ended.status.code(), Some(0));
    Ok(())
}
