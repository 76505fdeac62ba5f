//! Programs whose functions change their tier by chance while they run: they do what they do undisturbed, and at
//! breakpoints every value of every frame is the same.
//!
//! A seed says everything: which functions change when. The undisturbed run is in the debug tier, where all values are
//! known. Each seed runs twice: once with all values kept, so that none may be missing, and once with what the debug info
//! names and the program needs, so that those that are there must be right. The first seed runs both once more, with code
//! that was kept.
//!
//! - `STRESS_FROM`: the first seed (decimal; 1 if it is not set), `STRESS_SEEDS`: how many;
//! - `STRESS_MODULES`: paths of more modules for WASI, one a line. `just stress` has the programs of the benchmark run.

mod run;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use libtest_mimic::{Arguments, Failed, Trial};
use run::{Kept, Run, run};
use runtime::CodeCache;
use tests::fixture::{Build, Fixture};

/// How many seeds the test runs.
const SEEDS: u64 = 2;

const BOTH: &[Build] = &[Build::wasm(0, 5), Build::wasm(2, 5)];

/// Fixtures with their arguments.
const PROGRAMS: &[(&str, &[&str], &[Build])] = &[
    ("steps", &["9"], BOTH),
    ("values", &["one", "two"], BOTH),
    ("optimised", &[], BOTH),
    ("returns", &[], BOTH),
    ("watched", &[], BOTH),
    // clang-19 does not survive it at -O2.
    ("throws", &[], &[Build::wasm(0, 5)]),
    ("traps", &["div0"], BOTH),
    ("traps", &["stack"], BOTH),
];

fn main() -> std::process::ExitCode {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let from = number("STRESS_FROM").unwrap_or(1);
    let seeds = from..from + number("STRESS_SEEDS").unwrap_or(SEEDS);
    let mut trials = Vec::new();
    for (program, args, builds) in PROGRAMS {
        for build in *builds {
            let seeds = seeds.clone();
            let name = [&[*program], *args].concat().join("_");
            trials.push(Trial::test(format!("stress::{name}::{build}"), move || {
                let module = Fixture::build(program, *build).map(|fixture| fixture.program);
                disturb(&module.map_err(|error| format!("{error:#}"))?, args, seeds)
            }));
        }
    }
    let more = std::env::var("STRESS_MODULES").unwrap_or_default();
    for path in more.lines().filter(|line| !line.trim().is_empty()).map(PathBuf::from) {
        let seeds = seeds.clone();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        trials.push(Trial::test(format!("stress::{name}"), move || disturb(&path, &[], seeds)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn disturb(module: &std::path::Path, args: &[&str], seeds: std::ops::Range<u64>) -> Result<(), Failed> {
    compare_all(module, args, seeds).map_err(|error| Failed::from(format!("{error:#}")))
}

/// Runs a module undisturbed and with each of the seeds.
fn compare_all(module: &std::path::Path, args: &[&str], seeds: std::ops::Range<u64>) -> Result<()> {
    let bytes = std::fs::read(module).with_context(|| module.display().to_string())?;
    let standard = run(&bytes, args, None, &Arc::default())?;
    if standard.stops.is_empty() {
        bail!("it was not looked at anywhere");
    }
    let (mut changes, first) = (0, seeds.start);
    for seed in seeds {
        for kept in [Kept::All, Kept::Named] {
            let cache = Arc::default();
            let disturbed = run(&bytes, args, Some((seed, kept)), &cache)?;
            compare(&standard, &disturbed, kept).with_context(|| format!("seed {seed}, kept: {kept:?}"))?;
            changes += disturbed.changes;
            if seed == first {
                let context = || format!("seed {seed}, kept: {kept:?}, compiled before");
                let again = compiled_before(&bytes, args, (seed, kept), &cache).with_context(context)?;
                compare(&standard, &again, kept).with_context(context)?;
            }
        }
    }
    if changes == 0 {
        bail!("nothing has changed its tier");
    }
    Ok(())
}

/// Runs a module once more, with the code that was compiled before, as another process would have kept it.
fn compiled_before(bytes: &[u8], args: &[&str], how: (u64, Kept), cache: &CodeCache) -> Result<Run> {
    let kept = Arc::new(CodeCache::default());
    if !kept.add(&cache.pack()) {
        bail!("the code cannot be read");
    }
    let run = run(bytes, args, Some(how), &kept)?;
    match kept.counts() {
        (1.., 0) => Ok(run),
        counts => bail!("found, and compiled: {counts:?}"),
    }
}

fn compare(standard: &Run, disturbed: &Run, kept: Kept) -> Result<()> {
    if (&standard.end, &standard.output) != (&disturbed.end, &disturbed.output) {
        let said = |run: &Run| format!("{}, said {:?}", run.end, String::from_utf8_lossy(&run.output));
        bail!("undisturbed: {}\ndisturbed: {}", said(standard), said(disturbed));
    }
    if standard.stops.len() != disturbed.stops.len() {
        bail!("stopped {} times instead of {}", disturbed.stops.len(), standard.stops.len());
    }
    for (number, (expected, found)) in standard.stops.iter().zip(&disturbed.stops).enumerate() {
        let same_places = expected.len() == found.len()
            && expected.iter().zip(found).all(|(expected, found)| expected.place == found.place);
        if !same_places {
            bail!("stop {number}: other frames:\n{expected:?}\n{found:?}");
        }
        let mut wrong = String::new();
        for (depth, (expected, found)) in expected.iter().zip(found).enumerate() {
            for (index, (expected, found)) in expected.values.iter().zip(&found.values).enumerate() {
                let may_lack = found.is_none() && kept == Kept::Named;
                if expected.is_none() || (found != expected && !may_lack) {
                    writeln!(wrong, "frame {depth}, value {index}: {expected:?}, then {found:?}")?;
                }
            }
        }
        if !wrong.is_empty() {
            bail!("stop {number}, at {:?}:\n{wrong}", expected.first().map(|frame| frame.place));
        }
    }
    Ok(())
}
