//! `Z0`/`z0` and `Z1`/`z1`: breakpoints at code addresses, of all threads. Hardware breakpoints are the same thing here.

use std::sync::Arc;

use debugger::{Condition, ModuleId};
use frame_table::ModulePc;
use gdbstub::target::ext::breakpoints::{
    Breakpoints, HwBreakpoint, HwBreakpointOps, SwBreakpoint, SwBreakpointOps,
};

use gdbstub::target::TargetResult;

use super::{Target, refuse};
use crate::address_space::Place;
use crate::agent::Expression;
use crate::condition::AtBreakpoint;
use crate::debuggee::{Monitored, Placed};
use crate::machine::Fault;
use crate::trace::{AtTracepoint, Collecting};

impl Target<'_> {
    /// The operator at an address.
    pub(super) fn code_at(&self, address: u64) -> Result<(ModuleId, ModulePc), Fault> {
        let (module, pc) = self.persona.space().code_at(address).ok_or(Fault::Unmapped)?;
        Ok((ModuleId(module), pc))
    }

    /// The function of the host that an address stands for, as it is imported.
    fn host_function_at(&self, address: u64) -> Option<String> {
        match self.persona.space().place(address)? {
            Place::HostFunction { module, function } => {
                self.debuggee.symbols.imported_function(module, function).map(str::to_owned)
            }
            _ => None,
        }
    }

    /// Sets a breakpoint that stops the guest when one of the conditions holds, which are agent expressions. At one that
    /// cannot be understood here it always stops: the client looks at its conditions itself. With commands the guest does
    /// those, and goes on.
    ///
    /// # Errors
    /// When there is no code, or a command cannot be understood.
    pub(crate) fn break_if(
        &mut self,
        address: u64,
        conditions: &[Vec<u8>],
        commands: &[Vec<u8>],
    ) -> Result<(), Fault> {
        let parsed =
            |all: &[Vec<u8>]| all.iter().map(|bytes| Expression::parse(bytes)).collect::<Option<_>>();
        let commands: Vec<Expression> = parsed(commands).ok_or(Fault::Fixed)?;
        let conditions: Option<Vec<Expression>> = parsed(conditions);
        if conditions.is_none() && !commands.is_empty() {
            return Err(Fault::Fixed);
        }
        let (persona, symbols) = (self.persona, Arc::clone(&self.debuggee.symbols));
        let output = Arc::clone(&self.debuggee.output);
        let condition =
            conditions.map(|conditions| AtBreakpoint { conditions, commands, persona, symbols, output });
        if condition.is_none() {
            tracing::debug!(
                address,
                "a condition with operators of another kind: the client has to look at it"
            );
        }
        self.add(address, condition)
    }

    fn add(&mut self, address: u64, condition: Option<AtBreakpoint>) -> Result<(), Fault> {
        // The end of a call that the client makes, whose caller is a frame that it made up. Or of the program itself, where it is
        // over: `finish` out of its outermost frame.
        if self.persona.space().place(address) == Some(Place::Host)
            || self.persona.is_dropped_code(address)
            || self.pretended.returns_to(address)
            || self.is_below_stack(address, 1)
        {
            return Ok(());
        }
        let condition = condition.map(|condition| Arc::new(condition) as Arc<dyn Condition>);
        if let Some(function) = self.host_function_at(address) {
            return self.inspect_thread(self.debuggee.stopped_thread(), move |paused| {
                paused.add_host_breakpoint_if(&function, condition);
            });
        }
        let (module, pc) = self.code_at(address)?;
        self.debuggee.note_return(self.thread, (module, pc));
        let placed = self.debuggee.breakpoints.entry((module, pc)).or_default();
        if condition.is_none() && matches!(placed.client, Some(None)) {
            return Ok(());
        }
        let before = placed.client.replace(condition);
        let arranged = self.arrange((module, pc));
        if arranged.is_err()
            && let Some(placed) = self.debuggee.breakpoints.get_mut(&(module, pc))
        {
            placed.client = before;
            self.forget_unused((module, pc));
        }
        arranged
    }

    /// Sets a breakpoint that the client does not know of, or with none removes it.
    ///
    /// # Errors
    /// When there is no code, or the guest cannot be asked.
    pub(super) fn set_monitored(
        &mut self,
        place: (ModuleId, ModulePc),
        monitored: Option<Monitored>,
    ) -> Result<(), Fault> {
        let placed = self.debuggee.breakpoints.entry(place).or_default();
        let before = std::mem::replace(&mut placed.monitored, monitored);
        let arranged = self.arrange(place);
        if arranged.is_err()
            && let Some(placed) = self.debuggee.breakpoints.get_mut(&place)
        {
            placed.monitored = before;
        }
        self.forget_unused(place);
        arranged
    }

    /// Has the guest do at an operator what is wanted there.
    fn arrange(&self, (module, pc): (ModuleId, ModulePc)) -> Result<(), Fault> {
        let Some(placed) = self.debuggee.breakpoints.get(&(module, pc)) else { return Ok(()) };
        let condition = match (placed.traced, placed.stops()) {
            (Some(address), client) => {
                let collecting = self.collecting();
                Some(Arc::new(AtTracepoint { address, collecting, client }) as Arc<dyn Condition>)
            }
            (None, Some(condition)) => condition,
            (None, None) => {
                return self.inspect_thread(self.debuggee.stopped_thread(), move |paused| {
                    paused.remove_breakpoint(module, pc);
                });
            }
        };
        self.inspect_thread(self.debuggee.stopped_thread(), move |paused| {
            paused.add_breakpoint_if(module, pc, condition)
        })?
        .map_err(|error| {
            tracing::debug!(%error, %pc, "no breakpoint");
            Fault::Unmapped
        })
    }

    fn forget_unused(&mut self, place: (ModuleId, ModulePc)) {
        let is_unused = |placed: &Placed| {
            placed.client.is_none() && placed.traced.is_none() && placed.monitored.is_none()
        };
        if self.debuggee.breakpoints.get(&place).is_some_and(is_unused) {
            self.debuggee.breakpoints.remove(&place);
        }
    }

    /// How tracepoints look at the guest.
    pub(crate) fn collecting(&self) -> Collecting {
        let (tracing, symbols) = (self.debuggee.tracing.clone(), Arc::clone(&self.debuggee.symbols));
        Collecting { tracing, persona: self.persona, symbols }
    }

    /// Begins to trace: all tracepoints are set.
    ///
    /// # Errors
    /// When there is no code for one; then none is.
    pub(crate) fn start_tracing(&mut self) -> Result<(), Fault> {
        self.remove_tracepoints()?;
        for address in self.debuggee.tracing.addresses() {
            let place = self.code_at(address)?;
            self.debuggee.breakpoints.entry(place).or_default().traced = Some(address);
            if let Err(fault) = self.arrange(place) {
                self.remove_tracepoints()?;
                return Err(fault);
            }
        }
        self.debuggee.tracing.start();
        Ok(())
    }

    /// Removes all tracepoints from the guest.
    ///
    /// # Errors
    /// When the guest is not stopped.
    pub(crate) fn remove_tracepoints(&mut self) -> Result<(), Fault> {
        let is_traced = |placed: &Placed| placed.traced.is_some();
        let all = self.debuggee.breakpoints.iter().filter(|(_, placed)| is_traced(placed));
        let places: Vec<_> = all.map(|(place, _)| *place).collect();
        for place in places {
            if let Some(placed) = self.debuggee.breakpoints.get_mut(&place) {
                placed.traced = None;
            }
            self.arrange(place)?;
            self.forget_unused(place);
        }
        Ok(())
    }

    fn remove(&mut self, address: u64) -> Result<(), Fault> {
        let is_nowhere =
            matches!(self.persona.space().place(address), Some(Place::Stack { .. } | Place::Host));
        if self.persona.is_dropped_code(address) || is_nowhere {
            return Ok(());
        }
        if let Some(function) = self.host_function_at(address) {
            return self.inspect_thread(self.debuggee.stopped_thread(), move |paused| {
                paused.remove_host_breakpoint(&function);
            });
        }
        let place = self.code_at(address)?;
        let Some(placed) = self.debuggee.breakpoints.get_mut(&place) else { return Ok(()) };
        placed.client = None;
        self.arrange(place)?;
        self.forget_unused(place);
        Ok(())
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
