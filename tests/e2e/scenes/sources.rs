//! Sources that are elsewhere than the debug info says, and types of languages with printers.

use std::path::PathBuf;

use anyhow::Result;
use tests::fixture::{Build, Fixture};
use tests::gdb::Gdb;
use tests::lldb::{Lldb, Way};
use tests::server::{Server, write_symbols};
use tests::toolchain;

use super::{Scene, own_folder};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "sources_mapped", native: false, play: mapped },
    Scene { name: "sources_mapped_in_symbols", native: false, play: mapped_in_symbols },
    Scene { name: "sources_substituted", native: false, play: substituted },
    Scene { name: "printers_of_libcxx", native: false, play: printers_of_libcxx },
    Scene { name: "printers_of_rust", native: false, play: printers_of_rust },
    Scene { name: "lldb_formatters_of_rust", native: false, play: formatters_of_rust },
];

/// Where the Rust fixtures' debug info has their sources.
const OLD: &str = "/fixtures";

fn fixtures() -> PathBuf {
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

/// The printers of LLVM's source for libc++, of the release that the program is compiled with.
fn printers_of_libcxx(build: Build) -> Result<()> {
    let printers = toolchain::cache_folder()?.join("libcxx-gdb/printers.py");
    if !printers.is_file() {
        anyhow::bail!("{} is not here: `sh scripts/test.sh` fetches it", printers.display());
    }
    let fixture = Fixture::build("library", build)?;
    let server = Server::start(&fixture, build, &["--once"], &[])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.connect();
    gdb.go("break {all}");
    gdb.go("continue").at("all");
    gdb.go("print numbers").has("{__begin_ = 0x");
    gdb.go(&format!("source {}", printers.display())).lacks("rror");
    gdb.go("python gdb.pretty_printers.append(LibcxxPrettyPrinter(\"libc++\"))").lacks("rror");
    gdb.go("print numbers").is("std::vector of length 5, capacity 5 = {3, 1, 4, 1, 5}");
    gdb.go("print text").is("\"short\"");
    gdb.go("print longer").is("'x' <repeats 40 times>");
    gdb.go("print ages").is("std::map with 2 elements = {[\"ann\"] = 31, [\"bob\"] = 42}");
    gdb.go("print animals")
        .has("std::vector of length 2, capacity 2 = {std::unique_ptr<zoo::Animal> containing = {__ptr_ = 0x");
    gdb.go("print shared").has("std::shared_ptr<zoo::Bird> count ").has(" containing = {__ptr_ = 0x");
    gdb.go("print dog").has("name = \"pup\"}").has("weight = 3}");
    gdb.go("info locals").has("\nages = std::map with 2 elements = {[").has("\ntext = \"short\"\n");
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    server.finish()?;
    Ok(())
}

/// Where the printers of Debian's `rust-gdb` and `rust-lldb` are: `scripts/test.sh` has unpacked them.
fn rust_printers() -> Result<PathBuf> {
    let unpacked = toolchain::cache_folder()?.join("rust-gdb/usr/lib/rustlib/etc");
    for file in ["rust_types.py", "lldb_lookup.py"] {
        if !unpacked.join(file).is_file() {
            anyhow::bail!("{file} is not in {}: `sh scripts/test.sh` unpacks it", unpacked.display());
        }
    }
    Ok(unpacked)
}

/// The formatters of `rust-lldb`.
fn formatters_of_rust(build: Build) -> Result<()> {
    let formatters = rust_printers()?;
    let fixture = Fixture::build("lists.rs", build)?;
    for way in [Way::Plugin, Way::Elf] {
        let options = [&["--once"], way.options()].concat();
        let server = Server::start(&fixture, build, &options, &[])?;
        let folder = own_folder("lldb")?.join(format!("formatters_{}", way.name()));
        let mut lldb = Lldb::start(&fixture, build, way, Some(server.port), &[], &folder)?;
        lldb.hidden(&format!("settings set target.source-map {OLD} {}", fixtures().display()));
        lldb.connect_until_said("warning: This version of LLDB has no plugin for the language \"rust\".");
        lldb.hidden(&format!("command script import {}/lldb_lookup.py", formatters.display()));
        lldb.hidden(&format!("command source -s 1 {}/lldb_commands", formatters.display()));
        lldb.go("b {done}").names("done");
        lldb.go("continue").at("done");
        lldb.go("frame variable numbers").has(" numbers = size=5 {\n  [0] = 3\n  [1] = 1\n  [2] = 4\n");
        lldb.go("frame variable text").has("(alloc::string::String) text = \"h\u{e9}llo\"");
        lldb.go("frame variable slice").is("(&[i32]) slice = size=2 {\n  [0] = 1\n  [1] = 4\n}");
        lldb.go("frame variable order")
            .has("name = \"tea\"")
            .has("items = size=2 {\n    [0] = 7\n    [1] = 8\n");
        lldb.go("frame variable shared").has(" shared = strong=2, weak=0 {").has("value = 6");
        lldb.go("frame variable borrowed").has(" borrowed = borrow=0 {\n  value = 0.5\n}");
        lldb.go("continue").has("exited with status = 0");
        lldb.quit();
        server.finish()?;
    }
    Ok(())
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
