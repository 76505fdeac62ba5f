//! `wasm-gdbserver run`: no debugger. A program that traps leaves a backtrace, as far as its debug info goes, and whatever
//! files the user wants of it.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use debugger::{Event, Exit, Resume, Session, ThreadId};

use crate::args::RunOptions;
use crate::backtrace;
use crate::exit::{FAILED, status};
use crate::guest::{Program, with_advice};
use crate::invoke;
use crate::log::say;
use crate::module_file::ModuleFile;
use crate::relay::announce;
use crate::report::{self, End, Kind, Report, Run};

/// Runs the program to its end; returns the exit status.
///
/// # Errors
/// When it cannot be started, or a file that the user wants cannot be written.
pub(crate) fn run(program: &Program, options: &RunOptions) -> Result<u8> {
    let began = Instant::now();
    let mut report = None;
    let ended = run_to_end(program, options, &mut report);
    program.keep_code();
    let (status, end) = match &ended {
        Ok(exit) => (status(exit), end_of(exit, report.as_ref())),
        Err(error) => (FAILED, End::Error(format!("{error:#}"))),
    };
    let run = Run {
        program: program.file().name().to_owned(),
        arguments: program.arguments(),
        status,
        end,
        time: began.elapsed().as_secs_f64(),
        report,
    };
    write(options.json.as_deref(), || run.to_json())?;
    write(options.junit.as_deref(), || run.to_junit())?;
    ended.map(|_| status)
}

fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()).with_context(|| format!("cannot write {}", path.display()))
}

/// Runs the program; says why it could not go on, if it could not.
fn run_to_end(program: &Program, options: &RunOptions, found: &mut Option<Report>) -> Result<Exit> {
    let file = program.file().clone();
    // What goes wrong with the files, launching says.
    let work = move || drop(file.get_ready());
    if let Err(error) = thread::Builder::new().name("observable".to_owned()).spawn(work) {
        tracing::debug!(%error, "the first function to be compiled waits for the debug info");
    }
    program.wait_until_valid()?;
    let (session, mut events) = program.launch(true)?;
    while let Some(event) = events.blocking_recv() {
        match event {
            Event::Stopped { stop, .. } if stop.is_fatal() => {
                *found = print_backtrace(&session, program.file());
                if let Some(file) = &options.coredump_on_trap {
                    write_core_dump(&session, file.as_deref(), program.file().path());
                }
                session.resume(Resume::Continue)?;
            }
            Event::Stopped { .. } => session.resume(Resume::Continue)?,
            Event::ThreadStarted(_) | Event::ThreadEnded(_) => {}
            Event::Exited(Exit::HostError(reason)) if found.is_none() => {
                bail!("{}: {}", program.file().name(), with_advice(&reason))
            }
            Event::Exited(exit) => {
                if found.is_none() {
                    announce(&exit);
                }
                return Ok(exit);
            }
        }
    }
    Err(anyhow!("the guest's thread has ended"))
}

/// Writes a core dump to `file`, or to the module's name with `.core` behind it; says where. What keeps it from being
/// written is no reason for another exit status.
fn write_core_dump(session: &Session, file: Option<&Path>, module: &Path) {
    let named = || {
        let mut name = module.file_name().unwrap_or_default().to_owned();
        name.push(".core");
        PathBuf::from(name)
    };
    let path = file.map_or_else(named, Path::to_owned);
    let written = match session.core_dump() {
        Ok(dump) => std::fs::write(&path, dump).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match written {
        Ok(()) => say(&format!("core dump: {}", path.display())),
        Err(error) => say(&format!("wasm-gdbserver: cannot write the core dump {}: {error}", path.display())),
    }
}

fn end_of(exit: &Exit, report: Option<&Report>) -> End {
    let crash = |kind: Kind, message: &str| match report {
        Some(report) => End::Crash(report.kind, report.reason.clone()),
        None => End::Crash(kind, message.to_owned()),
    };
    match exit {
        Exit::Code(code) => End::Exit(*code),
        Exit::Values(values) => {
            End::Returned(invoke::describe_results(values).lines().map(str::to_owned).collect())
        }
        Exit::Trapped { message, .. } => crash(Kind::Trap, message),
        Exit::HostError(message) => crash(Kind::HostError, message),
        Exit::Killed => crash(Kind::Other, "killed"),
    }
}

/// Says why a stopped guest stopped, and prints the frames of the thread that did, to standard error.
pub(crate) fn print_backtrace(session: &Session, file: &ModuleFile) -> Option<Report> {
    let debug_files = file.debug_files();
    file.warn_of_missing();
    let thread = session.current_thread();
    let paths = file.paths().clone();
    let found = session.inspect(move |paused| backtrace::report(paused, thread, &debug_files, &paths));
    match found {
        Ok(report) => {
            say(&as_text(&report, file.path()));
            Some(report)
        }
        Err(error) => {
            tracing::warn!(%error, "there is no backtrace");
            None
        }
    }
}

fn as_text(report: &Report, module: &Path) -> String {
    let thread = match ThreadId(report.thread) {
        ThreadId::MAIN => String::new(),
        other => format!("thread {other}:\n"),
    };
    let text = [thread, report::reason_and_source(report, module), report::frames_as_text(report)].concat();
    text.trim_end().to_owned()
}
