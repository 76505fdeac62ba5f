//! Watchpoints leave with the gdb that set them.

use anyhow::Result;
use tests::fixture::Build;

use super::{Scene, another, stage};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "watch_detach", native: true, play: detach },
    Scene { name: "watch_gdb_killed", native: false, play: killed },
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
