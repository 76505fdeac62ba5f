//! Any bytes from a client: the session answers or ends, and the guest stays what it was.
#![no_main]

use debugger::{Entry, Guest, Session, Spawner};
use gdb::{Debuggee, Outcome, Program};
use libfuzzer_sys::fuzz_target;
use runtime::{Engine, EngineConfig, Linker, Module};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GUEST: &str = r#"(module (memory (export "memory") 1)
    (func (export "run") (param $n i32) (result i32) local.get $n i32.const 1 i32.add))"#;

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(serve(bytes));
});

async fn serve(bytes: &[u8]) {
    let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
    let module = Module::new(&engine, GUEST.as_bytes(), "guest.wat").expect("valid");
    let program = Program {
        path: PathBuf::from("/guest.wasm"),
        module: Arc::clone(module.bytes()),
        debug_file: None,
        imported_functions: Vec::new(),
    };
    let entry = Entry::Invoke { export: "run".into(), arguments: vec![debugger::Value::I32(41)] };
    let guest = Guest { engine, module, linker: Linker::new(), entry, run_at_once: false, spawner: Spawner::new() };
    let (session, events) = Session::launch(guest).expect("a thread");
    let debuggee = Debuggee::new(session, events, program, None);
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
