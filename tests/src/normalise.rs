//! A transcript without what differs from run to run and from machine to machine: addresses, ports, process ids, paths.
//!
//! Numbers that a program printed stay: a hexadecimal number is taken for an address only if it has 3 to 12 digits, and
//! fixtures print none such, if it is padded with zeros, if it is one of lldb's for Wasm code, or if a symbol follows.

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
    ("wasm-gdbserver-files-", "PID"),
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
    let server = toolchain::server_binary().map(|path| path.display().to_string());
    let text = server.map_or_else(|_| text.clone(), |server| text.replace(&server, "$SERVER"));
    let preloaded =
        fixture.preloads.iter().map(|(name, module)| (name, module.program.display().to_string()));
    let text = preloaded.fold(text, |text, (name, path)| text.replace(&path, &format!("$MODULE-{name}")));
    let text = match toolchain::cache_folder() {
        Ok(cache) => text.replace(&cache.display().to_string(), "$CACHE"),
        Err(_) => text,
    };
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
        // lldb's addresses of Wasm: the highest bits say that it is code.
        let is_code = digits == 16 && rest[at + 2..].starts_with("4000000");
        let is_padded = digits == 16 && rest[at + 2..].starts_with("0000");
        if (3..=12).contains(&digits) || is_padded || is_code || is_symbol {
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

/// `<fib+12>` becomes `<fib+N>`, and so `fib + 12 in section` of gdb and "steps`fib + 12" of lldb: how far into a function
/// a place is depends on the machine's instructions.
fn offsets(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        let start = at + 1 + usize::from(rest[at + 1..].starts_with(' '));
        let end = start + rest[start..].chars().take_while(char::is_ascii_digit).count();
        let before = rest[..at].trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
        let is_offset = end > start
            && (rest[end..].starts_with('>')
                || rest[end..].starts_with(" in section")
                || before.contains('`'));
        out.push_str(&rest[..start]);
        out.push_str(if is_offset { "N" } else { &rest[start..end] });
        rest = &rest[end..];
    }
    out + rest
}

/// For comparing two machines. Runs of blanks, which align columns of addresses, count as one blank. What does not
/// matter: whether gdb or the server evaluates a condition; that gdb names the file of a section if it knows several
/// (natively, the system's `vdso`); how the compiler calls itself (ours must begin with `clang`, see `clients.md`). In
/// lldb's answers: the program's file, the name that clang gives `main` for Wasm, the thread's, and columns.
#[must_use]
pub fn same_columns(text: &str) -> String {
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = ["(host evals)", "(target evals)", "of target:$PROGRAM"]
        .iter()
        .fold(text.to_owned(), |text, part| text.replace(&format!(" {part}"), ""));
    let text = text.replace("`__main_argc_argv", "`main").replace("`__original_main", "`main");
    let lines = text.lines().filter(|line| !line.starts_with("Producer is "));
    lines
        .map(|line| squeeze(&without_file(&without_column(&without_name(line)))))
        .collect::<Vec<_>>()
        .join("\n")
}

/// "steps.wasm`fib(n=4)" without the file, in which a function is said to be. Of several modules, each has its own.
fn without_file(line: &str) -> String {
    let Some((before, after)) = line.split_once('`') else { return line.to_owned() };
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    format!("{}`{after}", before.trim_end_matches(is_of_name))
}

/// `at steps.c:68:16` without the column: which part of a line comes first is the machine's.
fn without_column(line: &str) -> String {
    let Some(at) = line.find(".c:").map(|at| at + 3) else { return line.to_owned() };
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    let end = at + number(&line[at..]);
    let column = line[end..].strip_prefix(':').map(number).filter(|&digits| digits > 0);
    column.map_or_else(|| line.to_owned(), |digits| format!("{}{}", &line[..end], &line[end + 1 + digits..]))
}

/// `* thread #1, name = 'steps', stop reason` without the name.
fn without_name(line: &str) -> String {
    let parts =
        line.split_once(", name = '").and_then(|(before, rest)| Some((before, rest.split_once('\'')?.1)));
    parts.map_or_else(|| line.to_owned(), |(before, after)| format!("{before}{after}"))
}

#[test]
fn addresses_and_numbers_are_replaced_and_values_stay() {
    let shown = "0x00007e00000001b3 in f (p=0x400, q=0x1 <g>) 0x7e00000001b3 0xff 0xfedcba9876543210";
    assert_eq!(addresses(shown), "0xADDR in f (p=0xADDR, q=0xADDR <g>) 0xADDR 0xff 0xfedcba9876543210");
    let said = "(process 1234) exited, a.c:12, :34567, Thread 1.1 port 9";
    assert_eq!(numbers(said), "(process PID) exited, a.c:12, :PORT, Thread TID port PORT");
    assert_eq!(offsets("<fib+12> a+1 b+ f + 3 in section"), "<fib+N> a+1 b+ f + N in section");
    assert_eq!(offsets("a`fib + 12 at a.c:3, expr n + 1"), "a`fib + N at a.c:3, expr n + 1");
    assert_eq!(addresses("0x4000000000000335 <+0>: 0x80"), "0xADDR <+0>: 0x80");
    let frames = [
        "* thread #1, name = 'a', stop\na`main + N at a.c:3:16, x",
        "* thread #1, stop\na.wasm`__main_argc_argv + N at a.c:3:11, x",
    ];
    assert_eq!(same_columns(frames[0]), same_columns(frames[1]));
    assert_eq!(
        same_columns("Num  Type\t x \n y\nProducer is z\nstop if a (host evals)"),
        "Num Type x\ny\nstop if a"
    );
}
