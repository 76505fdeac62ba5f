//! Watchpoints leave with the gdb that set them.

use anyhow::Result;
use tests::fixture::Build;

use super::{Scene, another, stage};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "watch_detach", native: true, play: detach },
    Scene { name: "watch_gdb_killed", native: false, play: killed },
    Scene { name: "watch_read", native: false, play: read },
];

const PRINTED: &str = "sum=10 deep=3 counter=9\n";

fn detach(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("watched", build, &["--once"], &[])?;
    gdb.connect();
    gdb.go("watch counter");
    gdb.go("continue").has("Old value = 0").at("same");
    gdb.go("detach").has("detached]");
    gdb.quit();
    assert_eq!(server.finish()?.stdout, PRINTED);
    Ok(())
}

fn killed(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("watched", build, &[], &[])?;
    gdb.connect();
    gdb.go("watch counter");
    gdb.go("continue").has("Old value = 0").at("same");
    // It keeps what it has set while it has gdb's prompt.
    gdb.go("set breakpoint always-inserted on");
    let mut second = another(&gdb, &server)?;
    gdb.kill();
    second.attach();
    second.go("bt").has("#0  assign () at {same}\n");
    second.go("continue").has("exited normally]");
    second.quit();
    assert_eq!(server.finish()?.stdout, PRINTED);
    Ok(())
}

/// A host function writes what is watched: what was read from standard input.
fn read(build: Build) -> Result<()> {
    let (mut server, mut gdb) = stage("touched", build, &["--once"], &["read"])?;
    gdb.connect();
    gdb.go("tbreak {read}");
    gdb.go("continue").at("read");
    gdb.go("watch input[1]").has("Hardware watchpoint 2: input[1]");
    gdb.go("watch -location *(char (*)[8])input if input[0] == 'h'").has("Hardware watchpoint 3: ");
    gdb.begin("continue");
    server.write_stdin("hello\n")?;
    gdb.complete().has("Hardware watchpoint 3: ").has("New value = \"hello\\n\\000\"\n");
    gdb.go("continue").has("watchpoint 2: input[1]\n\nOld value = 0 '\\000'\nNew value = 101 'e'\n");
    gdb.go("monitor why").has("the host function called at ").has(" wrote what is watched");
    gdb.go("bt").has(" in main (argc=2, argv=0x").has(" at {read}\n");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    assert!(server.finish()?.stdout.ends_with("input=hello\n\n"));
    Ok(())
}
