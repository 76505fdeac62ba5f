//! As much of a debugger as it takes to set a breakpoint and let the program run.

use anyhow::{Context as _, Result, ensure};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long the server may be silent before the benchmark has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a server, beyond acknowledgements.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    /// The server evaluates conditions.
    pub(crate) has_conditions: bool,
}

impl Client {
    /// Connects to the loopback address and begins a session as gdb does.
    pub(crate) fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("no server")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { stream, received: Vec::new(), has_conditions: false };
        let features =
            client.ask("qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+;xmlRegisters=i386")?;
        client.has_conditions = features.contains("ConditionalBreakpoints+");
        ensure!(client.ask("QStartNoAckMode")? == "OK", "the server wants acknowledgements");
        client.stream.write_all(b"+")?;
        Ok(client)
    }

    /// Sends a packet.
    pub(crate) fn send(&mut self, body: &str) -> Result<()> {
        let sum = body.bytes().fold(0_u8, u8::wrapping_add);
        self.stream.write_all(format!("${body}#{sum:02x}").as_bytes()).context("cannot send")
    }

    /// Sends a packet and returns the body of the answer.
    pub(crate) fn ask(&mut self, body: &str) -> Result<String> {
        self.send(body)?;
        loop {
            if let Some((body, length)) = first_packet(&self.received) {
                self.received.drain(..length);
                return Ok(body);
            }
            let mut buffer = [0; 4096];
            let count = self.stream.read(&mut buffer).with_context(|| format!("no answer to {body}"))?;
            ensure!(count > 0, "the server has closed the connection instead of answering {body}");
            self.received.extend_from_slice(&buffer[..count]);
        }
    }
}

/// The first whole packet's body, and how many bytes it and what is before it take.
fn first_packet(bytes: &[u8]) -> Option<(String, usize)> {
    let start = bytes.iter().position(|byte| *byte == b'$')? + 1;
    let end = start + bytes[start..].iter().position(|byte| *byte == b'#')?;
    (bytes.len() >= end + 3).then(|| (String::from_utf8_lossy(&bytes[start..end]).into_owned(), end + 3))
}
