//! A validated module: what its sections say, with the bodies left as byte ranges until somebody compiles them.

mod bodies;
mod const_expr;
mod hints;
mod names;
mod observable;
mod parse;
mod types;

use crate::access::Accesses;
use crate::engine::Engine;
use crate::error::Error;
use crate::jit::CodeCache;
use crate::translate::{Guard, Version};
use crate::types::TypeDef;
use crate::value::{FuncType, ValueType};
use bodies::Validity;
use bytes::Bytes;
pub(crate) use const_expr::{ConstExpr, ConstOp};
use frame_table::{HeapType, ModulePc, RefType};
use hints::BranchHints;
use names::{NameSections, Names};
use observable::Awaited;
pub use observable::ObservableLocals;
pub(crate) use observable::{NamedLocals, Observable};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Code of a function that [`Module::explain`] shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explained {
    /// The run tier's.
    Run,
    /// The run tier's while memory is watched for writes.
    Guarded,
    /// The debug tier's, which calls come to.
    Debug,
    /// The debug tier's into which frames are moved.
    Landing,
}

/// A validated module. Cheap to clone.
#[derive(Clone)]
pub struct Module {
    info: Arc<ModuleInfo>,
}

/// What a module's sections declare. All index spaces start with the imports.
#[derive(Default)]
pub(crate) struct ModuleInfo {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
    pub(crate) types: Vec<Arc<TypeDef>>,
    /// Whether a type or a global has a vector, so that one can be an operand of code without vector operators.
    pub(crate) has_v128: bool,
    pub(crate) imports: Vec<Import>,
    /// Type index of each function.
    pub(crate) functions: Vec<u32>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<GlobalType>,
    /// Type index of each tag.
    pub(crate) tags: Vec<u32>,
    pub(crate) imported: Counts,
    /// One per defined table.
    pub(crate) table_inits: Vec<ConstExpr>,
    /// One per defined global.
    pub(crate) global_inits: Vec<ConstExpr>,
    pub(crate) exports: Vec<Export>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<ElementSegment>,
    pub(crate) data: Vec<DataSegment>,
    /// Byte range in the module of each defined function's body, from its local declarations to its `end`.
    pub(crate) bodies: Vec<Range<usize>>,
    /// Byte range of the code section's contents.
    pub(crate) code_section: Range<usize>,
    pub(crate) name_sections: NameSections,
    pub(crate) branch_hints: BranchHints,
    /// Byte range in the module of the contents of the section with hints, until they are read.
    hint_section: Option<Range<usize>>,
    custom_problems: Vec<String>,
    /// What a debugger can ask for; not set, everything.
    observable: OnceLock<Awaited>,
    /// Where code is looked for before it is compiled.
    code_cache: OnceLock<Arc<CodeCache>>,
    /// Whether the bodies are valid.
    validity: Validity,
}

/// How many entities of each kind are imported.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) functions: u32,
    pub(crate) tables: u32,
    pub(crate) memories: u32,
    pub(crate) globals: u32,
    pub(crate) tags: u32,
}

/// One import.
#[derive(Clone, Debug)]
pub struct Import {
    /// Name of the module imported from.
    pub module: String,
    /// Name of the entity.
    pub name: String,
    /// What the module expects there.
    pub ty: ExternType,
}

/// What a call operator names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// A function, by index.
    Function(u32),
    /// The element of this table that the topmost operand says.
    Element {
        /// Table index.
        table: u32,
    },
}

/// The type of an import or export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternType {
    /// A function.
    Function(FuncType),
    /// A table.
    Table(TableType),
    /// A linear memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag of exceptions, with the parameters that they carry.
    Tag(FuncType),
}

/// The type of the numbers that name places in a table or a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IndexType {
    /// 32-bit numbers.
    #[default]
    I32,
    /// 64-bit numbers.
    I64,
}

/// The type of a table; sizes in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableType {
    /// Type of the elements.
    pub element: RefType,
    /// Initial size.
    pub minimum: u64,
    /// Size that `table.grow` may not exceed.
    pub maximum: Option<u64>,
    /// Type of the indices.
    pub index: IndexType,
}

/// The type of a linear memory; sizes in pages of 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryType {
    /// Initial size.
    pub minimum: u64,
    /// Size that `memory.grow` may not exceed.
    pub maximum: Option<u64>,
    /// Type of the addresses.
    pub index: IndexType,
    /// Whether several threads may use it at once.
    pub shared: bool,
}

impl IndexType {
    /// The type of such numbers as values.
    #[must_use]
    pub fn value_type(self) -> ValueType {
        match self {
            Self::I32 => ValueType::I32,
            Self::I64 => ValueType::I64,
        }
    }
}

impl TableType {
    /// A table with 32-bit indices.
    #[must_use]
    pub fn new(element: RefType, minimum: u64, maximum: Option<u64>) -> Self {
        Self { element, minimum, maximum, index: IndexType::I32 }
    }
}

impl MemoryType {
    /// A memory of one thread, with 32-bit addresses.
    #[must_use]
    pub fn new(minimum: u64, maximum: Option<u64>) -> Self {
        Self { minimum, maximum, index: IndexType::I32, shared: false }
    }
}

/// The type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalType {
    /// Type of the value.
    pub content: ValueType,
    /// Whether it can be written.
    pub mutable: bool,
}

/// Kind of an exported entity, with its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExternIndex {
    Function(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
    Tag(u32),
}

pub(crate) struct Export {
    pub(crate) name: String,
    pub(crate) index: ExternIndex,
}

/// What happens to a segment at instantiation.
pub(crate) enum SegmentMode {
    Passive,
    Active { target: u32, offset: ConstExpr },
    Declared,
}

pub(crate) struct ElementSegment {
    pub(crate) mode: SegmentMode,
    /// Whether its references can be to objects of the garbage-collected heap.
    pub(crate) holds_objects: bool,
    pub(crate) items: Vec<ConstExpr>,
}

pub(crate) struct DataSegment {
    pub(crate) mode: SegmentMode,
    /// Byte range in the module.
    pub(crate) bytes: Range<usize>,
}

impl Module {
    /// Parses and validates a module: the binary format, or the text format if the bytes do not start as a binary.
    /// `name` is what messages and debuggers call it.
    ///
    /// # Errors
    /// When the bytes are no valid module, or one that needs what this runtime lacks.
    pub fn new(engine: &Engine, bytes: &[u8], name: &str) -> Result<Self, Error> {
        let binary = wat::parse_bytes(bytes).map_err(|error| Error::Text(error.to_string()))?;
        Self::from_binary(engine, Bytes::from(binary.into_owned()), name)
    }

    /// As [`Module::new`], for the binary format only, and without making a copy.
    ///
    /// # Errors
    /// As [`Module::new`].
    pub fn from_binary(engine: &Engine, bytes: Bytes, name: &str) -> Result<Self, Error> {
        let module = Self::from_binary_early(engine, bytes, name)?;
        module.wait_until_valid()?;
        Ok(module)
    }

    /// As [`Module::from_binary`], but the bodies of functions are validated only when [`Module::wait_until_valid`] is called.
    /// Before that, each is when it is compiled: functions that are valid can run.
    ///
    /// # Errors
    /// As [`Module::new`], for what is not in a body.
    pub fn from_binary_early(engine: &Engine, bytes: Bytes, name: &str) -> Result<Self, Error> {
        Ok(Self { info: Arc::new(parse::parse(engine, bytes, name)?) })
    }

    /// Validates all bodies on all processors, if that was not done yet, or waits for it.
    ///
    /// # Errors
    /// What is wrong with the first one that is not valid.
    pub fn wait_until_valid(&self) -> Result<(), Error> {
        self.info.wait_until_valid()
    }

    /// Says which locals a debugger can ask for, so that the run tier need not keep the others. Without this, it keeps
    /// all. For modules that are not instantiated yet; said twice, the first time counts.
    #[must_use]
    pub fn with_observable(self, locals: ObservableLocals) -> Self {
        self.info.observable.get_or_init(|| Awaited::known(locals));
        self
    }

    /// As [`Module::with_observable`], but `find` is asked for each function that is compiled for the run tier, on the thread
    /// that compiles: it says what is observable at least in the function with that body, and none means all of it. It is
    /// made by `get_ready` for the first of these functions, or for whoever calls [`Module::get_ready`]; none there means all locals.
    #[must_use]
    pub fn with_observable_from<F>(self, get_ready: impl FnOnce() -> Option<F> + Send + 'static) -> Self
    where
        F: Fn(&Range<ModulePc>) -> Option<ObservableLocals> + Send + Sync + 'static,
    {
        self.info.observable.get_or_init(|| Awaited::later(get_ready));
        self
    }

    /// Waits until [`Module::with_observable_from`] has what it takes to compile for the run tier. Without this, the first function
    /// that is compiled waits for it.
    pub fn get_ready(&self) {
        if let Some(observable) = self.info.observable.get() {
            observable.get_ready();
        }
    }

    /// Has code of its functions looked for in a cache, and added to it when it is compiled. Said twice, the first time counts.
    #[must_use]
    pub fn with_code_cache(self, cache: Arc<CodeCache>) -> Self {
        self.info.code_cache.get_or_init(|| cache);
        self
    }

    /// What the code of its functions depends on besides its bytes, what is observable, and this library's build: the
    /// processor, and the numbers that its types have in the engine.
    #[must_use]
    pub fn code_depends_on(&self, engine: &Engine) -> String {
        let types: Vec<u32> = self.info.types.iter().map(|ty| ty.id.0).collect();
        format!("{types:?} {}", engine.target())
    }

    pub(crate) fn info(&self) -> &Arc<ModuleInfo> {
        &self.info
    }

    /// The binary that was loaded; for a module in the text format, its binary form.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.info.bytes
    }

    /// What is wrong with custom sections that this runtime reads and so ignores: branch hints.
    #[must_use]
    pub fn custom_section_problems(&self) -> &[String] {
        &self.info.custom_problems
    }

    /// What the module is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// All imports, in order.
    #[must_use]
    pub fn imports(&self) -> &[Import] {
        &self.info.imports
    }

    /// Names of the exported functions, with their indices.
    pub fn exported_functions(&self) -> impl Iterator<Item = (&str, u32)> {
        self.info.exports.iter().filter_map(|export| match export.index {
            ExternIndex::Function(index) => Some((export.name.as_str(), index)),
            _ => None,
        })
    }

    /// The types of its memories by index, imports first.
    #[must_use]
    pub fn memories(&self) -> &[MemoryType] {
        &self.info.memories
    }

    /// How many tables there are, imports included.
    #[must_use]
    pub fn num_tables(&self) -> usize {
        self.info.tables.len()
    }

    /// The index of an exported memory.
    #[must_use]
    pub fn exported_memory(&self, name: &str) -> Option<u32> {
        match self.info.export(name)? {
            ExternIndex::Memory(index) => Some(index),
            _ => None,
        }
    }

    /// How many of the functions are imported; they have the lowest indices.
    #[must_use]
    pub fn num_imported_functions(&self) -> u32 {
        self.info.imported.functions
    }

    /// How many functions there are, imports included.
    #[must_use]
    pub fn num_functions(&self) -> u32 {
        narrow(self.info.functions.len())
    }

    /// How many globals there are, imports included.
    #[must_use]
    pub fn globals(&self) -> &[GlobalType] {
        &self.info.globals
    }

    /// The type of a function, by index.
    #[must_use]
    pub fn function_type(&self, function: u32) -> Option<&FuncType> {
        self.info.function_type(function)
    }

    /// The type that a type index of this module means, as all modules of the engine name it.
    #[must_use]
    pub fn defined_type(&self, ty: u32) -> Option<HeapType> {
        self.info.types.get(usize::try_from(ty).ok()?).map(|ty| ty.heap_type())
    }

    /// The name of a function: from the name section, else an export's, else the import's.
    #[must_use]
    pub fn function_name(&self, function: u32) -> Option<String> {
        let info = &self.info;
        if let Some(name) = info.names().functions.get(&function) {
            return Some(name.clone());
        }
        if let Some(export) =
            info.exports.iter().find(|export| export.index == ExternIndex::Function(function))
        {
            return Some(export.name.clone());
        }
        let import = info
            .imports
            .iter()
            .filter(|import| matches!(import.ty, ExternType::Function(_)))
            .nth(usize::try_from(function).ok()?)?;
        Some(format!("{}.{}", import.module, import.name))
    }

    /// The name that the name section gives a local.
    #[must_use]
    pub fn local_name(&self, function: u32, local: u32) -> Option<&str> {
        self.info.names().locals.get(&(function, local)).map(String::as_str)
    }

    /// The name that the name section gives a global, or that it is exported under.
    #[must_use]
    pub fn global_name(&self, global: u32) -> Option<&str> {
        let is_it = |export: &&Export| matches!(export.index, ExternIndex::Global(index) if index == global);
        let exported = || self.info.exports.iter().find(is_it).map(|export| export.name.as_str());
        self.info.names().globals.get(&global).map(String::as_str).or_else(exported)
    }

    /// Where a defined function's body is, local declarations included; none for an import.
    #[must_use]
    pub fn body_range(&self, function: u32) -> Option<Range<ModulePc>> {
        let defined = function.checked_sub(self.info.imported.functions)?;
        let range = self.info.bodies.get(usize::try_from(defined).ok()?)?;
        Some(ModulePc(narrow(range.start))..ModulePc(narrow(range.end)))
    }

    /// Where a defined function's body starts, and where its first operator is, behind the local declarations.
    #[must_use]
    pub fn entry(&self, function: u32) -> Option<(ModulePc, ModulePc)> {
        let range = self.body_range(function)?;
        let bytes = self.info.bytes.get(range.start.0 as usize..range.end.0 as usize)?;
        Some((range.start, range.start.offset(parse::local_declarations(bytes)?)))
    }

    /// The function whose body contains `pc`.
    #[must_use]
    pub fn function_at(&self, pc: ModulePc) -> Option<u32> {
        let at = usize::try_from(pc.0).ok()?;
        let after = self.info.bodies.partition_point(|body| body.start <= at);
        let index = after.checked_sub(1)?;
        let body = self.info.bodies.get(index)?;
        body.contains(&at).then(|| narrow(index) + self.info.imported.functions)
    }

    /// What compiling a defined function gives, for people: CLIF, machine code, frame table.
    ///
    /// # Errors
    /// When the function cannot be compiled.
    pub fn explain(&self, engine: &Engine, function: u32, which: Explained) -> Result<String, Error> {
        let version = match which {
            Explained::Run => Version::Run(Guard::NONE),
            Explained::Guarded => Version::Run(Guard { accesses: Accesses::WRITES, spread: false }),
            Explained::Debug => Version::Debug(Guard::NONE),
            Explained::Landing => Version::Landing,
        };
        crate::jit::explain(engine, &self.info, function, version)
    }

    /// What the operator at `pc` calls, if it is a call.
    #[must_use]
    pub fn callee(&self, pc: ModulePc) -> Option<Callee> {
        let bytes = self.info.bytes.get(usize::try_from(pc.0).ok()?..)?;
        parse::callee(bytes)
    }

    /// Where the operator is that begins at `pc`. None if none does.
    #[must_use]
    pub fn operator(&self, pc: ModulePc) -> Option<Range<ModulePc>> {
        let start = self.body_range(self.function_at(pc)?)?.start;
        let body = self.info.bytes.get(start.0 as usize..self.code_section().end.0 as usize)?;
        Some(pc..start.offset(parse::operator_end(body, pc.0 - start.0)?))
    }

    /// The types of a defined function's locals, parameters first.
    #[must_use]
    pub fn local_types(&self, function: u32) -> Option<Vec<ValueType>> {
        let range = self.body_range(function)?;
        let body = self.info.bytes.get(range.start.0 as usize..range.end.0 as usize)?;
        let parameters = self.function_type(function)?.params().iter().copied();
        Some(parameters.chain(parse::declared_locals(&self.info, body)?).collect())
    }

    /// Where the code section's contents are.
    #[must_use]
    pub fn code_section(&self) -> Range<ModulePc> {
        ModulePc(narrow(self.info.code_section.start))..ModulePc(narrow(self.info.code_section.end))
    }
}

impl ModuleInfo {
    pub(crate) fn function_type(&self, function: u32) -> Option<&FuncType> {
        self.function_def(function)?.func()
    }

    /// The type definition of a function.
    pub(crate) fn function_def(&self, function: u32) -> Option<&Arc<TypeDef>> {
        let ty = *self.functions.get(usize::try_from(function).ok()?)?;
        self.types.get(usize::try_from(ty).ok()?)
    }

    /// Waits until it is known that all bodies are valid.
    fn wait_until_valid(&self) -> Result<(), Error> {
        self.validity.wait()
    }

    /// Makes sure that the body of a defined function, counted with imports, is valid. Nobody may trust it before that.
    pub(crate) fn check_body(&self, function: u32) -> Result<(), Error> {
        let defined = function.checked_sub(self.imported.functions);
        let body = defined.and_then(|defined| self.bodies.get(defined as usize)).cloned();
        let ty = self.functions.get(function as usize).copied();
        match (ty, body) {
            (Some(ty), Some(body)) => self.validity.check(function, ty, body),
            _ => self.validity.wait(),
        }
    }

    /// Where code is looked for before it is compiled.
    pub(crate) fn code_cache(&self) -> Option<&Arc<CodeCache>> {
        self.code_cache.get()
    }

    pub(crate) fn names(&self) -> &Names {
        self.name_sections.of(&self.bytes)
    }

    /// What of the locals of a defined function, counted without imports, a debugger can ask for; none means all.
    pub(crate) fn observable_in(&self, defined: usize) -> Option<Observable> {
        let body = self.bodies.get(defined)?;
        self.observable.get()?.of_function(&(ModulePc(narrow(body.start))..ModulePc(narrow(body.end))))
    }

    /// The signature that a type index means; the validator made sure that it is a function type.
    pub(crate) fn signature(&self, ty: u32) -> &FuncType {
        match self.types.get(ty as usize).and_then(|ty| ty.func()) {
            Some(ty) => ty,
            None => unreachable!("a validated module calls functions only"),
        }
    }

    /// The signature of a tag.
    pub(crate) fn tag_type(&self, tag: u32) -> Option<&FuncType> {
        self.tag_def(tag)?.func()
    }

    /// The type definition of a tag.
    pub(crate) fn tag_def(&self, tag: u32) -> Option<&Arc<TypeDef>> {
        let ty = *self.tags.get(tag as usize)?;
        self.types.get(ty as usize)
    }

    /// The name of a tag: from the name section, else an export's, else its number.
    pub(crate) fn tag_name(&self, tag: u32) -> String {
        let exported = || self.exports.iter().find(|export| export.index == ExternIndex::Tag(tag));
        let name = self.names().tags.get(&tag).or_else(|| exported().map(|export| &export.name));
        name.cloned().unwrap_or_else(|| format!("tag {tag}"))
    }

    pub(crate) fn export(&self, name: &str) -> Option<ExternIndex> {
        self.exports.iter().find(|export| export.name == name).map(|export| export.index)
    }
}

/// The offset of a field of an object as an immediate. A type has too few fields for a larger one.
pub(crate) fn narrow_offset(offset: u64) -> i32 {
    i32::try_from(offset).unwrap_or(i32::MAX)
}

/// A length or offset in a module as `u32`. Modules of 4 GiB and more are refused when they are parsed.
pub(crate) fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
