//! lldb 14, 16 and 19, which know no Wasm, with the symbol file.

use tests::lldb::{Lldb, Way};

use crate::session::{End, Script, Session};
use crate::{O0, O0_BOTH};

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        args: &["4"],
        end: End::Exit(0, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n"),
        ..session("old_recursion", "steps", recursion)
    },
    Session {
        args: &["4"],
        builds: O0,
        end: End::Exit(0, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n"),
        ..session("old_steps", "steps", steps)
    },
    Session { args: &["one"], ..session("old_values", "values", values) },
    Session {
        builds: O0,
        end: End::Exit(0, "sum=10 deep=3 counter=9\n"),
        ..session("old_watch", "watched", watch)
    },
    Session { builds: O0, args: &["div0"], ..session("old_trap", "traps", trap) },
];

const fn session(name: &'static str, program: &'static str, script: fn(&mut Lldb)) -> Session {
    let script = Script::Lldb(&[Way::Old(14), Way::Old(16), Way::Old(19)], script);
    Session { name, program, args: &[], builds: O0_BOTH, native: false, script, end: End::Killed }
}

fn recursion(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --file steps.c --line 13 --condition 'n == 1'").has("where = ");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("fib(n=1) at steps.c:13");
    lldb.go("bt").has("fib(n=1)").has("fib(n=4)").has("main(argc=2");
    for (frame, n) in ["1", "2", "3", "4"].into_iter().enumerate() {
        lldb.go(&format!("frame select {frame}")).has(&format!("fib(n={n}) at steps.c:"));
        lldb.go("frame variable n").is(&format!("(int) n = {n}"));
        lldb.go("expr n * 10").has(&format!(" = {n}0"));
    }
    lldb.go("breakpoint delete 1");
    lldb.go("frame select 0");
    lldb.go("finish").has("stop reason = step out").has("Return value: (int) $").at("fib-first");
    lldb.go("frame variable n").is("(int) n = 2");
    lldb.go("next").has("stop reason = step over").at("fib-second");
    lldb.go("next").has("stop reason = step over").at("fib-sum");
    lldb.go("frame variable n a b").has("(int) n = 2").has("(int) a = 1").has("(int) b = 0");
    lldb.go("expr a = 5").has(" = 5");
    lldb.go("expr a = 1").has(" = 1");
    lldb.go("continue").has("exited with status = 0");
}

fn steps(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b main").names("main-first");
    lldb.go("continue").has("stop reason = breakpoint 1.1").at("main-first");
    lldb.go("next").at("main-fib");
    lldb.go("step").has("stop reason = step in").has("fib(n=4) at steps.c:12");
    lldb.go("finish").has("Return value: (int) $0 = 3").at("main-fib");
    lldb.go("next").at("main-report");
    lldb.go("step").has("value=3) at {report-print}").at("report-print");
    // printf has no source: it is stepped over.
    lldb.go("step").at("report-return");
    lldb.go("tbreak apply").has(" at steps.c:");
    lldb.go("continue").has("apply(op=").has("a=3, b=4) at steps.c:34");
    lldb.go("next").at("apply-call");
    lldb.go("step").has("add(a=3, b=4) at {add-first}").at("add-first");
    lldb.go("finish").has("Return value: (int) $1 = 7").at("apply-call");
    lldb.go("thread until 36").at("apply-return");
    lldb.go("thread step-inst").has("stop reason = instruction step into");
    lldb.go("breakpoint set --func-regex ^walk$").has(" at steps.c:");
    lldb.go("continue").has("walk(n=6)");
    lldb.go("continue").has("exited with status = 0");
}

fn values(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b {scalars-return}").names("scalars-return");
    lldb.go("continue").at("scalars-return");
    lldb.go("frame variable").has("(long) l = -100000").has("(unsigned long) ul = 4000000000");
    lldb.go("expr sizeof(long) + sizeof(void *)").has(" = 8");
    lldb.go("frame variable bits").has("kind = 5").has("delta = -7").has("id = 78187493530");
    lldb.go("frame variable u.f").is("(float) u.f = 1.5");
    lldb.go("expr ull + 1").has("18364758544493064721");
    lldb.go("frame variable color").has(" color = BLUE");
    lldb.go("expr sh = 12").has(" = 12");
    lldb.go("expr sh + 1").has(" = 13");
    lldb.go("target variable table").has("[0] = 1.5");
    lldb.go("target variable global_text").has("\"hello, wasm\"");
    lldb.go("memory read --count 5 --format c &buffer").has("01234");
    lldb.go("target variable big").has("-5000000000000");
    lldb.go("target variable commands[1].name").has("\"sub\"");
}

fn watch(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b {assign}").names("assign");
    lldb.go("continue").at("assign");
    lldb.go("watchpoint set variable counter").has("Watchpoint created: Watchpoint 1: addr = 0x");
    lldb.go("continue").has("stop reason = watchpoint 1").at("same");
    lldb.go("watchpoint delete 1").has("1 watchpoints deleted.");
    lldb.go("continue").has("exited with status = 0");
}

fn trap(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("continue").has("stop reason = wasm trap: integer divide by zero").at("div0");
    lldb.go("bt").has("divide(a=84, b=0)").has("main(argc=2");
    lldb.go("frame variable half").is("(int) half = 42");
}
