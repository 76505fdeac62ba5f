//! A store with one instance, and a hook that is a closure.

use frame_table::ModulePc;
use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, Failure, Frame, Instance, Linker, Module, ObservableLocals,
    Resumption, Store, Tiers, Value,
};
use std::sync::{Arc, Mutex, PoisonError};

/// Does this at every event.
struct Hook<F>(F);

impl<F: Fn(&mut Store, &DebugEvent) -> Resumption + Send + Sync> DebugHook for Hook<F> {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        (self.0)(store, &event)
    }
}

/// A store with an instance of one module.
pub(crate) struct Fixture {
    pub(crate) engine: Engine,
    pub(crate) store: Box<Store>,
    pub(crate) module: Module,
    pub(crate) instance: Instance,
}

impl Fixture {
    /// Instantiates a module that imports nothing.
    pub(crate) fn new(wat: &str) -> Self {
        Self::with(wat, &Linker::new(), config())
    }

    /// Instantiates a module.
    pub(crate) fn with(wat: &str, linker: &Linker, config: EngineConfig) -> Self {
        Self::observed(wat, linker, config, None)
    }

    /// Instantiates a module of which a debugger can ask for these locals, or for all.
    pub(crate) fn observed(
        wat: &str,
        linker: &Linker,
        config: EngineConfig,
        observable: Option<ObservableLocals>,
    ) -> Self {
        let engine = Engine::new(config).expect("this machine is supported");
        let module =
            Module::new(&engine, wat.as_bytes(), "test").unwrap_or_else(|error| panic!("{error}: {wat}"));
        let module = match observable {
            Some(observable) => module.with_observable(observable),
            None => module,
        };
        let mut store = Store::new(&engine).expect("memory for code");
        let instance = Instance::new(&mut store, &module, linker).expect("instantiates");
        Self { engine, store, module, instance }
    }

    /// Has `hook` told of all events.
    pub(crate) fn hook(
        &mut self,
        hook: impl Fn(&mut Store, &DebugEvent) -> Resumption + Send + Sync + 'static,
    ) {
        self.store.set_debug_hook(Some(Arc::new(Hook(hook))));
    }

    /// Calls an export.
    pub(crate) fn call(&mut self, name: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let function = self.instance.get_func(&self.store, name).expect("exported");
        function.call(&mut self.store, args)
    }

    /// Sets a breakpoint at the only operator of a function whose name starts with `operator`.
    pub(crate) fn break_at(&mut self, function: u32, operator: &str) {
        let pc = pc_of(&self.module, function, operator);
        assert_eq!(self.store.program_point(0, pc).expect("compiles"), Some(pc));
        self.store.set_breakpoint(0, pc, true);
    }
}

/// The engine's configuration of this program's tests.
pub(crate) fn config() -> EngineConfig {
    tier(crate::TIERS)
}

/// The engine's configuration for a tier.
pub(crate) fn tier(tiers: Tiers) -> EngineConfig {
    EngineConfig { tiers, ..EngineConfig::default() }
}

/// The names and PCs of a function's operators.
pub(crate) fn operators(module: &Module, function: u32) -> Vec<(String, ModulePc)> {
    let range = module.body_range(function).expect("it is defined");
    let bytes = &module.bytes()[range.start.0 as usize..range.end.0 as usize];
    let body = wasmparser::FunctionBody::new(wasmparser::BinaryReader::new(bytes, u64::from(range.start.0)));
    let operators = body.get_operators_reader().expect("it is valid").into_iter_with_offsets();
    let named = operators.map(|found| {
        let (operator, offset) = found.expect("it is valid");
        (format!("{operator:?}"), ModulePc(u32::try_from(offset).expect("small")))
    });
    named.collect()
}

/// The PC of the only operator of a function whose name, as the parser writes it, starts with `operator`.
pub(crate) fn pc_of(module: &Module, function: u32, operator: &str) -> ModulePc {
    let all = operators(module, function);
    let found: Vec<_> = all.iter().filter(|(name, _)| is_called(name, operator)).collect();
    assert_eq!(found.len(), 1, "{operator} in {all:?}");
    found[0].1
}

fn is_called(name: &str, wanted: &str) -> bool {
    name.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// What a hook learned.
#[derive(Clone)]
pub(crate) struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T> Log<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn push(&self, item: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }

    pub(crate) fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Function and activation of each frame, and what is between.
pub(crate) fn shape(store: &Store) -> Vec<String> {
    let describe = |frame| match frame {
        Frame::Wasm(frame) => format!("{} {}", frame.function, frame.activation),
        Frame::Host(name) => name,
        Frame::Gap => "gap".to_owned(),
        Frame::Foreign => "foreign".to_owned(),
    };
    store.frames().map(describe).collect()
}
