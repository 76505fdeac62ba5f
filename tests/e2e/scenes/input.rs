//! A program that waits for input: the guest's stdin is the server's.

use anyhow::Result;
use tests::fixture::Build;

use super::{Scene, stage};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "input_lines", native: true, play: lines },
    Scene { name: "interrupt_in_a_read", native: true, play: interrupt_in_a_read },
];

fn lines(build: Build) -> Result<()> {
    let (mut server, mut gdb) = stage("reader", build, &["--once"], &[])?;
    gdb.connect();
    gdb.go("break {add-line}");
    gdb.begin("continue");
    server.stdout.until("ready\n")?;
    server.write_stdin("40\n")?;
    gdb.complete().has("Breakpoint 1, add_line (line=0x").has("\"40\\n\", sum=0)").at("add-line");
    gdb.go("finish").has("Value returned is $1 = 40");
    server.write_stdin("2\n")?;
    gdb.go("continue").has("Breakpoint 1, add_line (line=0x").has("\"2\\n\", sum=40)");
    gdb.go("print value").is("2");
    server.close_stdin();
    gdb.go("tbreak {end-of-input}");
    gdb.go("continue").at("end-of-input");
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    assert_eq!(server.finish()?.stdout, "sum 42\n");
    Ok(())
}

fn interrupt_in_a_read(build: Build) -> Result<()> {
    let (mut server, mut gdb) = stage("reader", build, &["--once"], &[])?;
    gdb.connect();
    gdb.begin("continue");
    server.stdout.until("ready\n")?;
    gdb.interrupt();
    // The call may have to return before the program can stop.
    server.write_stdin("40\n")?;
    gdb.complete().has("Program received signal SIGINT, Interrupt.");
    gdb.lenient("bt", "the C library's frames").has("main ()").has("reader.c:");
    gdb.go("frame function main").has("main ()");
    gdb.go("print sum == 0 || sum == 40").is("1");
    server.write_stdin("2\n")?;
    server.close_stdin();
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    assert_eq!(server.finish()?.stdout, "sum 42\n");
    Ok(())
}
