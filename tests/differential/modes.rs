//! Runs a case in our runtime, in one of the ways that it has.

use crate::case::{Case, Chance};
use crate::outcome::{Bytes, Datum, Ended, Outcome, State};
use crate::stepper::{Seen, Stepper};
use frame_table::ModulePc;
use runtime::{
    CodeCache, DebugHook, Engine, EngineConfig, Error, Failure, Instance, Linker, Module, Store, Tiers, Value,
};
use std::sync::Arc;

/// How a case is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Plain code; a function is compiled when it is called.
    Plain,
    /// Plain code for any processor, all compiled before anything runs, as another process would have kept it.
    Baseline,
    /// Instrumented code that nobody stops.
    Instrumented,
    /// Instrumented code that stops at every operator.
    Stepped,
    /// Instrumented code that stops at some operators.
    Breakpoints,
    /// Code of both tiers that stops at the same ones.
    Automatic,
    /// Code of both tiers that changes from one to the other by chance.
    Switched,
}

impl Mode {
    pub(crate) const ALL: [Self; 7] = [
        Self::Plain,
        Self::Baseline,
        Self::Instrumented,
        Self::Stepped,
        Self::Breakpoints,
        Self::Automatic,
        Self::Switched,
    ];
}

/// Why a case was not run to its end.
pub(crate) enum Unrun {
    /// The runtime says that it lacks something that the module needs.
    Unsupported,
    /// It should have run.
    Failed(String),
}

/// How many breakpoints a module gets.
const BREAKPOINTS: usize = 20;

/// Bytes of stack for a guest.
const STACK: usize = 16 << 20;

/// Bytes of objects that a guest may have.
const HEAP: usize = 16 << 20;

/// One engine for each kind of code.
pub(crate) struct Runtimes {
    plain: Engine,
    baseline: Engine,
    debug: Engine,
    automatic: Engine,
    switched: Engine,
}

impl Runtimes {
    pub(crate) fn new() -> Self {
        let engine = |tiers, baseline_processor, tier_stress| {
            let config = EngineConfig {
                tiers,
                tier_stress,
                baseline_processor,
                max_stack: STACK,
                gc_heap_limit: HEAP,
                ..EngineConfig::default()
            };
            Engine::new(config).expect("this machine is supported")
        };
        Self {
            plain: engine(Tiers::Run, false, None),
            baseline: engine(Tiers::Run, true, None),
            debug: engine(Tiers::Debug, false, None),
            automatic: engine(Tiers::Automatic, false, None),
            switched: engine(Tiers::Automatic, false, Some(1)),
        }
    }

    /// Runs a case.
    pub(crate) fn run(&self, mode: Mode, case: &Case) -> Result<(Outcome, Seen), Unrun> {
        let engine = match mode {
            Mode::Plain => &self.plain,
            Mode::Baseline => &self.baseline,
            Mode::Instrumented | Mode::Stepped | Mode::Breakpoints => &self.debug,
            Mode::Automatic => &self.automatic,
            Mode::Switched => &self.switched,
        };
        let module = Module::new(engine, &case.bytes, "case").map_err(unrun)?;
        let mut store = Store::new(engine).map_err(unrun)?;
        if mode == Mode::Baseline {
            let module = module.clone().with_code_cache(Arc::new(compiled(engine, case)?));
            store.compile_all(&module).map_err(unrun)?;
        }
        let stepper = Arc::new(Stepper::default());
        if matches!(mode, Mode::Stepped | Mode::Breakpoints | Mode::Automatic) {
            let hook: Arc<dyn DebugHook> = Arc::<Stepper>::clone(&stepper);
            store.set_debug_hook(Some(hook));
            store.set_stepping(mode == Mode::Stepped);
        }
        let instance = match Instance::new(&mut store, &module, &Linker::new()) {
            Ok(instance) => instance,
            Err(Error::Start(failure)) => {
                let outcome = Outcome { instantiated: ended(Err(failure))?, calls: Vec::new() };
                return Ok((outcome, stepper.seen()));
            }
            Err(error) => return Err(unrun(error)),
        };
        if matches!(mode, Mode::Breakpoints | Mode::Automatic) {
            set_breakpoints(&mut store, &module, case.seed).map_err(unrun)?;
        }
        let mut calls = Vec::new();
        for call in &case.calls {
            let function = instance.get_func(&store, &call.name);
            let function = function.ok_or_else(|| Unrun::Failed(format!("no export {}", call.name)))?;
            let ended = ended(function.call(&mut store, &call.args))?;
            calls.push((call.name.clone(), ended, state(&store, instance, case)));
        }
        Ok((Outcome { instantiated: Ended::Returned(Vec::new()), calls }, stepper.seen()))
    }
}

/// All code of a case, from bytes.
fn compiled(engine: &Engine, case: &Case) -> Result<CodeCache, Unrun> {
    let (compiled, kept) = (Arc::new(CodeCache::default()), CodeCache::default());
    let module =
        Module::new(engine, &case.bytes, "case").map_err(unrun)?.with_code_cache(Arc::clone(&compiled));
    Store::new(engine).and_then(|mut store| store.compile_all(&module)).map_err(unrun)?;
    let is_pack = kept.add(&compiled.pack());
    is_pack.then_some(kept).ok_or_else(|| Unrun::Failed("the code is not as it was kept".to_owned()))
}

fn unrun(error: Error) -> Unrun {
    match error {
        Error::Unsupported { .. } => Unrun::Unsupported,
        error => Unrun::Failed(error.to_string()),
    }
}

fn set_breakpoints(store: &mut Store, module: &Module, seed: u64) -> Result<(), Error> {
    let mut chance = Chance::new(!seed);
    let imported = module.num_imported_functions();
    let defined = module.num_functions() - imported;
    for _ in 0..BREAKPOINTS {
        let function = imported + chance.below(defined.max(1));
        let Some(body) = module.body_range(function) else { continue };
        let pc = ModulePc(body.start.0 + chance.below((body.end.0 - body.start.0).max(1)));
        if let Some(pc) = store.program_point(0, pc)? {
            store.set_breakpoint(0, pc, true);
        }
    }
    Ok(())
}

fn ended(result: Result<Vec<Value>, Failure>) -> Result<Ended, Unrun> {
    match result {
        Ok(values) => Ok(Ended::Returned(values.into_iter().map(datum).collect())),
        Err(Failure::Trap(code)) => Ok(Ended::Trapped(code.to_string())),
        Err(Failure::Exception(_)) => Ok(Ended::Trapped("uncaught exception".to_owned())),
        Err(failure) => Err(Unrun::Failed(failure.to_string())),
    }
}

fn state(store: &Store, instance: Instance, case: &Case) -> State {
    let global = |(_, index): &(String, u32)| datum(store.global(instance, *index).expect("exported"));
    let memory = |(_, index): &(String, u32)| {
        let size = store.memory_size(instance, *index).expect("exported");
        let mut bytes = vec![0; usize::try_from(size).expect("few pages")];
        assert_eq!(store.read_memory(instance, *index, 0, &mut bytes), Some(bytes.len()));
        Bytes::of(&bytes)
    };
    let table = |(_, index): &(String, u32)| {
        let elements = (0..).map_while(|element| store.table_element(instance, *index, element));
        elements.map(|element| datum(element) == Datum::Null).collect()
    };
    State {
        globals: case.globals.iter().map(global).collect(),
        memories: case.memories.iter().map(memory).collect(),
        tables: case.tables.iter().map(table).collect(),
    }
}

fn datum(value: Value) -> Datum {
    match value {
        Value::I32(value) => Datum::Number(value.cast_unsigned().into()),
        Value::I64(value) => Datum::Number(value.cast_unsigned().into()),
        Value::F32(bits) => Datum::Number(bits.into()),
        Value::F64(bits) => Datum::Number(bits.into()),
        Value::V128(bits) => Datum::Number(bits),
        Value::FuncRef(None) | Value::ExternRef(None) | Value::AnyRef(None) | Value::ExnRef(None) => {
            Datum::Null
        }
        _ => Datum::Reference,
    }
}
