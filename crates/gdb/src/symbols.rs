//! The symbol image that the client reads as the guest's executable file: made once for each persona, and only when somebody wants it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dwarf::FunctionReturn;

use crate::persona::{self, Persona};

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

impl Program {
    /// The symbol image that gdb is served, to be kept as a file. Code of libraries whose sources are not on this
    /// machine has no lines in it, if other sources are.
    ///
    /// # Errors
    /// If the module is malformed. Debug info that cannot be used is left out, and reported in the image.
    pub fn symbol_image(&self) -> Result<dwarf::SymbolImage, dwarf::Error> {
        self.image(&persona::for_module(&self.module).layout(0, 0, &self.imported_functions))
    }

    fn image(&self, layout: &dwarf::Layout) -> Result<dwarf::SymbolImage, dwarf::Error> {
        // A debugger looks for relative paths in its current directory; next to the module is the closest to that.
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let source_exists = |source: &Path| directory.join(source).is_file();
        dwarf::symbol_image_of_sources(&self.module, self.debug_file.as_deref(), layout, &source_exists)
    }
}

/// A program with its symbol images, one for each persona that somebody asked for.
#[derive(Debug)]
pub(crate) struct Symbols {
    program: Program,
    /// By the persona's name. None inside when it could not be made.
    images: Mutex<BTreeMap<&'static str, Arc<OnceLock<Option<Image>>>>>,
}

/// A symbol image and what else was learned on the way.
#[derive(Debug)]
struct Image {
    elf: Arc<[u8]>,
    /// By function index.
    returns: Arc<BTreeMap<u32, FunctionReturn>>,
}

impl Symbols {
    pub(crate) fn new(program: Program) -> Self {
        Self { program, images: Mutex::default() }
    }

    /// The module's file.
    pub(crate) fn module(&self) -> &[u8] {
        &self.program.module
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

    fn slot(&self, persona: &dyn Persona) -> Arc<OnceLock<Option<Image>>> {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(images.entry(persona.name()).or_default())
    }

    /// The image; makes it if nobody did, and waits if somebody is at it. None when it cannot be made, which is logged.
    pub(crate) fn image(&self, persona: &dyn Persona) -> Option<Arc<[u8]>> {
        let slot = self.slot(persona);
        let image = slot.get_or_init(|| self.make(persona));
        image.as_ref().map(|image| Arc::clone(&image.elf))
    }

    /// Starts making the image on a thread of its own, so that it is there when the client asks.
    pub(crate) fn prepare(self: &Arc<Self>, persona: &'static dyn Persona) {
        if self.slot(persona).get().is_some() {
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
            Ok(image) => Some(Image { elf: Arc::from(image.elf), returns: Arc::new(image.returns) }),
            Err(error) => {
                tracing::warn!(%error, "no symbols for the debugger");
                None
            }
        }
    }

    /// How a function of the main module returns what is not one scalar. Does not wait for an image: a client that
    /// finishes functions has read it.
    pub(crate) fn function_return(&self, module: u32, function: u32) -> Option<FunctionReturn> {
        if module != 0 {
            return None;
        }
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        let made =
            images.values().find_map(|slot| slot.get()?.as_ref().map(|image| Arc::clone(&image.returns)));
        made?.get(&function).cloned()
    }
}
