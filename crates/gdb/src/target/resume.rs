//! `vCont`: continue, step, step in a range, each with or without a signal for the guest.
//!
//! A thread without an action of its own runs if the packet has an action for all, and stays where it is if not: that is
//! how gdb locks the scheduler, for the user or to step off a breakpoint.

use debugger::{Others, Resume, Stop, ThreadId};
use frame_table::ModulePc;
use gdbstub::common::{Signal, Tid};
use gdbstub::target::ext::base::multithread::{
    MultiThreadRangeStepping, MultiThreadRangeSteppingOps, MultiThreadResume, MultiThreadSchedulerLocking,
    MultiThreadSchedulerLockingOps, MultiThreadSingleStep, MultiThreadSingleStepOps,
};

use super::{Target, thread_of};
use crate::calling::Refusal;
use crate::stop::signal;

/// What one `vCont` packet asks of the guest's threads.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    /// The first action that names a thread is the one that counts.
    each: Vec<(ThreadId, Resume)>,
    others: Others,
    /// For the whole guest; 0 is none.
    signal: u8,
}

impl Default for Action {
    fn default() -> Self {
        Self { each: Vec::new(), others: Others::Run, signal: 0 }
    }
}

impl Action {
    fn add(&mut self, thread: Tid, how: Resume, signal: Option<Signal>) {
        let thread = thread_of(thread);
        if self.each.iter().all(|(other, _)| *other != thread) {
            self.each.push((thread, how));
        }
        self.signal = signal.map_or(self.signal, |signal| signal.0);
    }
}

impl Target<'_> {
    /// The step that a range of addresses stands for: within one module's code, or of one operator.
    fn range_step(&self, start: u64, end: u64) -> Resume {
        let space = self.persona.space();
        // The end may be the first byte of nothing, so look at the last byte inside.
        match (space.code_at(start), end.checked_sub(1).and_then(|last| space.code_at(last))) {
            (Some((module, start)), Some((same, last))) if module == same && start <= last => {
                let end = ModulePc(last.0.saturating_add(1));
                Resume::StepRange { module: debugger::ModuleId(module), range: start..end }
            }
            _ => Resume::StepInstruction,
        }
    }

    /// Has threads make the calls that their registers ask for, whatever else they are told.
    fn begin_calls(&mut self, each: &mut Vec<(ThreadId, Resume)>) -> Result<(), Refusal> {
        for thread in self.pretended.threads() {
            if let Some(call) = self.begin_call(thread) {
                let call = call?;
                each.retain(|(other, _)| *other != thread);
                each.push((thread, call));
            }
        }
        Ok(())
    }

    /// Whether a signal for the guest ends it. A guest that trapped ends anyway when it goes on, by its own signal.
    fn is_ended_by(&self, number: u8) -> bool {
        let has_trapped = self.debuggee.stop().is_some_and(Stop::is_fatal);
        !has_trapped && !signal::is_ignored(number)
    }
}

impl MultiThreadResume for Target<'_> {
    fn resume(&mut self) -> Result<(), Self::Error> {
        let Action { mut each, others, signal } = std::mem::take(&mut self.action);
        let is_record = self.debuggee.session.is_record();
        if self.is_ended_by(signal) && self.debuggee.exit().is_none() && !is_record {
            self.debuggee.signal_sent = Some(signal);
            self.debuggee.session.kill();
            return Ok(());
        }
        self.last_resume = (each.clone(), others);
        let begun = self.begin_calls(&mut each);
        self.pretended.forget();
        if let Err(refusal) = begun {
            self.refusal = Some(refusal);
            self.has_failed_to_resume = true;
            return Ok(());
        }
        match self.debuggee.resume(&each, others) {
            Ok(()) => self.ask_ahead(),
            Err(error) => {
                tracing::debug!(%error, "the guest cannot go on");
                self.has_failed_to_resume = true;
            }
        }
        Ok(())
    }

    fn clear_resume_actions(&mut self) -> Result<(), Self::Error> {
        self.action = Action::default();
        Ok(())
    }

    fn set_resume_action_continue(&mut self, thread: Tid, signal: Option<Signal>) -> Result<(), Self::Error> {
        self.action.add(thread, Resume::Continue, signal);
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
    fn set_resume_action_step(&mut self, thread: Tid, signal: Option<Signal>) -> Result<(), Self::Error> {
        self.action.add(thread, Resume::StepInstruction, signal);
        Ok(())
    }
}

impl MultiThreadRangeStepping for Target<'_> {
    fn set_resume_action_range_step(&mut self, thread: Tid, start: u64, end: u64) -> Result<(), Self::Error> {
        let step = self.range_step(start, end);
        self.action.add(thread, step, None);
        Ok(())
    }
}

impl MultiThreadSchedulerLocking for Target<'_> {
    fn set_resume_action_scheduler_lock(&mut self) -> Result<(), Self::Error> {
        self.action.others = Others::Hold;
        Ok(())
    }
}
