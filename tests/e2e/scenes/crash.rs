//! A program that crashes without a debugger: one comes later, to the program or to its core dump.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use tests::fixture::{Build, Fixture};
use tests::gdb::Gdb;
use tests::lldb::{Lldb, Way};
use tests::server::Server;
use tests::toolchain;

use super::{Scene, own_folder};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "crash_waits_for_gdb", native: false, play: waits_for_gdb },
    Scene { name: "crash_waits_for_lldb", native: false, play: waits_for_lldb },
    Scene { name: "core_in_gdb", native: false, play: core_in_gdb },
    Scene { name: "core_in_lldb", native: false, play: core_in_lldb },
    Scene { name: "core_of_a_stop", native: false, play: core_of_a_stop },
    Scene { name: "core_of_threads", native: false, play: core_of_threads },
    Scene { name: "core_of_modules", native: false, play: core_of_modules },
    Scene { name: "core_of_wasmtime", native: false, play: core_of_wasmtime },
];

const WAITS: &str = "The program waits for a debugger at 127.0.0.1:";

fn waits_for_gdb(build: Build) -> Result<()> {
    let fixture = Fixture::build("traps", build)?;
    let server = waiting(&fixture, build, &["div0"])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.attach();
    gdb.go("bt").has("#0  ").has("divide (a=84, b=0) at {div0}").has("in main (argc=2").lacks("#2");
    gdb.go("info locals").has("half = 42");
    gdb.go("monitor why").has("wasm trap: integer divide by zero");
    gdb.go("continue").has("Program terminated with signal SIGFPE, Arithmetic exception.");
    gdb.quit();
    assert_eq!(server.finish()?.status.code(), Some(134));
    Ok(())
}

fn waits_for_lldb(build: Build) -> Result<()> {
    let fixture = Fixture::build("traps", build)?;
    let server = waiting(&fixture, build, &["div0"])?;
    let mut lldb =
        Lldb::start(&fixture, build, Way::Plugin, Some(server.port), &[], &own_folder("lldb/crash")?)?;
    lldb.connect().has("stop reason = wasm trap: integer divide by zero").at("div0");
    lldb.go("bt").has("divide(a=84, b=0)").has("argc=2");
    lldb.go("frame variable half").is("(int) half = 42");
    lldb.go("continue").has("exited with status");
    lldb.quit();
    assert_eq!(server.finish()?.status.code(), Some(134));
    Ok(())
}

/// A server whose program has crashed and waits for a debugger.
pub(crate) fn waiting(fixture: &Fixture, build: Build, args: &[&str]) -> Result<Server> {
    let mut server = Server::start(fixture, build, &["--no-wait", "--on-trap", "stop"], args)?;
    let said = server.stderr.until(WAITS)?;
    assert!(said.contains("wasm trap: "), "{said}");
    Ok(server)
}

/// Has a program crash, and returns its core dump.
pub(crate) fn crash(fixture: &Fixture, name: &str, options: &[&str], args: &[&str]) -> Result<PathBuf> {
    let folder = own_folder("cores")?;
    std::fs::create_dir_all(&folder)?;
    let core = folder.join(name);
    let mut command = Command::new(toolchain::server_binary()?);
    command.arg("run").args(options).arg(format!("--coredump-on-trap={}", core.display()));
    let output = command.arg(&fixture.program).args(args).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(134), "{said}");
    assert!(said.contains(&format!("core dump: {}", core.display())), "{said}");
    Ok(core)
}

/// `wasm-gdbserver core CORE :0`.
pub(crate) fn open(core: &Path, options: &[&str]) -> Result<Server> {
    let mut command = Command::new(toolchain::server_binary()?);
    command.arg("core").args(options).arg(core).arg(":0");
    Server::launch(&mut command, "Listening on 127.0.0.1:")
}

fn core_in_gdb(build: Build) -> Result<()> {
    let fixture = Fixture::build("traps", build)?;
    let core = crash(&fixture, "gdb.core", &[], &["div0"])?;
    let server = open(&core, &[])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.attach();
    gdb.go("bt").has("#0  ").has("divide (a=84, b=0) at {div0}").has("in main (argc=2, argv=0x").lacks("#2");
    gdb.go("info locals").has("half = 42");
    gdb.go("up").has("in main (argc=2");
    gdb.go("print record").has("{id = 17, name = 0x").has("\"seventeen\"}");
    gdb.go("print minus_one").is("-1");
    gdb.go("print argv[1]").has("\"div0\"");
    gdb.go("monitor why").has("wasm trap: integer divide by zero").has("$divide");
    gdb.go("monitor locals").has("$divide");
    const WORDS: &str = "This is a core dump: it can be looked at, and does not run.";
    gdb.go("break main");
    for command in ["continue", "next", "stepi", "finish"] {
        gdb.go(command).has(WORDS).has("Program received signal SIGFPE, Arithmetic exception.");
    }
    gdb.go("print minus_one = 3").has("Cannot access memory");
    gdb.go("print minus_one").is("-1");
    gdb.go("kill").has("killed]");
    gdb.quit();
    assert_eq!(server.finish()?.status.code(), Some(0));
    Ok(())
}

fn core_in_lldb(build: Build) -> Result<()> {
    let fixture = Fixture::build("traps", build)?;
    // Without the plugin, lldb shows nothing of a frame of which something is not known.
    for (way, options) in [(Way::Plugin, &[][..]), (Way::Elf, &["--precise-traps"])] {
        let core = crash(&fixture, &format!("lldb-{}.core", way.name()), options, &["div0"])?;
        let server = open(&core, way.options())?;
        let folder = own_folder("lldb/core")?.join(way.name());
        let mut lldb = Lldb::start(&fixture, build, way, Some(server.port), &[], &folder)?;
        lldb.connect().has("stop reason = wasm trap: integer divide by zero").at("div0");
        lldb.go("bt").has("divide(a=84, b=0)").has("argc=2");
        lldb.go("frame variable half").is("(int) half = 42");
        lldb.go("up").has("argc=2");
        lldb.go("frame variable record").has("id = 17").has("\"seventeen\"");
        lldb.go("target variable minus_one").has("minus_one = -1");
        lldb.go("continue").has("stop reason = wasm trap: integer divide by zero");
        lldb.go("bt").has("divide(a=84, b=0)");
        lldb.kill_process();
        lldb.quit();
        assert_eq!(server.finish()?.status.code(), Some(0));
    }
    Ok(())
}

/// `monitor coredump` where the program only stopped.
fn core_of_a_stop(build: Build) -> Result<()> {
    let fixture = Fixture::build("steps", build)?;
    let folder = own_folder("cores")?.join("stop");
    std::fs::create_dir_all(&folder)?;
    let core = folder.join("steps.core");
    if core.exists() {
        std::fs::remove_file(&core)?;
    }
    let mut command = Command::new(toolchain::server_binary()?);
    command.current_dir(&folder).args([":0".as_ref(), fixture.program.as_os_str(), "4".as_ref()]);
    let server = Server::launch(&mut command, "Listening on 127.0.0.1:")?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.connect();
    gdb.go("break {fib-base}");
    gdb.go("continue").at("fib-base");
    let stack = gdb.go("bt").has("fib (n=4)").text().to_owned();
    let full = gdb.go("bt full").has("a = ").has("f = ").text().to_owned();
    gdb.go("monitor coredump ../steps.core").has("is no name of a file in the folder");
    gdb.go("monitor coredump steps.core").has("Wrote ").has("steps.core, ");
    gdb.go("monitor coredump steps.core").has("File exists");
    gdb.go("kill");
    gdb.quit();
    server.finish()?;
    let server = open(&core, &["--once"])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.attach();
    assert_eq!(gdb.go("bt").text(), stack, "the stack of the program that stopped");
    assert_eq!(gdb.go("bt full").text(), full, "and all of its variables");
    gdb.go("monitor why").has("a core dump: it was at a breakpoint at 0x");
    gdb.go("step").has("This is a core dump").has("Program received signal SIGSTOP");
    gdb.quit();
    server.finish()?;
    Ok(())
}

fn core_of_threads(build: Build) -> Result<()> {
    let fixture = Fixture::build("threads", build)?;
    let core = crash(&fixture, "threads.core", &[], &["trap"])?;
    let server = open(&core, &["--once"])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.attach();
    gdb.go("info threads").has("* 2 ").has("  1 ");
    gdb.go("bt").has("end_early (number=5)").has("worker (");
    gdb.go("thread 1").has("[Switching to thread 1");
    gdb.go("bt").has(" main (argc=2");
    gdb.quit();
    server.finish()?;
    Ok(())
}

/// A program that uses another module's functions and memory.
fn core_of_modules(build: Build) -> Result<()> {
    let fixture = Fixture::build("parts", build)?;
    let options = fixture.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut command = Command::new(toolchain::server_binary()?);
    let folder = own_folder("cores")?.join("modules");
    std::fs::create_dir_all(&folder)?;
    let core = folder.join("parts.core");
    if core.exists() {
        std::fs::remove_file(&core)?;
    }
    command.current_dir(&folder).args(&options).arg(":0").arg(&fixture.program);
    let server = Server::launch(&mut command, "Listening on 127.0.0.1:")?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.attach();
    gdb.go("break scaled");
    gdb.go("continue").has("scaled (place=0x").has("by=2)");
    let stack = gdb.go("bt").has(" in weigh (").has(" in main () at {call}").text().to_owned();
    gdb.go("monitor coredump parts.core").has("Wrote ");
    gdb.go("kill");
    gdb.quit();
    server.finish()?;
    let server = open(&core, &["--once"])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.attach();
    assert_eq!(gdb.go("bt").text(), stack, "the stack of the program that stopped");
    gdb.go("print *place").is("{x = 3, y = 4}");
    gdb.go("print calls").is("7");
    gdb.go("print total").is("1");
    gdb.quit();
    server.finish()?;
    Ok(())
}

/// A core dump that Wasmtime wrote (`fixtures/crash/make.sh`): frames, memories and globals, and no locals.
fn core_of_wasmtime(build: Build) -> Result<()> {
    let fixture = Fixture::build("crash", build)?;
    let folder = fixture.program.with_file_name("");
    let paths = format!(".={}", folder.display());
    let server = open(&folder.join("crash.core"), &["--once", "--map-path", &paths])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.attach();
    gdb.go("bt")
        .has("#0  ")
        .has("share (total=<error reading variable: Cannot access memory at address 0x")
        .has("crash.c:9\n")
        .has(" in settle (order=<")
        .has("crash.c:17\n")
        .has(" in main () at ")
        .has("crash.c:23\n");
    gdb.go("frame").has("9\t  int each = total / people;");
    gdb.go("info locals").has("each = <error reading variable each (Cannot access memory at address 0x");
    gdb.go("up").has("in settle (");
    gdb.go("info locals").has("total = <error");
    gdb.go("print people").has("Cannot access memory at address 0x");
    gdb.go("monitor locals").has("0 i32: <unavailable>");
    // What is in memory is there.
    gdb.go("print served").is("4");
    gdb.go("print orders[1]").has("{number = 2, price = 12.75, what = 0x").has("\"soup\"}");
    gdb.go("monitor why").has("a core dump: the core dump does not say why it was written").has("$share");
    gdb.go("continue").has("This is a core dump: it can be looked at, and does not run.");
    gdb.quit();
    server.finish()?;
    Ok(())
}
