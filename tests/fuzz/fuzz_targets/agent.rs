//! Any bytecode where gdb has it evaluated: as a condition or a command of a breakpoint, as a condition or an action of a
//! tracepoint, of its steps. The first byte says where, the second how long the first of two expressions is. Every packet is
//! answered, the guest comes to its next breakpoint, and nothing panics.
//!
//! With `FUZZ_SEEDS=FOLDER`, the first inputs are put there: what gdb sent in a recorded session, and each operator.
#![no_main]

#[path = "../seeds.rs"]
mod seeds;

use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use debugger::{Entry, Guest, Session, Spawner};
use gdb::{Debuggee, Program};
use libfuzzer_sys::fuzz_target;
use runtime::{Engine, EngineConfig, Linker, Module};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::Runtime;

const GUEST: &str = r#"(module
  (memory 1) (data (i32.const 16) "a text of the guest\00")
  (func $turn (param i32 f64 i64) (result i32) (local i64 v128)
    (local.set 3 (i64.const -2))
    (i32.store (i32.const 8) (local.get 0))
    (i32.add (i32.load (i32.const 8)) (i32.const 1)))
  (func $end)
  (func (export "_start")
    (loop $again
      (drop (call $turn (i32.const 7) (f64.const 1.5) (i64.const -3)))
      (call $end)
      (br $again))))"#;

/// Where the machine that gdb is shown has a module's first byte.
const CODE: u32 = 0xe000_0000;

/// A reply that takes longer does not come: an expression that does not end is given up long before.
const PATIENCE: Duration = Duration::from_secs(20);

/// Never dropped: the end of its runtime would wait for a session that does not end.
static TALK: LazyLock<Mutex<Talk>> = LazyLock::new(|| Mutex::new(Talk::begin()));

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    let Some((&[kind, length], code)) = bytes.split_first_chunk() else { return };
    let (first, second) = code.split_at(usize::from(length).min(code.len()));
    TALK.lock().expect("one thread").evaluate(kind, first, second);
});

/// A session that goes on from one input to the next.
struct Talk {
    runtime: Runtime,
    client: DuplexStream,
    received: Vec<u8>,
    turn: u32,
}

impl Talk {
    fn begin() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
        let module = Module::new(&engine, GUEST.as_bytes(), "guest.wat").expect("valid");
        let program = Program {
            path: PathBuf::from("/guest.wasm"),
            module: module.bytes().clone(),
            hash: Default::default(),
            file: None,
            debug_files: Vec::new(),
            texts: None,
            paths: dwarf::PathMap::default(),
            imported_functions: Vec::new(),
        };
        let address = |function| CODE + module.body_range(function).expect("it is defined").start.0;
        let (turn, end) = (address(0), address(1));
        let (entry, spawner, linker) = (Entry::Start, Spawner::new(), Linker::new());
        let guest = Guest { engine, module, linker, preloads: Vec::new(), entry, run_at_once: false, spawner };
        let (session, events) = Session::launch(guest).expect("a thread");
        let mut debuggee = Debuggee::new(session, events, program, None);
        runtime.block_on(debuggee.still());
        let (client, server) = tokio::io::duplex(1 << 16);
        runtime.spawn(gdb::serve(move || Ok(server), debuggee));
        let mut talk = Self { runtime, client, received: Vec::new(), turn };
        talk.ask("qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+;xmlRegisters=i386");
        assert_eq!(talk.ask("QStartNoAckMode"), "OK");
        assert_eq!(talk.ask(&format!("Z0,{end:x},1")), "OK");
        talk
    }

    fn evaluate(&mut self, kind: u8, first: &[u8], second: &[u8]) {
        let expression = |code: &[u8]| {
            let digits: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("X{:x},{digits}", code.len())
        };
        let (first, second, turn) = (expression(first), expression(second), self.turn);
        if kind & 7 < 3 {
            let asked = match kind & 7 {
                0 => self.ask(&format!("Z0,{turn:x},1;{first}{second}")),
                1 => self.ask(&format!("Z0,{turn:x},1;cmds:0,{first}{second}")),
                _ => self.ask(&format!("Z0,{turn:x},1;{first};cmds:1,{second}")),
            };
            if asked == "OK" {
                self.run();
                assert_eq!(self.ask(&format!("z0,{turn:x},1")), "OK");
                self.run();
            }
            return;
        }
        self.ask("QTinit");
        self.ask("QTDV:1:5:0:78");
        self.ask("QTBuffer:size:1000");
        self.ask(&format!("QTBuffer:circular:{}", kind & 1));
        let steps = if kind & 7 > 5 { 3 } else { 0 };
        let condition = if kind & 7 == 3 { format!(":{first}") } else { String::new() };
        self.ask(&format!("QTDP:1:{turn:x}:E:{steps}:0{condition}-"));
        self.ask(&format!("QTDP:-1:{turn:x}:R10041{first}"));
        self.ask(&format!("QTDP:-1:{turn:x}:S{second}"));
        if self.ask("QTStart") == "OK" {
            self.run();
            for packet in ["qTStatus", "QTStop", "QTFrame:0", "g", "m10,20", "qTV:1", "qXfer:traceframe-info:read::0,1000", "QTFrame:tdp:1", "g", "QTFrame:ffffffff", "g"] {
                self.ask(packet);
            }
        }
        self.run();
    }

    /// Lets the guest run to a breakpoint.
    fn run(&mut self) {
        let stop = self.ask("vCont;c");
        assert!(stop.starts_with("T05"), "{stop}");
    }

    /// The answer to a packet. What the server prints comes before it.
    fn ask(&mut self, body: &str) -> String {
        let sum = body.bytes().fold(0_u8, u8::wrapping_add);
        let packet = format!("${body}#{sum:02x}");
        let Self { runtime, client, received, .. } = self;
        let asked = async {
            client.write_all(packet.as_bytes()).await.expect("the session goes on");
            loop {
                let start = received.iter().position(|byte| *byte == b'$');
                let end = received.iter().position(|byte| *byte == b'#');
                if let Some((start, end)) = start.zip(end)
                    && received.len() >= end + 3
                {
                    let reply = received[start + 1..end].escape_ascii().to_string();
                    received.drain(..end + 3);
                    if reply == "OK" || !reply.starts_with('O') {
                        return reply;
                    }
                } else {
                    let read = client.read_buf(received).await.expect("the session goes on");
                    assert!(read > 0, "the session has ended after {body}");
                }
            }
        };
        let reply = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
        reply.unwrap_or_else(|_| panic!("no answer to {body}"))
    }
}

/// Bytecode with operators that the recorded session has not: each is followed by one that shows what it left.
const MORE: &[&str] = &[
    "220722fe16080227",
    "2207220303220204220205220306220207220308220109220a220b27",
    "22070e12220f0f22f0102211112213132214142215152701",
    "2210172210182210192410001a27",
    "2201220222033332012b29282727",
    "25fffffffffffffffe2a2016201a27",
    "220020000a220621000c220527",
    "2c00012201022d00012e000127",
    "221022140c27",
    "22100d0427",
    "2210300010290c27",
    "221022142f27",
    "2207221022052200220034050014256420256c7820257320256320252d30382e33757e0027",
    "2200220034000568690a0027",
    "26000622f016080219220713",
    "2600062220031a2600072210021927",
    "21000027",
    "22ff2801032820000227",
];

fn write_seeds() {
    let Some(seeds) = seeds::Folder::given() else { return };
    let recorded = include_str!("../../../crates/gdb/tests/recorded/gdb-tools.txt");
    // `Xlength,digits`, as in all packets that have expressions.
    let sent = recorded.split('X').skip(1).filter_map(|rest| {
        let (length, rest) = rest.split_once(',')?;
        let length = 2 * usize::from_str_radix(length, 16).ok()?;
        rest.get(..length)
    });
    let digits = |text: &str| -> Option<Vec<u8>> {
        let pairs = (0..text.len()).step_by(2);
        pairs.map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
    };
    let codes: Vec<Vec<u8>> = sent.chain(MORE.iter().copied()).filter_map(digits).collect();
    for kind in 0..8 {
        for (number, code) in codes.iter().enumerate() {
            let Ok(length) = u8::try_from(code.len()) else { continue };
            let second = &codes[(number + usize::from(kind)) % codes.len()];
            seeds.write(&format!("{kind}-{number:03}"), &[&[kind, length], code.as_slice(), second].concat());
        }
    }
}
