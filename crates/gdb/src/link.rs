//! The connection to a client, driven by the conversation's own thread.
//!
//! Why a runtime of its own? Every hop from one thread to another costs more than a packet does. This one's events are
//! waited for on the thread that handles them, so a packet wakes it and nobody else.

use std::sync::Arc;

use debugger::{Event, alert};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::runtime::Runtime;

use std::time::Duration;

use crate::Error;
use crate::debuggee::Debuggee;

/// Bytes read from the stream at once.
const CHUNK: usize = 0x1_0000;

/// Both directions of a connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// The thread's end of the connection.
pub(crate) struct Link {
    runtime: Runtime,
    stream: Box<dyn Stream>,
    chunk: Vec<u8>,
}

/// What a conversation waits for.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// Bytes from the client.
    Bytes(Vec<u8>),
    /// Something happened to the guest.
    Event(Event),
    /// The guest's threads have something to say: see [`crate::output`].
    Said,
    /// The client hung up.
    Closed,
}

impl Link {
    /// Opens the connection, on a runtime of this thread.
    ///
    /// # Errors
    /// When the system gives no such runtime, or no connection.
    pub(crate) fn open<S: Stream + 'static>(
        open: impl FnOnce() -> std::io::Result<S>,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let stream = {
            let _entered = runtime.enter();
            Box::new(open()?)
        };
        Ok(Self { runtime, stream, chunk: vec![0; CHUNK] })
    }

    /// Waits for the client or the guest.
    ///
    /// # Errors
    /// When the connection fails.
    pub(crate) fn next(&mut self, debuggee: &mut Debuggee) -> Result<Incoming, Error> {
        // A step is over before this thread would be asleep, and waking it takes longer than the step.
        if !debuggee.is_still()
            && let Some(event) = alert(|| debuggee.events.try_recv().ok())
        {
            return Ok(Incoming::Event(event));
        }
        let Self { runtime, stream, chunk } = self;
        let output = Arc::clone(&debuggee.output);
        runtime.block_on(async {
            tokio::select! {
                read = stream.read(chunk) => match read? {
                    0 => Ok(Incoming::Closed),
                    count => Ok(Incoming::Bytes(chunk.get(..count).unwrap_or_default().to_vec())),
                },
                Some(event) = debuggee.events.recv() => Ok(Incoming::Event(event)),
                () = output.news() => Ok(Incoming::Said),
            }
        })
    }

    /// Sends bytes to the client.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Self { runtime, stream, .. } = self;
        runtime.block_on(async {
            stream.write_all(bytes).await?;
            Ok(stream.flush().await?)
        })
    }

    /// Waits until the client has hung up, but no longer than a while. What it still sends is not looked at.
    pub(crate) fn wait_for_end(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        let Self { runtime, stream, chunk } = self;
        let ends = async { while matches!(stream.read(chunk).await, Ok(1..)) {} };
        if runtime.block_on(async { tokio::time::timeout(PATIENCE, ends).await }).is_err() {
            tracing::debug!("the client stays");
        }
    }

    /// Says that nothing more will be sent.
    pub(crate) fn shut_down(&mut self) {
        // The client may be gone already; there is nothing left that it should have got.
        let _gone = self.runtime.block_on(self.stream.shutdown());
    }
}
