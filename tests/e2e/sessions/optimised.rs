//! Optimised code: variables in locals, on the operand stack or nowhere, and inlined functions.

use tests::fixture::Build;
use tests::gdb::Gdb;
use tests::toolchain;

use crate::session::{End, Script, Session};

const O1_O2: &[Build] = &[Build::wasm(1, 4), Build::wasm(1, 5), Build::wasm(2, 4), Build::wasm(2, 5)];

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        program: "optimised.c.binaryen",
        builds: &[Build::wasm(0, 4)],
        ..session("optimised_binaryen", binaryen, "dot=70 depth=6 weight=21\n")
    },
    session("optimised_walk", walk, "dot=70 depth=6 weight=21\n"),
    session("optimised_step", step, "dot=70 depth=6 weight=21\n"),
    Session {
        program: "steps",
        args: &["4"],
        ..session("optimised_plain", plain, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n")
    },
    Session {
        program: "values",
        args: &["one"],
        ..session("optimised_values", values, "hello, wasm #42 sum=14 area=200 op=-1")
    },
];

const fn session(name: &'static str, script: fn(&mut Gdb), printed: &'static str) -> Session {
    // Which variables are left at which line depends on the machine, so native code is no standard here.
    Session {
        name,
        program: "optimised",
        args: &[],
        builds: O1_O2,
        native: false,
        script: Script::Gdb(script),
        end: End::Exit(0, printed),
    }
}

/// A module that was optimised once more by `wasm-opt -g`, which follows lines and functions. It does not follow which local
/// is which: what is checked is what it left right.
fn binaryen(gdb: &mut Gdb) {
    gdb.hidden(&format!("directory {}", toolchain::tests_folder().join("fixtures").display()));
    gdb.connect();
    gdb.go("break dot").has("optimised.c, line 19.");
    gdb.go("break {dot-after}").names("dot-after");
    gdb.go("break {main-print}").names("main-print");
    gdb.go("break depth_of").has("Breakpoint 4 at 0x");
    gdb.go("continue").has("dot (a=0x").has("optimised.c:19");
    gdb.go("print *a@4").is("{1, 2, 3, 4}");
    gdb.go("print *b@4").is("{5, 6, 7, 8}");
    gdb.go("bt").has("#1  0x").has(" in main (argc=").has("{main-dot}\n");
    gdb.go("continue").at("dot-after");
    gdb.go("continue").has(" in depth_of (n=3)");
    gdb.go("continue").has(" in depth_of (n=2)");
    gdb.go("delete 4");
    gdb.go("finish").has("depth_of (n=3) at ").has("Value returned is $").has(" = 3\n");
    gdb.go("continue").at("main-print");
    gdb.go("monitor debuginfo").has("DWARF: ").lacks("other code");
    gdb.go("continue").has("exited normally]");
}

/// A value that the debug info may not have at this place. If it has it, it is right.
fn value_or_lost(gdb: &mut Gdb, expression: &str, value: &str) {
    let answer = gdb.go(&format!("print {expression}"));
    if !answer.text().trim_end().ends_with(" = <optimized out>") {
        answer.is(value);
    }
}

fn walk(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {depth-call}");
    gdb.go("continue").has("Breakpoint 1, depth_of (n=").at("depth-call");
    gdb.go("continue 2").has("Breakpoint 1, depth_of (n=").at("depth-call");
    gdb.go("bt")
        .has("#0  depth_of (n=")
        .has("#1  0x")
        .has(" in depth_of (n=2) at {depth-call}\n")
        .has(" in depth_of (n=3) at {depth-call}\n")
        .has("#3  0x")
        .has(" in main (argc=")
        .lacks("#4");
    value_or_lost(gdb, "n", "1");
    gdb.go("up").has("in depth_of (n=2)").at("depth-call");
    gdb.go("info locals").has("below = <optimized out>");
    gdb.go("frame 3").has("in main (");
    gdb.go("info locals");
    value_or_lost(gdb, "b", "{5, 6, 7, 8}");
    value_or_lost(gdb, "items[1]", "{key = 4, weight = 0.25}");
    value_or_lost(gdb, "d", "70");
    gdb.go("tbreak {depth-after}");
    gdb.go("continue").has("depth_of (n=1)").at("depth-after");
    value_or_lost(gdb, "below", "0");
    gdb.go("finish")
        .has("Run till exit from #0 ")
        .has("in depth_of (n=2)")
        .has("Value returned is $")
        .has(" = 1\n");
    gdb.go("delete");
    gdb.go("break {weigh-after}");
    gdb.go("continue").has("weigh (").at("weigh-after");
    value_or_lost(gdb, "total", "21");
    value_or_lost(gdb, "n", "3");
    gdb.go("finish").has("Run till exit from #0 ").has("Value returned is $").has(" = 21\n");
    gdb.go("continue").has("exited normally]");
}

fn step(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break dot");
    gdb.go("continue").has("Breakpoint 1, dot (a=0x").has("n=4)");
    gdb.go("print *a@4").is("{1, 2, 3, 4}");
    gdb.go("finish").has("Value returned is $2 = 70").has("main (argc=");
    gdb.go("tbreak clamp");
    gdb.go("continue").has("clamp (");
    gdb.go("bt").has("#0  clamp (").has("#1 ").has("weigh (items=").has("#2 ").has("main (argc=").lacks("#3");
    gdb.go("info frame").has("inlined into frame 1");
    gdb.go("up").has("#1 ").has("weigh (");
    gdb.go("info locals");
    gdb.go("tbreak {main-print}");
    gdb.go("continue").has("main (argc=").at("main-print");
    gdb.go("next").lacks("printf (");
    gdb.go("continue").has("exited normally]");
}

fn plain(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break fib");
    gdb.go("continue").has("Breakpoint 1, fib (n=");
    gdb.go("bt").has("#0  fib (n=").has("in main (argc=").lacks("#2");
    value_or_lost(gdb, "n", "4");
    gdb.go("print calls").is("0");
    gdb.go("continue").has("Breakpoint 1, fib (n=");
    gdb.go("bt").has("#0  fib (n=").has("#1 ").has("in main (argc=");
    gdb.go("delete");
    gdb.go("tbreak {main-return}");
    gdb.go("continue").has("main (argc=");
    gdb.go("info locals");
    gdb.go("continue").has("exited normally]");
}

fn values(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {main-print}");
    gdb.go("continue").has("main (argc=");
    gdb.go("info locals").has(
        "box = {low = {x = 1, y = 2}, high = {x = 11, y = 22}".split(" = {low").next().unwrap_or_default(),
    );
    gdb.go("print text").has("\"hello, wasm #42");
    gdb.go("print global_text").has("\"hello, wasm\"");
    gdb.go("print table").is("{cell = {{1.5, 2.5, 3.5}, {-1, -2, -3}}}");
    gdb.go("continue").has("exited normally]");
}
