//! What happens before a program runs: bodies are validated on all processors, and what is observable is found out meanwhile.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::mpsc;

use frame_table::ModulePc;
use runtime::{Engine, EngineConfig, Error, Instance, Linker, Module, ObservableLocals, Store, Tiers, Value};

fn engine() -> Engine {
    Engine::new(EngineConfig { tiers: Tiers::Run, ..EngineConfig::default() })
        .expect("this machine is supported")
}

/// A module with enough bodies for several threads, of which those with these indices are not valid.
fn module_of_many(invalid: &[u32], rest: &str) -> Vec<u8> {
    let mut wat = String::from("(module (memory 1)");
    for index in 0..30_000 {
        let last = if invalid.contains(&index) { "f32.const 0" } else { "i32.add" };
        write!(wat, "(func (result i32) i32.const 1000000 i32.const {index} {last})")
            .expect("a string grows");
    }
    write!(wat, "(func (export \"run\") (result i32) (call 1000)){rest})").expect("a string grows");
    wat::parse_str(&wat).expect("well-formed")
}

fn mistake(invalid: &[u32], rest: &str) -> String {
    match Module::new(&engine(), &module_of_many(invalid, rest), "many") {
        Ok(_) => panic!("{invalid:?} are not valid"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn many_bodies_are_all_validated_and_run() {
    let module = Module::new(&engine(), &module_of_many(&[], ""), "many").expect("valid");
    let mut store = Store::new(&engine()).expect("memory for code");
    let instance = Instance::new(&mut store, &module, &Linker::new()).expect("instantiates");
    let run = instance.get_func(&store, "run").expect("exported");
    assert_eq!(run.call(&mut store, &[]), Ok(vec![Value::I32(1_001_000)]));
}

#[test]
fn the_first_mistake_is_told_whichever_thread_finds_one_first() {
    for first in [0, 12_345, 29_999] {
        let told = mistake(&[first], "");
        assert!(told.contains("type mismatch"), "{told}");
        for other in [20_000, 29_998, 29_999] {
            assert_eq!(mistake(&[first.min(other), first.max(other)], ""), mistake(&[first.min(other)], ""));
        }
        // What is behind the bodies is not valid either.
        assert_eq!(mistake(&[first], "(data (i64.const 0))"), told);
    }
    assert_ne!(mistake(&[], "(data (i64.const 0))"), mistake(&[29_999], ""));
}

#[test]
fn a_body_that_is_cut_off_does_not_hide_an_earlier_mistake() {
    let bytes = module_of_many(&[7], "");
    let whole = mistake(&[7], "");
    let cut = Module::new(&engine(), &bytes[..bytes.len() / 2], "many");
    assert_eq!(cut.err().map(|error| error.to_string()), Some(whole));
}

const SUM: &str = r#"(module (func (export "run") (param i32) (result i32) (local $kept i32)
    (local.set $kept (i32.add (local.get 0) (i32.const 1))) (local.get $kept)))"#;

fn run_observed(find: impl FnOnce() -> Option<ObservableLocals> + Send + 'static, before: impl FnOnce()) {
    let get_ready = move || {
        let found = find()?;
        Some(move |_: &Range<ModulePc>| Some(found.clone()))
    };
    let module =
        Module::new(&engine(), SUM.as_bytes(), "sum").expect("valid").with_observable_from(get_ready);
    let mut store = Store::new(&engine()).expect("memory for code");
    let instance = Instance::new(&mut store, &module, &Linker::new()).expect("instantiates");
    let run = instance.get_func(&store, "run").expect("exported");
    before();
    assert_eq!(run.call(&mut store, &[Value::I32(4)]), Ok(vec![Value::I32(5)]));
}

#[test]
fn only_compiling_waits_for_what_is_observable() {
    let (found, awaited) = mpsc::channel();
    // Instantiation would hang if it waited.
    let find = move || awaited.recv().ok();
    run_observed(find, move || found.send(ObservableLocals::default()).expect("it still waits"));
}

#[test]
fn a_search_for_what_is_observable_that_fails_makes_everything_observable() {
    run_observed(|| panic!("on purpose"), || ());
    run_observed(|| None, || ());
}

#[test]
fn a_binary_is_taken_without_a_copy_and_text_is_not() {
    let binary = bytes::Bytes::from(wat::parse_str(SUM).expect("well-formed"));
    let module = Module::from_binary(&engine(), binary.clone(), "sum").expect("valid");
    assert_eq!(module.bytes().as_ptr(), binary.as_ptr());
    let text = Module::from_binary(&engine(), SUM.as_bytes().into(), "sum");
    assert!(matches!(text.err(), Some(Error::Invalid { .. } | Error::Unsupported { .. })));
}
