//! One measurement: compiles a WASI program, runs it, and writes what that took to standard error.

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::thread::CpuSet;
use rustix::time::{ClockId, clock_gettime};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// What runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Our runtime without instrumentation.
    Run,
    /// Wasmtime as it comes.
    Wasmtime,
    /// Our run tier, which keeps what the program may still read.
    Live,
    /// Our runtime with every operator a program point, and none of them armed.
    Debug,
}

impl Engine {
    /// In the order of the table's columns.
    pub(crate) const ALL: [Self; 4] = [Self::Run, Self::Live, Self::Wasmtime, Self::Debug];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Live => "live",
            Self::Wasmtime => "wasmtime",
            Self::Debug => "debug",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|engine| engine.name() == name);
        known.with_context(|| format!("no engine {name}"))
    }
}

/// What a program took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measurement {
    /// Processor time from the module's bytes to code for all functions.
    pub(crate) compile: Duration,
    /// Processor time of instantiating it and running it to its end.
    pub(crate) run: Duration,
    /// Bytes of machine code.
    pub(crate) code: u64,
}

impl Measurement {
    pub(crate) fn least(self, other: Self) -> Self {
        Self { compile: self.compile.min(other.compile), run: self.run.min(other.run), code: self.code }
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.compile.as_nanos(), self.run.as_nanos(), self.code)
    }
}

impl FromStr for Measurement {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Vec<u64> = text.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [compile, run, code] = numbers[..] else { bail!("three numbers, not {text:?}") };
        Ok(Self { compile: Duration::from_nanos(compile), run: Duration::from_nanos(run), code })
    }
}

/// Runs `path` with the program's name as its only argument; its output goes to ours.
pub(crate) fn measure(engine: Engine, path: &Path) -> Result<()> {
    // Both compilers use as many threads as there are processors.
    let mut one = CpuSet::new();
    one.set(rustix::thread::sched_getcpu());
    rustix::thread::sched_setaffinity(None, &one)?;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let measured = match engine {
        Engine::Run => ours(runtime::Tiers::Run, false, &bytes),
        Engine::Live => ours(runtime::Tiers::Run, true, &bytes),
        Engine::Debug => ours(runtime::Tiers::Debug, false, &bytes),
        Engine::Wasmtime => wasmtime(&bytes),
    }?;
    eprintln!("{measured}");
    Ok(())
}

fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

fn ours(tier: runtime::Tiers, live: bool, bytes: &[u8]) -> Result<Measurement> {
    use runtime::{Engine, EngineConfig, Failure, Instance, Linker, Module, Store};
    let engine = Engine::new(EngineConfig { tiers: tier, max_stack: 4 << 20, ..EngineConfig::default() })?;
    let mut linker = Linker::new();
    wasi::WasiBuilder::new().args(["program"]).build()?.add_to_linker(&mut linker);

    let began = processor_time();
    let mut module = Module::new(&engine, bytes, "program")?;
    if live {
        module = module.with_observable(runtime::ObservableLocals::default());
    }
    let mut store = Store::new(&engine)?;
    store.compile_all(&module)?;
    let compiled = processor_time();
    let instance = Instance::new(&mut store, &module, &linker)?;
    let start = instance.get_func(&store, "_start").context("no _start")?;
    match start.call(&mut store, &[]) {
        Ok(_) | Err(Failure::Exit(0)) => {}
        Err(failure) => return Err(failure.into()),
    }
    let ended = processor_time();
    Ok(Measurement { compile: compiled - began, run: ended - compiled, code: store.code_size() })
}

fn wasmtime(bytes: &[u8]) -> Result<Measurement> {
    use wasmtime::{Config, Engine, Linker, Module, Store};
    use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
    use wasmtime_wasi::{I32Exit, WasiCtxBuilder};
    let engine = Engine::new(&Config::new())?;
    let mut linker: Linker<WasiP1Ctx> = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |context| context)?;
    let context = WasiCtxBuilder::new().inherit_stdio().args(&["program"]).build_p1();

    let began = processor_time();
    let module = Module::new(&engine, bytes)?;
    let mut store = Store::new(&engine, context);
    let compiled = processor_time();
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    if let Err(error) = start.call(&mut store, ()) {
        match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(0)) => {}
            _ => return Err(anyhow!("{error:?}")),
        }
    }
    let ended = processor_time();
    let code = u64::try_from(module.text().len())?;
    Ok(Measurement { compile: compiled - began, run: ended - compiled, code })
}
