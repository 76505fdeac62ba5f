//! A small client of the GDB remote serial protocol, for tests that send what no debugger would.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, bail};

use crate::process::PATIENCE;

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// Arrived and not yet looked at.
    pending: Vec<u8>,
}

impl Client {
    /// Connects to the loopback address.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn connect(port: u16) -> Result<Self> {
        let stream =
            TcpStream::connect(("127.0.0.1", port)).with_context(|| format!("nobody listens at {port}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, pending: Vec::new() })
    }

    /// Begins a session as gdb does. No acknowledgements are sent after it.
    ///
    /// # Errors
    /// If the server answers otherwise than a gdbserver.
    pub fn greet(&mut self) -> Result<String> {
        let features =
            self.ask("qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+;xmlRegisters=i386")?;
        let quiet = self.ask("QStartNoAckMode")?;
        if quiet != "OK" {
            bail!("QStartNoAckMode was answered {quiet:?}");
        }
        Ok(features)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)?;
        Ok(())
    }

    /// Sends a packet with its frame and checksum.
    ///
    /// # Errors
    /// As [`Client::send_raw`].
    pub fn send(&mut self, body: &str) -> Result<()> {
        self.send_raw(&framed(body))
    }

    /// Sends a packet and returns the body of the answer. Output for the console (`O` and digits) is skipped.
    ///
    /// # Errors
    /// If the connection ends, or nothing comes, or the checksum is wrong.
    pub fn ask(&mut self, body: &str) -> Result<String> {
        self.send(body)?;
        loop {
            let answer = self.receive().with_context(|| format!("no answer to {body:?}"))?;
            let is_output = answer.len() > 1 && answer.starts_with('O') && answer != "OK";
            if !is_output {
                return Ok(answer);
            }
        }
    }

    /// The body of the next packet that comes, with run lengths expanded. Acknowledgements are skipped.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn receive(&mut self) -> Result<String> {
        while self.next_byte()? != b'$' {}
        let mut body = Vec::new();
        let mut sum = 0_u8;
        loop {
            match self.next_byte()? {
                b'#' => break,
                byte => {
                    sum = sum.wrapping_add(byte);
                    body.push(byte);
                }
            }
        }
        let digits = [self.next_byte()?, self.next_byte()?];
        let stated = u8::from_str_radix(std::str::from_utf8(&digits)?, 16)?;
        if stated != sum {
            bail!("checksum {stated:02x} where {sum:02x} was due");
        }
        expand(&body)
    }

    /// Whether the server closes the connection: true if nothing but an end comes, within the patience of a test.
    #[must_use]
    pub fn is_closed(&mut self) -> bool {
        loop {
            match self.next_byte() {
                Ok(_) => {}
                Err(error) => {
                    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
                    return !matches!(
                        kind,
                        Some(std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
                    );
                }
            }
        }
    }

    fn next_byte(&mut self) -> Result<u8> {
        if self.pending.is_empty() {
            let mut buffer = [0; 4096];
            let n = self.stream.read(&mut buffer)?;
            if n == 0 {
                bail!("the server closed the connection");
            }
            self.pending.extend(buffer[..n].iter().rev());
        }
        self.pending.pop().context("a byte was read")
    }
}

/// `$BODY#SUM`. The body is sent as it is: escape it first if it holds `$`, `#`, `}` or `*`.
#[must_use]
pub fn framed(body: &str) -> Vec<u8> {
    let sum = body.bytes().fold(0_u8, u8::wrapping_add);
    format!("${body}#{sum:02x}").into_bytes()
}

/// Expands `X*n` to X and n - 29 more of it, and `}c` to the escaped character.
fn expand(body: &[u8]) -> Result<String> {
    let mut out: Vec<u8> = Vec::new();
    let mut bytes = body.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' => {
                let count = bytes
                    .next()
                    .context("a run has a length")?
                    .checked_sub(29)
                    .context("a run is too short")?;
                let last = *out.last().context("a run follows a character")?;
                out.extend(std::iter::repeat_n(last, count.into()));
            }
            b'}' => out.push(bytes.next().context("an escape has a character")? ^ 0x20),
            _ => out.push(byte),
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[test]
fn packets_are_framed_and_runs_expanded() {
    assert_eq!(framed("OK"), b"$OK#9a");
    assert_eq!(expand(b"0* 1").expect("a run"), "00001");
    assert_eq!(expand(b"a}\x03b").expect("an escape"), "a#b");
    assert!(expand(b"*").is_err());
}
