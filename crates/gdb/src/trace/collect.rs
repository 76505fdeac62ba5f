//! Collecting, on the guest's thread.

use std::sync::Arc;

use debugger::{Condition, Paused};

use super::frame::TraceFrame;
use super::{Action, Key, Pending, Stopped, Tracing};
use crate::agent::Facts;
use crate::condition::Shown;
use crate::int::{index, wide};
use crate::machine::Machine;
use crate::paused::View;
use crate::persona::Persona;
use crate::symbols::Symbols;

/// Bytes of a frame's image above its pointer.
const RETURN: u64 = 16;

/// The longest piece of memory that one action collects.
const LONGEST: u64 = 1 << 20;

/// How guests are looked at while something is collected.
#[derive(Clone, Debug)]
pub(crate) struct Collecting {
    pub(crate) tracing: Tracing,
    pub(crate) persona: &'static dyn Persona,
    pub(crate) symbols: Arc<Symbols>,
}

/// What happens where tracepoints are: they collect, and the guest goes on unless the client has a breakpoint there, too.
#[derive(Debug)]
pub(crate) struct AtTracepoint {
    pub(crate) address: u64,
    pub(crate) collecting: Collecting,
    /// The client's breakpoint at the same place: none inside if it has no condition.
    pub(crate) client: Option<Option<Arc<dyn Condition>>>,
}

impl Condition for AtTracepoint {
    fn holds(&self, paused: &mut Paused<'_>) -> bool {
        let steps = self.collecting.pass(paused, self.address);
        let stops = match &self.client {
            None => false,
            Some(None) => true,
            Some(Some(condition)) => condition.holds(paused),
        };
        if stops {
            // The client hears of this stop, which is no time for steps.
            self.collecting.tracing.set_pending(None);
        }
        stops || steps
    }
}

impl Collecting {
    /// Collects for all tracepoints at an address. True if steps are to be collected after it.
    fn pass(&self, paused: &mut Paused<'_>, address: u64) -> bool {
        let ordinal = paused.thread_ordinal();
        let keys: Vec<Key> = {
            let state = self.tracing.state();
            let here = state.points.iter().filter(|((_, at), point)| *at == address && point.is_enabled);
            if state.is_running { here.map(|(key, _)| *key).collect() } else { Vec::new() }
        };
        let mut steps = false;
        for key in keys {
            steps |= self.hit(paused, key, ordinal);
        }
        steps
    }

    fn hit(&self, paused: &mut Paused<'_>, key: Key, ordinal: u32) -> bool {
        let Some(point) = self.tracing.state().points.get(&key).cloned() else { return false };
        let view = View::new(paused, &self.symbols);
        if let Some(condition) = &point.condition {
            let mut facts = self.facts(&view, key.0);
            // One that cannot be looked at does not hold.
            if !condition.evaluate(&mut facts).is_ok_and(|value| value != 0) {
                return false;
            }
        }
        let frame = self.frame(&view, key.0, &point.actions);
        let mut state = self.tracing.state();
        if !state.is_running {
            return false;
        }
        state.keep(key, frame);
        let Some(kept) = state.points.get_mut(&key) else { return false };
        kept.hits += 1;
        if kept.passes > 0 && kept.hits >= kept.passes {
            state.stop(Stopped::Passes(key.0));
            return false;
        }
        let steps = state.is_running && point.steps > 0 && state.pending.is_none();
        if steps {
            state.pending = Some(Pending { key, thread_ordinal: ordinal, left: point.steps });
        }
        steps
    }

    /// Collects after a step from a tracepoint.
    pub(crate) fn step(&self, paused: &mut Paused<'_>, key: Key) {
        let Some(point) = self.tracing.state().points.get(&key).cloned() else { return };
        let frame = self.frame(&View::new(paused, &self.symbols), key.0, &point.step_actions);
        let mut state = self.tracing.state();
        if state.is_running {
            state.keep(key, frame);
        }
    }

    fn facts<'a>(&'a self, machine: &'a dyn Machine, tracepoint: u32) -> Tracer<'a> {
        let shown = Shown { machine, persona: self.persona, output: None };
        Tracer { shown, tracing: &self.tracing, frame: TraceFrame { tracepoint, ..TraceFrame::default() } }
    }

    fn frame(&self, machine: &dyn Machine, tracepoint: u32, actions: &[Action]) -> TraceFrame {
        let mut tracer = self.facts(machine, tracepoint);
        // Without those nothing can be made of the others.
        for number in self.persona.expedited() {
            tracer.take(*number);
        }
        // The caller's frame pointer and where it goes on, which make a frame of these.
        for number in self.persona.expedited().iter().filter(|number| **number != self.persona.pc()) {
            let value = u16::try_from(*number).ok().and_then(|number| tracer.shown.register(number));
            let _read = value.is_some_and(|address| tracer.collect(address, RETURN));
        }
        let pc = u16::try_from(self.persona.pc()).ok().and_then(|number| tracer.shown.register(number));
        tracer.frame.pc = pc.unwrap_or_default();
        for action in actions {
            match action {
                Action::Registers(numbers) => numbers.iter().for_each(|number| tracer.take(*number)),
                Action::Memory { base, offset, length } => {
                    let base = match base {
                        Some(register) => tracer.shown.register(*register),
                        None => Some(0),
                    };
                    let is_narrow = tracer.frame.pc <= u64::from(u32::MAX);
                    let address = base.map(|base| base.wrapping_add(*offset));
                    let address = address
                        .map(|address| if is_narrow { address & u64::from(u32::MAX) } else { address });
                    // What cannot be read is not in the frame, and the client says so.
                    let _read = address.is_some_and(|address| tracer.collect(address, *length));
                }
                Action::Expression(expression) => {
                    let _partly = expression.run(&mut tracer);
                }
            }
        }
        tracer.frame
    }
}

/// A stopped thread for expressions that collect.
struct Tracer<'a> {
    shown: Shown<'a>,
    tracing: &'a Tracing,
    frame: TraceFrame,
}

impl Tracer<'_> {
    fn take(&mut self, number: usize) {
        if let Some(bytes) = self.shown.persona.register(self.shown.machine, number) {
            self.frame.registers.insert(number, bytes);
        }
    }
}

impl Facts for Tracer<'_> {
    fn register(&self, number: u16) -> Option<u64> {
        self.shown.register(number)
    }

    fn memory(&self, address: u64, into: &mut [u8]) -> bool {
        self.shown.memory(address, into)
    }

    fn collect(&mut self, address: u64, length: u64) -> bool {
        let is_there = |(start, bytes): &(u64, Vec<u8>)| {
            *start <= address && address.saturating_add(length) <= start.saturating_add(wide(bytes.len()))
        };
        if length == 0 || self.frame.memory.iter().any(is_there) {
            return true;
        }
        let mut bytes = vec![0; index(length.min(LONGEST))];
        if !self.shown.memory(address, &mut bytes) {
            return false;
        }
        self.frame.memory.push((address, bytes));
        true
    }

    fn collect_variable(&mut self, number: u16) {
        if let Some(value) = self.variable(number) {
            self.frame.variables.insert(number.into(), value);
        }
    }

    fn variable(&self, number: u16) -> Option<u64> {
        self.tracing.state().variables.get(&u32::from(number)).map(|variable| variable.value)
    }

    fn set_variable(&mut self, number: u16, value: u64) {
        if let Some(variable) = self.tracing.state().variables.get_mut(&u32::from(number)) {
            variable.value = value;
        }
    }
}
