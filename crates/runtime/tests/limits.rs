//! What a guest may not exceed: limits of the engine, and of the machine. Each is a trap or an error.

use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, Error, Failure, Frame, FuncType, HeapType, HostError,
    Instance, Linker, MemoryType, Module, RefType, Resumption, SharedMemory, Store, TableType, Tiers,
    TrapCode, Value,
};
use std::sync::{Arc, Mutex};

fn configs() -> [EngineConfig; 2] {
    [Tiers::Debug, Tiers::Run].map(|tier| EngineConfig { tiers: tier, ..EngineConfig::default() })
}

fn engine(config: EngineConfig) -> Engine {
    Engine::new(config).expect("this machine is supported")
}

fn module(engine: &Engine, wat: &str) -> Module {
    Module::new(engine, wat.as_bytes(), "test").expect("valid")
}

/// Instantiates a module and calls its `run`, in both tiers.
fn run(configs: [EngineConfig; 2], wat: &str) -> Result<Vec<Value>, String> {
    let [debug, run] = configs.map(|config| {
        let engine = engine(config);
        let module = module(&engine, wat);
        let mut store = Store::new(&engine).expect("memory for code");
        let instance =
            Instance::new(&mut store, &module, &Linker::new()).map_err(|error| error.to_string())?;
        let function = instance.get_func(&store, "run").expect("exported");
        function.call(&mut store, &[]).map_err(|failure| failure.to_string())
    });
    assert_eq!(debug, run);
    debug
}

#[test]
fn memories_have_a_limit() {
    let configs = || configs().map(|config| EngineConfig { max_memory: 3 << 16, ..config });
    let grow = |memory: &str, ty: &str| {
        let wat = format!(
            "(module (memory {memory}) (func (export \"run\") (result {ty} {ty} {ty})
              (memory.grow ({ty}.const 2)) (memory.grow ({ty}.const 1)) (memory.size)))"
        );
        run(configs(), &wat)
    };
    assert_eq!(grow("1", "i32"), Ok([1, -1, 3].map(Value::I32).to_vec()));
    assert_eq!(grow("1 100 shared", "i32"), Ok([1, -1, 3].map(Value::I32).to_vec()));
    assert_eq!(grow("i64 1", "i64"), Ok([1, -1, 3].map(Value::I64).to_vec()));
    for memory in ["4", "i64 4", "i64 0x1_0000_0000_0000"] {
        let said = run(configs(), &format!("(module (memory {memory}))")).expect_err("too large");
        assert!(said.contains("limit of 196608 bytes"), "{said}");
    }
    let [config, _] = configs();
    let ty = MemoryType { shared: true, ..MemoryType::new(4, Some(4)) };
    assert!(matches!(SharedMemory::new(&engine(config), ty), Err(Error::Limit(_))));
}

#[test]
fn tables_have_a_limit() {
    let configs = || configs().map(|config| EngineConfig { max_table: 3, ..config });
    let grow = "(module (table 1 funcref) (func (export \"run\") (result i32 i32 i32)
        (table.grow (ref.null func) (i32.const 2)) (table.grow (ref.null func) (i32.const 1)) (table.size)))";
    assert_eq!(run(configs(), grow), Ok([1, -1, 3].map(Value::I32).to_vec()));
    for table in ["4", "i64 4", "i64 0xffff_ffff_ffff_ffff"] {
        let said = run(configs(), &format!("(module (table {table} funcref))")).expect_err("too large");
        assert!(said.contains("limit of 3"), "{said}");
    }
}

#[test]
fn a_table_of_the_hosts_has_a_type_that_its_null_references_are_of() {
    let [config, _] = configs();
    let mut store = Store::new(&engine(config)).expect("memory for code");
    let mut define =
        |element| Linker::new().define_table(&mut store, "host", "table", TableType::new(element, 1, None));
    assert!(define(RefType::nullable(HeapType::Func)).is_ok());
    assert!(matches!(define(RefType::non_null(HeapType::Func)), Err(Error::Limit(_))));
}

#[test]
fn a_table_that_the_machine_has_no_memory_for_is_an_error() {
    let configs = || configs().map(|config| EngineConfig { max_table: u64::MAX, ..config });
    let said = run(configs(), "(module (table i64 0x1000_0000_0000_0000 funcref))").expect_err("too large");
    assert!(said.contains("table"), "{said}");
    let grow = "(module (table i64 1 funcref) (func (export \"run\") (result i64)
        (table.grow (ref.null func) (i64.const 0x0fff_ffff_ffff_ffff))))";
    assert_eq!(run(configs(), grow), Ok(vec![Value::I64(-1)]));
}

#[test]
fn stores_have_a_limit_of_instances() {
    for config in configs() {
        let engine = engine(EngineConfig { max_instances: 3, ..config });
        let module = module(&engine, "(module (memory 1))");
        let mut store = Store::new(&engine).expect("memory for code");
        for _ in 0..3 {
            Instance::new(&mut store, &module, &Linker::new()).expect("below the limit");
        }
        let error = Instance::new(&mut store, &module, &Linker::new()).expect_err("one too many");
        assert_eq!(error.to_string(), "there are 3 instances already, which is the limit");
        let mut other = Store::new(&engine).expect("memory for code");
        Instance::new(&mut other, &module, &Linker::new()).expect("each store has the limit for itself");
    }
}

#[test]
fn address_space_that_is_used_up_is_an_error() {
    let [config, _] = configs();
    // Each of these reserves 16 TiB, of the 128 that a process has.
    let engine = engine(EngineConfig { max_memory: 16 << 40, ..config });
    let module =
        module(&engine, "(module (memory i64 1) (func (export \"run\") (result i32) (i32.const 7)))");
    let mut store = Store::new(&engine).expect("memory for code");
    let mut last = None;
    let error = loop {
        match Instance::new(&mut store, &module, &Linker::new()) {
            Ok(instance) => last = Some(instance),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("cannot reserve address space for a memory"), "{error}");
    let function = last.expect("the first ones fit").get_func(&store, "run").expect("exported");
    assert_eq!(function.call(&mut store, &[]), Ok(vec![Value::I32(7)]));
}

#[test]
fn the_stack_has_a_limit() {
    let depth = |max_stack: usize| {
        let outcomes = configs().map(|config| {
            let engine = engine(EngineConfig { max_stack, ..config });
            let wat = "(module (global $depth (export \"depth\") (mut i32) (i32.const 0))
                (func $run (export \"run\")
                  (global.set $depth (i32.add (global.get $depth) (i32.const 1))) (call $run)))";
            let module = module(&engine, wat);
            let mut store = Store::new(&engine).expect("memory for code");
            let instance = Instance::new(&mut store, &module, &Linker::new()).expect("instantiates");
            let function = instance.get_func(&store, "run").expect("exported");
            assert_eq!(function.call(&mut store, &[]), Err(Failure::Trap(TrapCode::StackOverflow)));
            instance.get_global(&store, "depth")
        });
        outcomes.map(|depth| if let Some(Value::I32(depth)) = depth { depth } else { 0 })
    };
    let (small, large) = (depth(64 << 10), depth(512 << 10));
    for (small, large) in small.into_iter().zip(large) {
        assert!(small > 100 && large > 6 * small, "{small} {large}");
    }
}

/// A store has a stack limit of its own, also when it is called by another store's host function, and whichever thread
/// it ran on before.
#[test]
fn a_store_that_runs_in_another_ones_call_has_a_stack_limit() {
    let recursive = "(module (func $run (export \"run\") (param i32)
        (if (local.get 0) (then (call $run (i32.const 1)))) (drop (i32.const 0))))";
    for config in configs() {
        let engine = engine(config);
        let inner_module = module(&engine, recursive);
        let mut inner = Store::new(&engine).expect("memory for code");
        let instance = Instance::new(&mut inner, &inner_module, &Linker::new()).expect("instantiates");
        let function = instance.get_func(&inner, "run").expect("exported");
        std::thread::scope(|scope| {
            scope.spawn(|| function.call(&mut inner, &[Value::I32(0)]).expect("it returns"));
        });
        let inner = Mutex::new(inner);
        let mut linker = Linker::new();
        linker.define_func("host", "call", FuncType::new([], []), move |_, _| {
            let mut inner = inner.lock().expect("nobody panics");
            function.call(&mut inner, &[Value::I32(1)]).map(|_| Vec::new()).map_err(HostError::from)
        });
        let wat = "(module (import \"host\" \"call\" (func $call)) (func (export \"run\") (call $call)))";
        let module = module(&engine, wat);
        let mut outer = Store::new(&engine).expect("memory for code");
        let instance = Instance::new(&mut outer, &module, &linker).expect("instantiates");
        let function = instance.get_func(&outer, "run").expect("exported");
        assert_eq!(function.call(&mut outer, &[]), Err(Failure::Trap(TrapCode::StackOverflow)));
    }
}

/// Notes the functions of all frames when the guest traps.
#[derive(Default)]
struct FramesAtTrap(Mutex<Vec<u32>>);

impl DebugHook for FramesAtTrap {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        if let DebugEvent::Trap(_) = event {
            store.collect_garbage();
            let functions = store.frames().filter_map(|frame| match frame {
                Frame::Wasm(frame) => Some(frame.function),
                _ => None,
            });
            *self.0.lock().expect("nobody panics") = functions.collect();
        }
        Resumption::Continue
    }
}

/// Runs a module whose function 0 calls function 1 on a thread with a stack of 1 MiB; returns the outcome, and the
/// frames if it trapped.
fn call_on_small_stack(config: EngineConfig, wat: &str) -> (Result<Vec<Value>, Failure>, Vec<u32>) {
    let work = || {
        let engine = engine(config);
        let module = module(&engine, wat);
        let mut store = Store::new(&engine).expect("memory for code");
        let hook = Arc::new(FramesAtTrap::default());
        store.set_debug_hook(Some(hook.clone()));
        let instance = Instance::new(&mut store, &module, &Linker::new()).expect("instantiates");
        let function = instance.get_func(&store, "run").expect("exported");
        let outcome = function.call(&mut store, &[]);
        let frames = hook.0.lock().expect("nobody panics").clone();
        (outcome, frames)
    };
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(1 << 20);
        builder.spawn_scoped(scope, work).expect("a thread").join().expect("it ends")
    })
}

/// The stack limit is checked before a frame takes more than is kept free under the limit.
#[test]
fn a_frame_that_the_stack_has_no_room_for_is_a_trap() {
    let overflow = || Err(Failure::Trap(TrapCode::StackOverflow));
    // Instrumented code has all locals in its frame; plain code has what must be kept while others are called.
    let locals = |body: &str| {
        format!("(func $large (result i64) (local {}) {body} (local.get 0))", "i64 ".repeat(45_000))
    };
    // Its results are put where the caller says, which takes the place of the first argument.
    let wide = format!(
        "(func $wide (result {}) (local {}) {}) (func $large (result i64) (call $wide) {})",
        "i64 ".repeat(20),
        "i64 ".repeat(45_000),
        "(local.get 0) ".repeat(20),
        "drop ".repeat(19),
    );
    let kept = |body: &str| {
        let (calls, sums) = ("(call $zero) ".repeat(5_000), "i64x2.add ".repeat(4_999));
        format!(
            "(func $zero (result v128) (v128.const i64x2 0 0))
            (func $large (result i64) {calls} {body} {sums} (i64x2.extract_lane 0))"
        )
    };
    let again = "(drop (call $large))";
    let [debug, run] = configs();
    let cases = [
        (debug.clone(), locals(""), Ok(vec![Value::I64(0)])),
        (debug.clone(), wide, Ok(vec![Value::I64(0)])),
        (debug, locals(again), overflow()),
        (run.clone(), kept(""), Ok(vec![Value::I64(0)])),
        (run, kept(again), overflow()),
    ];
    for (config, large, expected) in cases {
        let wat = format!("(module (func (export \"run\") (result i64) (call $large)) {large})");
        let (outcome, frames) = call_on_small_stack(config, &wat);
        assert_eq!(outcome, expected);
        if outcome.is_err() {
            // The frame that there was no room for is not shown.
            assert!(frames.last() == Some(&0) && frames.len() < 14, "{frames:?}");
        }
    }
}

#[test]
fn exception_handlers_that_a_function_may_have_are_limited() {
    let count = 1 << 11;
    let tags: String = (0..count).map(|tag| format!("(tag $t{tag}) ")).collect();
    let tries: String = (0..count).map(|tag| format!("try_table (catch $t{tag} 0) ")).collect();
    let wat = |calls: usize| {
        let (calls, ends) = ("call $f ".repeat(calls), "end ".repeat(count));
        format!("(module (func $f) {tags} (func (export \"run\") {tries} {calls} {ends}))")
    };
    assert_eq!(run(configs(), &wat(2)), Ok(vec![]));
    assert_eq!(run(configs(), &wat(count)), Err("wasm trap: function cannot be compiled".into()));
}

/// Proposals that are not implemented are refused when a module is parsed, not when code that uses them is compiled.
#[test]
fn proposals_that_this_runtime_does_not_have_are_refused_when_a_module_is_parsed() {
    let modules = [
        "(type $f (func)) (type $c (cont $f))",
        "(memory 1 (pagesize 1))",
        "(func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)))",
        "(table shared 1 (ref null (shared func)))",
        "(type $s (shared (struct)))",
        "(global (shared mut i32) (i32.const 0))",
        "(memory 1) (func (memory.discard (i32.const 0) (i32.const 0)))",
    ];
    let [config, _] = configs();
    let engine = engine(config);
    let texts = modules.iter().map(|fields| format!("(module {fields})"));
    for text in texts.chain(["(component)".to_owned()]) {
        let refused = Module::new(&engine, text.as_bytes(), "test").err();
        assert!(
            matches!(refused, Some(Error::Invalid { .. } | Error::Unsupported { .. })),
            "{text}: {refused:?}"
        );
    }
}
