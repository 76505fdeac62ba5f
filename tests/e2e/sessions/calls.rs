//! Calls of the program's functions from gdb, frames that are left without running on, and going on elsewhere.

use tests::gdb::Gdb;

use crate::O0_BOTH;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("calls_values", values, End::Exit(70, "111 4 4")),
    session("calls_stops", stops, End::Killed),
    session("calls_traps", traps, End::Killed),
    session("calls_at_trap", at_trap, End::Exit(1, "100 3 4")),
    Session { native: false, ..session("calls_refused", refused, End::Killed) },
    session("calls_exit", exit, End::Exit(7, "")),
    session("calls_conditions", conditions, End::Killed),
    session("return_frames", returns, End::Killed),
    session("return_trapped", trapped, End::Killed),
    session("jump_lines", jumps, End::Killed),
];

const fn session(name: &'static str, script: fn(&mut Gdb), end: End) -> Session {
    Session {
        name,
        program: "calls",
        args: &[],
        builds: O0_BOTH,
        native: true,
        script: Script::Gdb(script),
        end,
    }
}

fn values(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {inner-second}");
    gdb.go("continue").has("Breakpoint 1, inner (x=5)");
    gdb.go("print fib(10)").is("55");
    gdb.go("print fib(fib(5)) + 1").is("6");
    gdb.go("print mix(1, 2.5, 30000000000LL, 0.5)").is("30000000004");
    gdb.go("print many(1, 2, 3, 4, 5, 6, 7, 8, -9)").is("123");
    gdb.go("print floats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)").is("385");
    gdb.go("print wide(-3)").is("-3000000");
    gdb.go("print next('a')").is("98 'b'");
    gdb.go("print make_pair(11, 22)").is("{a = 11, b = 22}");
    gdb.go("print make_mixed(7)").is("{n = 7, d = 3.5}");
    gdb.go("print make_large(3)").is("{n = {3, 4, 5, 6, 7, 8, 9, 10}, d = 4.5}");
    gdb.go("print sum_pair(pair)").is("7");
    gdb.go("print sum_mixed(mixed)").is("8.5");
    gdb.go("print sum_large(large)").is("36.5");
    gdb.go("print twice(only)").is("4.5");
    gdb.go("print bump(&pair)").is("4");
    gdb.go("call pair.a");
    gdb.go("call bump(&pair)").is("5");
    gdb.go("print pair.a--").is("5");
    gdb.go("print length(\"hello, world\")").is("12");
    gdb.go("print apply(fib, 7)").is("13");
    gdb.go("print y").is("10");
    gdb.go("bt").has("#0  inner (x=5)").has("#1  0x").has("in outer (x=5)");
    gdb.go("finish").has("Value returned is $").has(" = 11");
    gdb.go("print sum_mixed(make_mixed(2))").is("3");
    gdb.go("delete");
    gdb.go("continue").has("exited with code 0106]");
}

fn stops(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {inner-second}");
    gdb.go("continue").has("Breakpoint 1, inner (x=5)");
    gdb.go("break {fib-base} if n == 0");
    gdb.go("print fib(4)").has("Breakpoint 2, fib (n=0)").has("stopped while in a function called from GDB");
    gdb.go("bt").has("#4  <function called from gdb>").has("#5  inner (x=5)").has("main () at ");
    gdb.go("up").has("#1  ").has("fib (n=2)");
    gdb.go("print a").is("1");
    gdb.go("frame 5").has("inner (x=5)");
    gdb.go("print y").is("10");
    // A call within a call.
    gdb.go("print fib(2)").has("Breakpoint 2, fib (n=0)").has("stopped while in a function called from GDB");
    gdb.go("bt")
        .has("#2  <function called from gdb>")
        .has("#7  <function called from gdb>")
        .has("#8  inner (x=5)");
    gdb.go("delete 2");
    gdb.go("finish").has("Run till exit").has("fib (n=2)").has("Value returned is $").has(" = 0");
    gdb.go("finish").has("Value returned is $").has(" = 1");
    gdb.go("bt").has("#0  fib (n=0)").has("#4  <function called from gdb>").has("#5  inner (x=5)");
    gdb.go("next");
    gdb.go("set confirm off");
    gdb.go("return").has("fib (n=2)");
    gdb.go("frame 2").has("fib (n=4)");
    gdb.go("return").has("inner (x=5)");
    gdb.go("bt").has("#0  inner (x=5)").lacks("called from gdb");
    gdb.go("next").at("inner-last");
    gdb.go("print y").is("11");
}

fn traps(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {inner-second}");
    gdb.go("continue").has("Breakpoint 1, inner (x=5)");
    gdb.go("print divide(3)")
        .has("Program received signal SIGFPE, Arithmetic exception.")
        .has("signaled while in a function called from GDB")
        .has("GDB remains in the frame where the signal was received");
    gdb.go("bt").has("#0  ").has("divide (n=3)").has("#1  <function called from gdb>").has("#2  inner (x=5)");
    gdb.go("set unwindonsignal on");
    gdb.go("print divide(4)")
        .has("SIGFPE")
        .has("GDB has restored the context to what it was before the call");
    gdb.go("bt").has("#0  ").has("divide (n=3)").has("#1  <function called from gdb>").has("#2  inner (x=5)");
    gdb.go("frame 1").has("<function called from gdb>");
    gdb.go("print zero = 2").is("2");
    gdb.go("set confirm off");
    gdb.go("return");
    gdb.go("bt").has("#0  inner (x=5)").lacks("called from gdb");
    gdb.go("print divide(8)").is("4");
    gdb.go("next").at("inner-last");
}

/// gdb goes on to believe in the registers of a call that it was refused. It is not to take what is below the stack for values.
fn refused(gdb: &mut Gdb) {
    const WHY: &str = "natively such a call is made";
    gdb.connect();
    gdb.go("break {inner-second}");
    gdb.go("continue").has("Breakpoint 1, inner (x=5)");
    gdb.ours("print printf(\"x\")", WHY).has("E.functions with variable arguments cannot be called");
    gdb.go("bt").has("#0  inner (x=5)").lacks("called from gdb");
    gdb.ours("print ((int (*)(int))0)(1)", WHY).has("E.there is no function of the program at that address");
    let said = gdb.hidden("bt");
    assert!(said.contains("inner (x=") && !said.contains("x=0"), "a wrong value: {said}");
    let said = gdb.hidden("info locals");
    assert!(said.contains("y = ") && !said.contains("y = 0"), "a wrong value: {said}");
    gdb.go("next").at("inner-last");
    gdb.go("bt").has("#0  inner (x=5)").lacks("called from gdb");
    gdb.go("print y").is("11");
    gdb.go("print fib(6)").is("8");
}

/// The program itself has trapped, with an address on its operand stack.
fn at_trap(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("set confirm off");
    gdb.go("break {inner-first}");
    gdb.go("continue").has("Breakpoint 1, inner (x=5)");
    gdb.go("return 0");
    gdb.go("set var zero = 1");
    gdb.go("continue").has("SIGSEGV").has("peek (at=0xfffffff0)");
    gdb.go("print fib(5)").is("5");
    gdb.go("print sum_mixed(make_mixed(4))").is("6");
    gdb.go("print length(\"four\")").is("4");
    gdb.go("bt").has("#0  ").has("peek (at=0xfffffff0)").has("in main () at ");
    gdb.go("print at").has("0xfffffff0");
    gdb.go("return 5").has("in main () at ");
    gdb.go("print divide(8)").is("8");
    // The signal is not for the program.
    gdb.go("signal 0").has("exited with code 01]");
}

fn exit(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {inner-second}");
    gdb.go("continue").has("Breakpoint 1, inner (x=5)");
    gdb.go("print leave(7)").has("exited with code 07]").has("exited while in a function called from GDB");
}

fn conditions(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {fib-base} if sum_pair(make_pair(n, 7)) == 8");
    gdb.go("break {main-print}");
    gdb.go("continue").has("Breakpoint 2, main () at ");
    gdb.go("display bump(&pair)").has("= 4");
    gdb.go("next").has("= 5");
    gdb.go("continue").has("Breakpoint 1, fib (n=1)").has("= 6");
    gdb.go("next").has("= 7");
}

fn returns(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("set confirm off");
    gdb.go("break {inner-second}");
    gdb.go("continue").has("Breakpoint 1, inner (x=5)");
    gdb.go("return 77").has("#0  0x").has("in outer (x=5)").at("outer");
    gdb.go("next").at("outer-last");
    gdb.go("print z").is("177");
    gdb.go("return z + 1").has("in main () at ").at("main");
    gdb.go("next").at("main-print");
    gdb.go("print r").is("178");
    gdb.go("break {fib-base} if n == 0");
    gdb.go("continue").has("fib (n=0)");
    gdb.go("bt").has("#1  0x").has("in fib (n=2)").has("#2  0x").has("in fib (n=3)").has("#3  0x");
    gdb.go("frame 1").has("fib (n=2)");
    gdb.go("return 40").has("#0  0x").has("in fib (n=3)");
    gdb.go("next").has("b = fib(n - 2)");
    gdb.go("print a").is("40");
    gdb.go("finish").has("Value returned is $").has(" = 41");
}

fn trapped(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("set confirm off");
    gdb.go("break {inner-second}");
    gdb.go("continue").has("Breakpoint 1, inner (x=5)");
    gdb.go("print divide(3)").has("SIGFPE");
    gdb.go("return 12");
    gdb.go("bt").has("#0  inner (x=5)").lacks("called from gdb");
    gdb.go("next").at("inner-last");
    gdb.go("print y").is("11");
}

fn jumps(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {inner-last}");
    gdb.go("continue").has("Breakpoint 1, inner (x=5)");
    gdb.go("print y").is("11");
    gdb.go("tbreak {inner-second}");
    gdb.go("jump {inner-second}").has("Continuing at 0x").has("inner (x=5)").at("inner-second");
    gdb.go("next").at("inner-last");
    gdb.go("print y").is("12");
    gdb.go("set var $pc = $pc").lacks("E");
    gdb.go("tbreak {outer-last}");
    gdb.go("continue").has("outer (x=5)");
    gdb.go("print z").is("112");
}
