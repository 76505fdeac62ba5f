//! What the tests share: compiling C to Wasm, a layout, and running the tools that read the image.

#[expect(unreachable_pub, reason = "it is a public module of another package")]
#[path = "../../../../tests/src/clang.rs"]
mod compiler;
pub(crate) mod core;

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use dwarf::{Layout, Machine, Module, Symbol};

/// Address of module PC 0.
pub(crate) const CODE_BASE: u64 = 0x7e00_0000_0000;
/// Address of `<host>`.
pub(crate) const HOST: u64 = 0x7e80_0000_0000;
/// Address of global 0.
pub(crate) const GLOBALS: u64 = 0x7e90_0000_0000;

/// The layout that the tests use.
pub(crate) fn layout(module: &[u8]) -> Layout {
    let imports = Module::parse(module).map(|module| module.functions).unwrap_or_default();
    Layout {
        machine: Machine::X86_64,
        code_base: CODE_BASE,
        globals_base: GLOBALS,
        has_variables: true,
        host_functions: imports
            .into_iter()
            .filter(dwarf::Function::is_import)
            .zip(1..)
            .map(|(function, i)| Symbol { name: function.name.to_string(), address: HOST + 16 * i, size: 16 })
            .collect(),
        host: Symbol { name: "<host>".to_owned(), address: HOST, size: 16 },
    }
}

/// A layout for a machine with addresses of 32 bits.
pub(crate) fn narrow_layout(module: &[u8], machine: Machine) -> Layout {
    let near = |address: u64| address - CODE_BASE + 0xd000_0000;
    let below_4_gib = |symbol: Symbol| Symbol { address: (symbol.address - HOST) + 0xc000_0000, ..symbol };
    let wide = layout(module);
    Layout {
        machine,
        code_base: near(wide.code_base),
        globals_base: 0xb000_0000,
        has_variables: true,
        host_functions: wide.host_functions.into_iter().map(below_4_gib).collect(),
        host: below_4_gib(wide.host),
    }
}

/// The directory of the C programs.
pub(crate) fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

/// Runs a program and returns what it printed, both streams together. Fails with `install` if it is missing.
pub(crate) fn run(command: &mut Command, install: &str) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{name}: {error}; try: {install}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?} failed:\n{text}");
    text
}

/// clang-19 for Wasm, with nothing on its path that would change what it makes.
pub(crate) fn clang() -> Command {
    let install = "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32";
    let clang = compiler::clang(Path::new(env!("CARGO_TARGET_TMPDIR")));
    let mut clang = clang.unwrap_or_else(|error| panic!("clang-19: {error}; try: {install}"));
    clang.arg("--target=wasm32-wasi");
    clang
}

/// Compiles a program of [`programs`] with clang-19 and returns the module.
pub(crate) fn compile(directory: &Path, program: &str, flags: &[&str]) -> Vec<u8> {
    let out = directory.join("out.wasm");
    let mut clang = clang();
    clang.args(flags).arg("-o").arg(&out).arg(programs().join(program));
    clang.current_dir(directory);
    run(&mut clang, "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32");
    std::fs::read(out).expect("clang wrote its output")
}

/// Writes the image of a module to a file.
pub(crate) fn write_image(
    directory: &Path,
    module: &[u8],
    debug_file: Option<&[u8]>,
) -> (PathBuf, dwarf::SymbolImage) {
    let debug_files: Vec<Bytes> = debug_file.into_iter().map(Bytes::copy_from_slice).collect();
    let image =
        dwarf::symbol_image(module, &debug_files, &layout(module)).expect("the module is well-formed");
    let path = directory.join("image.elf");
    std::fs::write(&path, &image.elf).expect("the directory is writable");
    (path, image)
}

/// Runs gdb on an image.
pub(crate) fn gdb(image: &Path, commands: &[&str]) -> String {
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set width 0"]);
    gdb.args(["-iex", "set complaints 1000"]).arg(image);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    run(&mut gdb, "apt-get install gdb")
}

/// What `llvm-dwarfdump --verify` finds wrong; nothing if all is right.
pub(crate) fn verify(image: &Path) -> String {
    let mut dump = Command::new("llvm-dwarfdump-19");
    let output = dump.arg("--verify").arg(image).output();
    let output = output.unwrap_or_else(|error| panic!("{dump:?}: {error}; try: apt-get install llvm-19"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() && said.contains("No errors.") { String::new() } else { without_unknown(said) }
}

/// The same, or nothing if all that is wrong is that it does not know `DW_OP_deref_type`, which gdb does.
fn without_unknown(said: String) -> String {
    const UNREAD: &str = "<decoding error>";
    let unread = said.matches(UNREAD).count();
    let is_unknown = said.matches(&format!("{UNREAD} a6 ")).count() == unread && unread > 0;
    let mut errors = said.lines().filter(|line| line.starts_with("error: "));
    let is_of_expressions = |error: &str| {
        error == "error: DIE contains invalid DWARF expression:"
            || error == "error: Aggregated error counts:"
            || error.starts_with("error: Invalid DWARF expressions occurred ")
    };
    if is_unknown && errors.all(is_of_expressions) { String::new() } else { said }
}

/// The number of the line of `calls.c` that is marked with `LINE name`.
pub(crate) fn line(name: &str) -> usize {
    let source = std::fs::read_to_string(programs().join("calls.c")).expect("the program is there");
    let mark = format!("// LINE {name}");
    source.lines().position(|line| line.ends_with(&mark)).expect("the line is marked") + 1
}

/// The bytes of a custom section of a module.
pub(crate) fn custom_section(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    let length = 5 + name.len() + contents.len();
    let leb = |mut value: usize| {
        let mut bytes = Vec::new();
        for last in [false, false, false, false, true] {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | if last { 0 } else { 0x80 });
            value >>= 7;
        }
        bytes
    };
    bytes.extend(leb(length));
    bytes.extend(leb(name.len()));
    bytes.extend(name.as_bytes());
    bytes.extend(contents);
    bytes
}

/// Says something to whoever runs the tests with `--nocapture`.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let _: std::io::Result<()> = writeln!(std::io::stderr(), "{text}");
}
