//! What a session runs.

use crate::event::Exit;
use crate::spawn::Spawner;
use runtime::{Engine, Failure, FuncHandle, Instance, Linker, Module, Store, Value};

/// Where a guest begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The export `_start`; of a reactor, `_initialize` and nothing else.
    Start,
    /// An exported function with these arguments.
    Invoke {
        /// Name of the export.
        export: String,
        /// Its arguments, which must fit.
        arguments: Vec<Value>,
    },
}

/// A module that is instantiated before the program, so that the program and later ones can import what it exports.
#[derive(Clone)]
pub struct Preload {
    /// The name by which others import from it.
    pub name: String,
    /// The module. Several may have the same.
    pub module: Module,
}

/// A program to be debugged.
pub struct Guest {
    /// How it is compiled. The debug tier is the one that can be stopped.
    pub engine: Engine,
    /// The program.
    pub module: Module,
    /// What it imports, and what those import that are instantiated before it.
    pub linker: Linker,
    /// What is instantiated before it, in this order.
    pub preloads: Vec<Preload>,
    /// Where it begins.
    pub entry: Entry,
    /// Run at once instead of stopping before the first operator.
    pub run_at_once: bool,
    /// What its host functions start threads with, if any does.
    pub spawner: Spawner,
}

impl Guest {
    /// Runs the guest on this thread until it ends.
    pub(crate) fn run(self, store: &mut Store) -> Exit {
        match self.instantiate(store) {
            Ok(instance) => self.enter(store, instance),
            Err(exit) => exit,
        }
    }

    /// Instantiates everything, the program last. Its module has number 0 all the same, and all modules have their numbers
    /// before any code runs: breakpoints can be set in each of them.
    fn instantiate(&self, store: &mut Store) -> Result<Instance, Exit> {
        let modules =
            std::iter::once(&self.module).chain(self.preloads.iter().map(|preload| &preload.module));
        for module in modules {
            store.load(module).map_err(|error| Exit::HostError(error.to_string()))?;
        }
        let mut linker = self.linker.clone();
        for Preload { name, module } in &self.preloads {
            let failed = |error: runtime::Error| format!("{name} ({}): {error}", module.name());
            let instance = match Instance::new(store, module, &linker) {
                Ok(instance) => instance,
                Err(runtime::Error::Start(failure)) => return Err(exit_of(store, failure)),
                Err(error) => return Err(Exit::HostError(failed(error))),
            };
            if let Some(initialize) = instance.get_func(store, "_initialize") {
                initialize.call(store, &[]).map_err(|failure| exit_of(store, failure))?;
            }
            linker.define_instance(store, name, instance);
        }
        match Instance::new(store, &self.module, &linker) {
            Ok(instance) => Ok(instance),
            Err(runtime::Error::Start(failure)) => Err(exit_of(store, failure)),
            Err(error) => Err(Exit::HostError(error.to_string())),
        }
    }

    fn enter(&self, store: &mut Store, instance: Instance) -> Exit {
        let initialize = instance.get_func(store, "_initialize");
        let (function, arguments) = match &self.entry {
            Entry::Start => match instance.get_func(store, "_start").or(initialize) {
                Some(function) => (function, Vec::new()),
                None => {
                    return Exit::HostError(
                        "the module exports no `_start`; name a function to invoke".into(),
                    );
                }
            },
            Entry::Invoke { export, arguments } => {
                // A reactor wants to be initialised before anything else of it is called.
                if let Some(initialize) = initialize.filter(|_| export != "_initialize")
                    && let Err(failure) = initialize.call(store, &[])
                {
                    return exit_of(store, failure);
                }
                match instance.get_func(store, export) {
                    Some(function) => (function, arguments.clone()),
                    None => return Exit::HostError(format!("the module exports no function `{export}`")),
                }
            }
        };
        self.call(store, function, &arguments)
    }

    fn call(&self, store: &mut Store, function: FuncHandle, arguments: &[Value]) -> Exit {
        match (function.call(store, arguments), &self.entry) {
            (Ok(values), Entry::Invoke { .. }) => Exit::Values(values),
            (Ok(_), Entry::Start) => Exit::Code(0),
            (Err(failure), _) => exit_of(store, failure),
        }
    }
}

pub(crate) fn exit_of(store: &Store, failure: Failure) -> Exit {
    match failure {
        Failure::Trap(code) => Exit::Trapped { code, message: format!("wasm trap: {code}") },
        Failure::Exit(code) => Exit::Code(code),
        Failure::Killed => Exit::Killed,
        Failure::Exception(exception) => {
            Exit::HostError(format!("uncaught exception: {}", store.describe_exception(exception)))
        }
        other => Exit::HostError(other.to_string()),
    }
}
