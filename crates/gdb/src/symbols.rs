//! The symbol image that the client reads as the guest's executable file: made once, and only when somebody wants it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

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
    /// The symbol image that clients are served, to be kept as a file. Code of libraries whose sources are not on this
    /// machine has no lines in it, if other sources are.
    ///
    /// # Errors
    /// If the module is malformed. Debug info that cannot be used is left out, and reported in the image.
    pub fn symbol_image(&self) -> Result<dwarf::SymbolImage, dwarf::Error> {
        self.image_for(self.persona())
    }

    /// The machine that is shown for it.
    pub(crate) fn persona(&self) -> &'static dyn Persona {
        persona::for_module(&self.module)
    }

    fn image_for(&self, persona: &dyn Persona) -> Result<dwarf::SymbolImage, dwarf::Error> {
        let layout = persona.symbol_layout(0, 0, &self.imported_functions);
        // A debugger looks for relative paths in its current directory; next to the module is the closest to that.
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let source_exists = |source: &Path| directory.join(source).is_file();
        dwarf::symbol_image_of_sources(&self.module, self.debug_file.as_deref(), &layout, &source_exists)
    }
}

/// A program with its symbol image.
#[derive(Debug)]
pub(crate) struct Symbols {
    program: Program,
    /// None inside when it could not be made.
    image: OnceLock<Option<Image>>,
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
        Self { program, image: OnceLock::new() }
    }

    /// The machine that is shown for the program.
    pub(crate) fn persona(&self) -> &'static dyn Persona {
        self.program.persona()
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

    /// The image; makes it if nobody did, and waits if somebody is at it. None when it cannot be made, which is logged.
    pub(crate) fn image(&self, persona: &dyn Persona) -> Option<Arc<[u8]>> {
        let image = self.image.get_or_init(|| self.make(persona));
        image.as_ref().map(|image| Arc::clone(&image.elf))
    }

    /// Starts making the image on a thread of its own, so that it is there when the client asks.
    pub(crate) fn prepare(self: &Arc<Self>, persona: &'static dyn Persona) {
        if self.image.get().is_some() {
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
        match self.program.image_for(persona) {
            Ok(image) => Some(Image { elf: Arc::from(image.elf), returns: image.returns }),
            Err(error) => {
                tracing::warn!(%error, "no symbols for the debugger");
                None
            }
        }
    }

    /// How a function of the main module returns what is not one scalar. Does not wait for the image: a client that
    /// finishes functions has read it.
    pub(crate) fn function_return(&self, module: u32, function: u32) -> Option<FunctionReturn> {
        let image = self.image.get()?.as_ref().filter(|_| module == 0)?;
        image.returns.get(&function).cloned()
    }
}
