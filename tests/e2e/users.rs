//! The transcripts in `docs/users.md` are what the debuggers print. A block of text behind a line of the form
//!
//! ```text
//!   <!-- gdb PROGRAM ARGUMENTS | COMMAND ; COMMAND -->
//! ```
//!
//! is played again: the fixture is served, the hidden commands are run (none, if there is no `|`), then those that the block has behind
//! prompts. Instead of `gdb` there may be `late`, for gdb and a program that waits where it crashed; `core`, for gdb and the core dump
//! that the program leaves; `lldb`; or `run`, for a block that begins with the command of a shell. A program may have its level of optimisation (`unknown@2`). A line `...` of a block stands for
//! any number of lines. Addresses, numbers of ports and the like may differ; folders are `/home/me`, and the sources' marks are not
//! there. `{mark}` in a hidden command is a place in the source, `$CACHE` the tests' own folder.
//!
//! `UPDATE_EXPECT=1` writes blocks that differ anew.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};
use tests::console::Console;
use tests::fixture::{Build, Fixture};
use tests::gdb::Gdb;
use tests::lldb::{Lldb, Way};
use tests::normalise::normalise;
use tests::server::Server;
use tests::toolchain;

use crate::scenes::{crash, own_folder};

/// What a line that has a block played begins with, and ends with.
const MARK: (&str, &str) = ("<!-- ", " -->");

/// Before each line of a block.
const INDENT: &str = "    ";

/// Stands for any number of lines.
const ELISION: &str = "...";

/// A block of the document.
#[derive(Debug)]
pub(crate) struct Block {
    /// Which of them it is.
    number: usize,
    /// The heading above it and its number, for the name of the test.
    pub(crate) name: String,
    /// What is in the mark.
    play: String,
    /// Its lines without their indentation.
    lines: Vec<String>,
    /// Where they are in the document.
    place: std::ops::Range<usize>,
}

fn document() -> PathBuf {
    toolchain::tests_folder().join("../docs/users.md")
}

/// All blocks that are played.
///
/// # Errors
/// If the document cannot be read.
pub(crate) fn blocks() -> Result<Vec<Block>> {
    let path = document();
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut heading = String::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(title) = line.strip_prefix('#') {
            title.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "_").clone_into(&mut heading);
        }
        let Some(play) = line.strip_prefix(MARK.0).and_then(|rest| rest.strip_suffix(MARK.1)) else {
            continue;
        };
        let is_of_block = |line: &&str| line.is_empty() || line.starts_with(INDENT);
        let length = lines[at + 1..].iter().take_while(|line| is_of_block(line)).count();
        let mut place = at + 1..at + 1 + length;
        while !place.is_empty() && lines[place.start].is_empty() {
            place.start += 1;
        }
        while !place.is_empty() && lines[place.end - 1].is_empty() {
            place.end -= 1;
        }
        let own = lines[place.clone()].iter();
        let own = own.map(|line| line.strip_prefix(INDENT).unwrap_or(line).to_owned()).collect();
        let number = blocks.len();
        let name = format!("{heading}_{number}");
        blocks.push(Block { number, name, play: play.to_owned(), lines: own, place });
    }
    Ok(blocks)
}

/// A command of a block, with the lines of its input, and what is said to it.
struct Said {
    shown: Vec<String>,
    answer: Vec<String>,
}

impl Block {
    /// Plays the block, and compares.
    ///
    /// # Errors
    /// If something else is said.
    pub(crate) fn play(&self) -> Result<()> {
        let (what, before) = self.play.split_once(" | ").unwrap_or((&self.play, ""));
        let mut words = what.split_whitespace();
        let (player, program) = words.next().zip(words.next()).context("a player and a program")?;
        let arguments: Vec<&str> = words.collect();
        let (program, level) = program.split_once('@').unwrap_or((program, "0"));
        let build = Build::wasm(level.parse()?, 4);
        let before: Vec<&str> = before.split(" ; ").filter(|command| !command.is_empty()).collect();
        let fixture = Fixture::build(program, build)?;
        let said = match player {
            "run" => vec![self.run(&fixture, &arguments)?],
            "gdb" | "late" | "core" => {
                let server = match player {
                    "gdb" => Server::start(&fixture, build, &["--once"], &arguments)?,
                    "late" => crash::waiting(&fixture, build, &arguments)?,
                    _ => {
                        let name = format!("users-{}.core", self.number);
                        crash::open(&crash::crash(&fixture, &name, &[], &arguments)?, &["--once"])?
                    }
                };
                let mut gdb = Gdb::start(&fixture, build, server.port)?;
                if player == "gdb" {
                    gdb.connect();
                } else {
                    gdb.attach();
                }
                let said = self.talk(&mut gdb, "(gdb) ", &before);
                gdb.quit();
                said
            }
            "lldb" => {
                let server = Server::start(&fixture, build, &["--once"], &arguments)?;
                let folder = own_folder("lldb")?.join(format!("users_{}", self.number));
                let mut lldb = Lldb::start(&fixture, build, Way::Plugin, Some(server.port), &[], &folder)?;
                if program.ends_with(".rs") {
                    lldb.connect_until_said("This version of LLDB has no plugin for the language \"rust\".");
                } else {
                    lldb.connect();
                }
                let said = self.talk(&mut lldb, "(lldb) ", &before);
                lldb.quit();
                said
            }
            _ => bail!("nobody is called {player}"),
        };
        self.compare(&said, &fixture)
    }

    /// The block's commands, with the lines of input that follow on some of them.
    fn commands(&self, prompt: &str) -> Vec<Vec<String>> {
        let mut commands: Vec<Vec<String>> = Vec::new();
        let mut takes_input = false;
        for line in &self.lines {
            if line.starts_with(prompt) {
                commands.push(vec![line.clone()]);
                takes_input = true;
            } else if let Some(command) = commands.last_mut().filter(|_| takes_input && line.starts_with('>'))
            {
                command.push(line.clone());
            } else {
                takes_input = false;
            }
        }
        commands
    }

    fn talk(&self, console: &mut Console, prompt: &str, before: &[&str]) -> Vec<Said> {
        let cache = toolchain::cache_folder().map(|folder| folder.display().to_string()).unwrap_or_default();
        for command in before {
            let command = console.fixture().expand(command).replace("$CACHE", &cache);
            console.hidden(&command);
        }
        let commands = self.commands(prompt).into_iter();
        let talk = commands.map(|shown| {
            let typed =
                shown.iter().map(|line| line.strip_prefix(prompt).unwrap_or(line).trim_start_matches('>'));
            let command = typed.collect::<Vec<_>>().join("\n");
            let mut answer = console.hidden(&command);
            if shown.len() > 1 {
                // The prompts for its input.
                answer = answer.trim_start_matches('>').trim_start_matches('\n').to_owned();
            }
            Said { shown, answer: answer.trim_end().lines().map(str::to_owned).collect() }
        });
        talk.collect()
    }

    /// `wasm-gdbserver run`, as in the block's first line.
    fn run(&self, fixture: &Fixture, arguments: &[&str]) -> Result<Said> {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(toolchain::server_binary()?).arg("run");
        let output = command.arg(&fixture.program).args(arguments).output()?;
        let answer = String::from_utf8_lossy(&output.stdout).trim_end().lines().map(str::to_owned).collect();
        Ok(Said { shown: self.lines.first().cloned().into_iter().collect(), answer })
    }

    fn compare(&self, said: &[Said], fixture: &Fixture) -> Result<()> {
        let as_printed: Vec<String> = said
            .iter()
            .flat_map(|Said { shown, answer }| {
                shown.iter().cloned().chain(answer.iter().map(|line| without_machine(line, fixture)))
            })
            .collect();
        let plain = |lines: &[String]| -> Vec<String> {
            lines.iter().map(|line| normalise(line, fixture).trim_end().to_owned()).collect()
        };
        let (expected, found) = (plain(&self.lines), plain(&as_printed));
        if fits(&expected, &found) {
            return Ok(());
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            return self.write(&as_printed);
        }
        bail!("users.md has\n{}\nand this is printed:\n{}", self.lines.join("\n"), as_printed.join("\n"))
    }

    /// Writes the block anew.
    fn write(&self, lines: &[String]) -> Result<()> {
        static WRITING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = WRITING.lock();
        let text = std::fs::read_to_string(document())?;
        // Others may have grown meanwhile.
        let now = blocks()?.into_iter().nth(self.number).context("it is there")?;
        let mut all: Vec<String> = text.lines().map(str::to_owned).collect();
        let shown = lines.iter().map(|line| format!("{INDENT}{line}").trim_end().to_owned());
        all.splice(now.place, shown);
        Ok(std::fs::write(document(), all.join("\n") + "\n")?)
    }
}

/// A line with the folders of a user, and the source as it would be without the tests' marks.
fn without_machine(line: &str, fixture: &Fixture) -> String {
    let mut line = line.to_owned();
    let folders = [
        fixture.program.parent().map(PathBuf::from),
        Some(toolchain::tests_folder().join("fixtures")),
        own_folder("cores").ok(),
    ];
    for folder in folders.into_iter().flatten() {
        line = line.replace(&folder.display().to_string(), "/home/me");
    }
    line.split_once(" // BREAK ").map_or(line.clone(), |(code, _)| code.to_owned()).trim_end().to_owned()
}

/// Whether lines are as expected, where [`ELISION`] stands for any.
fn fits(expected: &[String], found: &[String]) -> bool {
    match expected.split_first() {
        None => found.is_empty(),
        Some((first, rest)) if first == ELISION => {
            (0..=found.len()).any(|skipped| fits(rest, &found[skipped..]))
        }
        Some((first, rest)) => found.first() == Some(first) && fits(rest, &found[1..]),
    }
}
