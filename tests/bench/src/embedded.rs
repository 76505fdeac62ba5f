//! What happens in processes of their own: compiling a module, and running it in an engine that is part of this program.

use crate::engine::Engine;
use anyhow::{Context as _, Result, anyhow, bail};
use rustix::thread::CpuSet;
use rustix::time::{ClockId, clock_gettime};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// What a module's code took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Code {
    /// Processor time from the module's bytes to code for all functions.
    pub(crate) time: Duration,
    /// Bytes of machine code.
    pub(crate) size: u64,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.time.as_nanos(), self.size)
    }
}

impl FromStr for Code {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Vec<u64> = text.trim().split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [time, size] = numbers[..] else { bail!("two numbers, not {text:?}") };
        Ok(Self { time: Duration::from_nanos(time), size })
    }
}

/// Compiles all functions on one processor.
pub(crate) fn compile(engine: Engine, path: &Path) -> Result<Code> {
    // All compilers use as many threads as there are processors.
    let mut one = CpuSet::new();
    one.set(rustix::thread::sched_getcpu());
    rustix::thread::sched_setaffinity(None, &one)?;
    let bytes = read(path)?;
    let began = processor_time();
    let size = match engine {
        wasmtime if wasmtime.is_wasmtime() => {
            let module = wasmtime::Module::new(&wasmtime_engine(engine)?, &bytes)?;
            u64::try_from(module.text().len())?
        }
        _ => compiled(engine, &bytes)?.1.code_size(),
    };
    Ok(Code { time: processor_time() - began, size })
}

/// Runs `path` with the program's name as its only argument, and this process's standard streams.
pub(crate) fn run(engine: Engine, path: &Path) -> Result<()> {
    let bytes = read(path)?;
    match engine {
        wasmtime if wasmtime.is_wasmtime() => run_in_wasmtime(engine, &bytes),
        _ => run_in_ours(engine, &bytes),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// A module with code for all of its functions: as the server has it, or with nothing for a debugger.
fn compiled(engine: Engine, bytes: &[u8]) -> Result<(runtime::Module, Box<runtime::Store>)> {
    use runtime::{EngineConfig, Module, ObservableLocals, Store, Tiers};
    let tiers = match engine {
        Engine::Ours => Tiers::Run,
        Engine::AllDebug => Tiers::Debug,
        _ => Tiers::Automatic,
    };
    let config = EngineConfig { tiers, max_stack: 4 << 20, ..EngineConfig::default() };
    let engine_of_ours = runtime::Engine::new(config)?;
    let mut module = Module::new(&engine_of_ours, bytes, "program")?;
    if engine == Engine::Ours {
        module = module.with_observable(ObservableLocals::default());
    } else if let Some(locals) = dwarf::named_locals(bytes, &[])? {
        module =
            module.with_observable(ObservableLocals::new(locals.named, locals.whole, locals.frame_bases));
    }
    let mut store = Store::new(&engine_of_ours)?;
    store.compile_all(&module)?;
    Ok((module, store))
}

fn run_in_ours(engine: Engine, bytes: &[u8]) -> Result<()> {
    use runtime::{Failure, Instance, Linker};
    let (module, mut store) = compiled(engine, bytes)?;
    let mut linker = Linker::new();
    wasi::WasiBuilder::new().args(["program"]).build()?.add_to_linker(&mut linker);
    let instance = Instance::new(&mut store, &module, &linker)?;
    let start = instance.get_func(&store, "_start").context("no _start")?;
    match start.call(&mut store, &[]) {
        Ok(_) | Err(Failure::Exit(0)) => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

fn wasmtime_engine(engine: Engine) -> Result<wasmtime::Engine> {
    let mut config = wasmtime::Config::new();
    config.guest_debug(engine == Engine::WasmtimeDebug);
    if engine == Engine::WasmtimeInlining {
        config.compiler_inlining(wasmtime::Inlining::Yes);
    }
    Ok(wasmtime::Engine::new(&config)?)
}

fn run_in_wasmtime(engine: Engine, bytes: &[u8]) -> Result<()> {
    use wasmtime::{Linker, Module, Store};
    use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
    use wasmtime_wasi::{I32Exit, WasiCtxBuilder};
    let engine = wasmtime_engine(engine)?;
    let mut linker: Linker<WasiP1Ctx> = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |context| context)?;
    let context = WasiCtxBuilder::new().inherit_stdio().args(&["program"]).build_p1();
    let module = Module::new(&engine, bytes)?;
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    if let Err(error) = start.call(&mut store, ()) {
        match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(0)) => {}
            _ => return Err(anyhow!("{error:?}")),
        }
    }
    Ok(())
}
