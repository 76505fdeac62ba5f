//! A transcript without what differs from run to run and from machine to machine: addresses, ports, process ids, paths.
//!
//! Numbers that a program printed stay: a hexadecimal number is taken for an address only if it has 3 to 12 digits, and
//! fixtures print none such, if it is padded with zeros, or if a symbol follows.

use crate::fixture::Fixture;
use crate::toolchain;

/// Words whose following number is replaced, with what it becomes.
const NUMBERED: &[(&str, &str)] = &[
    ("with DWARF ", "VERSION"),
    ("process ", "PID"),
    ("Process ", "PID"),
    ("Thread ", "TID"),
    ("Remote target ", "TID"),
    (":", "PORT"),
    ("port ", "PORT"),
    // The length of the module in `monitor modules`: debug info names folders.
    ("0xADDR file, ", "SIZE"),
];

/// The fewest digits of a decimal number after `:` that make it a port: line numbers are shorter.
const PORT_DIGITS: usize = 5;

/// Replaces what differs from run to run, on any machine.
#[must_use]
pub fn normalise(text: &str, fixture: &Fixture) -> String {
    let program = fixture.program.display().to_string();
    let folder = fixture.program.parent().map(|path| path.display().to_string()).unwrap_or_default();
    let tests = toolchain::tests_folder().display().to_string();
    let text = text.replace(&program, "$PROGRAM").replace(&folder, "$FOLDER").replace(&tests, "$TESTS");
    offsets(&numbers(&addresses(&text)))
}

/// `0x7e00000001b3` becomes `0xADDR`.
fn addresses(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("0x") {
        let digits = rest[at + 2..].chars().take_while(char::is_ascii_hexdigit).count();
        out.push_str(&rest[..at]);
        let is_symbol = rest[at + 2 + digits..].starts_with(" <");
        let is_padded = digits == 16 && rest[at + 2..].starts_with("0000");
        if (3..=12).contains(&digits) || is_padded || is_symbol {
            out.push_str("0xADDR");
        } else {
            out.push_str(&rest[at..at + 2 + digits]);
        }
        rest = &rest[at + 2 + digits..];
    }
    out + rest
}

/// `process 1234` becomes `process PID`, and so for the other words of [`NUMBERED`].
fn numbers(text: &str) -> String {
    let mut text = text.to_owned();
    for (word, name) in NUMBERED {
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(word) {
            let after = at + word.len();
            out.push_str(&rest[..after]);
            let is_number = |c: &char| c.is_ascii_digit() || *c == '.' && *name == "TID";
            let digits = rest[after..].chars().take_while(is_number).count();
            let enough = if *word == ":" { PORT_DIGITS } else { 1 };
            let is_long = digits >= enough;
            out.push_str(if is_long { name } else { &rest[after..after + digits] });
            rest = &rest[after + digits..];
        }
        text = out + rest;
    }
    text
}

/// `<fib+12>` becomes `<fib+N>`, and so `fib + 12 in section`: how far into a function a place is depends on the machine's instructions.
fn offsets(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        let start = at + 1 + usize::from(rest[at + 1..].starts_with(' '));
        let end = start + rest[start..].chars().take_while(char::is_ascii_digit).count();
        let is_offset =
            end > start && (rest[end..].starts_with('>') || rest[end..].starts_with(" in section"));
        out.push_str(&rest[..start]);
        out.push_str(if is_offset { "N" } else { &rest[start..end] });
        rest = &rest[end..];
    }
    out + rest
}

/// For comparing two machines. Runs of blanks, which align columns of addresses, count as one blank. What does not
/// matter: whether gdb or the server evaluates a condition; that gdb names the file of a section if it knows several
/// (natively, the system's `vdso`); how the compiler calls itself (ours must begin with `clang`, see `clients.md`).
#[must_use]
pub fn same_columns(text: &str) -> String {
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = ["(host evals)", "(target evals)", "of target:$PROGRAM"]
        .iter()
        .fold(text.to_owned(), |text, part| text.replace(&format!(" {part}"), ""));
    text.lines().filter(|line| !line.starts_with("Producer is ")).map(squeeze).collect::<Vec<_>>().join("\n")
}

#[test]
fn addresses_and_numbers_are_replaced_and_values_stay() {
    let shown = "0x00007e00000001b3 in f (p=0x400, q=0x1 <g>) 0x7e00000001b3 0xff 0xfedcba9876543210";
    assert_eq!(addresses(shown), "0xADDR in f (p=0xADDR, q=0xADDR <g>) 0xADDR 0xff 0xfedcba9876543210");
    let said = "(process 1234) exited, a.c:12, :34567, Thread 1.1 port 9";
    assert_eq!(numbers(said), "(process PID) exited, a.c:12, :PORT, Thread TID port PORT");
    assert_eq!(offsets("<fib+12> a+1 b+ f + 3 in section"), "<fib+N> a+1 b+ f + N in section");
    assert_eq!(
        same_columns("Num  Type\t x \n y\nProducer is z\nstop if a (host evals)"),
        "Num Type x\ny\nstop if a"
    );
}
