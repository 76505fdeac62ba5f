//! Watchpoints on memory of every width, for operators of every kind, and on what Wasm has besides memory.

use tests::fixture::Build;
use tests::gdb::Gdb;

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("watch_widths", "touched", O0, "", widths),
    session("watch_blocks", "touched", O0, "", blocks),
    session("watch_atomics", "touched", O0, "", atomics),
    session("watch_vectors", "touched", O0, "", vectors),
    session("watch_init", "threads", O0, "results 26 51\n", segments),
    session("watch_wasm_locals", "unknown", &[Build::wasm(2, 4)], "", wasm_locals),
    Session { end: End::Exit(3, ""), ..session("watch_wasm_globals", "fac", O0, "", wasm_globals) },
];

const fn session(
    name: &'static str,
    program: &'static str,
    builds: &'static [Build],
    printed: &'static str,
    script: fn(&mut Gdb),
) -> Session {
    let (script, end) = (Script::Gdb(script), End::Exit(0, printed));
    Session { name, program, args: &[], builds, native: false, script, end }
}

/// Goes on to a change.
#[track_caller]
fn changes(gdb: &mut Gdb, old: &str, new: &str, mark: &str) {
    gdb.go("continue").has(&format!("Old value = {old}\nNew value = {new}\n")).at(mark);
}

fn widths(gdb: &mut Gdb) {
    gdb.connect();
    for variable in ["byte", "half", "word", "wide", "real", "precise", "flag", "pair", "pair.high"] {
        gdb.go(&format!("watch {variable}")).has("Hardware watchpoint ");
    }
    changes(gdb, "0 '\\000'", "-1 '\\377'", "half");
    changes(gdb, "0", "65534", "word");
    changes(gdb, "0", "-3", "wide");
    changes(gdb, "0", "78187493530", "real");
    changes(gdb, "0", "1.5", "precise");
    changes(gdb, "0", "-2.25", "flag");
    changes(gdb, "false", "true", "pair");
    // gdb is told of one watched place at a stop: an operator that writes several stops for each.
    gdb.go("continue")
        .has("watchpoint 8: pair\n\nOld value = {low = 0, high = 0}\nNew value = {low = 3, high = 4}\n")
        .at("widths-end");
    changes(gdb, "0", "4", "widths-end");
    gdb.go("continue").has("exited normally]");
}

/// Operators that write as many bytes as they are told.
fn blocks(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak blocks");
    gdb.go("continue").at("fill");
    gdb.go("watch block[2]").has("Hardware watchpoint 2: block[2]");
    gdb.go("watch -location block[20]").has("Hardware watchpoint 3: -location block[20]");
    gdb.go("watch block[21]").has("Hardware watchpoint 4: block[21]");
    gdb.go("rwatch text[20]").has("Hardware read watchpoint 5: text[20]");
    changes(gdb, "0 '\\000'", "120 'x'", "copy");
    changes(gdb, "0 '\\000'", "120 'x'", "copy");
    changes(gdb, "120 'x'", "99 'c'", "move");
    changes(gdb, "120 'x'", "117 'u'", "move");
    gdb.go("continue").has("Hardware read watchpoint 5: text[20]\n\nValue = 117 'u'\n").at("move");
    gdb.go("continue").has("watchpoint 2: block[2]\n\nOld value = 99 'c'\nNew value = 98 'b'\n").at("place");
    changes(gdb, "117 'u'", "116 't'", "place");
    gdb.go("continue").has("watchpoint 4: block[21]\n\n").has("New value = 117 'u'\n").at("place");
    gdb.go("delete");
    gdb.go("watch *place").has("Hardware watchpoint 6: *place");
    changes(gdb, "97 'a'", "99 'c'", "blocks-end");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

fn atomics(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("watch atom").has("Hardware watchpoint 1: atom");
    gdb.go("watch wide_atom").has("Hardware watchpoint 2: wide_atom");
    changes(gdb, "1", "2", "store");
    changes(gdb, "2", "5", "add");
    changes(gdb, "5", "9", "exchange");
    // One that finds another value than it expects writes nothing.
    changes(gdb, "9", "7", "like");
    changes(gdb, "0", "1099511627776", "or");
    gdb.go("delete");
    gdb.go("rwatch atom").has("Hardware read watchpoint 3: atom");
    gdb.go("continue").has("Hardware read watchpoint 3: atom\n\nValue = 7\n");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

fn vectors(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("watch four").has("Hardware watchpoint 1: four");
    gdb.go("watch four[2]").has("Hardware watchpoint 2: four[2]");
    changes(gdb, "{0, 0, 0, 0}", "{1, 2, 3, 4}", "vector");
    changes(gdb, "0", "3", "vector");
    gdb.go("continue")
        .has("watchpoint 1: four\n\nOld value = {1, 2, 3, 4}\nNew value = {1, 2, 7, 4}\n")
        .has("watchpoint 2: four[2]\n\nOld value = 3\nNew value = 7\n")
        .at("twice");
    gdb.go("delete");
    gdb.go("rwatch four[1]").has("Hardware read watchpoint 3: four[1]");
    gdb.go("continue").has("Hardware read watchpoint 3: four[1]\n\nValue = 2\n").at("twice");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

/// `memory.init`: the linker has a program with shared memory copy its data when it starts.
fn segments(gdb: &mut Gdb) {
    gdb.attach();
    gdb.go("watch mode").has("Hardware watchpoint 1: mode");
    gdb.go("continue").has("Old value = 0x0\nNew value = 0x").has("\"spin\"").has("__wasm_init_memory ()");
    gdb.go("monitor why").has(" wrote what is watched").has("$__wasm_init_memory");
    gdb.go("monitor disassemble").has("memory.init");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

/// Without debug info, every local is a variable that lives in a local.
fn wasm_locals(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak func6");
    gdb.go("continue").has("func6 (local0=").has("local1=7)");
    gdb.go("watch local1 if local1 > 1000").has("Hardware watchpoint 2: local1");
    gdb.go("rwatch local0").has("Hardware read watchpoint 3: local0");
    gdb.go("continue").has("Hardware read watchpoint 3: local0\n\nValue = ");
    gdb.go("delete 3");
    gdb.go("watch local2").has("Hardware watchpoint 4: local2");
    gdb.go("continue").has("Hardware watchpoint 4: local2\n\nOld value = 0\nNew value = 111\n");
    gdb.go("delete 4");
    gdb.go("continue").has("Hardware watchpoint 2: local1\n\nOld value = 328\nNew value = 10278\n");
    gdb.go("continue").has("Old value = 10278\nNew value = 318719\n");
    gdb.go("continue").has("Watchpoint 2 deleted because the program has left the block in\n");
    gdb.go("continue").has("exited normally]");
}

fn wasm_globals(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("watch calls if calls > 2").has("Hardware watchpoint 1: calls");
    gdb.go("continue").has("Hardware watchpoint 1: calls\n\nOld value = 2\nNew value = 3\n").has("fac (n=3)");
    gdb.go("delete");
    gdb.go("continue").has("exited with code 03]");
}
