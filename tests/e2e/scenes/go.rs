//! A program in Go. No golden transcript: its lines are those of the text of Go's own library, which changes with Go.

use anyhow::{Result, ensure};
use tests::fixture::Build;
use tests::gdb::Gdb;

use super::{Scene, stage};

pub(crate) const SCENES: &[Scene] = &[Scene { name: "go", native: false, play: go }];

fn go(build: Build) -> Result<()> {
    let (server, mut gdb) = stage("gopher", build, &["--once"], &[])?;
    walk(&mut gdb);
    gdb.quit();
    let ended = server.finish()?;
    ensure!(ended.status.success() && ended.stderr.contains("sum 13\n"), "{ended:?}");
    Ok(())
}

/// Go writes no debug info for Wasm: functions, arguments, the text of the module.
fn walk(gdb: &mut Gdb) {
    gdb.attach();
    gdb.go("info functions ^main\\.[a-z]*$").has("i32 main.add(i32);").has("i32 main.total(i32);");
    gdb.go("break main.add").has("gopher.wat, line ");
    gdb.go("continue").has("Breakpoint 1, main.add (local0=0) at gopher.wat:");
    gdb.go("bt")
        .has("#0  main.add (local0=0) at gopher.wat:")
        .has("#1  0x")
        .has(" in main.total (local0=")
        .has(" in main.main.func1 (local0=")
        .has("_rt0_wasm_wasip1 () at gopher.wat:")
        .has(" in <host> ()");
    gdb.go("info args").has("local0 = 0\n");
    gdb.go("info locals").has("local1 = ");
    gdb.go("next").has("(br_table $block2 $block1 (local.get $local0))");
    gdb.go("next 2").has("(i64.store (i64.add (i64.load offset=8 (local.get $local1)) (i64.load offset=16 (local.get $local1))))");
    // Go's own stack is in linear memory: the two arguments of `add`.
    gdb.go("x/2gd local1 + 8").has(":\t0\t4\n");
    gdb.go("finish")
        .has("Run till exit from #0 ")
        .has("main.total (local0=")
        .has("Value returned is $")
        .has(" = 0\n");
    gdb.go("step").has("\t").lacks("rror");
    gdb.go("continue").has("Breakpoint 1, main.add (local0=0) at ");
    gdb.go("delete");
    gdb.go("tbreak main.square.area").has("gopher.wat, line ");
    gdb.go("monitor debuginfo").has("no DWARF").has("named by the name section").has("gopher.wat");
    gdb.go("continue").has("exited normally]");
}
