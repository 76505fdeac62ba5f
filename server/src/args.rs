//! The command line, from words to what the user wants.
//!
//! Options go before the module. Everything after the module belongs to the guest, even if it looks like an option.
//!
//! Why is the address not a positional argument of its own? With `--port=N` (as lldb launches us) it is not there, and
//! the first word is the module. So the words are sorted here, after clap has taken the options before them.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use dwarf::{PathMap, WatLines};
use gdb::Reader;

use crate::limits::LimitOptions;
use gdb::PersonaChoice;

/// What the user typed, checked and sorted.
#[derive(Debug, PartialEq)]
pub struct Arguments {
    /// What to do.
    pub action: Action,
    /// How much to say, and where.
    pub log: LogOptions,
}

/// What to do.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Serve debuggers.
    Serve {
        /// Where to listen.
        address: ListenAddress,
        /// What the server does when clients come and go.
        options: ServeOptions,
        /// What is debugged.
        guest: GuestOptions,
    },
    /// Run without a debugger.
    Run {
        /// What is left of it.
        options: RunOptions,
        /// What is run.
        guest: GuestOptions,
    },
    /// Write the symbol image.
    Symbols {
        /// The module file.
        module: PathBuf,
        /// Whom it is for.
        reader: Reader,
        /// The ELF file to write.
        output: PathBuf,
        /// A file with the debug info.
        debug_file: Option<PathBuf>,
        /// Which functions without lines of their own have some in the module's text.
        wat: WatLines,
        /// Where sources are that were elsewhere when the module was compiled.
        paths: PathMap,
    },
    /// Serve a core dump to debuggers.
    Core {
        /// The core dump.
        file: PathBuf,
        /// The program's own module, if it is not where the core dump says.
        module: Option<PathBuf>,
        /// Where to listen.
        address: ListenAddress,
        /// What the server does when clients come and go.
        options: CoreOptions,
    },
    /// Debug the program that ships with the server.
    Demo,
}

/// A host, empty for loopback only, and a port, 0 for any free one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name or an address; IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The guest and its world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuestOptions {
    /// The module file.
    pub module: PathBuf,
    /// What follows the module on the command line.
    pub args: Vec<OsString>,
    /// Host directory and the guest's name of it.
    pub dirs: Vec<(PathBuf, String)>,
    /// The guest's whole environment.
    pub env: Vec<(String, String)>,
    /// The export to call instead of `_start`.
    pub invoke: Option<String>,
    /// A file with the debug info.
    pub debug_file: Option<PathBuf>,
    /// Which functions without lines of their own have some in the module's text.
    pub wat: WatLines,
    /// Where sources are that were elsewhere when the modules were compiled.
    pub paths: PathMap,
    /// Whether every local of every frame is kept for the debugger.
    pub complete: bool,
    /// Whether all code is such that a trap leaves every value: that of the debug tier.
    pub precise_traps: bool,
    /// Whether all functions are compiled before the guest starts.
    pub compile_all: bool,
    /// Where code and symbols are kept for the next time.
    pub cache: Option<PathBuf>,
    /// Name and file of each module that is instantiated before it.
    pub preloads: Vec<(String, PathBuf)>,
    /// Whether it runs although nobody provides what it imports.
    pub stub_imports: bool,
    /// What it may use of the machine.
    pub limits: LimitOptions,
}

/// What the server does when clients come and go.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct ServeOptions {
    /// Stay when the guest has ended: clients may start it again (gdb: `target extended-remote`, `run ARGS`)
    #[arg(long, conflicts_with = "once")]
    pub multi: bool,
    /// End when the first client leaves
    #[arg(long)]
    pub once: bool,
    /// Let the guest run at once; a debugger may come at any time
    #[arg(long)]
    pub no_wait: bool,
    /// What a program does that traps while no debugger is expected (--no-wait, or after a detach): print a backtrace
    /// and exit, or stop there and wait for one
    #[arg(long, value_name = "exit|stop", value_enum, default_value_t = OnTrap::Exit, hide_default_value = true, hide_possible_values = true)]
    pub on_trap: OnTrap,
    /// What debuggers are shown: the machine that gdb knows, Wasm as lldb's plugin for it knows it, the machine of symbol
    /// files for lldb, or what suits each debugger
    #[arg(long, value_name = "auto|gdb|wasm|elf", value_parser = parse_persona, default_value = "auto", hide_default_value = true)]
    pub persona: PersonaChoice,
}

/// How a core dump is served.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreOptions {
    /// A file with the debug info, if the module has it not itself
    #[arg(long, value_name = "FILE")]
    pub debug_file: Option<PathBuf>,
    /// Sources that the debug info has in OLD are in NEW, as for a program
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_map)]
    pub map_path: Vec<(String, String)>,
    /// End when the first client leaves
    #[arg(long)]
    pub once: bool,
    /// What debuggers are shown, as when a program is served
    #[arg(long, value_name = "auto|gdb|wasm|elf", value_parser = parse_persona, default_value = "auto", hide_default_value = true)]
    pub persona: PersonaChoice,
}

/// What `run` leaves of a program.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Write how it ended to FILE as JSON: exit status, trap, frames with their variables
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write how it ended to FILE as a JUnit report of one test case, which fails unless the exit status is 0
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a core dump when it crashes, to FILE or to MODULE.core in the current directory; `wasm-gdbserver core` opens it
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub coredump_on_trap: Option<Option<PathBuf>>,
}

/// What becomes of a program that traps while no debugger is expected.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnTrap {
    /// It prints a backtrace and ends.
    #[default]
    Exit,
    /// It prints a backtrace and waits for a debugger.
    Stop,
}

/// How much to say, and where.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Say more: once for the sessions, twice for what goes wrong in them, three times for every packet
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Say nothing but errors and where the server listens
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Write the log to this file instead of to standard error
    #[arg(long, value_name = "FILE", global = true)]
    pub log: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
MODULE is a .wasm or a .wat file. Port 0 picks a free one. What follows MODULE belongs to the guest.

Examples:
  wasm-gdbserver :1234 app.wasm arg1 arg2      then: gdb -ex 'target remote :1234'
  wasm-gdbserver run --dir . app.wasm          no debugger; a trap prints a backtrace

A bare :PORT is reachable from this machine only. The protocol has no authentication:
whoever reaches the port controls the guest.";

#[derive(Parser, Debug)]
#[command(
    name = "wasm-gdbserver",
    version,
    about = "gdbserver for WebAssembly: stock gdb debugs a Wasm program, with no plugin and no symbol file",
    override_usage = "wasm-gdbserver [OPTIONS] [HOST]:PORT MODULE [ARGS]...\n       \
                      wasm-gdbserver [OPTIONS] --port=N MODULE [ARGS]...\n       \
                      wasm-gdbserver run [OPTIONS] MODULE [ARGS]...\n       \
                      wasm-gdbserver core [OPTIONS] FILE [MODULE] [HOST]:PORT\n       \
                      wasm-gdbserver symbols [--for lldb] MODULE -o OUT.elf\n       \
                      wasm-gdbserver demo",
    after_help = AFTER_HELP,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    listen: ListenOptions,
    #[command(flatten)]
    serve: ServeOptions,
    #[command(flatten)]
    guest: GuestFlags,
    #[command(flatten)]
    log: LogOptions,
    /// [HOST]:PORT, module, arguments. The usage line says it better.
    #[arg(hide = true, trailing_var_arg = true)]
    words: Vec<OsString>,
}

#[derive(Subcommand, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one, once")]
enum Command {
    /// Run the module without a debugger; on a trap, print a backtrace with variables
    #[command(override_usage = "wasm-gdbserver run [OPTIONS] MODULE [ARGS]...")]
    Run {
        #[command(flatten)]
        options: RunOptions,
        #[command(flatten)]
        guest: GuestFlags,
        /// Module and arguments, as above.
        #[arg(hide = true, trailing_var_arg = true)]
        words: Vec<OsString>,
    },
    /// Write an ELF file with the module's symbols and debug info: what gdb is served, or for lldb's `target create`
    Symbols {
        /// The debugger that reads the file
        #[arg(long = "for", value_name = "DEBUGGER", value_enum, default_value_t = Debugger::Gdb)]
        debugger: Debugger,
        /// The module (.wasm or .wat)
        module: PathBuf,
        /// The ELF file to write
        #[arg(short, long, value_name = "OUT.elf")]
        output: PathBuf,
        /// A file with the debug info, if the module has it not itself
        #[arg(long, value_name = "FILE")]
        debug_file: Option<PathBuf>,
        /// Which functions without lines have some in the module's text (WAT)
        #[arg(long, value_name = "auto|always|never", value_parser = parse_wat, default_value = "auto", hide_default_value = true)]
        wat: WatLines,
        /// Sources that the debug info has in the directory OLD are in NEW
        #[arg(long, value_name = "OLD=NEW", value_parser = parse_map)]
        map_path: Vec<(String, String)>,
    },
    /// Show a core dump to debuggers, as it was: FILE, the module if it has moved, and where to listen
    #[command(override_usage = "wasm-gdbserver core [OPTIONS] FILE [MODULE] [HOST]:PORT")]
    Core {
        #[command(flatten)]
        options: CoreOptions,
        /// The core dump, the module, the address. The usage line says it better.
        #[arg(hide = true)]
        words: Vec<OsString>,
    },
    /// Debug a small C program that ships with the server: at a terminal by hand, else a scripted session
    Demo,
}

/// Whom a symbol image is for.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Debugger {
    /// The machine that gdb is shown
    Gdb,
    /// The machine that lldb is shown when it debugs this file: for lldb before 20, and for --persona elf
    Lldb,
}

impl From<Debugger> for Reader {
    fn from(debugger: Debugger) -> Self {
        match debugger {
            Debugger::Gdb => Self::Gdb,
            Debugger::Lldb => Self::Lldb,
        }
    }
}

#[derive(Args, Debug, Default, PartialEq)]
struct ListenOptions {
    /// Where to listen, instead of the first word
    #[arg(long, short = 'g', value_name = "[HOST]:PORT", group = "address", value_parser = parse_address)]
    listen: Option<ListenAddress>,
    /// The port to listen at, on the loopback address, instead of the first word
    #[arg(long, value_name = "N", group = "address")]
    port: Option<u16>,
}

#[derive(Args, Clone, Debug, Default, PartialEq)]
struct GuestFlags {
    /// A directory that the guest may use, under its own name or under GUEST
    #[arg(long, value_name = "HOST[::GUEST]", value_parser = parse_dir)]
    dir: Vec<(PathBuf, String)>,
    /// A variable of the guest's environment, which is empty otherwise
    #[arg(long, value_name = "K=V", value_parser = parse_env)]
    env: Vec<(String, String)>,
    /// Call this export instead of `_start`; the arguments are its parameters
    #[arg(long, value_name = "EXPORT")]
    invoke: Option<String>,
    /// A file with the debug info, if the module has it not itself
    #[arg(long, value_name = "FILE")]
    debug_file: Option<PathBuf>,
    /// Which functions without lines have some in the module's text (WAT): those of programs without debug info and 4 MiB of
    /// code at most, all, or none
    #[arg(long, value_name = "auto|always|never", value_parser = parse_wat, default_value = "auto", hide_default_value = true)]
    wat: WatLines,
    /// Sources that the debug info has in the directory OLD are in NEW; as often as needed, the first that fits counts
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_map)]
    map_path: Vec<(String, String)>,
    /// Keep every local of every frame, not only those that the debug info names or the program still needs
    #[arg(long)]
    complete: bool,
    /// Run slow code that stops anywhere, so that an access out of bounds shows every value
    #[arg(long)]
    precise_traps: bool,
    /// Compile all functions before the guest starts, instead of each at its first call
    #[arg(long)]
    compile_all: bool,
    /// Keep compiled code, and what is made of the debug info for gdb, in this directory, to start sooner the next time
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// A module that is instantiated before the program, and before later ones: they can import from NAME what it exports
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_preload)]
    preload: Vec<(String, PathBuf)>,
    /// Run programs that import what nobody provides: a function of these that is called stops the program
    #[arg(long)]
    stub_imports: bool,
    #[command(flatten)]
    limits: LimitOptions,
}

impl Arguments {
    /// Sorts a command line; the first word is the program's own name.
    ///
    /// # Errors
    /// When it is wrong, or asks for help or the version: clap's error knows what to print, and the exit status.
    pub fn parse<W: Into<OsString> + Clone>(words: impl IntoIterator<Item = W>) -> Result<Self, clap::Error> {
        let all: Vec<OsString> = words.into_iter().map(Into::into).collect();
        let parsed = CommandLine::try_parse_from(&all)?;
        let Some(parsed) = options_after_address(&all, &parsed).transpose()? else { return parsed.sorted() };
        parsed.sorted()
    }
}

/// `OPTIONS ADDRESS OPTIONS MODULE`: parsed again with the address as an option.
fn options_after_address(all: &[OsString], parsed: &CommandLine) -> Option<Result<CommandLine, clap::Error>> {
    let [address, next, ..] = parsed.words.as_slice() else { return None };
    let follows = parsed.command.is_none() && parsed.listen == ListenOptions::default() && is_option(next);
    if !follows || address.to_str().is_none_or(|word| parse_address(word).is_err()) {
        return None;
    }
    let (before, words) = all.split_at(all.len().checked_sub(parsed.words.len())?);
    let mut again = before.to_vec();
    again.extend([OsString::from("--listen"), address.clone()]);
    again.extend_from_slice(words.get(1..).unwrap_or_default());
    Some(CommandLine::try_parse_from(again))
}

fn is_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-") && word.len() > 1
}

impl CommandLine {
    fn sorted(self) -> Result<Arguments, clap::Error> {
        let Self { command, listen, serve, guest, log, words } = self;
        let Some(command) = command else {
            let (address, words) = address_and_rest(listen, words)?;
            let mut guest = guest.with_words(words, "a module")?;
            // lldb reads frames in blocks, and sees no caller of a frame of which anything is missing.
            guest.complete |= serve.persona == PersonaChoice::Elf;
            return Ok(Arguments { action: Action::Serve { address, options: serve, guest }, log });
        };
        if listen != ListenOptions::default()
            || serve != ServeOptions::default()
            || guest != GuestFlags::default()
        {
            let text = "options of a subcommand go after its name, and the options of serving go with none";
            return Err(usage_error(ErrorKind::ArgumentConflict, text));
        }
        let action = match command {
            Command::Run { options, guest, words } => {
                Action::Run { options, guest: guest.with_words(words, "a module")? }
            }
            Command::Symbols { debugger, module, output, debug_file, wat, map_path } => {
                let paths = PathMap::new(map_path);
                Action::Symbols { module, reader: debugger.into(), output, debug_file, wat, paths }
            }
            Command::Core { options, words } => {
                let (file, module, address) = core_words(&words)?;
                Action::Core { file, module, address, options }
            }
            Command::Demo => Action::Demo,
        };
        Ok(Arguments { action, log })
    }
}

/// `FILE [MODULE] [HOST]:PORT`.
fn core_words(words: &[OsString]) -> Result<(PathBuf, Option<PathBuf>, ListenAddress), clap::Error> {
    let (file, module, address) = match words {
        [file, address] => (file, None, address),
        [file, module, address] => (file, Some(module), address),
        _ => {
            let text =
                "expected FILE [MODULE] [HOST]:PORT, for example `wasm-gdbserver core app.wasm.core :1234`";
            return Err(usage_error(ErrorKind::MissingRequiredArgument, text));
        }
    };
    let shown = address.display().to_string();
    let address = parse_address(&shown).map_err(|reason| {
        usage_error(ErrorKind::InvalidValue, format!("`{shown}` is not [HOST]:PORT: {reason}"))
    })?;
    Ok((PathBuf::from(file), module.map(PathBuf::from), address))
}

fn usage_error(kind: ErrorKind, text: impl std::fmt::Display) -> clap::Error {
    CommandLine::command().error(kind, text)
}

fn address_and_rest(
    listen: ListenOptions,
    words: Vec<OsString>,
) -> Result<(ListenAddress, Vec<OsString>), clap::Error> {
    if let Some(address) = listen.listen {
        return Ok((address, words));
    }
    if let Some(port) = listen.port {
        return Ok((ListenAddress { host: String::new(), port }, words));
    }
    let mut words = words.into_iter();
    let Some(first) = words.next() else {
        let text = "[HOST]:PORT and a module are missing: for example `wasm-gdbserver :1234 app.wasm`";
        return Err(usage_error(ErrorKind::MissingRequiredArgument, text));
    };
    let shown = first.display().to_string();
    let address = parse_address(&shown).map_err(|reason| {
        usage_error(ErrorKind::InvalidValue, format!("`{shown}` is not [HOST]:PORT: {reason}"))
    })?;
    Ok((address, words.collect()))
}

impl GuestFlags {
    fn with_words(self, words: Vec<OsString>, what: &str) -> Result<GuestOptions, clap::Error> {
        let Self {
            dir,
            env,
            invoke,
            debug_file,
            wat,
            map_path,
            complete,
            precise_traps,
            compile_all,
            cache,
            preload,
            stub_imports,
            limits,
        } = self;
        let mut words = words.into_iter();
        let Some(module) = words.next() else {
            return Err(usage_error(ErrorKind::MissingRequiredArgument, format!("{what} is missing")));
        };
        let (module, args) = (PathBuf::from(module), words.collect());
        let mut names: Vec<&String> = preload.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if let Some([twice, _]) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let text = format!("two modules are preloaded as `{twice}`");
            return Err(usage_error(ErrorKind::ArgumentConflict, text));
        }
        Ok(GuestOptions {
            module,
            args,
            dirs: dir,
            env,
            invoke,
            debug_file,
            wat,
            paths: PathMap::new(map_path),
            complete,
            precise_traps,
            compile_all,
            cache,
            preloads: preload,
            stub_imports,
            limits,
        })
    }
}

/// `[HOST]:PORT`; an IPv6 host is in brackets.
fn parse_address(text: &str) -> Result<ListenAddress, String> {
    let (host, port) = text.rsplit_once(':').ok_or("there is no `:`")?;
    let port = port.parse().map_err(|_| format!("`{port}` is no port (0 to 65535)"))?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').ok_or("a `]` is missing")?,
        None if host.contains(':') => return Err("an IPv6 address needs brackets".to_owned()),
        None => host,
    };
    Ok(ListenAddress { host: host.to_owned(), port })
}

/// `HOST[::GUEST]`.
fn parse_dir(text: &str) -> Result<(PathBuf, String), String> {
    let (host, guest) = text.split_once("::").unwrap_or((text, text));
    if host.is_empty() || guest.is_empty() {
        return Err("expected HOST or HOST::GUEST".to_owned());
    }
    Ok((PathBuf::from(host), guest.to_owned()))
}

/// `OLD=NEW`.
fn parse_map(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), new.to_owned())),
        _ => Err("expected OLD=NEW".to_owned()),
    }
}

/// `NAME=FILE`.
fn parse_preload(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => Err("expected NAME=FILE".to_owned()),
    }
}

fn parse_persona(text: &str) -> Result<PersonaChoice, String> {
    match text {
        "auto" => Ok(PersonaChoice::Auto),
        "gdb" => Ok(PersonaChoice::Gdb),
        "wasm" => Ok(PersonaChoice::Wasm),
        "elf" => Ok(PersonaChoice::Elf),
        _ => Err("expected auto, gdb, wasm or elf".to_owned()),
    }
}

fn parse_wat(text: &str) -> Result<WatLines, String> {
    match text {
        "auto" => Ok(WatLines::Auto),
        "always" => Ok(WatLines::Always),
        "never" => Ok(WatLines::Never),
        _ => Err("expected auto, always or never".to_owned()),
    }
}

/// `K=V`.
fn parse_env(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests;
