//! From what happened to the guest (an event) to what the client is told (a stop reason). One place for every odd choice.
//!
//! | event | signal |
//! |---|---|
//! | start, breakpoint, step | SIGTRAP |
//! | interrupt | SIGINT |
//! | out of bounds, call stack exhausted | SIGSEGV |
//! | integer division and conversion | SIGFPE |
//! | `unreachable`, bad indirect call | SIGILL |
//! | an exception that is caught | SIGTRAP |
//! | an exception that is not, as `std::terminate` does | SIGABRT |
//! | an error of the host | SIGABRT |
//! | a core dump of a program that did not crash | SIGSTOP |
//! | the last resumed thread ended, others are held | none (`N`), or SIGTRAP for clients that do not know it |
//!
//! Why is a conversion of NaN a SIGFPE? C calls it undefined and x86 gives a number, but the guest ends either way, and
//! "arithmetic exception" is what gdb prints for it.

use debugger::{Exit, Stop, TrapCode};

/// Signals by the numbers of the protocol.
pub(crate) mod signal {
    pub(crate) const INT: u8 = 2;
    pub(crate) const ILL: u8 = 4;
    pub(crate) const TRAP: u8 = 5;
    pub(crate) const ABRT: u8 = 6;
    pub(crate) const FPE: u8 = 8;
    pub(crate) const KILL: u8 = 9;
    pub(crate) const SEGV: u8 = 11;
    pub(crate) const STOP: u8 = 17;

    /// Whether a program without a handler ignores it: SIGURG, SIGCONT, SIGCHLD, SIGWINCH.
    pub(crate) fn is_ignored(number: u8) -> bool {
        matches!(number, 0 | TRAP | 16 | 19 | 20 | 28)
    }
}

/// What the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The guest stopped and can go on.
    Stopped {
        /// The signal that stopped it.
        signal: u8,
        /// It stands at a breakpoint of the client, whose address the instruction pointer is.
        is_breakpoint: bool,
    },
    /// Every thread that was resumed has ended; the others are held.
    NoneRuns,
    /// The guest ended with this exit code.
    Exited(u8),
    /// The guest ended by this signal.
    Terminated(u8),
}

/// A stop of which nothing else is to be said.
pub(crate) const STOPPED: Reason = Reason::Stopped { signal: signal::TRAP, is_breakpoint: false };

/// Why the guest stopped.
pub(crate) fn of_stop(stop: &Stop) -> Reason {
    if matches!(stop, Stop::NoneRuns) {
        return Reason::NoneRuns;
    }
    let is_breakpoint = matches!(stop, Stop::Breakpoint { .. });
    let signal = match stop {
        Stop::Start | Stop::Breakpoint { .. } | Stop::Step => signal::TRAP,
        Stop::Interrupt { .. } => signal::INT,
        Stop::Trap { code, .. } => of_trap(*code),
        Stop::HostError { .. } | Stop::Exception { caught: false, .. } => signal::ABRT,
        // gdb would step on from a SIGTRAP that is no breakpoint's, and a core dump does not move.
        Stop::Recorded { .. } => signal::STOP,
        // Whatever else stops a guest is no fault of the program.
        _ => signal::TRAP,
    };
    Reason::Stopped { signal, is_breakpoint }
}

/// How the guest ended. `sent` is the signal with which the client ended it, if it did.
pub(crate) fn of_exit(exit: &Exit, sent: Option<u8>) -> Reason {
    match exit {
        // A process has 8 bits of exit code.
        Exit::Code(code) => Reason::Exited(code.to_le_bytes()[0]),
        Exit::Values(_) => Reason::Exited(0),
        Exit::Trapped { code, .. } => Reason::Terminated(of_trap(*code)),
        Exit::HostError(_) => Reason::Terminated(signal::ABRT),
        Exit::Killed => Reason::Terminated(sent.unwrap_or(signal::KILL)),
    }
}

fn of_trap(code: TrapCode) -> u8 {
    match code {
        TrapCode::MemoryOutOfBounds | TrapCode::TableOutOfBounds | TrapCode::StackOverflow => signal::SEGV,
        TrapCode::IntegerDivisionByZero | TrapCode::IntegerOverflow | TrapCode::BadConversionToInteger => {
            signal::FPE
        }
        TrapCode::Unreachable
        | TrapCode::UndefinedElement
        | TrapCode::UninitializedElement
        | TrapCode::BadSignature => signal::ILL,
        _ => signal::ABRT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap(code: TrapCode) -> Reason {
        of_stop(&Stop::Trap { code, message: String::new() })
    }

    #[test]
    fn traps_have_the_signals_of_their_native_twins() {
        let stopped = |signal| Reason::Stopped { signal, is_breakpoint: false };
        assert_eq!(trap(TrapCode::MemoryOutOfBounds), stopped(11));
        assert_eq!(trap(TrapCode::StackOverflow), stopped(11));
        assert_eq!(trap(TrapCode::IntegerDivisionByZero), stopped(8));
        assert_eq!(trap(TrapCode::Unreachable), stopped(4));
        assert_eq!(trap(TrapCode::BadSignature), stopped(4));
    }

    #[test]
    fn ends_are_exit_codes_or_signals() {
        assert_eq!(of_exit(&Exit::Code(3), None), Reason::Exited(3));
        assert_eq!(of_exit(&Exit::Code(-1), None), Reason::Exited(255));
        assert_eq!(of_exit(&Exit::Killed, None), Reason::Terminated(9));
        assert_eq!(of_exit(&Exit::Killed, Some(15)), Reason::Terminated(15));
        let trapped = Exit::Trapped { code: TrapCode::IntegerDivisionByZero, message: String::new() };
        assert_eq!(of_exit(&trapped, None), Reason::Terminated(8));
    }
}
