//! Runs a session one way on one build, once, and compares its transcript with what it should be.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, Result};
use expect_test::expect_file;
use libtest_mimic::Failed;
use tests::console::{Step, golden, transcript};
use tests::fixture::{Build, Fixture, Machine};
use tests::gdb::Gdb;
use tests::lldb::{Lldb, Way};
use tests::normalise::same_columns;
use tests::server::{Ended, Server, Setting};
use tests::toolchain;

/// A script of a debugger's commands with checks, and what it is run on.
#[derive(Debug)]
pub(crate) struct Session {
    /// Name of the test and of the golden file; sessions of different debuggers may have the same.
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
    pub(crate) script: Script,
    /// How the program ends.
    pub(crate) end: End,
}

/// A script, and for whom it is.
#[derive(Debug)]
pub(crate) enum Script {
    /// For gdb.
    Gdb(fn(&mut Gdb)),
    /// For lldb, connected in each of these ways.
    Lldb(&'static [Way], fn(&mut Lldb)),
}

/// How a session's program ends.
#[derive(Debug)]
pub(crate) enum End {
    /// With this exit status, having printed a text that holds this one.
    Exit(i32, &'static str),
    /// The script leaves it alive, and the debugger ends it.
    Killed,
}

impl Session {
    /// The ways in which the session is played. gdb has one, without a name.
    pub(crate) fn ways(&self) -> Vec<Option<Way>> {
        match self.script {
            Script::Gdb(_) => vec![None],
            Script::Lldb(ways, _) => ways.iter().copied().map(Some).collect(),
        }
    }

    /// The way that is compared with native programs.
    pub(crate) fn first_way(&self) -> Option<Way> {
        self.ways().first().copied().flatten()
    }

    /// The name of what is played in a way: the first is not named, unless it is another version of the debugger.
    pub(crate) fn played(&self, way: Option<Way>) -> String {
        match way.filter(|named| way != self.first_way() || matches!(named, Way::Old(_))) {
            None => self.name.to_owned(),
            Some(way) => format!("{}.{}", self.name, way.name()),
        }
    }

    /// The folder of an lldb session's goldens, and part of its tests' names.
    pub(crate) fn room(&self) -> &'static str {
        match self.script {
            Script::Gdb(_) => "",
            Script::Lldb(..) => "lldb",
        }
    }
}

type Run = Result<Arc<(Vec<Step>, Fixture)>, String>;

/// Runs by debugger, what is played, build, and setting. A cell is empty until somebody asks, and then while the session
/// runs.
type Runs = HashMap<(&'static str, String, Build, Setting), Arc<OnceLock<Run>>>;

/// The run of a session in a way on a build, in this thread's setting. It is made once, whoever asks.
pub(crate) fn run(
    session: &Session,
    way: Option<Way>,
    build: Build,
) -> Result<Arc<(Vec<Step>, Fixture)>, Failed> {
    static RUNS: Mutex<Option<Runs>> = Mutex::new(None);
    let cell = {
        let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (session.room(), session.played(way), build, Setting::current());
        Arc::clone(runs.get_or_insert_default().entry(key).or_default())
    };
    let run = cell.get_or_init(|| {
        let done = caught(|| run_once(session, way, build))?;
        done.map(Arc::new).map_err(|error| format!("{error:#}"))
    });
    run.clone().map_err(Failed::from)
}

/// Turns a panic, which is how a check fails, into its message.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        text.unwrap_or_else(|| "a panic without a message".to_owned())
    })
}

fn run_once(session: &Session, way: Option<Way>, build: Build) -> Result<(Vec<Step>, Fixture)> {
    let fixture = Fixture::build(session.program, build)?;
    let steps = match session.script {
        Script::Gdb(script) => {
            let server = Server::start(&fixture, build, &["--once"], session.args)?;
            let mut gdb = Gdb::start(&fixture, build, server.port)?;
            script(&mut gdb);
            let steps = gdb.quit();
            check_end(session, build, &server.finish()?);
            steps
        }
        Script::Lldb(_, script) => {
            let way = way.context("lldb is connected in some way")?;
            run_lldb(session, script, way, &fixture, build)?
        }
    };
    let name =
        format!("{}{}{}.{build}.txt", Setting::current().prefix(), session.room(), session.played(way));
    keep_transcript(&name, &transcript(&steps))?;
    Ok((steps, fixture))
}

fn run_lldb(
    session: &Session,
    script: fn(&mut Lldb),
    way: Way,
    fixture: &Fixture,
    build: Build,
) -> Result<Vec<Step>> {
    let own = format!("lldb/{}{}.{build}", Setting::current().prefix(), session.played(Some(way)));
    let folder = toolchain::cache_folder()?.join(own);
    let is_native = build.machine == Machine::Native;
    if is_native || way == Way::Launch {
        let mut lldb = Lldb::start(fixture, build, way, None, session.args, &folder)?;
        script(&mut lldb);
        let steps = lldb.quit();
        if let (End::Exit(_, printed), true) = (&session.end, is_native) {
            let out = Lldb::printed(&folder)?;
            assert!(out.contains(printed), "the program printed {out:?}, not {printed:?}");
        }
        return Ok(steps);
    }
    let options = [&["--once"], way.options()].concat();
    let server = Server::start(fixture, build, &options, session.args)?;
    let mut lldb = Lldb::start(fixture, build, way, Some(server.port), session.args, &folder)?;
    script(&mut lldb);
    let steps = lldb.quit();
    check_end(session, build, &server.finish()?);
    Ok(steps)
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
fn golden_path(session: &Session, way: Option<Way>, build: Build) -> PathBuf {
    let level = if build.optimisation == 0 { String::new() } else { format!(".O{}", build.optimisation) };
    let folder = toolchain::tests_folder().join("e2e/golden").join(session.room());
    folder.join(format!("{}{level}.txt", session.played(way)))
}

pub(crate) fn compare_with_golden(session: &Session, way: Option<Way>, build: Build) -> Result<(), Failed> {
    let run = run(session, way, build)?;
    let mut text = golden(&run.0, &run.1);
    if way == Some(Way::Launch) {
        text = without_output(&text, session)?;
    }
    let path = golden_path(session, way, build);
    let golden = expect_file![path];
    let before = golden.data();
    // `expect-test` prints the difference by itself, somewhere above, and panics without a word.
    caught(|| golden.assert_eq(&text)).map_err(|_| first_difference(&before, &text).into())
}

/// Where two transcripts differ first, and how they go on there.
fn first_difference(golden: &str, text: &str) -> String {
    const SHOWN: usize = 8;
    let same = golden.lines().zip(text.lines()).take_while(|(golden, text)| golden == text).count();
    let from = |text: &str| text.lines().skip(same).take(SHOWN).collect::<Vec<_>>().join("\n");
    let line = same + 1;
    format!(
        "the transcript differs from line {line} on; `just bless` writes it anew\n--- golden\n{}\n--- now\n{}\n",
        from(golden),
        from(text)
    )
}

/// A transcript without what the program and our server printed. If lldb starts our server, that is at lldb's prompt,
/// whenever it comes, and from a terminal.
fn without_output(transcript: &str, session: &Session) -> Result<String, Failed> {
    let End::Exit(_, printed) = session.end else { return Ok(transcript.to_owned()) };
    let lines = transcript.split_inclusive('\n').filter(|line| !line.starts_with("Listening on "));
    let text = lines.collect::<String>().replace("\r\n", "\n");
    printed.split_inclusive('\n').try_fold(text, |text, line| {
        if text.contains(line) {
            Ok(text.replacen(line, "", 1))
        } else {
            Err(format!("{line:?} was not printed").into())
        }
    })
}

/// Steps that may differ are left out, on both sides.
pub(crate) fn compare_with_native(session: &Session) -> Result<(), Failed> {
    let build = session.builds.first().copied().ok_or("a session has a build")?;
    let way = session.first_way();
    let [ours, native] = [run(session, way, build)?, run(session, way, Build::NATIVE)?];
    let text = |run: &(Vec<Step>, Fixture)| {
        let kept = run.0.iter().filter(|step| step.differs.is_none());
        kept.map(|step| same_columns(&golden(std::slice::from_ref(step), &run.1))).collect::<Vec<_>>()
    };
    similar(&text(&ours), &text(&native))
}

/// Compares by command, so that the message shows the commands that were answered differently.
fn similar(ours: &[String], native: &[String]) -> Result<(), Failed> {
    let differing: Vec<String> = ours
        .iter()
        .zip(native)
        .filter(|(ours, native)| ours != native)
        .map(|(ours, native)| format!("--- native\n{native}\n--- ours\n{ours}\n"))
        .collect();
    if ours.len() != native.len() {
        return Err(format!("{} commands natively, {} with ours", native.len(), ours.len()).into());
    }
    if differing.is_empty() { Ok(()) } else { Err(differing.concat().into()) }
}
