//! A stock gdb, driven through its standard input, with a transcript of what it said.
//!
//! gdb gets no option that helps it debug: only ones that keep it from asking, paging and folding lines. After each
//! command an `echo` marks the end of the answer, so nothing waits for time to pass. A signal to gdb is `Ctrl-C`.

use std::io::Write as _;
use std::process::{ChildStdin, Command};

use anyhow::{Context as _, Result};

use crate::fixture::{Build, Fixture, Machine};
use crate::normalise::normalise;
use crate::process::{Output, Process};
use crate::toolchain;

/// Settings that make gdb fit for a pipe. None concerns the target.
const SETTINGS: &[&str] = &[
    "set confirm off",
    "set pagination off",
    "set width 0",
    "set height 0",
    "set style enabled off",
    "set debuginfod enabled off",
    "set history save off",
    "set prompt",
];

/// gdb itself says this whenever symbols come from the server; it is no fault of the server.
const SYMBOLS_COME_FROM_SERVER: &str = "warning: File transfers from remote targets can be slow. Use \"set sysroot\" to access files locally instead.";

/// Texts that no answer may hold: each is a debugger that lost its way.
const SYMPTOMS: &[&str] = &[
    "??",
    " 0x0 in ",
    "warning:",
    "internal-error",
    "Reply contains invalid",
    "Remote connection closed",
    "Protocol error",
    "corrupt stack",
    "Backtrace stopped",
    "Ignoring packet error",
    "Cannot insert breakpoint",
    "Remote replied unexpectedly",
    "Remote failure reply",
    "DWARF Error",
];

/// A command and its answer.
#[derive(Clone, Debug)]
pub struct Step {
    /// The command, with marks expanded.
    pub command: String,
    /// What gdb said.
    pub answer: String,
    /// Why native gdb says something else, if it may.
    pub differs: Option<&'static str>,
}

/// A running gdb.
#[derive(Debug)]
pub struct Gdb {
    process: Process,
    stdin: ChildStdin,
    output: Output,
    fixture: Fixture,
    build: Build,
    /// Where the server listens.
    port: u16,
    steps: Vec<Step>,
    markers: u32,
    /// Set while a symptom is expected.
    lenient: bool,
}

/// An answer of gdb, to check. Every check returns the answer again.
#[derive(Debug)]
pub struct Answer<'a> {
    gdb: &'a Gdb,
    text: String,
}

impl Gdb {
    /// Starts gdb for a program that is served at `port`. It is not connected yet.
    ///
    /// # Errors
    /// If there is no gdb.
    pub fn start(fixture: &Fixture, build: Build, port: u16) -> Result<Self> {
        let mut command = Command::new("sh");
        // One stream for both, so that errors stand where they happened.
        command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(toolchain::find("gdb")?).args(["-q", "-nx"]);
        for setting in SETTINGS {
            command.args(["-iex", setting]);
        }
        let mut process = Process::start(&mut command)?;
        let child = process.child();
        let stdin = child.stdin.take().context("stdin is piped")?;
        let output = Output::of(child.stdout.take().context("stdout is piped")?);
        let fixture = fixture.clone();
        let steps = Vec::new();
        Ok(Self { process, stdin, output, fixture, build, port, steps, markers: 0, lenient: false })
    }

    /// Runs a command, waits for the answer, keeps both in the transcript. `{mark}` becomes `FILE:LINE`.
    /// Later lines of the command are its input, as `commands` needs.
    ///
    /// # Panics
    /// If gdb goes away, goes silent, or says one of the symptoms of a lost debugger.
    #[track_caller]
    pub fn go(&mut self, command: &str) -> Answer<'_> {
        self.begin(command);
        self.complete()
    }

    /// As [`Gdb::go`], for a command that native gdb answers differently, and why.
    ///
    /// # Panics
    /// As [`Gdb::go`].
    #[track_caller]
    pub fn ours(&mut self, command: &str, why: &'static str) -> Answer<'_> {
        self.begin(command);
        if let Some(step) = self.steps.last_mut() {
            step.differs = Some(why);
        }
        self.complete()
    }

    /// As [`Gdb::ours`], for an answer that may hold what is else a symptom.
    ///
    /// # Panics
    /// As [`Gdb::go`].
    #[track_caller]
    pub fn lenient(&mut self, command: &str, why: &'static str) -> Answer<'_> {
        self.lenient = true;
        self.ours(command, why)
    }

    /// Runs a command outside of the transcript and returns the raw answer.
    ///
    /// # Panics
    /// If gdb goes away or goes silent.
    #[track_caller]
    pub fn hidden(&mut self, command: &str) -> String {
        self.send(command);
        self.receive()
    }

    /// Sends a command that does not end by itself. [`Gdb::complete`] takes its answer.
    ///
    /// # Panics
    /// If gdb went away.
    #[track_caller]
    pub fn begin(&mut self, command: &str) {
        let command = self.fixture.expand(command);
        self.send(&command);
        self.steps.push(Step { command, answer: String::new(), differs: None });
    }

    /// Waits until gdb has said `text` in answer to [`Gdb::begin`]; the answer keeps it.
    ///
    /// # Panics
    /// If gdb goes away or goes silent.
    #[track_caller]
    pub fn says(&mut self, text: &str) {
        let before = self.output.until(text).unwrap_or_else(|error| panic!("gdb: {error:#}"));
        if let Some(step) = self.steps.last_mut() {
            step.answer += &before;
            step.answer += text;
        }
    }

    /// Waits for the answer to [`Gdb::begin`].
    ///
    /// # Panics
    /// As [`Gdb::go`].
    #[track_caller]
    pub fn complete(&mut self) -> Answer<'_> {
        let rest = self.receive();
        let lenient = std::mem::take(&mut self.lenient);
        let step = self.steps.last_mut().expect("a command was begun");
        step.answer += &rest;
        let text = step.answer.clone();
        let judged = text.replace(SYMBOLS_COME_FROM_SERVER, "");
        let symptom = SYMPTOMS.iter().find(|symptom| judged.contains(**symptom));
        let answer = Answer { gdb: self, text };
        if let Some(symptom) = symptom.filter(|_| !lenient) {
            answer.fail(&format!("no {symptom:?}"));
        }
        answer
    }

    /// `target remote`, checked: it must say where the program stopped.
    ///
    /// # Panics
    /// As [`Gdb::go`].
    #[track_caller]
    pub fn connect(&mut self) -> Answer<'_> {
        let port = self.port;
        if !self.is_ours() {
            // gdbserver for x86-64 evaluates conditions on addresses of i386 wrongly.
            self.hidden("set breakpoint condition-evaluation host");
        }
        self.ours(&format!("target remote :{port}"), "the start of a program is the system's")
            .has(&format!("Remote debugging using :{port}"))
            .has("_start")
    }

    /// `target remote`, wherever the program stands.
    ///
    /// # Panics
    /// As [`Gdb::go`].
    #[track_caller]
    pub fn attach(&mut self) {
        let port = self.port;
        self.ours(&format!("target remote :{port}"), "wherever it stands").has("Remote debugging using :");
    }

    /// `Ctrl-C`.
    ///
    /// # Panics
    /// If gdb went away.
    #[track_caller]
    pub fn interrupt(&self) {
        self.process.signal("INT").unwrap_or_else(|error| panic!("gdb: {error:#}"));
    }

    /// Ends gdb at once, without a word to the server.
    ///
    /// # Panics
    /// If gdb went away before.
    #[track_caller]
    pub fn kill(self) {
        self.process.signal("KILL").unwrap_or_else(|error| panic!("gdb: {error:#}"));
    }

    /// Leaves gdb, and returns what was said.
    ///
    /// # Panics
    /// If gdb does not end.
    #[track_caller]
    pub fn quit(mut self) -> Vec<Step> {
        writeln!(self.stdin, "quit").expect("gdb reads");
        self.output.rest().unwrap_or_else(|error| panic!("gdb: {error:#}"));
        self.process.wait().expect("a child can be waited for");
        self.steps
    }

    /// The program that is debugged.
    #[must_use]
    pub fn fixture(&self) -> &Fixture {
        &self.fixture
    }

    /// What was built, and so whose server gdb is connected to.
    #[must_use]
    pub fn build(&self) -> Build {
        self.build
    }

    /// Whether gdb is connected to our server.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.build.machine != Machine::Native
    }

    #[track_caller]
    fn send(&mut self, command: &str) {
        self.markers += 1;
        let marker = self.markers;
        let sent = writeln!(self.stdin, "{command}\necho @@answered {marker}@@\\n")
            .and_then(|()| self.stdin.flush());
        assert!(sent.is_ok(), "gdb is gone:\n{}", self.output.seen());
    }

    #[track_caller]
    fn receive(&mut self) -> String {
        let marker = format!("@@answered {}@@\n", self.markers);
        self.output.until(&marker).unwrap_or_else(|error| panic!("gdb: {error:#}"))
    }
}

impl Answer<'_> {
    /// The answer itself.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The answer holds `expected`, in which `{mark}` stands for `FILE:LINE`.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "a check is complete without another one")]
    pub fn has(self, expected: &str) -> Self {
        let expected = self.gdb.fixture.expand(expected);
        if !self.text.contains(&expected) {
            self.fail(&expected);
        }
        self
    }

    /// The answer ends with the source line of `mark`, as gdb shows where it stopped.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "a check is complete without another one")]
    pub fn at(self, mark: &str) -> Self {
        let listed = self.gdb.fixture.listed(mark);
        if !self.text.lines().any(|line| line == listed) {
            self.fail(&listed);
        }
        self
    }

    /// The answer names the place of `mark` as `file FILE.c, line N`, as gdb does when it sets a breakpoint.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "a check is complete without another one")]
    pub fn names(self, mark: &str) -> Self {
        let place = self.gdb.fixture.place(mark).replace(':', ", line ");
        self.has(&format!("file {place}"))
    }

    /// The answer does not hold `unexpected`.
    ///
    /// # Panics
    /// If it does.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "a check is complete without another one")]
    pub fn lacks(self, unexpected: &str) -> Self {
        if self.text.contains(unexpected) {
            self.fail(&format!("no {unexpected:?}"));
        }
        self
    }

    /// The answer is `$NUMBER = ` and `value`.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "a check is complete without another one")]
    pub fn is(self, value: &str) -> Self {
        let printed = self.text.trim_end().split_once(" = ").filter(|(number, _)| number.starts_with('$'));
        if printed.is_none_or(|(_, printed)| printed != value) {
            self.fail(&format!("$N = {value}"));
        }
        self
    }

    #[track_caller]
    fn fail(&self, expected: &str) -> ! {
        let transcript = transcript(&self.gdb.steps);
        panic!("expected {expected}\nin the last answer of\n{transcript}")
    }
}

/// The steps as a person would have seen them.
#[must_use]
pub fn transcript(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("(gdb) {}\n{}\n", step.command, step.answer)).collect()
}

/// The transcript without what differs from run to run.
#[must_use]
pub fn golden(steps: &[Step], fixture: &Fixture) -> String {
    normalise(&transcript(steps), fixture)
}
