//! A program with three threads.

use tests::lldb::{Lldb, Way};

use crate::O0;
use crate::session::{End, Script, Session};

const RESULTS: &str = "results 26 51\n";

pub(crate) const SESSIONS: &[Session] = &[
    session("threads_break", &[], breakpoint, End::Exit(0, RESULTS)),
    session("threads_short", &["short"], to_its_end, End::Exit(0, RESULTS)),
    session("threads_trap", &["trap"], trap, End::Exit(134, "starting\n")),
    session("threads_exit", &["exit"], exit, End::Exit(3, "starting\n")),
];

const fn session(
    name: &'static str,
    args: &'static [&'static str],
    script: fn(&mut Lldb),
    end: End,
) -> Session {
    let script = Script::Lldb(&[Way::Plugin], script);
    Session { name, program: "threads", args, builds: O0, native: false, script, end }
}

fn breakpoint(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b work").names("work");
    lldb.go("continue").has("* thread #2").has("stop reason = breakpoint 1.1").has("work(job=0x").at("work");
    lldb.go("p job->number").is("(int) 5");
    lldb.go("bt 2").has("work(job=0x").has("worker(argument=0x");
    let threads = lldb.hidden("thread list");
    assert_eq!(threads.matches("thread #").count(), 3, "{threads}");
    assert!(threads.contains("* thread #2") && threads.contains("wait_for"), "{threads}");
    let all = lldb.hidden("bt all");
    for function in ["`work(", "`worker(", "`thread_main(", "`wait_for(", "`__main_argc_argv("] {
        assert!(all.contains(function), "{function} in {all}");
    }
    let other = lldb.hidden("thread backtrace 3");
    assert!(other.contains("worker(argument=0x") && !other.contains("`work("), "{other}");
    lldb.go("next").has("* thread #2").has("stop reason = step over").at("call");
    lldb.go("next").has("* thread #2").at("add");
    lldb.go("p job->result").is("(int) 25");
    lldb.go("thread step-over --run-mode this-thread").has("* thread #2").at("early");
    lldb.go("p job->result").is("(int) 26");
    lldb.go("continue").has("* thread #3").has("stop reason = breakpoint 1.1").has("work(job=0x");
    lldb.go("p job->number").is("(int) 7");
    lldb.go("breakpoint delete");
    lldb.go("continue").has("exited with status = 0");
}

fn to_its_end(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("tbreak {results}");
    lldb.go("continue").has("* thread #1").at("results");
    lldb.go("p jobs").has("(number = 5, result = 26)");
    lldb.go("continue").has("exited with status = 0");
}

fn trap(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("continue").has("* thread #2").has("stop reason = wasm trap: unreachable").at("trap");
    lldb.go("p number").is("(int) 5");
    lldb.go("continue").has("Process 1 exited with status = ");
}

fn exit(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("tbreak {exit}");
    lldb.go("continue").has("* thread #2").at("exit");
    lldb.go("continue").has("exited with status = 3 (0x00000003)");
}
