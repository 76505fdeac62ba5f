//! The same program natively under gdb and as Wasm under gdb with our server: at the same stops, all variables of all frames
//! have the same values.
//!
//! The programs are fixtures, and programs by chance (csmith): `VALUES_PROGRAMS=N` takes so many of them, from `VALUES_SEED` on
//! (`just values N SEED`). Each stops at its lines, a few times at each, until it has stopped `VALUES_STOPS` times. The
//! script in `values.py` runs in both gdbs and writes down what it sees. With `VALUES_SHOW=1` differences are printed that are no failures.
//!
//! The native twin is compiled for i386 with structures laid out as in Wasm, and variables without a value are zero in both.
//! Without optimisation the stops are the same and every difference is a failure, but for what [`compare`] excuses. In
//! optimised code the two compilers leave other lines and other values: what is compared is what both have, and the score
//! says how much that is.
//!
//! What the Wasm side shows is also held against the module's own debug info, by the reader in `own.py`: every value that is
//! shown, every one that is not, and every frame has to be what that says. So a value that differs from the native one
//! differs because the compiler says so, and [`compare::Reason`] says how. The places at which it stops are held against the
//! module's line table by `lines.py`, and [`lone::Lone`] says why only one program stops somewhere.

mod compare;
mod lone;
mod transcript;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use compare::{Score, compare};
use libtest_mimic::{Arguments, Failed, Trial};
use tests::server::Server;
use tests::toolchain;

/// What both compilers are told.
const BOTH: &[&str] = &["-w", "-ftrivial-auto-var-init=zero", "-I/usr/include/csmith"];
const NATIVE: &[&str] = &["-m32", "-static", "-malign-double", "-msse2", "-mfpmath=sse"];
const WASM: &[&str] = &["--target=wasm32-wasi"];
/// Seconds that a program may run natively; those by chance may run for ever.
const PATIENCE: &str = "5";
/// Seconds that a session may take.
const SESSION: &str = "600";
/// How many mistakes a failed test tells.
const TOLD: usize = 40;
/// Stops at one line.
const HITS: &str = "4";

/// A program in C and how it is compiled.
#[derive(Clone, Debug)]
struct Program {
    source: PathBuf,
    level: &'static str,
    dwarf: &'static str,
}

fn main() -> std::process::ExitCode {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let count = number("VALUES_PROGRAMS", 1);
    let stops = number("VALUES_STOPS", 60);
    let seed = number("VALUES_SEED", 2);
    let mut trials = Vec::new();
    for seed in seed..seed + count {
        for level in ["-O0", "-O1", "-O2", "-Os"] {
            trials.push(Trial::test(format!("values::csmith_{seed}::{}", &level[1..]), move || {
                let dwarf = if seed % 2 == 0 { "-gdwarf-4" } else { "-gdwarf-5" };
                let source = chance(seed).map_err(|error| format!("{error:#}"))?;
                source.map_or(Ok(()), |source| trial(&Program { source, level, dwarf }, stops))
            }));
        }
    }
    let trials = trials.into_iter().map(|trial| trial.with_ignored_flag(toolchain::debuggers_are_skipped()));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn trial(program: &Program, stops: u64) -> Result<(), Failed> {
    let score = play(program, stops).map_err(|error| format!("{error:#}"))?;
    let name = program.source.file_name().unwrap_or_default().to_string_lossy();
    // For whoever runs it with `--nocapture`, and for the score in docs/conformance.md.
    writeln!(std::io::stderr(), "{name} {} {}: {score}", program.level, program.dwarf)
        .map_err(|error| error.to_string())?;
    if std::env::var_os("VALUES_SHOW").is_some() {
        writeln!(std::io::stderr(), "{}", score.different.join("\n")).map_err(|error| error.to_string())?;
    }
    let is_exact = score.different.is_empty();
    let is_lost = score.missing_locals > 0 || !score.wrong.is_empty();
    if score.stops == 0 || (program.level == "-O0" && !is_exact) || is_lost {
        let said: Vec<&str> =
            score.wrong.iter().take(TOLD).chain(&score.different).map(String::as_str).collect();
        return Err(format!("{score}\n{}", said.join("\n")).into());
    }
    Ok(())
}

fn folder() -> Result<PathBuf> {
    let folder = toolchain::cache_folder()?.join("values");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A program by chance, or none if this one does not end.
fn chance(seed: u64) -> Result<Option<PathBuf>> {
    // Two tests want the same program.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let source = folder()?.join(format!("csmith-{seed}.c"));
    let options = ["--float", "--no-jumps", "--seed", &seed.to_string(), "-o"];
    if !source.is_file() {
        // It leaves a file where it runs.
        run(Command::new(toolchain::find("csmith")?).args(options).arg(&source).current_dir(folder()?))?;
    }
    let native =
        compile(&Program { source: source.clone(), level: "-O1", dwarf: "-gdwarf-4" }, NATIVE, "probe")?;
    let status = Command::new("timeout").arg(PATIENCE).arg(&native).stdout(Stdio::null()).status()?;
    std::fs::remove_file(native)?;
    Ok(status.success().then_some(source))
}

fn compile(program: &Program, target: &[&str], name: &str) -> Result<PathBuf> {
    let out = program.source.with_extension(format!("{}.{name}", &program.level[1..]));
    let mut clang =
        if target == WASM { toolchain::wasm_compiler()? } else { Command::new(toolchain::find("clang-19")?) };
    clang
        .args(target)
        .args(BOTH)
        .args([program.level, program.dwarf])
        .arg(&program.source)
        .arg("-o")
        .arg(&out);
    run(&mut clang)?;
    Ok(out)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn play(program: &Program, stops: u64) -> Result<Score> {
    let native = compile(program, NATIVE, "native")?;
    let wasm = compile(program, WASM, "wasm")?;
    // Code generators have no code for some lines, such as those with nothing but a brace.
    let lines = |server: Server, built| -> Result<BTreeSet<u32>> {
        let text = watch(program, &server, built, 0, "", None)?;
        let lines = text.lines().find_map(|line| line.strip_prefix("lines ")).context("no lines")?;
        Ok(lines.split(' ').filter_map(|line| line.parse().ok()).collect())
    };
    let serve = || Server::wasm(&wasm, &["--once"], &[]);
    let there = lines(Server::native(&native, &[])?, &native)?;
    let both = &there & &lines(serve()?, &wasm)?;
    let both: Vec<String> = both.iter().map(u32::to_string).collect();
    let standard = watch(program, &Server::native(&native, &[])?, &native, stops, &both.join(" "), None)?;
    let dump = Dump::of(&wasm)?;
    let ours = watch(program, &serve()?, &wasm, stops, &both.join(" "), Some(&dump))?;
    for file in [native, wasm, dump.info, dump.code] {
        std::fs::remove_file(file)?;
    }
    Ok(compare(&standard, &ours))
}

/// Files with what a module is, in words.
struct Dump {
    /// Its debug info and line table.
    info: PathBuf,
    /// Its code.
    code: PathBuf,
}

impl Dump {
    fn of(wasm: &Path) -> Result<Self> {
        let (info, code) = (wasm.with_extension("dump"), wasm.with_extension("code"));
        let mut dumper = Command::new(toolchain::find("llvm-dwarfdump-19")?);
        run(dumper.args(["--debug-info", "--debug-addr", "--debug-line", "-o"]).arg(&info).arg(wasm))?;
        let mut dumper = Command::new(toolchain::find("llvm-objdump-19")?);
        dumper.args(["-d", "--no-show-raw-insn"]).arg(wasm).stdout(std::fs::File::create(&code)?);
        ensure!(dumper.status()?.success(), "{dumper:?} failed");
        Ok(Self { info, code })
    }
}

/// What gdb writes down of a program that is served, and of one of ours also whether the module's own debug info says so.
fn watch(
    program: &Program,
    server: &Server,
    built: &Path,
    stops: u64,
    lines: &str,
    dump: Option<&Dump>,
) -> Result<String> {
    let out =
        built.with_file_name(format!("{}.txt", built.file_name().unwrap_or_default().to_string_lossy()));
    let script = toolchain::tests_folder().join("values/values.py");
    let mut gdb = Command::new("timeout");
    gdb.arg(SESSION).arg(toolchain::find("gdb")?).args(["-q", "-nx", "-batch", "-x"]).arg(script);
    gdb.env("VALUES_PORT", server.port.to_string());
    gdb.env("VALUES_SOURCE", program.source.file_name().unwrap_or_default());
    gdb.env("VALUES_OUT", &out).env("VALUES_STOPS", stops.to_string()).env("VALUES_HITS", HITS);
    gdb.env("VALUES_LINES", lines);
    if let Some(Dump { info, code }) = dump {
        gdb.env("VALUES_DUMP", info).env("VALUES_CODE", code);
    }
    let output = gdb.output().context("cannot run gdb")?;
    let text = std::fs::read_to_string(&out).unwrap_or_default();
    let error = text.lines().find(|line| line.starts_with("error "));
    if !output.status.success() || error.is_some() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{}: {}\n{}", built.display(), String::from_utf8_lossy(&said), error.unwrap_or_default());
    }
    Ok(text)
}
