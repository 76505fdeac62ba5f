//! Watchpoints: on variables of every kind, for writes, reads and both, with conditions, while stepping, and to the end
//! of what they watch.

use tests::fixture::Build;
use tests::gdb::Gdb;

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("watch_writes", writes),
    session("watch_places", places),
    session("watch_conditions", conditions),
    session("watch_commands", commands),
    session("watch_locals", locals),
    session("watch_accesses", accesses),
    session("watch_steps", steps),
    Session { native: false, ..session("watch_several", several) },
    Session { native: false, ..session("watch_host", host) },
    Session { native: false, end: End::Killed, ..session("watch_limits", limits) },
    Session {
        native: false,
        program: "optimised",
        builds: &[Build::wasm(1, 4)],
        end: End::Exit(0, "dot=70 depth=6 weight=21\n"),
        ..session("watch_optimised", optimised)
    },
];

const fn session(name: &'static str, script: fn(&mut Gdb)) -> Session {
    let end = End::Exit(0, "sum=10 deep=3 counter=9\n");
    Session {
        name,
        program: "watched",
        args: &[],
        builds: O0,
        native: true,
        script: Script::Gdb(script),
        end,
    }
}

fn writes(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak {assign}");
    gdb.go("continue").at("assign");
    gdb.go("watch counter").has("Hardware watchpoint 2: counter");
    gdb.go("continue")
        .has("Hardware watchpoint 2: counter\n\nOld value = 0\nNew value = 1\n")
        .has("assign () at {same}\n")
        .at("same");
    // The second write is of the same value.
    gdb.go("continue").has("Old value = 1\nNew value = 2\n").at("ratio");
    gdb.go("info watchpoints").has("hw watchpoint").has("breakpoint already hit 2 times");
    gdb.go("bt").has("#0  assign () at {ratio}\n").has("#1  0x").has("in main () at {main-assign}\n");
    gdb.go("disable 2");
    gdb.go("tbreak {assigned}");
    gdb.go("continue").at("assigned");
    gdb.go("print counter").is("3");
    gdb.go("enable 2");
    gdb.go("continue").has("Old value = 3\nNew value = 0\n").has("count (place=0x").at("counted");
    gdb.go("delete 2");
    gdb.go("continue").has("exited normally]");
}

fn places(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak {assign}");
    gdb.go("continue").at("assign");
    gdb.go("watch ratio").has("Hardware watchpoint 2: ratio");
    gdb.go("watch corner").has("Hardware watchpoint 3: corner");
    gdb.go("continue").has("Hardware watchpoint 2: ratio\n\nOld value = 0.5\nNew value = 1.5\n").at("corner");
    gdb.go("continue")
        .has("Hardware watchpoint 3: corner\n\nOld value = {x = 1, y = 2}\nNew value = {x = 1, y = 20}\n")
        .at("corner-x");
    gdb.go("delete");
    gdb.go("watch corner.x").has("Hardware watchpoint 4: corner.x");
    gdb.go("continue").has("Old value = 1\nNew value = 10\n").at("wide");
    gdb.go("delete");
    gdb.go("set var $place = &text[1]");
    gdb.go("watch -location *$place").has("Hardware watchpoint 5: -location *$place");
    gdb.go("watch text").has("Hardware watchpoint 6: text");
    gdb.go("continue")
        .has("Hardware watchpoint 5: -location *$place\n\nOld value = 98 'b'\nNew value = 66 'B'\n")
        .has("Hardware watchpoint 6: text\n\nOld value = \"abc\\000")
        .has("New value = \"aBc\\000")
        .at("copy");
    gdb.go("delete");
    gdb.go("watch *(int *)&wide if wide == 0").has("Hardware watchpoint 7: *(int *)&wide");
    gdb.go("tbreak {assigned}").has("Temporary breakpoint 8");
    gdb.go("continue").has("Temporary breakpoint 8, ").at("assigned");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

fn conditions(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("watch counter if counter == 6").has("Hardware watchpoint 1: counter");
    gdb.go("continue").has("Old value = 5\nNew value = 6\n").at("counted");
    gdb.go("condition 1 counter > 7").lacks("error");
    gdb.go("continue").has("Old value = 7\nNew value = 8\n").at("counted");
    gdb.go("ignore 1 5").has("Will ignore next 5 crossings of breakpoint 1.");
    gdb.go("tbreak {main-sum}");
    gdb.go("continue").has("Temporary breakpoint 2, main () at {main-sum}\n");
    gdb.go("info watchpoints").has("stop only if counter > 7").has("breakpoint already hit 3 times");
    gdb.go("condition 1").has("Breakpoint 1 now unconditional.");
    gdb.go("continue").has("exited normally]");
}

fn commands(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak {main-loop}");
    gdb.go("continue").at("main-loop");
    gdb.go("watch counter").has("Hardware watchpoint 2: counter");
    gdb.go("commands 2\nsilent\nprintf \"counter %d\\n\", counter\ncontinue\nend");
    gdb.go("continue").has("counter 0\ncounter 1\ncounter 2\n").has("counter 9\n").has("exited normally]");
}

fn locals(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak {sum-loop}");
    gdb.go("continue").at("sum-loop");
    gdb.go("watch total").has("Hardware watchpoint 2: total");
    for (old, new) in [(0, 1), (1, 3), (3, 6), (6, 10)] {
        gdb.go("continue").has(&format!("Old value = {old}\nNew value = {new}\n")).at("sum-loop");
    }
    gdb.go("continue")
        .has("Watchpoint 2 deleted because the program has left the block in\nwhich its expression is valid.\n")
        .at("main-sum");
    gdb.go("tbreak {nested-if} if n == 1");
    gdb.go("continue").has("nested (n=1)").at("nested-if");
    gdb.go("set var below = 7");
    gdb.go("watch below").has("Hardware watchpoint 4: below");
    // The variable of that name in the inner frame is another one.
    gdb.go("continue")
        .has("Hardware watchpoint 4: below\n\nOld value = 7\nNew value = 0\n")
        .at("nested-return");
    gdb.go("continue")
        .has("Watchpoint 4 deleted because the program has left the block in\n")
        .at("nested-call");
    gdb.go("continue").has("exited normally]");
}

fn accesses(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak {two}");
    gdb.go("continue").at("two");
    gdb.go("awatch counter").has("Hardware access (read/write) watchpoint 2: counter");
    gdb.go("rwatch mirror").has("Hardware read watchpoint 3: mirror");
    gdb.go("continue")
        .has("Hardware access (read/write) watchpoint 2: counter\n\nOld value = 1\nNew value = 2\n")
        .at("ratio");
    gdb.go("continue").has("Hardware access (read/write) watchpoint 2: counter\n\nValue = 2\n").at("mirror");
    // Its write in this line is none of a read watchpoint's.
    gdb.go("continue").has("Hardware read watchpoint 3: mirror\n\nValue = 2\n").at("three");
    gdb.go("continue").has("watchpoint 2: counter\n\nOld value = 2\nNew value = 3\n").at("assigned");
    gdb.go("info watchpoints").has("acc watchpoint").has("read watchpoint");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

fn steps(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak {two}");
    gdb.go("continue").at("two");
    gdb.go("watch counter").has("Hardware watchpoint 2: counter");
    gdb.go("next").has("Hardware watchpoint 2: counter\n\nOld value = 1\nNew value = 2\n").at("ratio");
    gdb.go("next").at("corner").lacks("watchpoint");
    gdb.go("finish")
        .has("Run till exit from #0 ")
        .has("Hardware watchpoint 2: counter\n\nOld value = 2\nNew value = 3\n")
        .at("assigned");
    gdb.go("tbreak {main-loop}");
    gdb.go("continue").has("Temporary breakpoint 3, main () at {main-loop}\n");
    gdb.go("next").has("Hardware watchpoint 2: counter\n\nOld value = 3\nNew value = 0\n").at("counted");
    // A breakpoint where a watchpoint stops as well: both are told.
    gdb.go("break {counted}").has("Breakpoint 4");
    gdb.go("continue")
        .has("Breakpoint 4, ")
        .has("Hardware watchpoint 2: counter\n\nOld value = 0\nNew value = 1\n");
    gdb.go("delete 4");
    gdb.go("step").at("main-head");
    gdb.go("stepi");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

/// One operator that touches what several watchpoints watch. A process would stop several times, too.
fn several(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak {copy}");
    gdb.go("continue").at("copy");
    gdb.go("watch text[0]").has("Hardware watchpoint 2: text[0]");
    gdb.go("watch text[2]").has("Hardware watchpoint 3: text[2]");
    gdb.go("rwatch other[0]").has("Hardware read watchpoint 4: other[0]");
    gdb.go("continue").has("Hardware read watchpoint 4: other[0]\n\nValue = 120 'x'\n");
    gdb.go("continue").has("Hardware watchpoint 2: text[0]\n\nOld value = 97 'a'\nNew value = 120 'x'\n");
    gdb.go("set var $here = $pc");
    gdb.go("continue").has("Hardware watchpoint 3: text[2]\n\nOld value = 99 'c'\nNew value = 122 'z'\n");
    gdb.go("print $pc == $here").is("1");
    gdb.go("continue").has("exited normally]");
}

/// A host function writes what is watched, which debug registers do not see natively: the kernel writes there.
fn host(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("watch noise").has("Hardware watchpoint 1: noise");
    // The bytes are random.
    let stop = gdb.hidden("continue");
    assert!(stop.contains("Hardware watchpoint 1: noise\n\nOld value = {0, 0}\nNew value = {"), "{stop}");
    gdb.go("monitor why").has("the host function called at ").has(" wrote what is watched");
    gdb.go("delete");
    gdb.go("tbreak {main-assign}");
    gdb.go("continue").at("main-assign");
    gdb.go("continue").has("exited normally]");
}

/// What the server does not take is said when gdb asks for it.
fn limits(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("watch *(int *)0x10000000").has("Hardware watchpoint 1: *(int *)0x10000000");
    gdb.go("continue").has("Could not insert hardware watchpoint 1.");
    gdb.go("delete");
    gdb.go("set max-value-size unlimited");
    gdb.go("watch *(char(*)[65537])&text").has("Hardware watchpoint 2: ");
    gdb.go("continue").has("Could not insert hardware watchpoint 2.");
    gdb.go("delete");
    for byte in 0..64 {
        gdb.hidden(&format!("watch *((char *)&text + {byte})"));
    }
    gdb.go("tbreak {assign}");
    gdb.go("continue").at("assign");
    gdb.go("watch counter").has("Hardware watchpoint 68: counter");
    gdb.go("continue").has("Could not insert hardware watchpoint 68.");
    gdb.go("delete 3");
    gdb.go("continue").has("Hardware watchpoint 68: counter\n\nOld value = 0\nNew value = 1\n");
}

/// Variables that live in Wasm's locals, of which there is no memory to watch.
fn optimised(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak dot");
    gdb.go("continue").has("dot (a=0x400, b=0x410, n=4)");
    // `sum` lives in local 4 for the most of the loop, if `info address sum` is right.
    gdb.go("info address sum").has("DW_OP_breg6 -80 [$rbp]");
    gdb.go("watch -location *(int *)($rbp - 80)").has("Hardware watchpoint 2: -location *(int *)($rbp - 80)");
    for (old, new) in [(0, 5), (5, 17), (17, 38), (38, 70)] {
        gdb.go("continue").has(&format!("Old value = {old}\nNew value = {new}\n")).at("dot-loop");
    }
    gdb.go("tbreak {dot-after}");
    gdb.go("continue").at("dot-after");
    gdb.go("delete");
    gdb.go("watch -location *(int *)$rbp").has("Hardware watchpoint 4: -location *(int *)$rbp");
    gdb.go("continue").has("Could not insert hardware watchpoint 4.");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}
