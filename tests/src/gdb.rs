//! A stock gdb at its prompt.
//!
//! gdb gets no option that helps it debug: only ones that keep it from asking, paging and folding lines.

use std::ops::{Deref, DerefMut};

use anyhow::Result;

use crate::console::{Answer, Console, Dialect, Step};
use crate::fixture::{Build, Fixture};
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

const GDB: Dialect = Dialect {
    name: "gdb",
    prompt: "(gdb) ",
    mark: |number| (format!("echo @@answered {number}@@\\n"), format!("@@answered {number}@@\n")),
    answer: |said, _, _| said,
    is_aside: |_| false,
    symptoms: &[
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
    ],
    // gdb says one of these whenever symbols come from the server.
    excused: &[
        "warning: remote target does not support file transfer, attempting to access files from local filesystem.",
        "warning: File transfers from remote targets can be slow. Use \"set sysroot\" to access files locally instead.",
    ],
    shows: |line, number, text| {
        line.split_once('\t').is_some_and(|(shown, rest)| shown == number.to_string() && rest == text)
    },
    place: |place| format!("file {}", place.replace(':', ", line ")),
    value: |answer| Some(answer.split_once(" = ").filter(|(number, _)| number.starts_with('$'))?.1),
    leave: "quit",
};

/// A running gdb.
#[derive(Debug)]
pub struct Gdb {
    console: Console,
    /// Where the server listens.
    port: u16,
}

impl Deref for Gdb {
    type Target = Console;

    fn deref(&self) -> &Console {
        &self.console
    }
}

impl DerefMut for Gdb {
    fn deref_mut(&mut self) -> &mut Console {
        &mut self.console
    }
}

impl Gdb {
    /// Starts gdb for a program that is served at `port`. It is not connected yet.
    ///
    /// # Errors
    /// If there is no gdb.
    pub fn start(fixture: &Fixture, build: Build, port: u16) -> Result<Self> {
        let mut arguments = vec!["-q", "-nx"];
        arguments.extend(SETTINGS.iter().flat_map(|setting| ["-iex", setting]));
        let console = Console::start(&GDB, &toolchain::find("gdb")?, &arguments, fixture, build)?;
        Ok(Self { console, port })
    }

    /// `target remote`, checked: it must say where the program stopped.
    ///
    /// # Panics
    /// As [`Console::go`].
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
    /// As [`Console::go`].
    #[track_caller]
    pub fn attach(&mut self) {
        let port = self.port;
        self.ours(&format!("target remote :{port}"), "wherever it stands").has("Remote debugging using :");
    }

    /// As [`Console::kill`].
    ///
    /// # Panics
    /// As [`Console::kill`].
    #[track_caller]
    pub fn kill(self) {
        self.console.kill();
    }

    /// As [`Console::quit`].
    ///
    /// # Panics
    /// As [`Console::quit`].
    #[track_caller]
    pub fn quit(self) -> Vec<Step> {
        self.console.quit()
    }
}
