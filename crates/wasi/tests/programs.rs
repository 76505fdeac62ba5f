//! C programs that clang compiles here and now: what they see of the world, and what the world sees of them.

mod common;

use common::{compile, program, run};
use expect_test::expect;
use runtime::{Failure, Value};
use std::fs::{self, File};
use std::io::{Read, Seek, Write, pipe};
use std::os::unix::net::UnixListener;
use wasi::{Error, WasiBuilder};

/// A file for a program to write to.
fn output(builder: &mut WasiBuilder) -> File {
    let file = tempfile::tempfile().expect("a temporary file");
    builder.stdout(file.try_clone().expect("a second descriptor"));
    file
}

fn text(mut file: File) -> String {
    file.rewind().expect("a file on disk");
    let mut text = String::new();
    file.read_to_string(&mut text).expect("text");
    text
}

#[test]
fn a_program_sees_its_arguments_environment_clocks_and_random_bytes() {
    let mut builder = WasiBuilder::new();
    builder.args(["old"]).args(["world.wasm", "two words", "", "ünï"]);
    builder.env("A", "1").env("PATH", "x=y").env("A", "2");
    let out = output(&mut builder);
    let err = tempfile::tempfile().expect("a temporary file");
    builder.stderr(err.try_clone().expect("a second descriptor"));
    assert_eq!(run(&program("world.c"), &builder), Err(Failure::Exit(200)));
    expect![[r#"
        arg 0 [world.wasm]
        arg 1 [two words]
        arg 2 []
        arg 3 [ünï]
        env [PATH=x=y]
        env [A=2]
        slept 1, after 2020 1
        resolution 0
        random 0 1
    "#]]
    .assert_eq(&text(out));
    assert_eq!(text(err), "to stderr\n");
}

#[test]
fn a_program_uses_the_directories_that_it_is_given_and_no_others() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("from-host"), "hello").expect("a file");
    let _socket = UnixListener::bind(folder.path().join("socket")).expect("a socket");
    let mut builder = WasiBuilder::new();
    builder.dir(folder.path(), "/work");
    let out = output(&mut builder);
    assert_eq!(run(&program("files.c"), &builder), Ok(Vec::new()));
    expect![[r#"
        read second
        size 13 regular 1
        truncated 5
        mkdir 0
        rename 0
        symlink 0
        . .. from-host link socket sub
        through the link: first more
        from the host: hello
        rmdir of a full directory: Directory not empty
        outside: Capabilities insufficient
        outside by dots: Operation not permitted
        missing: No such file or directory
        a directory as a file: Is a directory
        a socket: No such device or address
        unlink 0 0, rmdir 0
        . .. from-host socket
    "#]]
    .assert_eq(&text(out));
}

#[test]
fn a_prompt_without_a_newline_appears_before_the_program_reads() {
    let module = program("echo.c");
    let (stdin, mut to_guest) = pipe().expect("a pipe");
    let (mut from_guest, stdout) = pipe().expect("a pipe");
    let guest = std::thread::spawn(move || {
        let mut builder = WasiBuilder::new();
        builder.stdin(stdin).stdout(stdout);
        run(&module, &builder)
    });
    let mut prompt = [0; 6];
    from_guest.read_exact(&mut prompt).expect("a prompt");
    assert_eq!(&prompt, b"name? ");
    to_guest.write_all(b"Grace Hopper").expect("the guest reads");
    drop(to_guest);
    let mut rest = String::new();
    from_guest.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "Grace Hopperend 0, ready 2, in 1, out 1\n");
    assert_eq!(guest.join().expect("no panic"), Ok(Vec::new()));
}

#[test]
fn each_run_starts_with_what_the_builder_says() {
    let module = program("world.c");
    let mut builder = WasiBuilder::new();
    builder.stderr(tempfile::tempfile().expect("a temporary file"));
    let first = output(builder.args(["first"]));
    assert_eq!(run(&module, &builder), Err(Failure::Exit(200)));
    let second = output(builder.args(["second"]));
    assert_eq!(run(&module, &builder), Err(Failure::Exit(200)));
    assert!(text(first).starts_with("arg 0 [first]\n"));
    assert!(text(second).starts_with("arg 0 [second]\n"));
}

#[test]
fn what_a_guest_could_not_be_given_is_refused_by_name() {
    let refused = |builder: &mut WasiBuilder| builder.build().map(|_| ()).expect_err("refused");
    let error = refused(WasiBuilder::new().dir("/no/such/directory", "/"));
    assert_eq!(error.to_string(), "cannot open directory /no/such/directory");
    assert!(
        matches!(error, Error::Directory { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    );
    assert_eq!(refused(WasiBuilder::new().args(["a\0b"])).to_string(), "NUL byte in \"a\\0b\"");
    let error = refused(WasiBuilder::new().env("A=B", "c"));
    assert_eq!(error.to_string(), "not the name of an environment variable: \"A=B\"");
}

/// Every function that wasi-libc's header declares, with the type that clang gives it: linking compares the types.
#[test]
fn all_functions_of_the_libc_header_can_be_linked() {
    let header = fs::read_to_string("/usr/include/wasm32-wasi/wasi/api.h")
        .expect("wasi-libc is installed; try: apt-get install wasi-libc");
    let names: Vec<&str> = header
        .lines()
        .filter_map(|line| line.strip_prefix("__wasi_errno_t __wasi_"))
        .filter_map(|line| line.split('(').next())
        .chain(["proc_exit"])
        .collect();
    assert!(names.len() > 40, "the header has another form than expected: {names:?}");
    let table: Vec<String> = names.iter().map(|name| format!("(void *)__wasi_{name},\n")).collect();
    let source = format!(
        "#include <wasi/api.h>\nvoid *volatile all[] = {{\n{}}};\nint main(void) {{ return all[0] == 0; }}\n",
        table.concat()
    );
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("all.c");
    fs::write(&path, source).expect("the directory is writable");
    let module = compile(&path);
    let imports = wasm_imports(&module);
    assert!(imports >= names.len(), "{imports} of {}", names.len());
    assert_eq!(run(&module, &WasiBuilder::new()), Ok(Vec::<Value>::new()));
}

/// How often a module says `wasi_snapshot_preview1`, which is once for each import.
fn wasm_imports(module: &[u8]) -> usize {
    let name = b"\x16wasi_snapshot_preview1";
    module.windows(name.len()).filter(|bytes| bytes == name).count()
}
