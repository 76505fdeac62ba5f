//! What a hook is told, and telling it.

use super::WatchHit;
use crate::engine::{Tier, Tiers};
use crate::instance::Instance;
use crate::store::Store;
use crate::tier::Entrance;
use crate::trap::{Failure, TrapCode};
use crate::unwind::{ExitKind, Landing, RawFrame, handler_of, innermost_exit};
use crate::value::{GcRef, Value};
use crate::vm::Limits;
use frame_table::ModulePc;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Something that a debugger wants to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DebugEvent {
    /// The innermost frame is about to run the operator at an armed program point.
    Point {
        /// Index of the module in the store.
        module: usize,
        /// The operator.
        pc: ModulePc,
        /// Whether a breakpoint is there.
        breakpoint: bool,
        /// Whether somebody asked for an interrupt, which this stop answers.
        interrupted: bool,
        /// What the operator before this one, which has run, did to what is watched.
        watched: Vec<WatchHit>,
    },
    /// The innermost frame's operator traps.
    Trap(TrapCode),
    /// The innermost frame's operator, or the host function that it called, throws. No frame was given up yet.
    Exception {
        /// What is thrown.
        exception: GcRef,
        /// Whether a frame of the innermost activation catches it.
        caught: bool,
        /// Whether it was thrown before: by `throw_ref`, `rethrow`, or out of a host function.
        rethrown: bool,
    },
    /// A host function failed.
    HostError(String),
    /// A host function that waits noticed that an interrupt is wanted; it goes on waiting after.
    InterruptedInHost,
    /// A host function of those that were asked for is about to run, for Wasm code or for the host: see
    /// [`Store::stop_at_host_calls`].
    HostCall {
        /// `module.name` as it is imported.
        function: String,
        /// What it is called with.
        arguments: Vec<Value>,
    },
    /// A module was instantiated; its start function has not run.
    ModuleLoaded(Instance),
}

/// What the guest does after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// Goes on: from a point with its operator, from a trap by ending.
    Continue,
    /// Ends with [`Failure::Killed`].
    Kill,
}

/// Whoever is told of events.
pub trait DebugHook: Send + Sync {
    /// An event happened; the store is stopped until this returns.
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption;
}

impl Store {
    /// Has a hook told of all events, or none.
    pub fn set_debug_hook(&mut self, hook: Option<Arc<dyn DebugHook>>) {
        self.debug.hook = hook;
    }

    /// The innermost frame is at an armed point, or on a cold path of the run tier. Returns whether it was rebuilt for the
    /// other tier.
    pub(crate) fn at_point(&mut self) -> Result<bool, Failure> {
        self.collect_if_stressed();
        self.stress_tiers();
        let Some(frame) = self.innermost_raw_frame() else { return Ok(false) };
        let Some((module, pc)) = frame.operator().map(|pc| (frame.code.module, pc)) else { return Ok(false) };
        if self.engine().config().tiers == Tiers::Automatic && frame.code.version.tier() == Tier::Run {
            return self.at_run_point(&frame, module, pc);
        }
        if self.switch_at_point(&frame, Entrance::AtPoint) {
            return Ok(true);
        }
        let watched = self.finish_watched();
        let breakpoint = self.is_breakpoint(module, pc);
        let stepping = self.limits().requested(Limits::STEP);
        // Told after the others: one stop has one reason, and none is lost.
        let interrupted = !breakpoint && watched.is_empty() && self.limits().clear(Limits::INTERRUPT) != 0;
        if stepping {
            self.arm_around();
        }
        if stepping || breakpoint || interrupted || !watched.is_empty() {
            let event = DebugEvent::Point { module, pc, breakpoint, interrupted, watched };
            if self.report(event) == Resumption::Kill {
                return Err(Failure::Killed);
            }
        }
        if !self.limits().requested(Limits::STEP) {
            self.disarm_all();
        }
        if self.take_detour()? {
            return Ok(true);
        }
        self.begin_watched();
        Ok(self.switch_at_point(&frame, Entrance::BehindPoint) || self.leave_at_loop(&frame))
    }

    /// The innermost frame is at a function's entry or a loop's header in the run tier. Only interrupts are told of here:
    /// for the rest it goes on in the debug tier, which is at the same operator.
    fn at_run_point(&mut self, frame: &RawFrame, module: usize, pc: ModulePc) -> Result<bool, Failure> {
        let interrupted = self.limits().clear(Limits::INTERRUPT) != 0;
        if interrupted {
            let watched = Vec::new();
            let event = DebugEvent::Point { module, pc, breakpoint: false, interrupted, watched };
            if self.report(event) == Resumption::Kill {
                return Err(Failure::Killed);
            }
        }
        if self.limits().requested(Limits::STEP) {
            self.arm_around();
        } else {
            self.disarm_all();
        }
        if self.take_detour()? {
            return Ok(true);
        }
        let entrance = if interrupted { Entrance::BehindPoint } else { Entrance::AtPoint };
        Ok(self.switch_at_point(frame, entrance))
    }

    /// At a function's entry, with something requested.
    pub(crate) fn at_entry(&mut self) -> Result<bool, Failure> {
        if !self.limits().requested(Limits::INTERRUPT | Limits::STEP | Limits::SWITCH) {
            self.collect_if_stressed();
            return Ok(false);
        }
        let innermost = self.innermost_raw_frame();
        match innermost.filter(|frame| frame.code.version.tier() == Tier::Debug) {
            Some(frame) => {
                self.collect_if_stressed();
                self.stress_tiers();
                if self.limits().requested(Limits::INTERRUPT | Limits::STEP) {
                    self.arm_for_request(frame.pc);
                }
                Ok(false)
            }
            None => self.at_point(),
        }
    }

    /// The innermost frame's instruction trapped: whether it goes on elsewhere, after whoever debugs it saw it.
    pub(crate) fn at_trap(&mut self, code: TrapCode, general: [u64; 16]) -> Result<(), Failure> {
        let failure = self.trap_failure(code);
        // Not before: whoever debugs it may have called the guest meanwhile.
        self.note_general_registers(general);
        match failure {
            Failure::Trap(_) if self.take_detour()? => Ok(()),
            failure => Err(failure),
        }
    }

    /// How the guest ends by a trap, after whoever debugs it saw it.
    pub(crate) fn trap_failure(&mut self, code: TrapCode) -> Failure {
        self.forget_trapped();
        match self.report(DebugEvent::Trap(code)) {
            Resumption::Continue => Failure::Trap(code),
            Resumption::Kill => Failure::Killed,
        }
    }

    /// How the guest ends because the host cannot go on, after whoever debugs it was told why.
    pub(crate) fn host_failure(&mut self, words: String) -> Failure {
        match self.report(DebugEvent::HostError(words.clone())) {
            Resumption::Continue => Failure::Host(words),
            Resumption::Kill => Failure::Killed,
        }
    }

    /// An exception is thrown where the innermost activation's exit is: where it is caught, with its reference bits.
    /// The thrower holds it, and gives it up if it is caught.
    pub(crate) fn throw(&mut self, exception: GcRef) -> Result<Option<(Landing, u64)>, Failure> {
        let Some(bits) = self.roots.get_mut().get(exception) else { return Ok(None) };
        let Some((tag, rethrown)) = self.tag_of(bits) else { return Ok(None) };
        self.mark_thrown(bits);
        let landing = handler_of(self, tag);
        let caught = landing.is_some();
        if self.report(DebugEvent::Exception { exception, caught, rethrown }) == Resumption::Kill {
            return Err(Failure::Killed);
        }
        if let Some(landing) = landing.as_ref().filter(|_| self.limits().requested(Limits::STEP)) {
            self.arm_around_frame(&landing.frame);
        }
        if caught {
            self.release(exception);
        }
        Ok(landing.map(|landing| (landing, bits)))
    }

    /// After a host function that Wasm code at `pc` called: an interrupt that is still wanted stops at the next point.
    pub(crate) fn after_host_call(&mut self, pc: usize) {
        self.finish_host_call();
        self.stress_tiers();
        if self.limits().requested(Limits::INTERRUPT) {
            self.arm_for_request(pc);
            if let Some(frame) = self.raw_frames(1).first() {
                self.switch_waiting_frame(frame);
            }
        }
    }

    /// In a host function: lets the debugger stop here if an interrupt is wanted; returns whether it did.
    pub(crate) fn stop_in_host(&mut self) -> Result<bool, Failure> {
        if self.debug.hook.is_none() || self.limits().clear(Limits::INTERRUPT) == 0 {
            return Ok(false);
        }
        match self.report(DebugEvent::InterruptedInHost) {
            Resumption::Continue => Ok(true),
            Resumption::Kill => Err(Failure::Killed),
        }
    }

    /// Chooses the host functions whose calls are events, by `module.name` as they are imported.
    pub fn stop_at_host_calls(&mut self, functions: BTreeSet<String>) {
        self.debug.host_calls = functions;
    }

    /// A host function is about to run.
    pub(crate) fn report_host_call(&mut self, index: u32, arguments: &[Value]) -> Result<(), Failure> {
        if self.debug.host_calls.is_empty() {
            return Ok(());
        }
        let name = self.host_function_name(index).map(str::to_owned);
        let Some(function) = name.filter(|name| self.debug.host_calls.contains(name)) else { return Ok(()) };
        match self.report(DebugEvent::HostCall { function, arguments: arguments.to_vec() }) {
            Resumption::Continue => Ok(()),
            Resumption::Kill => Err(Failure::Killed),
        }
    }

    pub(crate) fn report_loaded(&mut self, instance: Instance) {
        self.report(DebugEvent::ModuleLoaded(instance));
    }

    /// Tells the hook; frames that were found before are stale after, and so are references that were not kept.
    pub(crate) fn report(&mut self, event: DebugEvent) -> Resumption {
        let Some(hook) = self.debug.hook.clone() else { return Resumption::Continue };
        if let Some(ExitKind::Host(_)) = innermost_exit(self) {
            self.note_host_writes();
        }
        let scope = self.roots.get_mut().open();
        let resumption = hook.event(self, event);
        self.roots.get_mut().close(scope);
        self.debug.goes_on();
        self.accept_writes();
        resumption
    }
}
