//! `wasm-gdbserver core`: a core dump for debuggers to look at.
//!
//! Its modules are looked for where it says that they were, beside the core dump, and beside the module that the user
//! names. One that is another build than the one that crashed is refused: it would be shown with wrong lines.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use core_dump::{Content, CoreDump};
use debugger::{Event, Exit, Record, Session};
use dwarf::PathMap;
use gdb::Debuggee;
use runtime::Engine;

use crate::args::{CoreOptions, ListenAddress, LogOptions, OnTrap, ServeOptions};
use crate::door::Door;
use crate::exit::KILLED;
use crate::limits::LimitOptions;
use crate::module_file::ModuleFile;
use crate::relay::Relay;
use crate::serve::{Host, Interrupts, runtime};

/// Serves a core dump until it is over; returns the exit status.
///
/// # Errors
/// When it or its modules cannot be read, are damaged, or do not belong together; or the address cannot be listened at.
pub(crate) fn serve(
    file: &Path,
    module: Option<&Path>,
    address: &ListenAddress,
    options: &CoreOptions,
    logs: &LogOptions,
) -> Result<u8> {
    let (dump, modules) = load(file, module, options)?;
    let main = modules.first().context("a core dump has a module")?.clone();
    let libraries = libraries(&dump, &modules)?;
    let symbols = main.for_symbols(&[])?;
    let record = Record::new(dump, modules.iter().map(|file| file.module().clone()).collect(), main.engine())
        .with_context(|| file.display().to_string())?;
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let (session, mut events) = Session::open(record, main.engine())?;
        let first = loop {
            match events.recv().await {
                Some(event @ Event::Stopped { .. }) => break event,
                Some(Event::ThreadStarted(_)) => {}
                Some(Event::Exited(Exit::HostError(reason))) => bail!("{}: {reason}", file.display()),
                _ => bail!("{}: the core dump cannot be opened", file.display()),
            }
        };
        let door = Door::open(address, logs).await?;
        let mut debuggee = Debuggee::new(session, events, symbols, None).with_preloaded(libraries);
        debuggee.show(options.persona);
        debuggee.note(first);
        // Nobody tells it anything: a core dump crashed long ago, and nobody has to hear of that.
        let (relay, watcher) = Relay::new();
        let serve = ServeOptions {
            once: options.once,
            persona: options.persona,
            on_trap: OnTrap::Stop,
            ..ServeOptions::default()
        };
        let host = Host::new(door, serve, Interrupts::AreForUs, watcher, main)?;
        let status = host.run(debuggee).await;
        drop(relay);
        status
    });
    runtime.shutdown_background();
    // To be closed by its client is how a core dump ends well.
    served.map(|status| if status == KILLED { 0 } else { status })
}

fn load(file: &Path, module: Option<&Path>, options: &CoreOptions) -> Result<(CoreDump, Vec<ModuleFile>)> {
    let shown = || file.display().to_string();
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let dump = core_dump::read(&bytes.into()).with_context(shown)?;
    let engine = Engine::new(LimitOptions::default().config())?;
    let paths = PathMap::new(options.map_path.iter().cloned());
    let folders: Vec<&Path> = [module.and_then(Path::parent), file.parent()].into_iter().flatten().collect();
    let mut files = Vec::new();
    for (number, wanted) in dump.modules.iter().enumerate() {
        let path = match module.filter(|_| number == 0) {
            Some(path) => path.to_owned(),
            None => find(&wanted.name, &folders).with_context(shown)?,
        };
        let found = ModuleFile::load_in(&engine, &path, false)?.with_paths(&paths);
        found.wait_until_valid()?;
        check(&path, found.module().bytes(), wanted.content).with_context(shown)?;
        files.push(match (number, &options.debug_file) {
            (0, Some(debug_file)) => found.with_debug_file(debug_file)?,
            _ => found,
        });
    }
    Ok((dump, files))
}

/// The file of a module: at its path, or with its name in one of the folders.
fn find(name: &str, folders: &[&Path]) -> Result<PathBuf> {
    let path = Path::new(name);
    let beside =
        path.file_name().into_iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = std::iter::once(path.to_owned()).chain(beside).find(|path| path.is_file());
    found.ok_or_else(|| {
        anyhow!("its module `{name}` is not there; name it: wasm-gdbserver core FILE MODULE [HOST]:PORT")
    })
}

/// Whether a file is the one that crashed.
fn check(path: &Path, bytes: &[u8], wanted: Option<Content>) -> Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    let has = Content::of(bytes);
    if has == wanted {
        return Ok(());
    }
    let sizes = if has.size == wanted.size {
        String::new()
    } else {
        format!(": it has {} bytes, and had {}", has.size, wanted.size)
    };
    bail!("{} is another build of the module that crashed{sizes}", path.display())
}

/// The modules other than the program's own, each with the number by which clients know its only instance.
fn libraries(dump: &CoreDump, modules: &[ModuleFile]) -> Result<Vec<gdb::Preloaded>> {
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let thread = dump.threads.get(dump.crashed);
    let range = thread
        .map_or(0..dump.instances.len(), |thread| index(thread.instances.start)..index(thread.instances.end));
    let instances = dump.instances.get(range).unwrap_or_default();
    let own = instances.iter().position(|instance| instance.module == 0);
    let memory = own.and_then(|own| instances.get(own)?.memories.first());
    let mut libraries = Vec::new();
    for (module, file) in (0_u32..).zip(modules).skip(1) {
        let mut of = instances.iter().enumerate().filter(|(_, instance)| instance.module == module);
        let instance = match (of.next(), of.next()) {
            (Some((place, instance)), None) if [None, memory].contains(&instance.memories.first()) => {
                let is_before = own.is_some_and(|own| place < own);
                u32::try_from(if is_before { place + 1 } else { place }).ok()
            }
            _ => None,
        };
        libraries.push(gdb::Preloaded { program: file.for_symbols(&[])?, instance });
    }
    Ok(libraries)
}
