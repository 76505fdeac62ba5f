//! `monitor`: what gdb has no command for.

use tests::gdb::Gdb;

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[Session {
    name: "monitor",
    program: "steps",
    args: &["4"],
    builds: O0,
    native: false,
    script: Script::Gdb(monitor),
    end: End::Exit(0, "fib = 3\n"),
}];

fn monitor(gdb: &mut Gdb) {
    gdb.connect();
    let help = gdb.go("monitor help").has("help").text().to_owned();
    for command in ["why", "stack", "locals", "disassemble", "modules"] {
        assert!(help.contains(command), "`monitor help` does not name {command}:\n{help}");
    }
    gdb.go("break {fib-second} if n == 3");
    gdb.go("continue").at("fib-second");
    gdb.go("monitor why").has("breakpoint");
    gdb.go("monitor locals").has("i32");
    gdb.go("monitor disassemble").has("local.get").has("call");
    gdb.go("monitor modules").has("steps");
    gdb.go("monitor stack");
    gdb.go("monitor globals").has("$__stack_pointer i32: ");
    gdb.go("monitor table").has("table 0, ").has("$add");
    gdb.go("monitor gc local 0").lacks("rror");
    gdb.go("monitor heap").has("0 bytes of objects were made in all; the heap takes 0 bytes");
    // Amid an expression there is something on the operand stack.
    gdb.go("stepi 2");
    gdb.go("monitor stack").has("i32");
    gdb.go("monitor nonsense").has("help").lacks("Protocol error");
    gdb.go("monitor").lacks("Protocol error");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}
