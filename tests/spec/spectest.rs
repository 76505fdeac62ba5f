//! The instance that all scripts may import.

use runtime::{
    Engine, Error, FuncType, HeapType, IndexType, Linker, MemoryType, RefType, SharedMemory, Store,
    TableType, Value, ValueType,
};

/// Defines what `spectest` exports.
pub(crate) fn define(engine: &Engine, linker: &mut Linker, store: &mut Store) -> Result<(), Error> {
    use ValueType::{F32, F64, I32, I64};
    let prints: [(&str, &[ValueType]); 7] = [
        ("print", &[]),
        ("print_i32", &[I32]),
        ("print_i64", &[I64]),
        ("print_f32", &[F32]),
        ("print_f64", &[F64]),
        ("print_i32_f32", &[I32, F32]),
        ("print_f64_f64", &[F64, F64]),
    ];
    for (name, params) in prints {
        linker.define_func("spectest", name, FuncType::new(params, []), |_, _| Ok(Vec::new()));
    }
    let globals = [
        ("global_i32", Value::I32(666)),
        ("global_i64", Value::I64(666)),
        ("global_f32", Value::F32(666.6_f32.to_bits())),
        ("global_f64", Value::F64(666.6_f64.to_bits())),
    ];
    for (name, value) in globals {
        linker.define_global(store, "spectest", name, false, value);
    }
    let table = TableType::new(RefType::nullable(HeapType::Func), 10, Some(20));
    linker.define_table(store, "spectest", "table", table)?;
    let table64 = TableType { index: IndexType::I64, ..table };
    linker.define_table(store, "spectest", "table64", table64)?;
    let memory = MemoryType::new(1, Some(2));
    linker.define_memory(store, "spectest", "memory", memory)?;
    let shared = SharedMemory::new(engine, MemoryType { shared: true, ..memory })?;
    linker.define_shared_memory("spectest", "shared_memory", &shared);
    Ok(())
}
