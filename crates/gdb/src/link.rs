//! The channels between a conversation's thread and the async side that owns the stream.

use debugger::Event;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::Error;
use crate::debuggee::Debuggee;

/// The thread's end of the connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) runtime: Handle,
    /// What the client sends, in pieces of any size. Closed when it hangs up.
    pub(crate) input: mpsc::Receiver<Vec<u8>>,
    /// What the client is sent.
    pub(crate) output: mpsc::Sender<Vec<u8>>,
}

/// What a conversation waits for.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// Bytes from the client.
    Bytes(Vec<u8>),
    /// Something happened to the guest.
    Event(Event),
    /// The client hung up.
    Closed,
}

impl Link {
    /// Waits for the client or the guest.
    pub(crate) fn next(&mut self, debuggee: &mut Debuggee) -> Incoming {
        let Self { runtime, input, .. } = self;
        runtime.block_on(async {
            tokio::select! {
                bytes = input.recv() => bytes.map_or(Incoming::Closed, Incoming::Bytes),
                Some(event) = debuggee.events.recv() => Incoming::Event(event),
            }
        })
    }

    /// Sends bytes to the client.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) fn send(&self, bytes: Vec<u8>) -> Result<(), Error> {
        let gone = || Error::Io(std::io::ErrorKind::BrokenPipe.into());
        self.output.blocking_send(bytes).map_err(|_| gone())
    }
}
