//! The garbage-collected heap: objects that the program can reach survive collections at every program point, in both
//! tiers, and nothing else does; what the host and a debugger see of objects.
//!
//! Everything runs in stress mode unless it says otherwise: a collection at every place where one may happen, and
//! memory that is freed is spoiled, so that a lost reference is seen.

mod host;
mod program;
mod survive;

use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, Failure, GcRef, Instance, Linker, Module, Resumption, Store,
    Tiers, Value,
};
use std::sync::Arc;

/// How a program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Plain code.
    Run,
    /// Instrumented code.
    Debug,
    /// Instrumented code that stops, and so collects, at every operator.
    Stepped,
}

const MODES: [Mode; 3] = [Mode::Run, Mode::Debug, Mode::Stepped];

fn engine(mode: Mode, gc_heap_limit: usize, gc_stress: bool) -> Engine {
    let tier = if mode == Mode::Run { Tiers::Run } else { Tiers::Debug };
    Engine::new(EngineConfig { tiers: tier, gc_heap_limit, gc_stress, ..EngineConfig::default() })
        .expect("this machine is supported")
}

/// Stops at every operator, and looks at all of every frame.
struct Look;

impl DebugHook for Look {
    fn event(&self, store: &mut Store, _: DebugEvent) -> Resumption {
        for frame in store.frames() {
            let runtime::Frame::Wasm(frame) = frame else { continue };
            let locals = (0..).take(frame.locals().len()).map(|index| frame.local(store, index));
            let operands = (0..).take(frame.operands().len()).map(|height| frame.operand(store, height));
            for value in locals.chain(operands) {
                let object = value.expect("known in the debug tier").object();
                let opened = object.map(|object| store.object(object));
                assert!(opened.is_none_or(|opened| opened.is_ok()), "an object that is gone");
            }
        }
        Resumption::Continue
    }
}

/// A program in a store of its own.
struct Program {
    store: Box<Store>,
    instance: Instance,
}

impl Program {
    fn new(engine: &Engine, mode: Mode, wat: &str, linker: &Linker) -> Self {
        let module = Module::new(engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(engine).expect("memory for code");
        let instance = Instance::new(&mut store, &module, linker).expect("instantiates");
        if mode == Mode::Stepped {
            store.set_debug_hook(Some(Arc::new(Look)));
            store.set_stepping(true);
        }
        Self { store, instance }
    }

    fn call(&mut self, name: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let function = self.instance.get_func(&self.store, name).expect("exported");
        function.call(&mut self.store, args)
    }
}

/// Calls `run` in all modes, in stress mode; the outcomes must agree.
fn run_with(wat: &str, linker: &Linker, args: &[Value]) -> Result<Vec<Value>, Failure> {
    let [plain, debug, stepped] =
        MODES.map(|mode| Program::new(&engine(mode, 1 << 20, true), mode, wat, linker).call("run", args));
    assert_eq!(plain, debug);
    assert_eq!(plain, stepped);
    plain
}

fn run(wat: &str) -> Result<Vec<Value>, Failure> {
    run_with(wat, &Linker::new(), &[])
}

fn i32s(values: &[i32]) -> Result<Vec<Value>, Failure> {
    Ok(values.iter().copied().map(Value::I32).collect())
}

/// Types and helpers that the programs share. `$waste` makes garbage, and so collects.
const PRELUDE: &str = r#"
    (type $box (struct (field $value (mut i32))))
    (type $pair (struct (field $left (mut eqref)) (field $right (mut eqref))))
    (type $row (array (mut eqref)))
    (func $box (param i32) (result (ref $box)) (struct.new $box (local.get 0)))
    (func $waste (local i32)
      (loop $again
        (drop (struct.new $box (i32.const -1)))
        (drop (array.new_default $row (i32.const 3)))
        (br_if $again (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 20)))))
    (func $open (param eqref) (result i32) (struct.get $box $value (ref.cast (ref $box) (local.get 0))))
"#;

fn with_prelude(body: &str) -> String {
    format!("(module {PRELUDE} {body})")
}

fn object_of(value: Value) -> GcRef {
    value.object().expect("a reference to an object")
}
