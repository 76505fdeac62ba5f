//! Memory: the map of the address space, and finding things in it.

use tests::fixture::Build;
use tests::lldb::{Lldb, Way};

use super::NO_ABI;
use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        name: "memory_map",
        program: "watched",
        args: &[],
        builds: O0,
        // A process has another map.
        native: false,
        script: Script::Lldb(&[Way::Plugin], map),
        end: End::Exit(0, "sum=10 deep=3 counter=9\n"),
    },
    Session {
        name: "memory64",
        program: "wide",
        args: &[],
        builds: &[Build::WASM64],
        native: false,
        script: Script::Lldb(&[Way::Plugin], wide),
        end: End::Exit(134, ""),
    },
];

fn map(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("tbreak {assign}");
    lldb.go("continue").at("assign");
    lldb.go("memory region `&counter`").has("[0x0000000000000000-0x00000000000").has(") rw- memory 0 of ");
    lldb.go("memory region $pc").has("[0x4000000000000000-0x4000000000").has(") r-x ");
    lldb.go("memory region 0x3000000000000000").has("[0x").has("-0x4000000000000000) ---\n");
    let all = lldb.go("memory region --all").text().to_owned();
    assert!(all.contains("rw- memory 0 of") && all.contains("r-x"), "{all}");
    // It comes to the end of the address space.
    lldb.go("memory region 0x8000000000000000").has("-0xffffffffffffffff) ---\n");
    lldb.go("memory find -s xyz -- &text `(char *)&text + 64`").has("data found at location: 0x");
    lldb.go("memory find -s nowhere -- &text `(char *)&text + 64`").has("data not found within the range.");
    lldb.go("continue").has("exited with status = 0");
}

/// Why lldb shows half of what there is.
const HALF: &str = "lldb's plugin has pointers of 32 bits";

/// A program with 64-bit pointers: lines, frames, integers, traps, and the first 4 GiB of its memory. Of pointers lldb shows
/// the low halves, and where variables of a file are it does not understand.
fn wide(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b node_at").has("wide.wasm`node_at").has(" at wide.c:");
    lldb.go("continue").has("node_at(place=4294967360, value=1, next=0x00000000) at wide.c:");
    lldb.go("bt")
        .has("frame #0: ")
        .has("node_at(")
        .has("frame #1: ")
        .has("_start at wide.c:")
        .lacks("frame #2");
    lldb.go("p value + 1").is("(long long) 2");
    lldb.go("next").has("stop reason = step over");
    lldb.go("memory region 0").has("[0x0000000000000000-0x0000000100000000) rw- memory 0 of ");
    lldb.go("memory read --size 8 --format d --count 1 0x0").has("0x00000000: ");
    lldb.lenient("memory read 0x100000040", HALF).has("error: memory read failed for 0x100000000");
    lldb.lenient("target variable result", HALF).has("Unhandled opcode DW_OP_unknown_0");
    lldb.go("breakpoint delete");
    lldb.ours("finish", NO_ABI).has("stop reason = step out").has("list = node_at(");
    lldb.go("continue").has("stop reason = wasm trap: out of bounds memory access").at("outside");
    lldb.go("up").has("_start").at("peek");
    lldb.go("frame variable base").is("(const address) base = 4294967296");
    lldb.go("continue").has("Process 1 exited with status = ");
}
