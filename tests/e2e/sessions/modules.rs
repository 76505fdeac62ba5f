//! Several modules: gdb knows them as shared libraries, each with its symbols. Natively the program is one file.

use tests::gdb::Gdb;

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    Session { native: true, ..session("modules", "parts", "total=87\n", modules) },
    session("modules_instances", "counters", "left=7 right=20\n", instances),
];

const fn session(
    name: &'static str,
    program: &'static str,
    printed: &'static str,
    script: fn(&mut Gdb),
) -> Session {
    let (script, end) = (Script::Gdb(script), End::Exit(0, printed));
    Session { name, program, args: &[], builds: O0, native: false, script, end }
}

/// Why some answers are other ones natively.
const LINKED: &str = "natively all code is in one file";

fn modules(gdb: &mut Gdb) {
    if gdb.is_ours() {
        // Code of the library runs first.
        gdb.attach();
    } else {
        gdb.connect();
    }
    gdb.ours("info sharedlibrary", LINKED);
    gdb.go("break main").names("first");
    // Of a module that is there, in code that runs before the program's own is instantiated.
    gdb.go("break parts_lib.c:13").has("file ").has("parts_lib.c, line 13.");
    gdb.go("continue").has("Breakpoint 1, main ()").at("first");
    gdb.go("tbreak weigh").has("parts_lib.c, line 17.");
    gdb.go("continue").has("weigh (place=0x").has(", by=2) at parts_lib.c:17");
    gdb.go("bt").has("#0  weigh (").has("#1  0x").has(" in main () at {call}\n").lacks("#2");
    gdb.go("print *place").is("{x = 3, y = 4}");
    gdb.go("print calls").is("7");
    gdb.go("up").has("in main ()").at("call");
    gdb.go("print here").is("{x = 3, y = 4}");
    gdb.go("print total + calls").is("8");
    gdb.go("continue").has("Breakpoint 2, scaled (place=0x").has("by=2) at parts_lib.c:13");
    gdb.go("bt")
        .has("#0  scaled (")
        .has("#1  0x")
        .has(" in weigh (")
        .has("#2  0x")
        .has(" in main () at {call}\n");
    gdb.go("finish").has("Run till exit from #0").has("in weigh (").has("Value returned is $").has(" = 14");
    gdb.go("next").has("return result + 1;");
    gdb.go("finish").has("in main ()").at("call").has("Value returned is $").has(" = 15");
    gdb.go("next").at("second");
    gdb.go("print total").is("15");
    gdb.go("set var calls = 70").lacks("rror");
    gdb.go("delete 2");
    gdb.go("step").has("again (place=0x").at("again");
    gdb.go("step").has("weigh (place=0x").has("by=10) at parts_lib.c:17");
    gdb.go("bt")
        .has("#1  0x")
        .has(" in again (")
        .has("at {again}\n")
        .has("#2  0x")
        .has("in main () at {second}\n");
    gdb.go("info line scaled").has("Line 10 of \"");
    if gdb.is_ours() {
        gdb.ours("monitor modules", LINKED)
            .has("module 0: ")
            .has("module 1: ")
            .has("instance 1")
            .has("memory 0");
        gdb.ours("info sharedlibrary", LINKED).has("parts_lib.wasm.elf").has("Yes");
        gdb.ours("info symbol weigh", LINKED).has("weigh in section .text of ").has("parts_lib.wasm.elf");
    }
    gdb.go("tbreak {print}");
    gdb.go("continue").at("print");
    gdb.go("print calls").is("71");
    gdb.go("print total").is("87");
    gdb.go("continue").has("exited normally");
}

/// Of a module with a memory of its own gdb is told names and lines, and of no variable that it would look for elsewhere.
fn instances(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break add").has("counter.c, line 6.");
    for _ in ["left", "right", "left"] {
        gdb.go("continue").has("Breakpoint 1, add (by=<optimized out>) at counter.c:6");
        gdb.go("bt").has("in bump (").has("at counter.c:").has("#2  0x").has(" in main () at counters.c:");
        gdb.go("print count").has("<optimized out>");
    }
    gdb.go("monitor locals").has("add").has("i32");
    gdb.go("up 2").has("in main ()");
    gdb.go("print left").is("3");
    gdb.go("monitor modules").has("instance 1").has("instance 2").has("0x88000000").lacks("instance 3");
    gdb.go("delete");
    gdb.go("continue").has("exited normally");
}
