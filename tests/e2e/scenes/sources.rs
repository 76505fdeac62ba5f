//! Sources that are elsewhere than the debug info says, and types of languages with printers.

use std::path::Path;

use anyhow::Result;
use tests::fixture::{Build, Fixture};
use tests::gdb::Gdb;
use tests::server::{Server, write_symbols};
use tests::toolchain;

use super::{Scene, own_folder};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "sources_mapped", native: false, play: mapped },
    Scene { name: "sources_mapped_in_symbols", native: false, play: mapped_in_symbols },
    Scene { name: "sources_substituted", native: false, play: substituted },
    Scene { name: "printers_of_rust", native: false, play: printers_of_rust },
];

/// Where the Rust fixtures' debug info has their sources.
const OLD: &str = "/fixtures";

fn fixtures() -> std::path::PathBuf {
    toolchain::tests_folder().join("fixtures")
}

/// A program that is not where its sources are, a server that may know where those are, and a gdb.
fn stage(program: &str, build: Build, options: &[&str]) -> Result<(Fixture, Server, Gdb)> {
    let mut fixture = Fixture::build(program, build)?;
    let folder = own_folder("moved")?;
    std::fs::create_dir_all(&folder)?;
    let copy = folder.join(fixture.program.file_name().unwrap_or_default());
    std::fs::copy(&fixture.program, &copy)?;
    fixture.program = copy;
    let server = Server::start(&fixture, build, &[&["--once"], options].concat(), &[])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    // It looks for `/fixtures/shapes.rs` below its own folder, too.
    gdb.hidden("cd /");
    Ok((fixture, server, gdb))
}

/// `--map-path`: gdb finds the sources and needs to be told nothing.
fn mapped(build: Build) -> Result<()> {
    let now = fixtures();
    let option = format!("{OLD}={}", now.display());
    let (_, server, mut gdb) =
        stage("shapes.rs", build, &["--map-path", "/nowhere=/else", "--map-path", &option])?;
    gdb.connect();
    gdb.go("break {sum}");
    gdb.go("continue").has("shapes::total (shapes=..., name=...) at ").at("sum");
    gdb.go("info source").has(&format!("Located in {}/shapes.rs\n", now.display()));
    gdb.go("list shapes::inner::CALLS").has("pub static CALLS");
    gdb.go("break {all}");
    gdb.go("continue").at("all");
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    server.finish()?;
    Ok(())
}

/// The same for a file of symbols.
fn mapped_in_symbols(build: Build) -> Result<()> {
    let fixture = Fixture::build("shapes.rs", build)?;
    let folder = own_folder("mapped")?;
    std::fs::create_dir_all(&folder)?;
    let elf = folder.join("shapes.elf");
    let option = format!("{OLD}={}/", fixtures().display());
    write_symbols(&["--map-path", &option], &fixture.program, &elf)?;
    let (_, server, mut gdb) = stage("shapes.rs", build, &[])?;
    gdb.go(&format!("file {}", elf.display())).has("Reading symbols from ");
    gdb.go("list {sum}").has("sum + name.len() as f64");
    gdb.connect();
    gdb.go("tbreak {sum}");
    gdb.go("continue").at("sum");
    gdb.go("kill");
    gdb.quit();
    server.finish()?;
    Ok(())
}

/// What gdb has for it itself.
fn substituted(build: Build) -> Result<()> {
    let (_, server, mut gdb) = stage("shapes.rs", build, &[])?;
    gdb.connect();
    gdb.go("break {sum}");
    gdb.go("continue").has("shapes::total (").has("67\tin shapes.rs");
    gdb.go(&format!("set substitute-path {OLD} {}", fixtures().display()));
    gdb.go("frame").at("sum");
    gdb.go("kill");
    gdb.quit();
    server.finish()?;
    Ok(())
}

/// Where the printers of Debian's `rust-gdb` are: installed, or where `scripts/test.sh` has unpacked them.
fn rust_printers() -> Result<std::path::PathBuf> {
    let installed = Path::new("/usr/lib/rustlib/etc");
    let unpacked = toolchain::cache_folder()?.join("rust-gdb/usr/lib/rustlib/etc");
    let found = [installed, &unpacked].into_iter().find(|folder| folder.join("rust_types.py").is_file());
    found.map(Path::to_owned).ok_or_else(|| {
        anyhow::anyhow!("the printers of rust-gdb are not here: `sh scripts/test.sh` unpacks them")
    })
}

/// The printers of `rust-gdb`, which gdb is told of after it knows the program.
fn printers_of_rust(build: Build) -> Result<()> {
    let printers = rust_printers()?;
    let now = format!("{OLD}={}", fixtures().display());
    let (_, server, mut gdb) = stage("lists.rs", build, &["--map-path", &now])?;
    gdb.connect();
    gdb.go("break {done}");
    gdb.go("continue").at("done");
    gdb.go("print numbers").has("{buf: alloc::raw_vec::RawVec<i32");
    gdb.hidden(&format!("python import sys; sys.path.insert(0, \"{}\")", printers.display()));
    gdb.go("python import gdb_lookup; gdb.pretty_printers.append(gdb_lookup.lookup)").lacks("rror");
    gdb.go("print numbers").is("Vec(size=5) = {3, 1, 4, 1, 5}");
    gdb.go("info locals")
        .has("slice = &[i32](size=2) = {1, 4}\n")
        .has("borrowed = RefCell(borrow=0) = {value = 0.5, borrow = 0}\n")
        .has("shared = Rc(strong=2, weak=0) = {value = Cell = {value = 6}, strong = 2, weak = 0}\n")
        .has("order = lists::Order {name: \"tea\", items: Vec(size=2) = {7, 8}}\n")
        .has("text = \"h\u{e9}llo\"\n");
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    server.finish()?;
    Ok(())
}
