//! What instrumentation emits: each `.wat` here has goldens beside it with the CLIF, the machine code and the frame table of
//! its function 0: debug code, landing code, and that of the run tier. `UPDATE_EXPECT=1` writes the goldens.

use libtest_mimic::{Arguments, Failed, Trial};
use runtime::{Engine, EngineConfig, Explained, Module};
use std::path::{Path, PathBuf};

fn main() -> std::process::ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("disas");
    let trials = match sources(&folder) {
        Ok(sources) if !sources.is_empty() => sources.iter().flat_map(|source| trials(source)).collect(),
        other => vec![Trial::test("sources", move || {
            Err(format!("no sources in {}: {other:?}", folder.display()).into())
        })],
    };
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn sources(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wat") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn trials(path: &Path) -> Vec<Trial> {
    let kinds = [
        ("debug", Explained::Debug, "golden"),
        ("landing", Explained::Landing, "landing.golden"),
        ("run", Explained::Run, "run.golden"),
        ("guarded", Explained::Guarded, "guarded.golden"),
    ];
    // Guards are of interest where memory is accessed.
    let is_wanted =
        |which| which != Explained::Guarded || path.file_stem().is_some_and(|name| name == "store");
    let kinds = kinds.into_iter().filter(|(_, which, _)| is_wanted(*which));
    let trial = |(code, which, extension)| {
        let path = path.to_owned();
        let name = format!("{code}::{}", path.file_stem().unwrap_or_default().to_string_lossy());
        Trial::test(name, move || {
            let explained = explain(&path, which).map_err(|error| Failed::from(error.to_string()))?;
            expect_test::expect_file![path.with_extension(extension)].assert_eq(&explained);
            Ok(())
        })
    };
    kinds.map(trial).collect()
}

fn explain(path: &Path, which: Explained) -> anyhow::Result<String> {
    // The features of the processor at hand must not show in the goldens.
    let engine = Engine::new(EngineConfig { baseline_processor: true, ..EngineConfig::default() })?;
    let module = Module::new(&engine, &std::fs::read(path)?, "golden")?;
    Ok(module.explain(&engine, 0, which)?)
}
