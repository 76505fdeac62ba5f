//! What an error of wasi-common is for the guest: an error number, a trap, or the end.

use crate::wait::StillWaiting;
use runtime::{HostError, TrapCode};
use rustix::io::Errno as HostErrno;
use std::io;
use wasi_common::snapshots::preview_1::types::{self, Errno};
use wiggle::GuestError;
use wiggle::error::Error as CallError;

/// How an attempt at a function went.
pub(crate) enum Outcome {
    /// It returned this error number; 0 is success.
    Done(i32),
    /// It has to be tried again, after a while.
    StillWaiting(StillWaiting),
}

/// What a function's result is for the guest.
///
/// # Errors
/// When the guest is to end.
pub(crate) fn outcome(name: &str, result: Result<i32, CallError>) -> Result<Outcome, HostError> {
    let error = match result {
        Ok(errno) => return Ok(Outcome::Done(errno)),
        Err(error) => error,
    };
    let error = match error.downcast::<StillWaiting>() {
        Ok(waiting) => return Ok(Outcome::StillWaiting(waiting)),
        Err(error) => error,
    };
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Ok(Outcome::Done(number(errno_of(error))));
    }
    match error.downcast::<GuestError>() {
        Ok(error) => {
            if matches!(&error, GuestError::InFunc { err, .. } if matches!(**err, GuestError::TryFromIntError(_)))
            {
                // A negative number is no flag either, but wasi-common says that it overflows.
                return Ok(Outcome::Done(number(Errno::Inval)));
            }
            let words = error.to_string();
            // A bad flag is the guest's to handle, a bad pointer is not.
            let errno = types::Error::from(error).downcast().map_err(|_trap| {
                tracing::warn!(function = name, error = words, "bad pointer");
                HostError::Trap(TrapCode::MemoryOutOfBounds)
            })?;
            Ok(Outcome::Done(number(errno)))
        }
        Err(error) => Err(HostError::Message(format!("{name}: {error:#}"))),
    }
}

/// The number that stands for an error in the guest.
pub(crate) fn number(errno: Errno) -> i32 {
    i32::from(u16::from(errno))
}

/// The errors that wasi-common has no number for and would end the guest with.
fn errno_of(error: &io::Error) -> Errno {
    match error.raw_os_error().map(HostErrno::from_raw_os_error) {
        Some(HostErrno::XDEV) => Errno::Xdev,
        Some(HostErrno::ROFS) => Errno::Rofs,
        Some(HostErrno::TXTBSY) => Errno::Txtbsy,
        Some(HostErrno::NODEV) => Errno::Nodev,
        Some(HostErrno::NXIO) => Errno::Nxio,
        Some(HostErrno::NOTTY) => Errno::Notty,
        Some(HostErrno::NOLCK) => Errno::Nolck,
        Some(HostErrno::NOSYS) => Errno::Nosys,
        Some(HostErrno::DEADLK) => Errno::Deadlk,
        Some(HostErrno::NOEXEC) => Errno::Noexec,
        Some(HostErrno::NOTCONN) => Errno::Notconn,
        _ => {
            tracing::warn!(%error, "an error of the host that WASI has no number for");
            Errno::Io
        }
    }
}
