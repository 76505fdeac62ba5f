//! C++ exceptions.

use tests::lldb::{Lldb, Way};

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("exception_caught", &[], caught, End::Exit(0, "caught 43: too deep\ncleanups 6\n")),
    session("exception_uncaught", &["uncaught"], uncaught, End::Exit(134, "cleanups 6\n")),
];

const fn session(
    name: &'static str,
    args: &'static [&'static str],
    script: fn(&mut Lldb),
    end: End,
) -> Session {
    let script = Script::Lldb(&[Way::Plugin], script);
    Session { name, program: "throws", args, builds: O0, native: false, script, end }
}

fn caught(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b {throw}").names("throw");
    lldb.go("b {caught}").names("caught");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("dive(depth=0)").at("throw");
    lldb.go("p failure").has("code = 42").has("\"too deep\"");
    // The step ends where the exception is caught.
    lldb.go("bt").has("attempt(depth=3)").has("`__main_argc_argv(argc=1");
    lldb.go("continue").has("stop reason = breakpoint 2.1").has("attempt(depth=3)").at("caught");
    lldb.go("p code").is("(int) 43");
    lldb.go("p failure").has("code = 42");
    lldb.go("frame variable").has("(int) tries = 1");
    lldb.go("continue").has("exited with status = 0");
}

fn uncaught(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("continue").has("stop reason = uncaught exception: tag 0");
    lldb.go("bt").has("dive(depth=0)").has("`__main_argc_argv(argc=2").has("at {uncaught}");
    lldb.go("continue").has("Process 1 exited with status = ");
}
