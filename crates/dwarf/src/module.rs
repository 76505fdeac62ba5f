//! The parts of a Wasm module that a symbol image is made of: functions, names, globals and custom sections.
//!
//! What this is not: a validator. It accepts every module whose sections can be told apart, such as a file that
//! holds debug info only, and Go's modules, which carry a custom section before the type section.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use frame_table::ModulePc;
use wasmparser::{
    Chunk, CompositeInnerType, CustomSectionReader, ExternalKind, FunctionBody, KnownCustom, Name,
    NameSectionReader, Parser, Payload, TypeRef, ValType,
};

use crate::Error;
use crate::function::{Declarations, Function, FunctionType, Own};
use crate::memory::Memory;
use crate::name::FunctionName;
use crate::naming::Naming;

/// The type of a Wasm value, as far as its size matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference of any kind.
    Ref,
}

/// What [`Module::parse`] finds.
#[derive(Clone, Debug, Default)]
pub struct Module<'a> {
    /// All functions by index. The first [`Module::imported_functions`] of them are imports.
    pub functions: Vec<Function>,
    /// How many functions are imported.
    pub imported_functions: u32,
    /// Where the contents of the code section are in the file. DWARF counts code addresses from its start.
    /// Empty at 0 if there is no code section.
    pub code: Range<u32>,
    /// The contents of the code section.
    pub(crate) code_bytes: &'a [u8],
    /// Types of all globals by index, imports first.
    pub globals: Vec<ValueType>,
    /// Index of the global `__tls_base`, which only modules with threads have.
    pub tls_base: Option<u32>,
    /// Index of the global `__stack_pointer`, if the name section has that name.
    pub stack_pointer: Option<u32>,
    /// Custom sections in file order: name and contents.
    pub custom_sections: Vec<(&'a str, &'a [u8])>,
    /// The file named by the custom section `external_debug_info`, if there is one.
    pub external_debug_info: Option<&'a str>,
    /// Where the module says that its source map is (custom section `sourceMappingURL`), if it does.
    pub source_map_url: Option<&'a str>,
    /// What is in memory and table at first.
    pub(crate) memory: Memory<'a>,
    /// The function that is the program's `main`, if none has that very name.
    renamed_main: Option<u32>,
}

impl From<ValType> for ValueType {
    fn from(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32,
            ValType::I64 => Self::I64,
            ValType::F32 => Self::F32,
            ValType::F64 => Self::F64,
            ValType::V128 => Self::V128,
            ValType::Ref(_) => Self::Ref,
        }
    }
}

impl<'a> Module<'a> {
    /// Whether the pointers of the program in this file have 64 bits: its first memory says so. No for what is no module.
    /// Reads no further than that.
    #[must_use]
    pub fn has_wide_pointers(bytes: &'a [u8]) -> bool {
        let mut memory = Memory::default();
        let sections = Parser::new(0).parse_all(bytes).map_while(Result::ok);
        for payload in sections.take_while(|payload| !matches!(payload, Payload::CodeSectionStart { .. })) {
            memory.read(&payload);
        }
        memory.is_wide
    }

    /// Reads a module.
    ///
    /// # Errors
    /// If the file is no Wasm module, or is cut off or malformed before its last section, with the offset.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Error::TooLarge(bytes.len()));
        }
        let mut reading = Reading::default();
        for payload in Parser::new(0).parse_all(bytes) {
            reading.payload(payload?)?;
        }
        let mut module = reading.finish();
        let [start, end] = [module.code.start, module.code.end].map(|offset| usize::try_from(offset).ok());
        module.code_bytes = start.zip(end).and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default();
        Ok(module)
    }

    /// Reads the custom sections of a module and nothing else, which takes no time even if there is much code.
    ///
    /// # Errors
    /// As [`Module::parse`], for what stands between sections.
    pub fn parse_custom_sections(bytes: &'a [u8]) -> Result<Self, Error> {
        let (mut parser, mut rest) = (Parser::new(0), bytes);
        let mut reading = Reading::default();
        while let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? {
            rest = rest.get(consumed..).unwrap_or_default();
            match payload {
                Payload::CodeSectionStart { size, .. } => {
                    parser.skip_section();
                    let size = usize::try_from(size).unwrap_or(usize::MAX);
                    rest = rest.get(size..).unwrap_or_default();
                }
                Payload::CustomSection(section) => reading.custom_section(&section),
                Payload::End(_) => break,
                _ => {}
            }
        }
        Ok(reading.module)
    }

    /// Whether there is DWARF in it.
    #[must_use]
    pub fn has_debug_info(&self) -> bool {
        self.custom_section(".debug_info").is_some_and(|section| !section.is_empty())
    }

    /// The module without what it borrows from its file: its sections, and what is in memory at first.
    pub(crate) fn without_sections(self) -> Module<'static> {
        let Self {
            functions, imported_functions, code, globals, tls_base, stack_pointer, renamed_main, ..
        } = self;
        let own = Module { functions, imported_functions, code, globals, ..Module::default() };
        Module { tls_base, stack_pointer, renamed_main, ..own }
    }

    /// The first custom section of a name.
    #[must_use]
    pub fn custom_section(&self, name: &str) -> Option<&'a [u8]> {
        self.custom_sections.iter().find(|section| section.0 == name).map(|section| section.1)
    }

    /// The defined functions in the order of their bodies in the file.
    #[must_use]
    pub fn defined_functions(&self) -> &[Function] {
        let imports = usize::try_from(self.imported_functions).unwrap_or(usize::MAX);
        self.functions.get(imports..).unwrap_or_default()
    }

    /// The program's `main`.
    pub(crate) fn main(&self) -> Option<&Function> {
        let defined = self.defined_functions();
        match self.renamed_main {
            Some(index) => defined.iter().find(|function| function.index == index),
            None => defined.iter().find(|function| function.name == "main"),
        }
    }

    /// What debuggers are told that a function is called: they end a backtrace at the function that is called `main`.
    pub(crate) fn symbol_name(&self, function: &Function) -> String {
        if self.renamed_main == Some(function.index) { "main".to_owned() } else { function.name.to_string() }
    }

    /// The function whose body holds a module PC.
    #[must_use]
    pub fn function_at(&self, pc: ModulePc) -> Option<&Function> {
        let defined = self.defined_functions();
        let next = defined.partition_point(|function| function.body.start <= pc.0);
        defined.get(next.checked_sub(1)?).filter(|function| function.body.contains(&pc.0))
    }
}

/// The state of reading a module: what later sections refer back to.
#[derive(Default)]
struct Reading<'a> {
    module: Module<'a>,
    /// Types and locals.
    declarations: Declarations,
    /// By index.
    functions: Vec<Bare>,
    /// How many bodies were read.
    bodies: usize,
    import_names: Vec<String>,
    export_names: HashMap<u32, &'a str>,
    function_names: Naming<'a>,
}

/// A function without what it has in common with others.
struct Bare {
    body: Range<u32>,
    first_operator: ModulePc,
    params: u32,
    own: Own,
}

impl<'a> Reading<'a> {
    fn payload(&mut self, payload: Payload<'a>) -> Result<(), Error> {
        self.module.memory.read(&payload);
        match payload {
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => {
                return Err(Error::Component);
            }
            Payload::TypeSection(section) => {
                for group in section {
                    self.declarations.types.extend(group?.types().map(|ty| match &ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => Some(FunctionType {
                            parameters: values(ty.params()),
                            results: values(ty.results()),
                        }),
                        _ => None,
                    }));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import?);
                }
            }
            Payload::FunctionSection(section) => {
                // Each takes a byte at least.
                let count = usize::try_from(section.count()).unwrap_or(usize::MAX);
                let most = usize::try_from(section.range().end.saturating_sub(section.range().start));
                self.functions.reserve(count.min(most.unwrap_or(usize::MAX)));
                for type_index in section {
                    self.function(type_index?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.module.globals.push(global?.ty.content_type.into());
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let is_function = matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact);
                    if is_function && !export.name.is_empty() {
                        self.export_names.entry(export.index).or_insert(export.name);
                    }
                }
            }
            Payload::CodeSectionStart { unchecked_range, .. } => {
                self.module.code = small(unchecked_range.start)..small(unchecked_range.end);
            }
            Payload::CodeSectionEntry(body) => self.body(&body)?,
            Payload::CustomSection(section) => {
                self.custom_section(&section);
                if let KnownCustom::Name(names) = section.as_known() {
                    self.names(names);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn custom_section(&mut self, section: &CustomSectionReader<'a>) {
        self.module.custom_sections.push((section.name(), section.data()));
        match section.name() {
            "external_debug_info" => self.module.external_debug_info = string(section),
            "sourceMappingURL" => self.module.source_map_url = string(section),
            _ => {}
        }
    }

    fn import(&mut self, import: wasmparser::Import<'a>) {
        match import.ty {
            TypeRef::Func(type_index) | TypeRef::FuncExact(type_index) => {
                self.import_names.push(format!("{}.{}", import.module, import.name));
                self.module.imported_functions += 1;
                self.function(type_index);
            }
            TypeRef::Global(ty) => self.module.globals.push(ty.content_type.into()),
            _ => {}
        }
    }

    fn function(&mut self, ty: u32) {
        let params = self.declarations.ty(ty).map_or(0, |ty| ty.parameters.len());
        self.functions.push(Bare {
            body: 0..0,
            first_operator: ModulePc(0),
            params: u32::try_from(params).unwrap_or(u32::MAX),
            own: Own { ty, locals: 0..0 },
        });
    }

    fn body(&mut self, body: &FunctionBody<'a>) -> Result<(), Error> {
        let imports = usize::try_from(self.module.imported_functions).unwrap_or(usize::MAX);
        let index = imports.saturating_add(self.bodies);
        self.bodies += 1;
        let range = body.range();
        let Some(function) = self.functions.get_mut(index) else {
            let reason = "more function bodies than functions".to_owned();
            return Err(Error::Malformed { offset: range.start, reason });
        };
        function.body = small(range.start)..small(range.end);
        let mut locals = body.get_locals_reader()?;
        let declared = &mut self.declarations.locals;
        // Each takes two bytes at least, of fewer than there are numbers.
        let number = |declared: &Vec<_>| u32::try_from(declared.len()).unwrap_or(u32::MAX);
        let first = number(declared);
        let mut end = function.params;
        for _ in 0..locals.get_count() {
            let (count, ty) = locals.read()?;
            if count > 0 {
                end = end.saturating_add(count);
                declared.push((end, ty.into()));
            }
        }
        function.own.locals = first..number(declared);
        function.first_operator = ModulePc(small(locals.original_position()));
        Ok(())
    }

    /// Names are a convenience: what cannot be read of them is left out.
    fn names(&mut self, names: NameSectionReader<'a>) {
        for name in names {
            match name {
                Ok(Name::Function(map)) => self.function_names.add(map),
                Ok(Name::Global(map)) => {
                    for naming in map.map_while(Result::ok) {
                        match naming.name {
                            "__tls_base" => self.module.tls_base = Some(naming.index),
                            "__stack_pointer" => self.module.stack_pointer = Some(naming.index),
                            _ => {}
                        }
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    fn finish(self) -> Module<'a> {
        let Self {
            mut module,
            declarations,
            mut functions,
            bodies,
            import_names,
            export_names,
            function_names,
        } = self;
        // A function without a body (a file of debug info only) has no code to point at, so it is no function here.
        let imports = usize::try_from(module.imported_functions).unwrap_or(usize::MAX);
        functions.truncate(imports.saturating_add(bodies));
        let mut text = String::with_capacity(function_names.bytes());
        let mut ends = Vec::with_capacity(functions.len());
        let mut mains = Mains::default();
        let mut named = function_names.iter().peekable();
        for (index, function) in (0..).zip(&functions) {
            let mut name = None;
            while let Some((_, found)) = named.next_if(|(named, _)| *named == index) {
                name = Some(found);
            }
            let name = name.or_else(|| export_names.get(&index).copied());
            match (name, import_names.get(ends.len())) {
                // An import's name says whose it is; the name section has only the program's word for it.
                (_, Some(import)) => push_name(&mut text, import),
                (Some(name), None) => {
                    mains.note(name, index, function.body.len());
                    push_name(&mut text, name);
                }
                (None, None) => text.push_str(&format!("func[{index}]")),
            }
            ends.push(text.len());
        }
        let (text, declarations) = (Arc::from(text), Arc::new(declarations));
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let named = (0..).zip(functions).zip(starts.zip(&ends));
        module.functions = named
            .map(|((index, bare), (start, end))| {
                let Bare { body, first_operator, params, own } = bare;
                let name = FunctionName::new(&text, &(start..*end));
                let declarations = Arc::clone(&declarations);
                Function { index, name, body, first_operator, params, own, declarations }
            })
            .collect();
        module.renamed_main = mains.renamed();
        module
    }
}

/// The functions that may be a program's `main`, with how long they are.
#[derive(Default)]
struct Mains {
    has_main: bool,
    /// By what they are called.
    longest: [Option<(usize, u32)>; MAIN.len()],
}

impl Mains {
    fn note(&mut self, name: &str, index: u32, length: usize) {
        self.has_main |= name == "main";
        let called = MAIN.iter().position(|main| *main == name);
        let Some(longest) = called.and_then(|called| self.longest.get_mut(called)) else { return };
        *longest = (*longest).max(Some((length, index)));
    }

    /// Index of the function that is the program's `main`, if none has that very name. Link-time optimisation leaves several, of
    /// which the short ones call the program's own.
    fn renamed(&self) -> Option<u32> {
        let [first, others @ ..] = self.longest;
        let longest = first.or_else(|| others.into_iter().flatten().max());
        longest.map(|(_, index)| index).filter(|_| !self.has_main)
    }
}

/// Adds a name without zeros, which would end it in a symbol table.
fn push_name(text: &mut String, name: &str) {
    for (index, part) in name.split('\0').enumerate() {
        if index > 0 {
            text.push('\u{fffd}');
        }
        text.push_str(part);
    }
}

/// What compilers call a C program's `main`. If it has the first name, the C library defines the others as wrappers.
const MAIN: [&str; 3] = ["__main_argc_argv", "__original_main", "__main_void"];

/// Whether a linkage name is that of a C program's `main`.
pub(crate) fn is_main(name: &[u8]) -> bool {
    MAIN.iter().any(|main| main.as_bytes() == name)
}

/// The string that a custom section is.
fn string<'a>(section: &CustomSectionReader<'a>) -> Option<&'a str> {
    wasmparser::BinaryReader::new(section.data(), section.data_offset()).read_unlimited_string().ok()
}

fn values(types: &[ValType]) -> Vec<ValueType> {
    types.iter().map(|&ty| ty.into()).collect()
}

/// A file offset; [`Module::parse`] refuses files whose offsets do not fit.
fn small(offset: u64) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
