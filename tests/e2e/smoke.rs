//! The scripts that users copy into their own CI (`tests/smoke`): they pass with our server, and fail with what is none.

use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use tests::toolchain;

/// The scripts, by the debugger that each is a session of.
pub(crate) const SCRIPTS: &[&str] = &["gdb", "lldb", "lldb-dap"];

/// Runs a script with our server, and with a program that is no server.
pub(crate) fn run(script: &str) -> Result<()> {
    // The debuggers are found or named first, with the line that installs them.
    for debugger in ["gdb", "lldb-22", "lldb-dap-22"] {
        toolchain::find(debugger)?;
    }
    let server = toolchain::server_binary()?;
    let passed = session(script, &server.to_string_lossy())?;
    let said = String::from_utf8_lossy(&passed.stderr);
    assert!(passed.status.success(), "{script}: {}\n{said}", passed.status);
    assert_eq!(String::from_utf8_lossy(&passed.stdout), format!("{script}: ok\n"));
    let failed = session(script, "false")?;
    assert_eq!(failed.status.code(), Some(1), "{script} passes without a server");
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(said.starts_with(&format!("{script}: the server ended before it listened")), "{said}");
    Ok(())
}

fn session(script: &str, server: &str) -> Result<Output> {
    let file = toolchain::tests_folder().join("smoke").join(format!("{script}.sh"));
    Command::new("sh").arg(&file).arg(server).output().context("cannot run sh")
}
