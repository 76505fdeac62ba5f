//! gdb as VS Code's C/C++ extension (cpptools) drives it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tests::fixture::{Build, Fixture, Machine};
use tests::mi::Mi;
use tests::server::{Server, write_symbols};

use super::{Scene, own_folder};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "cpptools", native: true, play: cpptools },
    Scene { name: "mi_detach", native: false, play: detach },
];

/// What an editor's configuration names as the program: an ELF file, also if the server has it. Of one scene.
fn program(scene: &str, fixture: &Fixture, build: Build) -> Result<PathBuf> {
    if build.machine == Machine::Native {
        return Ok(fixture.program.clone());
    }
    let folder = own_folder("editors")?;
    std::fs::create_dir_all(&folder)?;
    let elf = folder.join(format!("{scene}.elf"));
    write_symbols(&[], &fixture.program, &elf)?;
    Ok(elf)
}

/// A server of `steps.c`, and a gdb that an editor has connected to it and brought to `main`.
fn at_main(scene: &str, build: Build) -> Result<(Fixture, Server, Mi)> {
    let fixture = Fixture::build("steps", build)?;
    let server = Server::start(&fixture, build, &["--once"], &["4"])?;
    let folder = fixture.source.parent().context("a source lies in a folder")?;
    let mut gdb = Mi::start(folder)?;
    gdb.tells("-gdb-set mi-async on", &["^done"]);
    gdb.tells("-interpreter-exec console \"set pagination off\"", &["^done"]);
    gdb.tells("-enable-pretty-printing", &["^done"]);
    gdb.tells(&format!("-environment-cd {}", folder.display()), &["^done"]);
    let program = program(scene, &fixture, build)?;
    gdb.tells(&format!("-file-exec-and-symbols {}", program.display()), &["^done"]);
    gdb.tells("-interpreter-exec console \"show architecture\"", &["^done"]);
    if build.machine == Machine::Native {
        // As in `Gdb::connect`.
        gdb.tells("-gdb-set breakpoint condition-evaluation host", &["^done"]);
    }
    gdb.tells("-break-insert main", &["^done,bkpt={number=\"1\"", "func=\"main\"", "steps.c"]);
    gdb.tells(&format!("-target-select remote localhost:{}", server.port), &["^connected"]);
    gdb.stops(&["frame={", "func=\"_start"]);
    gdb.tells("-exec-continue", &["^running"]);
    let line = format!("line=\"{}\"", fixture.line("main-first"));
    gdb.stops(&["reason=\"breakpoint-hit\"", "func=\"main\"", "args=[{name=\"argc\",value=\"2\"}", &line]);
    Ok((fixture, server, gdb))
}

fn cpptools(build: Build) -> Result<()> {
    let (fixture, server, mut gdb) = at_main("cpptools", build)?;
    let line = |mark: &str| format!("line=\"{}\"", fixture.line(mark));
    gdb.tells("-thread-info", &["^done,threads=[{id=\"1\"", "state=\"stopped\"", "current-thread-id=\"1\""]);
    gdb.tells("-exec-next --thread 1", &["^running"]);
    gdb.stops(&["reason=\"end-stepping-range\"", &line("main-fib")]);
    gdb.tells("-exec-step --thread 1", &["^running"]);
    gdb.stops(&["reason=\"end-stepping-range\"", "func=\"fib\"", "{name=\"n\",value=\"4\"}"]);
    let base = fixture.source.file_name().context("a source has a name")?.to_string_lossy().into_owned();
    gdb.tells(
        &format!("-break-insert -f -c \"n == 0\" {base}:{}", fixture.line("fib-base")),
        &["^done,bkpt={number=\"2\"", "cond=\"n == 0\""],
    );
    gdb.tells("-exec-continue", &["^running"]);
    gdb.stops(&["reason=\"breakpoint-hit\"", "bkptno=\"2\"", "{name=\"n\",value=\"0\"}", &line("fib-base")]);
    gdb.tells("-stack-info-depth", &["^done,depth=\"5\""]);
    let frames = gdb.tells(
        "-stack-list-frames 0 1000",
        &[
            "frame={level=\"0\"",
            "func=\"fib\"",
            "level=\"4\"",
            "func=\"main\"",
            &line("fib-second"),
            "fullname=\"/",
        ],
    );
    assert_eq!(frames.matches("func=\"fib\"").count(), 4, "{frames}");
    assert_eq!(frames.matches("level=").count(), 5, "{frames}");
    gdb.tells(
        "-stack-list-arguments 2 0 4",
        &["{name=\"n\",type=\"int\",value=\"0\"}", "{name=\"argc\",type=\"int\",value=\"2\"}"],
    );
    gdb.tells(
        "-stack-list-variables --thread 1 --frame 1 2",
        &["{name=\"n\",arg=\"1\",type=\"int\",value=\"2\"}", "{name=\"a\",type=\"int\",value=\"1\"}"],
    );
    gdb.tells("-data-evaluate-expression --thread 1 --frame 1 \"a + n * 10\"", &["^done,value=\"21\""]);
    gdb.tells(
        "-var-create --thread 1 --frame 1 - * \"n\"",
        &["^done,name=\"var1\"", "value=\"2\"", "type=\"int\""],
    );
    gdb.tells("-var-delete var1", &["^done"]);
    gdb.tells("-data-evaluate-expression \"calls\"", &["^done,value=\""]);
    gdb.tells("-data-read-memory-bytes &calls 4", &["^done,memory=[{begin=\"0x", "contents=\""]);
    gdb.tells("-break-delete 2", &["^done"]);
    gdb.tells("-exec-finish --thread 1", &["^running"]);
    gdb.stops(&[
        "reason=\"function-finished\"",
        &line("fib-second"),
        "gdb-result-var=\"$",
        "return-value=\"0\"",
    ]);
    gdb.tells("-gdb-set var n = 2", &["^done"]);
    gdb.tells("-exec-continue", &["^running"]);
    gdb.stops(&["reason=\"exited-normally\""]);
    gdb.quit();
    let ended = server.finish()?;
    assert!(ended.stdout.starts_with("fib = 3\n"), "{}", ended.stdout);
    Ok(())
}

fn detach(build: Build) -> Result<()> {
    let (_, server, mut gdb) = at_main("mi_detach", build)?;
    gdb.tells("-target-detach", &["^done"]);
    gdb.quit();
    assert_eq!(server.finish()?.stdout, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n");
    Ok(())
}
