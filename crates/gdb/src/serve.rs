//! The async door: moves bytes between a stream and the thread that converses with the client.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::Error;
use crate::conversation::{Outcome, converse};
use crate::debuggee::Debuggee;
use crate::link::Link;

/// Bytes read from the stream at once.
const CHUNK: usize = 0x1_0000;

/// Chunks and replies on their way between the stream and the thread.
const IN_FLIGHT: usize = 16;

/// Serves one client over a byte stream until the session ends, and gives the debuggee back for the next one.
///
/// The guest is left as the [`Outcome`] says. The stream is shut down for writing after the last reply was sent. Must be
/// called on a tokio runtime; the conversation runs on one of its blocking threads.
///
/// # Errors
/// [`Error::Thread`] if that thread could not run; the debuggee is lost then. What goes wrong with the client or its
/// connection is not an error but [`Outcome::Lost`].
pub async fn serve<S>(stream: S, mut debuggee: Debuggee) -> Result<(Debuggee, Outcome), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (input_sender, input) = mpsc::channel(IN_FLIGHT);
    let (output, output_receiver) = mpsc::channel(IN_FLIGHT);
    let link = Link { runtime: Handle::current(), input, output };
    let worker = tokio::task::spawn_blocking(move || {
        let conversation = AssertUnwindSafe(|| converse(&mut debuggee, link));
        // A bug in serving one client must not cost the guest its life.
        let outcome = catch_unwind(conversation).unwrap_or_else(|_| {
            Outcome::Lost(Some(Error::Thread("a bug; see the message above".to_owned())))
        });
        (debuggee, outcome)
    });
    let transport = pump(stream, input_sender, output_receiver).await;
    let (debuggee, outcome) = worker.await.map_err(|error| Error::Thread(error.to_string()))?;
    let outcome = match (outcome, transport) {
        (Outcome::Lost(None), Err(error)) => Outcome::Lost(Some(Error::Io(error))),
        (outcome, _) => outcome,
    };
    Ok((debuggee, outcome))
}

/// Moves bytes until the conversation is over (its end of `output` is gone) or the stream fails.
async fn pump<S>(
    stream: S,
    input: mpsc::Sender<Vec<u8>>,
    mut output: mpsc::Receiver<Vec<u8>>,
) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = async move {
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = reader.read(&mut chunk).await?;
            let bytes = chunk.get(..count).unwrap_or_default().to_vec();
            if count == 0 || input.send(bytes).await.is_err() {
                return std::io::Result::Ok(());
            }
        }
    };
    let writing = async move {
        while let Some(bytes) = output.recv().await {
            writer.write_all(&bytes).await?;
            writer.flush().await?;
        }
        // The client may be gone already; there is nothing left that it should have got.
        writer.shutdown().await.or(Ok(()))
    };
    tokio::pin!(reading, writing);
    tokio::select! {
        written = &mut writing => written,
        read = &mut reading => {
            // The conversation learns of it by the closed channel, and may still have something to say.
            let written = writing.await;
            read.and(written)
        }
    }
}
