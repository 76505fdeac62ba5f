//! Sections into [`ModuleInfo`]. wasmparser validates everything in the same pass; function bodies are left to [`Bodies`].

use super::bodies::Bodies;
use super::hints;
use super::{
    Callee, ConstExpr, ConstOp, DataSegment, ElementSegment, Export, ExternIndex, ExternType, GlobalType,
    Import, IndexType, MemoryType, ModuleInfo, SegmentMode, TableType,
};
use crate::engine::Engine;
use crate::error::Error;
use crate::value::ValueType;
use bytes::Bytes;
use std::ops::Range;
use wasmparser::{
    BinaryReader, BranchHintSectionReader, DataKind, ElementItems, ElementKind, ExternalKind, FunctionBody,
    KnownCustom, Operator, OperatorsReader, Parser, Payload, TableInit, TypeRef, ValidPayload, Validator,
    WasmFeatures,
};

/// What this runtime implements beyond the first version of WebAssembly.
const FEATURES: WasmFeatures = WasmFeatures::WASM1
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::GC)
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::THREADS)
    // Toolchains still emit the older form.
    .union(WasmFeatures::LEGACY_EXCEPTIONS);

/// A byte offset of wasmparser's as ours.
pub(super) fn position(offset: impl TryInto<usize>) -> usize {
    offset.try_into().unwrap_or(usize::MAX)
}

fn range<T: TryInto<usize>>(range: Range<T>) -> Range<usize> {
    position(range.start)..position(range.end)
}

/// Reads a module. Whether its bodies are valid may be known later: [`ModuleInfo::validity`].
pub(super) fn parse(engine: &Engine, bytes: Bytes, name: &str) -> Result<ModuleInfo, Error> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(Error::Limit(format!("a module of {} bytes is too large", bytes.len())));
    }
    let mut info = ModuleInfo { name: name.to_owned(), bytes: bytes.clone(), ..ModuleInfo::default() };
    let mut bodies = Bodies::default();
    let read = read_sections(engine, &mut info, &bytes, &mut bodies);
    info.validity = bodies.validate(&bytes);
    if read.is_err() {
        // What is wrong in a body comes before what is wrong behind it.
        info.validity.wait()?;
    }
    read?;
    read_hints(&mut info);
    info.has_v128 = info.globals.iter().any(|global| global.content == ValueType::V128)
        || info.types.iter().any(|ty| ty.composite.has_v128());
    Ok(info)
}

/// Reads all sections, and validates them but for the functions' bodies.
fn read_sections(
    engine: &Engine,
    info: &mut ModuleInfo,
    bytes: &[u8],
    bodies: &mut Bodies,
) -> Result<(), Error> {
    let mut validator = Validator::new_with_features(FEATURES);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            bodies.add(function, range(body.range()));
        }
        read_payload(engine, info, payload)?;
    }
    Ok(())
}

/// Hints come before the bodies that they are about, so that they are read last.
fn read_hints(info: &mut ModuleInfo) {
    let Some(section) = info.hint_section.take() else { return };
    let reader = BinaryReader::new(&info.bytes[section.clone()], section.start as u64);
    let read = match BranchHintSectionReader::new(reader) {
        Ok(section) => hints::read(info, section),
        Err(error) => Err(error.message().to_owned()),
    };
    match read {
        Ok(hints) => info.branch_hints = hints,
        Err(why) => info.custom_problems.push(format!("{}: {why}", hints::SECTION)),
    }
}

fn read_payload(engine: &Engine, info: &mut ModuleInfo, payload: Payload<'_>) -> Result<(), Error> {
    match payload {
        Payload::Version { encoding: wasmparser::Encoding::Component, range, .. } => {
            return Err(Error::Unsupported {
                offset: position(range.start),
                what: "a component; a core module is needed".into(),
            });
        }
        Payload::TypeSection(section) => super::types::read(engine, info, section)?,
        Payload::ImportSection(section) => {
            for import in section.into_imports() {
                let import = import?;
                read_import(info, import.module, import.name, import.ty)?;
            }
        }
        Payload::FunctionSection(section) => {
            for ty in section {
                info.functions.push(ty?);
            }
        }
        Payload::TableSection(section) => read_tables(info, section)?,
        Payload::MemorySection(section) => {
            for memory in section {
                info.memories.push(memory_type(&memory?));
            }
        }
        Payload::GlobalSection(section) => {
            for global in section {
                let global = global?;
                let ty = global_type(info, global.ty)?;
                info.globals.push(ty);
                info.global_inits.push(ConstExpr::read(&global.init_expr)?);
            }
        }
        Payload::TagSection(section) => {
            for tag in section {
                info.tags.push(tag?.func_type_idx);
            }
        }
        Payload::ExportSection(section) => {
            for export in section {
                let export = export?;
                let index = match export.kind {
                    ExternalKind::Func | ExternalKind::FuncExact => ExternIndex::Function(export.index),
                    ExternalKind::Table => ExternIndex::Table(export.index),
                    ExternalKind::Memory => ExternIndex::Memory(export.index),
                    ExternalKind::Global => ExternIndex::Global(export.index),
                    ExternalKind::Tag => ExternIndex::Tag(export.index),
                };
                info.exports.push(Export { name: export.name.to_owned(), index });
            }
        }
        Payload::StartSection { func, .. } => info.start = Some(func),
        Payload::ElementSection(section) => read_elements(info, section)?,
        Payload::DataSection(section) => read_data(info, section)?,
        Payload::CodeSectionStart { unchecked_range, .. } => info.code_section = range(unchecked_range),
        Payload::CodeSectionEntry(body) => info.bodies.push(range(body.range())),
        Payload::CustomSection(section) => {
            if let KnownCustom::Name(_) = section.as_known() {
                info.name_sections.sections.push(range(section.data_range()));
            } else if section.name() == hints::SECTION {
                info.hint_section = Some(range(section.data_range()));
            }
        }
        _ => {}
    }
    Ok(())
}

/// How many bytes of local declarations a function's body starts with.
pub(super) fn local_declarations(body: &[u8]) -> Option<u32> {
    let body = FunctionBody::new(BinaryReader::new(body, 0));
    u32::try_from(body.get_operators_reader().ok()?.original_position()).ok()
}

/// The callee of the call operator that `bytes` start with.
pub(super) fn callee(bytes: &[u8]) -> Option<Callee> {
    let mut reader = OperatorsReader::new(BinaryReader::new(bytes, 0));
    match reader.read().ok()? {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            Some(Callee::Function(function_index))
        }
        Operator::CallIndirect { table_index, .. } | Operator::ReturnCallIndirect { table_index, .. } => {
            Some(Callee::Element { table: table_index })
        }
        _ => None,
    }
}

/// Where the operator at `at` of a body ends, if one begins there.
pub(super) fn operator_end(body: &[u8], at: u32) -> Option<u32> {
    let body = FunctionBody::new(BinaryReader::new(body, 0));
    let mut reader = body.get_operators_reader().ok()?;
    let at = u64::from(at);
    while reader.original_position() < at {
        reader.read().ok()?;
    }
    let begins = reader.original_position() == at;
    reader.read().ok()?;
    u32::try_from(reader.original_position()).ok().filter(|_| begins)
}

/// The types of the locals that a body declares, which are not its parameters.
pub(super) fn declared_locals(info: &ModuleInfo, body: &[u8]) -> Option<Vec<ValueType>> {
    let body = FunctionBody::new(BinaryReader::new(body, 0));
    let mut locals = Vec::new();
    for group in body.get_locals_reader().ok()? {
        let (count, ty) = group.ok()?;
        locals.extend(std::iter::repeat_n(info.value_type(ty).ok()?, usize::try_from(count).ok()?));
    }
    Some(locals)
}

fn unsupported(offset: usize, what: impl Into<String>) -> Error {
    Error::Unsupported { offset, what: what.into() }
}

fn read_import(info: &mut ModuleInfo, module: &str, name: &str, ty: TypeRef) -> Result<(), Error> {
    let ty = match ty {
        TypeRef::Func(index) | TypeRef::FuncExact(index) => {
            info.functions.push(index);
            info.imported.functions += 1;
            let last = super::narrow(info.functions.len()) - 1;
            let ty = info
                .function_type(last)
                .ok_or_else(|| unsupported(0, "an import without a function type"))?;
            ExternType::Function(ty.clone())
        }
        TypeRef::Table(ty) => {
            let ty = table_type(info, &ty)?;
            info.tables.push(ty);
            info.imported.tables += 1;
            ExternType::Table(ty)
        }
        TypeRef::Memory(ty) => {
            let ty = memory_type(&ty);
            info.memories.push(ty);
            info.imported.memories += 1;
            ExternType::Memory(ty)
        }
        TypeRef::Global(ty) => {
            let ty = global_type(info, ty)?;
            info.globals.push(ty);
            info.imported.globals += 1;
            ExternType::Global(ty)
        }
        TypeRef::Tag(tag) => {
            info.tags.push(tag.func_type_idx);
            info.imported.tags += 1;
            let ty = info.tag_type(super::narrow(info.tags.len()) - 1);
            ExternType::Tag(ty.ok_or_else(|| unsupported(0, "a tag without a function type"))?.clone())
        }
    };
    info.imports.push(Import { module: module.to_owned(), name: name.to_owned(), ty });
    Ok(())
}

fn index_type(is_64: bool) -> IndexType {
    if is_64 { IndexType::I64 } else { IndexType::I32 }
}

fn table_type(info: &ModuleInfo, ty: &wasmparser::TableType) -> Result<TableType, Error> {
    Ok(TableType {
        element: info.ref_type(ty.element_type)?,
        minimum: ty.initial,
        maximum: ty.maximum,
        index: index_type(ty.table64),
    })
}

fn memory_type(ty: &wasmparser::MemoryType) -> MemoryType {
    MemoryType { minimum: ty.initial, maximum: ty.maximum, index: index_type(ty.memory64), shared: ty.shared }
}

fn global_type(info: &ModuleInfo, ty: wasmparser::GlobalType) -> Result<GlobalType, Error> {
    Ok(GlobalType { content: info.value_type(ty.content_type)?, mutable: ty.mutable })
}

fn read_tables(info: &mut ModuleInfo, section: wasmparser::TableSectionReader<'_>) -> Result<(), Error> {
    for table in section {
        let table = table?;
        let ty = table_type(info, &table.ty)?;
        info.tables.push(ty);
        info.table_inits.push(match table.init {
            TableInit::RefNull => ConstExpr::of(ConstOp::RefNull),
            TableInit::Expr(expr) => ConstExpr::read(&expr)?,
        });
    }
    Ok(())
}

fn read_elements(info: &mut ModuleInfo, section: wasmparser::ElementSectionReader<'_>) -> Result<(), Error> {
    for element in section {
        let element = element?;
        let mode = match element.kind {
            ElementKind::Passive => SegmentMode::Passive,
            ElementKind::Declared => SegmentMode::Declared,
            ElementKind::Active { table_index, offset_expr } => SegmentMode::Active {
                target: table_index.unwrap_or(0),
                offset: ConstExpr::read(&offset_expr)?,
            },
        };
        let holds_objects = match &element.items {
            ElementItems::Functions(_) => false,
            ElementItems::Expressions(ty, _) => ValueType::Ref(info.ref_type(*ty)?).holds_objects(),
        };
        let items = match element.items {
            ElementItems::Functions(functions) => functions
                .into_iter()
                .map(|index| Ok(ConstExpr::of(ConstOp::RefFunc(index?))))
                .collect::<Result<_, Error>>()?,
            ElementItems::Expressions(_, expressions) => {
                expressions.into_iter().map(|expr| ConstExpr::read(&expr?)).collect::<Result<_, _>>()?
            }
        };
        info.elements.push(ElementSegment { mode, holds_objects, items });
    }
    Ok(())
}

fn read_data(info: &mut ModuleInfo, section: wasmparser::DataSectionReader<'_>) -> Result<(), Error> {
    for data in section {
        let data = data?;
        let end = position(data.range.end);
        let bytes = end.saturating_sub(data.data.len())..end;
        let mode = match data.kind {
            DataKind::Passive => SegmentMode::Passive,
            DataKind::Active { memory_index, offset_expr } => {
                SegmentMode::Active { target: memory_index, offset: ConstExpr::read(&offset_expr)? }
            }
        };
        info.data.push(DataSegment { mode, bytes });
    }
    Ok(())
}
