//! A module that is instantiated while lldb is there: the server tells it, and it goes on by itself.

use tests::lldb::{Lldb, Way};

use crate::O0_BOTH;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("library_pending", &[Way::Plugin], pending),
    session("library_known", &[Way::Module], known),
    session("library_steps", &[Way::Plugin, Way::Module], steps),
];

const fn session(name: &'static str, ways: &'static [Way], script: fn(&mut Lldb)) -> Session {
    let (script, end) = (Script::Lldb(ways, script), End::Exit(0, "last=104\n"));
    Session { name, program: "late", args: &[], builds: O0_BOTH, native: false, script, end }
}

/// lldb knows nothing of the program's module until it is instantiated, and breakpoints in it wait.
fn pending(lldb: &mut Lldb) {
    lldb.connect().has("late_lib.wasm`_initialize at late_lib.c:");
    lldb.go("image list --basename").has("[  0] late_lib.wasm").lacks("[  1]");
    lldb.go("b admit").has("Breakpoint 1: no locations (pending).");
    lldb.go("breakpoint set --file late.c --line 20 --condition 'visitor->ticket > 102'").has("(pending)");
    lldb.go("tbreak main").has("(pending)");
    lldb.go("b next_ticket").has("late_lib.wasm`next_ticket").has(" at late_lib.c:6");
    lldb.go("continue").has("stop reason = breakpoint 4.1").has("late_lib.wasm`next_ticket(");
    lldb.go("breakpoint delete 4");
    // Neither the load nor the setting stops it.
    lldb.go("settings set target.process.stop-on-sharedlibrary-events true");
    lldb.go("continue").has("stop reason = one-shot breakpoint 3").at("first");
    for breakpoint in 1..=3 {
        lldb.finds_places("1 location", breakpoint);
    }
    lldb.go("breakpoint list")
        .has("1: name = 'admit', locations = 1, resolved = 1, hit count = 0")
        .has("line = 20, exact_match = 0, locations = 1, resolved = 1, hit count = 0");
    lldb.go("image list --basename").has("[  0] late_lib.wasm").has("[  1] late.wasm").lacks("[  2]");
    lldb.go("target variable visitors").has("[0] = (ticket = 0, name = \"ann\")").has("\"bob\"");
    lldb.go("continue")
        .has("stop reason = breakpoint 1.1")
        .has("admit(visitor=0x")
        .has("step=1)")
        .at("admit");
    lldb.go("bt").has("late.wasm`admit(").has("late.wasm`main at late.c:").has("_start");
    lldb.go("p *visitor").has("(ticket = 0, name = \"ann\")");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("step=2)").at("admit");
    lldb.go("p visitors[0].ticket").is("(int) 102");
    lldb.go("continue").has("stop reason = breakpoint 2.1").has("step=2) at late.c:20");
    lldb.go("p visitor->ticket").is("(int) 104");
    lldb.go("breakpoint list").has("hit count = 2").has("hit count = 1").lacks("locations = 2");
    lldb.go("continue").has("exited with status = 0");
}

/// lldb has the program's file before it is instantiated, and breakpoints in it have a place in the file.
fn known(lldb: &mut Lldb) {
    lldb.create_target();
    lldb.go("b admit").names("admit");
    lldb.go("b next_ticket").has("(pending)");
    let connect = lldb.connection().expect("the server runs");
    lldb.go(&connect).has("late_lib.wasm`_initialize at late_lib.c:");
    lldb.finds_places("1 location", 2);
    lldb.go("breakpoint list")
        .has("1.1: where = late.wasm`admit")
        .has("unresolved, hit count = 0")
        .has("2.1: where = late_lib.wasm`next_ticket");
    lldb.go("continue").has("stop reason = breakpoint 2.1").has("late_lib.wasm`next_ticket(");
    lldb.go("breakpoint disable 2");
    lldb.go("continue").has("stop reason = breakpoint 1.1").at("admit");
    lldb.go("breakpoint list").has("1: name = 'admit', locations = 1, resolved = 1, hit count = 1");
    lldb.go("image list --basename").has("late.wasm").has("late_lib.wasm").lacks("[  2]");
    lldb.go("p visitors[1].name").has("\"bob\"");
    lldb.go("breakpoint delete");
    lldb.go("continue").has("exited with status = 0");
}

/// A step out of the first module's last code is done at the program's first.
fn steps(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("image list --basename").has("late_lib.wasm");
    lldb.go("next").has("stop reason = step over").has("next_ticket(1);");
    lldb.go("next").has("stop reason = step over").has("-> 18");
    lldb.go("next").has("stop reason = step over").has("late.wasm`_start.command_export");
    lldb.go("tbreak {print}").names("print");
    lldb.go("continue").at("print");
    lldb.go("p last").is("(int) 104");
    lldb.go("continue").has("exited with status = 0");
}
