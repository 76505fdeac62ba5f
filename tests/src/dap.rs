//! A stock `lldb-dap` as an editor drives it: through the Debug Adapter Protocol on its standard streams.
//!
//! Requests are numbered and answered in any order; what the program does is told by events. Whoever waits for an answer
//! or an event keeps the others.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{ChildStdin, Command};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::process::{Output, Process};
use crate::toolchain;

/// A running lldb-dap.
#[derive(Debug)]
pub struct Dap {
    process: Process,
    stdin: ChildStdin,
    output: Output,
    /// The number of the last request.
    number: u64,
    /// Answers by the number of the request, until somebody asks.
    answers: HashMap<u64, Value>,
    /// Events in their order, until somebody waits for them.
    events: Vec<Value>,
    /// All messages, for the message of a check that fails.
    log: String,
}

impl Dap {
    /// Starts lldb-dap.
    ///
    /// # Errors
    /// If there is none.
    pub fn start() -> Result<Self> {
        let mut command = Command::new(toolchain::find("lldb-dap-22")?);
        command.arg("--no-lldbinit");
        let mut process = Process::start(&mut command)?;
        let child = process.child();
        let stdin = child.stdin.take().context("stdin is piped")?;
        let output = Output::of(child.stdout.take().context("stdout is piped")?);
        let (answers, events, log) = (HashMap::new(), Vec::new(), String::new());
        Ok(Self { process, stdin, output, number: 0, answers, events, log })
    }

    /// Sends a request and returns its number. [`Dap::answer`] waits for the answer.
    ///
    /// # Panics
    /// If lldb-dap went away.
    #[track_caller]
    pub fn begin(&mut self, command: &str, arguments: &Value) -> u64 {
        self.number += 1;
        let message =
            json!({"seq": self.number, "type": "request", "command": command, "arguments": arguments});
        let message = message.to_string();
        let _infallible = writeln!(self.log, "--> {message}");
        let sent = write!(self.stdin, "Content-Length: {}\r\n\r\n{message}", message.len())
            .and_then(|()| self.stdin.flush());
        assert!(sent.is_ok(), "lldb-dap is gone after\n{}", self.log);
        self.number
    }

    /// Waits for the answer to a request: its body.
    ///
    /// # Panics
    /// If lldb-dap goes away or goes silent, or refuses the request.
    #[track_caller]
    pub fn answer(&mut self, number: u64) -> Value {
        let answer = loop {
            match self.answers.remove(&number) {
                Some(answer) => break answer,
                None => self.receive(),
            }
        };
        assert!(answer["success"] == true, "lldb-dap refused: {answer}\nafter\n{}", self.log);
        answer["body"].clone()
    }

    /// Sends a request and waits for the answer.
    ///
    /// # Panics
    /// As [`Dap::answer`].
    #[track_caller]
    pub fn ask(&mut self, command: &str, arguments: &Value) -> Value {
        let number = self.begin(command, arguments);
        self.answer(number)
    }

    /// Waits for the next event of this name: its body. Events of other names are kept.
    ///
    /// # Panics
    /// If lldb-dap goes away or goes silent.
    #[track_caller]
    pub fn event(&mut self, name: &str) -> Value {
        loop {
            if let Some(at) = self.events.iter().position(|event| event["event"] == name) {
                return self.events.remove(at)["body"].clone();
            }
            self.receive();
        }
    }

    /// All messages so far.
    #[must_use]
    pub fn log(&self) -> &str {
        &self.log
    }

    /// Ends the session and waits for lldb-dap to end.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn disconnect(mut self, terminates: bool) {
        self.ask("disconnect", &json!({"terminateDebuggee": terminates}));
        drop(self.stdin);
        let rest = self.output.rest();
        rest.unwrap_or_else(|error| panic!("lldb-dap: {error:#}\nafter\n{}", self.log));
        self.process.wait().expect("a child can be waited for");
    }

    /// Takes one message and files it.
    #[track_caller]
    fn receive(&mut self) {
        let message = self.message();
        let message = message.unwrap_or_else(|error| panic!("lldb-dap: {error:#}\nafter\n{}", self.log));
        let _infallible = writeln!(self.log, "<-- {message}");
        match message["request_seq"].as_u64() {
            Some(number) => {
                self.answers.insert(number, message);
            }
            None => self.events.push(message),
        }
    }

    fn message(&mut self) -> Result<Value> {
        let head = self.output.until("\r\n\r\n")?;
        let length =
            head.trim().strip_prefix("Content-Length: ").context("a message begins with its length")?;
        let body = self.output.take(length.parse()?)?;
        Ok(serde_json::from_slice(&body)?)
    }
}
