//! Any bytes from a client: the session answers or ends, and nothing panics.
//!
//! The first byte says what the others are: `0` a stream as it is; `1`, `2`, `3` and `4` packets' bodies, one in a line, to
//! a session that begins as that of gdb, of lldb, of lldb with a symbol file, of gdb with its tools. `scripts/fuzz.sh` makes the first inputs of the
//! recorded sessions.
#![no_main]

use debugger::{Entry, Guest, Session, Spawner, Value, ValueType};
use gdb::{Debuggee, Outcome, PersonaChoice, Program};
use libfuzzer_sys::fuzz_target;
use runtime::{Engine, EngineConfig, FuncType, Linker, Module};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GUEST: &[u8] = include_bytes!("../../../crates/gdb/tests/recorded/guest.wat");

const RECORDED: [&str; 4] = [
    include_str!("../../../crates/gdb/tests/recorded/gdb.txt"),
    include_str!("../../../crates/gdb/tests/recorded/lldb.txt"),
    include_str!("../../../crates/gdb/tests/recorded/lldb-elf.txt"),
    include_str!("../../../crates/gdb/tests/recorded/gdb-tools.txt"),
];

/// How many packets of a recording say who the client is.
const GREETING: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    let recorded = RECORDED.get(usize::from(kind.wrapping_sub(b'1')));
    let (stream, persona) = match recorded {
        None => (rest.to_vec(), PersonaChoice::Auto),
        Some(recorded) => {
            let greeting = recorded.lines().take(GREETING).map(str::as_bytes);
            let bodies = greeting.chain(rest.split(|byte| *byte == b'\n'));
            let persona = if kind == b'3' { PersonaChoice::Elf } else { PersonaChoice::Auto };
            (bodies.flat_map(framed).collect(), persona)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(serve(&stream, persona));
});

/// `$BODY#SUM`, and an interrupt for the guest that runs then.
fn framed(body: &[u8]) -> Vec<u8> {
    let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let interrupt: &[u8] = if matches!(body.first(), Some(b'v' | b'c' | b'C' | b's' | b'S')) { b"\x03" } else { b"" };
    [b"$", body, format!("#{sum:02x}").as_bytes(), interrupt].concat()
}

async fn serve(bytes: &[u8], persona: PersonaChoice) {
    let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
    let module = Module::new(&engine, GUEST, "guest.wat").expect("valid");
    let program = Program {
        path: PathBuf::from("/guest.wasm"),
        module: Arc::clone(module.bytes()),
        debug_files: Vec::new(),
        texts: None,
        paths: dwarf::PathMap::default(),
        imported_functions: vec!["wasi_snapshot_preview1.sched_yield".into()],
    };
    let mut linker = Linker::new();
    let yields = FuncType::new([], [ValueType::I32]);
    linker.define_func("wasi_snapshot_preview1", "sched_yield", yields, |_, _| Ok(vec![Value::I32(0)]));
    let (entry, spawner) = (Entry::Start, Spawner::new());
    let guest = Guest { engine, module, linker, preloads: Vec::new(), entry, run_at_once: false, spawner };
    let (session, events) = Session::launch(guest).expect("a thread");
    let mut debuggee = Debuggee::new(session, events, program, None);
    debuggee.show(persona);
    debuggee.still().await;
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let talk = async {
        // The server may hang up at any byte.
        let _hung_up = client.write_all(bytes).await;
        let _hung_up = client.shutdown().await;
        let mut answers = Vec::new();
        let _hung_up = client.read_to_end(&mut answers).await;
    };
    let (served, ()) = tokio::join!(gdb::serve(move || Ok(server), debuggee), talk);
    let (debuggee, outcome) = served.expect("the conversation's thread runs");
    assert!(!matches!(outcome, Outcome::Lost(Some(gdb::Error::Thread(_)))), "a panic: {outcome:?}");
    debuggee.session().kill();
}
