//! The server's exit status: what a shell would say of the guest, were it a process of its own.

use debugger::Exit;

/// A guest that trapped, or whose host failed: as after SIGABRT.
pub(crate) const TRAPPED: u8 = 134;

/// A guest that the debugger or the user ended: as after SIGKILL.
pub(crate) const KILLED: u8 = 137;

/// The user ended the server: as after SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// The server could not do what it was asked for.
pub(crate) const FAILED: u8 = 1;

/// The exit status for a guest's end.
#[must_use]
pub(crate) fn status(exit: &Exit) -> u8 {
    match exit {
        // A process has 8 bits of exit code.
        Exit::Code(code) => code.to_le_bytes()[0],
        Exit::Values(_) => 0,
        Exit::Trapped { .. } | Exit::HostError(_) => TRAPPED,
        Exit::Killed => KILLED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_a_process() {
        assert_eq!(status(&Exit::Code(3)), 3);
        assert_eq!(status(&Exit::Code(256)), 0);
        assert_eq!(status(&Exit::Code(-1)), 255);
        assert_eq!(status(&Exit::HostError(String::new())), 134);
    }
}
