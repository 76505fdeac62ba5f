//! A client at the other end of an in-memory stream.

use std::fmt::Write as _;
use std::time::Duration;

use expect_test::Expect;
use gdb::{Debuggee, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

/// A reply that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    stream: DuplexStream,
    session: JoinHandle<(Debuggee, Outcome)>,
    transcript: String,
}

impl Client {
    /// Connects, and leaves acknowledgements on.
    pub(crate) fn connect(debuggee: Debuggee) -> Self {
        let (stream, theirs) = tokio::io::duplex(1 << 16);
        let session =
            tokio::spawn(async move { gdb::serve(move || Ok(theirs), debuggee).await.expect("a thread") });
        Self { stream, session, transcript: String::new() }
    }

    /// Connects as gdb does, and turns acknowledgements off.
    pub(crate) async fn greeted(debuggee: Debuggee) -> Self {
        let mut client = Self::connect(debuggee);
        client.ask("qSupported:multiprocess+;swbreak+;xmlRegisters=i386").await;
        assert_eq!(client.ask("QStartNoAckMode").await, "OK");
        client.transcript.clear();
        client
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the session takes bytes");
    }

    pub(crate) async fn send(&mut self, body: &str) {
        writeln!(self.transcript, "> {body}").unwrap();
        let sum = body.bytes().fold(0_u8, u8::wrapping_add);
        self.send_raw(format!("${body}#{sum:02x}").as_bytes()).await;
    }

    pub(crate) async fn read_byte(&mut self) -> u8 {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_u8()).await;
        let transcript = &self.transcript;
        read.unwrap_or_else(|_| panic!("no reply:\n{transcript}"))
            .unwrap_or_else(|error| panic!("{error}:\n{transcript}"))
    }

    /// The next packet's body, with its escapes.
    pub(crate) async fn receive(&mut self) -> String {
        while self.read_byte().await != b'$' {}
        let mut body = Vec::new();
        loop {
            match self.read_byte().await {
                b'#' => break,
                byte => body.push(byte),
            }
        }
        let digits = [self.read_byte().await, self.read_byte().await];
        let sum = body.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
        assert_eq!(String::from_utf8_lossy(&digits), format!("{sum:02x}"), "checksum");
        let body = body.escape_ascii().to_string();
        writeln!(self.transcript, "< {}", without_pointers(&body)).unwrap();
        body
    }

    /// Sends a packet and returns the next packet that comes.
    pub(crate) async fn ask(&mut self, body: &str) -> String {
        self.send(body).await;
        self.receive().await
    }

    /// The output of a `monitor` command.
    pub(crate) async fn monitor(&mut self, command: &str) -> String {
        let hex: String = command.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut reply = self.ask(&format!("qRcmd,{hex}")).await;
        let mut output = String::new();
        while let Some(text) = reply.strip_prefix('O').filter(|text| *text != "K") {
            let bytes = text
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
            output.push_str(&String::from_utf8(bytes.collect()).unwrap());
            reply = self.receive().await;
        }
        assert_eq!(reply, "OK", "after {command}");
        output
    }

    /// A register's value by its number, little endian.
    pub(crate) async fn register(&mut self, number: u32) -> u64 {
        let text = self.ask(&format!("p{number:x}")).await;
        let bytes = u64::from_str_radix(&text[..16], 16).unwrap_or_else(|_| panic!("no register: {text}"));
        bytes.swap_bytes()
    }

    /// Starts the transcript anew.
    pub(crate) fn forget(&mut self) {
        self.transcript.clear();
    }

    pub(crate) fn check(&self, expected: Expect) {
        expected.assert_eq(&self.transcript);
    }

    /// How the session ended on its own.
    pub(crate) async fn end(self) -> (Debuggee, Outcome) {
        tokio::time::timeout(PATIENCE, self.session).await.expect("the session ends").expect("no panic")
    }

    /// Hangs up.
    pub(crate) async fn hang_up(self) -> (Debuggee, Outcome) {
        let Self { stream, session, .. } = self;
        drop(stream);
        tokio::time::timeout(PATIENCE, session).await.expect("the session ends").expect("no panic")
    }
}

/// A stop reply with names for the values of `rbp` and `rsp`.
fn without_pointers(body: &str) -> String {
    if !body.starts_with('T') {
        return body.to_owned();
    }
    let field = |field: &str| match field.split_once(':') {
        Some(("06", _)) => "06:FP".to_owned(),
        Some(("07", _)) => "07:SP".to_owned(),
        _ => field.to_owned(),
    };
    body.split(';').map(field).collect::<Vec<_>>().join(";")
}
