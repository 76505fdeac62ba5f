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
