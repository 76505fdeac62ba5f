//! A guest with two threads: which thread a packet is about, and which threads it lets run.

use std::path::PathBuf;

use debugger::{Entry, Guest, Session, Spawner};
use gdb::{Debuggee, Program};
use runtime::{
    Engine, EngineConfig, Failure, FuncType, HostError, Instance, Linker, Module, Store, Value, ValueType,
};

use crate::client::Client;

/// The main thread starts another one, and runs for ever.
const PROGRAM: &str = r#"
(module
  (import "env" "spawn" (func $spawn (param i32) (result i32)))
  (func (export "run") (param $x i32)
    (drop (call $spawn (i32.const 0)))
    (loop $again
      (br $again)))
  (func (export "thread") (param $y i64)
    nop
    nop)
)
"#;

/// Function index of `thread`.
const THREAD: u32 = 2;

/// The guest, and the address of the first operator of `thread`.
async fn guest() -> (Debuggee, u64) {
    let engine = Engine::new(EngineConfig::default()).expect("an engine");
    let module = Module::new(&engine, PROGRAM.as_bytes(), "threads.wat").expect("valid");
    let spawner = Spawner::new();
    let mut linker = Linker::new();
    let (starts, of_thread) = (spawner.clone(), module.clone());
    let ty = FuncType::new([ValueType::I32], [ValueType::I32]);
    linker.define_func("env", "spawn", ty, move |_, _| {
        let module = of_thread.clone();
        let started = starts.spawn(move |store: &mut Store, _| {
            let mut linker = Linker::new();
            let ty = FuncType::new([ValueType::I32], [ValueType::I32]);
            linker.define_func("env", "spawn", ty, |_, _| Err(HostError::Message("not here".to_owned())));
            let instance = Instance::new(store, &module, &linker);
            let instance = instance.map_err(|error| Failure::Host(error.to_string()))?;
            let function = instance.get_func(store, "thread").expect("exported");
            function.call(store, &[Value::I64(7)]).map(drop)
        });
        let thread = started.map_err(|error| HostError::Message(error.to_string()))?;
        Ok(vec![Value::I32(thread.0.cast_signed())])
    });
    let program = Program {
        path: PathBuf::from("/guests/threads.wasm"),
        module: module.bytes().clone(),
        hash: Default::default(),
        file: None,
        debug_files: Vec::new(),
        texts: None,
        paths: dwarf::PathMap::default(),
        imported_functions: vec!["env.spawn".to_owned()],
    };
    let body = module.body_range(THREAD).expect("defined").start;
    let entry = Entry::Invoke { export: "run".to_owned(), arguments: vec![Value::I32(5)] };
    let guest = Guest { engine, module, linker, preloads: Vec::new(), entry, run_at_once: false, spawner };
    let (session, events) = Session::launch(guest).expect("a thread");
    let mut debuggee = Debuggee::new(session, events, program, None);
    debuggee.still().await;
    // The body begins with the count of its local declarations.
    (debuggee, 0xe000_0000 + u64::from(body.0) + 1)
}

/// Registers by number.
const RBP: u32 = 6;
const RIP: u32 = 16;

/// A client whose guest stands at a breakpoint in thread 2.
async fn in_the_other_thread() -> (Client, u64) {
    let (debuggee, address) = guest().await;
    let mut client = Client::greeted(debuggee).await;
    assert_eq!(client.ask("qfThreadInfo").await, "mp01.01");
    assert_eq!(client.ask(&format!("Z0,{address:x},1")).await, "OK");
    let stop = client.ask("vCont;c").await;
    assert!(stop.starts_with("T05thread:p01.02;swbreak:;"), "{stop}");
    (client, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_are_about_the_thread_that_stopped_until_another_is_chosen() {
    let (mut client, address) = in_the_other_thread().await;
    assert_eq!(client.ask("qfThreadInfo").await, "mp01.01,p01.02");
    assert_eq!(client.ask("qC").await, "QCp01.02");
    assert_eq!(client.register(RIP).await, address);
    let other = client.register(RBP).await;
    assert_eq!(client.ask(&format!("m{:x},8", other - 16)).await, "0700000000000000");
    assert_eq!(client.ask("Hgp1.1").await, "OK");
    assert_eq!(client.ask("qC").await, "QCp01.01");
    assert_ne!(client.register(RIP).await, address);
    let main = client.register(RBP).await;
    assert_ne!(main, other, "each thread has a region of its own");
    assert_eq!(client.ask(&format!("m{:x},4", main - 16)).await, "05000000");
    // A frame belongs to its thread whichever is chosen.
    assert_eq!(client.ask(&format!("m{:x},8", other - 16)).await, "0700000000000000");
    assert_eq!(client.ask("Hg0").await, "OK");
    assert_eq!(client.ask("qC").await, "QCp01.02");
    assert_eq!(client.ask("Hgp1.9").await, "E01", "no such thread");
    assert_eq!(client.ask("Tp1.2").await, "OK");
    assert_eq!(client.ask("Tp1.9").await, "E01");
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_action_for_all_only_the_named_threads_run() {
    let (mut client, _) = in_the_other_thread().await;
    client.ask("Hgp1.1").await;
    let before = client.register(RIP).await;
    let stop = client.ask("vCont;s:p1.2").await;
    assert!(stop.starts_with("T05thread:p01.02;06:"), "{stop}");
    client.ask("Hgp1.1").await;
    assert_eq!(client.register(RIP).await, before);
    // Every operator of the other one, to its end.
    for _ in 0..2 {
        let stop = client.ask("vCont;s:p1.2").await;
        if stop.starts_with("T05thread:p01.01;") {
            break;
        }
    }
    // It is gone, and nothing that may run is left.
    assert_eq!(client.ask("vCont;c:p1.2").await.get(..3), Some("E01"));
    assert_eq!(client.ask("qfThreadInfo").await, "mp01.01");
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_only_thread_that_may_run_is_told() {
    let (mut client, address) = in_the_other_thread().await;
    client.ask(&format!("z0,{address:x},1")).await;
    client.ask("qSupported:multiprocess+;no-resumed+").await;
    assert_eq!(client.ask("vCont;c:p1.2").await, "N");
    assert_eq!(client.ask("qfThreadInfo").await, "mp01.01");
    // The other one is there to be chosen.
    client.ask("Hgp1.1").await;
    assert_eq!(client.ask("qC").await, "QCp01.01");
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_packets_are_about_the_thread_that_stopped_or_the_one_of_hc() {
    let (mut client, address) = in_the_other_thread().await;
    let stop = client.ask("s").await;
    assert!(stop.starts_with("T05thread:p01.02;"), "{stop}");
    assert_ne!(client.register(RIP).await, address);
    assert_eq!(client.ask("Hcp1.1").await, "OK");
    let stop = client.ask("s").await;
    assert!(stop.starts_with("T05thread:p01.01;"), "{stop}");
    client.hang_up().await;
}
