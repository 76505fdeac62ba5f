//! A stock gdb as an editor drives it: through its machine interface (`gdb -i=mi`).
//!
//! Commands are numbered, and so are the records that answer them. That the program stopped is a record of its own,
//! which may come before the answer or after it.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;
use std::process::{ChildStdin, Command};

use anyhow::{Context as _, Result};

use crate::process::{Output, Process};
use crate::toolchain;

/// What a record begins with that tells of a stop.
const STOPPED: &str = "*stopped,";

/// A running gdb.
#[derive(Debug)]
pub struct Mi {
    process: Process,
    stdin: ChildStdin,
    output: Output,
    /// The number of the last command.
    number: u32,
    /// Stops that were told before the answer to a command.
    stops: VecDeque<String>,
}

impl Mi {
    /// Starts gdb in a folder.
    ///
    /// # Errors
    /// If there is no gdb.
    pub fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(toolchain::find("gdb")?);
        command.args(["-q", "-nx", "-i=mi"]).current_dir(folder);
        let mut process = Process::start(&mut command)?;
        let child = process.child();
        let stdin = child.stdin.take().context("stdin is piped")?;
        let output = Output::of(child.stdout.take().context("stdout is piped")?);
        Ok(Self { process, stdin, output, number: 0, stops: VecDeque::new() })
    }

    /// Sends a command and returns the rest of the record that answers it, after its number: `^done,...`, `^running`.
    ///
    /// # Panics
    /// If gdb goes away or goes silent.
    #[track_caller]
    pub fn ask(&mut self, command: &str) -> String {
        self.number += 1;
        let sent = writeln!(self.stdin, "{}{command}", self.number).and_then(|()| self.stdin.flush());
        assert!(sent.is_ok(), "gdb is gone:\n{}", self.output.seen());
        let answers = self.number.to_string();
        loop {
            let line = self.line();
            if let Some(answer) = line.strip_prefix(&answers).filter(|rest| rest.starts_with('^')) {
                return answer.to_owned();
            }
            if let Some(stop) = line.strip_prefix(STOPPED) {
                self.stops.push_back(stop.to_owned());
            }
        }
    }

    /// As [`Mi::ask`], and the answer holds each of these texts.
    ///
    /// # Panics
    /// As [`Mi::ask`], and if it does not.
    #[track_caller]
    pub fn tells(&mut self, command: &str, expected: &[&str]) -> String {
        let answer = self.ask(command);
        self.check(command, &answer, expected);
        answer
    }

    /// Waits for the next stop: it holds each of these texts.
    ///
    /// # Panics
    /// As [`Mi::tells`].
    #[track_caller]
    pub fn stops(&mut self, expected: &[&str]) -> String {
        let record = self.stops.pop_front().unwrap_or_else(|| {
            loop {
                if let Some(stop) = self.line().strip_prefix(STOPPED) {
                    return stop.to_owned();
                }
            }
        });
        self.check("the stop", &record, expected);
        record
    }

    /// Leaves gdb.
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn quit(mut self) {
        writeln!(self.stdin, "-gdb-exit").expect("gdb reads");
        self.output.rest().unwrap_or_else(|error| panic!("gdb: {error:#}"));
        self.process.wait().expect("a child can be waited for");
    }

    #[track_caller]
    fn check(&self, what: &str, record: &str, expected: &[&str]) {
        for text in expected {
            assert!(
                record.contains(text),
                "expected {text} of {what}, which is\n{record}\nafter\n{}",
                self.output.seen()
            );
        }
    }

    #[track_caller]
    fn line(&mut self) -> String {
        self.output.until("\n").unwrap_or_else(|error| panic!("gdb: {error:#}"))
    }
}
