//! wasi-threads: `wasi.thread-spawn`, and the shared memories that a module's threads have in common.
//!
//! Each thread is an instance of the same module in a store of its own, linked with the same shared memories and the
//! same WASI state, that calls the export `wasi_thread_start`. Tables and globals are each thread's own. The module's
//! start function runs in every instance; what toolchains make of passive data segments is guarded by an atomic there.
//!
//! What this is not: a place where threads are kept. Whoever runs the program starts them, knows them, and ends all
//! when one of them or the main thread ends the program.

use crate::error::Error;
use runtime::{
    Engine, ExternType, Failure, FuncType, Instance, Linker, Module, SharedMemory, Store, Value, ValueType,
};
use std::sync::Arc;

/// Name of the module that `thread-spawn` is imported from.
const MODULE: &str = "wasi";

/// The function that starts a thread.
const SPAWN: &str = "thread-spawn";

/// The export that a thread runs.
const ENTRY: &str = "wasi_thread_start";

/// The error number for "no resources now", negative as `thread-spawn` returns it.
const AGAIN: i32 = -6;

/// The largest number that a thread may have.
const LARGEST: u32 = 0x1fff_ffff;

/// What a new thread does, in a new store and with the number that it was given. It ends the whole program if it fails.
pub type ThreadBody = Box<dyn FnOnce(&mut Store, u32) -> Result<(), Failure> + Send>;

/// Starts an OS thread with a store, and returns the number of the new thread: positive, below 2^29, and of no other
/// thread that lives. Or says why it cannot.
type Spawn = dyn Fn(ThreadBody) -> Result<u32, String> + Send + Sync;

/// What the threads of one run have in common.
struct Threads {
    module: Module,
    /// Everything that the module may import but `thread-spawn`, which holds this.
    linker: Linker,
    spawn: Box<Spawn>,
}

/// Defines what a program with threads imports: its shared memories, new ones, and `thread-spawn`, which has `spawn`
/// start the threads. Everything else must be defined before; it must be usable from any thread. For a module
/// without either nothing is defined.
///
/// # Errors
/// When there is no space for a memory, or the module starts threads and has no function for them to run.
pub fn add_threads(
    linker: &mut Linker,
    engine: &Engine,
    module: &Module,
    spawn: impl Fn(ThreadBody) -> Result<u32, String> + Send + Sync + 'static,
) -> Result<(), Error> {
    for import in module.imports() {
        if let ExternType::Memory(ty) = &import.ty
            && ty.shared
        {
            let memory = SharedMemory::new(engine, *ty).map_err(Error::Memory)?;
            linker.define_shared_memory(&import.module, &import.name, &memory);
        }
    }
    if !module
        .imports()
        .iter()
        .any(|import| (import.module.as_str(), import.name.as_str()) == (MODULE, SPAWN))
    {
        return Ok(());
    }
    let entry = module.exported_functions().find(|(name, _)| *name == ENTRY);
    let entry = entry.and_then(|(_, function)| module.function_type(function));
    if entry != Some(&FuncType::new([ValueType::I32; 2], [])) {
        return Err(Error::NoThreadEntry);
    }
    let threads = Threads { module: module.clone(), linker: linker.clone(), spawn: Box::new(spawn) };
    define_spawn(linker, Arc::new(threads));
    Ok(())
}

fn define_spawn(linker: &mut Linker, threads: Arc<Threads>) {
    let ty = FuncType::new([ValueType::I32], [ValueType::I32]);
    linker.define_func(MODULE, SPAWN, ty, move |_, args| {
        let (new, argument) = (Arc::clone(&threads), args[0]);
        let number = (threads.spawn)(Box::new(move |store, number| new.run(store, number, argument)));
        let number = number.and_then(|number| match number {
            1..=LARGEST => Ok(number.cast_signed()),
            _ => Err(format!("{number} is no thread's number")),
        });
        let result = number.unwrap_or_else(|reason| {
            tracing::warn!(reason, "cannot start a thread");
            AGAIN
        });
        Ok(vec![Value::I32(result)])
    });
}

impl Threads {
    /// A thread's life.
    fn run(self: Arc<Self>, store: &mut Store, number: u32, argument: Value) -> Result<(), Failure> {
        let mut linker = self.linker.clone();
        define_spawn(&mut linker, Arc::clone(&self));
        let instance = Instance::new(store, &self.module, &linker).map_err(|error| match error {
            runtime::Error::Start(failure) => failure,
            other => Failure::Host(format!("cannot start thread {number}: {other}")),
        })?;
        let missing = || Failure::Host(format!("no function `{ENTRY}`"));
        let entry = instance.get_func(store, ENTRY).ok_or_else(missing)?;
        entry.call(store, &[Value::I32(number.cast_signed()), argument]).map(drop)
    }
}
