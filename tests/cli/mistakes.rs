//! One clear line, the right exit status, no panic, and no listener.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Output};
use std::thread;
use std::time::SystemTime;

use anyhow::Result;
use tests::fixture::{Build, Fixture};
use tests::rsp::Client;
use tests::server::Server;

use crate::{ARITHMETIC, file, stderr, text, wasm_gdbserver};

/// The server said one line with these words, and ended with status 1 before it listened.
fn assert_refused(output: &Output, words: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "not one line:\n{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
    for unclear in ["panicked", "Listening", "Error {", "Os {", "backtrace"] {
        assert!(!said.contains(unclear), "{said}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn a_missing_file_is_named() -> Result<()> {
    assert_refused(&wasm_gdbserver(&[":0", "/no/such/file.wasm"])?, &["/no/such/file.wasm"]);
    assert_refused(&wasm_gdbserver(&["run", "/no/such/file.wasm"])?, &["/no/such/file.wasm"]);
    assert_refused(&wasm_gdbserver(&[":0", "/"])?, &["/"]);
    Ok(())
}

#[test]
fn a_file_that_is_no_module_is_refused() -> Result<()> {
    for (name, contents) in [
        ("elf.wasm", &b"\x7fELF\x02\x01\x01 and so on"[..]),
        ("text.wasm", b"just words\n"),
        ("empty.wasm", b""),
        ("magic.wasm", b"\0asm"),
        ("component.wasm", b"\0asm\x0d\0\x01\0"),
        ("wrong.wat", b"(module (func (result i32) i64.const 1))"),
        ("unclosed.wat", b"(module (func"),
    ] {
        let path = file(name, contents)?;
        assert_refused(&wasm_gdbserver(&[":0", text(&path)])?, &[name]);
    }
    Ok(())
}

/// A large module that others write to while it is loaded, which here waits for another module in a pipe.
#[test]
fn a_module_that_changes_while_it_is_loaded_is_refused() -> Result<()> {
    let module = std::fs::read(Fixture::build("large", Build::wasm(0, 4))?.program)?;
    let short = 100;
    for (length, words) in
        [(short, "a file became shorter while it was loaded"), (module.len(), "it has changed")]
    {
        let program = file("changing.wasm", &module)?;
        let pipe = program.with_file_name("changing.pipe");
        // What is left of a run before this one.
        let _gone = std::fs::remove_file(&pipe);
        assert!(Command::new("mkfifo").arg(&pipe).status()?.success());
        let preload = format!("late={}", text(&pipe));
        let arguments = [":0", "--preload", &preload, text(&program)];
        let output = thread::scope(|scope| -> Result<Output> {
            let server = scope.spawn(|| wasm_gdbserver(&arguments));
            // The program is there when the server comes to the pipe.
            let mut late = File::options().write(true).open(&pipe)?;
            let changed = File::options().write(true).open(&program)?;
            changed.set_len(u64::try_from(length)?)?;
            changed.write_at(b"!", 50)?;
            // The clock for this ticks slowly.
            changed.set_modified(SystemTime::UNIX_EPOCH)?;
            late.write_all(b"\0asm\x01\0\0\0")?;
            drop(late);
            server.join().expect("it does not panic")
        })?;
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words) && !said.contains("panicked"), "{said}");
    }
    Ok(())
}

#[test]
fn a_debug_file_that_is_no_module_is_refused() -> Result<()> {
    let module = file("plain.wat", b"(module (func (export \"_start\")))")?;
    let noise = file("noise.dwarf", &[0xa5; 300])?;
    let arguments = ["run", "--debug-file", text(&noise), text(&module)];
    assert_refused(&wasm_gdbserver(&arguments)?, &["noise.dwarf", "not a WebAssembly module"]);
    Ok(())
}

#[test]
fn a_truncated_module_is_refused() -> Result<()> {
    let whole = std::fs::read(Fixture::build("steps", Build::wasm(0, 4))?.program)?;
    for length in [9, 100, whole.len() / 4] {
        let path = file(&format!("truncated-{length}.wasm"), &whole[..length])?;
        assert_refused(&wasm_gdbserver(&[":0", text(&path)])?, &["truncated-"]);
    }
    Ok(())
}

/// A module of more than 1 MB, whose last function says that it returns another type than it does.
fn large_and_invalid() -> Vec<u8> {
    let number = |mut value: usize| {
        let mut bytes = Vec::new();
        while value > 0x7f {
            bytes.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap_or_default());
        bytes
    };
    let with_length = |bytes: Vec<u8>| [number(bytes.len()), bytes].concat();
    let section = |id: u8, contents: Vec<u8>| [vec![id], with_length(contents)].concat();
    let count = 1200;
    let nops = with_length([&[0][..], &[0x01; 1000], &[0x0b]].concat());
    let wrong = with_length(vec![0, 0x42, 1, 0x0b]);
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, vec![2, 0x60, 0, 0, 0x60, 0, 1, 0x7f]),
        section(3, [number(count + 1), vec![0; count], vec![1]].concat()),
        section(7, [&[1, 6][..], b"_start", &[0, 0]].concat()),
        section(10, [number(count + 1), nops.repeat(count), wrong].concat()),
    ]
    .concat()
}

#[test]
fn a_large_module_with_an_invalid_function_is_served_only_until_that_is_found() -> Result<()> {
    let bytes = large_and_invalid();
    assert!(bytes.len() > 1 << 20);
    let path = file("large.wasm", &bytes)?;
    let output = wasm_gdbserver(&["--once", ":0", text(&path)])?;
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    // It may have been found before the server listened.
    let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("Listening on ")).collect();
    let [line] = *said else { panic!("not one line: {said:?}") };
    let place = format!("invalid module at offset {:#x}", bytes.len() - 1);
    assert!(line.contains("large.wasm") && line.contains(&place), "{line}");
    // Without a debugger nothing runs either.
    assert_refused(&wasm_gdbserver(&["run", text(&path)])?, &["large.wasm", &place]);
    Ok(())
}

#[test]
fn every_missing_import_is_listed() -> Result<()> {
    let module = r#"(module (import "env" "first" (func)) (import "other" "second" (global i32)) (func (export "_start")))"#;
    let path = file("imports.wat", module.as_bytes())?;
    let output = wasm_gdbserver(&[":0", text(&path)])?;
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("env") && said.contains("first"), "{said}");
    assert!(said.contains("other") && said.contains("second"), "{said}");
    assert!(!said.contains("panicked") && !said.contains("Listening"), "{said}");
    Ok(())
}

#[test]
fn a_missing_export_is_named() -> Result<()> {
    let path = file("arithmetic.wat", ARITHMETIC.as_bytes())?;
    assert_refused(&wasm_gdbserver(&[":0", "--invoke", "subtract", text(&path)])?, &["subtract"]);
    // No `--invoke` means `_start`, which this module has not.
    assert_refused(&wasm_gdbserver(&[":0", text(&path)])?, &["_start"]);
    assert_refused(&wasm_gdbserver(&["run", "--invoke", "add", text(&path), "1"])?, &["add"]);
    assert_refused(&wasm_gdbserver(&["run", "--invoke", "add", text(&path), "1", "two"])?, &["two"]);
    Ok(())
}

#[test]
fn a_port_in_use_is_said() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let program = Fixture::build("steps", Build::wasm(0, 4))?.program;
    assert_refused(&wasm_gdbserver(&[&address, text(&program)])?, &[&address]);
    Ok(())
}

#[test]
fn a_wrong_command_line_has_status_2_and_a_hint() -> Result<()> {
    let program = Fixture::build("steps", Build::wasm(0, 4))?.program;
    for args in [
        &[][..],
        &[":0"],
        &["--nonsense", ":0", text(&program)],
        &["notaport", text(&program)],
        &[":99999", text(&program)],
    ] {
        let output = wasm_gdbserver(args)?;
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("Listening"), "{args:?}: {said}");
        assert!(!said.trim().is_empty(), "{args:?} was answered with nothing");
    }
    Ok(())
}

/// What becomes of the byte at an offset.
type Damage = fn(usize, u8) -> u8;

/// The module with the contents of its DWARF sections overwritten by what `damage` makes of them.
fn with_damaged_dwarf(module: &[u8], damage: Damage) -> Vec<u8> {
    let mut out = module.to_vec();
    let mut at = 8;
    while at < module.len() {
        let id = module[at];
        let (size, start) = leb128(module, at + 1);
        let end = start + size;
        if id == 0 {
            let (length, name) = leb128(module, start);
            if module[name..name + length].starts_with(b".debug_") {
                let contents = name + length;
                for (index, byte) in out[contents..end].iter_mut().enumerate() {
                    *byte = damage(contents + index, *byte);
                }
            }
        }
        at = end;
    }
    assert_ne!(out, module, "no DWARF was found");
    out
}

/// An unsigned LEB128 number, and where it ends.
fn leb128(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        value |= usize::from(bytes[at] & 0x7f) << shift;
        at += 1;
        shift += 7;
        if bytes[at - 1] < 0x80 {
            return (value, at);
        }
    }
}

#[test]
fn damaged_dwarf_is_said_and_the_program_runs() -> Result<()> {
    let whole = std::fs::read(Fixture::build("steps", Build::wasm(0, 4))?.program)?;
    let damages: [(&str, Damage); 4] = [
        ("zeros", |_, _| 0),
        ("ones", |_, _| 0xff),
        ("sparse", |at, byte| if at % 97 == 0 { byte ^ 0x55 } else { byte }),
        ("noise", |at, _| u8::try_from(at * 31 % 251).unwrap_or_default()),
    ];
    for (name, damage) in damages {
        let path = file(&format!("dwarf-{name}.wasm"), &with_damaged_dwarf(&whole, damage))?;
        let server = Server::wasm(&path, &["--once"], &["4"])?;
        let mut client = Client::connect(server.port)?;
        client.greet()?;
        let file = client.ask("qXfer:exec-file:read::0,fff")?;
        assert!(file.starts_with('l'), "{name}: {file}");
        assert_eq!(client.ask("vCont;c")?, "W00", "{name}");
        let ended = server.finish()?;
        assert!(ended.stdout.starts_with("fib = 3\n"), "{name}");
        assert!(!ended.stderr.contains("panicked"), "{name}: {}", ended.stderr);
    }
    Ok(())
}

#[test]
fn an_object_file_is_to_be_linked_first() -> Result<()> {
    let object = file("object.c", b"int twice(int n) { return 2 * n; }")?.with_extension("o");
    let mut clang = tests::toolchain::wasm_compiler()?;
    clang.args(["--target=wasm32-wasi", "-g", "-c"]).arg(object.with_extension("c")).arg("-o").arg(&object);
    anyhow::ensure!(clang.status()?.success());
    for options in [&["run"] as &[_], &[":0"], &["run", "--stub-imports", "--invoke", "twice"]] {
        let arguments = [options, &[text(&object)]].concat();
        assert_refused(&wasm_gdbserver(&arguments)?, &["object.o: an object file", "link it first"]);
    }
    Ok(())
}

#[test]
fn imports_that_nobody_provides_are_named_and_can_be_stubbed() -> Result<()> {
    let module = file(
        "imports.wat",
        br#"(module (import "env" "log" (func $log (param i32))) (import "env" "memory" (memory 1))
            (func (export "_start")) (func (export "say") (call $log (i32.const 7))))"#,
    )?;
    let advice = "unknown imports: env.log, env.memory; --stub-imports runs it until it calls one of them";
    for command in ["run", ":0"] {
        assert_refused(&wasm_gdbserver(&[command, text(&module)])?, &["imports.wat", advice]);
    }
    assert!(wasm_gdbserver(&["run", "--stub-imports", text(&module)])?.status.success());
    let output = wasm_gdbserver(&["run", "--stub-imports", "--invoke", "say", text(&module)])?;
    assert_eq!(output.status.code(), Some(134));
    let said = stderr(&output);
    assert!(said.contains("nobody provides the function env.log that the program imports"), "{said}");
    Ok(())
}
