//! The benchmark against Wasmtime: `bench --server SERVER OPTIONS MODULE:FUNCTION...` prints the tables; `just bench` builds
//! the programs and the server first. FUNCTION is the one that most of the program's time is spent in.
//!
//! In each round every engine gets a process for the program, and the processes work in turn, each as often as the
//! others, so that whatever else the machine does disturbs them alike. What is measured is processor time of the whole
//! process for one turn of work; the least of all turns counts, since nothing makes a program faster than it is. The first
//! turns include what is compiled or patched on the way.

mod client;
mod embedded;
mod engine;
mod process;
mod table;

use anyhow::{Context as _, Result, bail, ensure};
use embedded::Code;
use engine::Engine;
use process::{Process, Program};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const USAGE: &str = "usage: bench --server SERVER [--quick] [--rounds N] [--turns N] [--engines NAME,NAME...] MODULE:FUNCTION...";

/// Arguments that make this program compile or run one module: `bench --run ENGINE MODULE`.
pub(crate) const RUN: &str = "--run";
const COMPILE: &str = "--compile";

/// An engine that has spent so much time in one round gets no more turns in it, but for its second one.
const ENOUGH: Duration = Duration::from_secs(3);

struct Options {
    server: PathBuf,
    rounds: usize,
    turns: usize,
    engines: Vec<Engine>,
    programs: Vec<String>,
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).peekable();
    if let Some(what) = args.next_if(|arg| arg == RUN || arg == COMPILE) {
        let engine = Engine::from_name(&args.next().context(USAGE)?)?;
        let module = PathBuf::from(args.next().context(USAGE)?);
        if what == RUN {
            return embedded::run(engine, &module);
        }
        println!("{}", embedded::compile(engine, &module)?);
        return Ok(());
    }
    let options = options(args)?;
    let mut rows = Vec::new();
    for text in &options.programs {
        let program = Program::new(text, &options.server)?;
        let row = compare(&program, &options)?;
        eprintln!("{}", table::progress(&row, &options.engines));
        rows.push(row);
    }
    print!("{}", table::render(&rows, &options.engines));
    Ok(())
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        server: PathBuf::new(),
        rounds: 3,
        turns: 5,
        engines: Engine::ALL.into_iter().filter(|engine| engine.is_usual()).collect(),
        programs: Vec::new(),
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => (options.rounds, options.turns) = (1, 3),
            "--server" => options.server = args.next().context(USAGE)?.into(),
            "--rounds" => options.rounds = args.next().context(USAGE)?.parse().context(USAGE)?,
            "--turns" => options.turns = args.next().context(USAGE)?.parse().context(USAGE)?,
            "--engines" => {
                let names = args.next().context(USAGE)?;
                let others = names.split(',').map(Engine::from_name).collect::<Result<Vec<_>>>()?;
                options.engines = Engine::ALL.to_vec();
                options.engines.retain(|engine| *engine == Engine::ALL[0] || others.contains(engine));
            }
            _ if arg.starts_with('-') => bail!(USAGE),
            _ => options.programs.push(arg),
        }
    }
    if options.programs.is_empty() || options.rounds == 0 || options.turns == 0 {
        bail!(USAGE);
    }
    Ok(options)
}

/// Measures all engines in turn. A program that does not print the same in all of them is an error.
fn compare(program: &Program, options: &Options) -> Result<table::Row> {
    let name = program.module.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut times = vec![None; options.engines.len()];
    let mut codes = vec![None; options.engines.len()];
    for _round in 0..options.rounds {
        for (engine, best) in options.engines.iter().zip(&mut codes) {
            if engine.has_own_code() {
                let code = compile(*engine, &program.module)?;
                *best = Some(best.map_or(code, |best: Code| Code { time: best.time.min(code.time), ..code }));
            }
        }
        one_round(program, options, &mut times).with_context(|| format!("{name} is not measured"))?;
    }
    let size = std::fs::metadata(&program.module)?.len();
    Ok(table::Row { name, size, times, codes })
}

/// One process for each engine, and turns of all of them.
fn one_round(program: &Program, options: &Options, best: &mut [Option<Duration>]) -> Result<()> {
    let mut processes = Vec::new();
    for engine in &options.engines {
        processes.push((*engine, Process::start(*engine, program, &options.server)?, Duration::ZERO));
    }
    for turn in 0..options.turns {
        let mut printed: Option<String> = None;
        for ((engine, process, spent), best) in processes.iter_mut().zip(best.iter_mut()) {
            let Some(process) = process else { continue };
            if *spent > ENOUGH && turn > 1 {
                continue;
            }
            let (time, line) = process.work().with_context(|| format!("in {}", engine.name()))?;
            *spent += time;
            *best = Some(best.map_or(time, |best| best.min(time)));
            let expected = printed.get_or_insert_with(|| line.clone());
            ensure!(*expected == line, "{expected:?} was printed, and in {} {line:?}", engine.name());
        }
    }
    Ok(())
}

fn compile(engine: Engine, module: &Path) -> Result<Code> {
    let output =
        Command::new(std::env::current_exe()?).args([COMPILE, engine.name()]).arg(module).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{} in {}: {}", module.display(), engine.name(), String::from_utf8_lossy(&output.stderr));
    }
    text.parse()
}
