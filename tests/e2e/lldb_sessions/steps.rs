//! Stepping: over and into calls, through function pointers, out of functions, by instruction, to a line.

use tests::lldb::{Lldb, Way};

use super::{NO_ABI, run_to};
use crate::session::{End, Script, Session};
use crate::{O0, O0_BOTH};

pub(crate) const SESSIONS: &[Session] = &[
    Session { builds: O0_BOTH, ..session("step_over", next) },
    session("step_in", step),
    session("step_out", finish),
    session("step_recursion", recursion),
    session("step_until", until),
    session("step_instruction", instructions),
];

const fn session(name: &'static str, script: fn(&mut Lldb)) -> Session {
    let end = End::Exit(0, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n");
    let script = Script::Lldb(&[Way::Plugin], script);
    Session { name, program: "steps", args: &["4"], builds: O0, native: true, script, end }
}

fn next(lldb: &mut Lldb) {
    run_to(lldb, "main-first");
    lldb.go("next").has("stop reason = step over").at("main-fib");
    lldb.go("next").has("stop reason = step over").at("main-report");
    lldb.go("p f").is("(int) 3");
    lldb.go("next").at("main-sum");
    lldb.go("next").lacks("sum_to(n");
    lldb.go("next").at("main-apply");
    lldb.go("next");
    lldb.go("next").at("main-product");
    lldb.go("p p").is("(int) 7");
    lldb.go("p q").is("(int) 105");
    lldb.go("thread step-over").at("main-walk");
    lldb.go("next").lacks("walk(n");
    lldb.go("next").at("main-return");
    lldb.go("continue").has("exited with status = 0");
}

/// Why a failed `thread until` differs: natively the rest of the caller's line is left to run, in which nothing is.
const UNTIL: &str = "where in a line a call returns to";

/// `step` into a function. lldb skips its prologue if it knows that the frame is a new one, which it does not with Wasm.
#[track_caller]
fn into(lldb: &mut Lldb, shown: &str) {
    lldb.ours("step", NO_ABI).has("stop reason = step in").has(shown);
    if lldb.is_ours() {
        lldb.hidden("next");
    }
}

fn step(lldb: &mut Lldb) {
    run_to(lldb, "main-fib");
    into(lldb, "fib(n=");
    lldb.go("frame variable n").is("(int) n = 4");
    lldb.go("step");
    lldb.go("step").at("fib-first");
    into(lldb, "fib(n=");
    lldb.go("frame variable n").is("(int) n = 3");
    lldb.go("tbreak {main-report}");
    lldb.go("continue").at("main-report");
    into(lldb, "report(what=");
    lldb.go("frame variable what value").has("\"fib\"").has("(int) value = 3");
    // Natively printf has no lines, so that it is stepped over; our C library has them, but no source.
    lldb.ours("step", "our C library has lines").has("stop reason = step in");
    if lldb.is_ours() {
        lldb.hidden("finish");
        lldb.hidden("next");
    }
    lldb.go("frame variable value").is("(int) value = 3");
    lldb.go("tbreak {main-apply}");
    lldb.go("continue").at("main-apply");
    into(lldb, "apply(op=");
    lldb.ours("step", "function pointers are indices").at("apply-call");
    into(lldb, "add(a=");
    lldb.go("frame variable a b").has("(int) a = 3").has("(int) b = 4");
    lldb.go("continue").has("exited with status = 0");
}

fn finish(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b {add-first}");
    lldb.go("b walk");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("add(a=3, b=4)").at("add-first");
    lldb.ours("finish", NO_ABI).has("stop reason = step out").at("apply-call");
    lldb.ours("finish", NO_ABI).has("stop reason = step out").has("(argc=2").at("main-apply");
    lldb.go("continue").has("stop reason = breakpoint 2.1").has("walk(n=6)");
    lldb.ours("thread step-out", NO_ABI).has("(argc=2").at("main-walk");
    lldb.go("continue").has("exited with status = 0");
}

fn recursion(lldb: &mut Lldb) {
    run_to(lldb, "fib-base");
    lldb.ours("finish", NO_ABI).has("stop reason = step out").at("fib-first");
    lldb.go("frame variable n").is("(int) n = 2");
    lldb.go("next").at("fib-second");
    lldb.go("next").at("fib-sum");
    lldb.go("p b").is("(int) 0");
    lldb.ours("finish", NO_ABI).at("fib-first");
    lldb.go("p n").is("(int) 3");
    lldb.go("next").at("fib-second");
    lldb.go("next").at("fib-sum");
    lldb.go("p a * 10 + b").is("(int) 11");
    lldb.ours("finish", NO_ABI).at("fib-first");
    lldb.go("p n").is("(int) 4");
    lldb.go("continue").has("exited with status = 0");
}

fn until(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b sum_to");
    lldb.go("continue").has("sum_to(n=5)").at("loop-before");
    let after = lldb.fixture().line("loop-after");
    lldb.go(&format!("thread until {after}")).has("stop reason = step until").at("loop-after");
    lldb.go("p total").is("(int) 15");
    lldb.go("tbreak walk");
    lldb.go("continue").has("walk(n=6)");
    // A line that is not reached before the function has returned: its first.
    let never = lldb.fixture().line("walk-odd") - 3;
    lldb.ours(&format!("thread until {never}"), UNTIL).at("main-walk");
    lldb.go("continue").has("exited with status = 0");
}

fn instructions(lldb: &mut Lldb) {
    run_to(lldb, "main-fib");
    let before = lldb.hidden("register read pc");
    lldb.ours("thread step-inst-over", "machine code").has("stop reason = instruction step over");
    assert_ne!(lldb.hidden("register read pc"), before);
    let line = format!("steps.c:{}:", lldb.fixture().line("main-fib"));
    let mut over = 0;
    while lldb.hidden("frame info").contains(&line) {
        over += 1;
        assert!(over < 50, "nexti never leaves the line");
        lldb.hidden("nexti");
    }
    lldb.go("p f").is("(int) 3");
    let mut into = 0;
    while !lldb.hidden("frame info").contains("`report") {
        into += 1;
        assert!(into < 50, "stepi never enters the function");
        lldb.hidden("stepi");
    }
    lldb.ours("bt 2", "arguments are not in their places yet").has("`report").has("at {main-report}");
    lldb.go("tbreak {report-return}");
    lldb.go("continue").at("report-return");
    lldb.go("continue").has("exited with status = 0");
}
