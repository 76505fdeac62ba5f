//! When frames change their tier.

use super::Versions;
use crate::engine::{Tier, Tiers};
use crate::jit::FunctionCode;
use crate::module::narrow;
use crate::store::Store;
use crate::translate::{Guard, Version};
use crate::unwind::{Landing, Position, RawFrame, Walk, Walked};
use frame_table::ModulePc;
use std::ops::Range;
use std::sync::Arc;

/// Where a rebuilt frame goes on in its debug code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// At a point, which stops if it is armed.
    AtPoint,
    /// Behind a point whose stop was reported.
    BehindPoint,
}

impl Store {
    /// The function's number without imports.
    pub(crate) fn defined_of(&self, code: &FunctionCode) -> u32 {
        let imported =
            self.modules.get(code.module).map_or(0, |loaded| loaded.module.num_imported_functions());
        code.function - imported
    }

    /// The code that a frame is to have instead of what it has; none if it stays as it is.
    fn landing_code_for(&mut self, frame: &RawFrame) -> Option<Arc<FunctionCode>> {
        let code = &frame.code;
        if code.version == Version::Landing {
            return None;
        }
        let defined = self.defined_of(code);
        let moves = self.switching.is_written(frame.fp)
            || match self.wanted_version(code.module, defined) {
                Version::Landing => true,
                Version::Debug(guard) => {
                    code.version.tier() != Tier::Debug || !code.version.guard().covers(guard)
                }
                Version::Run(guard) | Version::Resumed(_, _, guard) => !code.version.guard().covers(guard),
            };
        moves.then(|| self.version_of(code.module, defined, Version::Landing).ok()).flatten()
    }

    /// Has frames that wait in calls go on in other code, if their functions are wanted there.
    pub(crate) fn switch_waiting_frames(&mut self) {
        if self.engine().config().tiers == Tiers::Run {
            return;
        }
        let frames: Vec<RawFrame> = Walk::new(self)
            .filter_map(|walked| match walked {
                Walked::Frame(frame) => Some(frame),
                Walked::Host(_) | Walked::Gap | Walked::Foreign => None,
            })
            .collect();
        for frame in &frames {
            self.switch_waiting_frame(frame);
        }
    }

    /// The same for one frame. A frame within a call of the runtime is found at its next loop.
    pub(crate) fn switch_waiting_frame(&mut self, frame: &RawFrame) {
        if self.landing_code_for(frame).is_none() {
            return;
        }
        match frame.position {
            Position::Call => self.replace_return(frame),
            Position::Builtin if frame.code.version.tier() == Tier::Debug => self.arm_for_request(frame.pc),
            Position::Builtin => self.set_stop_at_loops(true),
            Position::Point | Position::Trap => {}
        }
    }

    /// A debugger is about to write into a frame's slot: whether the frame will go on with what is there, if it goes on. One
    /// whose values are in registers does so in landing code.
    pub(crate) fn will_read_slot(&mut self, frame: &RawFrame) -> bool {
        let can_move = matches!(frame.position, Position::Call | Position::Point);
        if frame.code.version == Version::Landing {
            return true;
        }
        let is_run = frame.code.version.tier() == Tier::Run;
        if is_run && (self.engine().config().tiers == Tiers::Run || !can_move) {
            return false;
        }
        self.switching.note_written(frame.fp);
        self.switch_waiting_frame(frame);
        true
    }

    /// A call of a frame whose return address was replaced has returned: the registers that it goes on with.
    pub(crate) fn switch_returned(&mut self, frame: &RawFrame) {
        let Some(code) = self.landing_code_for(frame) else { return };
        let Some(call) = frame.code.frame.by_call(frame.code.offset(frame.pc)).copied() else { return };
        let Some(target) = code.frame.calls().iter().find(|other| other.pc == call.pc).copied() else {
            return;
        };
        let popped = self.popped_by_return(frame);
        self.rebuild_frame(frame, (call.shape, call.held), &code, target.returns_to, target.shape, popped);
    }

    /// The innermost frame is on a cold path of the run tier: whether it goes on in the debug tier.
    pub(crate) fn switch_at_point(&mut self, frame: &RawFrame, entrance: Entrance) -> bool {
        let Some(code) = self.landing_code_for(frame) else { return false };
        let Some(point) = frame.point().copied() else { return false };
        let Some(target) = code.frame.at_or_after(point.pc).filter(|other| other.pc == point.pc).copied()
        else {
            return false;
        };
        let Some(site) = target.site else { return false };
        let at = match entrance {
            Entrance::AtPoint => FunctionCode::start_of_site(site),
            Entrance::BehindPoint => site,
        };
        self.rebuild_frame(frame, (point.shape, point.held), &code, at, target.shape, 0)
    }

    /// An exception is caught in a frame: whether it goes on in the debug tier, at the same landing.
    pub(crate) fn switch_at_landing(&mut self, landing: &Landing, exception: u64) -> bool {
        let frame = &landing.frame;
        let Some(code) = self.landing_code_for(frame) else { return false };
        let Some(pc) = frame.operator() else { return false };
        let Some(at) = code.landing_of(pc, landing.handler) else { return false };
        let (Some(state), Some(shape)) = (frame.state(), code.shape_at(pc, frame.position)) else {
            return false;
        };
        self.rebuild_frame(frame, state, &code, at, shape, 0) && self.pass_exception(frame, exception)
    }

    /// The innermost frame is at a point of the debug tier: whether it goes on in faster code, which its function is wanted
    /// in. That it does at the headers of loops.
    pub(crate) fn leave_at_loop(&mut self, frame: &RawFrame) -> bool {
        let code = &frame.code;
        let Some(point) = frame.point().copied() else { return false };
        if !point.site.is_some_and(|site| code.is_loop_site(site)) {
            return false;
        }
        let Some((tier, guard)) = self.faster_tier(code) else { return false };
        match self.version_of(code.module, self.defined_of(code), Version::Resumed(tier, point.pc, guard)) {
            Ok(resumed) => self.resume_frame(frame, point.shape, &resumed),
            Err(error) => {
                tracing::debug!(%error, "a frame stays in the debug tier");
                false
            }
        }
    }

    /// The tier whose code a frame of this code should go on in, and its guard.
    fn faster_tier(&self, code: &FunctionCode) -> Option<(Tier, Guard)> {
        match (self.wanted_version(code.module, self.defined_of(code)), code.version) {
            (Version::Run(guard), version) if version.tier() == Tier::Debug => Some((Tier::Run, guard)),
            (Version::Debug(guard), Version::Landing) => Some((Tier::Debug, guard)),
            _ => None,
        }
    }

    /// Whether the loops of code are armed so that frames leave it.
    pub(crate) fn is_left_at_loops(&self, code: &FunctionCode) -> bool {
        code.version.tier() == Tier::Debug && (self.tier_stress.is_on() || self.faster_tier(code).is_some())
    }

    /// A function's code was compiled for the first time: finds out whether it stays in the debug tier.
    pub(crate) fn pin(&mut self, module: usize, defined: u32) {
        if self.engine().config().tiers == Tiers::Run {
            return;
        }
        let Some(loaded) = self.modules.get_mut(module) else { return };
        let info = Arc::clone(loaded.module.info());
        let index = info.imported.functions + defined;
        if let Some(versions) = loaded.versions_mut(defined) {
            versions.pin_if(|| super::is_pinned(&info, index));
        }
    }
}

impl crate::store::LoadedModule {
    /// How many functions the module defines.
    pub(crate) fn defined(&self) -> u32 {
        narrow(self.stubs.len())
    }

    /// The number, without imports, of the function that an operator is in.
    pub(crate) fn defined_at(&self, pc: ModulePc) -> Option<u32> {
        self.module.function_at(pc)?.checked_sub(self.module.num_imported_functions())
    }

    /// The code of a defined function.
    pub(crate) fn versions(&self, defined: u32) -> Option<&Versions> {
        self.functions.get(defined as usize)
    }

    pub(crate) fn versions_mut(&mut self, defined: u32) -> Option<&mut Versions> {
        self.functions.get_mut(defined as usize)
    }

    /// A defined function's number, with imports.
    pub(super) fn function_of(&self, defined: u32) -> u32 {
        self.module.num_imported_functions() + defined
    }

    /// Where the body of a defined function is in the module.
    pub(super) fn body_range(&self, defined: u32) -> Range<ModulePc> {
        self.module.body_range(self.function_of(defined)).unwrap_or(ModulePc(0)..ModulePc(0))
    }
}
