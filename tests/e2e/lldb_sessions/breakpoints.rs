//! Breakpoints of every kind.

use tests::lldb::{Lldb, Way};

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("break_forms", forms),
    session("break_conditions", conditions),
    session("break_commands", commands),
    session("break_address", address),
    session("break_many", many),
    session("break_on_stack", functions_on_the_stack),
];

const fn session(name: &'static str, script: fn(&mut Lldb)) -> Session {
    let end = End::Exit(0, "fib = 5\nsum = 15\nproduct = 105\nwalk = 8\n");
    let script = Script::Lldb(&[Way::Plugin], script);
    Session { name, program: "steps", args: &["5"], builds: O0, native: true, script, end }
}

fn forms(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b main").has("Breakpoint 1: where = ").names("main-first");
    lldb.go("b {main-fib}").has("Breakpoint 2: where = ").names("main-fib");
    lldb.go("breakpoint set --file steps.c --line 70").names("main-report");
    lldb.go("breakpoint set --func-regex '^(add|multiply)$'").has("2 locations");
    lldb.go("breakpoint set --source-pattern-regexp 'total .= i' --file steps.c").names("loop-body");
    lldb.go("tbreak walk").has("Breakpoint 6: where = ");
    lldb.go("b no_such_function").has("no locations (pending)");
    lldb.go("breakpoint list --brief").has("1: name = 'main', locations = 1").has("no_such_function");
    lldb.go("continue").has("stop reason = breakpoint 1.1").at("main-first");
    lldb.go("continue").has("stop reason = breakpoint 2.1").at("main-fib");
    lldb.go("continue").has("stop reason = breakpoint 3.1").at("main-report");
    lldb.go("breakpoint disable 2 3").has("2 breakpoints disabled.");
    lldb.go("continue").has("stop reason = breakpoint 5.1").has("sum_to(n=5)").at("loop-body");
    lldb.go("breakpoint delete 5");
    lldb.go("continue").has("stop reason = breakpoint 4.1").has("add(a=3, b=4)").at("add-first");
    lldb.go("continue").has("stop reason = breakpoint 4.2").has("multiply(a=7, b=15)").at("multiply-first");
    lldb.go("continue").has("stop reason = one-shot breakpoint 6").has("walk(n=6)");
    lldb.go("breakpoint delete 1 4").has("2 breakpoints deleted");
    lldb.go("breakpoint list").lacks("tbreak").has("hit count = 1");
    lldb.go("continue").has("exited with status = 0");
}

fn conditions(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --file steps.c --line 14 --condition 'n == 0'").names("fib-base");
    lldb.go("b {loop-body}").names("loop-body");
    lldb.go("breakpoint modify --condition 'i == 3 && total == 3' 2");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("fib(n=0)").at("fib-base");
    lldb.go("breakpoint modify --condition '' 1");
    lldb.go("breakpoint modify --ignore-count 2 1");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("fib(n=0)").at("fib-base");
    lldb.go("breakpoint delete 1");
    lldb.go("breakpoint set --file steps.c --line 14 --condition 'n > 100'").names("fib-base");
    lldb.go("continue").has("stop reason = breakpoint 2.1").at("loop-body");
    lldb.go("p i").is("(int) 3");
    lldb.go("p total").is("(int) 3");
    lldb.go("breakpoint list 2").has("Condition: i == 3 && total == 3");
    lldb.go("continue").has("exited with status = 0");
}

fn commands(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b {walk-return}").names("walk-return");
    lldb.go("breakpoint command add 1\np steps\nbt 1\nDONE");
    lldb.go("breakpoint set --file steps.c --line 43 --auto-continue true --command 'p i'")
        .names("loop-body");
    lldb.go("breakpoint set --one-shot true --name report --command 'frame variable value'");
    lldb.go("continue").has("report(what=\"fib\", value=5)").has("(int) value = 5");
    lldb.go("continue").has("(int) 1").has("(int) 5").has("(int) 8").at("walk-return");
    lldb.go("breakpoint list 2").has("hit count = 5");
    lldb.go("continue").has("exited with status = 0");
}

fn address(lldb: &mut Lldb) {
    super::run_to(lldb, "loop-before");
    let place = lldb.fixture().place("loop-body");
    let set = lldb.hidden(&format!("b {place}"));
    let address = set.split_once("address = ").expect("a breakpoint has an address").1.trim().to_owned();
    lldb.hidden("breakpoint delete 2");
    lldb.ours(&format!("breakpoint set --address {address}"), "machine code").names("loop-body");
    for i in 1..=3 {
        lldb.go("continue").has("stop reason = breakpoint 3.1").at("loop-body");
        lldb.go("p i").is(&format!("(int) {i}"));
    }
    lldb.go("breakpoint delete 3");
    lldb.go("continue").has("exited with status = 0");
}

fn many(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --source-pattern-regexp '// BREAK' --file steps.c").has("locations");
    lldb.go("continue").at("main-first");
    lldb.go("continue").at("main-fib");
    lldb.go("continue").at("fib-first");
    for _ in 0..20 {
        lldb.go("continue").has("stop reason = breakpoint 1.");
    }
    lldb.go("breakpoint disable").has("All breakpoints disabled.");
    lldb.go("continue").has("exited with status = 0");
}

fn functions_on_the_stack(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("tbreak {fib-base}");
    lldb.go("continue").has("fib(n=1)").at("fib-base");
    lldb.go("b {fib-second}").names("fib-second");
    lldb.go("b {fib-sum}").names("fib-sum");
    lldb.go("tbreak {main-report}").names("main-report");
    lldb.go("continue").has("stop reason = breakpoint 2.1").has("fib(n=2)").at("fib-second");
    lldb.go("continue").has("stop reason = breakpoint 3.1").has("fib(n=2)").at("fib-sum");
    lldb.go("p a").is("(int) 1");
    lldb.go("p b").is("(int) 0");
    lldb.go("breakpoint delete");
    lldb.go("tbreak {main-report}");
    lldb.go("continue").at("main-report");
    lldb.go("continue").has("exited with status = 0");
}
