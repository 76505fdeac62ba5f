//! Which program points end a step.

use crate::event::Resume;
use runtime::{Store, WasmFrame};

/// What the guest was told to do, and from where.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// Run; only breakpoints, interrupts and traps stop.
    Run,
    /// Stop at the first point.
    First,
    /// A step of this kind from this frame (its address).
    Step(Resume, usize),
    /// The frame at this address is left; after it, as many more.
    Leave(usize, u32),
}

impl Plan {
    /// The plan for resuming a store that is stopped in `innermost`.
    pub(crate) fn new(resume: Resume, innermost: Option<&WasmFrame>) -> Self {
        match resume {
            Resume::Continue => Self::Run,
            step => Self::Step(step, innermost.map_or(usize::MAX, WasmFrame::address)),
        }
    }

    /// Whether breakpoints at the operator where it is done are not hit: it arrives there, and goes no further.
    pub(crate) fn passes_breakpoints(&self) -> bool {
        matches!(self, Self::Step(Resume::StepInstruction, _) | Self::Leave(..))
    }

    /// Whether the hook has to be asked at every point.
    pub(crate) fn steps(&self) -> bool {
        !matches!(self, Self::Run)
    }

    /// Whether arriving at the innermost frame's operator completes the plan.
    pub(crate) fn is_done(&self, store: &Store) -> bool {
        let (resume, from) = match self {
            Self::Run => return false,
            Self::First => return true,
            Self::Leave(from, _) => {
                return store.innermost_frame().is_none_or(|frame| frame.address() > *from);
            }
            Self::Step(resume, from) => (resume, *from),
        };
        let Some(frame) = store.innermost_frame() else { return true };
        match resume {
            Resume::Continue | Resume::Call { .. } | Resume::Abandon | Resume::Return { .. } => false,
            Resume::StepInstruction | Resume::Jump(_) => true,
            Resume::StepRange { module, range } => {
                frame.address() != from || frame.module != module.index() || !range.contains(&frame.pc)
            }
            // Callers are higher on the stack.
            Resume::StepOut => frame.address() > from,
        }
    }
}
