//! A stock debugger at its prompt, driven through its standard input, with a transcript of what it said.
//!
//! After each command another one prints a mark that ends the answer, so nothing waits for time to pass. What is told of
//! one debugger only is its [`Dialect`]; starting and connecting it are in [`crate::gdb`] and [`crate::lldb`].

use std::io::Write as _;
use std::path::Path;
use std::process::{ChildStdin, Command};

use anyhow::{Context as _, Result};

use crate::fixture::{Build, Fixture, Machine};
use crate::normalise::normalise;
use crate::process::{Output, Process};

/// How one debugger speaks.
#[derive(Debug)]
pub struct Dialect {
    /// Its name, for messages.
    pub name: &'static str,
    /// What stands before a command in a transcript.
    pub prompt: &'static str,
    /// The command that prints the mark of a number, and the mark.
    pub mark: fn(u32) -> (String, String),
    /// An answer without what the debugger repeats of its input: of the answer, the command and the mark's command.
    pub answer: for<'a> fn(&'a str, &str, &str) -> &'a str,
    /// Whether the debugger says a line whenever it comes to it, in an answer or after it. No answer holds such lines.
    pub is_aside: fn(&str) -> bool,
    /// Texts that no answer may hold: each is a debugger that lost its way.
    pub symptoms: &'static [&'static str],
    /// What may be said though it holds a symptom: no fault of the server.
    pub excused: &'static [&'static str],
    /// Whether a line of an answer is how this line of the source, by number and text, is shown at a stop.
    pub shows: fn(&str, usize, &str) -> bool,
    /// How `FILE.c:LINE` stands in the answer to setting a breakpoint.
    pub place: fn(&str) -> String,
    /// The value in the answer to `print`.
    pub value: fn(&str) -> Option<&str>,
    /// The command that leaves.
    pub leave: &'static str,
}

/// A command and its answer.
#[derive(Clone, Debug)]
pub struct Step {
    /// The prompt before the command.
    pub prompt: &'static str,
    /// The command, with marks expanded.
    pub command: String,
    /// What the debugger said.
    pub answer: String,
    /// Why it says something else natively, if it may.
    pub differs: Option<&'static str>,
}

/// A running debugger.
#[derive(Debug)]
pub struct Console {
    dialect: &'static Dialect,
    process: Process,
    stdin: ChildStdin,
    output: Output,
    fixture: Fixture,
    build: Build,
    steps: Vec<Step>,
    marks: u32,
    /// Set while a symptom is expected.
    lenient: bool,
    /// The command whose answer is due, without marks.
    due: String,
    /// The lines that were said in between.
    asides: String,
}

/// An answer, to check. Every check returns the answer again.
#[derive(Debug)]
pub struct Answer<'a> {
    console: &'a Console,
    text: String,
}

impl Console {
    /// Starts `program` with `arguments` for a fixture.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        dialect: &'static Dialect,
        program: &Path,
        arguments: &[&str],
        fixture: &Fixture,
        build: Build,
    ) -> Result<Self> {
        let mut command = Command::new("sh");
        // One stream for both, so that errors stand where they happened.
        command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(program).args(arguments);
        let mut process = Process::start(&mut command)?;
        let child = process.child();
        let stdin = child.stdin.take().context("stdin is piped")?;
        let output = Output::of(child.stdout.take().context("stdout is piped")?);
        Ok(Self {
            dialect,
            process,
            stdin,
            output,
            fixture: fixture.clone(),
            build,
            steps: Vec::new(),
            marks: 0,
            lenient: false,
            due: String::new(),
            asides: String::new(),
        })
    }

    /// Runs a command, waits for the answer, keeps both in the transcript. `{mark}` becomes `FILE:LINE`.
    /// Later lines of the command are its input, as `commands` needs.
    ///
    /// # Panics
    /// If the debugger goes away, goes silent, or says one of the symptoms of a lost debugger.
    #[track_caller]
    pub fn go(&mut self, command: &str) -> Answer<'_> {
        self.begin(command);
        self.complete()
    }

    /// As [`Console::go`], for a command that is answered differently for a native program, and why.
    ///
    /// # Panics
    /// As [`Console::go`].
    #[track_caller]
    pub fn ours(&mut self, command: &str, why: &'static str) -> Answer<'_> {
        self.begin(command);
        if let Some(step) = self.steps.last_mut() {
            step.differs = Some(why);
        }
        self.complete()
    }

    /// As [`Console::ours`], for an answer that may hold what is else a symptom.
    ///
    /// # Panics
    /// As [`Console::go`].
    #[track_caller]
    pub fn lenient(&mut self, command: &str, why: &'static str) -> Answer<'_> {
        self.lenient = true;
        self.ours(command, why)
    }

    /// Runs a command outside of the transcript and returns the raw answer.
    ///
    /// # Panics
    /// If the debugger goes away or goes silent.
    #[track_caller]
    pub fn hidden(&mut self, command: &str) -> String {
        self.send(command);
        self.receive()
    }

    /// Sends a command that does not end by itself. [`Console::complete`] takes its answer.
    ///
    /// # Panics
    /// If the debugger went away.
    #[track_caller]
    pub fn begin(&mut self, command: &str) {
        let command = self.fixture.expand(command);
        self.send(&command);
        let prompt = self.dialect.prompt;
        self.steps.push(Step { prompt, command, answer: String::new(), differs: None });
    }

    /// Waits until the debugger has said `text` in answer to [`Console::begin`]; the answer keeps it.
    ///
    /// # Panics
    /// If the debugger goes away or goes silent.
    #[track_caller]
    pub fn says(&mut self, text: &str) {
        let before = self.until(text);
        if let Some(step) = self.steps.last_mut() {
            step.answer += &before;
            step.answer += text;
        }
    }

    /// Waits for the answer to [`Console::begin`].
    ///
    /// # Panics
    /// As [`Console::go`].
    #[track_caller]
    pub fn complete(&mut self) -> Answer<'_> {
        let rest = self.receive();
        let lenient = std::mem::take(&mut self.lenient);
        let dialect = self.dialect;
        let step = self.steps.last_mut().expect("a command was begun");
        step.answer += &rest;
        let text = step.answer.clone();
        let judged = dialect.excused.iter().fold(text.clone(), |text, excused| text.replace(excused, ""));
        let symptom = dialect.symptoms.iter().find(|symptom| judged.contains(**symptom));
        let answer = Answer { console: self, text };
        if let Some(symptom) = symptom.filter(|_| !lenient) {
            answer.fail(&format!("no {symptom:?}"));
        }
        answer
    }

    /// `Ctrl-C`.
    ///
    /// # Panics
    /// If the debugger went away.
    #[track_caller]
    pub fn interrupt(&self) {
        let sent = self.process.signal("INT");
        sent.unwrap_or_else(|error| panic!("{}: {error:#}", self.dialect.name));
    }

    /// Ends the debugger at once, without a word to the server.
    ///
    /// # Panics
    /// If it went away before.
    #[track_caller]
    pub fn kill(self) {
        let sent = self.process.signal("KILL");
        sent.unwrap_or_else(|error| panic!("{}: {error:#}", self.dialect.name));
    }

    /// Leaves the debugger, and returns what was said.
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn quit(mut self) -> Vec<Step> {
        writeln!(self.stdin, "{}", self.dialect.leave).expect("the debugger reads");
        let rest = self.output.rest();
        rest.unwrap_or_else(|error| panic!("{}: {error:#}", self.dialect.name));
        self.process.wait().expect("a child can be waited for");
        self.steps
    }

    /// What the debugger has said in between, so far.
    #[must_use]
    pub fn asides(&self) -> &str {
        &self.asides
    }

    /// The program that is debugged.
    #[must_use]
    pub fn fixture(&self) -> &Fixture {
        &self.fixture
    }

    /// What was built, and so whose server the debugger is connected to.
    #[must_use]
    pub fn build(&self) -> Build {
        self.build
    }

    /// Whether the program is for our server.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.build.machine != Machine::Native
    }

    #[track_caller]
    fn send(&mut self, command: &str) {
        self.marks += 1;
        let (mark, _) = (self.dialect.mark)(self.marks);
        let sent = writeln!(self.stdin, "{command}\n{mark}").and_then(|()| self.stdin.flush());
        assert!(sent.is_ok(), "{} is gone:\n{}", self.dialect.name, self.output.seen());
        command.clone_into(&mut self.due);
    }

    #[track_caller]
    fn receive(&mut self) -> String {
        let (command, mark) = (self.dialect.mark)(self.marks);
        let said = self.until(&mark);
        let (asides, said): (Vec<_>, Vec<_>) =
            said.split_inclusive('\n').partition(|line| (self.dialect.is_aside)(line));
        self.asides += &asides.concat();
        let said = said.concat();
        let due = std::mem::take(&mut self.due);
        (self.dialect.answer)(&said, &due, &command).to_owned()
    }

    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        self.output.until(text).unwrap_or_else(|error| panic!("{}: {error:#}", self.dialect.name))
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
        let expected = self.console.fixture.expand(expected);
        if !self.text.contains(&expected) {
            self.fail(&expected);
        }
        self
    }

    /// The answer shows the source line of `mark` as the one where the program stopped.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "a check is complete without another one")]
    pub fn at(self, mark: &str) -> Self {
        let (number, text) = (self.console.fixture.line(mark), self.console.fixture.text_of(mark));
        if !self.text.lines().any(|line| (self.console.dialect.shows)(line, number, text)) {
            self.fail(&format!("to be at {number}: {text}"));
        }
        self
    }

    /// The answer names the place of `mark`, as it does when a breakpoint is set.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "a check is complete without another one")]
    pub fn names(self, mark: &str) -> Self {
        let place = (self.console.dialect.place)(&self.console.fixture.place(mark));
        self.has(&place)
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

    /// The answer is that `value` was printed: without gdb's number, with lldb's type.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "a check is complete without another one")]
    pub fn is(self, value: &str) -> Self {
        if (self.console.dialect.value)(self.text.trim_end()) != Some(value) {
            self.fail(&format!("the value {value}"));
        }
        self
    }

    #[track_caller]
    fn fail(&self, expected: &str) -> ! {
        let transcript = transcript(&self.console.steps);
        panic!("expected {expected}\nin the last answer of\n{transcript}")
    }
}

/// The steps as a person would have seen them.
#[must_use]
pub fn transcript(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{}{}\n{}\n", step.prompt, step.command, step.answer)).collect()
}

/// The transcript without what differs from run to run.
#[must_use]
pub fn golden(steps: &[Step], fixture: &Fixture) -> String {
    normalise(&transcript(steps), fixture)
}
