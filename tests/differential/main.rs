//! Modules by chance, run in every way that there is, and by an interpreter of somebody else: results, traps, globals,
//! memories and tables are the same.
//!
//! ```text
//!                       +-- plain, compiled lazily
//!                       +-- plain, compiled at once, for any processor
//! seed ---> module -----+-- instrumented
//!           and calls   +-- stepped: all values are read and written back at every operator
//!                       +-- breakpoints at random operators
//!                       +-- wasmi, if it has the language's features
//! ```
//!
//! A seed says everything, so a difference is found again by its number. The test runs the first ones; `just differential`
//! runs as many as it is given time for, from a seed that the environment names:
//!
//! - `DIFFERENTIAL_FROM`: the first seed (decimal; 0 if it is not set),
//! - `DIFFERENTIAL_SEEDS`: how many, or
//! - `DIFFERENTIAL_SECONDS`: for how long.

mod case;
mod compare;
mod modes;
mod outcome;
mod reference;
mod stepper;

use case::Case;
use compare::{Tally, compare};
use modes::Runtimes;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// How many seeds the test runs.
const SEEDS: u64 = 150;

/// Bytes of stack for the thread that runs a case: far more than the guest may use.
const THREAD_STACK: usize = 64 << 20;

/// How many engines are used before they are made anew: they remember all types.
const CASES_PER_ENGINE: u64 = 200;

#[test]
fn all_ways_of_running_a_module_agree() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let from = number("DIFFERENTIAL_FROM").unwrap_or(0);
    let seconds = number("DIFFERENTIAL_SECONDS");
    let seeds = number("DIFFERENTIAL_SEEDS").unwrap_or(if seconds.is_some() { u64::MAX } else { SEEDS });
    let began = Instant::now();
    let over = || seconds.is_some_and(|seconds| began.elapsed() >= Duration::from_secs(seconds));
    let mut tally = Tally::default();
    let mut differences = Vec::new();
    let mut next = from;
    while next - from < seeds && !over() {
        let batch = CASES_PER_ENGINE.min(seeds - (next - from));
        let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
        let thread = thread.spawn(move || run_batch(next, batch, began, seconds)).expect("a thread");
        match thread.join() {
            Ok((some, found)) => {
                tally.add(&some);
                differences.extend(found);
            }
            Err(_) => differences.push(format!("a panic in seeds {next}..{}", next + batch)),
        }
        next += batch;
        say(&tally, next, &differences);
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n\n"));
    assert!(tally.calls > 0 && tally.steps > 0 && tally.compared_with_reference > 0, "nothing was run");
}

/// Progress, for somebody who waits.
fn say(tally: &Tally, next: u64, differences: &[String]) {
    let Tally { modules, compared_with_reference, calls, steps, values, exhausted, unsupported } = tally;
    let _nobody_reads = writeln!(
        std::io::stderr(),
        "before seed {next}: {modules} modules ({compared_with_reference} with wasmi), {calls} calls, {steps} operators \
         stepped, {values} values read and written back; {exhausted} exhausted, {unsupported} unsupported; {} differences",
        differences.len()
    );
}

fn run_batch(from: u64, count: u64, began: Instant, seconds: Option<u64>) -> (Tally, Vec<String>) {
    let mut tally = Tally::default();
    let mut differences = Vec::new();
    let runtimes = Runtimes::new();
    for seed in from..from + count {
        if seconds.is_some_and(|seconds| began.elapsed() >= Duration::from_secs(seconds)) {
            break;
        }
        let Some(case) = Case::new(seed) else { continue };
        // What a panic says does not name the seed.
        let caught =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compare(&case, &runtimes, &mut tally)));
        let difference = caught.unwrap_or_else(|_| Err("a panic".to_owned()));
        differences.extend(difference.err().map(|why| format!("seed {seed}: {why}")));
    }
    (tally, differences)
}
