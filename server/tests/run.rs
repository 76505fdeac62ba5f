//! The binary, run on modules in the text format: exit statuses, results, backtraces, clients, and one line for each
//! mistake.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

fn server(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasm-gdbserver"));
    command.args(args).output().expect("the binary can be run")
}

fn file(name: &str, contents: impl AsRef<[u8]>) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("run");
    std::fs::create_dir_all(&folder).expect("the folder for tests' files");
    let path = folder.join(name);
    std::fs::write(&path, contents).expect("a writable folder");
    path.to_str().expect("UTF-8").to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Status 1, nothing printed, and one line on standard error, which is returned.
fn refused(args: &[&str]) -> String {
    let output = server(args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}");
    assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
    assert!(said.starts_with("wasm-gdbserver: "), "{args:?}: {said}");
    said
}

const PROGRAM: &str = r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $divide (export "divide") (param $a i32) (param $b i32) (result i32) (local $scratch f64)
    (local.set $scratch (f64.const 2.5))
    (i32.div_s (local.get $a) (local.get $b)))
  (func $caller (export "caller") (param i64) (result i32)
    (call $divide (i32.wrap_i64 (local.get 0)) (i32.const 0)))
  (func $deep (export "deep") (param $n i32) (result i32)
    (i32.add (i32.const 1) (call $deep (i32.add (local.get $n) (i32.const 1)))))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "exit") (param i32) (call $exit (local.get 0)))
  (func (export "pair") (result i32 f32) (i32.const -1) (f32.const 0.25))
  (func (export "_start") (call $exit (i32.const 3))))"#;

fn invoke(args: &[&str]) -> Output {
    let (export, args) = args.split_first().expect("an export");
    let module = file("program.wat", PROGRAM);
    server(&[&["run", "--invoke", export, &module], args].concat())
}

#[test]
fn the_guests_exit_code_is_the_exit_status() {
    let module = file("exit.wat", PROGRAM);
    let output = server(&["run", &module]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(3), String::new()));
    assert_eq!(invoke(&["exit", "0"]).status.code(), Some(0));
    assert_eq!(invoke(&["exit", "-1"]).status.code(), Some(255));
    let quiet = file("quiet.wat", "(module (func (export \"_start\")))");
    assert_eq!(server(&["run", &quiet]).status.code(), Some(0));
}

#[test]
fn results_are_printed_one_on_a_line() {
    let output = invoke(&["divide", "-84", "0x2"]);
    assert_eq!((text(&output.stdout), output.status.code()), ("-42\n".to_owned(), Some(0)));
    assert_eq!(text(&invoke(&["pair"]).stdout), "-1\n0.25\n");
}

#[test]
fn a_trap_leaves_a_backtrace_with_the_wasm_locals() {
    let output = invoke(&["caller", "84"]);
    assert_eq!(output.status.code(), Some(134));
    let said = text(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    let [reason, divide, divide_locals, caller, caller_locals] = lines.as_slice() else { panic!("{said}") };
    assert_eq!(*reason, "wasm trap: integer divide by zero");
    assert!(divide.starts_with("#0 0x") && divide.ends_with(" in divide ()"), "{divide}");
    assert_eq!(*divide_locals, "wasm locals: 0 $a: i32 = 84, 1 $b: i32 = 0, 2 $scratch: f64 = 2.5");
    assert!(caller.starts_with("#1 0x") && caller.ends_with(" in caller ()"), "{caller}");
    assert_eq!(*caller_locals, "wasm locals: 0: i64 = 84");
}

#[test]
fn every_kind_of_trap_has_its_words() {
    let output = invoke(&["load", "70000"]);
    assert_eq!(output.status.code(), Some(134));
    assert!(text(&output.stderr).starts_with("wasm trap: out of bounds memory access\n#0 "));
}

#[test]
fn an_endless_recursion_is_shown_from_both_ends() {
    let output = invoke(&["deep", "0"]);
    assert_eq!(output.status.code(), Some(134));
    let said = text(&output.stderr);
    assert!(said.starts_with("wasm trap: call stack exhausted\n#0 "), "{said}");
    assert!(said.contains(" more frames ...\n#"), "{said}");
    assert!(said.ends_with("wasm locals: 0 $n: i32 = 0\n"), "{said}");
    assert!(said.lines().count() < 150, "{said}");
}

#[test]
fn files_that_are_no_modules_are_refused_by_name() {
    assert!(refused(&["run", "/no/such/file.wasm"]).contains("/no/such/file.wasm: No such file"));
    assert!(refused(&["run", "/"]).contains("cannot read /: Is a directory"));
    let elf = file("elf.wasm", b"\x7fELF and more");
    assert!(refused(&[":0", &elf]).contains("elf.wasm is not a Wasm module"));
    let header = file("header.wasm", b"\0asm");
    assert!(refused(&[":0", &header]).contains("header.wasm: "));
    let invalid = file("invalid.wat", "(module (func (result i32) i64.const 1))");
    let said = refused(&[":0", &invalid]);
    assert!(
        said.contains("invalid.wat: invalid module at offset 0x") && said.contains("type mismatch"),
        "{said}"
    );
    let unclosed = file("unclosed.wat", "(module\n  (func");
    assert!(
        refused(&[":0", &unclosed]).contains("unclosed.wat:2:8: expected"),
        "{}",
        refused(&[":0", &unclosed])
    );
}

#[test]
fn all_missing_imports_are_named_on_one_line() {
    let module = r#"(module (import "env" "first" (func)) (import "b" "second" (global i32)) (func (export "_start")))"#;
    let module = file("imports.wat", module);
    for args in [&["run", &module][..], &[":0", &module]] {
        assert!(refused(args).contains("imports.wat: unknown imports: env.first, b.second"));
    }
}

#[test]
fn what_cannot_be_invoked_is_refused() {
    let module = file("refused.wat", PROGRAM);
    let invoke = |words: &[&str]| refused(&[&["run", "--invoke", words[0], &module], &words[1..]].concat());
    assert!(
        invoke(&["nothing"])
            .contains("no exported function `nothing`; --invoke takes one of: divide, caller,")
    );
    assert!(invoke(&["divide", "1"]).contains("`divide` takes 2 argument(s) [i32 i32], and 1 is given"));
    assert!(invoke(&["divide", "1", "two"]).contains("argument `two` of `divide` is no i32"));
    let reactor = file("reactor.wat", "(module (func (export \"f\")))");
    assert!(refused(&[":0", &reactor]).contains("no exported function `_start`; --invoke takes one of: f"));
}

#[test]
fn a_port_in_use_and_a_missing_directory_are_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let module = file("port.wat", PROGRAM);
    assert!(
        refused(&[&address, &module])
            .contains(&format!("cannot listen on {address}: Address already in use"))
    );
    let said = refused(&["run", "--dir", "/no/such/folder", &module]);
    assert!(said.contains("cannot open directory /no/such/folder: No such file"), "{said}");
    assert!(refused(&["--log", "/no/such/folder/log", "run", &module]).contains("cannot write the log"));
}

#[test]
fn usage_mistakes_have_status_2() {
    for args in [&[][..], &[":0"], &["x.wasm"], &["--nonsense", ":0", "x.wasm"], &["symbols", "x.wasm"]] {
        let output = server(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{args:?}");
    }
    assert_eq!(server(&["--help"]).status.code(), Some(0));
}

#[test]
fn symbols_writes_an_elf_file() {
    let (module, elf) = (file("symbols.wat", PROGRAM), file("symbols.elf", ""));
    assert_eq!(server(&["symbols", &module, "-o", &elf]).status.code(), Some(0));
    let elf = std::fs::read(elf).expect("written");
    assert!(elf.starts_with(b"\x7fELF"));
    assert!(elf.windows(8).any(|bytes| bytes == b"\0divide\0"), "the function's name is in the symbol table");
    assert!(
        refused(&["symbols", &module, "-o", "/no/such/folder/x.elf"])
            .contains("cannot write /no/such/folder")
    );
    // Nothing can be kept there.
    let said = refused(&["--cache", "/dev/null/cache", ":0", &module]);
    assert!(
        said.contains("cannot keep anything in /dev/null/cache") && !said.contains("Listening"),
        "{said}"
    );
}

#[test]
fn a_guest_that_nobody_waits_for_ends_the_server_with_its_status() {
    let module = file("no-wait.wat", PROGRAM);
    let output = server(&["--no-wait", ":0", &module]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).starts_with("Listening on 127.0.0.1:"), "{}", text(&output.stderr));
    let output = server(&["--no-wait", "--invoke", "caller", "--port=0", &module, "84"]);
    assert_eq!(output.status.code(), Some(134));
    let said = text(&output.stderr);
    assert!(said.contains("wasm trap: integer divide by zero\n#0 0x"), "{said}");
}

/// A server that does not outlive its test.
struct Server(Child);

impl Server {
    fn status(mut self) -> Option<i32> {
        self.0.wait().expect("a child").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for one that has ended and was waited for.
        let _ended = self.0.kill();
        let _waited = self.0.wait();
    }
}

/// A server that waits for clients, and its address.
fn listening(args: &[&str]) -> (Server, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasm-gdbserver"));
    let mut child = Server(command.args(args).stderr(Stdio::piped()).spawn().expect("the binary can be run"));
    let mut line = String::new();
    let stderr = child.0.stderr.as_mut().expect("piped");
    BufReader::new(stderr).read_line(&mut line).expect("a first line");
    let address = line.trim().strip_prefix("Listening on ").expect(&line).to_owned();
    (child, address)
}

/// Sends a packet with its checksum, and returns what comes until `end`.
fn ask(client: &mut TcpStream, body: &str, end: &str) -> String {
    let sum = body.bytes().fold(0u8, u8::wrapping_add);
    client.write_all(format!("${body}#{sum:02x}").as_bytes()).expect("connected");
    let mut answer = Vec::new();
    while !text(&answer).contains(end) {
        let mut byte = [0];
        let read = client.read_exact(&mut byte);
        assert!(read.is_ok(), "after {:?}: {read:?}", text(&answer));
        answer.push(byte[0]);
    }
    text(&answer)
}

#[test]
fn a_second_client_is_told_so_and_the_first_goes_on() {
    let (server, address) = listening(&[":0", &file("second.wat", PROGRAM)]);
    let mut first = TcpStream::connect(&address).expect("listening");
    assert!(ask(&mut first, "qSupported", "#").contains("PacketSize="));
    let mut second = TcpStream::connect(&address).expect("listening");
    assert_eq!(ask(&mut second, "qSupported", "#23"), "+$E.another debugger is attached#23");
    let mut rest = String::new();
    assert_eq!(second.read_to_string(&mut rest).expect("an orderly end"), 0);
    assert!(ask(&mut first, "vCont;c", "$W03#").ends_with("$W03#"));
    assert_eq!(server.status(), Some(3));
}

/// A client that is served. The server may take a moment to see that the last one is gone; until then it refuses.
fn after_the_last(address: &str) -> TcpStream {
    loop {
        let mut client = TcpStream::connect(address).expect("listening");
        if !ask(&mut client, "qSupported", "#").contains("another debugger") {
            return client;
        }
    }
}

#[test]
fn after_a_lost_connection_the_next_client_finds_the_guest_stopped() {
    let (server, address) = listening(&["--port=0", &file("lost.wat", PROGRAM)]);
    for _ in 0..3 {
        let mut client = after_the_last(&address);
        assert!(ask(&mut client, "?", "#").contains("$T05"), "stopped at its start");
    }
    let mut client = after_the_last(&address);
    assert!(ask(&mut client, "vKill;1", "OK#").contains("$OK#"));
    assert_eq!(server.status(), Some(137));
}
