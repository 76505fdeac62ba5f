//! The ways in which lldb comes to a program.

use tests::lldb::{Lldb, Way};

use crate::session::{End, Script, Session};
use crate::{O0, O0_BOTH};

/// What the program prints with the argument 4.
const PRINTED: &str = "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n";

/// The same with the argument 6.
const PRINTED_6: &str = "fib = 8\nsum = 15\nproduct = 105\nwalk = 8\n";

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        builds: O0_BOTH,
        native: true,
        ..session("connect", &[Way::Plugin, Way::Module, Way::Launch], connect)
    },
    session("plain", &[Way::Plain], plain),
    Session { end: End::Exit(0, PRINTED_6), ..session("run", &[Way::Launch], run) },
    Session {
        program: "traps",
        end: End::Exit(3, "mode exit3\nmode div0\nmode exit3\n"),
        ..session("run_again", &[Way::Launch], run_again)
    },
    session("before_connecting", &[Way::Module], before_connecting),
];

const fn session(name: &'static str, ways: &'static [Way], script: fn(&mut Lldb)) -> Session {
    let script = Script::Lldb(ways, script);
    Session {
        name,
        program: "steps",
        args: &["4"],
        builds: O0,
        native: false,
        script,
        end: End::Exit(0, PRINTED),
    }
}

fn connect(lldb: &mut Lldb) {
    // If lldb starts the program, it does not say where it stands.
    let is_shown = lldb.is_ours() && lldb.way() != Way::Launch;
    let answer = lldb.connect();
    if is_shown {
        answer.has("Process 1 stopped").has("`_start.command_export");
    }
    lldb.ours("bt", "the start of a program is the system's").has("frame #0").lacks("frame #1");
    lldb.go("breakpoint set --name main").names("main-first");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("(argc=2, argv=0x").at("main-first");
    lldb.go("frame variable argc").is("(int) argc = 2");
    lldb.go("p argv[1]").has("\"4\"");
    lldb.go("next").at("main-fib");
    lldb.go("p n").is("(int) 4");
    lldb.go("continue").has("exited with status = 0 (0x00000000)");
}

/// lldb does not choose its Wasm plugin by itself here: lines and steps work, callers and variables do not.
fn plain(lldb: &mut Lldb) {
    lldb.connect().has("Process 1 stopped").has("`_start.command_export");
    lldb.go("breakpoint set --name fib").has(" at steps.c:12");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("-> 12");
    lldb.go("next").has("-> 13");
    lldb.go("bt").has("fib").lacks("frame #1");
    lldb.go("breakpoint delete");
    lldb.go("continue").has("exited with status = 0");
}

/// lldb starts the server, and gives the program its arguments.
fn run(lldb: &mut Lldb) {
    lldb.create_target();
    lldb.go("b main").names("main-first");
    lldb.go("run 6").at("main-first");
    lldb.go("p argv[1]").has("\"6\"");
    lldb.go("next");
    lldb.go("p n").is("(int) 6");
    lldb.go("continue").has("exited with status = 0");
}

/// Each `run` is another server, with the breakpoints and arguments of before unless there are others.
fn run_again(lldb: &mut Lldb) {
    lldb.create_target();
    lldb.go("run exit3").has("exited with status = 3 (0x00000003)");
    lldb.go("run div0").has("stop reason = wasm trap: integer divide by zero").at("div0");
    lldb.go("bt").has("divide(a=84, b=0)").has("(argc=2, argv=0x");
    lldb.kill_process();
    lldb.go("settings set target.run-args exit3");
    lldb.go("b main").has(" at traps.c:");
    lldb.go("run").has("stop reason = breakpoint 1.1").has("(argc=2, argv=0x");
    lldb.go("p argv[1]").has("\"exit3\"");
    lldb.go("continue").has("exited with status = 3 (0x00000003)");
}

fn before_connecting(lldb: &mut Lldb) {
    lldb.create_target();
    lldb.go("b sum_to").names("loop-before");
    lldb.go("tbreak {fib-sum}").names("fib-sum");
    let connect = lldb.connection().expect("the server runs");
    lldb.go(&connect).has("Process 1 stopped");
    lldb.go("breakpoint list").has("resolved = 1, hit count = 0");
    lldb.go("continue").has("stop reason = one-shot breakpoint 2").at("fib-sum");
    lldb.go("p a + b").is("(int) 1");
    lldb.go("continue").has("stop reason = breakpoint 1.1").at("loop-before");
    lldb.go("continue").has("exited with status = 0");
}
