//! What the bodies of a module refer to: types, functions, tags; and the names that its name section has.
//!
//! `crate::Module` knows functions as debuggers call them; here is what printing and typing them needs beyond that.

use std::collections::HashMap;

use wasmparser::{
    BlockType, Chunk, CompositeInnerType, ContType, FrameKind, FuncType, IndirectNameMap, KnownCustom,
    ModuleArity, Name, NameSectionReader, Parser, Payload, RefType, SubType, TypeRef, ValType,
};

use crate::naming::Naming;

/// What is outside of the bodies.
#[derive(Default)]
pub(super) struct Outline<'a> {
    pub(super) types: Vec<SubType>,
    /// Type of each function by index.
    pub(super) functions: Vec<u32>,
    /// Type of each tag by index.
    tags: Vec<u32>,
    /// Type of each global by index.
    pub(super) globals: Vec<ValType>,
    /// Address and length of each data segment by index, if it is put into memory 0 at an address that the module says.
    data: Vec<Option<(u64, u64)>>,
    /// The module's own name.
    pub(super) module_name: Option<&'a str>,
    /// `MODULE.NAME` of each function that is imported.
    pub(super) import_names: Vec<String>,
    pub(super) function_names: Naming<'a>,
    /// The first export of each function that is exported.
    pub(super) function_exports: HashMap<u32, &'a str>,
    pub(super) global_names: Naming<'a>,
    /// The first export of each global that is exported, or its import.
    pub(super) global_exports: HashMap<u32, &'a str>,
    pub(super) memory_names: Naming<'a>,
    pub(super) table_names: Naming<'a>,
    pub(super) tag_names: Naming<'a>,
    pub(super) type_names: Naming<'a>,
    pub(super) data_names: Naming<'a>,
    /// Of parameters and locals, by function.
    pub(super) local_names: HashMap<u32, Naming<'a>>,
    /// Of blocks in the order in which they begin, by function.
    pub(super) label_names: HashMap<u32, Naming<'a>>,
}

impl<'a> Outline<'a> {
    /// Reads as far as the module can be read.
    pub(super) fn read(module: &'a [u8]) -> Self {
        let mut outline = Self::default();
        let (mut parser, mut rest) = (Parser::new(0), module);
        while let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(rest, true) {
            rest = rest.get(consumed..).unwrap_or_default();
            match payload {
                Payload::CodeSectionStart { size, .. } => {
                    parser.skip_section();
                    rest = rest.get(usize::try_from(size).unwrap_or(usize::MAX)..).unwrap_or_default();
                }
                Payload::End(_) => break,
                payload => {
                    if outline.payload(payload).is_err() {
                        break;
                    }
                }
            }
        }
        outline
    }

    fn payload(&mut self, payload: Payload<'a>) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    self.types.extend(group?.into_types());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    match import.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                            self.import_names.push(format!("{}.{}", import.module, import.name));
                            self.functions.push(ty);
                        }
                        TypeRef::Tag(tag) => self.tags.push(tag.func_type_idx),
                        TypeRef::Global(global) => {
                            self.global_exports.insert(length(&self.globals), import.name);
                            self.globals.push(global.content_type);
                        }
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.globals.push(global?.ty.content_type);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let names = match export.kind {
                        wasmparser::ExternalKind::Func | wasmparser::ExternalKind::FuncExact => {
                            &mut self.function_exports
                        }
                        wasmparser::ExternalKind::Global => &mut self.global_exports,
                        _ => continue,
                    };
                    names.entry(export.index).or_insert(export.name);
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    let address = crate::memory::address(&data);
                    self.data.push(address.zip(u64::try_from(data.data.len()).ok()));
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    self.names(names);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Names are a convenience: what cannot be read of them is left out.
    fn names(&mut self, names: NameSectionReader<'a>) {
        for name in names.into_iter().map_while(Result::ok) {
            match name {
                Name::Module { name, .. } => self.module_name = Some(name),
                Name::Function(map) => self.function_names.add(map),
                Name::Global(map) => self.global_names.add(map),
                Name::Memory(map) => self.memory_names.add(map),
                Name::Table(map) => self.table_names.add(map),
                Name::Tag(map) => self.tag_names.add(map),
                Name::Type(map) => self.type_names.add(map),
                Name::Data(map) => self.data_names.add(map),
                Name::Local(map) => self.local_names.extend(indirect(map)),
                Name::Label(map) => self.label_names.extend(indirect(map)),
                _ => {}
            }
        }
    }

    /// Name, address and length of the data segments that have all of these.
    pub(super) fn named_data(&self) -> impl Iterator<Item = (&'a str, u64, u64)> {
        (0..).zip(&self.data).filter_map(|(index, data)| {
            let (address, length) = (*data)?;
            Some((self.data_names.get(index)?, address, length))
        })
    }

    fn sub_type(&self, index: u32) -> Option<&SubType> {
        self.types.get(usize::try_from(index).ok()?)
    }

    /// Type index and type of a function.
    pub(super) fn function_type(&self, function: u32) -> Option<(u32, &FuncType)> {
        let index = *self.functions.get(usize::try_from(function).ok()?)?;
        match &self.sub_type(index)?.composite_type.inner {
            CompositeInnerType::Func(ty) => Some((index, ty)),
            _ => None,
        }
    }
}

fn length<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

fn indirect<'a>(map: IndirectNameMap<'a>) -> impl Iterator<Item = (u32, Naming<'a>)> {
    map.map_while(Result::ok).map(|named| (named.index, Naming::read(named.names)))
}

/// Where in a body one is: the types of the blocks around, the function itself first.
pub(super) struct Around<'o, 'a> {
    pub(super) outline: &'o Outline<'a>,
    pub(super) blocks: Vec<(BlockType, FrameKind)>,
}

impl ModuleArity for Around<'_, '_> {
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.outline.sub_type(index)
    }

    fn tag_type_arity(&self, index: u32) -> Option<(u32, u32)> {
        let ty = *self.outline.tags.get(usize::try_from(index).ok()?)?;
        self.sub_type_arity(self.outline.sub_type(ty)?)
    }

    fn type_index_of_function(&self, function: u32) -> Option<u32> {
        self.outline.functions.get(usize::try_from(function).ok()?).copied()
    }

    fn func_type_of_cont_type(&self, ty: &ContType) -> Option<&FuncType> {
        match &self.outline.sub_type(ty.0.as_module_index()?)?.composite_type.inner {
            CompositeInnerType::Func(ty) => Some(ty),
            _ => None,
        }
    }

    fn sub_type_of_ref_type(&self, ty: &RefType) -> Option<&SubType> {
        self.outline.sub_type(ty.type_index()?.as_module_index()?)
    }

    fn control_stack_height(&self) -> u32 {
        length(&self.blocks)
    }

    fn label_block(&self, depth: u32) -> Option<(BlockType, FrameKind)> {
        let depth = usize::try_from(depth).ok()?;
        self.blocks.get(self.blocks.len().checked_sub(depth)?.checked_sub(1)?).copied()
    }
}
