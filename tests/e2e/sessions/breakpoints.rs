//! Breakpoints of every form, set at every moment.

use tests::gdb::Gdb;

use crate::session::{End, Script, Session};
use crate::{O0, O0_BOTH};

pub(crate) const SESSIONS: &[Session] = &[
    session("break_forms", O0_BOTH, forms, END),
    session("break_conditions", O0, conditions, END),
    Session {
        program: "values",
        native: false,
        ..session("break_conditions_served", O0_BOTH, conditions_by_the_server, VALUES)
    },
    Session { native: false, ..session("break_conditions_unseen", O0, conditions_unseen_by_gdb, END) },
    session("break_commands", O0, commands, END),
    Session { native: false, ..session("break_dprintf_agent", O0, printed_by_the_server, END) },
    session("break_early", O0, before_connecting, END),
    session("break_on_stack", O0, functions_on_the_stack, END),
    session("break_many", O0, many_at_once, END),
    session("break_address", O0, by_address, End::Killed),
];

const END: End = End::Exit(0, "fib = 5\nsum = 15\nproduct = 105\nwalk = 8\n");

const VALUES: End = End::Exit(0, "hello, wasm #42 sum=14 area=200 op=-1 ");

const fn session(
    name: &'static str,
    builds: &'static [tests::fixture::Build],
    script: fn(&mut Gdb),
    end: End,
) -> Session {
    Session { name, program: "steps", args: &["5"], builds, native: true, script: Script::Gdb(script), end }
}

fn forms(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break fib").has("Breakpoint 1 at").has(": file steps.c, line");
    gdb.go("break {loop-body}").has("Breakpoint 2 at").names("loop-body");
    gdb.go("tbreak main").has("Temporary breakpoint 3 at");
    gdb.go("break nowhere").has("Function \"nowhere\" not defined.");
    gdb.go("break steps.c:9999").has("No line 9999 in file \"steps.c\".");
    gdb.go("continue").has("Temporary breakpoint 3, main (argc=2, argv=0x").at("main-first");
    gdb.go("continue").has("Breakpoint 1, fib (n=5) at steps.c:");
    gdb.go("bt").has("#0  fib (n=5)").has("#1  0x").has("main (argc=2, argv=0x").lacks("#2");
    gdb.go("continue").has("Breakpoint 1, fib (n=4)");
    gdb.go("bt").has("#0  fib (n=4)").has("in fib (n=5)").has("#2  0x").lacks("#3");
    gdb.go("info breakpoints").has("breakpoint already hit 2 times").lacks("already hit 1 time");
    gdb.go("disable 1").lacks("1");
    gdb.go("continue").has("Breakpoint 2, sum_to (n=5)").at("loop-body");
    gdb.go("print i").is("1");
    gdb.go("continue").has("Breakpoint 2, sum_to (n=5)");
    gdb.go("print i").is("2");
    gdb.go("clear {loop-body}").has("Deleted breakpoint 2");
    gdb.go("break walk").has("Breakpoint 4 at");
    gdb.go("continue").has("Breakpoint 4, walk (n=6)");
    gdb.go("delete").lacks("4");
    gdb.go("info breakpoints").has("No breakpoints or watchpoints.");
    gdb.go("continue").has("exited normally]");
}

fn conditions(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {fib-base} if n == 0").has("Breakpoint 1 at");
    gdb.go("break {loop-body}").has("Breakpoint 2 at");
    gdb.go("condition 2 i == 3 && total == 3").lacks("error");
    gdb.go("continue").has("Breakpoint 1, fib (n=0)").at("fib-base");
    gdb.go("condition 1").has("Breakpoint 1 now unconditional.");
    gdb.go("ignore 1 2").has("Will ignore next 2 crossings of breakpoint 1.");
    gdb.go("continue").has("Breakpoint 1, fib (n=0)").at("fib-base");
    gdb.go("info breakpoints").has("stop only if i == 3 && total == 3").has("breakpoint already hit 4 times");
    gdb.go("condition 1 n > 100").lacks("error");
    gdb.go("continue").has("Breakpoint 2, sum_to (n=5)").at("loop-body");
    gdb.go("print i").is("3");
    gdb.go("print total").is("3");
    gdb.go("continue").has("exited normally]");
}

/// What is so when `scalars` of `values.c` returns: each kind of variable, and each operator. gdb leaves out of its
/// bytecode what is much longer than one of these.
const SO: &[&str] = &[
    "sc == -3 && us == 65535 && uc == 200 && sh == -1234 && l == -100000 && ul == 4000000000",
    "ll == big && ull == 0xfedcba9876543210 && yes && c == 'Z' && bytes[1] == -2 && grid[1][2] == 6",
    "u.bytes[3] == 0x3f && bits.delta == -7 && color == BLUE && access == (READ | EXECUTE) && !(ll > 0)",
];

fn conditions_by_the_server(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go(
        "break {total-loop} if i == 3 && sum == 8 && values[i] == 1 && &values[i] == values + 3 && n >= 5",
    );
    gdb.go("break {total-loop} if -sum / 3 == -2 && sum % 3 == 2 && (sum ^ 255) == 247 && -sum >> 2 == -2 && ~sum == -9");
    gdb.go("break {scalars-return}");
    gdb.go(
        "break {area-return} if b->high.y - b->low.y == 20 && b->label[2] == 120 && width * height == 200",
    );
    gdb.go("break {static-return} if count == 100 || file_static != 7 || origin.x > 0");
    gdb.go("continue").has("Breakpoint 1, total (values=0x").at("total-loop");
    gdb.go("print i").is("3");
    let listed = gdb.go("info breakpoints");
    assert!(listed.text().matches("(target evals)").count() == 4, "{}", listed.text());
    gdb.go("condition 1 values[i] > 100 || sum < 0 || i * 2 == 7 || n != 5").lacks("error");
    gdb.go("condition 2 sum % 3 == 3 || -sum / 3 > 0 || sum << 2 < sum");
    gdb.go("continue").has("Breakpoint 4, area (b=0x").at("area-return");
    gdb.go("continue").has("Breakpoint 3, scalars (sc=-3").at("scalars-return");
    for (number, condition) in SO.iter().enumerate() {
        gdb.go(&format!("tbreak *($pc + {}) if {condition}", 3 * number + 2));
    }
    for condition in SO {
        gdb.go("continue").has("Temporary breakpoint ").has(" in scalars (sc=-3").at("scalars-return");
        gdb.go(&format!("print {condition}")).is("1");
    }
    gdb.go("break {main-print} if table.cell[0][1] == 2.5");
    gdb.go("continue").has("main (argc=").at("main-print");
    let listed = gdb.go("info breakpoints");
    assert!(listed.text().contains("2.5 (host evals)"), "there is no bytecode for this: {}", listed.text());
    gdb.go("continue").has("exited normally]");
}

/// gdb hears of no crossing at which a condition does not hold, and of none at which the server prints.
fn conditions_unseen_by_gdb(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("set dprintf-style agent");
    gdb.go("dprintf {fib-base},\"base %d\\n\", n");
    gdb.go("break fib if n == 3 && calls > 8");
    gdb.go("break report if what[0] == 115 && *(what + 1) == 117 && value == 15");
    gdb.go("break {loop-body} if total * 1.5 > 14");
    gdb.hidden("set debug remote 1");
    let said = gdb.hidden("continue");
    gdb.hidden("set debug remote 0");
    assert!(said.contains("Breakpoint 2, "), "{said}");
    assert_eq!(said.matches("Sending packet: $vCont;").count(), 1, "it stops once:\n{said}");
    assert!(said.contains(";X") && said.contains(";cmds:"), "bytecode is sent:\n{said}");
    assert_eq!(said.matches("base ").count(), 5, "{said}");
    gdb.go("print calls").is("10");
    gdb.go("bt 2").has("#0  fib (n=3)").has(" in fib (n=5)");
    // There is no bytecode for floating-point numbers: gdb looks itself, each time.
    gdb.hidden("set debug remote 1");
    let said = gdb.hidden("continue");
    gdb.hidden("set debug remote 0");
    assert!(said.contains("Breakpoint 4, "), "{said}");
    assert!(said.matches("Sending packet: $vCont;").count() >= 5, "gdb goes on after each:\n{said}");
    gdb.go("print total").is("10");
    gdb.go("continue").has("Breakpoint 3, report (what=0x").has("\"sum\", value=15)");
    gdb.go("info breakpoints").has("(target evals)").has("total * 1.5 > 14 (host evals)");
    gdb.go("continue").has("exited normally]");
}

fn commands(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {walk-odd}").has("Breakpoint 1 at");
    gdb.go("commands 1\nsilent\nprintf \"odd %d after %d\\n\", n, steps\ncontinue\nend");
    gdb.go("break {walk-return}").has("Breakpoint 2 at");
    gdb.go("commands\nprint steps\nbt 1\nend");
    gdb.go("dprintf {loop-body},\"i=%d total=%d\\n\", i, total").has("Dprintf 3 at");
    gdb.go("continue")
        .has("i=1 total=0\ni=2 total=1\ni=3 total=3\ni=4 total=6\ni=5 total=10\n")
        .has("odd 3 after 1\nodd 5 after 3\n")
        .has("Breakpoint 2, walk (n=1)")
        .at("walk-return")
        .has("$1 = 8");
    gdb.go("info breakpoints").has("silent").has("already hit 5 times");
    gdb.go("continue").has("exited normally]");
}

/// The server prints, and the program does not stop.
fn printed_by_the_server(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("set dprintf-style agent");
    gdb.go("dprintf {fib-base},\"base n=%d\\n\", n").has("Dprintf 1 at 0x");
    gdb.go("dprintf {loop-body},\"i=%2d\\n\", i").has("Dprintf 2 at 0x");
    gdb.go("condition 2 i > 3");
    gdb.go("dprintf report,\"say %s=%#06x\\n\", what, value").has("Dprintf 3 at 0x");
    gdb.go("break walk");
    gdb.go("continue")
        .has("base n=1\nbase n=0\nbase n=1\n")
        .has("say fib=0x0005\ni= 4\ni= 5\nsay sum=0x000f\n")
        .has("\nBreakpoint 4, walk (n=6)")
        .lacks("i= 3");
    // Of a float gdb sends an integer.
    gdb.go("dprintf {walk-return},\"%f\\n\", 1.5");
    gdb.go("tbreak {main-return}");
    gdb.go("continue")
        .has("A command at a breakpoint failed: gdb sends no floating-point numbers.\n")
        .lacks("0.0");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

fn before_connecting(gdb: &mut Gdb) {
    gdb.go("set breakpoint pending on");
    gdb.go("break sum_to").has("Breakpoint 1 (sum_to) pending.");
    gdb.go("tbreak {fib-sum} if n == 4").has("(steps.c:").has("pending.");
    gdb.connect();
    gdb.go("info breakpoints").has("in sum_to at steps.c:").lacks("PENDING");
    gdb.go("continue").has("Temporary breakpoint 2, fib (n=4)").at("fib-sum");
    gdb.go("print a + b").is("3");
    gdb.go("continue").has("Breakpoint 1, sum_to (n=5)").at("loop-before");
    gdb.go("continue").has("exited normally]");
}

fn functions_on_the_stack(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak {fib-base}");
    gdb.go("continue").has("Temporary breakpoint 1, fib (n=1)").at("fib-base");
    gdb.go("break {fib-second}").has("Breakpoint 2 at");
    gdb.go("break {fib-sum}").has("Breakpoint 3 at");
    gdb.go("tbreak {main-report}").has("Temporary breakpoint 4 at");
    gdb.go("continue").has("Breakpoint 2, fib (n=2)").at("fib-second");
    gdb.go("continue").has("Breakpoint 3, fib (n=2)").at("fib-sum");
    gdb.go("print a").is("1");
    gdb.go("print b").is("0");
    gdb.go("continue").has("Breakpoint 2, fib (n=3)").at("fib-second");
    gdb.go("delete 2 3").lacks("No breakpoint");
    gdb.go("continue").has("Temporary breakpoint 4, main (argc=2").at("main-report");
    gdb.go("print f").is("5");
    gdb.go("print calls").is("15");
    gdb.go("continue").has("exited normally]");
}

fn many_at_once(gdb: &mut Gdb) {
    const MARKS: &[&str] = &[
        "main-first",
        "main-fib",
        "main-report",
        "main-sum",
        "main-apply",
        "main-product",
        "main-walk",
        "main-return",
        "report-print",
        "report-return",
        "apply-call",
        "apply-return",
        "add-first",
        "multiply-first",
        "loop-before",
        "loop-after",
        "walk-return",
    ];
    gdb.connect();
    for mark in MARKS {
        gdb.go(&format!("break {{{mark}}}")).has("Breakpoint ");
    }
    for mark in [
        "main-first",
        "main-fib",
        "main-report",
        "report-print",
        "report-return",
        "main-sum",
        "loop-before",
        "loop-after",
        "report-print",
        "report-return",
        "main-apply",
        "apply-call",
        "add-first",
        "apply-return",
        "apply-call",
        "multiply-first",
        "apply-return",
        "main-product",
        "report-print",
        "report-return",
        "main-walk",
        "walk-return",
        "report-print",
        "report-return",
        "main-return",
    ] {
        gdb.go("continue").has("Breakpoint ").at(mark);
    }
    gdb.go("continue").has("exited normally]");
}

fn by_address(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break *fib").has("Breakpoint 1 at");
    gdb.ours("continue", "arguments are not in their places yet").has("Breakpoint 1, fib (");
    gdb.go("print $pc == (unsigned long)&fib").is("1");
    gdb.go("delete 1");
    gdb.go("break {fib-first}").has("Breakpoint 2 at");
    gdb.go("continue").has("Breakpoint 2, fib (n=5)").at("fib-first");
    gdb.go("set var $here = $pc");
    gdb.go("delete 2");
    gdb.go("break *$here if n == 3").has("Breakpoint 3 at");
    gdb.go("continue").has("Breakpoint 3, fib (n=3)").at("fib-first");
    gdb.go("info line *$pc").has("Line ").has("starts at address 0x").has("<fib+");
    gdb.go("info symbol $pc").has("fib + ").has("in section .text");
}
