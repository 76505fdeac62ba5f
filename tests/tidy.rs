//! Holds what `docs/style.md` promises about the shape of the workspace: which crate may name which, and what a
//! source file looks like. It reads manifests and sources as text; it does not build anything.
//!
//! Its neighbour is clippy, which holds the rules that are about code. A rule here is a function from text to a list
//! of complaints, so that each one can be shown to complain (the tests at the end).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[path = "tidy/lexer.rs"]
mod lexer;

/// The arrows: what each member may depend on in its code. `tests` may name anything.
const ARROWS: &[(&str, &[&str])] = &[
    ("frame-table", &[]),
    ("runtime", &["frame-table"]),
    ("core-dump", &[]),
    ("debugger", &["core-dump", "frame-table", "runtime"]),
    ("dwarf", &["frame-table"]),
    ("wasi", &["runtime"]),
    ("gdb", &["debugger", "dwarf", "frame-table"]),
    ("wasm-gdbserver", &["core-dump", "debugger", "dwarf", "frame-table", "gdb", "runtime", "wasi"]),
];

/// Crates from outside that one room keeps to itself. A name that ends in `*` is a prefix.
const KEPT: &[(&str, &str)] = &[
    ("cranelift*", "runtime"),
    ("gimli", "dwarf"),
    ("object", "dwarf"),
    ("gdbstub*", "gdb"),
    ("wasi-common", "wasi"),
    ("clap", "wasm-gdbserver"),
    ("anyhow", "wasm-gdbserver"),
];

/// Words in the code that one room keeps to itself. A room's tests may be anybody's peer.
const KEPT_WORDS: &[(&str, &str)] = &[
    ("wasmparser::Validator", "runtime"),
    ("wasmparser::FuncValidator", "runtime"),
    ("std::net", "wasm-gdbserver"),
    ("tokio::net", "wasm-gdbserver"),
];

/// Marks of work that was left open.
const OPEN_MARKS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("todo", "!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore"),
    concat!("#[should", "_panic"),
];

/// A source file is split by noun before it gets longer than this, in lines.
const LONGEST_FILE: usize = 600;

/// Nothing in the repository is larger than this, in bytes: build output and corpora do not belong there.
const LARGEST_FILE: u64 = 200_000;

/// Folders that git ignores, wherever they stand.
const IGNORED_FOLDERS: &[&str] = &[".git", "target", "corpus", "artifacts", "coverage"];

/// The folders in which `unsafe` code may live, as paths from the root of the workspace.
const UNSAFE_ROOMS: &[&str] =
    &["crates/runtime/src/jit", "crates/runtime/src/vm", "crates/runtime/src/unwind"];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// A member's manifest: where it is, and what it says.
struct Member {
    folder: String,
    name: String,
    manifest: toml::Table,
}

fn members() -> Vec<Member> {
    let mut folders = vec![root().join("server"), root().join("tests")];
    for entry in std::fs::read_dir(root().join("crates")).expect("crates/ exists") {
        folders.push(entry.expect("a readable folder").path());
    }
    folders.sort();
    folders.retain(|folder| folder.join("Cargo.toml").is_file());
    folders.into_iter().map(|folder| member(&folder)).collect()
}

fn member(folder: &Path) -> Member {
    let text = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a readable manifest");
    let manifest: toml::Table = text.parse().expect("a manifest in TOML");
    let name = manifest["package"]["name"].as_str().expect("a package has a name").to_owned();
    let folder = folder.strip_prefix(root()).expect("in the workspace").display().to_string();
    Member { folder, name, manifest }
}

/// The names of the packages under one kind of dependency table, those of `[target.…]` included.
fn dependencies(manifest: &toml::Table, kind: &str) -> BTreeSet<String> {
    let mut tables: Vec<&toml::Table> =
        manifest.get(kind).and_then(toml::Value::as_table).into_iter().collect();
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(|target| target.get(kind)?.as_table()));
    }
    let named = |(key, value): (&String, &toml::Value)| {
        let package = value.get("package").and_then(toml::Value::as_str);
        let own_name = if key == "server" { "wasm-gdbserver" } else { key };
        package.unwrap_or(own_name).to_owned()
    };
    tables.into_iter().flatten().map(named).collect()
}

/// Everything that `from` reaches over the arrows, itself left out.
fn reachable(from: &str) -> BTreeSet<&'static str> {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        for &next in arrows.get(name).copied().unwrap_or_default() {
            if found.insert(next) {
                open.push(next);
            }
        }
    }
    found
}

fn is_named_by(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

/// Complaints about what a member depends on. Tests of a member may use what the member reaches indirectly.
fn complain_of_arrows(name: &str, manifest: &toml::Table) -> Vec<String> {
    if name == "tests" {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(member, _)| *member == name) else {
        return vec![format!("{name} has no place in the drawing of design.md: add it to ARROWS")];
    };
    let inside: BTreeSet<&str> = ARROWS.iter().map(|(member, _)| *member).collect();
    let reached = reachable(name);
    let mut complaints = Vec::new();
    for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
        for other in dependencies(manifest, kind) {
            let is_test_only = kind == "dev-dependencies";
            let is_allowed =
                allowed.contains(&other.as_str()) || is_test_only && reached.contains(other.as_str());
            if inside.contains(other.as_str()) && !is_allowed {
                complaints.push(format!("{name} may not depend on {other} ({kind})"));
            }
            for (pattern, keeper) in KEPT {
                if is_named_by(pattern, &other) && *keeper != name {
                    complaints.push(format!("only {keeper} may name {other}, and {name} does ({kind})"));
                }
            }
        }
    }
    complaints
}

fn complain_of_lints(name: &str, manifest: &toml::Table) -> Option<String> {
    let inherits =
        manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    (inherits != Some(true)).then(|| format!("{name} does not inherit the lints of the workspace"))
}

/// Complaints about one source file. `path` is from the root of the workspace, with `/`.
fn complain_of_source(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |what: String| complaints.push(format!("{path}: {what}"));
    if !text.starts_with("//!") {
        complain("does not open with `//!`".into());
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        complain(format!("has {lines} lines, more than {LONGEST_FILE}"));
    }
    for mark in OPEN_MARKS.iter().filter(|mark| text.contains(**mark)) {
        complain(format!("holds a `{mark}`"));
    }
    let code = lexer::code_of(text);
    let is_unsafe_room = UNSAFE_ROOMS
        .iter()
        .any(|room| path.strip_prefix(room).is_some_and(|rest| rest.starts_with('/') || rest == ".rs"));
    if lexer::words(&code).any(|word| word == "unsafe") && !is_unsafe_room {
        complain("has `unsafe` outside runtime's jit, vm and unwind".into());
    }
    let own = ARROWS.iter().map(|(name, _)| *name).find(|name| path.starts_with(&folder_of(name)));
    for (word, keeper) in KEPT_WORDS {
        let is_test = path.contains("/tests/");
        if code.contains(word) && !is_test && own.is_some_and(|own| own != *keeper) {
            complain(format!("names {word}, which belongs to {keeper}"));
        }
    }
    complaints
}

fn folder_of(member: &str) -> String {
    if member == "wasm-gdbserver" { "server/".into() } else { format!("crates/{member}/") }
}

/// Every `.rs` file of the workspace, as path from the root and text. Programs to be debugged are no part of it.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> =
        ["crates", "server", "tests", "fuzz"].iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target" && name != "fixtures") {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("in the workspace").display().to_string();
                found.push((name, std::fs::read_to_string(&path).expect("a readable source")));
            }
        }
    }
    found.sort();
    found
}

/// Files below `folder` that git would take and that are larger than `limit` bytes.
fn large_files(folder: &Path, limit: u64) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().display().to_string();
            let Ok(metadata) = entry.metadata() else { continue };
            let is_ignored = IGNORED_FOLDERS.contains(&name.as_str()) || name.starts_with("target-");
            if metadata.is_dir() && !is_ignored {
                open.push(entry.path());
            } else if metadata.is_file() && !name.ends_with(".log") && metadata.len() > limit {
                found.push(format!("{} has {} bytes", entry.path().display(), metadata.len()));
            }
        }
    }
    found
}

fn assert_none(complaints: Vec<String>) {
    let mut list = String::new();
    for complaint in &complaints {
        writeln!(list, "  {complaint}").expect("a String takes all");
    }
    assert!(complaints.is_empty(), "{} complaints:\n{list}", complaints.len());
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let members = members();
    assert!(members.len() > ARROWS.len(), "the members were not found");
    for (name, _) in ARROWS {
        let folder = folder_of(name);
        let found =
            members.iter().any(|member| member.name == *name && format!("{}/", member.folder) == folder);
        assert!(found, "{name} is not at {folder}");
    }
    assert_none(
        members.iter().flat_map(|member| complain_of_arrows(&member.name, &member.manifest)).collect(),
    );
}

#[test]
fn every_member_inherits_the_lints() {
    assert_none(
        members().iter().filter_map(|member| complain_of_lints(&member.name, &member.manifest)).collect(),
    );
}

#[test]
fn sources_keep_the_house_style() {
    let sources = sources();
    assert!(sources.len() > ARROWS.len(), "the sources were not found");
    assert_none(sources.iter().flat_map(|(path, text)| complain_of_source(path, text)).collect());
}

#[test]
fn the_repository_holds_no_large_files() {
    assert_none(large_files(&root(), LARGEST_FILE));
    assert!(!large_files(&root().join("tests"), 1_000).is_empty(), "large files are not seen");
}

#[test]
fn a_forbidden_arrow_is_seen() {
    let manifest = |text: &str| text.parse::<toml::Table>().expect("TOML");
    let backwards = manifest("[dependencies]\ngdb.workspace = true\n");
    assert_eq!(complain_of_arrows("runtime", &backwards), ["runtime may not depend on gdb (dependencies)"]);
    let renamed =
        manifest("[target.'cfg(unix)'.dependencies]\ndw = { package = \"gimli\", version = \"1\" }\n");
    assert_eq!(
        complain_of_arrows("gdb", &renamed),
        ["only dwarf may name gimli, and gdb does (dependencies)"]
    );
    let prefix = manifest("[build-dependencies]\ncranelift-entity = \"1\"\n");
    assert_eq!(complain_of_arrows("debugger", &prefix).len(), 1);
    let for_tests = manifest("[dev-dependencies]\nruntime.workspace = true\n");
    assert_none(complain_of_arrows("gdb", &for_tests));
    assert_eq!(complain_of_arrows("dwarf", &for_tests).len(), 1);
    assert_eq!(complain_of_arrows("newcomer", &for_tests).len(), 1);
    assert!(complain_of_lints("x", &manifest("[lints]\nworkspace = false\n")).is_some());
}

#[test]
fn a_source_out_of_style_is_seen() {
    let complaints = |path: &str, text: &str| complain_of_source(path, text).len();
    assert_eq!(complaints("crates/gdb/src/a.rs", "//! Head.\nfn f() {}\n"), 0);
    assert_eq!(complaints("crates/gdb/src/a.rs", "fn f() {}\n"), 1);
    assert_eq!(complaints("crates/gdb/src/a.rs", &format!("//! Head.\n{}", "\n".repeat(LONGEST_FILE))), 1);
    assert_eq!(complaints("crates/gdb/src/a.rs", concat!("//! Head.\n// TO", "DO: more\n")), 1);
    let unsafe_block = "//! Head.\nfn f() { unsafe { g() } }\n";
    assert_eq!(complaints("crates/gdb/src/a.rs", unsafe_block), 1);
    assert_eq!(complaints("crates/runtime/src/jitter.rs", unsafe_block), 1);
    assert_eq!(complaints("crates/runtime/src/jit/memory.rs", unsafe_block), 0);
    assert_eq!(complaints("crates/runtime/src/vm.rs", unsafe_block), 0);
    let spoken =
        "//! Head: unsafe.\n#![deny(unsafe_code)] /* unsafe */ fn f() -> &'static str { \"unsafe\" }\n";
    assert_eq!(complaints("crates/gdb/src/a.rs", spoken), 0);
    let socket = "//! Head.\nuse std::net::TcpStream;\n";
    assert_eq!(complaints("crates/gdb/src/a.rs", socket), 1);
    assert_eq!(complaints("server/src/serve.rs", socket), 0);
    assert_eq!(complaints("tests/src/rsp.rs", socket), 0);
    assert_eq!(complaints("crates/wasi/tests/calls.rs", socket), 0);
}
