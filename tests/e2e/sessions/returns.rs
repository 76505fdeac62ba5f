//! `finish` out of functions with results of every type.

use tests::gdb::Gdb;

use crate::O0_BOTH;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[Session {
    name: "returns",
    program: "returns",
    args: &[],
    builds: O0_BOTH,
    native: true,
    script: Script::Gdb(returns),
    end: End::Exit(0, "-2 4000000000 q -3 65535 1 -5000000000000 18364758544493064720 1.25 3 a text 43 5"),
}];

/// Function, and what `finish` shows. A text that ends in a blank is the start of what it shows.
const RESULTS: &[(&str, &str)] = &[
    ("give_int", "5"),
    ("give_negative", "-7"),
    ("give_unsigned", "4000000000"),
    ("give_char", "113 'q'"),
    ("give_schar", "-3 '\\375'"),
    ("give_ushort", "65535"),
    ("give_bool", "true"),
    ("give_llong", "-5000000000000"),
    ("give_ullong", "18364758544493064720"),
    ("give_float", "1.25"),
    ("give_double", "3"),
    ("give_text", "0x"),
    ("give_pointer", "(int *) 0x"),
    ("give_enum", "GREEN"),
    ("give_nothing", ""),
    ("give_pair", "{a = 3, b = -3}"),
    ("give_small", "{a = -2, b = 122 'z'}"),
    ("give_large", "{n = 10, d = 2.5, text = \"large\\000\\000\\000\\000\\000\\000\"}"),
    ("give_nest", "{p = {a = 8, b = 9}}"),
    ("give_function", "(int (*)(int)) 0x"),
];

/// Why the place differs that a function returns to.
const STRUCTS: &str = "how structs are returned";

fn returns(gdb: &mut Gdb) {
    gdb.connect();
    for (number, (function, shown)) in RESULTS.iter().enumerate() {
        gdb.go(&format!("tbreak {function}")).has(&format!("Temporary breakpoint {} at", number + 1));
        gdb.go("continue").has(&format!(", {function} ("));
        // A struct is returned in memory, after which nothing of the line is left here, and natively there may be.
        let finished = if shown.starts_with('{') { gdb.ours("finish", STRUCTS) } else { gdb.go("finish") };
        let answer =
            finished.has(&format!("Run till exit from #0  {function} (")).has("main () at returns.c:");
        if shown.is_empty() {
            answer.lacks("Value returned");
        } else {
            answer.has("Value returned is $").has(&format!(" = {shown}"));
        }
    }
    gdb.go("continue").has("exited normally]");
}
