//! `wasm-gdbserver demo`: a session with stock gdb on a program that ships with the server (`demo/demo.c`).
//!
//! At a terminal gdb's prompt is the user's. Otherwise a script runs, and the session is printed as it would look.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::args::{GuestOptions, ListenAddress, ServeOptions};
use crate::door::Door;
use crate::guest::Program;
use crate::log::say;
use crate::relay::Relay;
use crate::serve::{self, Host, Interrupts, Started};

const SOURCE: &str = include_str!("../demo/demo.c");
const MODULE: &[u8] = include_bytes!("../demo/demo.wasm");

/// What the scripted session does after it has connected.
const SCRIPT: &[&str] = &[
    "break apply",
    "continue",
    "bt",
    "print *entry",
    "next",
    "next",
    "print *account",
    "finish",
    "delete",
    "tbreak demo.c:47",
    "continue",
    "info locals",
    "step",
    "break after if years == 0",
    "continue",
    "bt",
    "finish",
    "delete",
    "continue",
];

/// Settings that keep a scripted session free of questions and of the terminal's width.
const UNATTENDED: &[&str] =
    &["set confirm off", "set pagination off", "set width 0", "set style enabled off"];

/// A folder that goes when its owner does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("wasm-gdbserver-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, contents: &[u8]) -> Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "the demo's files stay");
        }
    }
}

/// Serves the program to a gdb that this function starts; returns the exit status.
///
/// # Errors
/// When gdb is not there, or the program cannot be served.
pub(crate) fn play() -> Result<u8> {
    let folder = Folder::new()?;
    folder.write("demo.c", SOURCE.as_bytes())?;
    let module = folder.write("demo.wasm", MODULE)?;
    let program = Program::load(GuestOptions { module, ..GuestOptions::default() })?;
    let runtime = serve::runtime()?;
    let status = runtime.block_on(serve_gdb(program, &folder.0));
    runtime.shutdown_background();
    status
}

async fn serve_gdb(program: Program, folder: &Path) -> Result<u8> {
    let (relay, watcher) = Relay::new();
    let (session, first, events) = match serve::start(&program).await? {
        Started::Stopped(session, first, events) => (session, first, events),
        Started::Ended(status) => return Ok(status),
    };
    let (door, local) = Door::at(&ListenAddress { host: String::new(), port: 0 }).await?;
    relay.launched(&session);
    let mut debuggee = gdb::Debuggee::new(session, events, program.for_symbols()?, None);
    debuggee.observe(move |session, event| relay.note(session, event));
    debuggee.note(first);
    let options = ServeOptions { once: true, ..ServeOptions::default() };
    let host = Host::new(door, options, Interrupts::AreForTheDebugger, watcher, program.file().clone())?;
    let server = tokio::spawn(host.run(debuggee));
    let mut gdb = gdb_command(folder, local.port());
    let ended = tokio::task::spawn_blocking(move || gdb.status()).await?;
    server.abort();
    let status = ended.context("cannot run gdb (on Debian: apt-get install gdb)")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// gdb in the folder of the source, which the debug info names without a path.
fn gdb_command(folder: &Path, port: u16) -> Command {
    let mut gdb = Command::new("gdb");
    gdb.current_dir(folder).args(["-q", "-iex", "set debuginfod enabled off"]);
    let connect = format!("target remote :{port}");
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        say(&format!("$ gdb -q -ex '{connect}'"));
        gdb.args(["-ex", &connect]);
        return gdb;
    }
    gdb.args(["-nx", "-batch"]).stdin(Stdio::null());
    for setting in UNATTENDED {
        gdb.args(["-iex", setting]);
    }
    for command in std::iter::once(connect.as_str()).chain(SCRIPT.iter().copied()) {
        // gdb prints what a command says, and not the command.
        gdb.args(["-ex", &format!("echo (gdb) {command}\\n"), "-ex", command]);
    }
    gdb
}
