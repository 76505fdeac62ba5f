//! The stack: frames with their arguments, going up and down, what `info frame` says.

use tests::gdb::Gdb;

use crate::O0_BOTH;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[Session {
    name: "frames",
    program: "steps",
    args: &["4"],
    builds: O0_BOTH,
    native: true,
    script: Script::Gdb(frames),
    end: End::Exit(0, "fib = 3\n"),
}];

/// Why values differ: a variable that was not assigned yet holds what was in memory.
const UNSET: &str = "variables that are not set yet";

fn frames(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {fib-base} if n == 0");
    gdb.go("continue").has("Breakpoint 1, fib (n=0)").at("fib-base");
    gdb.go("bt")
        .has("#0  fib (n=0) at steps.c:")
        .has("#1  0x")
        .has(" in fib (n=2) at {fib-second}\n")
        .has(" in fib (n=3) at {fib-first}\n")
        .has(" in fib (n=4) at {fib-first}\n")
        .has("#4  0x")
        .has(" in main (argc=2, argv=0x")
        .has("at {main-fib}\n")
        .lacks("#5");
    gdb.go("bt 2").has("#1 ").lacks("#2").has("(More stack frames follow...)");
    gdb.go("bt -1").has("#4 ").has("main (").lacks("#3");
    gdb.ours("bt full", UNSET).has("in fib (n=2) at {fib-second}\n        a = 1\n").has("        n = 4\n");
    gdb.go("up").has("#1  0x").has("in fib (n=2)").at("fib-second");
    gdb.ours("info locals", UNSET).has("a = 1");
    gdb.go("info args").has("n = 2");
    gdb.go("frame 3").has("#3  0x").has("in fib (n=4)").at("fib-first");
    gdb.go("print n").is("4");
    gdb.go("up").has("#4  0x").has("in main (argc=2").at("main-fib");
    gdb.go("up").has("Initial frame selected; you cannot go up.");
    gdb.go("print n").is("4");
    gdb.ours("info frame", "registers and addresses")
        .has("Stack level 4, frame at 0x")
        .has("in main (")
        .has("source language c.");
    gdb.go("down 2").has("#2  0x").has("in fib (n=3)");
    gdb.ours("info frame", "registers and addresses")
        .has("Stack level 2, frame at 0x")
        .has("called by frame at 0x")
        .has("caller of frame at 0x")
        .has("in fib (");
    gdb.go("frame function main").has("#4 ");
    gdb.go("frame apply all -q print n").has("$3 = 0").has("$7 = 4");
    gdb.go("set backtrace limit 3");
    gdb.go("bt").has("#2 ").lacks("#3");
    gdb.go("set backtrace limit unlimited");
    gdb.go("frame 2");
    gdb.go("set var n = 30");
    gdb.go("bt").has("in fib (n=30)").has("in fib (n=4)");
    gdb.go("set var n = 3");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}
