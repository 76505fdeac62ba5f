//! `qRcmd`: hands `monitor` commands on, with the guest if it is stopped.

use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd};

use super::Target;
use crate::monitor::{self, Command};

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
            Ok(command) => self
                .inspect(move |paused| command.answer(paused, space))
                .unwrap_or_else(|_| "The program is not stopped.\n".to_owned()),
            Err(complaint) => complaint,
        };
        out.write_raw(answer.as_bytes());
        Ok(())
    }
}
