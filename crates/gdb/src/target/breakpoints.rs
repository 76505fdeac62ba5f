//! `Z0`/`z0` and `Z1`/`z1`: breakpoints at code addresses, of all threads. Hardware breakpoints are the same thing here.

use std::sync::Arc;

use debugger::{Condition, ModuleId};
use frame_table::ModulePc;
use gdbstub::target::ext::breakpoints::{
    Breakpoints, HwBreakpoint, HwBreakpointOps, SwBreakpoint, SwBreakpointOps,
};

use gdbstub::target::TargetResult;

use super::{Target, refuse};
use crate::agent::Expression;
use crate::condition::AnyOf;
use crate::machine::Fault;

impl Target<'_> {
    fn code_at(&self, address: u64) -> Result<(ModuleId, ModulePc), Fault> {
        let (module, pc) = self.persona.space().code_at(address).ok_or(Fault::Unmapped)?;
        Ok((ModuleId(module), pc))
    }

    /// Sets a breakpoint that stops the guest when one of the conditions holds, which are agent expressions. At one that
    /// cannot be understood here it always stops: the client looks at its conditions itself.
    ///
    /// # Errors
    /// When there is no code.
    pub(crate) fn break_if(&mut self, address: u64, conditions: &[Vec<u8>]) -> Result<(), Fault> {
        let expressions: Option<Vec<Expression>> =
            conditions.iter().map(|bytes| Expression::parse(bytes)).collect();
        let (persona, symbols) = (self.persona, Arc::clone(&self.debuggee.symbols));
        let condition = expressions.map(|expressions| AnyOf { expressions, persona, symbols });
        if condition.is_none() {
            tracing::debug!(
                address,
                "a condition with operators of another kind: the client has to look at it"
            );
        }
        self.add(address, condition)
    }

    fn add(&mut self, address: u64, condition: Option<AnyOf>) -> Result<(), Fault> {
        if self.persona.is_dropped_code(address) {
            return Ok(());
        }
        let (module, pc) = self.code_at(address)?;
        let condition = condition.map(|condition| Arc::new(condition) as Arc<dyn Condition>);
        let is_conditional = condition.is_some();
        if !is_conditional && self.debuggee.breakpoints.get(&(module, pc)) == Some(&false) {
            return Ok(());
        }
        self.inspect_thread(self.debuggee.stopped_thread(), move |paused| {
            paused.add_breakpoint_if(module, pc, condition)
        })?
        .map_err(|error| {
            tracing::debug!(%error, %pc, "no breakpoint");
            Fault::Unmapped
        })?;
        self.debuggee.breakpoints.insert((module, pc), is_conditional);
        Ok(())
    }

    fn remove(&mut self, address: u64) -> Result<(), Fault> {
        if self.persona.is_dropped_code(address) {
            return Ok(());
        }
        let place = self.code_at(address)?;
        if self.debuggee.breakpoints.remove(&place).is_none() {
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
        self.add(address, None).map(|()| true).map_err(refuse)
    }

    fn remove_sw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.remove(address).map(|()| true).map_err(refuse)
    }
}

impl HwBreakpoint for Target<'_> {
    fn add_hw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.add(address, None).map(|()| true).map_err(refuse)
    }

    fn remove_hw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.remove(address).map(|()| true).map_err(refuse)
    }
}
