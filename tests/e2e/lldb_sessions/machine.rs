//! What lldb shows of the machine: modules, addresses, registers, code. Natively that is another one.

use tests::lldb::{Lldb, Way};

use super::run_to;
use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[Session {
    name: "machine",
    program: "steps",
    args: &["4"],
    builds: O0,
    native: false,
    script: Script::Lldb(&[Way::Plugin], machine),
    end: End::Killed,
}];

fn machine(lldb: &mut Lldb) {
    run_to(lldb, "report-print");
    lldb.go("target list").has("arch=wasm32-").has("state=stopped");
    lldb.go("image list").has("/steps.wasm");
    lldb.go("image lookup --address $pc").has("Summary: steps.wasm`report").has("at {report-print}");
    lldb.go("image lookup --verbose --address $pc").has("name = \"report\"").has("name = \"what\"");
    lldb.go("image lookup --name add").has("1 match found").has("steps.wasm`add");
    lldb.go("register read pc").has("pc = 0x4");
    // lldb knows the register by its name only.
    lldb.go("register read").is("");
    lldb.go("p $pc").has("0x4");
    lldb.go("disassemble --pc --count 4").has("->  0x4").has("local.get").has("i32");
    lldb.go("disassemble --name add").has("steps.wasm`add").has("i32.add").has("end");
    lldb.go("disassemble --frame").has("steps.wasm`report").has("call");
    lldb.go("source info").has("{report-print}");
    lldb.go("thread list").has("* thread #1");
    lldb.go("thread info").has("tid = ").has("`report");
    lldb.go("process status").has("Process 1 stopped");
    lldb.go("target modules dump line-table steps.c").has("Line table for");
    lldb.go("process plugin packet send qC").has("QC");
    lldb.lenient("thread return 5", super::NO_ABI).has("error: ").has("Could not find ABI");
    lldb.kill_process();
}
