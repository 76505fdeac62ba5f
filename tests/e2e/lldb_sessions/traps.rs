//! Programs that end badly: the reason in words, the line, the frames; and exit codes.

use tests::lldb::{Lldb, Way};

use crate::O0;
use crate::session::{End, Script, Session};

/// A session on `traps.c`.
macro_rules! trap {
    ($name:literal, $mode:literal, $status:literal, $script:expr) => {
        Session {
            name: concat!("trap_", $name),
            program: "traps",
            args: &[$mode],
            builds: O0,
            native: false,
            script: Script::Lldb(&[Way::Plugin], $script),
            end: End::Exit($status, concat!("mode ", $mode, "\n")),
        }
    };
}

pub(crate) const SESSIONS: &[Session] = &[
    trap!("oob", "oob", 134, |lldb| {
        fault(lldb, "out of bounds", "read_far(what=\"oob\")", "oob");
        lldb.go("p far").has("0xfffffff0");
        lldb.go("up");
        lldb.go("p record").has("id = 17").has("\"seventeen\"");
        dies(lldb);
    }),
    trap!("unreachable", "unreachable", 134, |lldb| {
        fault(lldb, "unreachable", "give_up(code=2)", "unreachable");
        dies(lldb);
    }),
    trap!("div0", "div0", 134, |lldb| {
        fault(lldb, "integer divide by zero", "divide(a=84, b=0)", "div0");
        lldb.go("frame variable half").is("(int) half = 42");
        dies(lldb);
    }),
    trap!("overflow", "overflow", 134, |lldb| {
        fault(lldb, "integer overflow", "negate(a=-2147483648)", "overflow");
        dies(lldb);
    }),
    trap!("badcall", "badcall", 134, |lldb| {
        fault(lldb, "undefined element", "call_bad(place=16777215)", "badcall");
        dies(lldb);
    }),
    trap!("wrongcall", "wrongcall", 134, |lldb| {
        fault(lldb, "indirect call type mismatch", "call_wrong", "wrongcall");
        dies(lldb);
    }),
    trap!("stack", "stack", 134, |lldb| {
        lldb.connect();
        lldb.go("continue").has("stop reason = wasm trap: ");
        lldb.go("bt 3").has("frame #2: ").has("descend(depth=");
        dies(lldb);
    }),
    trap!("abort", "abort", 134, |lldb| {
        lldb.connect();
        lldb.go("continue").has("unreachable");
        lldb.go("bt").has("abort_at(n=0) at {abort}").has("`__main_argc_argv(argc=2");
        dies(lldb);
    }),
    trap!("exit3", "exit3", 3, |lldb| {
        lldb.connect();
        lldb.go("continue").has("Process 1 exited with status = 3 (0x00000003)");
    }),
];

/// Runs into a trap.
#[track_caller]
fn fault(lldb: &mut Lldb, words: &str, frame: &str, mark: &str) {
    lldb.connect();
    lldb.go("continue").has(&format!("stop reason = wasm trap: {words}")).has(frame).at(mark);
    lldb.go("bt").has(frame).has("`__main_argc_argv(argc=2").lacks("??");
}

/// The program cannot go on.
#[track_caller]
fn dies(lldb: &mut Lldb) {
    lldb.go("continue").has("Process 1 exited with status = ");
}
