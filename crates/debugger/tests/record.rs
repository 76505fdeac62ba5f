//! Core dumps of guests, opened again: what is seen of them is what was seen of the guests.

use debugger::{
    Entry, Error, Event, Events, Frame, Guest, Paused, Record, Resume, Session, Spawner, Stop, TrapCode,
    Value,
};
use runtime::{Engine, EngineConfig, Linker, Module, Tiers};

const WAT: &str = r#"(module
  (memory (export "memory") 2 4)
  (table $functions 3 funcref)
  (elem (i32.const 1) $inner)
  (global $counter (mut i32) (i32.const 5))
  (global $function funcref (ref.func $inner))
  (data (i32.const 70000) "hello")
  (func $inner (param $a i32) (param $v v128) (result i32) (local $f f64) (local $r funcref)
    (local.set $f (f64.const 0.5))
    (local.set $r (ref.func $outer))
    (global.set $counter (i32.const 6))
    (i32.div_s (local.get $a) (i32.const 0)))
  (func $outer (export "outer") (param i64) (result i32)
    (i32.add (i32.const 1) (call $inner (i32.wrap_i64 (local.get 0)) (v128.const i64x2 1 2)))))"#;

struct Guests {
    engine: Engine,
    module: Module,
    session: Session,
    /// Kept, so that the session has somebody to tell.
    _events: Events,
}

/// A guest that has trapped in `inner`, called by `outer`.
fn trapped(tiers: Tiers) -> Guests {
    let engine =
        Engine::new(EngineConfig { tiers, ..EngineConfig::default() }).expect("this machine is supported");
    let module = Module::new(&engine, WAT.as_bytes(), "test.wat").expect("valid");
    let entry = Entry::Invoke { export: "outer".to_owned(), arguments: vec![Value::I64(84)] };
    let guest = Guest {
        engine: engine.clone(),
        module: module.clone(),
        linker: Linker::new(),
        preloads: Vec::new(),
        entry,
        run_at_once: true,
        spawner: Spawner::new(),
    };
    let (session, mut events) = Session::launch(guest).expect("a thread");
    match events.blocking_recv() {
        Some(Event::Stopped { stop: Stop::Trap { code: TrapCode::IntegerDivisionByZero, .. }, .. }) => {}
        other => panic!("{other:?}"),
    }
    Guests { engine, module, session, _events: events }
}

fn opened(guests: &Guests, dump: &[u8]) -> (Session, Events, Stop) {
    let dump = core_dump::read(&dump.to_vec().into()).expect("what we write we read");
    let record =
        Record::new(dump, vec![guests.module.clone()], &guests.engine).expect("it is of this module");
    let (session, mut events) = Session::open(record, &guests.engine).expect("a thread");
    match events.blocking_recv() {
        Some(Event::Stopped { stop, .. }) => (session, events, stop),
        other => panic!("{other:?}"),
    }
}

/// What is seen of a guest. Functions by what they are, since handles are the store's.
fn seen(paused: &mut Paused<'_>) -> String {
    let mut text = String::new();
    let value = |paused: &Paused<'_>, value: Result<Value, Error>| match value {
        Ok(Value::FuncRef(Some(handle))) => format!("{:?}", paused.function_of(handle)),
        Ok(other) => format!("{other:?}"),
        Err(_) => "?".to_owned(),
    };
    for (index, frame) in paused.frames().to_vec().iter().enumerate() {
        let Frame::Wasm(frame) = frame else { continue };
        text += &format!(
            "func {} pc {} call {:?} act {}",
            frame.function, frame.pc, frame.call, frame.activation
        );
        for local in 0..4 {
            text += &format!(" {}", value(paused, paused.local(index, local)));
        }
        for operand in 0..3 {
            text += &format!(" | {}", value(paused, paused.operand(index, operand)));
        }
        text += &format!(" {:?} {:?}\n", frame.locals, frame.operands);
    }
    let instance = paused.modules()[0].instances[0];
    for index in 0..3 {
        text += &format!("global {}\n", value(paused, paused.global(instance, index)));
        text += &format!("element {}\n", value(paused, paused.table_element(instance, 0, index.into())));
    }
    let mut bytes = [0; 8];
    let read = paused.read_memory(instance, 0, 69_998, &mut bytes);
    text += &format!("memory {:?} {read:?} {bytes:?}\n", paused.memory_size(instance, 0).ok());
    text
}

#[test]
fn a_core_dump_shows_what_the_guest_did() {
    for tiers in [Tiers::Automatic, Tiers::Debug] {
        let guests = trapped(tiers);
        let dump = guests.session.core_dump().expect("it is stopped");
        let before = guests.session.inspect(seen).expect("it is stopped");
        let (session, _events, stop) = opened(&guests, &dump);
        assert_eq!(session.inspect(seen).expect("it stands"), before);
        assert!(matches!(stop, Stop::Trap { code: TrapCode::IntegerDivisionByZero, .. }), "{stop:?}");
        assert!(before.contains("global I32(6)") && before.contains("104, 101"), "{before}");
        let again = session.core_dump().expect("it stands");
        assert_eq!(again, dump, "a core dump of a core dump");
    }
}

#[test]
fn nothing_of_it_runs_or_changes() {
    let guests = trapped(Tiers::Automatic);
    let dump = guests.session.core_dump().expect("it is stopped");
    let (session, mut events, _) = opened(&guests, &dump);
    assert!(matches!(session.resume(Resume::Continue), Err(Error::Record)));
    assert!(matches!(session.resume(Resume::StepInstruction), Err(Error::Record)));
    let refused = session.inspect(|paused| {
        let instance = paused.modules()[0].instances[0];
        let results = [
            paused.set_local(0, 0, Value::I32(1)),
            paused.set_operand(0, 0, Value::I32(1)),
            paused.set_global(instance, 0, Value::I32(1)),
            paused.write_memory(instance, 0, 0, &[1]),
            paused.set_table_element(instance, 0, 0, Value::FuncRef(None)),
        ];
        let call = paused.export(instance, "outer").map(|outer| paused.call(outer, &[Value::I64(1)]));
        let is_refused = |result: &Result<(), Error>| matches!(result, Err(Error::Record));
        results.iter().all(is_refused) && matches!(call, Some(Err(Error::Record)))
    });
    assert!(refused.expect("it stands"));
    session.kill();
    assert!(matches!(events.blocking_recv(), Some(Event::Exited(_))));
}

/// As Wasmtime writes them: without our section, with no locals, callers by the offsets of their calls.
#[test]
fn what_others_write_is_shown_as_far_as_it_goes() {
    let guests = trapped(Tiers::Automatic);
    let ours = guests.session.core_dump().expect("it is stopped");
    let mut dump = core_dump::read(&ours.clone().into()).expect("what we write we read");
    for thread in &mut dump.threads {
        for frame in &mut thread.frames {
            let core_dump::Frame::Wasm(frame) = frame else { panic!("no host function") };
            frame.locals.clear();
            frame.operands.clear();
            frame.operand_types.clear();
        }
    }
    let written = core_dump::write(&dump, &[Vec::new()]);
    let at = written.windows(14).position(|bytes| bytes == b"wasm-gdbserver").expect("our section");
    let length = if written[at - 3] & 0x80 == 0 { 2 } else { 3 };
    let (session, _events, stop) = opened(&guests, &written[..at - 1 - length]);
    assert!(matches!(stop, Stop::Recorded { .. }), "{stop:?}");
    let places = |paused: &mut Paused<'_>| {
        let wasm = |frame: &Frame| match frame {
            Frame::Wasm(frame) => Some((frame.function, frame.pc, frame.call)),
            Frame::Host(_) => None,
        };
        paused.frames().iter().filter_map(wasm).collect::<Vec<_>>()
    };
    let before = guests.session.inspect(places).expect("it is stopped");
    assert_eq!(session.inspect(places).expect("it stands"), before);
    let unknown = session.inspect(|paused| {
        let instance = paused.modules()[0].instances[0];
        assert!(matches!(paused.local(0, 0), Err(Error::NotRecorded)));
        assert!(matches!(paused.global(instance, 0), Ok(Value::I32(6))));
        // Of references others say only that they are null, which is not true.
        assert!(matches!(paused.global(instance, 1), Err(Error::NotRecorded)));
        paused.table_size(instance, 0).expect("there is a table")
    });
    assert_eq!(unknown.expect("it stands"), 0);
}

#[test]
fn a_dump_of_another_module_is_refused() {
    let guests = trapped(Tiers::Automatic);
    let dump = guests.session.core_dump().expect("it is stopped");
    let other = WAT
        .replace("(local.set $f (f64.const 0.5))", "")
        .replace("(global $function funcref (ref.func $inner))", "");
    let other = Module::new(&guests.engine, other.as_bytes(), "other.wat").expect("valid");
    let dump = core_dump::read(&dump.to_vec().into()).expect("what we write we read");
    let refused = Record::new(dump, vec![other], &guests.engine).map(drop).expect_err("it is another one");
    assert_eq!(refused.to_string(), "the core dump is not of other.wat: it had 2 globals, and has 1");
}
