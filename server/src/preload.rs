//! `--preload NAME=FILE`: modules that are instantiated before the program, which imports from them.
//!
//! A file that is named twice is one module with two instances.

use std::path::PathBuf;

use anyhow::Result;
use debugger::Preload;
use gdb::Cache;
use runtime::{Engine, ExternType, Module};

use crate::module_file::ModuleFile;

/// The modules, in the order of the command line.
#[derive(Clone)]
pub(crate) struct Preloads {
    /// Each file once. They have the numbers from 1 on by which debuggers know modules.
    files: Vec<ModuleFile>,
    /// The name of each instance, and its file by index. They have the numbers from 1 on as well.
    instances: Vec<(String, usize)>,
}

/// Whose a memory is: of an instance by its place on the command line, the program's own being behind the last, or of
/// the host.
#[derive(PartialEq, Eq)]
enum Memory {
    Of { instance: usize, index: u32 },
    Host,
}

impl Preloads {
    /// Loads the modules.
    ///
    /// # Errors
    /// When a file cannot be read or a module is not valid.
    pub(crate) fn load(engine: &Engine, options: &[(String, PathBuf)]) -> Result<Self> {
        let mut paths = Vec::new();
        let mut preloads = Self { files: Vec::new(), instances: Vec::new() };
        for (name, path) in options {
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            let known = paths.iter().position(|other| *other == real);
            let file = match known {
                Some(file) => file,
                None => {
                    preloads.files.push(ModuleFile::load_in(engine, path, false)?);
                    paths.push(real);
                    preloads.files.len() - 1
                }
            };
            preloads.instances.push((name.clone(), file));
        }
        Ok(preloads)
    }

    /// Waits until it is known that the functions of all of them are valid.
    ///
    /// # Errors
    /// When one is not.
    pub(crate) fn wait_until_valid(&self) -> Result<()> {
        self.files.iter().try_for_each(ModuleFile::wait_until_valid)
    }

    /// Has the guest keep of their locals what it keeps of the program's.
    pub(crate) fn keep_what_is_named(&mut self) {
        self.files.iter_mut().for_each(ModuleFile::keep_what_is_named);
    }

    /// Has their code taken from a cache.
    pub(crate) fn take_code_from(&mut self, cache: &Cache, complete: bool) {
        self.files.iter_mut().for_each(|file| file.take_code_from(cache, complete));
    }

    /// Keeps their code for the next time.
    pub(crate) fn keep_code(&self) {
        self.files.iter().for_each(ModuleFile::keep_code);
    }

    /// The names from which modules can import.
    #[must_use]
    pub(crate) fn names(&self) -> Vec<&str> {
        self.instances.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// What the debugger is to instantiate.
    #[must_use]
    pub(crate) fn for_guest(&self) -> Vec<Preload> {
        let preload = |(name, file): &(String, usize)| {
            Some(Preload { name: name.clone(), module: self.files.get(*file)?.module().clone() })
        };
        self.instances.iter().filter_map(preload).collect()
    }

    /// What clients are told of them. `program` imports from them.
    ///
    /// # Errors
    /// When there is no current directory to make paths absolute.
    pub(crate) fn for_symbols(&self, program: &Module) -> Result<Vec<gdb::Preloaded>> {
        let names = self.names();
        let main_memory = self.memory(self.instances.len(), program, 0);
        let preloaded = |(number, file): (usize, &ModuleFile)| {
            let mut own = (0..).zip(&self.instances).filter(|(_, (_, file))| *file == number);
            let (first, others) = (own.next().map_or(0, |(instance, _)| instance), own.count());
            let memory = self.memory(first, file.module(), 0);
            let has_variables = others == 0 && (memory.is_none() || memory == main_memory);
            let visible = names.get(..first).unwrap_or_default();
            let instance = u32::try_from(first + 1).ok().filter(|_| has_variables);
            let mut program = file.for_symbols(visible)?;
            if let Some(texts) = &mut program.texts {
                // Several files in different folders may have the same name.
                texts.name = format!("{}.{}", texts.name, number + 1);
            }
            Ok(gdb::Preloaded { program, instance })
        };
        self.files.iter().enumerate().map(preloaded).collect()
    }

    /// Whose the memory with this index of an instance is, if it has that.
    fn memory(&self, instance: usize, module: &Module, index: u32) -> Option<Memory> {
        let wanted = usize::try_from(index).ok()?;
        module.memories().get(wanted)?;
        let mut imported =
            module.imports().iter().filter(|import| matches!(import.ty, ExternType::Memory(_)));
        let Some(import) = imported.nth(wanted) else { return Some(Memory::Of { instance, index }) };
        let before = self.instances.get(..instance).unwrap_or_default();
        let Some(provider) = before.iter().position(|(name, _)| *name == import.module) else {
            return Some(Memory::Host);
        };
        let (_, file) = before.get(provider)?;
        let module = self.files.get(*file)?.module();
        self.memory(provider, module, module.exported_memory(&import.name)?)
    }
}
