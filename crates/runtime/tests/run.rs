//! Running modules in both tiers: results, traps, calls of the host, limits.

use runtime::{
    Engine, EngineConfig, Failure, FuncType, HostError, Instance, Linker, MemoryBytes, Module, Store, Tiers,
    TrapCode, Value, ValueType,
};

fn engines() -> [Engine; 2] {
    [Tiers::Debug, Tiers::Run].map(|tier| {
        Engine::new(EngineConfig { tiers: tier, ..EngineConfig::default() })
            .expect("this machine is supported")
    })
}

/// Calls `run` of a module in both tiers; the outcomes must agree.
fn run(wat: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
    let outcomes = engines().map(|engine| {
        let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(&engine).expect("memory for code");
        let instance = Instance::new(&mut store, &module, &Linker::new()).expect("instantiates");
        let function = instance.get_func(&store, "run").expect("exported");
        function.call(&mut store, args)
    });
    let [debug, run] = outcomes;
    assert_eq!(debug, run);
    debug
}

#[test]
fn recursion() {
    let wat = r#"(module (func $fib (export "run") (param i32) (result i32)
        (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
          (then (local.get 0))
          (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                         (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#;
    assert_eq!(run(wat, &[Value::I32(20)]), Ok(vec![Value::I32(6765)]));
}

#[test]
fn loops_and_branches_carry_values() {
    let wat = r#"(module (func (export "run") (param i64) (result i64 i32)
        (local $n i32)
        (local.get 0) (i64.const 1)
        (loop $again (param i64 i64) (result i64)
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (i64.mul)
          (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
          (if (param i64) (result i64) (i64.gt_s (local.get 0) (i64.const 0))
            (then (local.get 0) (br $again)) (else)))
        (local.get $n)))"#;
    assert_eq!(run(wat, &[Value::I64(5)]), Ok(vec![Value::I64(120), Value::I32(5)]));
}

#[test]
fn a_local_that_is_still_on_the_stack_keeps_its_old_value() {
    let wat = r#"(module (func (export "run") (param i32) (result i32)
        (local.get 0) (local.set 0 (i32.const 7)) (i32.mul (local.get 0))))"#;
    assert_eq!(run(wat, &[Value::I32(6)]), Ok(vec![Value::I32(42)]));
}

#[test]
fn traps_are_values() {
    let trap = |body: &str| {
        let wat = format!(
            r#"(module (memory 1) (table 2 funcref) (type $t (func)) (elem (i32.const 0) func $other)
               (func $other (param i32)) (func (export "run") (param i32) {body}))"#
        );
        run(&wat, &[Value::I32(-4)])
    };
    let cases = [
        ("(unreachable)", TrapCode::Unreachable),
        ("(drop (i32.load (local.get 0)))", TrapCode::MemoryOutOfBounds),
        ("(i64.store offset=4294967295 (local.get 0) (i64.const 0))", TrapCode::MemoryOutOfBounds),
        ("(drop (i32.div_s (local.get 0) (i32.const 0)))", TrapCode::IntegerDivisionByZero),
        ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", TrapCode::IntegerOverflow),
        ("(drop (i32.trunc_f32_s (f32.const nan)))", TrapCode::BadConversionToInteger),
        ("(call_indirect (type $t) (local.get 0))", TrapCode::UndefinedElement),
        ("(call_indirect (type $t) (i32.const 1))", TrapCode::UninitializedElement),
        ("(call_indirect (type $t) (i32.const 0))", TrapCode::BadSignature),
        ("(memory.fill (local.get 0) (i32.const 0) (i32.const 9))", TrapCode::MemoryOutOfBounds),
        ("(table.set (local.get 0) (ref.null func))", TrapCode::TableOutOfBounds),
        ("(call 1 (local.get 0))", TrapCode::StackOverflow),
    ];
    for (body, code) in cases {
        assert_eq!(trap(body), Err(Failure::Trap(code)), "{body}");
    }
}

#[test]
fn memory_grows_in_place_and_bulk_operators_move_bytes() {
    let wat = r#"(module (memory 1 3) (data "hello")
        (func (export "run") (result i32 i32 i32)
          (memory.init 0 (i32.const 10) (i32.const 0) (i32.const 5))
          (memory.copy (i32.const 12) (i32.const 10) (i32.const 5))
          (memory.grow (i32.const 2))
          (memory.grow (i32.const 1))
          (i32.load8_u (i32.const 16))))"#;
    assert_eq!(run(wat, &[]), Ok(vec![Value::I32(1), Value::I32(-1), Value::I32(i32::from(b'o'))]));
}

#[test]
fn host_functions_are_called_with_the_callers_memory_and_can_fail() {
    for engine in engines() {
        let wat = r#"(module (import "host" "twice" (func $twice (param i32 f64) (result f64)))
            (memory (export "memory") 1) (data (i32.const 8) "\2a")
            (func (export "run") (param i32) (result f64) (call $twice (local.get 0) (f64.const 1.5))))"#;
        let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(&engine).expect("memory for code");
        let mut linker = Linker::new();
        let ty = FuncType::new([ValueType::I32, ValueType::F64], [ValueType::F64]);
        linker.define_func("host", "twice", ty, |caller, args| match args {
            [Value::I32(8), Value::F64(bits)] => {
                let Some(MemoryBytes::Own(memory)) = caller.memory() else { panic!("a memory of its own") };
                assert_eq!(memory.get(8), Some(&42));
                Ok(vec![Value::F64((f64::from_bits(*bits) * 2.0).to_bits())])
            }
            [Value::I32(0), _] => Err(HostError::Exit(3)),
            _ => Err(HostError::Message("bad luck".into())),
        });
        let instance = Instance::new(&mut store, &module, &linker).expect("instantiates");
        let function = instance.get_func(&store, "run").expect("exported");
        let mut call = |arg| function.call(&mut store, &[Value::I32(arg)]);
        assert_eq!(call(8), Ok(vec![Value::F64(3f64.to_bits())]));
        assert_eq!(call(0), Err(Failure::Exit(3)));
        assert_eq!(call(1), Err(Failure::Host("bad luck".into())));
    }
}

#[test]
fn functions_compiled_ahead_behave_like_those_compiled_on_their_first_call() {
    for engine in engines() {
        let wat = r#"(module (func $a (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func (export "run") (result i32) (call $a (call $a (i32.const 40)))))"#;
        let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(&engine).expect("memory for code");
        store.compile_all(&module).expect("compiles");
        store.compile_all(&module).expect("there is nothing left to compile");
        let instance = Instance::new(&mut store, &module, &Linker::new()).expect("instantiates");
        let function = instance.get_func(&store, "run").expect("exported");
        assert_eq!(function.call(&mut store, &[]), Ok(vec![Value::I32(42)]));
    }
}

#[test]
fn missing_imports_are_all_named() {
    let [engine, _] = engines();
    let wat = r#"(module (import "a" "b" (func)) (import "c" "d" (memory 1)))"#;
    let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
    let mut store = Store::new(&engine).expect("memory for code");
    let error = Instance::new(&mut store, &module, &Linker::new()).expect_err("nothing is defined");
    assert_eq!(error.to_string(), "unknown imports: a.b, c.d");
}

#[test]
fn a_program_runs_until_it_needs_what_nobody_provides() {
    for engine in engines() {
        let wat = r#"(module
            (import "a" "f" (func $f (param i32) (result i32))) (import "a" "m" (memory 1 2))
            (import "a" "t" (table 3 funcref)) (import "a" "g" (global $g (mut i64))) (import "a" "e" (tag (param i32)))
            (func (export "without") (result i64) (i32.store (i32.const 8) (i32.const 7))
                (i64.add (global.get $g) (i64.extend_i32_u (i32.add (i32.load (i32.const 8)) (table.size 0)))))
            (func (export "with") (result i32) (call $f (i32.const 1))))"#;
        let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(&engine).expect("memory for code");
        let mut linker = Linker::new();
        linker.stand_in();
        let instance = Instance::new(&mut store, &module, &linker).expect("instantiates");
        let mut call = |name| instance.get_func(&store, name).expect("exported").call(&mut store, &[]);
        assert_eq!(call("without"), Ok(vec![Value::I64(10)]));
        let words = "nobody provides the function a.f that the program imports";
        assert_eq!(call("with"), Err(Failure::Host(words.into())));
    }
}
