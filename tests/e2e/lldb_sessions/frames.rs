//! The stack: shown, walked, and what is in each frame.

use tests::lldb::{Lldb, Way};

use super::{BELOW_MAIN, NO_ABI, run_to};
use crate::O0_BOTH;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[session("frames", "values", &["one", "two"], frames)];

const fn session(
    name: &'static str,
    program: &'static str,
    args: &'static [&'static str],
    script: fn(&mut Lldb),
) -> Session {
    let script = Script::Lldb(&[Way::Plugin], script);
    Session { name, program, args, builds: O0_BOTH, native: true, script, end: End::Killed }
}

fn frames(lldb: &mut Lldb) {
    run_to(lldb, "shadow");
    lldb.go("bt 2").has("frame #0: ").has("area(b=0x").has("frame #1: ").has("(argc=3, argv=0x");
    lldb.ours("bt", BELOW_MAIN).has("area(b=0x").has("at {shadow}").lacks("??");
    lldb.ours("bt all", BELOW_MAIN).has("* thread #1").lacks("thread #2");
    lldb.go("frame info").has("frame #0: ").has("area(b=0x").has("at {shadow}");
    lldb.go("frame variable").has("(int) width = 10").has("(int) width = 1000").has("(int) height = 20");
    lldb.go("frame variable *b").has("low = (x = 1, y = 2)").has("fill = GREEN").has("\"box\"");
    lldb.go("up").has("frame #1: ").has("(argc=3, argv=0x");
    lldb.go("frame variable sum").has("(int) sum = 14");
    lldb.go("frame variable box.high arr")
        .has("(x = 11, y = 22)")
        .has("([0] = 3, [1] = 1, [2] = 4, [3] = 1, [4] = 5)");
    lldb.go("p sum + 1").is("(int) 15");
    lldb.go("down").has("frame #0: ").has("area(b=0x");
    lldb.go("frame select 1").has("frame #1: ");
    lldb.go("frame variable argc").is("(int) argc = 3");
    lldb.go("frame select --relative -1").has("frame #0: ");
    lldb.go("p width").is("(int) 1000");
    lldb.ours("finish", NO_ABI).has("stop reason = step out").has("int square = area(where);");
}
