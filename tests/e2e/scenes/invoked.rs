//! A function that the user names on the command line, of a module that imports what nobody provides.

use anyhow::{Result, ensure};
use tests::fixture::{Build, Fixture};
use tests::gdb::Gdb;
use tests::server::Server;

use super::{Scene, own_folder};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "invoked", native: false, play: invoked },
    Scene { name: "invoked_without_import", native: false, play: without_import },
];

const MODULE: &str = r#"(module
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (import "env" "memory" (memory 1))
  (func $twice (param $n i32) (result i32)
    (i32.mul (local.get $n) (i32.const 2)))
  (func (export "double") (param $n i32) (result i32) (local $doubled i32)
    (local.set $doubled (call $twice (local.get $n)))
    (local.get $doubled))
  (func $asked (export "asked") (param $n i32) (result i32)
    (call $ask (local.get $n))))
"#;

fn stage(name: &str, function: &str) -> Result<(Server, Gdb)> {
    let folder = own_folder(name)?;
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("invoked.wat");
    std::fs::write(&path, MODULE)?;
    let (fixture, build) = (Fixture::of_sources(path.clone(), &[path])?, Build::wasm(0, 4));
    let options = ["--once", "--stub-imports", "--invoke", function];
    let server = Server::start(&fixture, build, &options, &["21"])?;
    let gdb = Gdb::start(&fixture, build, server.port)?;
    Ok((server, gdb))
}

fn invoked(_: Build) -> Result<()> {
    let (server, mut gdb) = stage("invoked", "double")?;
    gdb.attach();
    gdb.go("break twice").has("invoked.wat, line 5.");
    gdb.go("continue").has("Breakpoint 1, twice (n=21) at ");
    gdb.go("bt").has("#1  0x").has(" in double (n=21) at ").has("#2  0x").has(" in <host> ()");
    gdb.go("finish").has("Value returned is $").has(" = 42\n");
    gdb.go("next").has("(local.get $doubled)");
    gdb.go("info locals").has("doubled = 42\n");
    // There is nothing to return to: it is over then.
    gdb.go("finish").has("Run till exit from #0 ").has("exited normally]");
    gdb.quit();
    let ended = server.finish()?;
    ensure!(ended.stdout.trim() == "42", "{ended:?}");
    Ok(())
}

fn without_import(_: Build) -> Result<()> {
    let (server, mut gdb) = stage("invoked_without_import", "asked")?;
    gdb.attach();
    gdb.go("continue").has("Program received signal SIGABRT");
    gdb.go("bt").has("ask").has("#1  0x").has(" in asked (n=21) at ").has("invoked.wat:10");
    gdb.go("monitor why").has("nobody provides the function env.ask that the program imports");
    gdb.go("up").has("(call $ask (local.get $n))");
    gdb.go("info args").has("n = 21");
    gdb.go("continue").has("terminated with signal SIGABRT");
    gdb.quit();
    ensure!(server.finish()?.status.code() == Some(134));
    Ok(())
}
