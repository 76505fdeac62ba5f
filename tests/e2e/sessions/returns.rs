//! `finish` out of functions with results of every type.

use tests::fixture::Build;
use tests::gdb::Gdb;

use crate::O0_BOTH;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        name: "returns",
        program: "returns",
        args: &[],
        builds: O0_BOTH,
        native: true,
        script: Script::Gdb(returns),
        end: End::Exit(
            0,
            "-2 4000000000 q -3 65535 1 -5000000000000 18364758544493064720 1.25 3 a text 43 5",
        ),
    },
    // Natively gdb shows wrong values of most of these.
    Session {
        name: "returns_long",
        program: "results",
        args: &[],
        builds: &[Build::wasm(0, 4), Build::wasm(1, 4), Build::wasm(2, 5)],
        native: false,
        script: Script::Gdb(long),
        end: End::Exit(0, "sum 18"),
    },
];

/// The same of functions whose result is no scalar that fits a register. gdb looks for numbers of 16 bytes nowhere, so that
/// these come in a structure.
const LONG: &[(&str, &str)] = &[
    ("wide", "{value = -5902958103587056517120}"),
    ("unsigned_wide", "{value = 1267650600228229401496703205379}"),
    ("exact", "{value = 3.125}"),
    ("complex", "3.5 + -4.5i"),
    ("small_complex", "1.5 + 2.5i"),
    ("long_complex", "{value = 5.5 + 6.5i}"),
    ("ints", "{1, -2, 3, -4}"),
    ("floats", "{1.5, -2.5, 3.5, 4.5}"),
    ("doubles", "{1.25, -2.75}"),
    ("half", "{8, -9}"),
    ("more", "{1, 2, 3, 4, 5, 6, 7, 8}"),
    ("one", "{only = -1.125}"),
    ("mixed", "{first = 2.5, second = -3}"),
    ("three", "{a = 1, b = -2, c = 3}"),
    ("big", "{items = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}"),
    ("boxed", "{value = {only = 7.125}}"),
    ("lanes", "{only = {5, 6, 7, -8}}"),
    ("either", "{whole = 1069547520, part = 1.5}"),
];

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

fn long(gdb: &mut Gdb) {
    gdb.connect();
    for (name, shown) in LONG {
        gdb.go(&format!("tbreak give_{name}"));
        gdb.go("continue").has(&format!(", give_{name} ("));
        gdb.go("finish").has(&format!(" in call_{name} (")).has("Value returned is $").has(shown);
    }
    gdb.go("break {end}");
    gdb.go("continue").at("end");
    for (name, shown) in LONG {
        gdb.go(&format!("print give_{name}(0)")).is(shown);
    }
    gdb.go("continue").has("exited normally]");
}
