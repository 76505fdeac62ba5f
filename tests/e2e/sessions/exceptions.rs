//! C++ exceptions: stopping at throws, with everything still there, and going on in handlers.

use tests::gdb::Gdb;

use crate::O0;
use crate::session::{End, Script, Session};

/// What the program prints when it catches.
const CAUGHT: &str = "caught 43: too deep\ncleanups 6\n";

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        name: "exception_monitor",
        program: "throws",
        args: &[],
        builds: O0,
        native: false,
        script: Script::Gdb(monitor_catch),
        end: End::Exit(0, CAUGHT),
    },
    Session {
        name: "exception_catch_throw",
        program: "throws",
        args: &[],
        builds: O0,
        native: false,
        script: Script::Gdb(catch_throw),
        end: End::Exit(0, CAUGHT),
    },
    Session {
        name: "exception_catch_catch",
        program: "throws",
        args: &[],
        builds: O0,
        native: false,
        script: Script::Gdb(catch_catch),
        end: End::Exit(0, CAUGHT),
    },
    Session {
        name: "exception_catch_rethrow",
        program: "rethrows",
        args: &[],
        builds: O0,
        native: false,
        script: Script::Gdb(catch_rethrow),
        end: End::Exit(0, "caught again 43\n"),
    },
    Session {
        name: "exception_probes",
        program: "throws",
        args: &[],
        builds: O0,
        native: false,
        script: Script::Gdb(probes),
        end: End::Exit(0, CAUGHT),
    },
    Session {
        name: "exception_uncaught",
        program: "throws",
        args: &["uncaught"],
        builds: O0,
        native: false,
        script: Script::Gdb(uncaught),
        end: End::Exit(134, CAUGHT),
    },
];

/// The frames from the throw to `main`, all there before anything is unwound.
fn stands_at_throw(gdb: &mut Gdb) {
    gdb.go("bt")
        .has("__cxa_throw (")
        .has(" in dive (depth=0) at {throw}\n")
        .has(" in dive (depth=3) at throws.cc:")
        .has(" in attempt (depth=3) at throws.cc:")
        .has(" in main (argc=1");
    gdb.go("frame function dive").has("dive (depth=0)").at("throw");
    gdb.go("print failure").has("{code = 42, what = 0x").has("\"too deep\"}");
    gdb.go("print guard").has("{number = 0}");
}

fn monitor_catch(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("monitor catch").has("Usage: monitor catch WHICH");
    gdb.go("monitor catch throw").has("where they are thrown first");
    gdb.go("continue").has("Program received signal SIGTRAP").has("__cxa_throw (");
    gdb.go("monitor why").has("is thrown, and will be caught");
    stands_at_throw(gdb);
    gdb.go("monitor catch off").has("do not stop");
    gdb.go("break {caught}");
    gdb.go("continue").at("caught");
    gdb.go("print code").is("43");
    gdb.go("print tries").is("1");
    gdb.go("bt").has("attempt (depth=3)").lacks("dive");
    gdb.go("continue").has("exited normally]");
}

fn catch_throw(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("catch throw").has("Catchpoint 1 (throw)");
    gdb.go("continue").has("Catchpoint 1 (exception thrown)").has("__cxa_throw (");
    stands_at_throw(gdb);
    gdb.go("continue").has("exited normally]");
}

fn catch_catch(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("catch catch").has("Catchpoint 1 (catch)");
    gdb.go("continue").has("Catchpoint 1 (exception caught)").has("__cxa_begin_catch (");
    gdb.go("bt").has(" in attempt (depth=3) at ").has(" in main (argc=1").lacks("dive");
    gdb.go("continue").has("exited normally]");
}

fn catch_rethrow(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("catch rethrow").has("Catchpoint 1 (rethrow)");
    gdb.go("tcatch catch").has("Temporary catchpoint  2 (catch)");
    gdb.go("continue").has("Temporary catchpoint 2 (exception caught)");
    gdb.go("continue").has("Catchpoint 1 (exception rethrown)").has("__cxa_rethrow (");
    gdb.go("bt").has(" in pass_on (depth=1) at {rethrow}\n").has(" in main (argc=1").lacks("dive");
    gdb.go("info breakpoints").has("exception rethrow").has("catchpoint already hit 1 time");
    gdb.go("break {again}");
    gdb.go("continue").at("again");
    gdb.go("print code").is("43");
    gdb.go("continue").has("exited normally]");
}

/// What gdb asks of the C++ library's probes, which only libstdc++ has.
fn probes(gdb: &mut Gdb) {
    const LACKING: &str = "did not find exception probe (does libstdcxx have SDT probes?)\n";
    gdb.connect();
    gdb.go("catch throw Failure").has("Catchpoint 1 (throw)");
    gdb.go("continue").has(LACKING).has("Catchpoint 1 (exception thrown), __cxa_throw (");
    gdb.go("print $_exception").has(LACKING);
    gdb.go("monitor why").has("__cxa_throw");
    gdb.go("continue").has("exited normally]");
}

fn uncaught(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("continue").has("Program received signal SIGABRT, Aborted.");
    gdb.go("monitor why").has("and nothing catches it");
    gdb.go("bt").has("dive (depth=0)").has(" in main (argc=2").has(" at {uncaught}");
    gdb.go("continue").has("Program terminated with signal SIGABRT");
}
