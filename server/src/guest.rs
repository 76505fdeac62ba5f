//! The program under debug: from a file and options to a guest that can be launched, again and again.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Result, anyhow, bail};
use debugger::{Entry, Events, Guest, Session, Spawner};
use gdb::Cache;
use runtime::{EngineConfig, FuncType, Linker, Module, Tiers};

use crate::args::GuestOptions;
use crate::invoke;
use crate::kept;
use crate::module_file::{MAGIC, ModuleFile};
use crate::preload::Preloads;

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

/// A program: a module, and how to run it.
#[derive(Clone)]
pub(crate) struct Program {
    file: ModuleFile,
    preloads: Preloads,
    options: GuestOptions,
    cache: Option<Cache>,
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
        if is_object(file.module()) {
            bail!(
                "{}: an object file, which is no program yet: link it first, as `clang` does without `-c`",
                file.name()
            );
        }
        let mut file = file.with_paths(&options.paths);
        let mut preloads = Preloads::load(file.engine(), &options.preloads)?;
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
        let mut preloaded = self.preloads.for_symbols(self.file.module())?;
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
        if run_at_once {
            // It may write to its own file.
            self.file.take()?;
        }
        let entry = self.entry(words)?;
        let spawner = Spawner::new();
        let linker = self.linker(words, &spawner)?;
        let (engine, module) = (self.file.engine().clone(), self.file.module().clone());
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
        let (_, function) = self.file.module().exported_functions().find(|(export, _)| *export == name)?;
        self.file.module().function_type(function)
    }

    fn what_to_invoke(&self) -> String {
        let mut names: Vec<&str> =
            self.file.module().exported_functions().map(|(name, _)| name).take(9).collect();
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
        if !self.options.preloads.is_empty() && starts_threads(self.file.module()) {
            bail!("{}: a program that starts threads cannot have modules preloaded", self.file.name());
        }
        let spawner = spawner.clone();
        wasi::add_threads(&mut linker, self.file.engine(), self.file.module(), move |body| {
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

/// Why a program could not begin, with what may help.
pub(crate) fn with_advice(reason: &str) -> String {
    if reason.starts_with("unknown import") {
        return format!("{reason}; --stub-imports runs it until it calls one of them");
    }
    reason.to_owned()
}
