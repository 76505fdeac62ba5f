//! A client of the GDB remote serial protocol that is fast enough to measure a server by.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long the server may be silent before the benchmark has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a server, beyond acknowledgements.
pub(crate) struct Client {
    stream: TcpStream,
    /// Received and not taken yet: the bytes from `taken` on.
    received: Vec<u8>,
    taken: usize,
}

impl Client {
    /// Connects to the loopback address and begins a session as gdb does.
    pub(crate) fn connect(port: u16) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| format!("no server: {error}"))?;
        let options = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(PATIENCE)));
        options.map_err(|error| format!("no connection: {error}"))?;
        let mut client = Self { stream, received: Vec::new(), taken: 0 };
        client.ask("qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+;xmlRegisters=i386")?;
        expect(&client.ask("QStartNoAckMode")?, "OK")?;
        client.send_raw(b"+")?;
        Ok(client)
    }

    /// Sends a packet and returns the body of the answer.
    pub(crate) fn ask(&mut self, body: &str) -> Result<String, String> {
        self.send_raw(&framed(body))?;
        self.receive()
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(|error| format!("cannot send: {error}"))
    }

    /// The body of the next packet.
    pub(crate) fn receive(&mut self) -> Result<String, String> {
        loop {
            let rest = &self.received[self.taken..];
            if let Some((body, length)) = first_packet(rest) {
                let body = String::from_utf8_lossy(body).into_owned();
                self.taken += length;
                return Ok(body);
            }
            self.received.drain(..self.taken);
            self.taken = 0;
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err("the server has closed the connection".into()),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) => return Err(format!("no answer: {error}")),
            }
        }
    }
}

/// Fails unless the server answered what it had to.
pub(crate) fn expect(answer: &str, expected: &str) -> Result<(), String> {
    if answer == expected { Ok(()) } else { Err(format!("{answer:?} where {expected:?} was due")) }
}

/// `$BODY#SUM`.
pub(crate) fn framed(body: &str) -> Vec<u8> {
    let sum = body.bytes().fold(0_u8, u8::wrapping_add);
    format!("${body}#{sum:02x}").into_bytes()
}

/// The first whole packet's body, and how many bytes it and what is before it take.
fn first_packet(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let start = bytes.iter().position(|byte| *byte == b'$')? + 1;
    let end = start + bytes[start..].iter().position(|byte| *byte == b'#')?;
    (bytes.len() >= end + 3).then(|| (&bytes[start..end], end + 3))
}
