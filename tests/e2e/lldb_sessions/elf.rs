//! The symbol file for lldbs without a Wasm plugin: values, frames and steps on the machine that they see.

use tests::fixture::Build;
use tests::lldb::{Lldb, Way};

use super::BELOW_MAIN;
use crate::session::{End, Script, Session};
use crate::{O0, O0_BOTH};

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        args: &["4"],
        native: true,
        end: End::Exit(0, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n"),
        ..session("elf_recursion", "steps", O0_BOTH, recursion)
    },
    Session {
        args: &["4"],
        native: true,
        end: End::Exit(0, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n"),
        ..session("elf_steps", "steps", O0, steps)
    },
    Session { args: &["one"], native: true, ..session("elf_values", "values", O0_BOTH, values) },
    Session { native: true, ..session("elf_returns", "returns", O0, returns) },
    Session {
        args: &["4"],
        native: true,
        end: End::Exit(1, "fib = 40\nsum = 15\nproduct = 1155\n"),
        ..session("elf_return", "steps", O0, returned)
    },
    Session { native: true, ..session("elf_return_values", "returns", O0, return_values) },
    session("elf_optimised", "optimised", O2_BOTH, optimised),
    Session {
        args: &["4"],
        native: true,
        end: End::Exit(0, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n"),
        ..session("elf_avoid", "steps", O0, avoid)
    },
    session("elf_machine", "steps", O0, machine),
    Session { end: End::Exit(0, "20 21 1\n"), ..session("elf_expressions", "mapped", O0, expressions) },
    session("elf_wide", "wide", &[Build::WASM64], wide),
];

const O2_BOTH: &[Build] = &[Build::wasm(2, 4), Build::wasm(2, 5)];

const fn session(
    name: &'static str,
    program: &'static str,
    builds: &'static [Build],
    script: fn(&mut Lldb),
) -> Session {
    let script = Script::Lldb(&[Way::Elf], script);
    Session { name, program, args: &[], builds, native: false, script, end: End::Killed }
}

/// Why the frames of a function with a pointer to a function differ: it is an index, and the line is that of code.
const POINTER: &str = "function pointers are indices";

/// Why the line after a function that returns a structure differs: it has written it where it belongs.
const STRUCTURE: &str = "nothing is left to do of the caller's line";

/// Functions whose names `step` passes over.
fn avoid(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("settings set target.process.thread.step-avoid-regexp ^(fib|sum_to)$");
    lldb.go("tbreak {main-fib}").names("main-fib");
    lldb.go("continue").at("main-fib");
    lldb.go("step").has("stop reason = step in").at("main-report");
    lldb.go("p f").is("(int) 3");
    lldb.go("step").has("report(what=\"fib\", value=3)").at("report-print");
    lldb.go("finish").has("Return value: (int) $0 = 3");
    lldb.go("next").at("main-sum");
    lldb.go("step").has("main(argc=2");
    lldb.go("p s").is("(int) 15");
    lldb.go("settings clear target.process.thread.step-avoid-regexp");
    lldb.go("tbreak {main-walk}");
    lldb.go("continue").at("main-walk");
    lldb.go("step").has("walk(n=6)");
    lldb.go("continue").has("exited with status = 0");
}

fn recursion(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --file steps.c --line 13 --condition 'n == 1'").has("where = ");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("fib(n=1) at steps.c:13");
    lldb.go("bt 4").has("fib(n=1)").has("fib(n=2)").has("fib(n=3)").has("fib(n=4)");
    lldb.ours("bt", BELOW_MAIN).has("fib(n=4)").has("main(argc=2").lacks("??");
    for (frame, n) in ["1", "2", "3", "4"].into_iter().enumerate() {
        lldb.go(&format!("frame select {frame}")).has(&format!("fib(n={n}) at steps.c:"));
        lldb.go("frame variable n").is(&format!("(int) n = {n}"));
        lldb.go("p n * 10").is(&format!("(int) {n}0"));
    }
    lldb.go("breakpoint delete 1");
    lldb.go("frame select 0");
    lldb.go("finish").has("stop reason = step out").has("Return value: (int) $").at("fib-first");
    lldb.go("frame variable n").is("(int) n = 2");
    lldb.go("next").has("stop reason = step over").at("fib-second");
    // Over two calls of itself.
    lldb.go("next").has("stop reason = step over").has("fib(n=2)").at("fib-sum");
    lldb.go("frame variable n a b").has("(int) n = 2").has("(int) a = 1").has("(int) b = 0");
    lldb.go("finish").has("fib(n=3)").at("fib-first");
    lldb.go("next").at("fib-second");
    lldb.go("step").has("stop reason = step in").has("fib(n=1) at steps.c:12");
    lldb.go("up").has("fib(n=3)").has("frame #1");
    lldb.go("frame variable n a").has("(int) n = 3").has("(int) a = 1");
    lldb.go("continue").has("exited with status = 0");
}

fn steps(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b main").names("main-first");
    lldb.go("continue").has("stop reason = breakpoint 1.1").at("main-first");
    lldb.go("next").at("main-fib");
    lldb.go("step").has("stop reason = step in").has("fib(n=4) at steps.c:12");
    lldb.go("finish").has("Return value: (int) $0 = 3").at("main-fib");
    lldb.go("next").at("main-report");
    lldb.go("step").has("report(what=\"fib\", value=3) at {report-print}").at("report-print");
    // printf has no source: it is stepped over.
    lldb.go("step").at("report-return").lacks("`printf");
    lldb.go("tbreak {main-apply}").names("main-apply");
    lldb.go("continue").at("main-apply");
    lldb.ours("step", POINTER).has("apply(op=").has("a=3, b=4) at steps.c:34");
    lldb.ours("next", POINTER).at("apply-call");
    lldb.go("step").has("add(a=3, b=4) at {add-first}").at("add-first");
    lldb.ours("finish", POINTER).has("Return value: (int) $1 = 7").at("apply-call");
    lldb.ours("thread until 36", POINTER).at("apply-return");
    lldb.ours("thread step-inst", POINTER).has("stop reason = instruction step");
    lldb.go("continue").has("exited with status = 0");
}

fn values(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b {scalars-return}").names("scalars-return");
    lldb.go("continue").at("scalars-return");
    lldb.go("frame variable").has("(long) l = -100000").has("(unsigned long) ul = 4000000000");
    lldb.go("p sizeof(long) + sizeof(void *)").has(") 8");
    lldb.go("p bits").has("kind = 5").has("delta = -7").has("id = 78187493530").has("last = true");
    lldb.go("p u.f").is("(float) 1.5");
    lldb.go("p ull + 1").is("(unsigned long long) 18364758544493064721");
    lldb.go("p color").is("(color) BLUE");
    lldb.go("expr sh = 12").has("= 12");
    lldb.go("p sh + 1").is("(int) 13");
    lldb.go("target variable table").has("[0] = 1.5");
    lldb.go("p global_text").has("\"hello, wasm\"");
    lldb.go("memory read --count 5 --format c &buffer").has("01234");
    lldb.go("p big").is("(long long) -5000000000000");
    lldb.go("p commands[1].name").has("\"sub\"");
}

/// Function, and what `finish` shows.
const RESULTS: &[(&str, &str)] = &[
    ("give_int", "(int) $0 = 5"),
    ("give_negative", "(int) $1 = -7"),
    ("give_unsigned", "(unsigned int) $2 = 4000000000"),
    ("give_char", "(char) $3 = 'q'"),
    ("give_schar", "(signed char) $4 = '\\xfd'"),
    ("give_ushort", "(unsigned short) $5 = 65535"),
    ("give_bool", "= true"),
    ("give_llong", "(long long) $7 = -5000000000000"),
    ("give_ullong", "(unsigned long long) $8 = 18364758544493064720"),
    ("give_float", "(float) $9 = 1.25"),
    ("give_double", "(double) $10 = 3"),
    ("give_text", "\"a text\""),
    ("give_pointer", "(int *) $12 = 0x"),
    ("give_enum", "(color) $13 = GREEN"),
    ("give_nothing", ""),
    ("give_pair", "(pair) $14 = (a = 3, b = -3)"),
    ("give_small", "(small) $15 = (a = -2, b = 'z')"),
    ("give_large", "n = 10"),
    ("give_nest", "(a = 8, b = 9)"),
];

/// Those of them that write a structure where the caller wants it.
const STRUCTURES: &[&str] = &["give_pair", "give_large", "give_nest"];

fn returns(lldb: &mut Lldb) {
    lldb.connect();
    for (function, shown) in RESULTS {
        lldb.go(&format!("tbreak {function}")).has("where = ");
        lldb.go("continue").has(function);
        let answer =
            if STRUCTURES.contains(function) { lldb.ours("finish", STRUCTURE) } else { lldb.go("finish") };
        let answer = answer.has("stop reason = step out").has("main at returns.c:");
        if shown.is_empty() {
            answer.lacks("Return value")
        } else {
            answer.has(shown)
        };
    }
}

fn optimised(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b {depth-after}").names("depth-after");
    lldb.go("continue").has("stop reason = breakpoint 1.1").has("depth_of(n=1)").at("depth-after");
    for n in ["1", "2", "3"] {
        lldb.go("frame variable n").is(&format!("(int) n = {n}"));
        lldb.go("up");
    }
    lldb.go("continue").has("depth_of(n=2)").at("depth-after");
    lldb.go("frame variable n").is("(int) n = 2");
    lldb.go("breakpoint delete 1");
    lldb.go("finish").has("Return value: (int) $0 = 3").has("depth_of(n=3)");
    lldb.go("b {weigh-loop}").has("where = ");
    lldb.go("continue").at("weigh-loop");
}

fn machine(lldb: &mut Lldb) {
    lldb.connect().has("stop reason = signal SIGTRAP");
    lldb.go("target list").has("arch=i386");
    lldb.go("tbreak add");
    lldb.go("continue").at("add-first");
    lldb.go("image list --basename").has("steps.elf");
    lldb.go("image lookup --address $pc").has("add").has("{add-first}");
    lldb.go("register read eip ebp esp").has("eip = 0xe").has("ebp = 0xff").has("esp = 0xff");
    // What has no value says so.
    lldb.lenient("register read ebx", "there is none").has("unavailable");
    lldb.go("register read wasm_func wasm_pc").has("wasm_func = 0x").has("wasm_pc = 0x");
    lldb.go("process plugin packet monitor disassemble").has("i32.load");
}

/// Frames that are taken away, with the value that they return and without.
fn returned(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("breakpoint set --file steps.c --line 14 --condition 'n == 1'").names("fib-base");
    lldb.go("continue").at("fib-base");
    lldb.go("bt 4").has("fib(n=1)").has("fib(n=4)");
    lldb.thread_return("30");
    lldb.go("bt 3").has("frame #0: ").has("fib(n=2) at steps.c:15").has("fib(n=4)");
    lldb.go("next").at("fib-second");
    lldb.go("p a").is("(int) 30");
    lldb.go("breakpoint delete 1");
    // Another frame than the innermost: the frames within it go as well.
    lldb.go("tbreak fib").has(" at steps.c:12");
    lldb.go("continue").has("fib(n=0)");
    lldb.go("frame select 2").has("fib(n=3)");
    lldb.thread_return("38");
    lldb.go("bt 2").has("frame #0: ").has("fib(n=4) at steps.c:15").has("frame #1: ").has("main");
    lldb.go("next").at("fib-second");
    lldb.go("p a").is("(int) 38");
    lldb.go("next").at("fib-sum");
    lldb.go("p b = 2").is("(int) 2");
    lldb.go("tbreak add").names("add-first");
    lldb.go("continue").has("add(a=3, b=4)").at("add-first");
    lldb.thread_return("77");
    lldb.ours("next", POINTER).at("apply-return");
    lldb.go("p result").is("(int) 77");
    lldb.go("tbreak walk").has(" at steps.c:");
    lldb.go("continue").has("walk(n=6)");
    // Without a value: it is one of a register by chance, here 0 and natively another.
    lldb.thread_return("");
    lldb.go("frame info").has("main").has(" at {main-walk}");
    lldb.ours("next", "the value is by chance").has("stop reason = step over");
    lldb.go("p w = 1").is("(int) 1");
    lldb.go("tbreak report").has(" at steps.c:");
    lldb.go("continue").has("report(what=\"walk\", value=1)");
    lldb.thread_return("0");
    lldb.ours("frame info", "nothing of the line is left natively").has("main(argc=2");
    lldb.go("continue").has("exited with status = 1");
}

/// Function, what it is made to return, where that is then, and how it is shown.
const RETURNED: &[(&str, &str, &str, &str)] = &[
    ("give_int", "-5", "i", "(int) -5"),
    ("give_unsigned", "4000000001u", "u", "(unsigned int) 4000000001"),
    ("give_char", "'x'", "c", "(char) 'x'"),
    ("give_bool", "false", "b", "(bool) false"),
    ("give_llong", "-5000000000001ll", "ll", "(long long) -5000000000001"),
    ("give_ullong", "0xfedcba9876543211ull", "ull", "(unsigned long long) 18364758544493064721"),
];

fn return_values(lldb: &mut Lldb) {
    lldb.connect();
    for (function, value, variable, shown) in RETURNED {
        lldb.go(&format!("tbreak {function}")).has("where = ");
        lldb.go("continue").has(function);
        lldb.thread_return(value);
        lldb.go("next").has("stop reason = step over");
        lldb.go(&format!("p {variable}")).is(shown);
    }
}

fn expressions(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b {twice}").names("twice");
    lldb.go("continue").at("twice");
    lldb.go("expr n * 2 + 1").is("(int) $0 = 43");
    lldb.go("expr n = n - 11").has("= 10");
    lldb.go("frame variable n").is("(int) n = 10");
    // lldb can call functions of a program only where it can write code; it must not try with the program's own `mmap`.
    lldb.lenient("expr twice(n)", "calls are not possible").has("error:");
    lldb.go("expr calls").has("= 0");
    lldb.go("frame variable n").is("(int) n = 10");
    lldb.go("b {print}");
    lldb.go("continue").at("print");
    lldb.go("p calls").is("(int) 1");
    lldb.go("continue").has("exited with status = 0");
}

fn wide(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("target list").has("arch=x86_64");
    lldb.go("b {add}").names("add");
    lldb.go("continue").at("add");
    lldb.go("p sizeof(void *)").has(") 8");
    lldb.go("p *node").has("value = 3").has("0x0000000100000080");
    lldb.go("p node->next->value").is("(long) 2");
    lldb.go("up").has("apply(");
    lldb.go("breakpoint delete 1");
    lldb.go("frame select 0");
    lldb.go("finish").has("Return value: (long) $").has("= 6");
}
