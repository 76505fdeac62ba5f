//! The `wasm-gdbserver` program: the command line, the listener, the exit status.
//!
//! `args` says what the user wants, `guest` loads it, and then `serve`, `run_command`, `symbols` or `demo` does it.
//! What this is not: a debugger (`crates/debugger`), or one's protocol (`crates/gdb`).
#![forbid(unsafe_code)]

pub mod args;
mod backtrace;
mod conditions;
mod core_command;
mod debug_files;
mod debug_info;
mod demo;
mod door;
mod exit;
mod files;
mod guest;
mod invoke;
mod kept;
mod limits;
mod log;
mod module_file;
mod peer;
mod preload;
mod reading;
mod refusal;
mod relay;
mod report;
mod run_command;
mod serve;
mod sources;
mod symbols;
mod values;
mod variables;

use std::process::ExitCode;

use args::{Action, Arguments, LogOptions};
use guest::Program;

/// Does what the command line says, to the end, and says in one line why it could not.
#[must_use]
pub fn main(arguments: Arguments) -> ExitCode {
    let status = act(arguments.action, &arguments.log).unwrap_or_else(|error| {
        log::say(&format!("wasm-gdbserver: {error:#}"));
        exit::FAILED
    });
    ExitCode::from(status)
}

fn act(action: Action, logs: &LogOptions) -> anyhow::Result<u8> {
    // The first line of a server is promised to be its address: it begins to log after that.
    if !matches!(action, Action::Serve { .. } | Action::Core { .. }) {
        log::start(logs)?;
    }
    match action {
        Action::Serve { address, options, guest } => serve::serve(&address, options, guest, logs),
        Action::Run { options, guest } => run_command::run(&Program::load(guest)?, &options),
        Action::Core { file, module, address, options } => {
            core_command::serve(&file, module.as_deref(), &address, &options, logs)
        }
        Action::Symbols { module, reader, output, debug_file, wat, paths } => {
            symbols::write(&module, reader, &output, debug_file.as_deref(), wat, &paths)
        }
        Action::Demo => demo::play(),
    }
}
