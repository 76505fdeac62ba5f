//! `wasm-gdbserver run`: no debugger. A program that traps leaves a backtrace, as far as its debug info goes.

use anyhow::{Result, bail};
use debugger::{Event, Exit, Resume, Session, ThreadId};

use crate::backtrace;
use crate::exit::status;
use crate::guest::{ModuleFile, Program};
use crate::log::say;
use crate::relay::announce;

/// Runs the program to its end; returns the exit status.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn run(program: &Program) -> Result<u8> {
    program.wait_until_valid()?;
    let (session, mut events) = program.launch(true)?;
    let mut has_said_why = false;
    while let Some(event) = events.blocking_recv() {
        match event {
            Event::Stopped { stop, .. } if stop.is_fatal() => {
                print_backtrace(&session, program.file());
                has_said_why = true;
                session.resume(Resume::Continue)?;
            }
            Event::Stopped { .. } => session.resume(Resume::Continue)?,
            Event::ThreadStarted(_) | Event::ThreadEnded(_) => {}
            Event::Exited(Exit::HostError(reason)) if !has_said_why => {
                bail!("{}: {reason}", program.file().name())
            }
            Event::Exited(exit) => {
                if !has_said_why {
                    announce(&exit);
                }
                return Ok(status(&exit));
            }
        }
    }
    bail!("the guest's thread has ended")
}

/// Says why a stopped guest stopped, and prints the frames of the thread that did, to standard error.
pub(crate) fn print_backtrace(session: &Session, file: &ModuleFile) {
    let debug_file = file.debug_file();
    let thread = session.current_thread();
    if thread != ThreadId::MAIN {
        say(&format!("thread {thread}:"));
    }
    match session.inspect(move |paused| backtrace::describe(paused, debug_file.as_deref())) {
        Ok(text) => say(text.trim_end()),
        Err(error) => tracing::warn!(%error, "there is no backtrace"),
    }
}
