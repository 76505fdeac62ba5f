//! Breakpoints, edited several at a time, and what else stops a guest at a point.

use crate::fixture::{Fixture, Log, operators};
use frame_table::ModulePc;
use runtime::{DebugEvent, Failure, Instance, Linker, Resumption, Value};

const LOOP: &str = r#"(module (func (export "run") (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (local.get 0)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    local.get 1))"#;

/// Has the PCs of all breakpoints that are hit noted.
fn note_points(fixture: &mut Fixture) -> Log<ModulePc> {
    let hits = Log::new();
    let seen = hits.clone();
    fixture.hook(move |_, event| {
        if let DebugEvent::Point { pc, breakpoint: true, interrupted: false, .. } = event {
            seen.push(*pc);
        }
        Resumption::Continue
    });
    hits
}

#[test]
fn an_edit_of_many_breakpoints_is_one_change_of_the_code() {
    let mut fixture = Fixture::new(LOOP);
    let hits = note_points(&mut fixture);
    let points: Vec<ModulePc> = operators(&fixture.module, 0).into_iter().map(|(_, pc)| pc).collect();
    fixture.store.program_point(0, points[0]).expect("compiles");
    // Whatever code it takes for a breakpoint that can be anywhere is there after the first one.
    let sum = points[3];
    fixture.store.set_breakpoint(0, sum, true);
    let before = fixture.store.publications();
    let mut edit = fixture.store.edit_breakpoints();
    for pc in &points {
        edit.set(0, *pc, true);
    }
    drop(edit);
    assert_eq!(fixture.store.publications(), before + 1);
    assert_eq!(fixture.call("run", &[Value::I32(1)]), Ok(vec![Value::I32(1)]));
    assert_eq!(hits.take(), points);

    // Set and cleared again in one edit: nothing to publish.
    let before = fixture.store.publications();
    let mut edit = fixture.store.edit_breakpoints();
    for pc in points.iter().filter(|pc| **pc != sum) {
        edit.set(0, *pc, false);
    }
    edit.set(0, sum, false);
    edit.set(0, sum, true);
    drop(edit);
    assert_eq!(fixture.store.publications(), before + 1);
    assert_eq!(fixture.call("run", &[Value::I32(1)]), Ok(vec![Value::I32(1)]));
    assert_eq!(hits.take(), [sum]);
}

#[test]
fn breakpoints_of_a_function_that_is_compiled_later_stop() {
    let mut fixture = Fixture::new(LOOP);
    let hits = note_points(&mut fixture);
    let first = operators(&fixture.module, 0)[0].1;
    let before = fixture.store.publications();
    fixture.store.set_breakpoint(0, first, true);
    assert_eq!(fixture.store.publications(), before, "there is no code yet");
    assert_eq!(fixture.call("run", &[Value::I32(3)]), Ok(vec![Value::I32(6)]));
    assert_eq!(hits.take(), [first]);
}

#[test]
fn a_breakpoint_in_a_loop_stops_each_time_until_it_is_cleared_at_a_stop() {
    let mut fixture = Fixture::new(LOOP);
    let hits = Log::new();
    let seen = hits.clone();
    fixture.hook(move |store, event| {
        let DebugEvent::Point { module, pc, breakpoint: true, .. } = event else { panic!("{event:?}") };
        let left = store.innermost_frame().expect("at a point").local(store, 0).expect("known");
        seen.push(left);
        if left == Value::I32(3) {
            store.set_breakpoint(*module, *pc, false);
        }
        Resumption::Continue
    });
    fixture.break_at(0, "LocalTee");
    assert_eq!(fixture.call("run", &[Value::I32(5)]), Ok(vec![Value::I32(15)]));
    assert_eq!(hits.take(), [Value::I32(5), Value::I32(4), Value::I32(3)]);
}

#[test]
fn an_interrupt_stops_a_loop_at_an_operator_and_a_kill_ends_it() {
    let mut fixture = Fixture::new(r#"(module (func (export "run") (loop br 0)))"#);
    let (stops, handle) = (Log::new(), fixture.store.interrupt_handle());
    let seen = stops.clone();
    fixture.hook(move |_, event| {
        let DebugEvent::Point { interrupted: true, breakpoint: false, .. } = event else {
            panic!("{event:?}")
        };
        seen.push(());
        let mut all = seen.take();
        let enough = all.len() == 3;
        all.drain(..).for_each(|()| seen.push(()));
        handle.interrupt();
        if enough { Resumption::Kill } else { Resumption::Continue }
    });
    fixture.store.interrupt_handle().interrupt();
    assert_eq!(fixture.call("run", &[]), Err(Failure::Killed));
    assert_eq!(stops.take().len(), 3);
    assert!(fixture.store.take_interrupt(), "the last one is still wanted");
}

#[test]
fn a_module_that_is_loaded_is_an_event_before_its_segments_and_start_function() {
    let mut fixture = Fixture::new("(module)");
    let events = Log::new();
    let seen = events.clone();
    fixture.hook(move |store, event| {
        let DebugEvent::ModuleLoaded(instance) = event else { panic!("{event:?}") };
        let mut byte = [7];
        assert_eq!(store.read_memory(*instance, 0, 0, &mut byte), Some(1));
        let module = store.module_of(*instance).and_then(|index| store.module(index)).expect("loaded");
        seen.push((instance.number(), module.name().to_owned(), byte));
        Resumption::Continue
    });
    let wat = r#"(module (memory 1) (data (i32.const 0) "\05"))"#;
    let module = runtime::Module::new(&fixture.engine, wat.as_bytes(), "second").expect("valid");
    let instance = Instance::new(&mut fixture.store, &module, &Linker::new()).expect("instantiates");
    assert_eq!(events.take(), [(1, "second".to_owned(), [0])]);
    let mut byte = [7];
    assert_eq!(fixture.store.read_memory(instance, 0, 0, &mut byte), Some(1));
    assert_eq!(byte, [5]);
}
