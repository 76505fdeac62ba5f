//! `Z0`/`z0` and `Z1`/`z1`: breakpoints at code addresses, of all threads. Hardware breakpoints are the same thing here.

use debugger::ModuleId;
use frame_table::ModulePc;
use gdbstub::target::ext::breakpoints::{
    Breakpoints, HwBreakpoint, HwBreakpointOps, SwBreakpoint, SwBreakpointOps,
};

use gdbstub::target::TargetResult;

use super::{Target, refuse};
use crate::machine::Fault;

impl Target<'_> {
    fn code_at(&self, address: u64) -> Result<(ModuleId, ModulePc), Fault> {
        let (module, pc) = self.persona.space().code_at(address).ok_or(Fault::Unmapped)?;
        Ok((ModuleId(module), pc))
    }

    fn add(&mut self, address: u64) -> Result<(), Fault> {
        if self.persona.is_dropped_code(address) {
            return Ok(());
        }
        let (module, pc) = self.code_at(address)?;
        if self.debuggee.breakpoints.contains(&(module, pc)) {
            return Ok(());
        }
        self.inspect_thread(self.debuggee.stopped_thread(), move |paused| paused.add_breakpoint(module, pc))?
            .map_err(|error| {
                tracing::debug!(%error, %pc, "no breakpoint");
                Fault::Unmapped
            })?;
        self.debuggee.breakpoints.insert((module, pc));
        Ok(())
    }

    fn remove(&mut self, address: u64) -> Result<(), Fault> {
        if self.persona.is_dropped_code(address) {
            return Ok(());
        }
        let place = self.code_at(address)?;
        if !self.debuggee.breakpoints.remove(&place) {
            return Ok(());
        }
        let (module, pc) = place;
        self.inspect_thread(self.debuggee.stopped_thread(), move |paused| {
            paused.remove_breakpoint(module, pc)
        })
    }
}

impl Breakpoints for Target<'_> {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }
}

impl SwBreakpoint for Target<'_> {
    fn add_sw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.add(address).map(|()| true).map_err(refuse)
    }

    fn remove_sw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.remove(address).map(|()| true).map_err(refuse)
    }
}

impl HwBreakpoint for Target<'_> {
    fn add_hw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.add(address).map(|()| true).map_err(refuse)
    }

    fn remove_hw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.remove(address).map(|()| true).map_err(refuse)
    }
}
