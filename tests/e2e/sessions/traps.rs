//! Programs that end badly: the signal, the line, the frames, and the words.

use tests::gdb::Gdb;

use crate::O0_BOTH;
use crate::session::{End, Script, Session};

/// A session on `traps.c`. Its last commands, which natively do not exist or end otherwise, are in [`dies`].
macro_rules! trap {
    ($name:literal, $mode:literal, native: $native:literal, $status:literal, $script:expr) => {
        Session {
            name: concat!("trap_", $name),
            program: "traps",
            args: &[$mode],
            builds: O0_BOTH,
            native: $native,
            script: Script::Gdb($script),
            end: End::Exit($status, concat!("mode ", $mode, "\n")),
        }
    };
}

pub(crate) const SESSIONS: &[Session] = &[
    trap!("oob", "oob", native: true, 134, |gdb| {
        fault(gdb, "SIGSEGV, Segmentation fault.", "read_far (what=0x", "oob");
        gdb.go("print far").has("(volatile int *) 0xfffffff0");
        gdb.ours("info locals", "a variable that is not set yet").has("far = 0xfffffff0");
        gdb.go("up").has("in main (argc=2");
        gdb.go("print record").has("{id = 17, name = 0x").has("\"seventeen\"}");
        dies(gdb, "out of bounds", "SIGSEGV");
    }),
    trap!("wild", "wild", native: true, 134, |gdb| {
        fault(gdb, "SIGSEGV, Segmentation fault.", "write_far (record=0x", "wild");
        gdb.go("print before").is("17");
        gdb.go("print *record").has("Cannot access memory at address 0x");
        dies(gdb, "out of bounds", "SIGSEGV");
    }),
    trap!("unreachable", "unreachable", native: true, 134, |gdb| {
        fault(gdb, "SIGILL, Illegal instruction.", "give_up (code=2)", "unreachable");
        gdb.go("print code").is("2");
        dies(gdb, "unreachable", "SIGILL");
    }),
    trap!("div0", "div0", native: true, 134, |gdb| {
        fault(gdb, "SIGFPE, Arithmetic exception.", "divide (a=84, b=0)", "div0");
        gdb.go("info locals").has("half = 42");
        dies(gdb, "divide by zero", "SIGFPE");
    }),
    trap!("overflow", "overflow", native: true, 134, |gdb| {
        fault(gdb, "SIGFPE, Arithmetic exception.", "negate (a=-2147483648)", "overflow");
        gdb.go("print minus_one").is("-1");
        dies(gdb, "overflow", "SIGFPE");
    }),
    // Natively the processor goes to the bad place first; here the call itself traps.
    trap!("badcall", "badcall", native: false, 134, |gdb| {
        fault(gdb, "SIGILL, Illegal instruction.", "call_bad (place=16777215)", "badcall");
        gdb.go("info locals").has("f = 0xffffff");
        dies(gdb, "undefined element", "SIGILL");
    }),
    trap!("nullcall", "nullcall", native: false, 134, |gdb| {
        fault(gdb, "SIGILL, Illegal instruction.", "call_bad (place=0)", "badcall");
        gdb.go("print f").is("(int (* volatile)(int)) 0x0");
        dies(gdb, "uninitialized element", "SIGILL");
    }),
    trap!("wrongcall", "wrongcall", native: false, 134, |gdb| {
        fault(gdb, "SIGILL, Illegal instruction.", "call_wrong ()", "wrongcall");
        gdb.go("print f").has("<takes_double>");
        dies(gdb, "type", "SIGILL");
    }),
    trap!("stack", "stack", native: true, 134, stack),
    trap!("abort", "abort", native: false, 134, abort),
    trap!("exit3", "exit3", native: true, 3, |gdb| {
        gdb.connect();
        gdb.go("continue").has("exited with code 03]");
        gdb.go("print $_exitcode").is("3");
    }),
];

/// Runs into the trap, and looks at the stop and at the frames.
fn fault(gdb: &mut Gdb, signal: &str, frame: &str, mark: &str) {
    gdb.connect();
    gdb.go("continue").has(&format!("Program received signal {signal}\n")).has(frame).at(mark);
    gdb.go("bt")
        .has("#0  ")
        .has(frame)
        .has(&format!("at {{{mark}}}\n"))
        .has("in main (argc=2, argv=0x")
        .lacks("#2");
}

/// Asks why, and lets the program end.
fn dies(gdb: &mut Gdb, why: &str, signal: &str) {
    if gdb.is_ours() {
        gdb.ours("monitor why", "our own command").has(why);
    }
    gdb.go("continue").has(&format!("Program terminated with signal {signal}, "));
    gdb.go("info threads").has("No threads.");
}

fn stack(gdb: &mut Gdb) {
    gdb.connect();
    gdb.ours("continue", "the depth")
        .has("Program received signal SIGSEGV, Segmentation fault.\n")
        .has("descend (depth=");
    gdb.ours("bt 3", "the depth")
        .has("#0  ")
        .has("#1  0x")
        .has("in descend (depth=")
        .has("at {stack}")
        .has("(More stack frames follow...)");
    gdb.ours("bt -3", "the depth")
        .has("in descend (depth=2) at {stack}\n")
        .has("in descend (depth=1) at {stack}\n")
        .has("in main (argc=2");
    gdb.ours("frame function main", "the depth").has("in main (argc=2");
    gdb.go("print record.id").is("17");
    gdb.ours("down", "the depth").has("in descend (depth=1)").at("stack");
    if gdb.is_ours() {
        gdb.ours("monitor why", "our own command");
    }
    gdb.go("continue").has("Program terminated with signal SIGSEGV, ");
}

fn abort(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("continue").has("Program received signal SIGILL, Illegal instruction.\n").has("abort (");
    gdb.go("bt")
        .has(" in abort_at (n=0) at {abort}\n")
        .has(" in abort_at (n=1) at traps.c:")
        .has(" in abort_at (n=2) at traps.c:")
        .has(" in main (argc=2");
    gdb.go("frame function abort_at").has("in abort_at (n=0)").at("abort");
    gdb.go("print n").is("0");
    dies(gdb, "unreachable", "SIGILL");
}
