//! Optimised code: variables in locals, on the operand stack or nowhere, and inlined functions.

use tests::fixture::Build;
use tests::gdb::Gdb;

use crate::session::{End, Session};

const O1_O2: &[Build] = &[Build::wasm(1, 4), Build::wasm(1, 5), Build::wasm(2, 4), Build::wasm(2, 5)];

pub(crate) const SESSIONS: &[Session] = &[
    session("optimised_walk", walk, "dot=70 depth=3 weight=21\n"),
    session("optimised_step", step, "dot=70 depth=3 weight=21\n"),
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
        script,
        end: End::Exit(0, printed),
    }
}

fn walk(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break depth_of if n == 0");
    gdb.go("continue").has("Breakpoint 1, depth_of (n=0)").at("depth-in");
    gdb.go("bt")
        .has("#0  depth_of (n=0)")
        .has("in depth_of (n=")
        .has("#3  0x")
        .has("#4  0x")
        .has("in main (argc=")
        .lacks("#5");
    gdb.go("print n").is("0");
    gdb.go("up").has("in depth_of (n=");
    gdb.go("info locals").has("No locals.");
    gdb.go("frame 4").has("in main (");
    gdb.go("print b").is("{5, 6, 7, 8}");
    gdb.go("print items[1]").is("{key = 4, weight = 0.25}");
    gdb.go("info locals").has("a = ").has("d = ");
    gdb.go("delete");
    gdb.go("break {weigh-after}");
    gdb.go("continue").has("weigh (").at("weigh-after");
    gdb.go("info locals").has("total = 21");
    gdb.go("finish").has("Run till exit from #0 ").has("Value returned is $");
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
    gdb.go("bt")
        .has("#0  clamp (")
        .has("#1 ")
        .has("weigh (items=0x")
        .has("#2 ")
        .has("main (argc=")
        .lacks("#3");
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
    gdb.go("break fib if n == 2");
    gdb.go("continue").has("fib (n=2)");
    gdb.go("bt").has("#0  fib (n=2)").has("in fib (n=").has("in main (argc=").lacks("#4");
    gdb.go("print calls").has("$1 = ");
    gdb.go("finish").has("Value returned is $2 = 1");
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
