//! The async door: a session with a client, on a thread of its own.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::Error;
use crate::conversation::{Outcome, converse};
use crate::debuggee::Debuggee;
use crate::link::Link;

/// Serves one client over a byte stream until the session ends, and gives the debuggee back for the next one.
///
/// `open` makes the stream, on the thread and the runtime of the session: a socket belongs to the runtime that it was
/// made on. The guest is left as the [`Outcome`] says. The stream is shut down for writing after the last reply was
/// sent. Must be called on a tokio runtime, whose blocking threads the session is one of; if the future is dropped the
/// session goes on without it.
///
/// # Errors
/// [`Error::Thread`] if that thread could not run; the debuggee is lost then. What goes wrong with the client or its
/// connection is not an error but [`Outcome::Lost`].
pub async fn serve<S, O>(open: O, mut debuggee: Debuggee) -> Result<(Debuggee, Outcome), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    O: FnOnce() -> io::Result<S> + Send + 'static,
{
    let worker = tokio::task::spawn_blocking(move || {
        let mut link = match Link::open(open) {
            Ok(link) => link,
            Err(error) => return (debuggee, Outcome::Lost(Some(Error::Io(error)))),
        };
        let conversation = AssertUnwindSafe(|| converse(&mut debuggee, &mut link));
        // A bug in serving one client must not cost the guest its life.
        let outcome = catch_unwind(conversation).unwrap_or_else(|_| {
            Outcome::Lost(Some(Error::Thread("a bug; see the message above".to_owned())))
        });
        link.shut_down();
        (debuggee, outcome)
    });
    worker.await.map_err(|error| Error::Thread(error.to_string()))
}
