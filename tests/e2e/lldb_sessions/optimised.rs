//! Optimised code: variables that are Wasm locals or operands.

use tests::fixture::Build;
use tests::lldb::{Lldb, Way};

use super::run_to;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        name: "operands",
        program: "optimised",
        args: &[],
        builds: &[Build::wasm(1, 4), Build::wasm(1, 5)],
        native: false,
        script: Script::Lldb(&[Way::Plugin], operands),
        end: End::Exit(0, "dot=70 depth=6 weight=21\n"),
    },
    Session {
        name: "optimised_write",
        program: "optimised",
        args: &[],
        builds: &[Build::wasm(2, 4), Build::wasm(2, 5)],
        native: false,
        script: Script::Lldb(&[Way::Plugin, Way::Elf], write),
        end: End::Killed,
    },
];

/// Why a local cannot be changed by the plugin.
const READ_ONLY: &str = "the plugin reads locals, and has no packet that writes one";

/// A variable that is a Wasm local can be changed with a symbol file, and by the plugin not.
fn write(lldb: &mut Lldb) {
    run_to(lldb, "dot-loop");
    lldb.go("frame variable a b").has("(const int *) a = 0x").has("(const int *) b = 0x");
    if lldb.way() == Way::Elf {
        lldb.go("expr a = b").has("(const int *) $0 = 0x");
        // The product of the second vector with itself.
        lldb.go("finish").has("stop reason = step out").has("Return value: (int) $1 = 174");
    } else {
        lldb.lenient("expr a = b", READ_ONLY)
            .has("couldn't write the new contents of a back into the variable");
        lldb.go("finish").has("stop reason = step out");
    }
}

/// While it is added to, `sum` is an operand: first the one above the product, of which lldb says
/// `DW_OP_WASM_location 0x2 0x1`, then the only one. So lldb counts operands from the bottom.
fn operands(lldb: &mut Lldb) {
    run_to(lldb, "dot-loop");
    for (before, product, after) in [(0, 5, 5), (5, 12, 17), (17, 21, 38), (38, 32, 70)] {
        step_to(lldb, "i32.mul");
        step_to(lldb, "i32.add");
        lldb.go("frame variable sum").is(&format!("(int) sum = {before}"));
        for (index, value) in [(0, product), (1, before)] {
            let packet = format!("process plugin packet send qWasmStackValue:0;{index}");
            let answer = lldb.hidden(&packet);
            assert!(answer.contains(&format!("response: {value:02x}000000\n")), "{value}: {answer}");
        }
        // lldb says that this is of no line.
        lldb.lenient("thread step-inst", "an operator").has("stop reason = instruction step into");
        lldb.go("frame variable sum").is(&format!("(int) sum = {after}"));
    }
    lldb.go("continue").has("exited with status = 0");
}

/// Steps until an operator is next.
#[track_caller]
fn step_to(lldb: &mut Lldb, operator: &str) {
    for _ in 0..60 {
        if lldb.hidden("disassemble --pc --count 1").contains(operator) {
            return;
        }
        lldb.hidden("thread step-inst");
    }
    panic!("no {operator} is next");
}
