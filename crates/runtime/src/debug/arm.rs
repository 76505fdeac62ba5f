//! Which program points call the debugger: breakpoints, what watchpoints need, and all points of functions that are
//! stepped through.

use crate::jit::FunctionCode;
use crate::store::{LoadedModule, Store};
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
        let (mut arm, mut disarm) = (Vec::new(), Vec::new());
        for (module, pc) in std::mem::take(&mut self.changed) {
            let Some(code) = self.store.code_at(module, pc) else { continue };
            let Some(site) = code.site_of(pc) else { continue };
            if !self.store.debug.armed.contains_key(&code.start) {
                let wanted = self.store.is_breakpoint(module, pc) || self.store.is_watched(module, pc, site);
                if wanted { &mut arm } else { &mut disarm }.push(site);
            }
        }
        if !arm.is_empty() || !disarm.is_empty() {
            self.store.code_mut().set_sites(&arm, &disarm);
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
    }

    /// At a function's entry or after a host call, with something requested: the next operator is to stop.
    pub(crate) fn arm_for_request(&mut self, pc: usize) {
        if let Some(code) = self.code().function_at(pc).cloned() {
            self.arm_function(&code);
        }
    }

    fn arm_function(&mut self, code: &Arc<FunctionCode>) {
        if self.debug.hook.is_none() || self.debug.armed.contains_key(&code.start) {
            return;
        }
        let sites: Vec<usize> = code.sites().collect();
        self.code_mut().set_sites(&sites, &[]);
        self.debug.armed.insert(code.start, Arc::clone(code));
    }

    /// Leaves only what is armed whether or not somebody steps.
    pub(super) fn disarm_all(&mut self) {
        let armed = std::mem::take(&mut self.debug.armed);
        self.rearm(armed.into_values());
        if self.code().loops_armed() && !self.limits().requested(Limits::INTERRUPT) {
            let all = self.modules.iter().flat_map(LoadedModule::compiled);
            let lasting = all.flat_map(|code| self.lasting_sites(code)).collect();
            self.code_mut().disarm_loops(&lasting);
        }
    }

    /// Arms of these functions what is to be armed whether or not somebody steps, and nothing else.
    pub(super) fn rearm(&mut self, functions: impl IntoIterator<Item = Arc<FunctionCode>>) {
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

    fn code_at(&self, module: usize, pc: ModulePc) -> Option<Arc<FunctionCode>> {
        let loaded = &self.modules.get(module)?.module;
        let defined = loaded.function_at(pc)?.checked_sub(loaded.num_imported_functions())?;
        self.compiled_already(module, defined).cloned()
    }
}
