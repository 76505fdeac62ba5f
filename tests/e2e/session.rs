//! Runs a session on one build, once, and compares its transcript with what it should be.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, Result};
use expect_test::expect_file;
use libtest_mimic::Failed;
use tests::fixture::{Build, Fixture, Machine};
use tests::gdb::{Gdb, Step, golden, transcript};
use tests::normalise::{normalise, same_columns};
use tests::server::{Ended, Server};
use tests::toolchain;

/// A script of gdb commands with checks, and what it is run on.
#[derive(Debug)]
pub(crate) struct Session {
    /// Name of the test and of the golden file.
    pub(crate) name: &'static str,
    /// A source in `fixtures/`, without `.c`.
    pub(crate) program: &'static str,
    /// The program's arguments.
    pub(crate) args: &'static [&'static str],
    /// The builds for our server.
    pub(crate) builds: &'static [Build],
    /// Whether the script holds for a native program too. Then the two transcripts are compared.
    pub(crate) native: bool,
    /// The script. It connects.
    pub(crate) script: fn(&mut Gdb),
    /// How the program ends.
    pub(crate) end: End,
}

/// How a session's program ends.
#[derive(Debug)]
pub(crate) enum End {
    /// With this exit status, having printed a text that holds this one.
    Exit(i32, &'static str),
    /// The script leaves it alive, and gdb ends it.
    Killed,
}

type Run = Result<Arc<(Vec<Step>, Fixture)>, String>;

/// Runs by session and build. A cell is empty until somebody asks, and then while the session runs.
type Runs = HashMap<(&'static str, Build), Arc<OnceLock<Run>>>;

/// The run of a session on a build. It is made once, whoever asks.
pub(crate) fn run(session: &Session, build: Build) -> Result<Arc<(Vec<Step>, Fixture)>, Failed> {
    static RUNS: Mutex<Option<Runs>> = Mutex::new(None);
    let cell = {
        let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(runs.get_or_insert_default().entry((session.name, build)).or_default())
    };
    let run = cell.get_or_init(|| {
        let done = caught(|| run_once(session, build))?;
        done.map(Arc::new).map_err(|error| format!("{error:#}"))
    });
    run.clone().map_err(Failed::from)
}

/// `expect-test` prints the difference by itself and panics without a word.
const GOLDEN_DIFFERS: &str = "the golden transcript differs, see above; `just bless` writes it anew";

/// Turns a panic, which is how a check fails, into its message.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        text.unwrap_or_else(|| GOLDEN_DIFFERS.to_owned())
    })
}

fn run_once(session: &Session, build: Build) -> Result<(Vec<Step>, Fixture)> {
    let fixture = Fixture::build(session.program, build)?;
    let server = Server::start(&fixture, build, &["--once"], session.args)?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    (session.script)(&mut gdb);
    let steps = gdb.quit();
    let name = format!("{}.{build}.txt", session.name);
    keep_transcript(&name, &transcript(&steps))?;
    check_end(session, build, &server.finish()?);
    Ok((steps, fixture))
}

fn check_end(session: &Session, build: Build, ended: &Ended) {
    let End::Exit(status, printed) = session.end else { return };
    assert!(ended.stdout.contains(printed), "the program printed {:?}, not {printed:?}", ended.stdout);
    // gdbserver's own status says nothing of the program's.
    if build.machine != Machine::Native {
        assert_eq!(ended.status.code(), Some(status), "the server's exit status; it said:\n{}", ended.stderr);
    }
}

/// Leaves a transcript for people to read.
fn keep_transcript(name: &str, text: &str) -> Result<()> {
    let folder = toolchain::cache_folder()?.join("transcripts");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), text).context("cannot write a transcript")
}

/// Builds that differ only in the version of DWARF have one golden transcript.
fn golden_path(session: &Session, build: Build) -> PathBuf {
    let level = if build.optimisation == 0 { String::new() } else { format!(".O{}", build.optimisation) };
    toolchain::tests_folder().join(format!("e2e/golden/{}{level}.txt", session.name))
}

pub(crate) fn compare_with_golden(session: &Session, build: Build) -> Result<(), Failed> {
    let run = run(session, build)?;
    expect_file![golden_path(session, build)].assert_eq(&golden(&run.0, &run.1));
    Ok(())
}

/// Steps that may differ are left out, on both sides.
pub(crate) fn compare_with_native(session: &Session) -> Result<(), Failed> {
    let build = session.builds.first().copied().ok_or("a session has a build")?;
    let [ours, native] = [run(session, build)?, run(session, Build::NATIVE)?];
    let text = |run: &(Vec<Step>, Fixture)| {
        let kept: Vec<Step> = run.0.iter().filter(|step| step.differs.is_none()).cloned().collect();
        same_columns(&normalise(&transcript(&kept), &run.1))
    };
    similar(&text(&ours), &text(&native))
}

/// Compares by command, so that the message shows the first command that was answered differently.
fn similar(ours: &str, native: &str) -> Result<(), Failed> {
    let steps = |text: &str| text.split("\n(gdb) ").map(str::to_owned).collect::<Vec<_>>();
    let (ours, native) = (steps(ours), steps(native));
    let differing: Vec<String> = ours
        .iter()
        .zip(&native)
        .filter(|(ours, native)| ours != native)
        .map(|(ours, native)| format!("--- native\n{native}\n--- ours\n{ours}\n"))
        .collect();
    if ours.len() != native.len() {
        return Err(format!("{} commands natively, {} with ours", native.len(), ours.len()).into());
    }
    if differing.is_empty() { Ok(()) } else { Err(differing.concat().into()) }
}
