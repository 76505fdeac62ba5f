//! Functions with more parameters and results than there are registers, and operators that call functions of the host on
//! old processors.

use runtime::{Engine, EngineConfig, FuncType, Instance, Linker, Module, Store, Tiers, Value, ValueType};

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

/// As many results of each class as do not fit in registers, and more.
#[test]
fn functions_with_many_parameters_and_results() {
    let types = [ValueType::I32, ValueType::I64, ValueType::F32, ValueType::F64];
    for count in [1, 8, 9, 15, 16, 17, 40, 200] {
        let signature: Vec<ValueType> = (0..count).map(|index| types[index % types.len()]).collect();
        let names = signature.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let gets = |from: usize| (0..count).map(|i| format!("(local.get {}) ", from + i)).collect::<String>();
        let sets = (0..count).rev().map(|i| format!("(local.set {}) ", count + i)).collect::<String>();
        // The results come back through a call of a function that tail-calls, indirect calls and a host function.
        let wat = format!(
            "(module (type $t (func (param {names}) (result {names}))) (import \"host\" \"same\" (func $host (type $t)))
              (table funcref (elem $same $host))
              (func $same (type $t) {})
              (func $tail (type $t) (return_call $same {}))
              (func (export \"run\") (type $t) (local {names})
                (call $tail {}) {sets} (call_indirect (type $t) {} (i32.const 0)) {sets}
                (call_indirect (type $t) {} (i32.const 1)) {sets} (call $host {})))",
            gets(0),
            gets(0),
            gets(0),
            gets(count),
            gets(count),
            gets(count)
        );
        let args: Vec<Value> = (1_i32..)
            .zip(&signature)
            .map(|(number, ty)| match ty {
                ValueType::I32 => Value::I32(-number),
                ValueType::I64 => Value::I64(i64::from(number) << 40),
                ValueType::F32 => Value::F32(number.cast_unsigned()),
                _ => Value::F64(f64::from(number).to_bits()),
            })
            .collect();
        for config in configs() {
            let engine = engine(config);
            let module = module(&engine, &wat);
            let mut store = Store::new(&engine).expect("memory for code");
            let mut linker = Linker::new();
            let ty = FuncType::new(signature.clone(), signature.clone());
            linker.define_func("host", "same", ty, |_, args| Ok(args.to_vec()));
            let instance = Instance::new(&mut store, &module, &linker).expect("instantiates");
            let function = instance.get_func(&store, "run").expect("exported");
            assert_eq!(function.call(&mut store, &args).as_ref(), Ok(&args), "{count} values");
        }
    }
}

#[test]
fn vectors_in_many_results() {
    let wat = format!(
        "(module (func $f (param v128) (result {results}) {gets})
          (func (export \"run\") (result i64) (local v128)
            (call $f (v128.const i64x2 3 4)) (local.set 0) {drops}
            (i64x2.extract_lane 1 (local.get 0))))",
        results = "v128 ".repeat(20),
        gets = "(local.get 0) ".repeat(20),
        drops = "(local.set 0 (v128.and (local.get 0))) ".repeat(19),
    );
    assert_eq!(run(configs(), &wat), Ok(vec![Value::I64(4)]));
}

/// The bits of a vector.
fn both_halves(bodies: &mut Vec<String>, vector: &str) {
    bodies.extend([0, 1].map(|lane| format!("(i64x2.extract_lane {lane} {vector})")));
}

/// Rounding is one instruction on most processors, and a function of the runtime's on old ones.
#[test]
fn rounding_is_the_same_on_every_processor() {
    const OPERATORS: [&str; 4] = ["ceil", "floor", "trunc", "nearest"];
    const INPUTS: [&str; 9] = ["0.5", "1.5", "2.5", "-0.5", "-0", "-1.2", "1e30", "inf", "nan:0x1"];
    let mut bodies = Vec::new();
    for op in OPERATORS {
        for input in INPUTS {
            let narrow = format!("(f32.{op} (f32.const {input}))");
            bodies.push(format!("(i64.extend_i32_u (i32.reinterpret_f32 {narrow}))"));
            bodies.push(format!("(i64.reinterpret_f64 (f64.{op} (f64.const {input})))"));
        }
        for shape in ["f32x4", "f64x2"] {
            both_halves(&mut bodies, &format!("({shape}.{op} (v128.const f32x4 0.5 -1.5 2.5 -0.2))"));
        }
    }
    let indices = "(v128.const i8x16 15 0 16 255 128 7 7 1 2 3 4 5 200 14 13 12)";
    let vector = "(v128.const f32x4 1.1 -2.3 1e10 4e-3)";
    both_halves(&mut bodies, &format!("(i8x16.swizzle {vector} {indices})"));
    both_halves(
        &mut bodies,
        &format!("(i8x16.shuffle 1 31 3 4 5 16 7 8 9 10 0 12 13 14 30 2 {vector} {indices})"),
    );
    both_halves(&mut bodies, &format!("(i8x16.popcnt {indices})"));
    both_halves(&mut bodies, &format!("(i32x4.trunc_sat_f32x4_u {vector})"));
    both_halves(&mut bodies, &format!("(i32x4.dot_i16x8_s {vector} {indices})"));
    let wat = format!(
        "(module (func (export \"run\") (result {}) {}))",
        "i64 ".repeat(bodies.len()),
        bodies.join("\n")
    );
    let native = run(configs(), &wat);
    let baseline = run(configs().map(|config| EngineConfig { baseline_processor: true, ..config }), &wat);
    assert!(native.is_ok(), "{native:?}");
    assert_eq!(native, baseline);
}
