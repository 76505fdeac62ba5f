//! Sessions that stock debuggers had with the guest in `recorded/guest.wat`, replayed with damage: whatever comes, every
//! packet is answered, nothing panics, and a session ends only where a client asked for that.
//!
//! `DAMAGED_PACKETS=1000000 DAMAGE_SEED=7` plays as many packets of other sessions (`just damage`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use debugger::{Entry, Guest, Session, Spawner};
use gdb::{Debuggee, Outcome, PersonaChoice, Program};
use runtime::{Engine, EngineConfig, FuncType, Linker, Module, Value, ValueType};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

use crate::damage::Random;

/// How many packets are played of each recording if nothing is said.
const PACKETS: usize = 4000;

/// How many packets a client begins with that are not damaged: they say who it is, and end acknowledgements.
const GREETING: usize = 8;

/// A guest that has not answered by then runs, and is interrupted.
const RUNS: Duration = Duration::from_millis(20);

/// A reply that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client, and what it once sent.
struct Recording {
    client: &'static str,
    persona: PersonaChoice,
    /// One packet's body in each line, with the escapes of Rust's byte strings.
    packets: &'static str,
}

const RECORDINGS: &[Recording] = &[
    Recording {
        client: "gdb with its tools",
        persona: PersonaChoice::Auto,
        packets: include_str!("../recorded/gdb-tools.txt"),
    },
    Recording { client: "gdb", persona: PersonaChoice::Auto, packets: include_str!("../recorded/gdb.txt") },
    Recording { client: "lldb", persona: PersonaChoice::Auto, packets: include_str!("../recorded/lldb.txt") },
    Recording {
        client: "lldb with a symbol file",
        persona: PersonaChoice::Elf,
        packets: include_str!("../recorded/lldb-elf.txt"),
    },
];

/// The guest, before its first operator.
async fn guest(persona: PersonaChoice) -> Debuggee {
    let engine = Engine::new(EngineConfig::default()).expect("an engine");
    let module = Module::new(&engine, include_bytes!("../recorded/guest.wat"), "guest.wat").expect("valid");
    let program = Program {
        path: "/guests/guest.wasm".into(),
        module: Arc::clone(module.bytes()),
        debug_files: Vec::new(),
        texts: None,
        paths: dwarf::PathMap::default(),
        imported_functions: vec!["wasi_snapshot_preview1.sched_yield".to_owned()],
    };
    let mut linker = Linker::new();
    let yields = FuncType::new([], [ValueType::I32]);
    linker.define_func("wasi_snapshot_preview1", "sched_yield", yields, |_, _| Ok(vec![Value::I32(0)]));
    let (spawner, entry) = (Spawner::new(), Entry::Start);
    let guest = Guest { engine, module, linker, preloads: Vec::new(), entry, run_at_once: false, spawner };
    let (session, events) = Session::launch(guest).expect("a thread");
    let mut debuggee = Debuggee::new(session, events, program, None);
    debuggee.show(persona);
    debuggee.still().await;
    debuggee
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
                u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
            }
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            other => *other,
        });
    }
    bytes
}

/// A packet with a few edits, some of which take parts of others.
fn damaged(random: &mut Random, packets: &[Vec<u8>], body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(body.len() + 1);
        match random.below(7) {
            0 => body.truncate(at),
            1 => body.insert(at, b"0123456789abcdef:;,=.-+xXz}p*"[random.below(29)]),
            2 => body.splice(at..at, std::iter::repeat_n(b'f', random.below(40))).for_each(drop),
            3 if at < body.len() => body[at] = u8::try_from(random.below(256)).unwrap(),
            4 if at < body.len() => drop(body.remove(at)),
            5 => {
                let other = &packets[random.below(packets.len())];
                let from = random.below(other.len() + 1);
                body.truncate(at);
                body.extend_from_slice(&other[from..]);
            }
            _ => {
                // Another number where one stands.
                let digits = |byte: &u8| byte.is_ascii_hexdigit();
                if let Some(start) = body.iter().skip(at).position(digits).map(|found| at + found) {
                    let length = body[start..].iter().take_while(|byte| digits(byte)).count();
                    let number: &[&str] =
                        &["0", "1", "10", "ffff", "7fffffff", "ffffffff", "4000000000000000"];
                    let number = number[random.below(number.len())].bytes();
                    body.splice(start..start + length, number).for_each(drop);
                }
            }
        }
    }
    // Frame characters would make several packets of it.
    body.retain(|byte| !matches!(byte, b'$' | b'#'));
    body
}

/// Whether a packet may end the session.
fn may_end(body: &[u8]) -> bool {
    body == b"k" || body.starts_with(b"D") || body.starts_with(b"vKill") || ends_monitor(body)
}

/// `monitor exit`, however short.
fn ends_monitor(body: &[u8]) -> bool {
    body.strip_prefix(b"qRcmd,").is_some_and(|text| text.starts_with(b"65"))
}

/// A client that may be hung up on, and does not wait for ever.
struct Peer {
    stream: DuplexStream,
    session: JoinHandle<(Debuggee, Outcome)>,
    /// Bytes that came and were not looked at yet.
    received: Vec<u8>,
    /// What was said last.
    transcript: VecDeque<String>,
}

impl Peer {
    fn connect(debuggee: Debuggee) -> Self {
        let (stream, theirs) = tokio::io::duplex(1 << 16);
        let session =
            tokio::spawn(async move { gdb::serve(move || Ok(theirs), debuggee).await.expect("a thread") });
        Self { stream, session, received: Vec::new(), transcript: VecDeque::new() }
    }

    fn note(&mut self, line: String) {
        self.transcript.push_back(line);
        if self.transcript.len() > 20 {
            self.transcript.pop_front();
        }
    }

    /// What was said last, for messages.
    fn last_said(&self) -> String {
        self.transcript.iter().map(|line| format!("\n{line}")).collect()
    }

    /// Sends bytes. None if the session has ended.
    async fn send(&mut self, bytes: &[u8]) -> Option<()> {
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
    async fn reply(&mut self, to: &[u8]) -> Option<String> {
        let reply = tokio::time::timeout(PATIENCE, self.receive()).await;
        reply.unwrap_or_else(|_| panic!("no reply to {}{}", to.escape_ascii(), self.last_said()))
    }

    /// Sends a packet and waits for its answer. None if the session has ended.
    async fn ask(&mut self, body: &[u8]) -> Option<String> {
        let sum = body.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
        self.send(&[b"$", body, format!("#{sum:02x}").as_bytes()].concat()).await?;
        let asked = Instant::now();
        let mut is_interrupted = false;
        loop {
            let reply = if is_interrupted {
                Some(self.reply(body).await?)
            } else {
                match tokio::time::timeout(RUNS, self.receive()).await {
                    Ok(reply) => Some(reply?),
                    Err(_) => None,
                }
            };
            // What is printed, by a command of a monitor or of a breakpoint, comes before the answer.
            if reply.as_ref().is_some_and(|reply| !reply.starts_with('O') || reply == "OK") {
                return reply;
            }
            if !is_interrupted && asked.elapsed() >= RUNS {
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
    async fn hang_up(self) -> (Debuggee, Outcome) {
        let Self { stream, session, .. } = self;
        drop(stream);
        tokio::time::timeout(PATIENCE, session).await.expect("the session ends").expect("no panic")
    }
}

/// Noise between packets, of which only what is damaged is answered.
async fn make_noise(peer: &mut Peer, random: &mut Random) -> Option<()> {
    match random.below(4) {
        0 => peer.send(b"+-++\r\n").await?,
        1 => peer.send(b"\x03").await?,
        2 => peer.send(b"$m0,$g").await?,
        _ => {
            peer.send(b"$?#00").await?;
            // Or, after a packet that began and did not end, this one is its end.
            let reply = peer.reply(b"?").await?;
            assert!(reply.starts_with("E16"), "{}", peer.last_said());
        }
    }
    Some(())
}

/// Plays `count` packets of a recording, over as many guests as it takes.
async fn play(recording: &Recording, count: usize, random: &mut Random) {
    let packets: Vec<_> = recording.packets.lines().map(unescaped).collect();
    let mut sent = 0;
    while sent < count {
        let mut peer = Peer::connect(guest(recording.persona).await);
        let (mut at, mut played) = (0, 0);
        let mut last = Vec::new();
        while sent < count {
            // The first packets say who the client is; after that it starts over now and then, or skips some.
            if at >= packets.len() || (played >= GREETING && random.below(200) == 0) {
                at = random.below(packets.len());
            }
            let is_whole = played < GREETING || random.below(3) == 0;
            let next = if is_whole { packets[at].clone() } else { damaged(random, &packets, &packets[at]) };
            let before = std::mem::replace(&mut last, next);
            (at, played, sent) = (at + 1, played + 1, sent + 1);
            if played > GREETING && random.below(50) == 0 && make_noise(&mut peer, random).await.is_none() {
                break;
            }
            match peer.ask(&last).await {
                Some(reply) if reply.starts_with(['W', 'X']) => break,
                Some(_) => {}
                None => {
                    // A packet that ended it may have been answered before.
                    let is_due = may_end(&last) || may_end(&before);
                    assert!(is_due, "{}: the session has ended{}", recording.client, peer.last_said());
                    break;
                }
            }
        }
        let (debuggee, outcome) = peer.hang_up().await;
        assert!(!matches!(outcome, Outcome::Lost(Some(_))), "{outcome:?} after {}", last.escape_ascii());
        debuggee.session().kill();
    }
}

/// A number from the environment.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_sessions_survive_damage() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        usual(panic);
    }));
    let count = given("DAMAGED_PACKETS").map_or(PACKETS, |count| usize::try_from(count).unwrap());
    for (number, recording) in RECORDINGS.iter().enumerate() {
        let seed =
            0x9e37_79b9_7f4a_7c15 ^ (given("DAMAGE_SEED").unwrap_or(1) << 8 | u64::try_from(number).unwrap());
        play(recording, count, &mut Random(seed)).await;
        // What panics while the guest is looked at is an error to the client, and a mistake of ours all the same.
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{}: something panicked", recording.client);
    }
}
