//! Tracepoints: what the program was like when it passed them, looked at later.

use tests::gdb::Gdb;

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("trace_frames", frames),
    session("trace_steps", steps),
    session("trace_limits", limits),
    session("trace_circular", circular),
    session("trace_variables", variables),
    session("trace_find", find),
    session("trace_kinds", kinds),
    Session {
        program: "threads",
        args: &[],
        end: End::Exit(0, "results 26 51\n"),
        ..session("trace_threads", threads)
    },
];

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

/// The newest frames stay.
fn circular(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("trace fib");
    gdb.go("actions\ncollect n\nend");
    gdb.go("set circular-trace-buffer on");
    gdb.go("set trace-buffer-size 1000");
    gdb.go("tstart");
    gdb.go("break sum_to");
    gdb.go("continue").has("sum_to (n=5)");
    status(gdb, &["Trace is running on the target.", "(of 15 created total)", "Trace buffer is circular."]);
    gdb.go("tstop");
    gdb.go("tfind start").has("Found trace frame 0, tracepoint 1");
    // The last calls of `fib(5)` are those of `fib(3)`: 3, 2, 1, 0, 1.
    let mut seen = Vec::new();
    for _ in 0..15 {
        let value = gdb.hidden("output n");
        seen.push(value.trim().to_owned());
        if !gdb.hidden("tfind").contains("Found trace frame") {
            break;
        }
    }
    assert!("3 2 1 0 1".ends_with(&seen.join(" ")) && seen.len() > 1, "{seen:?}");
    gdb.go("tfind none");
    gdb.go("set circular-trace-buffer off");
    gdb.go("set trace-buffer-size unlimited");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

/// Variables of the trace, in conditions and actions.
fn variables(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tvariable $seen = 10").has("Trace state variable $seen created, with initial value 10.");
    gdb.go("tvariable $deep");
    gdb.go("trace fib if $seen < 14");
    gdb.go("actions\ncollect n, $seen\nteval $seen = $seen + 1\nend");
    gdb.go("trace {loop-body}");
    gdb.go("actions\nteval $deep = $deep + i\ncollect $deep\nend");
    gdb.go("info tvariables").has("$seen           10          <undefined>");
    gdb.go("tstart");
    gdb.go("break walk");
    gdb.go("continue").has("walk (n=6)");
    gdb.go("print $seen").is("14");
    gdb.go("info tvariables").has("$seen           10          14").has("$deep           0           15");
    gdb.go("tstop");
    gdb.go("tfind 3").has("Found trace frame 3, tracepoint 1");
    gdb.go("tdump").has("$seen = 13");
    gdb.go("tfind").has("Found trace frame 4, tracepoint 2");
    gdb.go("print $deep").is("1");
    gdb.go("tfind 8").has("Found trace frame 8, tracepoint 2");
    gdb.go("print $deep").is("15");
    gdb.go("tfind end");
    gdb.go("delete tvariable $deep");
    gdb.go("info tvariables").has("$seen").lacks("$deep");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

/// Every way to look for a frame.
fn find(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("trace {fib-base}");
    gdb.go("actions\ncollect n\nend");
    gdb.go("trace {loop-body}");
    gdb.go("actions\ncollect $locals\nend");
    gdb.go("passcount 3").has("Setting tracepoint 2's passcount to 3");
    gdb.go("tstart");
    gdb.go("break walk");
    gdb.go("continue").has("walk (n=6)");
    status(gdb, &["Trace stopped by tracepoint 2.", "Collected 11 trace frames."]);
    gdb.go("tfind start").has("Found trace frame 0, tracepoint 1").has("fib (n=1)");
    gdb.go("tfind pc").has("Found trace frame 1, tracepoint 1");
    gdb.go("print n").is("0");
    gdb.go("tfind -").has("Found trace frame 0, tracepoint 1");
    gdb.go("tfind line {loop-body}").has("Found trace frame 8, tracepoint 2").at("loop-body");
    gdb.go("print i").is("1");
    gdb.go("tfind tracepoint").has("Found trace frame 9, tracepoint 2");
    gdb.go("print i").is("2");
    gdb.go("print $trace_frame").is("9");
    gdb.go("print $tracepoint").is("2");
    gdb.go("print $trace_line == 44 || $trace_line == 43").is("1");
    gdb.go("tfind tracepoint 1").has("Target failed to find requested trace frame.");
    gdb.go("tfind start");
    gdb.go("tfind outside fib, fib + 200").has("Found trace frame 8, tracepoint 2");
    gdb.go("tfind range sum_to, sum_to + 100").has("Found trace frame 9, tracepoint 2");
    gdb.go("tfind 99").has("Target failed to find requested trace frame.");
    gdb.go("tfind end").has("walk (n=6)");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

/// What the server has none of.
fn kinds(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("ftrace fib").has("May not have a fast tracepoint at 0x");
    gdb.lenient("strace -m marker", "gdb looks for markers").has("static tracepoint");
    gdb.lenient("set disconnected-tracing on", "gdb warns")
        .has("Target does not support disconnected tracing.");
    gdb.lenient("set disconnected-tracing off", "gdb warns");
    gdb.go("delete");
    gdb.go("trace fib");
    gdb.go("tstart");
    gdb.go("break walk");
    gdb.go("continue").has("walk (n=6)");
    gdb.go("tstop");
    gdb.go("tsave /dev/null").has("Failure to get requested trace buffer data");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

/// Frames of several threads, in the order in which they passed.
fn threads(gdb: &mut Gdb) {
    gdb.attach();
    gdb.go("trace square");
    gdb.go("actions\ncollect $args\nend");
    gdb.go("trace work");
    gdb.go("actions\ncollect *job\nwhile-stepping 3\ncollect job\nend\nend");
    gdb.go("tstart");
    gdb.go("break {results}");
    gdb.go("continue").has("Thread 1 \"threads\" hit Breakpoint 3, main (argc=1").at("results");
    gdb.go("tstop");
    status(gdb, &["Collected 10 trace frames."]);
    gdb.go("tfind start").has("Found trace frame 0, tracepoint 2").has("work (job=0x").at("work");
    gdb.go("print *job").is("{number = 5, result = 1}");
    gdb.go("tfind 3").has("Found trace frame 3, tracepoint 2");
    gdb.go("print $pc > (unsigned long)&work").is("1");
    gdb.go("tfind tracepoint 1").has("Found trace frame 4, tracepoint 1").has("square (number=5)");
    gdb.go("tfind").has("Found trace frame 5, tracepoint 2").has("work (job=0x");
    gdb.go("print *job").is("{number = 7, result = 2}");
    gdb.go("tfind tracepoint 1").has("Found trace frame 9, tracepoint 1").has("square (number=7)");
    gdb.go("tfind none").has("main (argc=1");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}
