//! Extended mode: `!`, `vRun`, `vKill`, `R`. Attaching to another process is not possible; there is none.

use gdbstub::common::Pid;
use gdbstub::target::TargetError;
use gdbstub::target::ext::extended_mode::{Args, AttachKind, ExtendedMode, ShouldTerminate};

use gdbstub::target::TargetResult;

use super::{Target, refuse};
use crate::machine::Fault;

impl Target<'_> {
    /// Ends the guest and starts it anew. The new one stands at its start, or has ended on the way.
    fn launch(&mut self, arguments: Vec<String>) -> Result<(), Fault> {
        if !self.can_launch() {
            return Err(Fault::Fixed);
        }
        self.kill();
        let launcher = self.debuggee.launcher.as_mut().ok_or(Fault::Fixed)?;
        let (session, events) = launcher.launch(arguments).map_err(|reason| {
            tracing::warn!(reason, "cannot start the program");
            Fault::Fixed
        })?;
        self.debuggee.replace(session, events);
        self.wait_for_stop();
        self.resumes = None;
        self.select(self.debuggee.stopped_thread());
        Ok(())
    }
}

impl ExtendedMode for Target<'_> {
    fn run(&mut self, _file: Option<&[u8]>, arguments: Args<'_, '_>) -> TargetResult<Pid, Self> {
        let arguments = arguments.map(|argument| String::from_utf8_lossy(argument).into_owned()).collect();
        self.launch(arguments).map_err(refuse)?;
        Ok(Pid::MIN)
    }

    fn attach(&mut self, _pid: Pid) -> TargetResult<(), Self> {
        Err(TargetError::NonFatal)
    }

    /// A guest that this server started for its clients ends with the last of them, unless one let it run on.
    fn query_if_attached(&mut self, _pid: Pid) -> TargetResult<AttachKind, Self> {
        Ok(if self.debuggee.was_running { AttachKind::Attach } else { AttachKind::Run })
    }

    fn kill(&mut self, _pid: Option<Pid>) -> TargetResult<ShouldTerminate, Self> {
        Target::kill(self);
        Ok(if self.can_launch() { ShouldTerminate::No } else { ShouldTerminate::Yes })
    }

    fn restart(&mut self) -> Result<(), Self::Error> {
        if self.launch(Vec::new()).is_err() {
            tracing::debug!("the client wants a restart and there is no launcher");
        }
        Ok(())
    }

    fn on_start(&mut self) -> Result<(), Self::Error> {
        self.is_extended = true;
        Ok(())
    }
}
