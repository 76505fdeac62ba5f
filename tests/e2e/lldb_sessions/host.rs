//! Calls of the host: by name, which lldb's plugin for Wasm has no addresses for.

use tests::lldb::{Lldb, Way};

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[Session {
    name: "host_calls",
    program: "steps",
    args: &["4"],
    builds: O0,
    native: false,
    script: Script::Lldb(&[Way::Plugin], calls),
    end: End::Exit(0, "fib = 3\n"),
}];

fn calls(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("process plugin packet monitor break fd_write")
        .has("Calls stop the program: wasi_snapshot_preview1.fd_write.");
    lldb.go("continue").has("stop reason = call of wasi_snapshot_preview1.fd_write(1, ");
    lldb.go("bt 3").has("__wasi_fd_write").has("__stdio_write");
    lldb.go("process plugin packet monitor why").has("call of wasi_snapshot_preview1.fd_write(1, ");
    lldb.go("process plugin packet monitor delete fd_write").has("Calls do not stop the program: ");
    lldb.go("continue").has("exited with status = 0");
}
