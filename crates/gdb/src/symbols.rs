//! The symbol images that clients read as the guest's executable file: each made once, and only when somebody wants it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use dwarf::FunctionReturn;

use crate::persona::{self, Persona, wasm};

/// The program under debug, as its debug info is concerned.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where the module lies, absolute; clients see this path with `.elf` appended.
    pub path: PathBuf,
    /// The module's file in the binary format.
    pub module: Arc<[u8]>,
    /// A file that has the debug info, if the module has it not itself.
    pub debug_file: Option<Arc<[u8]>>,
    /// `module.name` of every imported function, by function index.
    pub imported_functions: Vec<String>,
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
    /// The symbol image for a debugger, to be kept as a file. Code of libraries whose sources are not on this machine
    /// has no lines in it, if other sources are.
    ///
    /// # Errors
    /// If the module is malformed. Debug info that cannot be used is left out, and reported in the image.
    pub fn symbol_image(&self, reader: Reader) -> Result<dwarf::SymbolImage, dwarf::Error> {
        let machine = match reader {
            Reader::Gdb => persona::for_module(&self.module),
            Reader::Lldb => persona::elf_for_module(&self.module),
        };
        self.image(&machine.layout(0, 0, &self.imported_functions))
    }

    fn image(&self, layout: &dwarf::Layout) -> Result<dwarf::SymbolImage, dwarf::Error> {
        // A debugger looks for relative paths in its current directory; next to the module is the closest to that.
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let source_exists = |source: &Path| directory.join(source).is_file();
        dwarf::symbol_image_of_sources(&self.module, self.debug_file.as_deref(), layout, &source_exists)
    }
}

/// A program with its symbol images.
#[derive(Debug)]
pub(crate) struct Symbols {
    program: Program,
    /// Those that somebody wanted.
    images: Mutex<Vec<Slot>>,
    is_file_misleading: AtomicBool,
    /// What lldb's Wasm plugin reads of modules, by number.
    read_by_plugin: Mutex<BTreeMap<u32, PluginImage>>,
}

/// What lldb's Wasm plugin reads of a module.
#[derive(Debug)]
struct PluginImage {
    /// The module's file, from which it was made.
    file: Arc<[u8]>,
    image: Arc<[u8]>,
}

/// The place of one persona's image. None inside when it could not be made.
#[derive(Clone, Debug)]
struct Slot {
    persona: &'static dyn Persona,
    image: Arc<OnceLock<Option<Image>>>,
}

/// The symbol image and what else was learned on the way.
#[derive(Debug)]
struct Image {
    elf: Arc<[u8]>,
    /// By function index.
    returns: BTreeMap<u32, FunctionReturn>,
}

impl Symbols {
    pub(crate) fn new(program: Program) -> Self {
        Self {
            program,
            images: Mutex::default(),
            is_file_misleading: AtomicBool::new(false),
            read_by_plugin: Mutex::default(),
        }
    }

    /// The module's file.
    pub(crate) fn module(&self) -> &[u8] {
        &self.program.module
    }

    /// Whether the program has 64-bit pointers.
    pub(crate) fn has_wide_pointers(&self) -> bool {
        dwarf::Module::parse(&self.program.module).is_ok_and(|module| module.has_wide_pointers())
    }

    /// Whether lldb would get a wrong idea of the module from the file at its path: it misreads it, or the file is another
    /// one now. Looked at again when a client comes, by [`Symbols::look_at_file`].
    pub(crate) fn is_file_misleading(&self) -> bool {
        self.is_file_misleading.load(Ordering::Relaxed)
    }

    /// Compares the module with the file at its path, and says so if the file has changed. None is as good as the same:
    /// the client may be on a machine that has it.
    pub(crate) fn look_at_file(&self) {
        let Program { path, module, .. } = &self.program;
        let file = std::fs::read(path).ok().filter(|file| **file != **module);
        if file.as_ref().is_some_and(|file| file.starts_with(b"\0asm")) {
            tracing::warn!("{} has changed since the program was loaded", path.display());
        }
        let is_misleading = file.is_some() || wasm::image::is_misread(module);
        self.is_file_misleading.store(is_misleading, Ordering::Relaxed);
    }

    /// Where the module lies.
    pub(crate) fn module_path(&self) -> &Path {
        &self.program.path
    }

    /// The path under which clients open the image.
    pub(crate) fn path(&self) -> String {
        format!("{}.elf", self.program.path.display())
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
        file: &Arc<[u8]>,
        make: impl FnOnce() -> Vec<u8>,
    ) -> Arc<[u8]> {
        let mut images = self.read_by_plugin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = images.get(&module).filter(|known| Arc::ptr_eq(&known.file, file)) {
            return Arc::clone(&known.image);
        }
        let image: Arc<[u8]> = Arc::from(make());
        images.insert(module, PluginImage { file: Arc::clone(file), image: Arc::clone(&image) });
        image
    }

    /// The image; makes it if nobody did, and waits if somebody is at it. None when it cannot be made, which is logged.
    pub(crate) fn image(&self, persona: &'static dyn Persona) -> Option<Arc<[u8]>> {
        self.with_image(&self.slot(persona), |image| Arc::clone(&image.elf))
    }

    fn with_image<R>(&self, slot: &Slot, read: impl FnOnce(&Image) -> R) -> Option<R> {
        slot.image.get_or_init(|| self.make(slot.persona)).as_ref().map(read)
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, persona: &'static dyn Persona) -> Slot {
        let mut slots = self.slots();
        if let Some(slot) = slots.iter().find(|slot| slot.persona.name() == persona.name()) {
            return slot.clone();
        }
        let slot = Slot { persona, image: Arc::default() };
        slots.push(slot.clone());
        slot
    }

    /// Starts making the image on a thread of its own, so that it is there when the client asks.
    pub(crate) fn prepare(self: &Arc<Self>, persona: &'static dyn Persona) {
        if self.slot(persona).image.get().is_some() {
            return;
        }
        let symbols = Arc::clone(self);
        let spawned =
            std::thread::Builder::new().name("symbols".to_owned()).spawn(move || symbols.image(persona));
        if let Err(error) = spawned {
            tracing::debug!(%error, "the symbol image will be made when it is asked for");
        }
    }

    fn make(&self, persona: &dyn Persona) -> Option<Image> {
        match self.program.image(&persona.symbol_layout(0, 0, &self.program.imported_functions)?) {
            Ok(image) => Some(Image { elf: Arc::from(image.elf), returns: image.returns }),
            Err(error) => {
                tracing::warn!(%error, "no symbols for the debugger");
                None
            }
        }
    }

    /// How a function of the main module returns what is not one scalar. Waits for a persona's image if it is being
    /// made: gdb has read it before it finishes a function, but lldb has a file of its own.
    pub(crate) fn function_return(&self, module: u32, function: u32) -> Option<FunctionReturn> {
        let slots = self.slots().clone();
        // What functions return is the same in all images, so one that is there will do.
        let is_made = |slot: &&Slot| slot.image.get().is_some();
        let slot = slots.iter().find(is_made).or(slots.first()).filter(|_| module == 0)?;
        self.with_image(slot, |image| image.returns.get(&function).cloned())?
    }
}
