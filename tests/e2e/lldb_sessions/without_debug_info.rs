//! Modules without debug info: lldb shows the module's text and the values of its locals, by its plugin and by a symbol file.

use tests::fixture::Build;
use tests::lldb::{Lldb, Way};

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        args: &["one", "twelve"],
        builds: &[Build::wasm(2, 4)],
        script: Script::Lldb(&[Way::Plugin, Way::Elf], named),
        ..session("named", "named", named)
    },
    session("source_map", "primes", source_map),
    Session {
        builds: &[Build::wasm(2, 4)],
        script: Script::Lldb(&[Way::Plugin, Way::Elf], watch),
        ..session("watch_wasm_local", "unknown", watch)
    },
    Session {
        builds: &[Build::wasm(2, 4)],
        script: Script::Lldb(&[Way::Plugin, Way::Elf], write),
        ..session("write_wasm", "unknown", write)
    },
];

const fn session(name: &'static str, program: &'static str, script: fn(&mut Lldb)) -> Session {
    let script = Script::Lldb(&[Way::Plugin], script);
    Session { name, program, args: &[], builds: O0, native: false, script, end: End::Killed }
}

fn named(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --name add").has("at named.wat:");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("add(local0=").has("(call $checksum ");
    lldb.go("bt 2").has("frame #0").has("add(local0=").has("frame #1").has("main");
    lldb.go("frame variable").has("(int) local0 = ").has("(int) local1 = 0");
    lldb.go("step").has("checksum(local0=").has("local1=7) at named.wat:");
    lldb.go("next").has("(local.set $local0 (i32.add");
    lldb.go("breakpoint delete 1").lacks("error");
    lldb.go("finish").has("add(local0=");
}

fn source_map(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --file primes.ts --line 27").has("at primes.ts:27");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("primes/count(limit=20) at primes.ts:27");
    lldb.go("frame variable").has("(int) candidate = 2");
    lldb.go("next").has("-> 28").has("found++");
    lldb.go("next").has("-> 29");
    lldb.go("step").has("primes/Sieve#mark(this=").has("prime=2) at primes.ts:11");
    lldb.go("bt 2").has("primes/count(limit=20) at primes.ts:29");
}

/// Why the plugin cannot watch a local.
const NO_ADDRESS: &str = "the plugin's locals have no addresses";

/// A variable that is a Wasm local can be watched with a symbol file, and by the plugin not.
fn watch(lldb: &mut Lldb) {
    to_func6(lldb);
    if lldb.way() != Way::Elf {
        lldb.lenient("watchpoint set variable local1", NO_ADDRESS)
            .has("error: cannot set a watchpoint with watch_size of 0");
        return;
    }
    lldb.go("watchpoint set variable local1").has("Watchpoint created: Watchpoint 1: addr = 0xff");
    lldb.go("continue").has("old value: 7\nnew value: 328\n").has("stop reason = watchpoint 1");
    lldb.go("continue").has("old value: 328\nnew value: 10278\n").has("func6(");
    lldb.go("bt 2").has("func6(local0=").has("local1=10278)").has("frame #1");
    lldb.go("watchpoint modify -c 'local1 > 100000' 1").has("1 watchpoints modified.");
    lldb.go("continue").has("new value: 318719\n").has("stop reason = watchpoint 1");
    lldb.go("watchpoint delete 1").has("1 watchpoints deleted.");
}

/// Locals, operands and globals are changed with a symbol file, and by the plugin not.
fn write(lldb: &mut Lldb) {
    to_func6(lldb);
    for _ in 0..3 {
        lldb.lenient("thread step-inst", "an operator").has("stop reason = instruction step into");
    }
    lldb.go(STACK).has("  [0] i32: 111 (0x6f)\n");
    if lldb.way() != Way::Elf {
        const READ_ONLY: &str = "the plugin has no packet that writes these";
        lldb.lenient("expr local1 = 9", READ_ONLY).has("error: ").has("couldn't write the new contents");
        lldb.lenient("expr global0 = 9", READ_ONLY).has("error: ").has("couldn't write the new contents");
        lldb.lenient("expr $pc = 9", READ_ONLY).has("error: ");
        return;
    }
    lldb.go("register read eax").is("     eax = 0x0000006f");
    lldb.go("register write eax 98");
    lldb.go(STACK).has("  [0] i32: 98 (0x62)\n");
    lldb.lenient("thread step-inst", "an operator").has("stop reason = instruction step into");
    lldb.go("frame variable local2").is("(int) local2 = 98");
    lldb.go("expr local1 = 9").is("(int) $0 = 9");
    lldb.go("process plugin packet monitor locals").has("\n  1 i32: 9 (0x9)\n  2 i32: 98 (0x62)\n");
    lldb.go("expr global0 = global0 - 16").has("(int) $1 = ");
    lldb.go("expr global0 - $1").is("(int) $2 = 0");
    lldb.go("process plugin packet monitor globals").has("\n  0 i32: ");
}

const STACK: &str = "process plugin packet monitor stack";

/// Runs to where a string is read, byte by byte.
fn to_func6(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("tbreak func6").has("where = unknown.").has("`func6");
    lldb.go("continue").has("func6(local0=").has("local1=7) at unknown.wat:");
}
