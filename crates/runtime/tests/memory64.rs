//! Memories and tables with 64-bit indices, and several memories of one module.

use runtime::{
    Engine, EngineConfig, Error, Failure, HeapType, IndexType, Instance, Linker, MemoryType, Module, RefType,
    Store, TableType, Tiers, TrapCode, Value,
};

fn engines() -> [Engine; 2] {
    [Tiers::Debug, Tiers::Run].map(|tier| {
        Engine::new(EngineConfig { tiers: tier, ..EngineConfig::default() })
            .expect("this machine is supported")
    })
}

/// A store for each tier, for many modules.
struct Both {
    stores: [(Engine, Box<Store>); 2],
}

impl Both {
    fn new() -> Self {
        let store = |engine: Engine| {
            let store = Store::new(&engine).expect("memory for code");
            (engine, store)
        };
        Self { stores: engines().map(store) }
    }

    /// Calls `run` of a module without imports in both tiers; the outcomes must agree.
    fn run(&mut self, wat: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let outcomes = self.stores.each_mut().map(|(engine, store)| {
            let module = Module::new(engine, wat.as_bytes(), "test").expect("valid");
            let instance = Instance::new(store, &module, &Linker::new()).expect("instantiates");
            instance.get_func(store, "run").expect("exported").call(store, args)
        });
        let [debug, run] = outcomes;
        assert_eq!(debug, run);
        debug
    }
}

/// Calls `run` of a module without imports in both tiers; the outcomes must agree.
fn run(wat: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
    Both::new().run(wat, args)
}

/// How a module's instantiation fails, in both tiers.
fn refused(wat: &str) -> Error {
    let [debug, run] = engines().map(|engine| {
        let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(&engine).expect("memory for code");
        Instance::new(&mut store, &module, &Linker::new()).expect_err("refused")
    });
    assert_eq!(debug.to_string(), run.to_string());
    debug
}

const fn trap(code: TrapCode) -> Result<Vec<Value>, Failure> {
    Err(Failure::Trap(code))
}

const OUTSIDE: Result<Vec<Value>, Failure> = trap(TrapCode::MemoryOutOfBounds);

/// Loads and stores: the operator, bytes, operands besides the address, whether it leaves something.
const ACCESSES: [(&str, u64, &str, bool); 18] = [
    ("i32.load", 4, "", true),
    ("i64.load", 8, "", true),
    ("f32.load", 4, "", true),
    ("f64.load", 8, "", true),
    ("i32.load8_s", 1, "", true),
    ("i64.load16_u", 2, "", true),
    ("i64.load32_s", 4, "", true),
    ("i32.store", 4, "(i32.const 1)", false),
    ("i64.store", 8, "(i64.const 1)", false),
    ("f64.store", 8, "(f64.const 1)", false),
    ("i64.store8", 1, "(i64.const 1)", false),
    ("v128.load", 16, "", true),
    ("v128.load8x8_u", 8, "", true),
    ("v128.load32_splat", 4, "", true),
    ("v128.load64_zero", 8, "", true),
    ("v128.store", 16, "(v128.const i64x2 1 1)", false),
    ("i64.atomic.rmw32.add_u", 4, "(i64.const 1)", true),
    ("i32.atomic.store16", 2, "(i32.const 1)", false),
];

#[test]
fn every_access_is_checked_to_the_byte() {
    let mut tiers = Both::new();
    for (operator, bytes, operand, leaves) in ACCESSES {
        let drop = if leaves { "(drop)" } else { "" };
        for memory in ["", "$other"] {
            let mut at = |address: u64, offset: u64| {
                let wat = format!(
                    "(module (memory i64 1) (memory $other i64 1)
                      (func (export \"run\") (param i64)
                        ({operator} {memory} offset={offset} (local.get 0) {operand}) {drop}))"
                );
                tiers.run(&wat, &[Value::I64(address.cast_signed())])
            };
            let last = 65536 - bytes;
            assert_eq!(at(last, 0), Ok(Vec::new()), "{operator}");
            assert_eq!(at(0, last), Ok(Vec::new()), "{operator}");
            assert_eq!(at(last + 1, 0), OUTSIDE, "{operator}");
            assert_eq!(at(bytes, last), OUTSIDE, "{operator}");
            assert_eq!(at(0, u64::MAX), OUTSIDE, "{operator}: the offset leaves no room");
            assert_eq!(at(u64::MAX, 0), OUTSIDE, "{operator}: the end is beyond all numbers");
            assert_eq!(at(u64::MAX - 7, 8), OUTSIDE, "{operator}: the address is beyond all numbers");
            assert_eq!(at(1 << 33, 0), OUTSIDE, "{operator}: beyond the reservation of a 32-bit memory");
        }
    }
}

#[test]
fn sizes_are_64_bits_wide() {
    let wat = r#"(module (memory i64 1 3)
        (func (export "run") (result i64 i64 i64 i64)
          (memory.grow (i64.const 2)) (memory.size)
          (memory.grow (i64.const 1)) (memory.grow (i64.const 0x1_0000_0000))))"#;
    let expected = [1, 3, -1, -1].map(Value::I64);
    assert_eq!(run(wat, &[]), Ok(expected.to_vec()));
}

#[test]
fn memory_beyond_4_gib_can_be_used() {
    let wat = r#"(module (memory i64 65537) (data $data "abcdefgh")
        (func (export "run") (result i64 i64 i64)
          (i64.store (i64.const 0x1_0000_0000) (i64.const 0x0123456789abcdef))
          (memory.init $data (i64.const 0x1_0000_0008) (i32.const 0) (i32.const 8))
          (memory.copy (i64.const 16) (i64.const 0x1_0000_0004) (i64.const 8))
          (memory.fill (i64.const 0x1_0000_fff8) (i32.const 0x11) (i64.const 8))
          (i64.load offset=0xffff_fff8 (i64.const 8))
          (i64.load (i64.const 16))
          (i64.load offset=0x1_0000_0000 (i64.const 0xfff8))))"#;
    let expected = [0x0123_4567_89ab_cdef, 0x6463_6261_0123_4567, 0x1111_1111_1111_1111].map(Value::I64);
    assert_eq!(run(wat, &[]), Ok(expected.to_vec()));
}

#[test]
fn bulk_operators_check_their_ranges() {
    let bulk = |body: &str| {
        let wat = format!(
            "(module (memory $wide i64 1) (memory $narrow 1) (data $data \"abcd\")
              (func (export \"run\") {body}))"
        );
        run(&wat, &[])
    };
    for outside in [
        "(memory.fill $wide (i64.const 65530) (i32.const 1) (i64.const 7))",
        "(memory.fill $wide (i64.const -1) (i32.const 1) (i64.const 2))",
        "(memory.fill $wide (i64.const 65537) (i32.const 1) (i64.const 0))",
        "(memory.fill $wide (i64.const 0) (i32.const 1) (i64.const 0x1_0000_0001))",
        "(memory.copy $wide $wide (i64.const 8) (i64.const 0) (i64.const -4))",
        "(memory.copy $wide $narrow (i64.const 0x1_0000_0000) (i32.const 0) (i32.const 0))",
        "(memory.copy $narrow $wide (i32.const 0) (i64.const 0x1_0000_0000) (i32.const 1))",
        "(memory.init $wide $data (i64.const 0x1_0000_0000) (i32.const 0) (i32.const 4))",
        "(memory.init $wide $data (i64.const 0) (i32.const 1) (i32.const 4))",
    ] {
        assert_eq!(bulk(outside), OUTSIDE, "{outside}");
    }
    for inside in [
        "(memory.fill $wide (i64.const 65536) (i32.const 1) (i64.const 0))",
        "(memory.copy $wide $narrow (i64.const 65532) (i32.const 65532) (i32.const 4))",
        "(memory.copy $narrow $wide (i32.const 65532) (i64.const 65532) (i32.const 4))",
        "(memory.init $wide $data (i64.const 65532) (i32.const 0) (i32.const 4))",
    ] {
        assert_eq!(bulk(inside), Ok(Vec::new()), "{inside}");
    }
}

#[test]
fn copies_between_memories_of_different_widths() {
    let wat = r#"(module (memory $wide i64 1) (memory $narrow 1) (memory $third i64 1)
        (data (memory $wide) (i64.const 0x100) "wide memory")
        (func (export "run") (result i64 i64)
          (memory.copy $narrow $wide (i32.const 3) (i64.const 0x105) (i32.const 6))
          (memory.copy $third $narrow (i64.const 9) (i32.const 3) (i32.const 6))
          (i64.load $narrow (i32.const 1)) (i64.load $third (i64.const 9))))"#;
    let memory = u64::from_le_bytes(*b"\0\0memory").cast_signed();
    let third = u64::from_le_bytes(*b"memory\0\0").cast_signed();
    assert_eq!(run(wat, &[]), Ok(vec![Value::I64(memory), Value::I64(third)]));
}

#[test]
fn active_segments_have_64_bit_offsets() {
    let wat = r#"(module (memory i64 65537) (table i64 4 funcref) (global $base i64 (i64.const 0xffff_0000))
        (data (offset (i64.add (global.get $base) (i64.mul (i64.const 0x8000) (i64.const 2)))) "beyond")
        (elem (offset (i64.sub (i64.const 5) (i64.const 3))) func $answer)
        (func $answer (result i64) (i64.const 42))
        (func (export "run") (result i32 i64)
          (i32.load8_u (i64.const 0x1_0000_0005))
          (call_indirect (result i64) (i64.const 2))))"#;
    assert_eq!(run(wat, &[]), Ok(vec![Value::I32(i32::from(b'd')), Value::I64(42)]));
    let segment =
        |offset: &str| refused(&format!("(module (memory i64 1) (data (i64.const {offset}) \"abcd\"))"));
    for outside in ["65533", "0x1_0000_0000", "-2", "-4"] {
        assert!(
            matches!(segment(outside), Error::Start(Failure::Trap(TrapCode::MemoryOutOfBounds))),
            "{outside}"
        );
    }
    let table = "(module (table i64 2 funcref) (elem (i64.const 0x1_0000_0000) func 0) (func))";
    assert!(matches!(refused(table), Error::Start(Failure::Trap(TrapCode::TableOutOfBounds))));
}

#[test]
fn tables_with_64_bit_indices() {
    let wat = r#"(module (table $wide i64 2 5 funcref) (table $narrow 3 funcref) (elem $elem func $one $two)
        (type $f (func (result i32)))
        (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
        (func (export "run") (result i64 i64 i64 i32 i32 i32)
          (table.init $wide $elem (i64.const 0) (i32.const 0) (i32.const 2))
          (table.grow $wide (ref.func $two) (i64.const 2))
          (table.size $wide)
          (table.grow $wide (ref.null func) (i64.const 0x1_0000_0000))
          (table.copy $narrow $wide (i32.const 1) (i64.const 0) (i32.const 2))
          (table.copy $wide $narrow (i64.const 0) (i32.const 1) (i32.const 1))
          (table.fill $wide (i64.const 1) (ref.func $one) (i64.const 1))
          (table.set $wide (i64.const 3) (table.get $wide (i64.const 1)))
          (call_indirect $narrow (type $f) (i32.const 2))
          (call_indirect $wide (type $f) (i64.const 3))
          (call_indirect $wide (type $f) (i64.const 2))))"#;
    let expected =
        [Value::I64(2), Value::I64(4), Value::I64(-1), Value::I32(2), Value::I32(1), Value::I32(2)];
    assert_eq!(run(wat, &[]), Ok(expected.to_vec()));
}

#[test]
fn table_indices_are_checked_in_all_of_their_bits() {
    let table = |body: &str| {
        run(
            &format!(
                "(module (table i64 2 funcref) (elem $elem func $f)
                  (type $f (func)) (func $f) (func (export \"run\") {body}))"
            ),
            &[],
        )
    };
    let outside = trap(TrapCode::TableOutOfBounds);
    for index in ["2", "0x1_0000_0000", "-1"] {
        let at = format!("(i64.const {index})");
        assert_eq!(table(&format!("(drop (table.get {at}))")), outside);
        assert_eq!(table(&format!("(table.set {at} (ref.null func))")), outside);
        assert_eq!(table(&format!("(table.fill {at} (ref.null func) (i64.const 1))")), outside);
        assert_eq!(table(&format!("(table.init $elem {at} (i32.const 0) (i32.const 1))")), outside);
        assert_eq!(table(&format!("(table.copy {at} (i64.const 0) (i64.const 1))")), outside);
        let undefined = trap(TrapCode::UndefinedElement);
        assert_eq!(table(&format!("(call_indirect (type $f) {at})")), undefined);
    }
}

#[test]
fn index_types_of_imports_must_fit() {
    for engine in engines() {
        let mut store = Store::new(&engine).expect("memory for code");
        let mut linker = Linker::new();
        let memory = MemoryType { index: IndexType::I64, ..MemoryType::new(1, Some(2)) };
        linker.define_memory(&mut store, "env", "memory", memory).expect("address space");
        let table =
            TableType { index: IndexType::I64, ..TableType::new(RefType::nullable(HeapType::Func), 1, None) };
        linker.define_table(&mut store, "env", "table", table).expect("memory");
        let mut import = |what: &str| {
            let wat = format!("(module (import \"env\" {what}))");
            let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
            Instance::new(&mut store, &module, &linker).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(import("\"memory\" (memory i64 1)"), Ok(()));
        assert_eq!(import("\"table\" (table i64 1 funcref)"), Ok(()));
        let said = import("\"memory\" (memory 1)").expect_err("32 bits");
        assert!(said.contains("env.memory is a 64-bit memory, 1 to 2 pages"), "{said}");
        assert!(import("\"table\" (table 1 funcref)").is_err());
    }
}

#[test]
fn the_host_reads_and_writes_64_bit_memories() {
    for engine in engines() {
        let wat = r#"(module (memory i64 65537) (func (export "run") (result i64)
            (i64.load (i64.const 0x1_0000_0000))))"#;
        let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(&engine).expect("memory for code");
        let instance = Instance::new(&mut store, &module, &Linker::new()).expect("instantiates");
        let size = 65537 << 16;
        assert_eq!(store.memory_size(instance, 0), Some(size));
        assert!(store.write_memory(instance, 0, 1 << 32, &[7, 0, 0, 0, 0, 0, 0, 1]));
        let function = instance.get_func(&store, "run").expect("exported");
        assert_eq!(function.call(&mut store, &[]), Ok(vec![Value::I64(0x0100_0000_0000_0007)]));
        let mut bytes = [9; 4];
        assert_eq!(store.read_memory(instance, 0, (1 << 32) + 6, &mut bytes), Some(4));
        assert_eq!(bytes, [0, 1, 0, 0]);
        assert_eq!(store.read_memory(instance, 0, size - 3, &mut bytes), Some(3), "to the end");
        assert_eq!(store.read_memory(instance, 0, u64::MAX, &mut bytes), Some(0));
        assert!(!store.write_memory(instance, 0, size - 3, &bytes));
        assert!(!store.write_memory(instance, 0, u64::MAX - 1, &bytes));
    }
}
