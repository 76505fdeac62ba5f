//! Several modules, several instances of one, and several memories: what the server instantiates with `--preload`.

use tests::lldb::{Lldb, Way};

use super::NO_ABI;
use crate::O0;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        builds: O0,
        native: true,
        ..session("modules", "parts", &[Way::Plugin, Way::Module], "total=87\n", modules)
    },
    session("instances", "counters", &[Way::Plugin], "left=7 right=20\n", instances),
    session("memories", "pages", &[Way::Plugin], "put\n", memories),
];

const fn session(
    name: &'static str,
    program: &'static str,
    ways: &'static [Way],
    printed: &'static str,
    script: fn(&mut Lldb),
) -> Session {
    let (script, end) = (Script::Lldb(ways, script), End::Exit(0, printed));
    Session { name, program, args: &[], builds: O0, native: false, script, end }
}

/// Why the first steps of a session are other ones natively.
const LINKED: &str = "natively all code is there from the start";

fn modules(lldb: &mut Lldb) {
    if lldb.is_ours() {
        load(lldb);
    } else {
        lldb.connect();
    }
    lldb.go("b main").names("first");
    lldb.go("continue").has("stop reason = breakpoint 1.1").at("first");
    lldb.go("next").at("call");
    // Into another module, and out of it.
    lldb.go("tbreak weigh").has("weigh").has(" at parts_lib.c:");
    lldb.go("continue").has("weigh(place=0x").has("by=2)").has("int result = scaled(place, by);");
    lldb.go("bt 2").has("frame #0: 0x").has("parts_lib.c:").has("frame #1: 0x").has("main").has("parts.c:");
    lldb.go("p *place").has("(x = 3, y = 4)");
    lldb.go("p calls").is("(int) 7");
    lldb.go("up").has("{call}");
    lldb.go("frame variable here").has("(x = 3, y = 4)");
    lldb.go("p total").is("(int) 1");
    lldb.go("down");
    lldb.go("next").has("return result + 1;");
    lldb.go("p calls * 10 + result").is("(int) 94");
    lldb.ours("finish", NO_ABI).at("call");
    lldb.go("next").at("second");
    lldb.go("p total").is("(int) 15");
    lldb.go("b scaled").has(" at parts_lib.c:");
    lldb.go("continue").has("scaled(place=0x").has("by=10)");
    lldb.go("bt 4").has("`scaled").has("`weigh").has("`again").has("main");
    lldb.go("target variable calls total").has("(int) calls = 8").has("(int) total = 15");
    lldb.ours("expr calls = 70", NO_ABI).has("= 70");
    lldb.go("breakpoint set --file parts_lib.c --line 18").has(" at parts_lib.c:18");
    lldb.go("continue").has("return result + 1;");
    lldb.go("p calls").is("(int) 71");
    if lldb.is_ours() {
        maps(lldb);
    }
    lldb.go("breakpoint delete");
    lldb.go("tbreak {print}");
    lldb.go("continue").at("print");
    lldb.go("p total").is("(int) 87");
    lldb.go("continue").has("exited with status = 0");
}

/// Code of the library runs first. The program's module has no instance yet, and is known all the same.
fn load(lldb: &mut Lldb) {
    lldb.connect();
    lldb.ours("bt", LINKED).has("parts_lib.wasm`_initialize").lacks("frame #1");
    lldb.ours("image list --basename", LINKED)
        .has("[  0] parts.wasm")
        .has("[  1] parts_lib.wasm")
        .lacks("[  2]");
    lldb.lenient("target variable total", LINKED);
    lldb.ours("memory region 0x1000000000", LINKED)
        .has("[0x0000001000000000-0x0000001000200000) rw- memory 0 of ");
    lldb.ours("memory region 0", LINKED).has("-0x0000001000000000) ---\n");
}

/// Where things of both modules are.
fn maps(lldb: &mut Lldb) {
    lldb.ours("image lookup --name scaled", LINKED).has("1 match found").has("parts_lib.wasm`scaled");
    lldb.ours("image lookup --name again", LINKED).has("1 match found").has("parts.wasm`again");
    lldb.ours("image lookup --address $pc", LINKED)
        .has("Summary: parts_lib.wasm`weigh")
        .has("parts_lib.c:18");
    lldb.ours("register read pc", LINKED).has("pc = 0x40000001000");
    lldb.ours("disassemble --name weigh", LINKED).has("parts_lib.wasm`weigh").has("local.get").has("call");
    lldb.ours("memory region $pc", LINKED).has("[0x4000000100000000-").has("parts_lib.wasm");
    lldb.ours("memory region `&calls`", LINKED).has("[0x0000000000000000-").has("rw- memory 0 of");
}

/// Two instances share the module, and so its breakpoints; each has its frames, its globals and its memory.
fn instances(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("image list --basename").has("counter.wasm").has("counters.wasm").lacks("[  2]");
    lldb.go("breakpoint set --file counter.c --line 6").has("counter.wasm`add").has(" at counter.c:6");
    for (by, instance, count) in [(3, 1, 1000), (20, 2, 1000), (4, 1, 1003)] {
        lldb.go("continue").has(&format!("add(by={by}) at counter.c:"));
        lldb.go("bt 3").has("counter.wasm`add").has("counter.wasm`bump").has("counters.wasm`");
        lldb.go("frame variable by").is(&format!("(int) by = {by}"));
        lldb.go("up").has("`bump");
        // Its stack pointer, by the frame and by the instance.
        let by_frame = lldb.hidden("process plugin packet send qWasmGlobal:0;0");
        let by_number =
            lldb.hidden(&format!("process plugin packet send qWasmGlobal:0;instance:{instance};"));
        let answered = |text: &str| text.rsplit("response: ").next().map(str::to_owned);
        assert_eq!(answered(&by_frame), answered(&by_number), "{by_frame}{by_number}");
        let memory =
            format!("memory read --format d --size 4 --count 1 `0x{instance}000000000 + (long)&count`");
        lldb.go(&memory).has(&format!(": {count}\n"));
    }
    lldb.go("memory region 0x1000000000").has("rw- memory 0 of instance 1 of ").has("/counter.wasm");
    lldb.go("memory region 0x2000000000").has("rw- memory 0 of instance 2 of ");
    lldb.go("breakpoint delete");
    lldb.go("continue").has("exited with status = 0");
}

/// A module with a second memory, without debug info.
fn memories(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --name put").has("where = store.wat`put");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("store.wat`put");
    lldb.go("continue").has("stop reason = breakpoint 1.1");
    lldb.go("breakpoint delete 1");
    lldb.ours("finish", NO_ABI);
    let all = lldb.go("memory region --all").text().to_owned();
    for (start, name) in [("0", "memory 0 of"), ("10", "memory 0 of"), ("11", "memory 1 of")] {
        let region = all.lines().find(|line| line.starts_with(&format!("[0x{start:0>8}00000000-")));
        assert!(region.is_some_and(|line| line.contains(&format!("rw- {name}"))), "{start}: {all}");
    }
    lldb.go("memory read --format x --size 4 --count 1 0x1000000010").has(": 0x00000008");
    lldb.go("memory read --format c --size 1 --count 4 0x1100010000").has("DCBA");
    lldb.go("memory read --format c --size 1 --count 4 0x1100000008").has("dcba");
    lldb.go("memory write --size 4 0x1100000008 0x65666768");
    lldb.go("memory read --format c --size 1 --count 4 0x1100000008").has("hgfe");
    lldb.go("memory find --string hgfe -- 0x1100000000 0x1100001000")
        .has("data found at location: 0x1100000008");
    lldb.lenient("memory read 0x1200000000", "there is no third")
        .has("error: memory read failed for 0x1200000000");
    lldb.go("continue").has("exited with status = 0");
}
