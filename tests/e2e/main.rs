//! Sessions of stock gdb and lldb against the server, on C programs that are compiled here.
//!
//! A session is a script of a debugger's commands with checks (`sessions/`, `lldb_sessions/`). It makes up to four
//! kinds of test:
//! - `wasm::NAME::BUILD` runs it against our server; the checks hold, and the transcript is the golden one;
//! - `native::NAME` runs it on the same program for i386, served by gdbserver: so the checks are right;
//! - `same_as_native::NAME` compares the two transcripts: where ours differs, ours is wrong.
//!
//! - `precise::wasm::NAME::BUILD` runs it with all code in the debug tier, `ahead::wasm::NAME::BUILD` with all code in the run
//!   tier when it starts; the transcript is still the golden one.
//!
//! Those of lldb are `lldb::NAME::BUILD`, `native::lldb::NAME` (lldb itself starts the native program) and
//! `same_as_native::lldb::NAME`. A session may be played in several ways of connecting; names of all but the first end
//! in the way, as in `lldb::NAME.elf::BUILD`.
//!
//! `users::HEADING` plays a transcript of `docs/users.md` again.
//!
//! `smoke::NAME` runs a script that users may copy (`tests/smoke`).
//!
//! Sessions that need more than one command after the other are scenes: functions of their own (`scenes/`).
//! The last transcripts are in `target/tmp/transcripts`.

mod lldb_sessions;
mod scenes;
mod session;
mod sessions;
mod smoke;
mod users;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use tests::fixture::Build;
use tests::lldb::Way;
use tests::server::Setting;
use tests::toolchain;

use scenes::Scene;
use session::Session;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // A failed check says all in its message, which `session::caught` turns into the test's result.
    std::panic::set_hook(Box::new(|_| {}));
    let mut trials = Vec::new();
    for session in sessions::ALL.iter().chain(lldb_sessions::ALL).copied().flatten() {
        trials.extend(trials_of(session));
    }
    for scene in scenes::ALL.iter().copied().flatten() {
        trials.push(played(scene, format!("wasm::{}", scene.name), Build::wasm(0, 4)));
        for (setting, kind) in Setting::OTHERS {
            trials.push(trial(format!("{kind}::wasm::{}", scene.name), move || {
                let played = setting.apply(|| (scene.play)(Build::wasm(0, 4)));
                played.map_err(|error| Failed::from(format!("{error:#}")))
            }));
        }
        if scene.native {
            trials.push(played(scene, format!("native::{}", scene.name), Build::NATIVE));
        }
    }
    match users::blocks() {
        Ok(blocks) => trials.extend(blocks.into_iter().map(|block| {
            trial(format!("users::{}", block.name), move || {
                block.play().map_err(|error| Failed::from(format!("{error:#}")))
            })
        })),
        Err(error) => trials.push(trial("users".to_owned(), move || Err(format!("{error:#}").into()))),
    }
    for script in smoke::SCRIPTS {
        trials.push(trial(format!("smoke::{script}"), || {
            smoke::run(script).map_err(|error| Failed::from(format!("{error:#}")))
        }));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials_of(session: &'static Session) -> Vec<Trial> {
    let mut trials = Vec::new();
    let (kind, room) = if session.room() == "lldb" { ("lldb", "lldb::") } else { ("wasm", "") };
    for way in session.ways() {
        for &build in session.builds {
            let name = format!("{kind}::{}::{build}", session.played(way));
            let test = move || session::compare_with_golden(session, way, build);
            // A server that lldb starts has the options that the session gives it; old lldbs are slow to start, and see the same.
            if !matches!(way, Some(Way::Launch | Way::Old(_))) {
                for (setting, kind) in Setting::OTHERS {
                    trials.push(trial(format!("{kind}::{name}"), move || setting.apply(test)));
                }
            }
            trials.push(trial(name, test));
        }
    }
    if session.native {
        trials.push(trial(format!("native::{room}{}", session.name), || {
            session::run(session, session.first_way(), Build::NATIVE).map(|_| ())
        }));
    }
    if session.native && !session.builds.is_empty() {
        trials.push(trial(format!("same_as_native::{room}{}", session.name), || {
            session::compare_with_native(session)
        }));
    }
    trials
}

fn played(scene: &'static Scene, name: String, build: Build) -> Trial {
    trial(name, move || (scene.play)(build).map_err(|error| Failed::from(format!("{error:#}"))))
}

/// A test that is left out if the developer opted out of debuggers.
fn trial(name: String, runner: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    let caught = || session::caught(runner).map_err(Failed::from)?;
    Trial::test(name, caught).with_ignored_flag(toolchain::debuggers_are_skipped())
}

/// What most sessions are run on.
const O0: &[Build] = &[Build::wasm(0, 4)];
/// Both versions of DWARF.
const O0_BOTH: &[Build] = &[Build::wasm(0, 4), Build::wasm(0, 5)];
