//! The program under debug: from a file and options to a guest that can be launched, again and again.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, anyhow, bail};
use debugger::{Entry, Events, Guest, Session, Spawner};
use dwarf::{LocalNames, NamedLocals, OwnText, PathMap, TextFolder, WatLines};
use frame_table::ModulePc;
use gdb::{Cache, ContentHash, FileState};
use runtime::{Engine, EngineConfig, ExternType, FuncType, Import, Linker, Module, ObservableLocals, Tiers};

use crate::args::GuestOptions;
use crate::debug_files::{self, DebugFiles};
use crate::files::Files;
use crate::invoke;
use crate::kept::{self, KeptCode};
use crate::preload::Preloads;
use crate::reading::read;

/// The first bytes of a module in the binary format.
const MAGIC: &[u8] = b"\0asm";

/// Validating the functions of a smaller module takes a few hundredths of a second at most, and is done before anything else. Bytes.
const WORTH_TIME: usize = 1 << 20;

/// Loading a smaller module takes a few milliseconds at most. Bytes.
const WORTH_HASTE: u64 = 512 << 10;

/// Whether it is worth it to listen before the program is loaded, as far as its file says. Until all of a module is compiled, no
/// client should wait.
pub(crate) fn takes_long(options: &GuestOptions) -> bool {
    let is_large =
        |file: &File| file.metadata().is_ok_and(|file| file.is_file() && file.len() >= WORTH_HASTE);
    let is_module = |mut file: File| {
        let mut first = [0; MAGIC.len()];
        file.read_exact(&mut first).is_ok() && first == MAGIC
    };
    !options.compile_all && File::open(&options.module).ok().filter(is_large).is_some_and(is_module)
}

/// A module from a file.
#[derive(Clone)]
pub(crate) struct ModuleFile {
    path: PathBuf,
    engine: Engine,
    module: Module,
    hash: ContentHash,
    /// What the system said of the file before it was read.
    state: Option<FileState>,
    /// A file with debug info that the user named.
    debug_file: Option<(PathBuf, Arc<[u8]>)>,
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
fn load_debug_file(path: &Path) -> Result<Arc<[u8]>> {
    let bytes = read(path)?;
    if !bytes.starts_with(MAGIC) {
        bail!("{} has no debug info: it is not a WebAssembly module", path.display());
    }
    dwarf::Module::parse(&bytes).with_context(|| format!("{} has no debug info", path.display()))?;
    Ok(bytes)
}

/// A program: a module, and how to run it.
#[derive(Clone)]
pub(crate) struct Program {
    file: ModuleFile,
    preloads: Preloads,
    options: GuestOptions,
    cache: Option<Cache>,
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
        let file = Self::load_in(&engine, path, is_kept)?;
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
        let (module, hash, state) = load_module(engine, path, is_kept)?;
        let (path, engine) = (path.to_owned(), engine.clone());
        let paths = PathMap::default();
        let debug_files = Arc::default();
        Ok(Self { path, engine, module, hash, state, debug_file: None, debug_files, paths, code: None })
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
    pub(crate) fn debug_files(&self) -> Vec<Arc<[u8]>> {
        self.found_debug_files().files.clone()
    }

    fn found_debug_files(&self) -> &DebugFiles {
        let named = self.debug_file.as_ref().map(|(path, bytes)| (path.as_path(), bytes));
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
        let get_ready = move || match LocalNames::new(Arc::clone(file.module.bytes()), file.debug_files()) {
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

    /// Reads what it takes to compile its functions for the run tier, if nobody did.
    pub(crate) fn get_ready(&self) {
        self.module.get_ready();
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
            let read = std::fs::read(&path).map(Arc::from);
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
            module: Arc::clone(self.module.bytes()),
            hash: self.hash.clone(),
            file: self.state,
            debug_files: self.debug_files(),
            texts: Some(self.texts_in(Files::folder())?),
            paths: self.paths.clone(),
            imported_functions: functions.map(name).collect(),
        })
    }
}

impl Program {
    /// Loads the module and everything else that its options name.
    ///
    /// # Errors
    /// When a file cannot be read, the module is not valid, or it has not the function that is to be called.
    pub(crate) fn load(options: GuestOptions) -> Result<Self> {
        let tiers = if options.precise_traps { Tiers::Debug } else { Tiers::Automatic };
        let config = EngineConfig { tiers, compile_ahead: options.compile_all, ..options.limits.config() };
        let file = ModuleFile::load(
            &options.module,
            options.debug_file.as_deref(),
            config,
            options.cache.is_some(),
        )?;
        if is_object(&file.module) {
            bail!(
                "{}: an object file, which is no program yet: link it first, as `clang` does without `-c`",
                file.name()
            );
        }
        let mut file = file.with_paths(&options.paths);
        let mut preloads = Preloads::load(&file.engine, &options.preloads)?;
        if !options.complete {
            file.keep_what_is_named();
            preloads.keep_what_is_named();
        }
        let cache = options.cache.as_deref().map(kept::open).transpose()?;
        if let Some(cache) = &cache {
            file.take_code_from(cache, options.complete);
            preloads.take_code_from(cache, options.complete);
        }
        let program = Self { file, preloads, options, cache };
        program.entry(&program.given_words()?)?;
        Ok(program)
    }

    /// Its module.
    #[must_use]
    pub(crate) fn file(&self) -> &ModuleFile {
        &self.file
    }

    /// Where things are kept for the next time.
    #[must_use]
    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// Keeps the code that was compiled for the next time, if the user wants that.
    pub(crate) fn keep_code(&self) {
        self.file.keep_code();
        self.preloads.keep_code();
    }

    /// Waits until it is known that all functions of all modules are valid. Until then the program cannot run.
    ///
    /// # Errors
    /// When one is not.
    pub(crate) fn wait_until_valid(&self) -> Result<()> {
        self.preloads.wait_until_valid()?;
        self.file.wait_until_valid()
    }

    /// The words of the command line that the program is given.
    #[must_use]
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.options.args.iter().map(|word| word.display().to_string()).collect()
    }

    /// What clients are told of the program's own module.
    ///
    /// # Errors
    /// When there is no current directory to make its path absolute.
    pub(crate) fn for_symbols(&self) -> Result<gdb::Program> {
        let mut program = self.file.for_symbols(&self.preloads.names())?;
        self.apply_options(&mut program);
        Ok(program)
    }

    /// What clients are told of the modules that are instantiated before it.
    ///
    /// # Errors
    /// When there is no current directory to make their paths absolute.
    pub(crate) fn preloaded(&self) -> Result<Vec<gdb::Preloaded>> {
        let mut preloaded = self.preloads.for_symbols(&self.file.module)?;
        preloaded.iter_mut().for_each(|preloaded| self.apply_options(&mut preloaded.program));
        Ok(preloaded)
    }

    /// What the user says of all modules.
    fn apply_options(&self, program: &mut gdb::Program) {
        program.texts.iter_mut().for_each(|texts| texts.wat = self.options.wat);
        program.paths = self.options.paths.clone();
    }

    /// Starts the guest with the arguments of the command line.
    ///
    /// # Errors
    /// As [`Program::launch_with`].
    pub(crate) fn launch(&self, run_at_once: bool) -> Result<(Session, Events)> {
        self.launch_with(&self.given_words()?, run_at_once)
    }

    /// Starts the guest with other arguments. What its imports lack is the first event.
    ///
    /// # Errors
    /// When the arguments do not fit, a directory cannot be opened, or there is no thread to be had.
    pub(crate) fn launch_with(&self, words: &[String], run_at_once: bool) -> Result<(Session, Events)> {
        let entry = self.entry(words)?;
        let spawner = Spawner::new();
        let linker = self.linker(words, &spawner)?;
        let ModuleFile { engine, module, .. } = self.file.clone();
        let preloads = self.preloads.for_guest();
        Ok(Session::launch(Guest { engine, module, linker, preloads, entry, run_at_once, spawner })?)
    }

    fn given_words(&self) -> Result<Vec<String>> {
        let word = |word: &std::ffi::OsString| {
            word.to_str()
                .map(str::to_owned)
                .ok_or_else(|| anyhow!("argument `{}` is not UTF-8", word.display()))
        };
        self.options.args.iter().map(word).collect()
    }

    fn entry(&self, words: &[String]) -> Result<Entry> {
        let Some(export) = &self.options.invoke else {
            // Of a reactor, only the initialisation runs.
            if self.exported("_start").or_else(|| self.exported("_initialize")).is_none() {
                bail!(
                    "{}: there is no exported function `_start`; {}",
                    self.file.name(),
                    self.what_to_invoke()
                );
            }
            return Ok(Entry::Start);
        };
        let ty = self.exported(export).ok_or_else(|| {
            anyhow!(
                "{}: there is no exported function `{export}`; {}",
                self.file.name(),
                self.what_to_invoke()
            )
        })?;
        let arguments = invoke::parse_arguments(export, ty, words)?;
        Ok(Entry::Invoke { export: export.clone(), arguments })
    }

    fn exported(&self, name: &str) -> Option<&FuncType> {
        let (_, function) = self.file.module.exported_functions().find(|(export, _)| *export == name)?;
        self.file.module.function_type(function)
    }

    fn what_to_invoke(&self) -> String {
        let mut names: Vec<&str> =
            self.file.module.exported_functions().map(|(name, _)| name).take(9).collect();
        if names.is_empty() {
            return "it exports no function".to_owned();
        }
        if names.len() == 9 {
            names[8] = "...";
        }
        format!("--invoke takes one of: {}", names.join(", "))
    }

    /// What the guest may import: WASI preview 1, with this process's standard streams, and wasi-threads.
    fn linker(&self, words: &[String], spawner: &Spawner) -> Result<Linker> {
        let mut linker = Linker::new();
        if self.options.stub_imports {
            linker.stand_in();
        }
        let own_name = self.options.module.display().to_string();
        // The words of a function that is invoked are its parameters.
        let words = if self.options.invoke.is_some() { &[] } else { words };
        let mut builder = wasi::WasiBuilder::new();
        builder.args(std::iter::once(own_name.as_str()).chain(words.iter().map(String::as_str)));
        for (key, value) in &self.options.env {
            builder.env(key, value);
        }
        for (host, guest) in &self.options.dirs {
            builder.dir(host, guest);
        }
        builder.build()?.add_to_linker(&mut linker);
        if !self.options.preloads.is_empty() && starts_threads(&self.file.module) {
            bail!("{}: a program that starts threads cannot have modules preloaded", self.file.name());
        }
        let spawner = spawner.clone();
        wasi::add_threads(&mut linker, &self.file.engine, &self.file.module, move |body| {
            let started = spawner.spawn(move |store, thread| body(store, thread.0));
            started.map(|thread| thread.0).map_err(|error| error.to_string())
        })
        .map_err(|error| anyhow!("{}: {error}", self.file.name()))?;
        Ok(linker)
    }
}

/// Whether a module is an object file: its memory and addresses come from the linker. It cannot run with any others.
fn is_object(module: &Module) -> bool {
    let mut imports = module.imports().iter();
    imports.any(|import| (import.module.as_str(), import.name.as_str()) == ("env", "__linear_memory"))
}

/// Whether a module imports the function of wasi-threads.
fn starts_threads(module: &Module) -> bool {
    module
        .imports()
        .iter()
        .any(|import| (import.module.as_str(), import.name.as_str()) == ("wasi", "thread-spawn"))
}

/// Loads a module, with its hash, which is found meanwhile if `is_hashed`, and with what the system says of the file if that is the
/// module byte for byte.
fn load_module(
    engine: &Engine,
    path: &Path,
    is_hashed: bool,
) -> Result<(Module, ContentHash, Option<FileState>)> {
    let shown = path.display();
    let state = FileState::of(path);
    let bytes = read(path)?;
    let state = state.filter(|_| path.is_file() && bytes.starts_with(MAGIC));
    let is_text = path.extension().is_some_and(|extension| extension == "wat");
    if !is_text && !bytes.starts_with(MAGIC) && !looks_like_text(&bytes) {
        bail!("{shown} is not a Wasm module: it does not start with `\\0asm`");
    }
    let name = shown.to_string();
    let hash = ContentHash::default();
    let module = if bytes.starts_with(MAGIC) {
        if is_hashed {
            hash.start(&bytes);
        }
        let is_small = bytes.len() < WORTH_TIME;
        let module = Module::from_binary_early(engine, bytes, &name);
        module
            .and_then(|module| if is_small { module.wait_until_valid().map(|()| module) } else { Ok(module) })
    } else {
        Module::new(engine, &bytes, &name)
    };
    Ok((module.map_err(|error| invalid(path, error))?, hash, state))
}

/// Why a program could not begin, with what may help.
pub(crate) fn with_advice(reason: &str) -> String {
    if reason.starts_with("unknown import") {
        return format!("{reason}; --stub-imports runs it until it calls one of them");
    }
    reason.to_owned()
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
