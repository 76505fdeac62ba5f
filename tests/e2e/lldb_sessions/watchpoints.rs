//! Watchpoints: on variables and addresses, for each kind of access, with conditions, until they are deleted.

use tests::lldb::{Lldb, Way};

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("watch_variable", variable),
    session("watch_expression", expression),
    session("watch_condition", condition),
    session("watch_local", local),
];

const fn session(name: &'static str, script: fn(&mut Lldb)) -> Session {
    let end = End::Exit(0, "sum=10 deep=3 counter=9\n");
    let script = Script::Lldb(&[Way::Plugin, Way::Elf], script);
    Session { name, program: "watched", args: &[], builds: O0, native: true, script, end }
}

fn to_assign(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("tbreak {assign}").names("assign");
    lldb.go("continue").at("assign");
}

fn variable(lldb: &mut Lldb) {
    to_assign(lldb);
    lldb.go("watchpoint set variable counter")
        .has("Watchpoint created: Watchpoint 1: addr = 0x")
        .has(" size = 4 state = enabled type = m\n")
        .has("watchpoint spec = 'counter'\n");
    lldb.go("continue")
        .has("Watchpoint 1 hit:\nold value: 0\nnew value: 1\n")
        .has("stop reason = watchpoint 1\n")
        .at("same");
    // The second write is of the same value.
    lldb.go("continue").has("Watchpoint 1 hit:\nold value: 1\nnew value: 2\n").at("ratio");
    lldb.ours("watchpoint list", "how many there can be")
        .has("Number of supported hardware watchpoints: ")
        .has("Watchpoint 1: addr = 0x")
        .has("old value: 1\nnew value: 2\n");
    lldb.go("watchpoint disable 1").has("1 watchpoints disabled.");
    lldb.go("tbreak {assigned}");
    lldb.go("continue").at("assigned");
    lldb.go("watchpoint enable 1").has("1 watchpoints enabled.");
    lldb.go("watchpoint set variable corner").has("Watchpoint created: Watchpoint 2").has(" size = 8 ");
    lldb.go("continue").has("Watchpoint 1 hit:\n").has("new value: 0\n").has("count(place=0x").at("counted");
    lldb.go("watchpoint delete 1").has("1 watchpoints deleted.");
    lldb.go("watchpoint delete 2").has("1 watchpoints deleted.");
    lldb.go("continue").has("exited with status = 0");
}

fn expression(lldb: &mut Lldb) {
    to_assign(lldb);
    lldb.go("watchpoint set expression -w write -s 8 -- &corner")
        .has("Watchpoint created: Watchpoint 1: addr = 0x")
        .has(" size = 8 state = enabled type = w\n");
    lldb.go("continue").has("stop reason = watchpoint 1\n").at("corner-x");
    lldb.go("continue").has("stop reason = watchpoint 1\n").at("wide");
    lldb.go("watchpoint delete 1");
    lldb.go("watchpoint set expression -w read_write -s 4 -- &mirror").has("type = rw\n");
    lldb.go("continue").has("stop reason = watchpoint 2\n").at("three");
    lldb.go("continue").has("stop reason = watchpoint 2\n").at("three");
    lldb.go("watchpoint delete 2");
    lldb.go("continue").has("exited with status = 0");
}

fn condition(lldb: &mut Lldb) {
    to_assign(lldb);
    lldb.go("watchpoint set variable counter").has("Watchpoint 1");
    lldb.go("watchpoint modify -c 'counter == 6' 1").has("1 watchpoints modified.");
    lldb.go("continue").has("new value: 6\n").has("stop reason = watchpoint 1\n").at("counted");
    lldb.go("watchpoint modify -c 'counter > 7' 1").has("1 watchpoints modified.");
    lldb.go("continue").has("new value: 8\n").has("stop reason = watchpoint 1\n").at("counted");
    lldb.go("watchpoint ignore -i 5 1").has("1 watchpoints ignored.");
    lldb.go("continue").has("exited with status = 0");
}

fn local(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("tbreak {sum-loop}");
    lldb.go("continue").at("sum-loop");
    lldb.go("watchpoint set variable total").has("Watchpoint created: Watchpoint 1: addr = 0x");
    lldb.go("continue").has("old value: 0\nnew value: 1\n").at("sum-loop");
    lldb.go("next");
    lldb.go("p total").is("(int) 1");
    lldb.go("watchpoint delete 1");
    lldb.go("continue").has("exited with status = 0");
}
