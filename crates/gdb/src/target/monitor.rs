//! `qRcmd`: hands `monitor` commands on, with the guest if it is stopped.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use debugger::ModuleId;
use frame_table::ModulePc;
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd};

use super::Target;
use crate::agent::Format;
use crate::debuggee::Monitored;
use crate::dprintf::{Prints, Wanted};
use crate::hex;
use crate::monitor::{self, Command};
use crate::sources::SourcePlace;

/// To a command for a stopped guest.
const NOT_STOPPED: &str = "The program is not stopped.\n";

impl Target<'_> {
    /// `monitor break`: on a function of the program or the host, a line or an address, with a condition if there is one. Says
    /// what was done. For clients that look at conditions themselves, and those that know no addresses of the host's.
    fn break_at(&mut self, wanted: &str) -> String {
        let (place, condition) = match wanted.split_once(" if ") {
            Some((place, condition)) => (place.trim(), Some(condition.trim())),
            None => (wanted.trim(), None),
        };
        if place.is_empty() {
            return self.list_monitored();
        }
        if condition.is_none() && !self.debuggee.symbols.host_functions(place).is_empty() {
            return self.break_at_host_calls(place, true);
        }
        let found = match self.places(place) {
            Ok(found) => found,
            Err(words) => return words,
        };
        let number = self.next_number();
        let mut said = String::new();
        for SourcePlace { module, pc, name } in found {
            let looked_up = condition.zip(self.debuggee.sources.as_ref());
            let condition = match looked_up.map(|(text, sources)| sources.condition(module, pc, text)) {
                None => None,
                Some(Ok(condition)) => Some(condition),
                Some(Err(error)) => return format!("{said}No breakpoint at {name}: {error}.\n"),
            };
            let words = match looked_up {
                Some((text, _)) => format!("{name} if {text}"),
                None => name,
            };
            let line = format!("Server breakpoint {number}: {words}.\n");
            match self.set_monitored((ModuleId(module), pc), Some(Monitored { number, words, condition })) {
                Ok(()) => said.push_str(&line),
                Err(_) => return format!("{said}{NOT_STOPPED}"),
            }
        }
        said
    }

    /// `monitor dprintf`: prints where the program passes. Says what was done.
    fn print_at(&mut self, wanted: &str) -> String {
        const USAGE: &str = "Usage: monitor dprintf PLACE,\"FORMAT\",VALUE,... [if COND]\n";
        let Some(Wanted { place, format, values, condition }) = Wanted::parse(wanted) else {
            return USAGE.to_owned();
        };
        let found = match self.places(place) {
            Ok(found) => found,
            Err(words) => return words,
        };
        let number = self.next_number();
        let mut said = String::new();
        for SourcePlace { module, pc, name } in found {
            let prints = match self.prints((module, pc), &name, (format, values), condition) {
                Ok(prints) => prints,
                Err(error) => return format!("{said}Nothing will be printed at {name}: {error}.\n"),
            };
            let condition_words = condition.map(|text| format!(" if {text}")).unwrap_or_default();
            let words = format!("{name} prints \"{format}\"{condition_words}");
            let line = format!("Server breakpoint {number}: {words}.\n");
            let monitored = Monitored { number, words, condition: Some(Arc::new(prints)) };
            match self.set_monitored((ModuleId(module), pc), Some(monitored)) {
                Ok(()) => said.push_str(&line),
                Err(_) => return format!("{said}{NOT_STOPPED}"),
            }
        }
        said
    }

    fn prints(
        &self,
        (module, pc): (u32, ModulePc),
        name: &str,
        (format, values): (&str, &str),
        condition: Option<&str>,
    ) -> Result<Prints, String> {
        let sources = self.debuggee.sources.as_ref().ok_or("nothing is known of its source")?;
        let values = sources.values(module, pc, values)?;
        let count = values.count();
        let format = Format::parse(format.as_bytes(), count)
            .ok_or_else(|| format!("\"{format}\" is no format for {count} values"))?;
        let condition = condition.map(|text| sources.condition(module, pc, text)).transpose()?;
        let (persona, symbols) = (self.persona, Arc::clone(&self.debuggee.symbols));
        let output = Arc::clone(&self.debuggee.output);
        Ok(Prints { format, values, condition, place: name.to_owned(), persona, symbols, output })
    }

    /// The places that a user names, or what to say if there is none.
    fn places(&self, wanted: &str) -> Result<Vec<SourcePlace>, String> {
        if let Some(digits) = wanted.strip_prefix("0x") {
            let place = hex::number(digits.as_bytes()).and_then(|address| self.code_at(address).ok());
            let (module, pc) = place.ok_or_else(|| format!("There is no code at {wanted}.\n"))?;
            return Ok(vec![SourcePlace { module: module.0, pc, name: wanted.to_owned() }]);
        }
        let found = self.debuggee.sources.as_ref().map(|sources| sources.places(wanted)).unwrap_or_default();
        if found.is_empty() {
            return Err(format!(
                "The program has no function or line `{wanted}`, and imports none of the host.\n"
            ));
        }
        Ok(found)
    }

    /// What users have set with `monitor break`.
    fn monitored(&self) -> impl Iterator<Item = ((ModuleId, ModulePc), &Monitored)> {
        let placed = self.debuggee.breakpoints.iter();
        placed.filter_map(|(place, placed)| Some((*place, placed.monitored.as_ref()?)))
    }

    fn next_number(&self) -> u32 {
        1 + self.monitored().map(|(_, monitored)| monitored.number).max().unwrap_or(0)
    }

    fn list_monitored(&self) -> String {
        let mut all: Vec<_> = self.monitored().map(|(_, monitored)| monitored).collect();
        all.sort_by_key(|monitored| monitored.number);
        if all.is_empty() {
            return "There are no server breakpoints.\n".to_owned();
        }
        all.iter().map(|monitored| format!("{}: {}\n", monitored.number, monitored.words)).collect()
    }

    /// `monitor delete`: by number, or by the name of a function of the host.
    fn delete(&mut self, wanted: &str) -> String {
        let Ok(number) = wanted.parse::<u32>() else { return self.break_at_host_calls(wanted, false) };
        let own = self.monitored().filter(|(_, monitored)| monitored.number == number);
        let places: Vec<_> = own.map(|(place, _)| place).collect();
        if places.is_empty() {
            return format!("There is no server breakpoint {number}.\n");
        }
        for place in places {
            if self.set_monitored(place, None).is_err() {
                return NOT_STOPPED.to_owned();
            }
        }
        format!("Server breakpoint {number} is gone.\n")
    }

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
            Ok(Command::Break(wanted)) => self.break_at(&wanted),
            Ok(Command::Dprintf(wanted)) => self.print_at(&wanted),
            Ok(Command::Delete(wanted)) => self.delete(&wanted),
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
