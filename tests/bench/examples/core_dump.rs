//! `core_dump MODULE FILE`: runs a program in Wasmtime until it traps, and writes Wasmtime's core dump of it to FILE.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use wasmtime::{Config, Engine, Linker, Module, Store, WasmCoreDump};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};

fn main() -> Result<()> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [path, file] = paths.as_slice() else { bail!("usage: core_dump MODULE FILE") };
    let mut config = Config::new();
    config.coredump_on_trap(true);
    let engine = Engine::new(&config)?;
    let module = Module::from_file(&engine, path)?;
    let mut linker: Linker<WasiP1Ctx> = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |context| context)?;
    let mut store = Store::new(&engine, WasiCtxBuilder::new().inherit_stdio().build_p1());
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let Err(error) = start.call(&mut store, ()) else { bail!("the program does not trap") };
    let dump = error.downcast_ref::<WasmCoreDump>().context("there is no core dump")?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    std::fs::write(file, dump.serialize(&mut store, &name))?;
    println!("{error:?}");
    Ok(())
}
