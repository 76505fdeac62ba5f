//! `Ctrl-C` in loops that call nothing.

use anyhow::Result;
use tests::fixture::Build;

use super::{Scene, spin, stage};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "interrupt_forever", native: true, play: forever },
    Scene { name: "interrupt_and_go_on", native: true, play: go_on },
    Scene { name: "interrupt_often", native: true, play: often },
];

/// What gdb says when `Ctrl-C` has stopped the program.
const STOPPED: &str = "Program received signal SIGINT, Interrupt.";

fn forever(build: Build) -> Result<()> {
    let (mut server, mut gdb) = stage("spin", build, &["--once"], &["forever"])?;
    gdb.connect();
    gdb.go("tbreak {forever}");
    gdb.go("continue").at("forever");
    server.stdout.until("spinning\n")?;
    gdb.begin("continue");
    gdb.says("Continuing.\n");
    gdb.interrupt();
    gdb.complete().has(STOPPED).has("spin_forever ()").at("forever");
    gdb.go("bt").has("spin_forever () at {forever}").has("in main (argc=2").lacks("#2");
    gdb.go("stepi").lacks("main (");
    gdb.go("bt").has("spin_forever () at {forever}");
    gdb.go("kill").has("killed]");
    gdb.quit();
    server.finish()?;
    Ok(())
}

fn go_on(build: Build) -> Result<()> {
    let (mut server, mut gdb) = stage("spin", build, &["--once"], &[])?;
    gdb.connect();
    spin(&mut server, &mut gdb)?;
    gdb.interrupt();
    gdb.complete().has(STOPPED).has("spin (from=6)");
    gdb.go("print seen").is("6");
    // A breakpoint that was not there when the loop was entered.
    gdb.go("break {round}");
    gdb.go("continue").has("Breakpoint 2, spin (from=6)").at("round");
    gdb.hidden("set var $before = rounds");
    gdb.go("continue").has("Breakpoint 2, spin (from=6)").at("round");
    gdb.go("print rounds - $before").is("1");
    gdb.go("next").lacks("BREAK");
    gdb.go("advance {round}").at("round");
    gdb.go("delete");
    gdb.go("set var stop = 1");
    gdb.go("break {spin-return}");
    gdb.go("continue").has("Breakpoint 3, spin (from=6)").at("spin-return");
    gdb.go("finish").has("Value returned is $").has(" = 7");
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    assert_eq!(server.finish()?.stdout, "stopped 7\n");
    Ok(())
}

fn often(build: Build) -> Result<()> {
    let (mut server, mut gdb) = stage("spin", build, &["--once"], &[])?;
    gdb.connect();
    spin(&mut server, &mut gdb)?;
    for round in 0..20 {
        if round > 0 {
            gdb.begin("continue");
            gdb.says("Continuing.\n");
        }
        gdb.interrupt();
        gdb.complete().has(STOPPED).has("spin (from=6)");
        gdb.go("bt").has("in main (argc=1").lacks("#2");
    }
    gdb.go("set var stop = 1");
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    assert_eq!(server.finish()?.stdout, "stopped 7\n");
    Ok(())
}
