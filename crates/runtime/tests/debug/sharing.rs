//! Several instances and modules in one store: whose frame is whose, and what they share.

use crate::fixture::{Fixture, Log, config, pc_of};
use runtime::{DebugEvent, Failure, Frame, Instance, Linker, Module, Resumption, TrapCode, Value};

const LIBRARY: &str = r#"(module (global $calls (export "calls") (mut i32) (i32.const 0))
    (func (export "trap") (param i32) (local i64)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1))) unreachable))"#;

const PROGRAM: &str = r#"(module (import "library" "trap" (func $trap (param i32)))
    (import "library" "calls" (global $calls (mut i32)))
    (func (export "run") (param f64) (call $trap (i32.const 3))))"#;

#[test]
fn frames_name_the_module_and_the_instance_that_they_run_in() {
    let mut fixture = Fixture::new(LIBRARY);
    let second = Instance::new(&mut fixture.store, &fixture.module, &Linker::new()).expect("instantiates");
    let mut linker = Linker::new();
    linker.define_instance(&fixture.store, "library", second);
    let program = Module::new(&fixture.engine, PROGRAM.as_bytes(), "program").expect("valid");
    let program_instance = Instance::new(&mut fixture.store, &program, &linker).expect("instantiates");
    let stops = Log::new();
    let seen = stops.clone();
    fixture.hook(move |store, event| {
        assert_eq!(*event, DebugEvent::Trap(TrapCode::Unreachable));
        for frame in store.frames() {
            let Frame::Wasm(frame) = frame else { panic!("no host function was called") };
            let calls = frame.instance.and_then(|instance| store.global(instance, 0));
            seen.push((frame.module, frame.instance, frame.function, frame.pc, frame.local(store, 0), calls));
        }
        Resumption::Continue
    });
    let run = program_instance.get_func(&fixture.store, "run").expect("exported");
    let outcome = run.call(&mut fixture.store, &[Value::F64(0)]);
    assert_eq!(outcome, Err(Failure::Trap(TrapCode::Unreachable)));
    let in_library = pc_of(&fixture.module, 0, "Unreachable");
    let after_call = pc_of(&program, 1, "End");
    let once = Some(Value::I32(1));
    let expected = [
        (0, Some(second), 0, in_library, Ok(Value::I32(3)), once),
        (1, Some(program_instance), 1, after_call, Ok(Value::F64(0)), once),
    ];
    assert_eq!(stops.take(), expected);
    assert_eq!(fixture.store.global(fixture.instance, 0), Some(Value::I32(0)), "the other instance's own");
}

#[test]
fn a_breakpoint_in_a_module_stops_in_each_of_its_instances() {
    let wat = r#"(module (func (export "run") nop))"#;
    let mut fixture = Fixture::with(wat, &Linker::new(), config());
    fixture.break_at(0, "Nop");
    let second = Instance::new(&mut fixture.store, &fixture.module, &Linker::new()).expect("instantiates");
    let stops = Log::new();
    let seen = stops.clone();
    fixture.hook(move |store, _| {
        seen.push(store.innermost_frame().and_then(|frame| frame.instance));
        Resumption::Continue
    });
    for instance in [fixture.instance, second] {
        let run = instance.get_func(&fixture.store, "run").expect("exported");
        assert_eq!(run.call(&mut fixture.store, &[]), Ok(vec![]));
    }
    assert_eq!(stops.take(), [Some(fixture.instance), Some(second)]);
}
