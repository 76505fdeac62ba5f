//! How a stopped thread goes on: where it stands, elsewhere, or into a call that the debugger makes.

use crate::event::{CallEnd, Resume, Stop};
use crate::guest::exit_of;
use crate::handler::Debugger;
use crate::step::Plan;
use runtime::{Detour, DetourError, Failure, FuncHandle, Store, Value};

/// What a thread does that was told how to go on.
#[derive(Debug)]
pub(crate) enum Departure {
    /// Runs the operator that it is before.
    Runs,
    /// Goes elsewhere first, and will be asked again there.
    Moves,
    /// Has stopped again, at once or after a call.
    Stays(Stop),
    /// Ends.
    Ends,
}

impl Debugger {
    /// Does what the thread was told, up to where it runs. `stop` is why it stands.
    pub(crate) fn depart(&self, store: &mut Store, resume: Resume, stop: &Stop) -> Departure {
        match resume {
            Resume::Call { function, arguments } => self.make_call(store, function, &arguments, stop),
            Resume::Abandon => {
                self.state().gives_up = true;
                Departure::Ends
            }
            Resume::Jump(pc) => match store.set_detour(Detour::Jump(pc)) {
                Ok(()) => self.moves(store, Resume::StepInstruction),
                Err(error) => stays(stop, error),
            },
            Resume::Return { frames } => match self.leave(store, frames.saturating_sub(1)) {
                Ok(()) => Departure::Moves,
                Err(error) => stays(stop, error),
            },
            resume => {
                self.moves(store, resume);
                Departure::Runs
            }
        }
    }

    fn moves(&self, store: &mut Store, resume: Resume) -> Departure {
        let plan = Plan::new(resume, store.innermost_frame().as_ref());
        store.set_stepping(plan.steps());
        self.state().set_plan(plan);
        Departure::Moves
    }

    /// Has the innermost frame return, and `more` after it.
    fn leave(&self, store: &mut Store, more: u32) -> Result<(), DetourError> {
        let results = store.zero_results()?;
        store.set_detour(Detour::Return(results))?;
        let from = store.innermost_frame().map_or(usize::MAX, |frame| frame.address());
        store.set_stepping(true);
        self.state().set_plan(Plan::Leave(from, more));
        Ok(())
    }

    /// A frame was left: whether another one is.
    pub(crate) fn leaves_another(&self, store: &mut Store) -> bool {
        let Plan::Leave(_, more) = *self.state().plan() else { return false };
        match more.checked_sub(1).map(|more| self.leave(store, more)) {
            None => false,
            Some(Ok(())) => true,
            Some(Err(error)) => {
                tracing::debug!(%error, "a frame is not left");
                false
            }
        }
    }

    fn make_call(
        &self,
        store: &mut Store,
        function: FuncHandle,
        arguments: &[Value],
        stop: &Stop,
    ) -> Departure {
        let step = self.suspend_step(store);
        let results = function.call(store, arguments);
        self.resume_step(store, step);
        let end = match results {
            Ok(values) => CallEnd::Returned(values),
            Err(Failure::Killed) if std::mem::take(&mut self.state().gives_up) => CallEnd::Abandoned,
            Err(failure) => {
                let exit = exit_of(store, failure);
                self.state().ends_as = Some(exit);
                return Departure::Ends;
            }
        };
        Departure::Stays(Stop::Called { end, at: Box::new(stop.reason().clone()) })
    }
}

fn stays(stop: &Stop, error: DetourError) -> Departure {
    tracing::debug!(%error, "the guest stays where it is");
    Departure::Stays(stop.clone())
}
