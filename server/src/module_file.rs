//! A module from a file, with the files that have its debug info.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use dwarf::{LocalNames, NamedLocals, OwnText, PathMap, TextFolder, WatLines};
use frame_table::ModulePc;
use gdb::{Cache, ContentHash, FileState};
use runtime::{Engine, EngineConfig, ExternType, Import, Module, ObservableLocals};

use crate::debug_files::{self, DebugFiles};
use crate::files::Files;
use crate::kept::KeptCode;
use crate::reading::FileContents;

/// The first bytes of a module in the binary format.
pub(crate) const MAGIC: &[u8] = b"\0asm";

/// Validating the functions of a smaller module takes a few hundredths of a second at most, and is done before anything else. Bytes.
const WORTH_TIME: usize = 1 << 20;

/// A module from a file.
#[derive(Clone)]
pub(crate) struct ModuleFile {
    path: PathBuf,
    /// What it was read from.
    contents: FileContents,
    engine: Engine,
    module: Module,
    hash: ContentHash,
    /// What the system said of the file before it was read.
    state: Option<FileState>,
    /// A file with debug info that the user named.
    debug_file: Option<(PathBuf, FileContents)>,
    /// All files with its debug info, once somebody asked.
    debug_files: Arc<OnceLock<DebugFiles>>,
    /// Where sources are now.
    paths: PathMap,
    /// Its code, if that is kept for the next time.
    code: Option<Arc<KeptCode>>,
}

/// The file with debug info that the user named. It is a module, too.
///
/// # Errors
/// When it cannot be read or is none.
fn load_debug_file(path: &Path) -> Result<FileContents> {
    let file = FileContents::map(path)?;
    let bytes = &file.bytes;
    if !bytes.starts_with(MAGIC) {
        bail!("{} has no debug info: it is not a WebAssembly module", path.display());
    }
    dwarf::Module::parse(bytes).with_context(|| format!("{} has no debug info", path.display()))?;
    Ok(file)
}

impl ModuleFile {
    /// Loads a module, and the file with its debug info if one is named. `is_kept` is whether what is made from the module will be kept
    /// for the next time.
    ///
    /// # Errors
    /// When a file cannot be read or the module is not valid.
    pub(crate) fn load(
        path: &Path,
        debug_file: Option<&Path>,
        config: EngineConfig,
        is_kept: bool,
    ) -> Result<Self> {
        let engine = Engine::new(config)?;
        let file = Self::from_contents(&engine, path, is_kept, FileContents::map)?;
        debug_file.map_or_else(|| Ok(file.clone()), |debug_file| file.clone().with_debug_file(debug_file))
    }

    /// With the file that has the debug info.
    ///
    /// # Errors
    /// When it cannot be read or is no module.
    pub(crate) fn with_debug_file(mut self, debug_file: &Path) -> Result<Self> {
        self.debug_file = Some((debug_file.to_owned(), load_debug_file(debug_file)?));
        Ok(self)
    }

    /// With sources that are elsewhere now.
    #[must_use]
    pub(crate) fn with_paths(self, paths: &PathMap) -> Self {
        Self { paths: paths.clone(), ..self }
    }

    /// Where its sources are now.
    #[must_use]
    pub(crate) fn paths(&self) -> &PathMap {
        &self.paths
    }

    /// Loads a module that is to run with others of an engine. Of a large one it may be known later whether its functions are
    /// valid.
    ///
    /// # Errors
    /// When the file cannot be read or the module is not valid.
    pub(crate) fn load_in(engine: &Engine, path: &Path, is_kept: bool) -> Result<Self> {
        Self::from_contents(engine, path, is_kept, FileContents::read)
    }

    fn from_contents(
        engine: &Engine,
        path: &Path,
        is_kept: bool,
        read: impl FnOnce(&Path) -> Result<FileContents>,
    ) -> Result<Self> {
        let state = FileState::of(path);
        let contents = read(path)?;
        let (module, hash) = load_module(engine, path, is_kept, &contents.bytes)?;
        Ok(Self {
            path: path.to_owned(),
            state: state.filter(|_| path.is_file() && contents.bytes.starts_with(MAGIC)),
            contents,
            engine: engine.clone(),
            module,
            hash,
            debug_file: None,
            debug_files: Arc::default(),
            paths: PathMap::default(),
            code: None,
        })
    }

    /// Waits until it is known that the functions are valid.
    ///
    /// # Errors
    /// When one is not.
    pub(crate) fn wait_until_valid(&self) -> Result<()> {
        self.module.wait_until_valid().map_err(|error| invalid(&self.path, error))
    }

    /// The module.
    #[must_use]
    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    /// Where it lies, as the user gave it.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The engine that it is for.
    #[must_use]
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the module is called: its path as the user gave it.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        self.module.name()
    }

    /// The files with the debug info that the module has not itself.
    #[must_use]
    pub(crate) fn debug_files(&self) -> Vec<Bytes> {
        self.found_debug_files().files.clone()
    }

    fn found_debug_files(&self) -> &DebugFiles {
        let named = self.debug_file.as_ref().map(|(path, file)| (path.as_path(), &file.bytes));
        self.debug_files.get_or_init(|| debug_files::find(&self.path, &self.module, named))
    }

    /// Says which of these files are missing.
    pub(crate) fn warn_of_missing(&self) {
        for warning in &self.found_debug_files().warnings {
            tracing::warn!("{warning}");
        }
    }

    /// Has the guest keep the locals that the debug info names, and of the others those that it needs itself.
    pub(crate) fn keep_what_is_named(&mut self) {
        let file = self.clone();
        let get_ready = move || match LocalNames::new(file.module.bytes().clone(), file.debug_files()) {
            Ok(names) => {
                // Without debug info, debuggers show locals as they are.
                let names = names?;
                Some(move |body: &Range<ModulePc>| {
                    let NamedLocals { named, whole, frame_bases } = names.of_function(body)?;
                    Some(ObservableLocals::new(named, whole, frame_bases))
                })
            }
            Err(error) => {
                tracing::debug!(%error, "all locals are kept");
                None
            }
        };
        self.module = self.module.clone().with_observable_from(get_ready);
    }

    /// Does what a start does not wait for: reads what it takes to compile its functions for the run tier, if nobody did, and takes
    /// what is still the file's.
    ///
    /// # Errors
    /// As [`ModuleFile::take`].
    pub(crate) fn get_ready(&self) -> Result<()> {
        self.module.get_ready();
        self.take()
    }

    /// Makes the contents of its files the process's own: what happens to the files from now on is of no concern.
    ///
    /// # Errors
    /// When a file has changed meanwhile.
    pub(crate) fn take(&self) -> Result<()> {
        let debug_file = self.debug_file.iter().map(|(path, contents)| (path, contents));
        std::iter::once((&self.path, &self.contents)).chain(debug_file).try_for_each(|(path, contents)| {
            contents.take().with_context(|| format!("{} cannot be loaded", path.display()))
        })
    }

    /// Has its code taken from a cache, as far as it is there. `complete` is whether all locals are kept.
    pub(crate) fn take_code_from(&mut self, cache: &Cache, complete: bool) {
        let observable = if complete { None } else { Some(self.debug_files()) };
        let code = KeptCode::new(
            cache,
            &self.path,
            &self.module.code_depends_on(&self.engine),
            &self.hash.of(self.module.bytes()),
            observable,
        );
        self.module = self.module.clone().with_code_cache(Arc::clone(code.cache()));
        let code = Arc::new(code);
        code.keep_when_quiet();
        self.code = Some(code);
    }

    /// Keeps the code that was compiled for the next time.
    pub(crate) fn keep_code(&self) {
        if let Some(code) = &self.code {
            code.keep();
        }
    }

    /// What texts that stand for its sources are made from, and where they are to be.
    ///
    /// # Errors
    /// When there is no current directory to make the path absolute.
    pub(crate) fn texts_in(&self, path: PathBuf) -> Result<TextFolder> {
        let stem = self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let file = std::path::absolute(&self.path).context("no current directory")?;
        let beside = file.parent().unwrap_or(Path::new("/")).to_owned();
        let parsed = dwarf::Module::parse_custom_sections(self.module.bytes()).ok();
        let url = parsed.and_then(|module| module.source_map_url);
        let source_map = url.filter(|url| !url.contains(':')).and_then(|url| {
            let path = beside.join(url);
            let read = std::fs::read(&path).map(Bytes::from);
            read.inspect_err(|error| tracing::info!(%error, "no source map in {}", path.display())).ok()
        });
        let name = stem.unwrap_or_else(|| "module".to_owned());
        let own_text = own_text(&file, &self.module);
        Ok(TextFolder { path, name, beside, wat: WatLines::Auto, own_text, source_map })
    }

    /// The module as the symbol image is made from it. What it imports from `others` is not the host's.
    ///
    /// # Errors
    /// When there is no current directory to make the path absolute.
    pub(crate) fn for_symbols(&self, others: &[&str]) -> Result<gdb::Program> {
        self.warn_of_missing();
        let name = |import: &Import| {
            if others.contains(&import.module.as_str()) {
                return String::new();
            }
            format!("{}.{}", import.module, import.name)
        };
        let functions =
            self.module.imports().iter().filter(|import| matches!(import.ty, ExternType::Function(_)));
        Ok(gdb::Program {
            path: std::path::absolute(&self.path).context("no current directory")?,
            module: self.module.bytes().clone(),
            hash: self.hash.clone(),
            file: self.state,
            debug_files: self.debug_files(),
            texts: Some(self.texts_in(Files::folder())?),
            paths: self.paths.clone(),
            imported_functions: functions.map(name).collect(),
        })
    }
}

/// Loads a module, with its hash, which is found meanwhile if `is_hashed`.
fn load_module(
    engine: &Engine,
    path: &Path,
    is_hashed: bool,
    bytes: &Bytes,
) -> Result<(Module, ContentHash)> {
    let shown = path.display();
    let is_text = path.extension().is_some_and(|extension| extension == "wat");
    if !is_text && !bytes.starts_with(MAGIC) && !looks_like_text(bytes) {
        bail!("{shown} is not a Wasm module: it does not start with `\\0asm`");
    }
    let name = shown.to_string();
    let hash = ContentHash::default();
    let module = if bytes.starts_with(MAGIC) {
        if is_hashed {
            hash.start(bytes);
        }
        let is_small = bytes.len() < WORTH_TIME;
        let module = Module::from_binary_early(engine, bytes.clone(), &name);
        module
            .and_then(|module| if is_small { module.wait_until_valid().map(|()| module) } else { Ok(module) })
    } else {
        Module::new(engine, bytes, &name)
    };
    Ok((module.map_err(|error| invalid(path, error))?, hash))
}

/// What the user is told of a module that cannot be loaded.
fn invalid(path: &Path, error: runtime::Error) -> anyhow::Error {
    match error {
        runtime::Error::Text(text) => anyhow!("{}{}", path.display(), on_one_line(&text)),
        other => anyhow!("{}: {other}", path.display()),
    }
}

/// Which lines a module in the text format has in its file.
fn own_text(path: &Path, module: &Module) -> Option<OwnText> {
    // A pipe was read already.
    let is_binary = || -> io::Result<bool> {
        let mut first = [0; MAGIC.len()];
        File::open(path)?.read_exact(&mut first).map(|()| first.as_slice() == MAGIC)
    };
    if !path.is_file() || is_binary().unwrap_or(false) {
        return None;
    }
    let text = std::fs::read(path).ok()?;
    let mut parser = wat::Parser::new();
    let assembled = parser.generate_dwarf(wat::GenerateDwarf::Lines).parse_bytes(Some(path), &text).ok()?;
    OwnText::new(path.to_owned(), module.bytes(), &assembled)
}

/// A module in the text format, whatever the file is called.
fn looks_like_text(bytes: &[u8]) -> bool {
    let rest = bytes.trim_ascii_start();
    rest.starts_with(b"(") || rest.starts_with(b";;")
}

/// `LINE:COLUMN: MESSAGE` from the several lines with which the parser of the text format draws a mistake.
fn on_one_line(text: &str) -> String {
    let mut lines = text.lines();
    let message = lines.next().unwrap_or_default().trim();
    let place = lines.find_map(|line| line.trim().strip_prefix("-->"));
    let place = place.and_then(|place| place.trim().strip_prefix("<anon>:"));
    place.map_or_else(|| format!(": {message}"), |place| format!(":{place}: {message}"))
}
