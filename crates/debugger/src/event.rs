//! What a debuggee tells its debugger, and what it is told to do.

use crate::{ModuleId, ThreadId, Watched};
use frame_table::ModulePc;
use runtime::{FuncHandle, Instance, TrapCode, Value};
use std::ops::Range;

/// Something that a session reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The guest stopped and can be looked at: all of its threads, because of one.
    Stopped {
        /// The thread that had a reason to stop.
        thread: ThreadId,
        /// The reason.
        stop: Stop,
    },
    /// A thread was started, other than the first.
    ThreadStarted(ThreadId),
    /// A thread has run to its end, and others are left.
    ThreadEnded(ThreadId),
    /// The guest is gone. The last event.
    Exited(Exit),
}

/// Why the guest stopped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Stop {
    /// It is before its first operator.
    Start,
    /// It is at a breakpoint.
    Breakpoint {
        /// The module.
        module: ModuleId,
        /// The PC that was asked for, which may lie before the operator that it stopped at.
        pc: ModulePc,
    },
    /// It took the step it was asked for. After a step of one operator it may be at a breakpoint, which is hit when it
    /// goes on.
    Step,
    /// The operator before the one it is at accessed what is watched. Whatever else would have stopped it there is not
    /// reported again.
    Watchpoint {
        /// What was accessed, one or more.
        watched: Vec<Watched>,
        /// The PC of a breakpoint that it is at as well, as it was asked for.
        breakpoint: Option<ModulePc>,
    },
    /// A module was instantiated; its segments and its start function have not run. Only if it was asked for: see
    /// [`crate::Paused::stop_at_modules`].
    ModuleLoaded {
        /// The module.
        module: ModuleId,
        /// The instance.
        instance: Instance,
    },
    /// Somebody interrupted it.
    Interrupt {
        /// It waits in a host function, and will go on waiting.
        in_host_call: bool,
    },
    /// It traps. Resuming it ends it.
    Trap {
        /// Why.
        code: TrapCode,
        /// The same in words.
        message: String,
    },
    /// It throws an exception, and nothing was unwound yet. Resuming goes on where it is caught; if it is not, resuming
    /// ends the program, or hands the exception to the host function that called it.
    Exception {
        /// Whether one of the frames up to the next host function catches it.
        caught: bool,
        /// Whether it was thrown before.
        rethrown: bool,
        /// Its tag and values in words.
        message: String,
    },
    /// A host function failed. Resuming ends it.
    HostError {
        /// What the host says.
        message: String,
    },
    /// It is about to call a function of the host: see [`crate::Paused::add_host_breakpoint_if`].
    HostCall {
        /// `module.name` as it is imported.
        function: String,
        /// What it is called with.
        arguments: Vec<Value>,
    },
    /// It is a core dump, of a program that had only stopped, or for a reason that nobody knows.
    Recorded {
        /// What is known, in words.
        message: String,
    },
    /// Every thread that was allowed to run has ended, and the others were told to stay.
    NoneRuns,
    /// A call that the debugger made ([`Resume::Call`]) is over, and the thread is where it was before.
    Called {
        /// How it ended.
        end: CallEnd,
        /// Why the thread had stopped before it was made.
        at: Box<Stop>,
    },
}

/// How a call that the debugger made has ended, if the guest goes on after it.
#[derive(Clone, Debug, PartialEq)]
pub enum CallEnd {
    /// The function returned these values.
    Returned(Vec<Value>),
    /// The debugger gave it up: [`Resume::Abandon`].
    Abandoned,
}

impl Stop {
    /// Why the thread is where it is: for the end of a call, why it was there before.
    #[must_use]
    pub fn reason(&self) -> &Self {
        match self {
            Self::Called { at, .. } => at.reason(),
            other => other,
        }
    }

    /// Whether it is said to be at a breakpoint.
    pub(crate) fn is_at_breakpoint(&self) -> bool {
        matches!(self.reason(), Self::Breakpoint { .. })
    }

    /// Whether it is certain that the next operator has not begun.
    pub(crate) fn is_before_operator(&self) -> bool {
        matches!(
            self.reason(),
            Self::Start | Self::Step | Self::Watchpoint { .. } | Self::Interrupt { in_host_call: false }
        )
    }

    /// Whether the program cannot go on from here.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(
            self.reason(),
            Self::Trap { .. } | Self::HostError { .. } | Self::Exception { caught: false, .. }
        )
    }
}

/// How the guest ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Exit {
    /// With an exit code: that of `proc_exit`, or 0 when the entry function returned.
    Code(i32),
    /// An invoked export returned these values.
    Values(Vec<Value>),
    /// By a trap.
    Trapped {
        /// Why.
        code: TrapCode,
        /// The same in words.
        message: String,
    },
    /// A host function failed, nothing caught an exception, or the guest could not be started.
    HostError(String),
    /// The debugger ended it.
    Killed,
}

/// How a stopped guest goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Until something stops it.
    Continue,
    /// One operator, into calls.
    StepInstruction,
    /// While the innermost frame stays the same and its operators are in this range of its module: a source line.
    /// Stops where it left the range, or in the function that it called.
    StepRange {
        /// The module.
        module: ModuleId,
        /// PCs of the operators.
        range: Range<ModulePc>,
    },
    /// Until the innermost frame has returned to its caller.
    StepOut,
    /// No further than to another operator of the innermost frame's function, which it goes on at later. The next event is
    /// [`Stop::Step`], there; or here, if that is not possible.
    Jump(ModulePc),
    /// No further than to where this many of the innermost frames have returned, without running anything of them. They
    /// return zeroes. The next event is [`Stop::Step`], there; or further in, if a frame cannot be left.
    Return {
        /// How many, at least one.
        frames: u32,
    },
    /// Calls a function of the guest from where the thread stands. Stops in it are events like any other; when it has
    /// returned, there is a [`Stop::Called`]. A trap of it ends the guest, when it goes on.
    Call {
        /// The function.
        function: FuncHandle,
        /// Its arguments, which must fit.
        arguments: Vec<Value>,
    },
    /// Not at all: gives up the innermost call that the debugger made, with all frames of it. The next event is a
    /// [`Stop::Called`].
    Abandon,
}

/// What threads do that were not told anything of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They run until something stops them, and so do threads that are started meanwhile.
    Run,
    /// They stay where they are, and threads that are started stay at their beginning.
    Hold,
}
