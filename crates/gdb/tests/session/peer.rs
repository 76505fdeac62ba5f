//! A guest of which sessions were recorded (`recorded/guest.wat`), and a client for it that may be hung up on and does not wait
//! for ever. `tests/fuzz` includes this file by its path.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use debugger::{Entry, Events, Guest, Session, Spawner};
use gdb::{Debuggee, Launcher, Outcome, PersonaChoice, Program};
use runtime::{Engine, EngineConfig, FuncType, Linker, Module, Value, ValueType};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

/// How many packets a client begins with that are not damaged: they say who it is, and end acknowledgements.
pub(crate) const GREETING: usize = 8;

/// A reply that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client, and what it once sent.
pub(crate) struct Recording {
    pub(crate) client: &'static str,
    pub(crate) persona: PersonaChoice,
    /// One packet's body in each line, with the escapes of Rust's byte strings.
    lines: &'static str,
}

impl Recording {
    pub(crate) fn packets(&self) -> Vec<Vec<u8>> {
        self.lines.lines().map(unescaped).collect()
    }
}

pub(crate) const RECORDINGS: &[Recording] = &[
    Recording {
        client: "gdb with its tools",
        persona: PersonaChoice::Auto,
        lines: include_str!("../recorded/gdb-tools.txt"),
    },
    Recording { client: "gdb", persona: PersonaChoice::Auto, lines: include_str!("../recorded/gdb.txt") },
    Recording { client: "lldb", persona: PersonaChoice::Auto, lines: include_str!("../recorded/lldb.txt") },
    Recording {
        client: "lldb with a symbol file",
        persona: PersonaChoice::Elf,
        lines: include_str!("../recorded/lldb-elf.txt"),
    },
];

/// The program of the recordings, ready to be started.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) engine: Engine,
    pub(crate) module: Module,
}

impl Recorded {
    pub(crate) fn new() -> Self {
        let engine = Engine::new(EngineConfig::default()).expect("an engine");
        let wat = include_bytes!("../recorded/guest.wat");
        let module = Module::new(&engine, wat, "guest.wat").expect("valid");
        Self { engine, module }
    }

    pub(crate) fn program(&self) -> Program {
        Program {
            path: "/guests/guest.wasm".into(),
            module: self.module.bytes().clone(),
            hash: Default::default(),
            file: None,
            debug_files: Vec::new(),
            texts: None,
            paths: dwarf::PathMap::default(),
            imported_functions: vec!["wasi_snapshot_preview1.sched_yield".to_owned()],
        }
    }

    pub(crate) fn launch(&self) -> (Session, Events) {
        let Self { engine, module } = self.clone();
        let mut linker = Linker::new();
        let yields = FuncType::new([], [ValueType::I32]);
        linker.define_func("wasi_snapshot_preview1", "sched_yield", yields, |_, _| Ok(vec![Value::I32(0)]));
        let (spawner, entry) = (Spawner::new(), Entry::Start);
        let guest =
            Guest { engine, module, linker, preloads: Vec::new(), entry, run_at_once: false, spawner };
        Session::launch(guest).expect("a thread")
    }

    /// The guest, before its first operator.
    pub(crate) async fn guest(
        &self,
        persona: PersonaChoice,
        launcher: Option<Box<dyn Launcher>>,
    ) -> Debuggee {
        let (session, events) = self.launch();
        let mut debuggee = Debuggee::new(session, events, self.program(), launcher);
        debuggee.show(persona);
        debuggee.still().await;
        debuggee
    }
}

/// The bytes of a line, which may hold escapes (`\x03`).
fn unescaped(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line.as_bytes();
    while let Some((&first, later)) = rest.split_first() {
        rest = later;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let (kind, later) = rest.split_first().expect("an escape has a letter");
        rest = later;
        bytes.push(match kind {
            b'x' => {
                let (digits, later) = rest.split_at(2);
                rest = later;
                u8::from_str_radix(std::str::from_utf8(digits).expect("digits"), 16).expect("hexadecimal")
            }
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            other => *other,
        });
    }
    bytes
}

/// Whether a packet may end the session.
pub(crate) fn may_end(body: &[u8]) -> bool {
    body == b"k" || body.starts_with(b"D") || body.starts_with(b"vKill") || ends_monitor(body)
}

/// `monitor exit`, however short.
fn ends_monitor(body: &[u8]) -> bool {
    body.strip_prefix(b"qRcmd,").is_some_and(|text| text.starts_with(b"65"))
}

/// A client that may be hung up on, and does not wait for ever.
pub(crate) struct Peer {
    stream: DuplexStream,
    session: JoinHandle<(Debuggee, Outcome)>,
    /// A guest that has not answered by then runs, and is interrupted.
    runs: Duration,
    /// Bytes that came and were not looked at yet.
    received: Vec<u8>,
    /// What was said last.
    transcript: VecDeque<String>,
}

impl Peer {
    pub(crate) fn connect(debuggee: Debuggee, runs: Duration) -> Self {
        let (stream, theirs) = tokio::io::duplex(1 << 16);
        let session =
            tokio::spawn(async move { gdb::serve(move || Ok(theirs), debuggee).await.expect("a thread") });
        Self { stream, session, runs, received: Vec::new(), transcript: VecDeque::new() }
    }

    fn note(&mut self, line: String) {
        self.transcript.push_back(line);
        if self.transcript.len() > 20 {
            self.transcript.pop_front();
        }
    }

    /// What was said last, for messages.
    pub(crate) fn last_said(&self) -> String {
        self.transcript.iter().map(|line| format!("\n{line}")).collect()
    }

    /// Sends bytes. None if the session has ended.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.note(format!("> {}", bytes.escape_ascii()));
        self.stream.write_all(bytes).await.ok()
    }

    /// The next packet's body. None if the session has ended. May be given up while it waits.
    async fn receive(&mut self) -> Option<String> {
        loop {
            let start = self.received.iter().position(|&byte| byte == b'$');
            let end = self.received.iter().position(|&byte| byte == b'#');
            if let Some((start, end)) = start.zip(end)
                && self.received.len() >= end + 3
            {
                let body = self.received[start + 1..end].escape_ascii().to_string();
                self.received.drain(..end + 3);
                self.note(format!("< {body}"));
                return Some(body);
            }
            if self.stream.read_buf(&mut self.received).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// As [`Peer::receive`], for a reply that has to come.
    pub(crate) async fn reply(&mut self, to: &[u8]) -> Option<String> {
        let reply = tokio::time::timeout(PATIENCE, self.receive()).await;
        reply.unwrap_or_else(|_| panic!("no reply to {}{}", to.escape_ascii(), self.last_said()))
    }

    /// Sends a packet and waits for its answer. None if the session has ended.
    pub(crate) async fn ask(&mut self, body: &[u8]) -> Option<String> {
        let sum = body.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
        self.send(&[b"$", body, format!("#{sum:02x}").as_bytes()].concat()).await?;
        let asked = Instant::now();
        let mut is_interrupted = false;
        loop {
            let reply = if is_interrupted {
                Some(self.reply(body).await?)
            } else {
                match tokio::time::timeout(self.runs, self.receive()).await {
                    Ok(reply) => Some(reply?),
                    Err(_) => None,
                }
            };
            // What is printed, by a command of a monitor or of a breakpoint, comes before the answer.
            if reply.as_ref().is_some_and(|reply| !reply.starts_with('O') || reply == "OK") {
                return reply;
            }
            if !is_interrupted && asked.elapsed() >= self.runs {
                self.send(b"\x03").await?;
                is_interrupted = true;
            }
            assert!(
                asked.elapsed() < PATIENCE,
                "no end of the reply to {}{}",
                body.escape_ascii(),
                self.last_said()
            );
        }
    }

    /// Hangs up.
    pub(crate) async fn hang_up(self) -> (Debuggee, Outcome) {
        let Self { stream, session, .. } = self;
        drop(stream);
        tokio::time::timeout(PATIENCE, session).await.expect("the session ends").expect("no panic")
    }
}
