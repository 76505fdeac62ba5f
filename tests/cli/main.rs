//! The command line of the server: every spelling, every exit status, and one clear line for every mistake.

mod limits;
mod mistakes;
mod programs;
mod spellings;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use tests::toolchain;

/// Runs the server with arguments, to its end.
fn wasm_gdbserver(args: &[&str]) -> Result<Output> {
    let binary = toolchain::server_binary()?;
    Command::new(&binary).args(args).output().with_context(|| format!("cannot run {}", binary.display()))
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the tests' own paths are UTF-8")
}

/// A file of our own in the cache folder.
fn file(name: &str, contents: &[u8]) -> Result<PathBuf> {
    let folder = toolchain::cache_folder()?.join("cli");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(name);
    std::fs::write(&path, contents)?;
    Ok(path)
}

/// A module that exports functions and needs nothing.
const ARITHMETIC: &str = r#"
(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "half") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
  (func (export "both") (param i64 f32) (result i64 f32) (local.get 0) (local.get 1))
  (func (export "fail") (unreachable)))
"#;
