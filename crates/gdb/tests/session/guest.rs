//! The guests of these tests.

use std::path::PathBuf;

use debugger::{Entry, Events, Guest, Session, Spawner};
use gdb::{Debuggee, Launcher, Program};
use runtime::{Engine, EngineConfig, FuncType, Linker, Module, Value, ValueType};

/// One function per test. The PCs are those of the operators in the binary.
const PROGRAM: &str = r#"
(module $program
  (import "env" "host" (func $host (param i32)))
  (memory (export "memory") 1)
  (global $global (mut i32) (i32.const 7))
  (table 2 funcref)
  (elem (i32.const 1) $add)
  (data (i32.const 16) "needle")
  (func $add (param $a i32) (param $b i32) (result i32)
    local.get $a
    local.get $b
    i32.add)
  (func $sum (export "sum") (result i64) (local $x i64)
    i64.const 40
    local.set $x
    i32.const 2
    i32.const 3
    call $add
    call $host
    local.get $x)
  (func $divide (export "divide") (param $by i32) (result i32)
    i32.const 10
    local.get $by
    i32.div_s)
  (func $spin (export "spin")
    loop $again
      br $again
    end)
  (func $calls_host (export "calls_host")
    i32.const 5
    call $host)
)
"#;

pub(crate) fn module(engine: &Engine) -> Module {
    Module::new(engine, PROGRAM.as_bytes(), "program.wat").expect("a valid program")
}

/// Address of an operator: `skip` bytes into the function's operators, local declarations not counted.
pub(crate) fn address(function: u32, local_declarations: u32, skip: u32) -> String {
    address_in(PROGRAM, function, local_declarations + skip)
}

/// An address in a function of any program: `skip` bytes into its body.
pub(crate) fn address_in(text: &str, function: u32, skip: u32) -> String {
    let engine = Engine::new(EngineConfig::default()).expect("an engine");
    let module = Module::new(&engine, text.as_bytes(), "program.wat").expect("a valid program");
    let body = module.body_range(function).expect("a defined function");
    format!("{:x}", 0xe000_0000_u32 + body.start.0 + skip)
}

fn launch_entry(export: &str, arguments: Vec<Value>) -> (Session, Events) {
    launch(PROGRAM, export, arguments)
}

fn launch(text: &str, export: &str, arguments: Vec<Value>) -> (Session, Events) {
    let engine = Engine::new(EngineConfig::default()).expect("an engine");
    let module = Module::new(&engine, text.as_bytes(), "program.wat").expect("a valid program");
    let mut linker = Linker::new();
    linker.define_func("env", "host", FuncType::new([ValueType::I32], []), |_, _| Ok(Vec::new()));
    let entry = Entry::Invoke { export: export.to_owned(), arguments };
    Session::launch(Guest {
        engine,
        module,
        linker,
        preloads: Vec::new(),
        entry,
        run_at_once: false,
        spawner: Spawner::new(),
    })
    .expect("a thread")
}

fn program() -> Program {
    let engine = Engine::new(EngineConfig::default()).expect("an engine");
    Program {
        path: PathBuf::from("/guests/program.wasm"),
        module: module(&engine).bytes().clone(),
        hash: Default::default(),
        file: None,
        debug_files: Vec::new(),
        texts: None,
        paths: dwarf::PathMap::default(),
        imported_functions: vec!["env.host".to_owned()],
    }
}

/// A guest that calls this export when it is continued.
pub(crate) async fn guest(export: &str, arguments: Vec<Value>) -> Debuggee {
    let (session, events) = launch_entry(export, arguments);
    let mut debuggee = Debuggee::new(session, events, program(), None);
    debuggee.still().await;
    debuggee
}

/// A guest of another program, of which clients get no symbols, that calls its export `run`.
pub(crate) async fn guest_of(text: &str) -> Debuggee {
    let (session, events) = launch(text, "run", Vec::new());
    let mut debuggee = Debuggee::new(session, events, program(), None);
    debuggee.still().await;
    debuggee
}

/// Starts `divide` with the arguments that the client gives.
struct Divide;

impl Launcher for Divide {
    fn launch(&mut self, arguments: Vec<String>) -> Result<(Session, Events), String> {
        let by = arguments.first().and_then(|argument| argument.parse().ok()).ok_or("give a number")?;
        Ok(launch_entry("divide", vec![Value::I32(by)]))
    }
}

/// A guest that clients may start again, with a number to divide by.
pub(crate) async fn restartable() -> Debuggee {
    let (session, events) = launch_entry("divide", vec![Value::I32(5)]);
    let mut debuggee = Debuggee::new(session, events, program(), Some(Box::new(Divide)));
    debuggee.still().await;
    debuggee
}
