//! The symbol images that clients read as the guest's executable file: each made once, and only when somebody wants it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use dwarf::{
    CodeBytes, FunctionReturn, ImageOptions, PathMap, Signature, Signatures, Sources, SymbolImage, TextFolder,
};

use crate::cache::{Cache, ContentHash, Entry, Known};
use crate::file_state::{self, FileState};
use crate::image_file::{self, ImageFile, Unfinished, WORTH_A_FILE};
use crate::int::{index, wide};
use crate::monitor::debug_info::describe;
use crate::persona::{self, Persona, wasm};

/// The program under debug, as its debug info is concerned.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where the module lies, absolute; clients see this path with `.elf` appended.
    pub path: PathBuf,
    /// The module's file in the binary format.
    pub module: Bytes,
    /// The hash of the module's file.
    pub hash: ContentHash,
    /// What the system said of the file before it was read: as long as it says the same, nobody reads it again to know whether it
    /// has changed.
    pub file: Option<FileState>,
    /// Files that have the debug info, or parts of it, if the module has it not itself.
    pub debug_files: Vec<Bytes>,
    /// Where texts that stand for sources are put for clients on this machine, if the module has no lines of its own. The
    /// folder is made if it is missing, and is the caller's to remove.
    pub texts: Option<TextFolder>,
    /// Where sources are now that were elsewhere when the module was compiled.
    pub paths: PathMap,
    /// `module.name` of every function that it imports from the host, by function index; empty for other functions.
    pub imported_functions: Vec<String>,
}

/// A module that is instantiated before the program.
#[derive(Clone, Debug)]
pub struct Preloaded {
    /// The module.
    pub program: Program,
    /// Its only instance, as clients count them: the program's own is 0, the others count from 1. None if it has several, or
    /// another memory than the program: then clients are told of no variables, whose places would be wrong.
    pub instance: Option<u32>,
}

/// Whom a symbol image is for. The two believe in different machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// gdb, which is served the same image by the server.
    Gdb,
    /// lldb, which cannot be served one: its user has it as a file.
    Lldb,
}

impl Program {
    /// Writes the symbol image for a debugger to a file, and nothing if it cannot be made. Code of libraries whose sources are not on this machine has no lines
    /// in it, if other sources are.
    ///
    /// # Errors
    /// If the module is malformed, or the file cannot be written. Debug info that cannot be used is left out, and reported in
    /// the image.
    pub fn symbol_image<F: io::Write>(
        &self,
        reader: Reader,
        file: F,
    ) -> Result<SymbolImage<F>, dwarf::Error> {
        let machine = match reader {
            Reader::Gdb => persona::for_modules(std::iter::once(&*self.module)),
            Reader::Lldb => persona::elf_for_modules(std::iter::once(&*self.module)),
        };
        let layout = machine.layout(0, Some(0), &self.imported_functions);
        self.image(&layout, CodeBytes::InFile, &|source| self.has_source(source), &|| true, file)
    }

    /// Whether a source is there. A debugger looks for relative paths in its current directory; next to the module is the
    /// closest to that.
    fn has_source(&self, source: &Path) -> bool {
        self.path.parent().unwrap_or(Path::new("")).join(source).is_file()
    }

    /// The place of the image with a layout in the cache. None for one that is made from other files as well.
    fn cached(&self, cache: &Cache, layout: &dwarf::Layout) -> Option<Entry> {
        let wat = match &self.texts {
            Some(TextFolder { own_text: None, source_map: None, wat, .. }) => Some(wat),
            Some(_) => return None,
            None => None,
        };
        let options = format!("{layout:?} {:?} {:?} {wat:?}", self.path, self.paths);
        let hash = self.hash.of(&self.module);
        let mut parts = vec![options.as_bytes(), &hash];
        parts.extend(self.debug_files.iter().map(|file| &**file));
        Some(cache.entry(&self.image_name(), &parts))
    }

    fn image_name(&self) -> String {
        format!("{}.elf", self.path.file_name().unwrap_or_default().to_string_lossy())
    }

    /// Whether clients that read the module are shown debug info in it that is made up.
    fn lacks_debug_info(&self) -> bool {
        self.texts.is_some()
            && self.debug_files.is_empty()
            && dwarf::Module::parse_custom_sections(&self.module).is_ok_and(|module| !module.has_debug_info())
    }

    /// Puts the texts where the debug info says that they are. Without them, a debugger has lines and cannot show them.
    pub fn write_texts(&self, texts: &[dwarf::Text]) {
        let Some(folder) = &self.texts else { return };
        for text in texts {
            if let Err(error) = image_file::write_text(&folder.path, text) {
                tracing::warn!(%error, "the text of the module cannot be written to {}", text.path.display());
            }
        }
    }

    fn image<F: io::Write>(
        &self,
        layout: &dwarf::Layout,
        code: CodeBytes,
        source_exists: &dyn Fn(&Path) -> bool,
        is_wanted: &(dyn Fn() -> bool + Sync),
        file: F,
    ) -> Result<SymbolImage<F>, dwarf::Error> {
        let folder = self.texts.as_ref();
        let options =
            ImageOptions { source_exists: Some(source_exists), paths: &self.paths, code, folder, is_wanted };
        dwarf::write_symbol_image(&self.module, &self.debug_files, layout, &options, file)
    }
}

/// A program with its symbol images. Modules have the debugger's numbers, the program's own is 0.
#[derive(Debug)]
pub(crate) struct Symbols {
    program: Program,
    /// The modules from number 1 on.
    preloaded: Vec<Preloaded>,
    /// Those that somebody wanted.
    images: Mutex<Vec<Slot>>,
    /// Where large ones are, for clients on this machine.
    folder: OnceLock<PathBuf>,
    /// Where images are kept for the next time.
    cache: OnceLock<Cache>,
    /// Threads that write there.
    keeping: Mutex<Vec<JoinHandle<()>>>,
    is_file_misleading: AtomicBool,
    /// What lldb's Wasm plugin reads of modules, by number.
    read_by_plugin: Mutex<BTreeMap<u32, PluginImage>>,
    /// How functions are called, by module, of those of which somebody called one. None inside for what cannot be read.
    signatures: Mutex<BTreeMap<u32, Option<Signatures>>>,
    /// By module and function, of those that somebody called.
    called: Mutex<BTreeMap<(u32, u32), Arc<Signature>>>,
}

/// What lldb's Wasm plugin reads of a module.
#[derive(Debug)]
struct PluginImage {
    /// The module's file, from which it was made.
    file: Bytes,
    image: Arc<wasm::image::Image>,
}

/// The place of one persona's image of a module. None inside when it could not be made.
#[derive(Clone, Debug)]
struct Slot {
    persona: &'static dyn Persona,
    module: u32,
    image: Arc<OnceLock<Option<Image>>>,
    is_wanted: Arc<AtomicBool>,
}

/// The symbol image and what else was learned on the way.
#[derive(Debug)]
struct Image {
    elf: Arc<ImageFile>,
    first_address: u64,
    /// What became of the debug info.
    report: dwarf::Report,
}

impl Symbols {
    pub(crate) fn new(program: Program, preloaded: Vec<Preloaded>) -> Self {
        Self {
            program,
            preloaded,
            images: Mutex::default(),
            folder: OnceLock::new(),
            cache: OnceLock::new(),
            keeping: Mutex::default(),
            is_file_misleading: AtomicBool::new(false),
            read_by_plugin: Mutex::default(),
            signatures: Mutex::default(),
            called: Mutex::default(),
        }
    }

    /// Has large images written into a folder, which is made if it is missing.
    pub(crate) fn keep_files_in(&self, folder: PathBuf) {
        self.folder.get_or_init(|| folder);
    }

    /// Has images kept for the next time, and taken from there.
    pub(crate) fn keep_images(&self, cache: Cache) {
        self.cache.get_or_init(|| cache);
    }

    /// The program's own module.
    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// The modules by number, with the instance for which a symbol image can be made.
    fn modules(&self) -> impl Iterator<Item = (&Program, Option<u32>)> {
        let preloaded = self.preloaded.iter().map(|preloaded| (&preloaded.program, preloaded.instance));
        std::iter::once((&self.program, Some(0))).chain(preloaded)
    }

    /// The modules' files, by number.
    pub(crate) fn files(&self) -> impl Iterator<Item = &[u8]> {
        self.modules().map(|(program, _)| &*program.module)
    }

    /// `module.name` of a function that a module imports from the host.
    pub(crate) fn imported_function(&self, module: u32, function: u32) -> Option<&str> {
        let (program, _) = self.module(module)?;
        let name = program.imported_functions.get(index(function.into()))?;
        (!name.is_empty()).then_some(name.as_str())
    }

    /// The functions of the host whose names as they are imported, or without the module, are this one.
    pub(crate) fn host_functions(&self, name: &str) -> Vec<String> {
        let all = self.modules().flat_map(|(program, _)| &program.imported_functions);
        let is_named = |full: &&String| {
            !full.is_empty()
                && (*full == name || full.split_once('.').is_some_and(|(_, short)| short == name))
        };
        let mut found: Vec<String> = all.filter(is_named).cloned().collect();
        found.sort();
        found.dedup();
        found
    }

    fn module(&self, number: u32) -> Option<(&Program, Option<u32>)> {
        self.modules().nth(index(number.into()))
    }

    /// Whether the program has 64-bit pointers.
    pub(crate) fn has_wide_pointers(&self) -> bool {
        dwarf::Module::has_wide_pointers(&self.program.module)
    }

    /// Whether lldb would get a wrong idea of the module from the file at its path: it misreads it, or the file is another
    /// one now. Looked at again when a client comes, by [`Symbols::look_at_files`].
    pub(crate) fn is_file_misleading(&self) -> bool {
        self.is_file_misleading.load(Ordering::Relaxed)
    }

    /// Compares the modules with the files at their paths, and says so if a file has changed. None is as good as the same:
    /// the client may be on a machine that has it.
    pub(crate) fn look_at_files(&self) {
        let is_misleading = |(program, _): (&Program, _)| {
            let Program { path, module, file, .. } = program;
            let is_other = file_state::is_other(path, *file, module);
            if is_other && std::fs::read(path).is_ok_and(|file| file.starts_with(b"\0asm")) {
                tracing::warn!("{} has changed since the program was loaded", path.display());
            }
            is_other || wasm::survey::is_misread(module) || program.lacks_debug_info()
        };
        // All of them are looked at.
        let misleading = self.modules().map(is_misleading).filter(|is_misleading| *is_misleading).count();
        self.is_file_misleading.store(misleading > 0, Ordering::Relaxed);
    }

    /// Where a module lies.
    pub(crate) fn module_path(&self, module: u32) -> Option<&Path> {
        self.module(module).map(|(program, _)| program.path.as_path())
    }

    /// The path under which clients open the program's image.
    pub(crate) fn path(&self) -> String {
        image_path(&self.program)
    }

    /// The modules that clients read as libraries, and the paths under which they open their images.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = (u32, String)> {
        (0..).zip(self.modules()).skip(1).map(|(number, (program, _))| (number, image_path(program)))
    }

    /// The module whose image has this path.
    pub(crate) fn find(&self, path: &[u8]) -> Option<u32> {
        let is_there = |(_, (program, _)): &(u32, (&Program, _))| image_path(program).as_bytes() == path;
        (0..).zip(self.modules()).find(is_there).map(|(number, _)| number)
    }

    /// What the program is called: the module's file name without its extension.
    pub(crate) fn name(&self) -> String {
        self.program
            .path
            .file_stem()
            .map_or_else(|| "wasm".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// The image of a module's file for lldb's Wasm plugin; makes it if nobody did.
    pub(crate) fn plugin_image(
        &self,
        module: u32,
        file: &Bytes,
        make: impl FnOnce() -> wasm::image::Image,
    ) -> Arc<wasm::image::Image> {
        let mut images = self.read_by_plugin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = images.get(&module).filter(|known| known.file.as_ptr() == file.as_ptr()) {
            return Arc::clone(&known.image);
        }
        let image = Arc::new(make());
        images.insert(module, PluginImage { file: file.clone(), image: Arc::clone(&image) });
        image
    }

    /// Sections of debug info that is made up of a module's file for lldb's Wasm plugin. None if it has some.
    pub(crate) fn made_up_sections(&self, module: u32, file: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        let Some((program, _)) = self.module(module) else { return Vec::new() };
        let Some(folder) = program.texts.as_ref().filter(|_| program.debug_files.is_empty()) else {
            return Vec::new();
        };
        let sources = Sources::new(Some(&Path::is_file), &program.paths);
        match dwarf::made_up_sections(file, folder, sources) {
            Ok(Some(made)) => {
                program.write_texts(&made.texts);
                made.sections
            }
            Ok(None) => Vec::new(),
            Err(error) => {
                tracing::warn!(%error, "no debug info is made up for lldb");
                Vec::new()
            }
        }
    }

    /// The image of a module; makes it if nobody did, and waits if somebody is at it. None when it cannot be made, which is
    /// logged.
    pub(crate) fn image(&self, persona: &'static dyn Persona, module: u32) -> Option<Arc<ImageFile>> {
        self.with_image(&self.slot(persona, module), |image| Arc::clone(&image.elf))
    }

    /// What became of the modules' debug info, in words. Waits for images that are being made.
    pub(crate) fn describe(&self, persona: &'static dyn Persona) -> String {
        let describe = |(number, (program, _)): (u32, (&Program, _))| {
            let name = program.path.file_name().unwrap_or_default().to_string_lossy();
            let known = self.with_image(&self.slot(persona, number), |image| describe(&name, &image.report));
            known.unwrap_or_else(|| format!("{name}:\n  the debugger reads it itself\n"))
        };
        (0..).zip(self.modules()).map(describe).collect()
    }

    /// The address of the first segment of a module's image.
    pub(crate) fn first_address(&self, persona: &'static dyn Persona, module: u32) -> Option<u64> {
        self.with_image(&self.slot(persona, module), |image| image.first_address)
    }

    /// The program's image as a file, if it is large enough to be worth one and one can be written. None if there are
    /// libraries, which gdb would look for on its machine as well.
    pub(crate) fn file(&self, persona: &'static dyn Persona) -> Option<PathBuf> {
        if !self.preloaded.is_empty() {
            return None;
        }
        self.with_image(&self.slot(persona, 0), |image| image.elf.path().map(Path::to_owned))?
    }

    /// A file for the image of a module: one that clients can open if that may be worth it.
    fn new_file(&self, module: u32) -> io::Result<Unfinished> {
        let (program, _) = self.module(module).ok_or(io::ErrorKind::NotFound)?;
        let name = program.image_name();
        let is_large = wide(program.module.len()) >= WORTH_A_FILE;
        let folder = self.folder.get().filter(|_| self.preloaded.is_empty() && is_large);
        Unfinished::new(folder.map(|folder| (folder.as_path(), name.as_str())))
    }

    fn with_image<R>(&self, slot: &Slot, read: impl FnOnce(&Image) -> R) -> Option<R> {
        slot.image.get_or_init(|| self.make(slot)).as_ref().map(read)
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, persona: &'static dyn Persona, module: u32) -> Slot {
        let mut slots = self.slots();
        let is_it = |slot: &&Slot| slot.module == module && slot.persona.name() == persona.name();
        if let Some(slot) = slots.iter().find(is_it) {
            return slot.clone();
        }
        let is_wanted = Arc::new(AtomicBool::new(true));
        let slot = Slot { persona, module, image: Arc::default(), is_wanted };
        slots.push(slot.clone());
        slot
    }

    /// Starts making the program's image on a thread of its own, so that it is there when the client asks, and does something else
    /// there when it is made or given up.
    pub(crate) fn prepare(
        self: &Arc<Self>,
        persona: Option<&'static dyn Persona>,
        then: impl FnOnce() + Send + 'static,
    ) {
        let symbols = Arc::clone(self);
        let work = move || {
            persona.map(|persona| symbols.image(persona, 0));
            // The last to let go of them waits for images that are being kept.
            drop(symbols);
            then();
        };
        let spawned = thread::Builder::new().name("symbols".to_owned()).spawn(work);
        if let Err(error) = spawned {
            tracing::debug!(%error, "the symbol image will be made when it is asked for");
        }
    }

    /// Gives up the images that are being made for other personas than that of the client.
    pub(crate) fn give_up_others(&self, persona: &dyn Persona) {
        self.slots().retain(|slot| {
            let stays = slot.image.get().is_some() || slot.persona.name() == persona.name();
            slot.is_wanted.fetch_and(stays, Ordering::Relaxed);
            stays
        });
    }

    fn make(&self, slot: &Slot) -> Option<Image> {
        let (program, instance) = self.module(slot.module)?;
        let layout = slot.persona.symbol_layout(slot.module, instance, &program.imported_functions)?;
        let entry = self.cache.get().and_then(|cache| program.cached(cache, &layout));
        if let Some((elf, known)) =
            entry.as_ref().and_then(|entry| entry.find(|source| program.has_source(source)))
        {
            let Known { first_address, report, .. } = known;
            return Some(Image { elf: Arc::new(elf), first_address, report });
        }
        match self.make_anew(slot, program, &layout, entry) {
            Ok(image) => Some(image),
            Err(dwarf::Error::Unwanted) => None,
            Err(error) => {
                tracing::warn!(%error, "no symbols of {} for the debugger", program.path.display());
                None
            }
        }
    }

    fn make_anew(
        &self,
        slot: &Slot,
        program: &Program,
        layout: &dwarf::Layout,
        entry: Option<Entry>,
    ) -> Result<Image, dwarf::Error> {
        let file = self.new_file(slot.module).map_err(dwarf::Error::Write)?;
        let sources = RefCell::new(Vec::new());
        let source_exists = |source: &Path| {
            let is_there = program.has_source(source);
            sources.borrow_mut().push((source.to_owned(), is_there));
            is_there
        };
        let is_wanted = || slot.is_wanted.load(Ordering::Relaxed);
        let made = program.image(layout, CodeBytes::OnTarget, &source_exists, &is_wanted, file)?;
        let SymbolImage { elf, first_address, texts, report } = made;
        program.write_texts(&texts);
        for (what, reason) in report.dropped.keys() {
            if *what == dwarf::Drop::DebugInfo {
                tracing::warn!("the debug info of {} is not used: {reason}", program.path.display());
            }
        }
        for loss in report.losses() {
            tracing::info!("left out of the debug info of {}: {loss}", program.path.display());
        }
        let elf = Arc::new(elf.finish().map_err(dwarf::Error::Write)?);
        let entry = entry.filter(|_| texts.is_empty());
        if let Some(entry) = entry {
            let known = Known { first_address, report: report.clone(), sources: sources.into_inner() };
            self.keep(entry, Arc::clone(&elf), known);
        }
        Ok(Image { elf, first_address, report })
    }

    /// Keeps an image for the next time. Nobody waits for that but the end.
    fn keep(&self, entry: Entry, image: Arc<ImageFile>, known: Known) {
        let work = move || {
            if let Err(error) = entry.keep(&image, &known) {
                tracing::warn!(%error, "the symbol image is not kept");
            }
        };
        match thread::Builder::new().name("cache".to_owned()).spawn(work) {
            Ok(thread) => self.keeping.lock().unwrap_or_else(PoisonError::into_inner).push(thread),
            Err(error) => tracing::debug!(%error, "the symbol image is not kept"),
        }
    }

    /// How a function of a module is called. Reads its unit anew for a function that was not asked for yet.
    pub(crate) fn signature(&self, module: u32, function: u32) -> Arc<Signature> {
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        let known = called.entry((module, function)).or_insert_with(|| {
            let mut signatures = self.signatures.lock().unwrap_or_else(PoisonError::into_inner);
            let of_module = signatures.entry(module).or_insert_with(|| self.signatures_of(module));
            let signature = of_module.as_ref().map(|signatures| signatures.of_function(function));
            Arc::new(signature.unwrap_or_default())
        });
        Arc::clone(known)
    }

    fn signatures_of(&self, module: u32) -> Option<Signatures> {
        let (program, _) = self.module(module)?;
        let read = Signatures::new(program.module.clone(), program.debug_files.clone());
        let warn = |error: &dwarf::Error| tracing::warn!(%error, "how functions are called is not known");
        read.inspect_err(warn).ok()
    }

    /// How a function of a module returns what is not one scalar, if clients are told of the module's variables.
    pub(crate) fn function_return(&self, module: u32, function: u32) -> Option<FunctionReturn> {
        let (_, instance) = self.module(module)?;
        instance.and_then(|_| self.signature(module, function).returns.clone())
    }
}

/// What is being kept is there for the next time.
impl Drop for Symbols {
    fn drop(&mut self) {
        for thread in self.keeping.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // If it panicked, that was said.
            let _ended = thread.join();
        }
    }
}

/// The path under which clients open a module's image.
fn image_path(program: &Program) -> String {
    format!("{}.elf", program.path.display())
}
