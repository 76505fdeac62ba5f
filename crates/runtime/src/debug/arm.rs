//! Which program points call the debugger: breakpoints, and all points of functions that are stepped through.

use crate::jit::FunctionCode;
use crate::store::Store;
use crate::unwind::{RawFrame, walk};
use crate::vm::Limits;
use frame_table::ModulePc;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Store {
    /// Sets or clears the breakpoint at a program point, which [`Store::program_point`] found.
    pub fn set_breakpoint(&mut self, module: usize, pc: ModulePc, set: bool) {
        let points = self.debug.breakpoints.entry(module).or_default();
        let changed = if set { points.insert(pc) } else { points.remove(&pc) };
        if !changed {
            return;
        }
        let Some(code) = self.code_at(module, pc) else { return };
        if self.debug.armed.contains_key(&code.start) {
            return;
        }
        let site: Vec<usize> = code.site_of(pc).into_iter().collect();
        let (arm, disarm) = if set { (site, Vec::new()) } else { (Vec::new(), site) };
        self.code_mut().set_sites(&arm, &disarm);
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
        let activations = walk(self, 2);
        let inner: Vec<RawFrame> = activations.into_iter().flat_map(|activation| activation.frames).collect();
        let Some(first) = inner.first() else { return };
        if self.debug.armed_around == first.fp {
            return;
        }
        self.debug.armed_around = first.fp;
        for frame in inner {
            self.arm_function(&frame.code);
        }
    }

    /// At a function's entry or a loop header, with something requested: the next operator is to stop.
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

    /// Leaves only breakpoints armed.
    pub(super) fn disarm_all(&mut self) {
        let mut disarm = Vec::new();
        let mut keep = Vec::new();
        for code in std::mem::take(&mut self.debug.armed).into_values() {
            disarm.extend(code.sites());
            keep.extend(self.breakpoint_sites(&code));
        }
        if !disarm.is_empty() {
            let keep_set: BTreeSet<usize> = keep.iter().copied().collect();
            disarm.retain(|site| !keep_set.contains(site));
            self.code_mut().set_sites(&[], &disarm);
        }
    }

    fn breakpoint_sites(&self, code: &FunctionCode) -> Vec<usize> {
        let points = self.debug.breakpoints.get(&code.module);
        let range = self.modules.get(code.module).and_then(|loaded| loaded.module.body_range(code.function));
        let (Some(points), Some(range)) = (points, range) else { return Vec::new() };
        points.range(range).filter_map(|pc| code.site_of(*pc)).collect()
    }

    /// Arms the breakpoints of a function that was just compiled.
    pub(crate) fn arm_breakpoints_of(&mut self, code: &Arc<FunctionCode>) {
        let sites = self.breakpoint_sites(code);
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
