//! What a guest may not exceed: limits of the engine, and of the machine. Each is a trap or an error.

use runtime::{
    Engine, EngineConfig, Error, Failure, Instance, Linker, MemoryType, Module, SharedMemory, Store, Tier,
    TrapCode, Value,
};

fn configs() -> [EngineConfig; 2] {
    [Tier::Debug, Tier::Run].map(|tier| EngineConfig { tier, ..EngineConfig::default() })
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
