//! Stepping: over and into calls, through function pointers, out of functions, over loops.

use tests::gdb::Gdb;

use crate::session::{End, Script, Session};
use crate::{O0, O0_BOTH};

pub(crate) const SESSIONS: &[Session] = &[
    session("step_next", O0_BOTH, next),
    session("step_into", O0_BOTH, step),
    session("step_out", O0, finish),
    session("step_recursion", O0, recursion),
    session("step_loop", O0, until_and_advance),
    session("step_instruction", O0, instructions),
    session("step_call_site", O0, breakpoints_on_the_way),
    Session { native: false, ..session("step_packets", O0, packets) },
    session("step_skip", O0, skip),
    session("step_mode", O0, into_what_has_no_lines),
    Session {
        program: "parts",
        args: &[],
        end: End::Exit(0, "total=87\n"),
        ..session("step_skip_file", O0, skip_a_file)
    },
];

const fn session(
    name: &'static str,
    builds: &'static [tests::fixture::Build],
    script: fn(&mut Gdb),
) -> Session {
    let end = End::Exit(0, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n");
    Session { name, program: "steps", args: &["4"], builds, native: true, script: Script::Gdb(script), end }
}

fn next(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break main");
    gdb.go("continue").at("main-first");
    gdb.go("next").at("main-fib");
    gdb.go("next").at("main-report");
    gdb.go("print f").is("3");
    gdb.go("next").at("main-sum");
    gdb.go("next 2").at("main-apply");
    gdb.go("next 2").at("main-product");
    gdb.go("print p").is("7");
    gdb.go("print q").is("105");
    gdb.go("next").at("main-walk");
    gdb.go("next").lacks("walk (");
    gdb.go("next").at("main-return");
    gdb.go("continue").has("exited normally]");
}

fn step(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("tbreak {main-fib}");
    gdb.go("continue").at("main-fib");
    gdb.go("step").has("fib (n=4) at steps.c:");
    gdb.go("step");
    gdb.go("step").at("fib-first");
    gdb.go("step").has("fib (n=3) at steps.c:");
    gdb.go("bt").has("#0  fib (n=3)").has("in fib (n=4)").has("#2  0x").lacks("#3");
    gdb.go("tbreak {main-report}");
    gdb.go("continue").at("main-report");
    gdb.go("step").has("report (what=0x").has("\"fib\", value=3)").at("report-print");
    // printf has no source here: it is stepped over.
    gdb.go("step").at("report-return").lacks("printf (");
    gdb.go("step 2");
    gdb.go("tbreak {main-apply}");
    gdb.go("continue").at("main-apply");
    gdb.go("step").has("apply (op=0x").has("<add>, a=3, b=4) at steps.c:");
    gdb.go("step").at("apply-call");
    gdb.go("step").has("add (a=3, b=4) at {add-first}").at("add-first");
    gdb.go("bt").has("#0  add (a=3, b=4)").has("in apply (op=0x").has("in main (");
    gdb.go("step 2").has("apply (op=0x").at("apply-return");
    gdb.go("print result").is("7");
    gdb.go("step 2").has("apply (op=0x").has("<multiply>, a=7, b=15)");
    gdb.go("continue").has("exited normally]");
}

fn finish(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {add-first}");
    gdb.go("break walk");
    gdb.go("continue").has("Breakpoint 1, add (a=3, b=4)").at("add-first");
    gdb.go("finish")
        .has("Run till exit from #0  add (a=3, b=4)")
        .has("in apply (op=0x")
        .at("apply-call")
        .has("Value returned is $1 = 7");
    gdb.go("finish").has("in main (argc=2").at("main-apply").has("Value returned is $2 = 7");
    gdb.go("print $").is("7");
    gdb.go("continue").has("Breakpoint 2, walk (n=6)");
    gdb.go("finish")
        .has("Run till exit from #0  walk (n=6)")
        .has("in main (argc=2")
        .at("main-walk")
        .has("Value returned is $4 = 8");
    gdb.go("next").lacks("walk (n");
    gdb.go("finish").has("\"finish\" not meaningful in the outermost frame.");
    gdb.go("continue").has("exited normally]");
}

fn recursion(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {fib-base}");
    gdb.go("continue").has("fib (n=1)").at("fib-base");
    gdb.go("bt").has("#3  0x").has("in main");
    gdb.go("delete");
    gdb.go("finish")
        .has("Run till exit from #0  fib (n=1)")
        .has("in fib (n=2)")
        .at("fib-first")
        .has("Value returned is $1 = 1");
    gdb.go("next").at("fib-second");
    gdb.go("next").at("fib-sum");
    gdb.go("print b").is("0");
    gdb.go("up").has("in fib (n=3)");
    gdb.go("finish")
        .has("Run till exit from #1")
        .has("in fib (n=4)")
        .at("fib-first")
        .has("Value returned is $3 = 2");
    gdb.go("next").at("fib-second");
    gdb.go("print n").is("4");
    gdb.go("print a").is("2");
    gdb.go("next").at("fib-sum");
    gdb.go("print b").is("1");
    gdb.go("next");
    gdb.go("next").has("main (argc=2").at("main-report");
    gdb.go("continue").has("exited normally]");
}

fn until_and_advance(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break sum_to");
    gdb.go("continue").has("Breakpoint 1, sum_to (n=5)").at("loop-before");
    gdb.go("next");
    gdb.go("next").at("loop-body");
    gdb.go("next").lacks("BREAK");
    gdb.go("next").at("loop-body");
    gdb.go("print i").is("2");
    gdb.go("until").lacks("BREAK");
    // From the head of the loop, which lies behind the body, `until` goes on to what follows the loop.
    gdb.go("until").at("loop-after");
    gdb.go("print total").is("15");
    // `advance` also stops where the current function returns.
    gdb.go("advance walk").has("in main (argc=2").at("main-sum");
    gdb.go("advance walk").has("walk (n=6) at steps.c:");
    gdb.go("advance {walk-odd}").at("walk-odd");
    gdb.go("print n").is("3");
    gdb.go("advance {main-return}").has("main (argc=2").lacks("Cannot");
    gdb.go("continue").has("exited normally]");
}

fn instructions(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {main-fib}");
    gdb.go("continue").at("main-fib");
    gdb.hidden("set var $before = $pc");
    gdb.ours("nexti", "machine code").lacks("fib (n=");
    gdb.ours("print $pc != $before", "machine code").is("1");
    // However many instructions the line has, `nexti` walks over the call and `stepi` walks into it.
    let line = format!("Line {} ", gdb.fixture().line("main-fib"));
    let mut over = 0;
    while gdb.hidden("info line *$pc").contains(&line) {
        over += 1;
        assert!(over < 50, "nexti never leaves the line");
        gdb.hidden("nexti");
    }
    gdb.go("frame").has("main (argc=2").at("main-report");
    gdb.go("print f").is("3");
    let mut into = 0;
    while gdb.hidden("frame").contains("main (") {
        into += 1;
        assert!(into < 50, "stepi never enters the function");
        gdb.hidden("stepi");
    }
    gdb.ours("frame", "arguments are not in their places yet").has("report (");
    gdb.go("print $pc == (unsigned long)&report").is("1");
    gdb.ours("bt 1", "arguments are not in their places yet").has("report (");
    gdb.go("up").has("#1  0x").has("in main (argc=2").at("main-report");
    gdb.ours("stepi 2", "machine code").lacks("main (");
    gdb.go("tbreak {report-return}");
    gdb.go("continue").has("report (what=0x").at("report-return");
    gdb.go("continue").has("exited normally]");
}

fn breakpoints_on_the_way(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {main-fib}");
    gdb.go("break {fib-base} if n == 0");
    gdb.go("continue").at("main-fib");
    gdb.go("next").has("Breakpoint 2, fib (n=0)").at("fib-base");
    gdb.go("finish").has("Run till exit").has("Value returned is $1 = 0").at("fib-second");
    gdb.go("finish").has("Run till exit").has("Value returned is $2 = 1");
    gdb.go("delete");
    gdb.go("break {loop-body}");
    gdb.go("continue").at("loop-body");
    gdb.go("continue 3").has("Will ignore next 2 crossings of breakpoint 3.").at("loop-body");
    gdb.go("print i").is("4");
    gdb.go("finish").has("Breakpoint 3, sum_to (n=5)").lacks("Value returned");
    gdb.go("delete 3");
    gdb.go("finish").has("Value returned is $4 = 15");
    gdb.go("continue").has("exited normally]");
}

/// The most packets that one `next` may take, where all of a line's operators are one range.
const PACKETS_OF_NEXT: usize = 10;

fn packets(gdb: &mut Gdb) {
    gdb.connect();
    for _ in 0..5 {
        // The first line of `fib` has one range, and no call.
        gdb.hidden("tbreak fib");
        gdb.go("continue").has("fib (n=");
        gdb.hidden("set debug remote 1");
        let said = gdb.hidden("next");
        gdb.hidden("set debug remote 0");
        let packets = said.matches("Sending packet: $").count();
        assert!(packets > 0, "gdb does not show packets:\n{said}");
        assert!(packets <= PACKETS_OF_NEXT, "{packets} packets for one `next`:\n{said}");
        assert_eq!(said.matches("Sending packet: $vCont;").count(), 1, "one range is one step:\n{said}");
    }
    gdb.go("continue").has("exited normally]");
}

/// `step` passes over functions that are to be skipped.
fn skip(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("skip function fib").has("Function fib will be skipped when stepping.");
    gdb.go("skip -rfu ^app").has("Function(s) ^app will be skipped when stepping.");
    gdb.go("info skip").has("fib").has("^app");
    gdb.go("tbreak {main-fib}");
    gdb.go("continue").at("main-fib");
    gdb.go("step").at("main-report");
    gdb.go("step").has("report (what=0x").at("report-print");
    gdb.go("finish").has("Run till exit");
    gdb.go("tbreak {main-apply}");
    gdb.go("continue").at("main-apply");
    gdb.go("step").lacks("apply (").lacks("add (");
    gdb.go("skip disable 2");
    gdb.go("step").has("apply (op=0x").has("<multiply>, a=7, b=15)");
    gdb.go("skip -gfi st*.c").has("File(s) st*.c will be skipped when stepping.");
    gdb.go("finish").has("Run till exit").has("Value returned is $");
    gdb.go("tbreak {main-walk}");
    gdb.go("continue").at("main-walk");
    gdb.go("step").lacks("walk (n=");
    gdb.go("skip delete");
    gdb.go("info skip").has("Not skipping any files or functions.");
    gdb.go("continue").has("exited normally]");
}

/// A file that is to be skipped, here in another module.
fn skip_a_file(gdb: &mut Gdb) {
    if gdb.is_ours() {
        // Code of the library runs first.
        gdb.attach();
    } else {
        gdb.connect();
    }
    gdb.go("skip file parts_lib.c").has("File parts_lib.c will be skipped when stepping.");
    gdb.go("tbreak {call}");
    gdb.go("continue").at("call");
    gdb.go("step").at("second");
    gdb.go("step").has("again (place=0x").at("again");
    gdb.go("skip delete 1");
    gdb.go("step").has("weigh (place=0x").has("by=10) at parts_lib.c:");
    gdb.go("skip -gfi *_lib.c -function scaled").has("will be skipped when stepping.");
    gdb.go("step").has("return result + 1;");
    gdb.go("continue").has("exited normally]");
}

/// Functions of the C library have no lines here: `step` passes over them, unless it is told to stop in them.
fn into_what_has_no_lines(gdb: &mut Gdb) {
    const FRAMES: &str = "natively the library's functions have no arguments";
    gdb.connect();
    gdb.go("tbreak report");
    gdb.go("continue").has("report (what=0x").at("report-print");
    gdb.go("step").at("report-return");
    gdb.go("tbreak report");
    gdb.go("continue").has("report (what=0x").at("report-print");
    gdb.go("set step-mode on");
    gdb.ours("step", FRAMES).has(" in printf (");
    gdb.ours("bt", FRAMES).has("#0  0x").has(" in printf (").has(" in report (what=0x").has(" in main (");
    gdb.ours("finish", FRAMES).has("Run till exit from #0 ").has("report (what=0x");
    gdb.go("set step-mode off");
    gdb.go("tbreak {main-apply}");
    gdb.go("continue").at("main-apply");
    gdb.go("continue").has("exited normally]");
}
