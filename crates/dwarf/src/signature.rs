//! How a function takes its arguments: what clang for wasm32 does, and where gdb puts them.
//!
//! gdb believes in the System V ABI of x86-64. A structure is passed there in registers or as a copy on the stack; clang for
//! Wasm passes a pointer to a copy, or the only scalar that is in it. Whoever translates a call has to know which.

use bytes::Bytes;
use gimli::{AttributeValue, UnitRef, constants as dw};
use wasmparser::Operator;

use crate::Error;
use crate::Function;
use crate::convert::UnitsByFunction;
use crate::made_up::wat;
use crate::returns::{
    Entry, FunctionReturn, ReturnPlace, function_return, only_scalar, place_of, return_type, size, strip,
    type_of,
};
use crate::sections::Reader;

/// How a function is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Its parameters, in order; none without debug info.
    pub parameters: Option<Vec<Parameter>>,
    /// It takes more arguments than these.
    pub is_variadic: bool,
    /// How it returns what is not one scalar.
    pub returns: Option<FunctionReturn>,
    /// The global that is the program's stack pointer, if the module names one so.
    pub stack_pointer: Option<u32>,
}

/// How one parameter is passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// One integer or pointer of up to 8 bytes, or a structure of only that.
    Integer,
    /// A pointer to a function: an index into the table in Wasm, the function's address to a debugger.
    Function,
    /// One float of up to 8 bytes, or a structure of only that.
    Float,
    /// An integer of 16 bytes: two Wasm parameters, the low half first.
    WideInteger,
    /// A structure: in Wasm a pointer to a copy.
    Indirect {
        /// Its size in bytes.
        byte_size: u64,
        /// Where a debugger puts it.
        place: ReturnPlace,
    },
    /// Something else.
    Unsupported,
}

/// How the functions of a module are called, by its debug info if it has some. Units are read again for each function that is
/// asked for, but only those that may be about it.
#[derive(Debug)]
pub struct Signatures(UnitsByFunction);

impl Signatures {
    /// Reads which units a module has, or files with debug info of the same code.
    ///
    /// # Errors
    /// If the module is malformed.
    pub fn new(module: Bytes, debug_files: Vec<Bytes>) -> Result<Self, Error> {
        UnitsByFunction::new(module, debug_files).map(Self)
    }

    /// How a function is called, by its index.
    #[must_use]
    pub fn of_function(&self, function: u32) -> Signature {
        let Self(units) = self;
        let module = &units.module;
        let found = self.find(function).unwrap_or_default();
        Signature { stack_pointer: module.stack_pointer, ..found }
    }

    fn find(&self, function: u32) -> Option<Signature> {
        let Self(units) = self;
        let defined = usize::try_from(function.checked_sub(units.module.imported_functions)?).ok()?;
        let function = units.module.defined_functions().get(defined)?;
        let address = u64::from(function.body.start.checked_sub(units.module.code.start)?);
        let mut found = units.groups_of(defined).find_map(|group| {
            units.read(group, |sources| {
                sources.iter().find_map(|source| {
                    let may_be_there = may_have(source.with_table(), address);
                    if may_be_there { find_in(source.unit_ref(), address, function) } else { None }
                })
            })?
        })?;
        if let Some(returns) = &mut found.returns {
            returns.keeps_pointer = keeps_first_local(&units.bytes, function);
        }
        Some(found)
    }
}

/// Whether no operator of a function changes its first local.
fn keeps_first_local(bytes: &[u8], function: &Function) -> bool {
    let operators = wat::body(bytes, function).and_then(|body| body.get_operators_reader().ok());
    let keeps = |operator| {
        let changing = [Operator::LocalSet { local_index: 0 }, Operator::LocalTee { local_index: 0 }];
        matches!(operator, Ok(operator) if !changing.contains(&operator))
    };
    operators.is_some_and(|operators| operators.into_iter().all(keeps))
}

/// Whether a unit may be about the code at an address: it says so, or does not say where its code is.
fn may_have(unit: UnitRef<'_, Reader<'_>>, address: u64) -> bool {
    let Ok(mut ranges) = unit.unit_ranges() else { return true };
    let mut says_nothing = true;
    while let Ok(Some(range)) = ranges.next() {
        if range.begin <= address && address < range.end {
            return true;
        }
        says_nothing &= range.begin == range.end;
    }
    says_nothing
}

fn find_in(unit: UnitRef<'_, Reader<'_>>, address: u64, function: &Function) -> Option<Signature> {
    let mut entries = unit.entries();
    while let Ok(Some(entry)) = entries.next_dfs() {
        if entry.tag() != dw::DW_TAG_subprogram {
            continue;
        }
        let low = entry.attr_value(dw::DW_AT_low_pc).and_then(|low| unit.attr_address(low).ok().flatten());
        if low == Some(address) {
            return Some(read(unit, entry, function));
        }
    }
    None
}

fn read(unit: UnitRef<'_, Reader<'_>>, subprogram: &Entry<'_>, function: &Function) -> Signature {
    let returns = return_type(unit, subprogram)
        .and_then(|ty| function_return(unit, ty, !function.results().is_empty()));
    let mut signature = Signature { returns, ..Signature::default() };
    let Ok(mut children) = unit.entries_at_offset(subprogram.offset()) else { return signature };
    let mut parameters = Vec::new();
    let start = children.next_dfs().ok().flatten().map_or(0, Entry::depth);
    while let Ok(Some(child)) = children.next_dfs() {
        let depth = child.depth() - start;
        if depth <= 0 {
            break;
        }
        match child.tag() {
            _ if depth > 1 => {}
            dw::DW_TAG_formal_parameter => parameters.push(parameter(unit, child)),
            dw::DW_TAG_unspecified_parameters => signature.is_variadic = true,
            _ => {}
        }
    }
    signature.parameters = Some(parameters);
    signature
}

fn parameter(unit: UnitRef<'_, Reader<'_>>, entry: &Entry<'_>) -> Parameter {
    let origin = match entry.attr_value(dw::DW_AT_abstract_origin) {
        Some(AttributeValue::UnitRef(origin)) => unit.entry(origin).ok(),
        _ => None,
    };
    let ty = type_of(entry).or_else(|| type_of(origin.as_ref()?));
    ty.and_then(|ty| passed(unit, ty)).unwrap_or(Parameter::Unsupported)
}

fn passed(unit: UnitRef<'_, Reader<'_>>, ty: gimli::UnitOffset) -> Option<Parameter> {
    let (offset, entry) = strip(unit, ty)?;
    let byte_size = size(unit, &entry)?;
    let is_complex =
        entry.attr_value(dw::DW_AT_encoding) == Some(AttributeValue::Encoding(dw::DW_ATE_complex_float));
    let is_structure =
        matches!(entry.tag(), dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type);
    if is_structure || is_complex {
        return match only_scalar(unit, offset).filter(|_| is_structure) {
            Some(scalar) if size(unit, &scalar)? == byte_size => scalar_passed(&scalar, byte_size),
            _ if byte_size == 0 => None,
            _ => Some(Parameter::Indirect { byte_size, place: place_of(unit, offset, byte_size) }),
        };
    }
    if entry.tag() == dw::DW_TAG_pointer_type
        && let Some((_, target)) = type_of(&entry).and_then(|target| strip(unit, target))
        && target.tag() == dw::DW_TAG_subroutine_type
    {
        return Some(Parameter::Function);
    }
    scalar_passed(&entry, byte_size)
}

fn scalar_passed(entry: &Entry<'_>, byte_size: u64) -> Option<Parameter> {
    let encoding = match entry.attr_value(dw::DW_AT_encoding) {
        Some(AttributeValue::Encoding(encoding)) => Some(encoding),
        _ => None,
    };
    match (entry.tag(), encoding, byte_size) {
        (dw::DW_TAG_array_type, ..) | (_, Some(dw::DW_ATE_complex_float), _) => None,
        (_, Some(dw::DW_ATE_float), 4 | 8) => Some(Parameter::Float),
        (_, Some(dw::DW_ATE_float), _) => None,
        (_, _, 1..=8) => Some(Parameter::Integer),
        (dw::DW_TAG_base_type, _, 16) => Some(Parameter::WideInteger),
        _ => None,
    }
}
