//! Which program points call the debugger: breakpoints, what watchpoints need, and all points of functions that are
//! stepped through.

use crate::engine::Tiers;
use crate::error::Error;
use crate::jit::FunctionCode;
use crate::store::{LoadedModule, Store};
use crate::tier::Versions;
use crate::translate::Version;
use crate::unwind::{RawFrame, caller_of};
use crate::vm::Limits;
use frame_table::ModulePc;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Breakpoints being set and cleared. Code is republished once, when the edit is dropped.
pub struct BreakpointEdit<'a> {
    store: &'a mut Store,
    changed: BTreeSet<(usize, ModulePc)>,
}

impl BreakpointEdit<'_> {
    /// Sets or clears the breakpoint at a program point, which [`Store::program_point`] found.
    pub fn set(&mut self, module: usize, pc: ModulePc, set: bool) {
        let points = self.store.debug.breakpoints.entry(module).or_default();
        let changed = if set { points.insert(pc) } else { points.remove(&pc) };
        if changed {
            self.changed.insert((module, pc));
        }
    }
}

impl Drop for BreakpointEdit<'_> {
    fn drop(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        if self.store.engine().config().tiers != Tiers::Run {
            self.store.settle_functions_at(&changed);
        }
    }
}

impl Store {
    /// Starts to edit breakpoints.
    pub fn edit_breakpoints(&mut self) -> BreakpointEdit<'_> {
        BreakpointEdit { store: self, changed: BTreeSet::new() }
    }

    /// Sets or clears one breakpoint: see [`BreakpointEdit::set`].
    pub fn set_breakpoint(&mut self, module: usize, pc: ModulePc, set: bool) {
        self.edit_breakpoints().set(module, pc, set);
    }

    /// How often code that was published already has been changed: what breakpoints and steps cost.
    #[must_use]
    pub fn publications(&self) -> u64 {
        self.code().publications()
    }

    /// With [`Tiers::Automatic`]: has every function run in the debug tier, where every value of every frame is there at
    /// every stop, or lets them go back. Frames that are on the stack change as soon as they go on.
    pub fn set_always_debug_tier(&mut self, always: bool) {
        if self.debug.always_debug_tier == always || self.engine().config().tiers != Tiers::Automatic {
            return;
        }
        self.debug.always_debug_tier = always;
        self.settle_all_functions();
        let all: Vec<_> = self.modules.iter().flat_map(LoadedModule::compiled).cloned().collect();
        let stepped = &self.debug.armed;
        let codes: Vec<_> = all.into_iter().filter(|code| !stepped.contains_key(&code.start)).collect();
        self.rearm(codes);
        self.switch_waiting_frames();
    }

    /// After breakpoints were set or cleared: functions change their tier as they are wanted now.
    fn settle_functions_at(&mut self, changed: &BTreeSet<(usize, ModulePc)>) {
        let functions: BTreeSet<(usize, u32)> = changed
            .iter()
            .filter_map(|(module, pc)| Some((*module, self.modules.get(*module)?.defined_at(*pc)?)))
            .collect();
        for (module, defined) in &functions {
            self.settle_function(*module, *defined);
        }
        let versions =
            |(module, defined): &(usize, u32)| self.modules.get(*module).and_then(|it| it.versions(*defined));
        let codes: Vec<_> = functions
            .iter()
            .filter_map(versions)
            .flat_map(Versions::of_debug_tier)
            .filter(|code| !self.debug.armed.contains_key(&code.start))
            .cloned()
            .collect();
        self.rearm(codes);
        self.switch_waiting_frames();
    }

    pub(super) fn is_breakpoint(&self, module: usize, pc: ModulePc) -> bool {
        self.debug.breakpoints.get(&module).is_some_and(|points| points.contains(&pc))
    }

    /// Whether the hook is asked at every operator: at those of the functions that are on top of the stack now, and
    /// of every function that is entered or returned to. Undone by `false`.
    pub fn set_stepping(&mut self, stepping: bool) {
        if stepping {
            self.limits().request(Limits::STEP);
            self.debug.armed_around = 0;
            self.arm_around();
        } else {
            self.limits().clear(Limits::STEP);
            self.disarm_all();
        }
    }

    /// Takes back a request to interrupt that nothing has stopped for; returns whether there was one.
    pub fn take_interrupt(&mut self) -> bool {
        self.limits().clear(Limits::INTERRUPT) != 0
    }

    /// Arms the functions of the two innermost frames: the one that runs, and the one that it would return to.
    pub(super) fn arm_around(&mut self) {
        let inner = self.raw_frames(2);
        let Some(first) = inner.first() else { return };
        if self.debug.armed_around == first.fp {
            return;
        }
        self.debug.armed_around = first.fp;
        for frame in inner {
            self.arm_function(&frame.code);
            self.switch_waiting_frame(&frame);
        }
    }

    /// The same around a frame that is about to run: an exception's handler, which may be far from what is armed.
    pub(super) fn arm_around_frame(&mut self, frame: &RawFrame) {
        self.debug.armed_around = frame.fp;
        let caller = caller_of(self, frame);
        for code in std::iter::once(frame).chain(&caller).map(|frame| &frame.code) {
            self.arm_function(code);
        }
    }

    /// In the signal handler: an interrupt stopped the guest's thread somewhere in Wasm code. The next loop header or
    /// function entry is to stop.
    pub(crate) fn arm_loops(&mut self) {
        let arm = self.debug.hook.is_some();
        self.code_mut().allow(arm);
        self.set_loop_flags(arm);
    }

    /// At a function's entry or after a host call, with something requested: the next operator is to stop.
    pub(crate) fn arm_for_request(&mut self, pc: usize) {
        if let Some(code) = self.code().function_at(pc).cloned() {
            self.arm_function(&code);
        }
    }

    /// A function is about to be compiled for its first call. With a stop requested, which will be at its entry, it begins as
    /// code that can stop there: other code would be left at once, and may have to wait for the debug info to be read.
    pub(crate) fn expect_stop_in(&mut self, module: usize, defined: u32) {
        let is_due = self.limits().requested(Limits::STEP | Limits::INTERRUPT);
        if is_due && self.debug.hook.is_some() && self.engine().config().tiers == Tiers::Automatic {
            self.debug.stepped.insert((module, defined));
        }
    }

    fn arm_function(&mut self, code: &Arc<FunctionCode>) {
        if self.debug.hook.is_none() || self.debug.armed.contains_key(&code.start) {
            return;
        }
        match self.stepped_codes(code) {
            Ok(codes) => codes.into_iter().for_each(|code| self.arm_all_of(code)),
            Err(error) => tracing::error!(%error, "cannot step through a function"),
        }
    }

    fn arm_all_of(&mut self, code: Arc<FunctionCode>) {
        let sites: Vec<usize> = code.sites().collect();
        if !self.debug.armed.contains_key(&code.start) {
            self.code_mut().set_sites(&sites, &[]);
            self.debug.armed.insert(code.start, code);
        }
    }

    /// The code of a function that can be stepped through, and other code that leads to it. New calls run the first from now on.
    fn stepped_codes(&mut self, code: &Arc<FunctionCode>) -> Result<Vec<Arc<FunctionCode>>, Error> {
        if self.engine().config().tiers == Tiers::Run {
            return Ok(vec![Arc::clone(code)]);
        }
        let (module, defined) = (code.module, self.defined_of(code));
        self.version_of(module, defined, Version::Landing)?;
        self.debug.stepped.insert((module, defined));
        self.settle_function(module, defined);
        let versions = self.modules.get(module).and_then(|loaded| loaded.versions(defined));
        Ok(versions.map(|versions| versions.of_debug_tier().cloned().collect()).unwrap_or_default())
    }

    /// Leaves only what is armed whether or not somebody steps.
    pub(super) fn disarm_all(&mut self) {
        let armed = std::mem::take(&mut self.debug.armed);
        for (module, defined) in std::mem::take(&mut self.debug.stepped) {
            self.settle_function(module, defined);
        }
        self.rearm(armed.into_values());
        if self.code().loops_armed() && !self.limits().requested(Limits::INTERRUPT | Limits::SWITCH) {
            let all = self.modules.iter().flat_map(LoadedModule::compiled);
            let lasting = all.flat_map(|code| self.lasting_sites(code)).collect();
            self.code_mut().disarm_loops(&lasting);
            self.set_stop_at_loops(false);
        }
    }

    fn set_loop_flags(&mut self, stop: bool) {
        for instance in &mut self.instances {
            instance.vmctx.set_stop_at_loops(stop);
        }
    }

    /// Whether code of the run tier is to stop at the headers of loops.
    pub(crate) fn set_stop_at_loops(&mut self, stop: bool) {
        let stop = stop || self.tier_stress.is_on();
        if stop {
            self.code_mut().arm_loops();
        }
        self.set_loop_flags(stop);
    }

    /// Arms of these functions what is to be armed whether or not somebody steps, and nothing else.
    pub(crate) fn rearm(&mut self, functions: impl IntoIterator<Item = Arc<FunctionCode>>) {
        let (mut arm, mut disarm) = (Vec::new(), Vec::new());
        for code in functions {
            let lasting = self.lasting_sites(&code);
            disarm.extend(code.sites().filter(|site| !lasting.contains(site)));
            arm.extend(lasting);
        }
        if !arm.is_empty() || !disarm.is_empty() {
            self.code_mut().set_sites(&arm, &disarm);
        }
    }

    /// The sites of a function that are armed whether or not somebody steps.
    fn lasting_sites(&self, code: &FunctionCode) -> BTreeSet<usize> {
        let mut sites = self.watched_sites(code);
        if self.is_left_at_loops(code) {
            sites.extend(code.loop_sites());
        }
        let points = self.debug.breakpoints.get(&code.module);
        let range = self.modules.get(code.module).and_then(|loaded| loaded.module.body_range(code.function));
        if let Some((points, range)) = points.zip(range) {
            sites.extend(points.range(range).filter_map(|pc| code.site_of(*pc)));
        }
        sites
    }

    /// Arms what is to be armed of a function that was just compiled.
    pub(crate) fn arm_breakpoints_of(&mut self, code: &FunctionCode) {
        let sites: Vec<usize> = self.lasting_sites(code).into_iter().collect();
        if !sites.is_empty() {
            self.code_mut().set_sites(&sites, &[]);
        }
    }
}
