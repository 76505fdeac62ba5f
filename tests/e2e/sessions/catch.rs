//! Calls of the host, which are what system calls are natively; signals; modules that are loaded.

use tests::gdb::Gdb;

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("catch_host", "steps", &["4"], End::Exit(0, "fib = 3\n"), host),
    session("catch_host_condition", "traps", &["exit3"], End::Exit(3, "mode exit3\n"), condition),
    session("catch_signal", "traps", &["div0"], End::Exit(134, "mode div0\n"), signal),
    session("catch_signal_all", "traps", &["oob"], End::Exit(134, "mode oob\n"), any_signal),
    session("catch_load", "parts", &[], End::Exit(0, "total=87\n"), load),
    session("catch_limits", "steps", &["4"], End::Exit(0, "fib = 3\n"), limits),
];

const fn session(
    name: &'static str,
    program: &'static str,
    args: &'static [&'static str],
    end: End,
    script: fn(&mut Gdb),
) -> Session {
    Session { name, program, args, builds: O0, native: false, script: Script::Gdb(script), end }
}

/// Entry and return of a call, with its arguments.
fn host(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break fd_write").has("Breakpoint 1 at 0x");
    gdb.go("continue").has("Breakpoint 1, 0x").has(" in wasi_snapshot_preview1.fd_write ()");
    gdb.go("bt 3")
        .has("#0  0x")
        .has(" in wasi_snapshot_preview1.fd_write ()")
        .has("#1  0x")
        .has("__wasi_fd_write");
    gdb.go("print (int)$rdi").is("1");
    gdb.go("print (int)$rdx").is("2");
    gdb.go("x/s *(char **)$rsi").has("\"fib");
    gdb.go("monitor why").has("call of wasi_snapshot_preview1.fd_write(1, ");
    gdb.go("finish").has("Run till exit").has("__wasi_fd_write");
    gdb.go("print (int)$rax").is("0");
    gdb.go("info breakpoints").has("<wasi_snapshot_preview1.fd_write>").has("breakpoint already hit 1 time");
    gdb.go("delete");
    gdb.go("monitor break poll")
        .has("The program has no function or line `poll`, and imports none of the host.");
    gdb.go("monitor break proc_exit").has("Calls stop the program: wasi_snapshot_preview1.proc_exit.");
    gdb.go("monitor delete proc_exit")
        .has("Calls do not stop the program: wasi_snapshot_preview1.proc_exit.");
    gdb.go("continue").has("exited normally]");
}

fn condition(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break proc_exit if $rdi == 4");
    gdb.go("tbreak wasi_snapshot_preview1.proc_exit if $rdi == 3").has("Temporary breakpoint 2 at 0x");
    gdb.go("continue").has("Temporary breakpoint 2, 0x").has(" in wasi_snapshot_preview1.proc_exit ()");
    gdb.go("bt").has(" in main (argc=2").lacks("??");
    gdb.go("info registers rdi").has("0x3");
    gdb.go("stepi").has("exited with code 03]");
}

fn signal(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("catch signal SIGFPE").has("Catchpoint 1 (signal SIGFPE)");
    gdb.go("catch signal SIGSEGV").has("Catchpoint 2 (signal SIGSEGV)");
    gdb.go("continue").has("Catchpoint 1 (signal SIGFPE), ").has("divide (a=84, b=0)").at("div0");
    gdb.go("continue").has("Program terminated with signal SIGFPE");
}

fn any_signal(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("catch signal all").has("Catchpoint 1 (any signal)");
    gdb.go("commands 1\nprintf \"value of what: %s\\n\", what\nend");
    // What gdb would say of the signal itself.
    gdb.go("handle SIGSEGV nostop noprint").has("SIGSEGV       No\tNo\t");
    gdb.go("continue")
        .has("Catchpoint 1 (signal SIGSEGV), ")
        .has("read_far (what=0x")
        .at("oob")
        .has("value of what: oob\n");
    gdb.go("info breakpoints").has("<any signal>").has("catchpoint already hit 1 time");
    gdb.go("continue").has("Program terminated with signal SIGSEGV");
}

/// All modules are there from the start.
fn load(gdb: &mut Gdb) {
    gdb.attach();
    gdb.go("catch load").has("Catchpoint 1 (load)");
    gdb.go("info sharedlibrary").has("parts_lib");
    gdb.go("break main");
    gdb.go("continue").has("Breakpoint 2, main ()").at("first");
    gdb.go("info sharedlibrary").has("parts_lib");
    gdb.go("continue").has("exited normally]");
}

/// What gdb refuses because it knows no operating system of the machine that it is shown.
fn limits(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("catch syscall fd_write")
        .has("The feature 'catch syscall' is not supported on this architecture yet.");
    gdb.go("generate-core-file steps.core").has("Can't create a corefile");
    gdb.go("catch fork").has("Catchpoint 1 (fork)");
    gdb.lenient("continue", "gdb warns").has("Error inserting catchpoint 1: Your system does not support");
}
