//! `vCont`: continue, step, step in a range, each with or without a signal for the guest.
//!
//! There is one thread, so locking the scheduler changes nothing; it is supported because gdb locks it whenever it
//! steps off a breakpoint.

use debugger::{Resume, Stop};
use frame_table::ModulePc;
use gdbstub::common::{Signal, Tid};
use gdbstub::target::ext::base::multithread::{
    MultiThreadRangeStepping, MultiThreadRangeSteppingOps, MultiThreadResume, MultiThreadSchedulerLocking,
    MultiThreadSchedulerLockingOps, MultiThreadSingleStep, MultiThreadSingleStepOps,
};

use super::Target;
use crate::address_space::Place;
use crate::stop::signal;

/// What one `vCont` packet asks of the guest's thread.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    how: Resume,
    signal: u8,
}

impl Default for Action {
    fn default() -> Self {
        Self { how: Resume::Continue, signal: 0 }
    }
}

impl Target<'_> {
    /// The step that a range of addresses stands for: within one module's code, or of one operator.
    fn range_step(&self, start: u64, end: u64) -> Resume {
        let space = self.persona.space();
        // The end may be the first byte of nothing, so look at the last byte inside.
        match (space.place(start), end.checked_sub(1).and_then(|last| space.place(last))) {
            (Some(Place::Code { module, pc: start }), Some(Place::Code { module: same, pc: last }))
                if module == same && start <= last =>
            {
                let end = ModulePc(last.0.saturating_add(1));
                Resume::StepRange { module: debugger::ModuleId(module), range: start..end }
            }
            _ => Resume::StepInstruction,
        }
    }

    /// Whether a signal for the guest ends it. A guest that trapped ends anyway when it goes on, by its own signal.
    fn is_ended_by(&self, number: u8) -> bool {
        let has_trapped = self.debuggee.stop().is_some_and(Stop::is_fatal);
        !has_trapped && !signal::is_ignored(number)
    }
}

impl MultiThreadResume for Target<'_> {
    fn resume(&mut self) -> Result<(), Self::Error> {
        let Action { how, signal } = std::mem::take(&mut self.action);
        if self.is_ended_by(signal) && self.debuggee.exit().is_none() {
            self.debuggee.signal_sent = Some(signal);
            self.debuggee.session.kill();
            return Ok(());
        }
        if let Err(error) = self.debuggee.resume(how) {
            tracing::debug!(%error, "the guest cannot go on");
            self.has_failed_to_resume = true;
        }
        Ok(())
    }

    fn clear_resume_actions(&mut self) -> Result<(), Self::Error> {
        self.action = Action::default();
        Ok(())
    }

    fn set_resume_action_continue(
        &mut self,
        _thread: Tid,
        signal: Option<Signal>,
    ) -> Result<(), Self::Error> {
        self.action = Action { how: Resume::Continue, signal: signal.map_or(0, |signal| signal.0) };
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<MultiThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_range_step(&mut self) -> Option<MultiThreadRangeSteppingOps<'_, Self>> {
        Some(self)
    }

    fn support_scheduler_locking(&mut self) -> Option<MultiThreadSchedulerLockingOps<'_, Self>> {
        Some(self)
    }
}

impl MultiThreadSingleStep for Target<'_> {
    fn set_resume_action_step(&mut self, _thread: Tid, signal: Option<Signal>) -> Result<(), Self::Error> {
        self.action = Action { how: Resume::StepInstruction, signal: signal.map_or(0, |signal| signal.0) };
        Ok(())
    }
}

impl MultiThreadRangeStepping for Target<'_> {
    fn set_resume_action_range_step(
        &mut self,
        _thread: Tid,
        start: u64,
        end: u64,
    ) -> Result<(), Self::Error> {
        self.action = Action { how: self.range_step(start, end), signal: 0 };
        Ok(())
    }
}

impl MultiThreadSchedulerLocking for Target<'_> {
    fn set_resume_action_scheduler_lock(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
