//! What a program is given: arguments, environment, directories, standard streams.

use crate::context::Context;
use crate::directory::Directory;
use crate::error::Error;
use crate::functions;
use crate::socket::file_of;
use crate::wait;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use runtime::Linker;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasi_common::file::FileAccessMode;
use wasi_common::{Table, WasiCtx, WasiFile, sync};

/// Describes what a program is given. It can be built from any number of times: one [`Wasi`] for each run.
#[derive(Debug, Default)]
pub struct WasiBuilder {
    args: Vec<String>,
    env: Vec<(String, String)>,
    dirs: Vec<(PathBuf, String)>,
    sockets: Vec<OwnedFd>,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

/// The WASI state of one run of a program: its descriptors, arguments, environment and clocks.
pub struct Wasi {
    context: Arc<Context>,
}

impl WasiBuilder {
    /// No arguments, no environment, no directories; this process's standard streams.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All arguments, the program's name first. Replaces those that were given before.
    pub fn args<S: Into<String>>(&mut self, args: impl IntoIterator<Item = S>) -> &mut Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Adds or changes an environment variable.
    pub fn env(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        let name = name.into();
        self.env.retain(|(other, _)| *other != name);
        self.env.push((name, value.into()));
        self
    }

    /// Adds a directory of the host, under the name that it has in the guest. The first one gets descriptor 3.
    pub fn dir(&mut self, host: impl Into<PathBuf>, guest: impl Into<String>) -> &mut Self {
        self.dirs.push((host.into(), guest.into()));
        self
    }

    /// Adds a socket: one that is connected, or one that listens. Its descriptor follows those of the directories and of
    /// the sockets before it.
    pub fn socket(&mut self, socket: impl Into<OwnedFd>) -> &mut Self {
        self.sockets.push(socket.into());
        self
    }

    /// Reads standard input from a file, pipe or socket in place of this process's.
    pub fn stdin(&mut self, stream: impl Into<OwnedFd>) -> &mut Self {
        self.stdin = Some(stream.into());
        self
    }

    /// Writes standard output to a file, pipe or socket in place of this process's.
    pub fn stdout(&mut self, stream: impl Into<OwnedFd>) -> &mut Self {
        self.stdout = Some(stream.into());
        self
    }

    /// Writes standard error to a file, pipe or socket in place of this process's.
    pub fn stderr(&mut self, stream: impl Into<OwnedFd>) -> &mut Self {
        self.stderr = Some(stream.into());
        self
    }

    /// The state for one run.
    ///
    /// # Errors
    /// When a directory cannot be opened, or the guest could not read an argument or variable as it was given.
    pub fn build(&self) -> Result<Wasi, Error> {
        let (clocks, scheduler, began) = wait::clocks_and_scheduler();
        let mut wasi = WasiCtx::new(sync::random_ctx(), clocks, Box::new(scheduler), Table::new());
        for arg in &self.args {
            wasi.push_arg(without_nul(arg)?)?;
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains('=') {
                return Err(Error::VariableName(name.clone()));
            }
            wasi.push_env(without_nul(name)?, without_nul(value)?)?;
        }
        let [stdin, stdout, stderr] =
            [&self.stdin, &self.stdout, &self.stderr].map(|fd| fd.as_ref().map(AsFd::as_fd));
        wasi.set_stdin(stream("stdin", stdin.unwrap_or(io::stdin().as_fd()))?);
        wasi.set_stdout(stream("stdout", stdout.unwrap_or(io::stdout().as_fd()))?);
        wasi.set_stderr(stream("stderr", stderr.unwrap_or(io::stderr().as_fd()))?);
        for (host, guest) in &self.dirs {
            let dir = open_dir(host)?;
            let words = |error| Error::Descriptor { path: host.clone(), words: format!("{error}") };
            wasi.push_preopened_dir(Box::new(Directory::from(dir)), guest).map_err(words)?;
        }
        // After the directories: a libc looks for those until it finds something else.
        for socket in &self.sockets {
            let all = FileAccessMode::READ | FileAccessMode::WRITE;
            wasi.push_file(stream("socket", socket.as_fd())?, all)
                .map_err(|error| Error::Socket { words: format!("{error}") })?;
        }
        Ok(Wasi { context: Arc::new(Context::new(wasi, began)) })
    }
}

impl Wasi {
    /// Defines the functions of `wasi_snapshot_preview1`, and those of `wasi_unstable`, as older programs call it.
    ///
    /// Instances that are linked with it share this state. A function that uses memory uses the export `memory` of
    /// the instance that calls it.
    pub fn add_to_linker(self, linker: &mut Linker) {
        functions::define(linker, &self.context);
    }
}

fn without_nul(text: &str) -> Result<&str, Error> {
    if text.contains('\0') { Err(Error::Nul(text.to_owned())) } else { Ok(text) }
}

fn open_dir(path: &Path) -> Result<Dir, Error> {
    Dir::open_ambient_dir(path, ambient_authority())
        .map_err(|source| Error::Directory { path: path.to_owned(), source })
}

/// A stream as a file of the guest.
///
/// Why not `std::io::Stdin`, as wasi-common has it? Its buffer holds bytes that poll(2) does not know of, so a guest
/// would wait for input that is there; and a second run of the program would miss them.
fn stream(name: &'static str, fd: BorrowedFd<'_>) -> Result<Box<dyn WasiFile>, Error> {
    let fd = fd.try_clone_to_owned().map_err(|source| Error::Stream { name, source })?;
    Ok(file_of(fd))
}
