//! One run of a program, looked at where functions are entered.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use frame_table::ModulePc;
use runtime::{
    CodeCache, DebugEvent, DebugHook, Engine, EngineConfig, Frame, Instance, Linker, Module,
    ObservableLocals, Resumption, Store, Tiers, Value, WasmFrame,
};

/// Which values the run tier keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    All,
    /// Those that the debug info names or the program needs.
    Named,
}

/// A frame that was looked at.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Function, and operator.
    pub(crate) place: (u32, ModulePc),
    /// Locals, then operands; none for what is not available.
    pub(crate) values: Vec<Option<Value>>,
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) end: String,
    pub(crate) output: Vec<u8>,
    /// The frames at each stop, innermost first.
    pub(crate) stops: Vec<Vec<Seen>>,
    /// How often a frame changed its tier.
    pub(crate) changes: u64,
}

/// One in how many functions has a breakpoint.
const ONE_IN: usize = 4;

/// How many stops are looked at.
const MOST_STOPS: usize = 300;

/// How many frames of each.
const MOST_FRAMES: usize = 40;

/// Bytes of stack for the guest; its thread has room for the host as well.
const STACK: usize = 1 << 20;

/// Runs a module for WASI: undisturbed in the debug tier, or with tiers that change. Code comes from `cache` as far as it is
/// there.
pub(crate) fn run(
    bytes: &[u8],
    args: &[&str],
    disturbed: Option<(u64, Kept)>,
    cache: &Arc<CodeCache>,
) -> Result<Run> {
    let mut stdout = tempfile::tempfile()?;
    let mut wasi = wasi::WasiBuilder::new();
    wasi.args(["program"].iter().chain(args).copied())
        .stdout(stdout.try_clone()?)
        .stderr(File::create("/dev/null")?);
    let wasi = wasi.build()?;
    let config = EngineConfig {
        tiers: if disturbed.is_some() { Tiers::Automatic } else { Tiers::Debug },
        tier_stress: disturbed.map(|(seed, _)| seed),
        max_stack: STACK,
        ..EngineConfig::default()
    };
    let (module, engine) = load(&Engine::new(config.clone())?, bytes, disturbed.map(|(_, kept)| kept))?;
    let module = (module.with_code_cache(Arc::clone(cache)), engine);
    let sampler = Arc::new(Sampler::default());
    let seen = Arc::clone(&sampler);
    let guest =
        std::thread::Builder::new().stack_size(STACK * 8).spawn(move || -> Result<(String, u64)> {
            let mut store = Store::new(&module.1)?;
            let mut linker = Linker::new();
            wasi.add_to_linker(&mut linker);
            let instance = Instance::new(&mut store, &module.0, &linker)?;
            break_at_functions(&mut store, &module.0)?;
            store.set_debug_hook(Some(seen));
            let start = instance.get_func(&store, "_start").context("a program has a _start")?;
            let end = format!("{:?}", start.call(&mut store, &[]));
            let changes = store.tier_changes();
            Ok((end, changes.to_debug + changes.to_run))
        })?;
    let (end, changes) = guest.join().map_err(|_| anyhow!("the guest's thread panicked"))??;
    let mut output = Vec::new();
    stdout.rewind()?;
    stdout.read_to_end(&mut output)?;
    let stops = std::mem::take(&mut *sampler.stops.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Run { end, output, stops, changes })
}

fn load(engine: &Engine, bytes: &[u8], kept: Option<Kept>) -> Result<(Module, Engine)> {
    let mut module = Module::new(engine, bytes, "program")?;
    if kept == Some(Kept::Named)
        && let Some(locals) = dwarf::named_locals(bytes, &[])?
    {
        module =
            module.with_observable(ObservableLocals::new(locals.named, locals.whole, locals.frame_bases));
    }
    Ok((module, engine.clone()))
}

/// Sets breakpoints where some of the functions begin.
fn break_at_functions(store: &mut Store, module: &Module) -> Result<()> {
    for function in (module.num_imported_functions()..module.num_functions()).step_by(ONE_IN) {
        let Some((_, operator)) = module.entry(function) else { continue };
        if let Some(point) = store.program_point(0, operator)? {
            store.set_breakpoint(0, point, true);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Sampler {
    stops: Mutex<Vec<Vec<Seen>>>,
}

impl DebugHook for Sampler {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        if let DebugEvent::Point { module, pc, breakpoint: true, .. } = event {
            let frames = store.frames().filter_map(|frame| match frame {
                Frame::Wasm(frame) => Some(frame),
                _ => None,
            });
            let frames: Vec<WasmFrame> = frames.take(MOST_FRAMES).collect();
            let seen = frames.iter().map(|frame| look(store, frame)).collect();
            let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
            stops.push(seen);
            // A function that is entered often is not to be all that is looked at.
            let hits =
                stops.iter().filter(|stop| stop.first().is_some_and(|frame| frame.place.1 == pc)).count();
            if stops.len() >= MOST_STOPS || hits > MOST_STOPS / 10 {
                store.set_breakpoint(module, pc, false);
            }
        }
        Resumption::Continue
    }
}

fn look(store: &Store, frame: &WasmFrame) -> Seen {
    let locals = (0..).zip(frame.locals()).map(|(index, _)| frame.local(store, index).ok());
    let operands = (0..).zip(frame.operands()).map(|(index, _)| frame.operand(store, index).ok());
    Seen { place: (frame.function, frame.pc), values: locals.chain(operands).collect() }
}
