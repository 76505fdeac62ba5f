//! Types that gdb would otherwise take from the machine, whose pointers are longer than the program's.
//!
//! gdb makes one pointer type for each type, when it first needs it, with the machine's size. An entry for it in the
//! unit gives it the program's size. So each type gets such an entry: without, `&x` and casts have the wrong size,
//! and a cast of a pointer in memory to a pointer of another size reads whatever is behind it.
//!
//! gdb reads the entry of a pointer only where something refers to it. Here these are the members of a union that has
//! no name, so that users never see it. It has the program's own pointers too, which may have been there only for
//! functions that the linker removed.
//!
//! The exception are types of variables that live in Wasm locals. Those are outside of the program's memory, in the
//! image of a frame, where 4 bytes do not reach: a short pointer would show an address of something else.
//!
//! In an expression, gdb looks for `void`, `char` and names of typedefs in the current unit, before it takes its own.
//! `int`, `short`, `long`, `unsigned`, `float` and `double` are keywords to it, and always the machine's.

use std::collections::HashSet;

use gimli::write::{AttributeValue as Value, Unit, UnitEntryId};
use gimli::{DwLang, DwTag, constants as dw};

use super::strings::Strings;

/// Adds to a unit the pointers that it lacks, of `size` bytes each. `in_locals` are entries of variables that live
/// in Wasm locals.
pub(crate) fn add_pointers(unit: &mut Unit, strings: &Strings<'_, '_>, in_locals: &[UnitEntryId], size: u8) {
    let root = unit.root();
    let language = match unit.get(root).get(dw::DW_AT_language) {
        Some(Value::Language(language)) => Some(*language),
        _ => None,
    };
    let Found { mut targets, mut pointers, pointed, char_type } = Found::new(unit, strings);
    let local_types: HashSet<UnitEntryId> =
        in_locals.iter().filter_map(|&variable| variable_type(unit, variable)).collect();
    let has_pointer_in_local = pointers.iter().any(|pointer| local_types.contains(pointer));
    targets.retain(|target| !pointed.contains(target) && !local_types.contains(target));
    pointers.extend(targets.into_iter().map(|target| add_pointer(unit, size, Some(target))));
    if language.is_some_and(is_c) {
        // gdb takes this for its own type of functions that return nothing.
        let void = unit.add(root, dw::DW_TAG_unspecified_type);
        unit.get_mut(void).set(dw::DW_AT_name, Value::String(b"void".to_vec()));
        let char_type = char_type.unwrap_or_else(|| add_char(unit));
        for target in [None, Some(char_type)] {
            // The usual casts. An entry that is there twice does no harm.
            let constant = unit.add(root, dw::DW_TAG_const_type);
            if let Some(target) = target {
                unit.get_mut(constant).set(dw::DW_AT_type, Value::UnitRef(target));
            }
            let pointer = add_pointer(unit, size, target);
            let to_constant = add_pointer(unit, size, Some(constant));
            pointers.extend([pointer, to_constant]);
            if !has_pointer_in_local {
                pointers.extend([pointer, to_constant].map(|pointer| add_pointer(unit, size, Some(pointer))));
            }
        }
    }
    if pointers.is_empty() {
        return;
    }
    let union = unit.add(root, dw::DW_TAG_union_type);
    unit.get_mut(union).set(dw::DW_AT_byte_size, Value::Udata(u64::from(size)));
    for pointer in pointers {
        let member = unit.add(union, dw::DW_TAG_member);
        unit.get_mut(member).set(dw::DW_AT_type, Value::UnitRef(pointer));
    }
}

/// What there is in a unit.
#[derive(Default)]
struct Found {
    /// The types that are not declared in another type or in a function.
    targets: Vec<UnitEntryId>,
    /// The pointers.
    pointers: Vec<UnitEntryId>,
    /// Which types have a pointer.
    pointed: HashSet<UnitEntryId>,
    char_type: Option<UnitEntryId>,
}

impl Found {
    fn new(unit: &Unit, strings: &Strings<'_, '_>) -> Self {
        let mut found = Self::default();
        // Entries to visit, and whether they are at the level of namespaces.
        let mut rest: Vec<(UnitEntryId, bool)> =
            unit.get(unit.root()).children().rev().map(|&id| (id, true)).collect();
        while let Some((id, is_outer)) = rest.pop() {
            let entry = unit.get(id);
            if entry.tag() == dw::DW_TAG_pointer_type {
                found.pointers.push(id);
                if let Some(Value::UnitRef(target)) = entry.get(dw::DW_AT_type) {
                    found.pointed.insert(*target);
                }
            }
            if is_outer && has_values(entry.tag()) && entry.get(dw::DW_AT_declaration).is_none() {
                found.targets.push(id);
                let name = entry.get(dw::DW_AT_name).and_then(|name| strings.get(name));
                if entry.tag() == dw::DW_TAG_base_type && name == Some(b"char") {
                    found.char_type = Some(id);
                }
            }
            let is_outer = is_outer && entry.tag() == dw::DW_TAG_namespace;
            rest.extend(entry.children().rev().map(|&child| (child, is_outer)));
        }
        found
    }
}

/// The type of a variable, which an instance of an inlined function has at its origin.
fn variable_type(unit: &Unit, variable: UnitEntryId) -> Option<UnitEntryId> {
    let follow = |id, name| match unit.get(id).get(name) {
        Some(Value::UnitRef(target)) => Some(*target),
        _ => None,
    };
    let own = follow(variable, dw::DW_AT_type);
    own.or_else(|| follow(follow(variable, dw::DW_AT_abstract_origin)?, dw::DW_AT_type))
}

fn add_pointer(unit: &mut Unit, size: u8, target: Option<UnitEntryId>) -> UnitEntryId {
    let pointer = unit.add(unit.root(), dw::DW_TAG_pointer_type);
    let entry = unit.get_mut(pointer);
    entry.set(dw::DW_AT_byte_size, Value::Data1(size));
    if let Some(target) = target {
        entry.set(dw::DW_AT_type, Value::UnitRef(target));
    }
    pointer
}

fn add_char(unit: &mut Unit) -> UnitEntryId {
    let id = unit.add(unit.root(), dw::DW_TAG_base_type);
    let entry = unit.get_mut(id);
    entry.set(dw::DW_AT_name, Value::String(b"char".to_vec()));
    entry.set(dw::DW_AT_encoding, Value::Encoding(dw::DW_ATE_signed_char));
    entry.set(dw::DW_AT_byte_size, Value::Data1(1));
    id
}

/// Whether variables can have a type.
fn has_values(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_array_type
            | dw::DW_TAG_base_type
            | dw::DW_TAG_class_type
            | dw::DW_TAG_const_type
            | dw::DW_TAG_enumeration_type
            | dw::DW_TAG_pointer_type
            | dw::DW_TAG_structure_type
            | dw::DW_TAG_typedef
            | dw::DW_TAG_union_type
            | dw::DW_TAG_volatile_type
    )
}

/// Whether `void` and `char` are types of a language.
fn is_c(language: DwLang) -> bool {
    matches!(
        language,
        dw::DW_LANG_C
            | dw::DW_LANG_C89
            | dw::DW_LANG_C99
            | dw::DW_LANG_C11
            | dw::DW_LANG_C17
            | dw::DW_LANG_C_plus_plus
            | dw::DW_LANG_C_plus_plus_03
            | dw::DW_LANG_C_plus_plus_11
            | dw::DW_LANG_C_plus_plus_14
            | dw::DW_LANG_C_plus_plus_17
            | dw::DW_LANG_C_plus_plus_20
            | dw::DW_LANG_ObjC
            | dw::DW_LANG_ObjC_plus_plus
    )
}
