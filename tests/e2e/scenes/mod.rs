//! Scenes: sessions that are more than one command after the other. Time, signals and a second gdb play in them.

pub(crate) mod crash;
mod dap;
mod debug_files;
mod editors;
mod go;
mod input;
mod interrupt;
mod invoked;
mod large;
mod lifetime;
mod lldb;
mod rerun;
mod sources;
mod threads;
mod watch;

use std::path::PathBuf;

use anyhow::Result;
use tests::fixture::{Build, Fixture};
use tests::gdb::Gdb;
use tests::server::{Server, Setting};
use tests::toolchain;

/// A folder for files of scenes. Scenes are played in several settings at once: each has its own.
pub(crate) fn own_folder(name: &str) -> Result<PathBuf> {
    Ok(toolchain::cache_folder()?.join(format!("{}{name}", Setting::current().prefix())))
}

/// A scene.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Name of the test.
    pub(crate) name: &'static str,
    /// Whether gdbserver can play it too, which shows that the scene is right.
    pub(crate) native: bool,
    /// What happens.
    pub(crate) play: fn(Build) -> Result<()>,
}

/// Every scene.
pub(crate) const ALL: &[&[Scene]] = &[
    interrupt::SCENES,
    lifetime::SCENES,
    crash::SCENES,
    large::SCENES,
    rerun::SCENES,
    sources::SCENES,
    input::SCENES,
    threads::SCENES,
    editors::SCENES,
    watch::SCENES,
    dap::SCENES,
    debug_files::SCENES,
    go::SCENES,
    invoked::SCENES,
    lldb::SCENES,
];

/// A fixture, a server that serves it, and a gdb that knows where.
fn stage(program: &str, build: Build, options: &[&str], args: &[&str]) -> Result<(Server, Gdb)> {
    let fixture = Fixture::build(program, build)?;
    let server = Server::start(&fixture, build, options, args)?;
    let gdb = Gdb::start(&fixture, build, server.port)?;
    Ok((server, gdb))
}

/// Another gdb for the same server.
fn another(gdb: &Gdb, server: &Server) -> Result<Gdb> {
    Gdb::start(gdb.fixture(), gdb.build(), server.port)
}

/// Leaves `spin.c` running in its loop.
fn spin(server: &mut Server, gdb: &mut Gdb) -> Result<()> {
    gdb.go("tbreak {round}");
    gdb.go("continue").has("spin (from=6)").at("round");
    server.stdout.until("spinning\n")?;
    gdb.begin("continue");
    gdb.says("Continuing.\n");
    Ok(())
}
