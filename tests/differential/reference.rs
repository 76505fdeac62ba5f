//! Runs a case in wasmi, an interpreter that shares nothing with our runtime but the specification.

use crate::case::Case;
use crate::outcome::{Bytes, Datum, EXHAUSTED, Ended, Outcome, State};
use runtime::Value;
use wasmi::{
    Config, Engine, Error, ExternRef, Func, Instance, Linker, Module, Ref, Store, TrapCode, V128, Val,
};

/// How deep calls may be nested: deeper than the fuel of a case allows.
const DEPTH: usize = 10_000;

/// Runs a case.
///
/// # Errors
/// When the module is refused.
pub(crate) fn run(case: &Case) -> Result<Outcome, String> {
    let mut config = Config::default();
    config.wasm_memory64(true).wasm_multi_memory(true).wasm_simd(true).set_max_recursion_depth(DEPTH);
    config.set_max_stack_height(64 << 20);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, &case.bytes).map_err(|error| error.to_string())?;
    let mut store = Store::new(&engine, ());
    let instance = match Linker::new(&engine).instantiate_and_start(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => return Ok(Outcome { instantiated: trapped(&error), calls: Vec::new() }),
    };
    let mut calls = Vec::new();
    for call in &case.calls {
        let function = instance.get_func(&store, &call.name).ok_or("an export is missing")?;
        let args: Vec<Val> = call.args.iter().map(|value| argument(*value)).collect();
        let mut results: Vec<Val> =
            function.ty(&store).results().iter().map(|ty| Val::default(*ty)).collect();
        let ended = match function.call(&mut store, &args, &mut results) {
            Ok(()) => Ended::Returned(results.iter().map(datum).collect()),
            Err(error) => trapped(&error),
        };
        calls.push((call.name.clone(), ended, state(&store, instance, case)?));
    }
    Ok(Outcome { instantiated: Ended::Returned(Vec::new()), calls })
}

fn trapped(error: &Error) -> Ended {
    let words = match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => "unreachable",
        Some(TrapCode::MemoryOutOfBounds) => "out of bounds memory access",
        Some(TrapCode::TableOutOfBounds) => "out of bounds table access",
        Some(TrapCode::IndirectCallToNull) => "uninitialized element",
        Some(TrapCode::IntegerDivisionByZero) => "integer divide by zero",
        Some(TrapCode::IntegerOverflow) => "integer overflow",
        Some(TrapCode::BadConversionToInteger) => "invalid conversion to integer",
        Some(TrapCode::StackOverflow) => EXHAUSTED,
        Some(TrapCode::BadSignature) => "indirect call type mismatch",
        Some(code) => return Ended::Trapped(format!("{code:?}")),
        None => return Ended::Trapped(error.to_string()),
    };
    Ended::Trapped(words.to_owned())
}

fn state(store: &Store<()>, instance: Instance, case: &Case) -> Result<State, String> {
    const MISSING: &str = "an export is missing";
    let mut state = State::default();
    for (name, _) in &case.globals {
        let global = instance.get_global(store, name).ok_or(MISSING)?;
        state.globals.push(datum(&global.get(store)));
    }
    for (name, _) in &case.memories {
        let memory = instance.get_memory(store, name).ok_or(MISSING)?;
        state.memories.push(Bytes::of(memory.data(store)));
    }
    for (name, _) in &case.tables {
        let table = instance.get_table(store, name).ok_or(MISSING)?;
        let elements = (0..table.size(store)).filter_map(|index| table.get(store, index));
        state.tables.push(elements.map(|element| datum(&element) == Datum::Null).collect());
    }
    Ok(state)
}

fn argument(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(wasmi::F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(wasmi::F64::from_bits(bits)),
        Value::V128(bits) => Val::V128(V128::from(bits)),
        Value::ExternRef(_) => Val::ExternRef(Ref::<ExternRef>::Null),
        _ => Val::FuncRef(Ref::<Func>::Null),
    }
}

fn datum(value: &Val) -> Datum {
    match value {
        Val::I32(value) => Datum::Number(value.cast_unsigned().into()),
        Val::I64(value) => Datum::Number(value.cast_unsigned().into()),
        Val::F32(value) => Datum::Number(value.to_bits().into()),
        Val::F64(value) => Datum::Number(value.to_bits().into()),
        Val::V128(value) => Datum::Number(value.as_u128()),
        Val::FuncRef(Ref::Null) | Val::ExternRef(Ref::Null) => Datum::Null,
        _ => Datum::Reference,
    }
}
