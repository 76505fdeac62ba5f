//! What `target remote` shows, and what gdb knows about the machine.

use tests::gdb::Gdb;

use crate::session::{End, Script, Session};
use crate::{O0, O0_BOTH};

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        name: "start_connect",
        program: "steps",
        args: &["3"],
        builds: O0_BOTH,
        native: true,
        script: Script::Gdb(connect),
        end: End::Exit(0, "fib = 2\nsum = 15\nproduct = 105\nwalk = 8\n"),
    },
    Session {
        name: "start_machine",
        program: "steps",
        args: &["3"],
        builds: O0,
        native: false,
        script: Script::Gdb(machine),
        end: End::Killed,
    },
];

/// Why a static i386 program answers otherwise.
const MACHINE: &str = "the machine's own";

fn connect(gdb: &mut Gdb) {
    gdb.connect();
    gdb.ours("bt", "the start of a program is the system's").has("#0 ").has("_start");
    gdb.ours("info sharedlibrary", MACHINE).has("No shared libraries loaded at this time.");
    gdb.ours("info threads", MACHINE).has("* 1 ").has("_start");
    gdb.ours("info inferiors", MACHINE).has("* 1 ").has("process ");
    gdb.ours("info program", MACHINE).lacks("not being run");
    gdb.go("break main").has("Breakpoint 1 at").has(": file steps.c, line");
    gdb.go("continue").has("Breakpoint 1, main (argc=2, argv=0x").at("main-first");
    gdb.go("bt").has("#0  main (argc=2, argv=0x").lacks("#1");
    gdb.go("info source").has("Current source file is steps.c").has("Source language is c.").has("DWARF");
    gdb.go("print argc").is("2");
    gdb.go("print argv[1]").has("\"3\"");
    gdb.ours("print *argv@argc", "the program's path").has("steps").has("\"3\"");
    gdb.go("continue").has("exited normally]");
    gdb.go("info threads").has("No threads.");
}

fn machine(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("info registers").has("rip ").has("rbp ").has("rsp ");
    gdb.go("info registers rip").has("rip ");
    gdb.go("info symbol $pc").has("_start");
    gdb.go("info target").has("Remote target").has(".text").has("Entry point: 0x");
    gdb.go("info line main").has("Line ").has("starts at address");
    gdb.go("info symbol main").has("main");
    gdb.go("info address main").has("is a function at address 0x");
    gdb.go("info functions fib").has("int fib(int);");
    gdb.go("info variables calls").has("int calls;");
    gdb.go("info types operation").has("typedef int (*)(int, int) operation;");
    gdb.go("show architecture").has("i386:x64-32");
    gdb.go("tbreak main").has("Temporary breakpoint 1 at");
    gdb.go("continue").at("main-first");
    gdb.go("info registers rip").has("rip ");
    gdb.go("info symbol $pc").has("main + ");
    gdb.go("x/2i $pc").has("=> 0x").has("<main+");
    gdb.go("info threads").has("* 1 ").has("main (argc=2");
    gdb.go("kill").has("killed]");
}
