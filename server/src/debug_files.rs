//! Files beside a module that have its debug info: the one that the user or the module names, and what the compiler left with
//! `-gsplit-dwarf`, object by object (`.dwo`) or packed (`.dwp`).

use std::path::{Path, PathBuf};

use bytes::Bytes;
use dwarf::SplitFile;
use runtime::Module;

/// The first bytes of all of these files.
const MAGIC: &[u8] = b"\0asm";

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct DebugFiles {
    /// The files.
    pub(crate) files: Vec<Bytes>,
    /// What the user is to be told, once there is a log.
    pub(crate) warnings: Vec<String>,
}

/// Finds and reads them. `named` is the file that the user named.
pub(crate) fn find(path: &Path, module: &Module, named: Option<(&Path, &Bytes)>) -> DebugFiles {
    let mut warnings = Vec::new();
    let beside = path.parent().unwrap_or(Path::new(""));
    let mut folders = vec![beside];
    let mut found: Vec<Bytes> = Vec::new();
    match named {
        Some((path, bytes)) => {
            folders.extend(path.parent());
            found.push(bytes.clone());
        }
        None => found.extend(named_by(module, beside, &mut warnings)),
    }
    let wanted = |found: &[Bytes]| dwarf::split_files(module.bytes(), found).unwrap_or_default();
    let mut missing = wanted(&found);
    if !missing.is_empty()
        && let Some(package) = packages(path).iter().find_map(|path| read(path))
    {
        found.push(package);
        missing = wanted(&found);
    }
    missing.retain(|file| match file.places(&folders).iter().find_map(|path| read(path)) {
        Some(bytes) => {
            found.push(bytes);
            false
        }
        None => true,
    });
    warnings.extend(warning(&missing));
    DebugFiles { files: found, warnings }
}

/// The file that a module names in its section `external_debug_info`.
fn named_by(module: &Module, beside: &Path, warnings: &mut Vec<String>) -> Option<Bytes> {
    let parsed = dwarf::Module::parse_custom_sections(module.bytes()).ok()?;
    let path = beside.join(parsed.external_debug_info?);
    match std::fs::read(&path) {
        Ok(bytes) => Some(Bytes::from(bytes)),
        Err(error) => {
            warnings.push(format!("cannot read the module's debug info in {}: {error}", path.display()));
            None
        }
    }
}

/// What a package of the module's split debug info may be called: `app.wasm.dwp` or `app.dwp`.
fn packages(path: &Path) -> [PathBuf; 2] {
    [path.with_added_extension("dwp"), path.with_extension("dwp")]
}

fn read(path: &Path) -> Option<Bytes> {
    let bytes = std::fs::read(path).ok()?;
    bytes.starts_with(MAGIC).then(|| Bytes::from(bytes))
}

fn warning(missing: &[SplitFile]) -> Option<String> {
    let first = missing.first()?;
    let others = match missing.len() - 1 {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    Some(format!(
        "the debug info in {}{others} is not here: variables and types in it are not known; \
         --debug-file names a package of them (`.dwp`)",
        first.name.display()
    ))
}
