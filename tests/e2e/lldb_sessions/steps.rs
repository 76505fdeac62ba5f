//! Stepping: over and into calls, through function pointers, out of functions.

use tests::lldb::{Lldb, Way};

use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] =
    &[session("step_over", next), session("step_in", step), session("step_out", finish)];

const fn session(name: &'static str, script: fn(&mut Lldb)) -> Session {
    let end = End::Exit(0, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n");
    let script = Script::Lldb(&[Way::Plugin], script);
    Session { name, program: "steps", args: &["4"], builds: &[], native: true, script, end }
}

fn next(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --name main").names("main-first");
    lldb.go("continue").has("stop reason = breakpoint 1.1").at("main-first");
    lldb.go("next").has("stop reason = step over").at("main-fib");
    lldb.go("next").has("stop reason = step over").at("main-report");
    lldb.go("p f").is("(int) 3");
    lldb.go("next").at("main-sum");
    lldb.go("next").lacks("sum_to(n");
    lldb.go("next").at("main-apply");
    lldb.go("continue").has("exited with status = 0");
}

fn step(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --one-shot true --file steps.c --line 69").names("main-fib");
    lldb.go("continue").at("main-fib");
    lldb.go("step").has("stop reason = step in").has("fib(n=4) at steps.c:12");
    lldb.go("step");
    lldb.go("step").at("fib-first");
    lldb.go("step").has("fib(n=3) at steps.c:12");
    lldb.go("tbreak {main-report}");
    lldb.go("continue").at("main-report");
    lldb.go("step").has("report(what=\"fib\", value=3) at {report-print}").at("report-print");
    // printf has no source here: it is stepped over.
    lldb.go("step").at("report-return").lacks("`printf");
    lldb.go("tbreak {main-apply}");
    lldb.go("continue").at("main-apply");
    lldb.go("step").has("apply(op=(").has("a=3, b=4) at steps.c:");
    lldb.go("step").at("apply-call");
    lldb.go("step").has("add(a=3, b=4) at {add-first}").at("add-first");
    lldb.go("continue").has("exited with status = 0");
}

fn finish(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b {add-first}");
    lldb.go("b walk");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("add(a=3, b=4)").at("add-first");
    lldb.go("finish").has("stop reason = step out").has("Return value: (int) $0 = 7").at("apply-call");
    lldb.go("finish").has("main(argc=2").at("main-apply").has("Return value: (int) $1 = 7");
    lldb.go("continue").has("stop reason = breakpoint 2.1").has("walk(n=6)");
    lldb.go("finish").has("main(argc=2").at("main-walk").has("Return value: (int) $2 = 8");
    lldb.go("continue").has("exited with status = 0");
}
