//! What the server has that lldb has no command for: `process plugin packet monitor`. Calls of the host by name, breakpoints
//! whose conditions are looked at where the program runs, tables, globals, objects.

use tests::lldb::{Lldb, Way};

use crate::session::{End, Script, Session};
use crate::{O0, O0_BOTH};

pub(crate) const SESSIONS: &[Session] = &[
    session("host_calls", "steps", &["4"], &[Way::Plugin], calls, End::Exit(0, "fib = 3\n")),
    Session {
        builds: O0_BOTH,
        ..session("server_break", "steps", &["6"], BOTH, server_break, End::Exit(0, "walk = 8\n"))
    },
    session("server_break_types", "types", &[], BOTH, types, End::Exit(0, "total ")),
    session("monitor", "steps", &["4"], BOTH, entities, End::Exit(0, "fib = 3\n")),
    session("monitor_gc", "objects", &[], &[Way::Plugin], objects, End::Exit(0, "")),
];

const BOTH: &[Way] = &[Way::Plugin, Way::Elf];

const fn session(
    name: &'static str,
    program: &'static str,
    args: &'static [&'static str],
    ways: &'static [Way],
    script: fn(&mut Lldb),
    end: End,
) -> Session {
    let script = Script::Lldb(ways, script);
    Session { name, program, args, builds: O0, native: false, script, end }
}

/// `process plugin packet monitor COMMAND`.
fn monitor(command: &str) -> String {
    format!("process plugin packet monitor {command}")
}

fn calls(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go(&monitor("break fd_write")).has("Calls stop the program: wasi_snapshot_preview1.fd_write.");
    lldb.go("continue").has("stop reason = call of wasi_snapshot_preview1.fd_write(1, ");
    lldb.go("bt 3").has("__wasi_fd_write").has("__stdio_write");
    lldb.go(&monitor("why")).has("call of wasi_snapshot_preview1.fd_write(1, ");
    lldb.go(&monitor("delete fd_write")).has("Calls do not stop the program: ");
    lldb.go("continue").has("exited with status = 0");
}

/// The server looks at the conditions, and lldb hears of hits that count only.
fn server_break(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go(&monitor("break")).has("There are no server breakpoints.");
    lldb.go(&monitor("break fib if n == 3 && calls >= 3"))
        .has("Server breakpoint 1: fib at steps.c:12 if n == 3 && calls >= 3.");
    lldb.go(&monitor("break steps.c:58 if n > 2")).has("Server breakpoint 2: walk at steps.c:58 if n > 2.");
    lldb.go(&monitor("break add")).has("Server breakpoint 3: add at steps.c:22.");
    lldb.go(&monitor("break"))
        .has("1: fib at steps.c:12 if n == 3 && calls >= 3\n2: walk at ")
        .has("\n3: add at");
    for nonsense in ["nothing", "steps.c:4000", "nothing.c:1"] {
        lldb.go(&monitor(&format!("break {nonsense}")))
            .has(&format!("The program has no function or line `{nonsense}`"));
    }
    lldb.go(&monitor("break fib if m == 1"))
        .has("No breakpoint at fib at steps.c:12: there is no variable `m` here.");
    lldb.go(&monitor("break fib if n = 1")).has("`= 1` is not understood in an expression.");
    lldb.go(&monitor("break 0x10")).has("There is no code at 0x10.");
    lldb.go("continue")
        .has("stop reason = server breakpoint 1: fib at steps.c:12 if n == 3 && calls >= 3")
        .has("fib(n=3) at steps.c:12");
    lldb.go("p calls").is("(int) 3");
    lldb.go("bt 2").has("server breakpoint 1").has("frame #1");
    lldb.go(&monitor("why")).has("breakpoint at module PC");
    lldb.go("next").has("stop reason = step over").has("-> 13");
    lldb.go("continue").has("server breakpoint 1").has("fib(n=3)");
    lldb.go("p calls > 3").has("true");
    lldb.go(&monitor("delete 1")).has("Server breakpoint 1 is gone.");
    lldb.go(&monitor("delete 1")).has("There is no server breakpoint 1.");
    // One of lldb's own at the same place is lldb's.
    lldb.go("b add").names("add-first");
    lldb.go("continue").has("stop reason = breakpoint 1.1").at("add-first");
    lldb.go("breakpoint delete 1");
    lldb.go("continue").has("stop reason = server breakpoint 2").at("walk-odd");
    lldb.go("p n").is("(int) 3");
    lldb.go("continue").has("stop reason = server breakpoint 2").at("walk-odd");
    lldb.go("p n").is("(int) 5");
    // By an address, as lldb shows it.
    lldb.go(&monitor("delete 2"));
    let register = if lldb.way() == Way::Elf { "register read eip" } else { "register read pc" };
    let registers = lldb.hidden(register);
    let address =
        registers.split_whitespace().find(|word| word.starts_with("0x")).unwrap_or_default().to_owned();
    lldb.go(&monitor(&format!("break {address} if n == 1")))
        .has("Server breakpoint 4: 0x")
        .has(" if n == 1.");
    lldb.go(&monitor("delete 4")).has("Server breakpoint 4 is gone.");
    lldb.go(&monitor(&format!("break {address}"))).has("Server breakpoint 4: 0x");
    lldb.go("next").has("stop reason = step over");
    lldb.go("continue").has("exited with status = 0");
}

/// Conditions reach into structures, through pointers and references, and know types.
fn types(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go(&monitor("break shapes::Square::area if this->id == 7 && *label == 'a'"))
        .has("Server breakpoint 1: shapes::Square::area");
    lldb.go(&monitor("break Counter::add if value + n > 1000")).has("Server breakpoint 2: Counter::add");
    let line = lldb.fixture().line("values");
    for condition in
        ["ints.items[2] == 3", "matrix[1][0] == 4 && bits.b == -9", "color == 2", "port == 65535"]
    {
        lldb.go(&monitor(&format!("break types.cc:{line} if {condition}"))).has("Server breakpoint ");
    }
    lldb.go("continue").has("stop reason = server breakpoint 1: shapes::Square::area").at("area");
    // The last one at the line counts.
    lldb.go("continue").has("if port == 65535").at("values");
    lldb.go("continue").has("exited with status = 0");
}

fn entities(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go(&monitor("help")).has("break PLACE [if COND]").has("coredump FILE");
    lldb.go("tbreak {fib-second}").names("fib-second");
    lldb.go("continue").at("fib-second");
    lldb.go(&monitor("why")).has("breakpoint");
    lldb.go(&monitor("globals")).has("globals of ").has("$__stack_pointer i32: ");
    lldb.go(&monitor("table 0")).has("table 0, ").has("$add").has("$multiply");
    lldb.go(&monitor("heap")).has("0 bytes of objects were made in all");
    lldb.go(&monitor("locals")).has("$fib").has("i32");
    lldb.go(&monitor("stack")).has("$fib");
    lldb.go(&monitor("modules")).has("steps.wasm");
    lldb.go(&monitor("disassemble")).has("local.get");
    lldb.go(&monitor("nonsense")).has("Unknown monitor command `nonsense`");
    lldb.go("continue").has("exited with status = 0");
}

fn objects(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --name push").has("where = objects.wat`push");
    lldb.go("continue").has("objects.wat`push(");
    lldb.go(&monitor("gc local 0")).has("null");
    lldb.go("continue").has("objects.wat`push(");
    lldb.go("continue").has("objects.wat`push(");
    lldb.go(&monitor("gc local 0"))
        .has("a structure of type 0 with 2 fields\n  0: 8 (0x8)\n  1: a structure of type 0");
    lldb.go(&monitor("gc local 0 1")).has("0: 7 (0x7)");
    lldb.go(&monitor("gc local 0 1 0 0")).has("has no fields");
    lldb.go(&monitor("heap")).has(" bytes of objects were made in all").lacks("\n0 bytes");
    lldb.go("breakpoint delete 1");
    lldb.go("continue").has("exited with status = 0");
}
