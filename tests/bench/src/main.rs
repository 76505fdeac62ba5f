//! The benchmark against Wasmtime: `bench OPTIONS MODULE...` prints the table, `just bench` builds the programs first.
//!
//! Every measurement is a process of its own, and the engines take turns, so that whatever else the machine does
//! disturbs them alike. What is measured is processor time, on one processor; the least of all rounds counts, since
//! nothing makes a program faster than it is.

mod measure;
mod table;

use anyhow::{Context as _, Result, bail};
use measure::{Engine, Measurement};
use std::path::{Path, PathBuf};
use std::process::Command;

const USAGE: &str = "usage: bench [--rounds N] [--no-debug] MODULE...";

/// The argument that makes this program one measurement: `bench --measure ENGINE MODULE`.
const MEASURE: &str = "--measure";

struct Options {
    rounds: usize,
    engines: Vec<Engine>,
    modules: Vec<PathBuf>,
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if(|arg| arg == MEASURE).is_some() {
        let (engine, module) = (args.next().context(USAGE)?, args.next().context(USAGE)?);
        return measure::measure(Engine::from_name(&engine)?, Path::new(&module));
    }
    let options = options(args)?;
    let mut rows = Vec::new();
    for module in &options.modules {
        eprintln!("{}...", module.display());
        rows.push(compare(module, &options)?);
    }
    println!("{}", table::render(&rows, &options.engines));
    Ok(())
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options { rounds: 7, engines: Engine::ALL.to_vec(), modules: Vec::new() };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--rounds" => options.rounds = args.next().context(USAGE)?.parse().context(USAGE)?,
            "--no-debug" => options.engines.retain(|engine| *engine != Engine::Debug),
            _ if arg.starts_with('-') => bail!(USAGE),
            _ => options.modules.push(arg.into()),
        }
    }
    if options.modules.is_empty() || options.rounds == 0 {
        bail!(USAGE);
    }
    Ok(options)
}

/// Measures all engines in turn. A program that does not print the same in all of them is an error.
fn compare(module: &Path, options: &Options) -> Result<table::Row> {
    let name = module.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut best: Vec<Option<Measurement>> = vec![None; options.engines.len()];
    let mut printed: Option<String> = None;
    for round in 0..options.rounds {
        for turn in 0..options.engines.len() {
            let index = (round + turn) % options.engines.len();
            let engine = options.engines[index];
            let (measured, output) = in_own_process(engine, module)?;
            let expected = printed.get_or_insert_with(|| output.clone());
            if *expected != output {
                bail!("{name} printed {expected:?} and with {} {output:?}", engine.name());
            }
            best[index] = Some(best[index].map_or(measured, |best| best.least(measured)));
        }
    }
    let size = std::fs::metadata(module)?.len();
    Ok(table::Row { name, size, measured: best.into_iter().flatten().collect() })
}

fn in_own_process(engine: Engine, module: &Path) -> Result<(Measurement, String)> {
    let mut child = Command::new(std::env::current_exe()?);
    let output = child.args([MEASURE, engine.name()]).arg(module).output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{} with {}: {words}", module.display(), engine.name());
    }
    let measured = words.trim().parse().with_context(|| format!("not a measurement: {words}"))?;
    Ok((measured, String::from_utf8_lossy(&output.stdout).into_owned()))
}
