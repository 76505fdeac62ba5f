//! A stock lldb at its prompt.
//!
//! lldb gets no option that helps it debug: only ones that keep it from asking and from reading the user's settings, and
//! one that makes commands wait for the program to stop, as they do in a script (`lldb -b`, `lldb -s`). A test that
//! needs the prompt while the program runs says [`Lldb::go_async`].

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::console::{Answer, Console, Dialect, Step};
use crate::fixture::{Build, Fixture};
use crate::server::write_symbols;
use crate::toolchain;

const LLDB: Dialect = Dialect {
    name: "lldb",
    prompt: "(lldb) ",
    // The mark's command does not hold the mark, which lldb repeats.
    mark: |number| (format!("script print(\"@@answered\", {number})"), format!("@@answered {number}\n")),
    answer: |said, command, mark| {
        // Before each answer lldb repeats the first line that it read; what it reads more of, the person sees as well.
        let first = format!("(lldb) {}\n", command.lines().next().unwrap_or_default());
        let said = said.strip_prefix(&first).unwrap_or(said);
        said.strip_suffix(&format!("(lldb) {mark}\n")).unwrap_or(said)
    },
    is_aside: |line| line.contains(" added to breakpoint "),
    symptoms: &[
        "error:",
        "warning:",
        "note:",
        "??",
        "lost connection",
        "Unhandled opcode",
        "variable not available",
        "___lldb_unnamed_symbol",
        "timed out",
        "PLEASE submit a bug report",
    ],
    excused: &[],
    shows: |line, number, text| {
        line.strip_prefix("-> ")
            .and_then(|shown| shown.split_once('\t'))
            .is_some_and(|(shown, rest)| shown.trim() == number.to_string() && rest == text)
    },
    place: |place| format!(" at {place}"),
    value: |answer| Some(answer),
    leave: "quit",
};

/// Settings that make lldb fit for a pipe.
const SETTINGS: &[&str] = &["settings set auto-confirm true", "script lldb.debugger.SetAsync(False)"];

/// How a person makes lldb debug a program that we run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// `process connect --plugin wasm connect://localhost:PORT`: everything comes from the server.
    Plugin,
    /// `target create app.wasm`, `process connect connect://localhost:PORT`.
    Module,
    /// `settings set platform.plugin.wasm...`, `target create app.wasm`, `process launch`: lldb starts our server.
    Launch,
    /// `gdb-remote localhost:PORT`.
    Plain,
    /// `target create app.elf`, `gdb-remote localhost:PORT`, on the server with `--persona elf`: any version of lldb.
    Elf,
    /// The same with an lldb of this version that knows no Wasm, for which the server needs no option.
    Old(u8),
}

impl Way {
    /// A word for names of tests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Module => "module",
            Self::Launch => "launch",
            Self::Plain => "plain",
            Self::Elf => "elf",
            Self::Old(14) => "lldb14",
            Self::Old(16) => "lldb16",
            Self::Old(_) => "lldb19",
        }
    }

    /// Options of our server for it.
    #[must_use]
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::Elf => &["--persona", "elf"],
            Self::Plugin | Self::Module | Self::Launch | Self::Plain | Self::Old(_) => &[],
        }
    }

    /// The lldb.
    fn program(self) -> Result<PathBuf> {
        match self {
            Self::Old(version) => toolchain::old_lldb(version),
            _ => toolchain::find("lldb-22"),
        }
    }

    /// Whether lldb has a symbol file, and believes in its machine.
    #[must_use]
    pub fn has_symbol_file(self) -> bool {
        matches!(self, Self::Elf | Self::Old(_))
    }
}

/// A running lldb.
#[derive(Debug)]
pub struct Lldb {
    console: Console,
    way: Way,
    /// Where the server listens, unless lldb starts it.
    port: Option<u16>,
    /// The program's arguments, if lldb starts it.
    args: Vec<String>,
    /// For files of this test alone.
    folder: PathBuf,
}

impl Deref for Lldb {
    type Target = Console;

    fn deref(&self) -> &Console {
        &self.console
    }
}

impl DerefMut for Lldb {
    fn deref_mut(&mut self) -> &mut Console {
        &mut self.console
    }
}

impl Lldb {
    /// Starts lldb for a program. It is not connected yet. `port` is where it is served; without one lldb starts the
    /// program with `args`. Nobody else may use `folder`.
    ///
    /// # Errors
    /// If there is no lldb, or the folder cannot be made.
    pub fn start(
        fixture: &Fixture,
        build: Build,
        way: Way,
        port: Option<u16>,
        args: &[&str],
        folder: &Path,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lldb = way.program()?;
        let mut console =
            Console::start(&LLDB, &lldb, &["--no-lldbinit", "--no-use-colors"], fixture, build)?;
        for setting in SETTINGS {
            console.hidden(setting);
        }
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Ok(Self { console, way, port, args, folder: folder.to_path_buf() })
    }

    /// Connects to the server the session's way, or starts the program if there is none, natively as well. The program
    /// stands at its beginning then.
    ///
    /// # Panics
    /// As [`Console::go`], and if the server's binary is not there.
    #[track_caller]
    pub fn connect(&mut self) -> Answer<'_> {
        self.create_target();
        let why = "the start of a program is the system's";
        match self.connection() {
            Some(command) => self.ours(&command, why),
            None => {
                let launch = self.launch_command();
                self.ours(&launch, why)
            }
        }
    }

    /// What makes lldb know the program before it is connected, for the ways that have it.
    ///
    /// # Panics
    /// As [`Lldb::connect`].
    #[track_caller]
    pub fn create_target(&mut self) {
        let why = "a path";
        let program = self.fixture().program.clone();
        if !self.is_ours() {
            self.ours(&format!("target create {}", program.display()), why).has("Current executable set to");
            return;
        }
        match self.way {
            Way::Plugin | Way::Plain => return,
            Way::Launch => {
                for setting in launch_settings().unwrap_or_else(|error| panic!("{error:#}")) {
                    self.ours(&setting, why);
                }
            }
            Way::Module | Way::Elf | Way::Old(_) => {}
        }
        let file = if self.way.has_symbol_file() {
            symbols(&program, &self.folder).unwrap_or_else(|error| panic!("{error:#}"))
        } else {
            program
        };
        self.ours(&format!("target create {}", file.display()), why).has("Current executable set to");
    }

    /// The way in which lldb is connected.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way
    }

    /// The command that connects to the server. None if lldb starts the program.
    #[must_use]
    pub fn connection(&self) -> Option<String> {
        let port = self.port?;
        Some(match self.way {
            Way::Plugin => format!("process connect --plugin wasm connect://localhost:{port}"),
            Way::Module => format!("process connect connect://localhost:{port}"),
            Way::Plain | Way::Elf | Way::Old(_) => format!("gdb-remote localhost:{port}"),
            Way::Launch => return None,
        })
    }

    /// `process launch`, stopping at the program's beginning. Natively, what it prints goes to [`Lldb::printed`].
    fn launch_command(&self) -> String {
        let output = if self.is_ours() {
            String::new()
        } else {
            let (out, err) = (self.folder.join("out"), self.folder.join("err"));
            format!(" -i /dev/null -o {} -e {}", out.display(), err.display())
        };
        format!("process launch --stop-at-entry{output} -- {}", self.args.join(" "))
    }

    /// What the program printed, if lldb started a native one.
    ///
    /// # Errors
    /// If it was not started.
    pub fn printed(folder: &Path) -> Result<String> {
        std::fs::read_to_string(folder.join("out")).context("the program has printed nothing")
    }

    /// From here on commands that let the program run do not wait for it to stop. lldb says where it stopped when it
    /// does, [`Console::says`] waits for it.
    ///
    /// # Panics
    /// If lldb goes away or goes silent.
    #[track_caller]
    pub fn go_async(&mut self) {
        self.hidden("script lldb.debugger.SetAsync(True)");
    }

    /// Lets the program run, with the prompt back meanwhile. Needs [`Lldb::go_async`].
    ///
    /// # Panics
    /// As [`Console::go`].
    #[track_caller]
    pub fn run(&mut self) {
        self.go("continue").has("Process 1 resuming");
    }

    /// `process interrupt`, and waits until lldb says that the program stopped. Needs [`Lldb::go_async`]. What lldb says is
    /// in no answer: it comes before the prompt or after it.
    ///
    /// # Panics
    /// If lldb goes away or goes silent.
    #[track_caller]
    pub fn interrupt_process(&mut self) {
        const STOPPED: &str = "stop reason = signal SIGINT";
        let mut said = self.hidden("process interrupt");
        // For a moment after it said that the program resumes lldb itself does not know it yet.
        for _ in 0..1000 {
            if !said.contains("Process is not running") {
                break;
            }
            said = self.hidden("process interrupt");
        }
        if !said.contains(STOPPED) {
            self.says(STOPPED);
        }
        // What follows on the reason comes in one piece with it, and so before the answer to another command.
        self.hidden("process status");
    }

    /// `thread return`, and waits until lldb shows the frame that is the innermost one then. It does that in between, so what it
    /// says is in no answer.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn thread_return(&mut self, value: &str) {
        let command = format!("thread return {value}");
        let said = self.until_said(&command, "script pass", &["frame #0: ", "error:"]);
        assert!(said.contains("frame #0: ") && !said.contains("error:"), "{command}: {said}");
        self.hidden("process status");
    }

    /// `kill`: the program has ended by it. lldb says so in between, so what it says is in no answer, and `process status` would say the
    /// same.
    ///
    /// # Panics
    /// If it has not.
    #[track_caller]
    pub fn kill_process(&mut self) {
        const KILLED: &str = "Process 1 exited with status = 9 (0x00000009) killed";
        let said = self.until_said("kill", "script pass", &[KILLED]);
        assert!(said.contains(KILLED), "{said}");
    }

    /// `detach`: lldb has let go of the program. It says so in between, so what it says is in no answer.
    ///
    /// # Panics
    /// If it has not.
    #[track_caller]
    pub fn detach_process(&mut self) {
        const DETACHED: &str = "Process 1 detached";
        let said = self.until_said("detach", "script pass", &[DETACHED]);
        assert!(said.contains(DETACHED), "{said}");
    }

    /// lldb has found places of a breakpoint in a module that came later. It says so in between.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn finds_places(&mut self, count: &str, breakpoint: u32) {
        let told = format!("{count} added to breakpoint {breakpoint}\n");
        for _ in 0..1000 {
            if self.asides().contains(&told) {
                return;
            }
            self.hidden("script pass");
        }
        panic!("expected {told:?} among what lldb said in between: {:?}", self.asides());
    }

    /// Connects outside of the transcript, and waits until lldb has said at a look at variables what it says once, at some time.
    ///
    /// # Panics
    /// If lldb starts the program, or does not say it.
    #[track_caller]
    pub fn connect_until_said(&mut self, text: &str) {
        self.create_target();
        let connect = self.connection().expect("the server runs");
        let said = self.until_said(&connect, "frame variable", &[text]);
        assert!(said.contains(text), "{said}");
        self.hidden("process status");
    }

    /// What lldb says from a command on until it has said one of the texts, which it says in between: what the server or the
    /// program prints.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn said_until(&mut self, command: &str, texts: &[&str]) -> String {
        let said = self.until_said(command, "process status", texts);
        assert!(texts.iter().any(|text| said.contains(text)), "{command}: {said}");
        said
    }

    /// What lldb says to a command and then to another one, again and again until it has said one of the texts. A command is
    /// answered before lldb itself has taken in what it led to, on a busy machine long before.
    #[track_caller]
    fn until_said(&mut self, command: &str, again: &str, texts: &[&str]) -> String {
        let mut said = self.hidden(command);
        for _ in 0..1000 {
            if texts.iter().any(|text| said.contains(text)) {
                break;
            }
            said += &self.hidden(again);
        }
        said
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

/// The settings with which lldb starts our server.
///
/// # Errors
/// If it was not built.
pub fn launch_settings() -> Result<[String; 3]> {
    let server = toolchain::server_binary()?;
    Ok([
        format!("settings set platform.plugin.wasm.runtime-path {}", server.display()),
        "settings set -- platform.plugin.wasm.port-arg --port=".to_owned(),
        // The server ends with its lldb, also if that crashes.
        "settings set -- platform.plugin.wasm.runtime-args --once".to_owned(),
    ])
}

/// The symbols of a module for an lldb without a Wasm plugin.
fn symbols(module: &Path, folder: &Path) -> Result<PathBuf> {
    let elf = folder.join(module.file_name().context("a module has a name")?).with_extension("elf");
    write_symbols(&["--for", "lldb"], module, &elf)?;
    // Beside the module, where transcripts do not name the session, unless that is a folder of sources. Others may do the same at
    // the same time.
    let place = if module.starts_with(toolchain::tests_folder()) {
        let folder = toolchain::cache_folder()?.join("symbols");
        std::fs::create_dir_all(&folder)?;
        folder.join(elf.file_name().context("a file has a name")?)
    } else {
        module.with_extension("elf")
    };
    std::fs::rename(&elf, &place).with_context(|| format!("cannot make {}", place.display()))?;
    Ok(place)
}
