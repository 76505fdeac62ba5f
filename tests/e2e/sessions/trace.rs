//! Tracepoints: what the program was like when it passed them, looked at later.

use tests::gdb::Gdb;

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] =
    &[session("trace_frames", frames), session("trace_steps", steps), session("trace_limits", limits)];

const fn session(name: &'static str, script: fn(&mut Gdb)) -> Session {
    let end = End::Exit(0, "fib = 5\nsum = 15\nproduct = 105\nwalk = 8\n");
    Session {
        name,
        program: "steps",
        args: &["5"],
        builds: O0,
        native: false,
        script: Script::Gdb(script),
        end,
    }
}

/// `tstatus`, which tells times as well and so is in no transcript.
fn status(gdb: &mut Gdb, texts: &[&str]) {
    let said = gdb.hidden("tstatus");
    for text in texts {
        assert!(said.contains(text), "no {text:?} in {said}");
    }
}

fn frames(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("trace fib").has("Tracepoint 1 at 0x").has("file steps.c, line");
    gdb.go("actions\ncollect $args\nend");
    gdb.go("trace {loop-body} if i > 2").has("Tracepoint 2 at 0x");
    gdb.go("actions\ncollect $locals, i * 2\nend");
    status(gdb, &["No trace has been run on the target."]);
    gdb.go("tstart");
    status(gdb, &["Trace is running on the target.", "Collected 0 trace frames."]);
    gdb.go("break walk");
    gdb.go("continue").has("Breakpoint 3, walk (n=6)");
    gdb.go("tstop");
    status(gdb, &["Trace stopped by a tstop command", "Collected 18 trace frames."]);
    gdb.go("tfind start").has("Found trace frame 0, tracepoint 1").has("fib (n=5)");
    gdb.go("tdump").has("Data collected at tracepoint 1, trace frame 0:").has("n = 5");
    gdb.go("print n").is("5");
    gdb.go("print n + $trace_frame").is("5");
    gdb.go("print calls").is("<unavailable>");
    gdb.go("tfind").has("Found trace frame 1, tracepoint 1").has("fib (n=4)");
    gdb.go("tfind tracepoint 2").has("Found trace frame 15, tracepoint 2").at("loop-body");
    gdb.go("tdump").has("i = 3").has("i * 2 = 6");
    gdb.go("tfind 17").has("Found trace frame 17, tracepoint 2");
    gdb.go("info locals").has("i = 5");
    gdb.go("tfind").has("Target failed to find requested trace frame.");
    gdb.go("tfind none").has("No longer looking at any trace frame").has("walk (n=6)");
    gdb.go("print n").is("6");
    gdb.go("info tracepoints").has("tracepoint already hit 15 times").has("tracepoint already hit 3 times");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

fn steps(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("trace {fib-base}");
    gdb.go("actions\ncollect n\nwhile-stepping 2\ncollect $regs\nend\nend");
    gdb.go("passcount 3 1").has("Setting tracepoint 1's passcount to 3");
    gdb.go("tstart");
    gdb.go("break sum_to");
    gdb.go("continue").has("Breakpoint 2, sum_to (n=5)");
    status(gdb, &["Trace stopped by tracepoint 1", "Collected 7 trace frames."]);
    gdb.go("tfind start").has("Found trace frame 0, tracepoint 1").at("fib-base");
    gdb.go("tdump").has("n = 1");
    gdb.go("tfind").has("Found trace frame 1, tracepoint 1");
    gdb.go("tfind").has("Found trace frame 2, tracepoint 1");
    gdb.go("tfind").has("Found trace frame 3, tracepoint 1").at("fib-base");
    gdb.go("print n").is("0");
    gdb.go("tfind none");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

/// A buffer that is too small, once with the oldest frames thrown away.
fn limits(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("trace fib");
    gdb.go("actions\ncollect n\nend");
    gdb.go("set trace-buffer-size 1000");
    gdb.go("tstart");
    gdb.go("break sum_to");
    gdb.go("tbreak fib if n == 3");
    gdb.go("continue").has("fib (n=3)");
    gdb.go("continue").has("sum_to (n=5)");
    status(gdb, &["Trace stopped because the buffer was full"]);
    gdb.go("tfind start").has("fib (n=5)");
    gdb.go("tfind none");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}
