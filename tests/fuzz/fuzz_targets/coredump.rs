//! Any bytes as a core dump: the reader may refuse them; what it takes is opened on a module that it may fit, and looked at.
#![no_main]

use std::sync::{Arc, LazyLock};

use debugger::{Event, Frame, Record, Session};
use libfuzzer_sys::fuzz_target;
use runtime::{Engine, EngineConfig, Module};

const MODULE: &str = r#"(module
  (memory 1) (table 2 funcref) (global (mut i32) (i32.const 7)) (global v128 (v128.const i64x2 1 2))
  (func $f (param i32 f64) (result i32) (local v128 funcref) (i32.div_s (local.get 0) (i32.const 0)))
  (func (export "_start") (drop (call $f (i32.const 1) (f64.const 2)))))"#;

static READY: LazyLock<(Engine, Module)> = LazyLock::new(|| {
    // A small program: not a large memory for each of many dumps.
    let config = EngineConfig { max_memory: 1 << 20, max_table: 1000, max_stack: 1 << 16, ..EngineConfig::default() };
    let engine = Engine::new(config).expect("an engine");
    let module = Module::new(&engine, MODULE.as_bytes(), "small").expect("a module");
    (engine, module)
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(dump) = core_dump::read(&Arc::from(bytes)) else { return };
    let (engine, module) = &*READY;
    if dump.modules.len() > 4 || dump.threads.len() > 4 {
        return;
    }
    let modules = vec![module.clone(); dump.modules.len()];
    let Ok(record) = Record::new(dump, modules, engine) else { return };
    let Ok((session, mut events)) = Session::open(record, engine) else { return };
    let mut first = events.blocking_recv();
    while let Some(Event::ThreadStarted(_)) = first {
        first = events.blocking_recv();
    }
    if let Some(Event::Stopped { .. }) = first {
        let looked = session.inspect(|paused| {
            for (index, frame) in paused.frames().iter().enumerate() {
                let Frame::Wasm(frame) = frame else { continue };
                for local in 0..5 {
                    let _unknown = paused.local(index, local);
                    let _unknown = paused.operand(index, local);
                    let _unknown = paused.global(frame.instance, local);
                }
                let _unknown = paused.table_element(frame.instance, 0, 0);
            }
        });
        assert!(looked.is_ok(), "{looked:?}");
        let again = session.core_dump().expect("a core dump of a core dump");
        assert!(core_dump::read(&Arc::from(again)).is_ok(), "what we write we read");
    }
    session.kill();
    while events.blocking_recv().is_some() {}
});
