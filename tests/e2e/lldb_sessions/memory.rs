//! Memory: the map of the address space, and finding things in it.

use tests::lldb::{Lldb, Way};

use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[Session {
    name: "memory_map",
    program: "watched",
    args: &[],
    builds: O0,
    // A process has another map.
    native: false,
    script: Script::Lldb(&[Way::Plugin], map),
    end: End::Exit(0, "sum=10 deep=3 counter=9\n"),
}];

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
