//! Where the tests find programs: the server's binary beside their own, compilers and debuggers on the path.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Programs of other people that tests run, with the Debian package of each.
const PACKAGES: &[(&str, &str)] = &[
    ("clang-19", "clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32"),
    ("gdb", "gdb"),
    ("gdbserver", "gdbserver gcc-multilib"),
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
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) =
        std::env::split_paths(&path).map(|folder| folder.join(command)).find(|file| file.is_file())
    {
        return Ok(found);
    }
    let package = PACKAGES.iter().find(|(name, _)| *name == command).map_or(command, |(_, package)| package);
    bail!(
        "{command} is not here: `apt-get install {package}`, or `sh scripts/test.sh`, or opt out with {OPT_OUT}=1"
    )
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
