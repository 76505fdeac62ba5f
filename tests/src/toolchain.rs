//! Where the tests find programs: the server's binary beside their own, compilers and debuggers on the path.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::clang;

/// Programs of other people that tests run, with the Debian package of each.
const PACKAGES: &[(&str, &str)] = &[
    ("clang-19", "clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32"),
    ("gdb", "gdb"),
    ("gdbserver", "gdbserver gcc-multilib"),
    ("llvm-dwarfdump-19", "llvm-19"),
    ("llvm-objdump-19", "llvm-19"),
    ("llvm-dwp-19", "llvm-19"),
    ("llvm-objcopy-19", "llvm-19"),
    ("llvm-strip-19", "llvm-19"),
    ("lldb-22", "lldb-22 python3-lldb-22"),
    ("lldb-dap-22", "lldb-22 python3-lldb-22"),
];

/// The environment variable with which a developer opts out of the tests that need somebody's debugger.
const OPT_OUT: &str = "SKIP_DEBUGGERS";

/// Whether the developer opted out of the tests that need a debugger.
#[must_use]
pub fn debuggers_are_skipped() -> bool {
    std::env::var_os(OPT_OUT).is_some_and(|value| value == "1")
}

/// The path of `command`, one of the programs that tests run.
///
/// # Errors
/// If it is not on the path: with the line that installs it.
pub fn find(command: &str) -> Result<PathBuf> {
    if let Some(found) = clang::find(command) {
        return Ok(found);
    }
    let package = PACKAGES.iter().find(|(name, _)| *name == command).map_or(command, |(_, package)| package);
    bail!(
        "{command} is not here: `apt-get install {package}`, or `sh scripts/test.sh`, or opt out with {OPT_OUT}=1"
    )
}

/// clang for Wasm, see [`clang`].
///
/// # Errors
/// If it is not on the path: with the line that installs it.
pub fn wasm_compiler() -> Result<Command> {
    find("clang-19")?;
    clang::clang(&cache_folder()?).context("cannot give clang a path of its own")
}

/// Go for WASI: what the environment variable `GO` names, or what `scripts/go.sh` has unpacked.
///
/// # Errors
/// If it is not there: with the line that fetches it.
pub fn go() -> Result<Command> {
    let cache = cache_folder()?;
    let root = cache.join("go/usr/lib/go-1.24");
    let mut command = match std::env::var_os("GO") {
        Some(go) => Command::new(go),
        None if root.is_dir() => {
            let mut command = Command::new(root.join("bin/go"));
            command.env("GOROOT", root);
            command
        }
        None => bail!("Go is not here: `sh scripts/go.sh`, or `sh scripts/test.sh`"),
    };
    // Nothing of the machine's own settings, and nothing left outside of this folder.
    for (name, value) in [("GOTOOLCHAIN", "local"), ("GOFLAGS", ""), ("GO111MODULE", "off"), ("GOENV", "off")]
    {
        command.env(name, value);
    }
    command.env("GOCACHE", cache.join("go-cache")).env("GOPATH", cache.join("go-path"));
    command.env("GOOS", "wasip1").env("GOARCH", "wasm");
    Ok(command)
}

/// An lldb that knows no Wasm, by its version. Debian's packages of several versions exclude each other, so these are unpacked
/// in `target/old-lldb`.
///
/// # Errors
/// If it is not there: with what unpacks it.
pub fn old_lldb(version: u8) -> Result<PathBuf> {
    let profile = profile_folder()?;
    let target = profile.parent().context("target/PROFILE has a parent")?;
    let lldb = target.join(format!("old-lldb/{version}/lldb"));
    if !lldb.is_file() {
        bail!("{} is not here: `sh scripts/test.sh` unpacks it, or opt out with {OPT_OUT}=1", lldb.display());
    }
    Ok(lldb)
}

/// The folder of the build profile that this test was built in (`target/debug`).
fn profile_folder() -> Result<PathBuf> {
    let own = std::env::current_exe().context("a test has a path")?;
    let folder = own.parent().and_then(Path::parent).context("a test lies in target/PROFILE/deps")?;
    Ok(folder.to_path_buf())
}

/// Cargo's folder for what tests make (`target/tmp`). It outlives the test run, so it can hold a cache.
///
/// # Errors
/// If it cannot be made.
pub fn cache_folder() -> Result<PathBuf> {
    let profile = profile_folder()?;
    let folder = profile.parent().context("target/PROFILE has a parent")?.join("tmp");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The server's binary, built in the same profile as this test.
///
/// # Errors
/// If it was not built: with the line that builds it. Cargo gives a binary's path only to tests of its own package.
pub fn server_binary() -> Result<PathBuf> {
    let binary = profile_folder()?.join("wasm-gdbserver");
    if !binary.is_file() {
        bail!("{} was not built: `cargo build -p wasm-gdbserver`, or `sh scripts/test.sh`", binary.display());
    }
    Ok(binary)
}

/// The folder of this package, `tests/`.
#[must_use]
pub fn tests_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
