//! `qRcmd`: hands `monitor` commands on, with the guest if it is stopped.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd};

use super::Target;
use crate::monitor::{self, Command};

/// To a command for a stopped guest.
const NOT_STOPPED: &str = "The program is not stopped.\n";

impl Target<'_> {
    /// Has the guest stop at calls of a function of the host, or no longer; says so. For clients to which those have no
    /// addresses.
    fn break_at_host_calls(&self, name: &str, stops: bool) -> String {
        let functions = self.debuggee.symbols.host_functions(name);
        if functions.is_empty() {
            return format!("The program imports no function `{name}` from the host.\n");
        }
        let words = if stops { "Calls stop the program" } else { "Calls do not stop the program" };
        let said = format!("{words}: {}.\n", functions.join(", "));
        let done = self.inspect(move |paused| {
            for function in functions {
                if stops {
                    paused.add_host_breakpoint_if(&function, None);
                } else {
                    paused.remove_host_breakpoint(&function);
                }
            }
        });
        done.map_or_else(|_| NOT_STOPPED.to_owned(), |()| said)
    }

    /// Writes a core dump; says where, or why not. It goes into one folder, and replaces nothing that is there: the client
    /// may be on another machine, and has no business with the rest of this one.
    fn write_core_dump(&self, name: &str) -> String {
        let Some(folder) = &self.debuggee.core_dumps else {
            return "This server writes no core dumps.\n".to_owned();
        };
        if Path::new(name).file_name() != Some(OsStr::new(name)) {
            return format!("`{name}` is no name of a file in the folder where the server was started.\n");
        }
        let path = folder.join(name);
        let dump = match self.debuggee.session.core_dump() {
            Ok(dump) => dump,
            Err(error) => return format!("There is no core dump: {error}.\n"),
        };
        let written = File::create_new(&path).and_then(|mut file| file.write_all(&dump));
        match written {
            Ok(()) => format!("Wrote {}, {} bytes.\n", path.display(), dump.len()),
            Err(error) => format!("Cannot write {}: {error}.\n", path.display()),
        }
    }
}

impl MonitorCmd for Target<'_> {
    fn handle_monitor_cmd(&mut self, command: &[u8], mut out: ConsoleOutput<'_>) -> Result<(), Self::Error> {
        let text = String::from_utf8_lossy(command);
        let space = self.persona.space();
        let answer = match Command::parse(&text) {
            Ok(Command::Exit) => {
                self.wants_exit = true;
                "The program is ended.\n".to_owned()
            }
            Ok(Command::Help) => monitor::help(),
            Ok(Command::Break(name)) => self.break_at_host_calls(&name, true),
            Ok(Command::Delete(name)) => self.break_at_host_calls(&name, false),
            Ok(Command::CoreDump(file)) => self.write_core_dump(&file),
            Ok(Command::DebugInfo) => self.debuggee.symbols.describe(self.persona),
            Ok(command) => self
                .inspect(move |paused| command.answer(paused, space))
                .unwrap_or_else(|_| NOT_STOPPED.to_owned()),
            Err(complaint) => complaint,
        };
        out.write_raw(answer.as_bytes());
        Ok(())
    }
}
