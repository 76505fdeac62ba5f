//! A server process under test: ours with a module, or gdbserver with a native program as the standard.

use std::cell::Cell;
use std::io::Write as _;
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus};

use anyhow::{Context as _, Result, bail};

use crate::fixture::{Build, Fixture, Machine};
use crate::process::{Output, Process};
use crate::toolchain;

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    process: Process,
    stdin: Option<ChildStdin>,
    /// What the guest prints.
    pub stdout: Output,
    /// What the server says.
    pub stderr: Output,
    /// The TCP port on the loopback address.
    pub port: u16,
}

/// What is left of a server that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// What of its standard output was not read before.
    pub stdout: String,
    /// What of its standard error was not read before.
    pub stderr: String,
}

/// `wasm-gdbserver symbols OPTIONS MODULE -o ELF`.
///
/// # Errors
/// If the server is not there or refuses: with what it said.
pub fn write_symbols(options: &[&str], module: &Path, elf: &Path) -> Result<()> {
    let mut command = Command::new(toolchain::server_binary()?);
    command.arg("symbols").args(options).arg(module).arg("-o").arg(elf);
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// How servers of ours run the programs of sessions that know nothing of it, and whose transcripts it does not change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Setting {
    /// As users have it: in the run tier, and in the debug tier what is debugged.
    #[default]
    Plain,
    /// `--precise-traps`: all in the debug tier.
    Precise,
    /// `--compile-all`: all in the run tier when it starts, so that whatever is debugged has to change its tier.
    Ahead,
}

thread_local! {
    static SETTING: Cell<Setting> = const { Cell::new(Setting::Plain) };
}

impl Setting {
    /// That of this thread.
    #[must_use]
    pub fn current() -> Self {
        SETTING.get()
    }

    /// Does something in this setting, on this thread.
    pub fn apply<R>(self, act: impl FnOnce() -> R) -> R {
        /// Undoes it however `act` ends.
        struct Undo;
        impl Drop for Undo {
            fn drop(&mut self) {
                SETTING.set(Setting::Plain);
            }
        }
        SETTING.set(self);
        let _undo = Undo;
        act()
    }

    /// Those that are not what users have by default, with what their tests are called.
    pub const OTHERS: [(Self, &str); 2] = [(Self::Precise, "precise"), (Self::Ahead, "ahead")];

    /// What it is called in names of files, before the rest.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Precise => "precise-",
            Self::Ahead => "ahead-",
        }
    }
}

/// What every server of ours gets: the options of the setting, and the words of `SERVER_OPTIONS`.
fn everywhere() -> Vec<String> {
    let words = std::env::var("SERVER_OPTIONS").unwrap_or_default();
    let setting = match Setting::current() {
        Setting::Plain => None,
        Setting::Precise => Some("--precise-traps"),
        Setting::Ahead => Some("--compile-all"),
    };
    words.split_whitespace().chain(setting).map(str::to_owned).collect()
}

impl Server {
    /// Serves a fixture with the server of its machine. `options` are of our server only.
    ///
    /// # Errors
    /// If the server is not there, or does not come to listen.
    pub fn start(fixture: &Fixture, build: Build, options: &[&str], args: &[&str]) -> Result<Self> {
        match build.machine {
            Machine::Wasm | Machine::Wasm64 => {
                let own = fixture.options();
                let options: Vec<&str> =
                    options.iter().copied().chain(own.iter().map(String::as_str)).collect();
                Self::wasm(&fixture.program, &options, args)
            }
            Machine::Native => Self::native(&fixture.program, args),
        }
    }

    /// `wasm-gdbserver OPTIONS :0 MODULE ARGS`.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn wasm(module: &Path, options: &[&str], args: &[&str]) -> Result<Self> {
        let mut command = Command::new(toolchain::server_binary()?);
        command.args(everywhere()).args(options).arg(":0").arg(module).args(args);
        Self::launch(&mut command, "Listening on 127.0.0.1:")
    }

    /// `gdbserver --once :0 PROGRAM ARGS`, with a stack of 1 MiB: gdb walks all of one that is full, which takes it 8 s for
    /// 8 MiB, and a minute on a busy machine.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn native(program: &Path, args: &[&str]) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -s 1024 && exec \"$0\" \"$@\""]).arg(toolchain::find("gdbserver")?);
        command.arg("--once").arg("localhost:0").arg(program).args(args);
        Self::launch(&mut command, "Listening on port ")
    }

    /// Starts any server and reads from its standard error where it listens: `announcement`, then the port.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn launch(command: &mut Command, announcement: &str) -> Result<Self> {
        let mut process = Process::start(command)?;
        let child = process.child();
        let stdin = child.stdin.take();
        let stdout = Output::of(child.stdout.take().context("stdout is piped")?);
        let mut stderr = Output::of(child.stderr.take().context("stderr is piped")?);
        stderr.until(announcement)?;
        let port = stderr.until("\n")?;
        let port = port.trim().parse().with_context(|| format!("{port:?} is no port"))?;
        Ok(Self { process, stdin, stdout, stderr, port })
    }

    /// Gives the guest input.
    ///
    /// # Errors
    /// If its standard input is closed.
    pub fn write_stdin(&mut self, text: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("stdin is closed")?;
        stdin.write_all(text.as_bytes())?;
        stdin.flush()?;
        Ok(())
    }

    /// Ends the guest's input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends the server a signal, by the name that `kill` takes.
    ///
    /// # Errors
    /// If it has ended.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.process.signal(name)
    }

    /// Whether it has a file mapped.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn has_mapped(&self, file: &Path) -> Result<bool> {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.process.id()))?;
        Ok(maps.contains(&*file.to_string_lossy()))
    }

    /// The most memory that the server ever had, in bytes.
    ///
    /// # Errors
    /// If it has ended, or the system does not tell.
    pub fn peak_memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    }

    /// Whether the server is still there.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Waits until the server ends by itself.
    ///
    /// # Errors
    /// If it does not.
    pub fn finish(mut self) -> Result<Ended> {
        self.close_stdin();
        let stdout = self.stdout.rest()?;
        let stderr = self.stderr.rest()?;
        let status = self.process.wait()?;
        Ok(Ended { status, stdout, stderr })
    }
}
