//! Detours: where the innermost frame of a stopped thread goes on instead of where it stands.

use crate::engine::Tiers;
use crate::store::Store;
use crate::tier::Versions;
use crate::translate::Version;
use crate::trap::Failure;
use crate::unwind::{ExitKind, RawFrame, has_results_in_memory, innermost_exit};
use crate::value::{Value, ValueType};
use frame_table::ModulePc;
use thiserror::Error;

/// Where the innermost frame is to go on.
#[derive(Clone, Debug, PartialEq)]
pub enum Detour {
    /// At this operator of its function, with its locals as they are. The operand stack must be empty there.
    Jump(ModulePc),
    /// In its caller, as if its function had returned these values.
    Return(Vec<Value>),
}

/// Why a frame cannot go on elsewhere.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DetourError {
    /// It is in a call of the host, or in an operator that calls the runtime.
    #[error("the program is in a call of the host")]
    InHost,
    /// The operator is not one of the frame's function.
    #[error("there is no operator of the same function")]
    NoOperator,
    /// The code before the operator leaves operands for it.
    #[error("the operator needs operands, which would be missing")]
    NeedsOperands,
    /// The function's code cannot be entered or left like this.
    #[error("the function's code does not allow it")]
    Unsupported,
    /// The values are not those that the function returns.
    #[error("the function returns {0} values of other types")]
    Results(usize),
}

impl Store {
    /// Has the innermost frame go on elsewhere when the hook returns that is being told of an event.
    ///
    /// # Errors
    /// See [`DetourError`]; then it goes on where it stands.
    pub fn set_detour(&mut self, detour: Detour) -> Result<(), DetourError> {
        let frame = self.movable_frame()?;
        match &detour {
            Detour::Jump(pc) => self.check_jump(&frame, *pc)?,
            Detour::Return(values) => {
                let results = self.results_of(&frame)?;
                let fits = results.len() == values.len()
                    && values.iter().zip(&results).all(|(value, ty)| self.fits(*value, *ty));
                if !fits {
                    return Err(DetourError::Results(results.len()));
                }
            }
        }
        self.debug.detour = Some(detour);
        Ok(())
    }

    /// The values that the innermost frame's function would return if it returned nothing but zeroes, to be changed by
    /// whoever knows better.
    ///
    /// # Errors
    /// If the frame cannot be left: see [`DetourError`].
    pub fn zero_results(&self) -> Result<Vec<Value>, DetourError> {
        let results = self.results_of(&self.movable_frame()?)?;
        Ok(results.into_iter().map(|ty| self.value_of(ty, 0)).collect())
    }

    /// The innermost frame, if it is at an operator that has not begun, or that traps.
    fn movable_frame(&self) -> Result<RawFrame, DetourError> {
        match innermost_exit(self) {
            Some(ExitKind::Point | ExitKind::Trap) => self.innermost_raw_frame().ok_or(DetourError::InHost),
            _ => Err(DetourError::InHost),
        }
    }

    fn check_jump(&mut self, frame: &RawFrame, pc: ModulePc) -> Result<(), DetourError> {
        let code = &frame.code;
        let (module, defined) = (code.module, self.defined_of(code));
        let loaded = self.modules.get(module).ok_or(DetourError::NoOperator)?;
        if loaded.defined_at(pc) != Some(defined) {
            return Err(DetourError::NoOperator);
        }
        let is_pinned = loaded.versions(defined).is_some_and(Versions::is_pinned);
        if self.engine().config().tiers == Tiers::Run || is_pinned || frame.state().is_none() {
            return Err(DetourError::Unsupported);
        }
        let target = self
            .version_of(module, defined, Version::Landing)
            .map_err(|_not_compiled| DetourError::Unsupported)?;
        let point = target.frame.at_or_after(pc).filter(|point| point.pc == pc && point.site.is_some());
        let point = point.ok_or(DetourError::NoOperator)?;
        let has_operands = !target.frame.operands(point.shape).is_empty();
        if has_operands { Err(DetourError::NeedsOperands) } else { Ok(()) }
    }

    fn results_of(&self, frame: &RawFrame) -> Result<Vec<ValueType>, DetourError> {
        let module = self.module(frame.code.module).ok_or(DetourError::Unsupported)?;
        let ty = module.function_type(frame.code.function).ok_or(DetourError::Unsupported)?;
        if has_results_in_memory(ty) { Err(DetourError::Unsupported) } else { Ok(ty.results().to_vec()) }
    }

    /// After an event, with the registers of the innermost frame noted: whether it goes on elsewhere.
    pub(super) fn take_detour(&mut self) -> Result<bool, Failure> {
        let Some(detour) = self.debug.detour.take() else { return Ok(false) };
        let frame = self.innermost_raw_frame();
        let prepared = frame.is_some_and(|frame| match detour {
            Detour::Jump(pc) => self.jump(&frame, pc),
            Detour::Return(values) => self.return_from(&frame, &values),
        });
        if prepared {
            Ok(true)
        } else {
            Err(Failure::Host("the frame cannot go on where it was told to".into()))
        }
    }

    fn jump(&mut self, frame: &RawFrame, pc: ModulePc) -> bool {
        let defined = self.defined_of(&frame.code);
        let Ok(code) = self.version_of(frame.code.module, defined, Version::Landing) else { return false };
        let Some(point) = code.frame.at_or_after(pc).copied() else { return false };
        let (Some(state), Some(site)) = (frame.state(), point.site) else { return false };
        let at = crate::jit::FunctionCode::start_of_site(site);
        self.rebuild_frame(frame, state, &code, at, point.shape, 0)
    }
}
