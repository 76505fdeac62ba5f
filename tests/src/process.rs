//! A child process whose output is waited for by content, never by time.
//!
//! Every wait is bounded by [`PATIENCE`]: the other side has failed when it stays silent that long. A thread reads each
//! pipe to its end, so that a child never blocks on one that nobody looks at.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long the other side may stay silent. Generous: the machine may be loaded, and only a failure waits this long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What arrives on a pipe.
#[derive(Debug)]
pub struct Output {
    chunks: Receiver<Vec<u8>>,
    /// Arrived and not yet returned by a wait.
    pending: Vec<u8>,
    /// Everything that ever arrived, for messages.
    seen: Vec<u8>,
}

impl Output {
    /// Starts to read `pipe`.
    pub fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let (sender, chunks) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = pipe.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { chunks, pending: Vec::new(), seen: Vec::new() }
    }

    /// Everything that ever arrived.
    #[must_use]
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Waits for `marker` and returns what came before it. Both are taken from the output.
    ///
    /// # Errors
    /// If the output ends first, or [`PATIENCE`] does: with what came.
    pub fn until(&mut self, marker: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut searched = 0;
        loop {
            if let Some(at) = find(&self.pending[searched..], marker.as_bytes()) {
                let taken: Vec<u8> = self.pending.drain(..searched + at + marker.len()).collect();
                return Ok(String::from_utf8_lossy(&taken[..searched + at]).into_owned());
            }
            searched = self.pending.len().saturating_sub(marker.len());
            if !self.receive(deadline).with_context(|| self.silence(marker))? {
                bail!("the output ended. {}", self.silence(marker));
            }
        }
    }

    /// Waits for this many bytes and takes them.
    ///
    /// # Errors
    /// As [`Output::until`].
    pub fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        let deadline = Instant::now() + PATIENCE;
        while self.pending.len() < length {
            let what = format!("{length} bytes");
            if !self.receive(deadline).with_context(|| self.silence(&what))? {
                bail!("the output ended. {}", self.silence(&what));
            }
        }
        Ok(self.pending.drain(..length).collect())
    }

    /// Waits for the end of the output and returns what was not yet taken.
    ///
    /// # Errors
    /// If it does not end within [`PATIENCE`].
    pub fn rest(&mut self) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        while self.receive(deadline).with_context(|| self.silence("its end"))? {}
        Ok(String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned())
    }

    fn silence(&self, what: &str) -> String {
        format!("waited for {what:?}; so far:\n{}", self.seen())
    }

    /// Takes one chunk. False at the end of the output.
    fn receive(&mut self, deadline: Instant) -> Result<bool> {
        match self.chunks.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(chunk) => {
                self.pending.extend_from_slice(&chunk);
                self.seen.extend_from_slice(&chunk);
                Ok(true)
            }
            Err(RecvTimeoutError::Disconnected) => Ok(false),
            Err(RecvTimeoutError::Timeout) => bail!("nothing came for {} s", PATIENCE.as_secs()),
        }
    }
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern)
}

/// A child that does not outlive its owner.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `command` with all three standard streams piped.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        Ok(Self { child })
    }

    /// The child, to take its streams from.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The system's number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by the name that `kill` takes (`INT`, `KILL`).
    ///
    /// # Errors
    /// If that fails, as it does for a process that has ended.
    pub fn signal(&self, name: &str) -> Result<()> {
        // The shell's own `kill`: a minimal machine has no other.
        let line = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &line]).status().context("cannot run sh")?;
        if !status.success() {
            bail!("{line}: {status}");
        }
        Ok(())
    }

    /// Waits for the end of the process. Call it when its output has ended: this wait is not bounded.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        // A child that waits for input would never end.
        drop(self.child.stdin.take());
        Ok(self.child.wait()?)
    }

    /// Whether the process is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that has ended and was waited for.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}
