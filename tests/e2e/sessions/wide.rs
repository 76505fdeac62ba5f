//! A program for wasm64: gdb is shown a machine with 64-bit pointers, and memory beyond 4 GiB is memory like any other.

use tests::fixture::Build;
use tests::gdb::Gdb;

use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[Session {
    name: "wide",
    program: "wide",
    args: &[],
    builds: &[Build::WASM64],
    native: false,
    script: Script::Gdb(wide),
    end: End::Exit(134, ""),
}];

fn wide(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("print sizeof(void *)").is("8");
    gdb.go("print sizeof(long)").is("8");
    gdb.go("break {made} if value == 3").has("Breakpoint 1 at 0x");
    gdb.go("continue").has("node_at (place=4294967488, value=3, next=0x100000080)").at("made");
    gdb.go("print node").is("(struct node *) 0x1000000c0");
    gdb.go("tbreak {add}").has("Temporary breakpoint 2 at 0x");
    gdb.go("continue").has("sum (list=0x1000000c0)").at("add");
    gdb.go("bt")
        .has("in apply (function=0x1 <sum>, list=0x1000000c0) at {apply}\n")
        .has("in _start () at {call}\n");
    gdb.go("print *list").is("{next = 0x100000080, value = 3, name = \"n3\\000\\000\\000\\000\\000\"}");
    gdb.go("print list->next->next->name").has("\"n1\\000");
    gdb.go("x/2gx list").has("0x1000000c0:\t0x0000000100000080\t0x0000000000000003");
    gdb.go("print &buffer").has("(char (*)[16]) 0x").has("<buffer>");
    gdb.go("print list->next->value = 1000").is("1000");
    gdb.go("finish")
        .has("Run till exit from #0  sum (list=0x1000000c0)")
        .has("Value returned is $")
        .has(" = 1004");
    gdb.go("continue").has("Program received signal SIGSEGV, Segmentation fault.\n").at("outside");
    gdb.go("print far").is("(const long *) 0x7000000000");
    gdb.go("print *far").has("Cannot access memory at address 0x7000000000");
    gdb.go("print result").is("1004");
    gdb.go("up").has("in _start ()").at("peek");
    gdb.go("continue").has("Program terminated with signal SIGSEGV, ");
}
