//! `run`, `symbols`, `demo`: what the server does without a debugger on the other side.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use tests::fixture::{Build, Fixture};
use tests::toolchain;

use crate::{ARITHMETIC, file, stderr, stdout, text, wasm_gdbserver};

fn fixture(name: &str) -> Result<Fixture> {
    Fixture::build(name, Build::wasm(0, 4))
}

#[test]
fn run_returns_the_exit_status_and_prints_what_the_guest_prints() -> Result<()> {
    let output = wasm_gdbserver(&["run", text(&fixture("steps")?.program), "6"])?;
    assert_eq!(stdout(&output), "fib = 8\nsum = 15\nproduct = 105\nwalk = 8\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let output = wasm_gdbserver(&["run", text(&fixture("traps")?.program), "exit3"])?;
    assert_eq!(output.status.code(), Some(3));
    Ok(())
}

#[test]
fn run_prints_a_symbolized_backtrace_with_locals_on_a_trap() -> Result<()> {
    let traps = fixture("traps")?;
    let output = wasm_gdbserver(&["run", text(&traps.program), "div0"])?;
    assert_eq!(output.status.code(), Some(134));
    assert_eq!(stdout(&output), "mode div0\n");
    let said = stderr(&output);
    for part in ["divide by zero", "divide", "main", &traps.place("div0"), "84", "42"] {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    Ok(())
}

#[test]
fn run_takes_code_that_it_kept_unless_anything_is_different() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = fixture("traps")?.program;
    let run = |options: &[&str]| -> Result<(String, String)> {
        let own = ["run", "-v", "--cache", text(folder.path())];
        let output = wasm_gdbserver(&[&own, options, &[text(&program), "div0"]].concat())?;
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(134), "mode div0\n"));
        let said = stderr(&output);
        let (backtrace, log): (Vec<&str>, Vec<&str>) =
            said.lines().partition(|line| !line.starts_with(" INFO ") && !line.starts_with(" WARN "));
        Ok((backtrace.join("\n"), log.join("\n")))
    };
    let (backtrace, log) = run(&[])?;
    assert!(backtrace.contains("divide by zero") && log.contains(": 0 functions from the cache"), "{log}");
    let (again, log) = run(&[])?;
    assert_eq!(again, backtrace);
    assert!(log.contains("functions from the cache, 0 compiled"), "{log}");
    // Code that keeps other locals is no use.
    let (_, log) = run(&["--complete"])?;
    assert!(log.contains(": 0 functions from the cache"), "{log}");
    for file in std::fs::read_dir(folder.path())? {
        let path = file?.path();
        let mut damaged = std::fs::read(&path)?;
        damaged.truncate(damaged.len() / 2);
        std::fs::write(&path, damaged)?;
    }
    let (again, log) = run(&[])?;
    assert_eq!(again, backtrace);
    assert!(
        log.contains("is damaged, and made anew") && log.contains(": 0 functions from the cache"),
        "{log}"
    );
    let (_, log) = run(&[])?;
    assert!(log.contains("functions from the cache, 0 compiled"), "{log}");
    Ok(())
}

#[test]
fn a_program_that_is_killed_leaves_its_code() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = fixture("reader")?.program;
    let mut command = Command::new(toolchain::server_binary()?);
    command.args(["run", "-vv", "--cache", text(folder.path()), text(&program)]);
    let mut waiting = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let log = BufReader::new(waiting.stderr.take().context("it is piped")?);
    let is_written =
        |line: std::io::Result<String>| line.is_ok_and(|line| line.contains("functions is written"));
    assert!(log.lines().any(is_written), "it has ended");
    waiting.kill()?;
    waiting.wait()?;
    let output = wasm_gdbserver(&["run", "-v", "--cache", text(folder.path()), text(&program)])?;
    let said = stderr(&output);
    assert!(said.contains("functions from the cache") && !said.contains(": 0 functions"), "{said}");
    Ok(())
}

#[test]
fn run_gives_the_guest_environment_and_directories() -> Result<()> {
    let note = file("note.txt", b"from the host")?;
    let folder = note.parent().context("a file lies in a folder")?;
    let program = fixture("world")?.program;
    let dir = format!("{}::/data", folder.display());
    let output = wasm_gdbserver(&[
        "run",
        "--env",
        "GREETING=hi there",
        "--dir",
        &dir,
        text(&program),
        "/data/note.txt",
    ])?;
    assert_eq!(stdout(&output), "argc=2 greeting=hi there file=from the host\n", "{}", stderr(&output));
    assert_eq!(stderr(&output), "to stderr\n");
    assert_eq!(output.status.code(), Some(0));
    // Nothing is given that was not asked for.
    let output = wasm_gdbserver(&["run", text(&program), text(&note)])?;
    assert_eq!(stdout(&output), "argc=2 greeting=none file=\n");
    assert_eq!(output.status.code(), Some(1));
    Ok(())
}

#[test]
fn invoke_takes_typed_arguments_and_prints_results() -> Result<()> {
    let path = file("invoke.wat", ARITHMETIC.as_bytes())?;
    let invoke =
        |args: &[&str]| wasm_gdbserver(&[&["run", "--invoke", args[0], text(&path)], &args[1..]].concat());
    assert_eq!(stdout(&invoke(&["add", "2", "40"])?).trim(), "42");
    assert_eq!(stdout(&invoke(&["add", "-3", "1"])?).trim(), "-2");
    assert_eq!(stdout(&invoke(&["half", "5"])?).trim(), "2.5");
    let both = stdout(&invoke(&["both", "-5000000000000", "1.25"])?);
    assert_eq!(both.split_whitespace().collect::<Vec<_>>(), ["-5000000000000", "1.25"]);
    assert_eq!(invoke(&["fail"])?.status.code(), Some(134));
    Ok(())
}

fn write_symbols(module: &Path, elf: &Path) -> Result<()> {
    let output = wasm_gdbserver(&["symbols", text(module), "-o", text(elf)])?;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(std::fs::read(elf)?.starts_with(b"\x7fELF"));
    Ok(())
}

#[test]
fn symbols_writes_an_elf_that_gdb_reads() -> Result<()> {
    let program = fixture("steps")?.program;
    let elf = file("steps.elf", b"")?;
    write_symbols(&program, &elf)?;
    if toolchain::debuggers_are_skipped() {
        return Ok(());
    }
    let mut gdb = Command::new(toolchain::find("gdb")?);
    gdb.args(["-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", text(&elf)]);
    let answer = gdb.args(["-ex", "info line fib", "-ex", "ptype operation", "-ex", "list walk"]).output()?;
    for part in
        ["Line 11 of \"steps.c\" starts at address", "type = int (*)(int, int)", "static int walk(int n)"]
    {
        assert!(stdout(&answer).contains(part), "no {part:?} in {answer:?}");
    }
    assert_eq!(stderr(&answer), "");
    Ok(())
}

/// A file that a debugger has open is not written over.
#[test]
fn symbols_makes_a_new_file() -> Result<()> {
    let program = fixture("steps")?.program;
    let elf = file("opened.elf", b"what a debugger reads")?;
    let link = elf.with_file_name("link.elf");
    let _gone = std::fs::remove_file(&link);
    std::os::unix::fs::symlink("opened.elf", &link)?;
    let mut opened = std::fs::File::open(&elf)?;
    write_symbols(&program, &elf)?;
    assert_eq!(std::io::read_to_string(&mut opened)?, "what a debugger reads");
    // A link stays one.
    std::fs::write(&elf, b"")?;
    write_symbols(&program, &link)?;
    assert!(std::fs::read(&elf)?.starts_with(b"\x7fELF"));
    Ok(())
}

/// A module that is large is not read before it is converted.
#[test]
fn symbols_may_replace_the_module_itself() -> Result<()> {
    let itself = file("large.wasm", &std::fs::read(fixture("large")?.program)?)?;
    write_symbols(&itself, &itself)
}

/// The linker removed what Zig's own library describes.
#[test]
fn what_is_left_out_of_the_debug_info_is_named_with_v() -> Result<()> {
    let module = toolchain::tests_folder().join("fixtures/parts.zig.wasm");
    let elf = file("parts.elf", b"")?;
    let said = stderr(&wasm_gdbserver(&["symbols", "-v", text(&module), "-o", text(&elf)])?);
    assert!(said.contains(" x Expression: the linker removed the object: output_mode, "), "{said}");
    let quiet = stderr(&wasm_gdbserver(&["symbols", text(&module), "-o", text(&elf)])?);
    assert_eq!(quiet, "");
    Ok(())
}

#[test]
fn demo_debugs_the_program_that_ships_with_it() -> Result<()> {
    if toolchain::debuggers_are_skipped() {
        return Ok(());
    }
    toolchain::find("gdb")?;
    let output = wasm_gdbserver(&["demo"])?;
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}\n{}", stderr(&output));
    for part in ["target remote", "Breakpoint 1", "#0 ", "exited normally]"] {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }
    assert!(!said.contains("??"), "{said}");
    Ok(())
}

#[test]
fn run_prints_the_backtrace_of_the_thread_that_traps() -> Result<()> {
    let threads = fixture("threads")?;
    let output = wasm_gdbserver(&["run", text(&threads.program)])?;
    assert_eq!(stdout(&output), "starting\nresults 26 51\n", "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0));
    let output = wasm_gdbserver(&["run", text(&threads.program), "trap"])?;
    assert_eq!(output.status.code(), Some(134));
    assert_eq!(stdout(&output), "starting\n");
    let said = stderr(&output);
    let wanted =
        ["thread 2:\nwasm trap: unreachable", "end_early (number=5)", &threads.place("trap"), "worker ("];
    for part in wanted {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }
    assert!(!said.contains(" in main ("), "{said}");
    let output = wasm_gdbserver(&["run", text(&threads.program), "exit"])?;
    assert_eq!(output.status.code(), Some(3));
    Ok(())
}

#[test]
fn run_shows_the_source_around_a_crash() -> Result<()> {
    let traps = fixture("traps")?;
    let output = wasm_gdbserver(&["run", text(&traps.program), "div0"])?;
    let said = stderr(&output);
    let line = traps.line("div0");
    let arrow = format!("->{line:5}\t{}\n", traps.text_of("div0"));
    for part in [&arrow, &format!("  {:5}\t  int half = a / 2;\n", line - 1)] {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }
    Ok(())
}

#[test]
fn run_leaves_reports_for_machines() -> Result<()> {
    let traps = fixture("traps")?;
    let (json, junit) = (file("report.json", b"")?, file("report.xml", b"")?);
    let report = |mode: &str| -> Result<(serde_json::Value, String)> {
        let program = text(&traps.program);
        wasm_gdbserver(&["run", "--json", text(&json), "--junit", text(&junit), program, mode])?;
        Ok((serde_json::from_slice(&std::fs::read(&json)?)?, std::fs::read_to_string(&junit)?))
    };
    let (found, xml) = report("div0")?;
    assert_eq!(found["end"], "trap");
    assert_eq!(found["message"], "wasm trap: integer divide by zero");
    assert_eq!((&found["status"], &found["thread"]), (&134.into(), &1.into()));
    let frame = &found["frames"][0];
    assert_eq!((&frame["function"], &frame["line"]), (&"divide".into(), &traps.line("div0").into()));
    assert_eq!(frame["arguments"][0], serde_json::json!({ "name": "a", "value": "84" }));
    assert_eq!(frame["locals"][0], serde_json::json!({ "name": "half", "value": "42" }));
    assert!(xml.contains("failures=\"1\"") && xml.contains("#0 0x") && xml.contains("half = 42"), "{xml}");
    let (found, xml) = report("exit3")?;
    assert_eq!((&found["end"], &found["exit_code"]), (&"exit".into(), &3.into()));
    assert_eq!(found.get("frames"), None);
    assert!(xml.contains("message=\"exit code 3\""), "{xml}");
    let (found, xml) = report("none")?;
    assert_eq!(found["status"], 0);
    assert!(xml.contains("failures=\"0\" errors=\"0\""), "{xml}");
    Ok(())
}

#[test]
fn core_dumps_that_do_not_fit_are_refused_in_one_line() -> Result<()> {
    let traps = fixture("traps")?;
    let core = file("refused.core", b"")?;
    let option = format!("--coredump-on-trap={}", core.display());
    wasm_gdbserver(&["run", &option, text(&traps.program), "div0"])?;
    let refused = |core: &Path, module: &[&str]| -> Result<String> {
        let output = wasm_gdbserver(&[&["core", text(core)], module, &[":0"]].concat())?;
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        Ok(said)
    };
    let other = fixture("steps")?;
    let said = refused(&core, &[text(&other.program)])?;
    assert!(said.contains("steps.wasm is another build of the module that crashed"), "{said}");
    assert!(refused(&traps.program, &[])?.contains("it is no core dump"));
    let bytes = std::fs::read(&core)?;
    let cut = file("cut.core", &bytes[..bytes.len() - 20])?;
    assert!(refused(&cut, &[])?.contains("it is damaged"), "{}", refused(&cut, &[])?);
    let lost =
        file("lost.core", &[b"\0asm\x01\0\0\0\0\x0f\x04core\0\x08gone.was".as_slice(), b"m"].concat())?;
    let said = refused(&lost, &[])?;
    assert!(said.contains("damaged") || said.contains("is not there"), "{said}");
    Ok(())
}

#[test]
fn run_shows_sources_that_have_moved() -> Result<()> {
    let crash = fixture("crash")?;
    let sources = crash.program.parent().context("a file lies in a folder")?;
    // Beside the module there is no source.
    let module = file("moved-crash.wasm", &std::fs::read(&crash.program)?)?;
    let without = wasm_gdbserver(&["run", text(&module)])?;
    assert!(!stderr(&without).contains("int each"), "{}", stderr(&without));
    let map = format!(".={}", sources.display());
    let output = wasm_gdbserver(&["run", "--map-path", &map, text(&module)])?;
    let said = stderr(&output);
    assert!(said.contains("->    9\t  int each = total / people;"), "{said}");
    assert!(
        said.contains(&format!(" in share (total=1275, people=0) at {}/crash.c:9", sources.display())),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(134));
    Ok(())
}
