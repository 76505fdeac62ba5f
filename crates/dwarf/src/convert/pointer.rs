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

use gimli::{AttributeValue, DwLang, DwTag, UnitOffset, UnitRef, constants as dw};

use super::entry::{Attributes, Current};
use super::output::Output;
use super::reference::Places;
use crate::sections::Reader;

/// What types there are in a unit. All by where they are read from.
#[derive(Default)]
pub(crate) struct Types {
    /// The types that are not declared in another type or in a function.
    targets: Vec<UnitOffset>,
    /// The pointers.
    pointers: Vec<UnitOffset>,
    /// Which types have a pointer.
    pointed: HashSet<UnitOffset>,
    char_type: Option<UnitOffset>,
    /// Variables that live in Wasm locals.
    in_locals: Vec<UnitOffset>,
}

/// A type for a new entry to refer to.
#[derive(Clone, Copy)]
enum Target {
    Void,
    /// Where it is in the unit that is written.
    Written(u32),
}

impl Types {
    /// Notes an entry. `is_outer` says whether it is declared in no type and no function.
    pub(crate) fn note<'a>(
        &mut self,
        unit: UnitRef<'_, Reader<'a>>,
        current: &Current<'_, 'a>,
        is_outer: bool,
    ) {
        let Current { offset, tag, .. } = *current;
        if tag == dw::DW_TAG_pointer_type {
            self.pointers.push(offset);
            if let Some(AttributeValue::UnitRef(target)) = current.value(dw::DW_AT_type) {
                self.pointed.insert(target);
            }
        }
        // What is written of a long double is a typedef.
        if is_outer && has_values(tag) && current.find(dw::DW_AT_declaration).is_none() {
            self.targets.push(offset);
            let name = current.value(dw::DW_AT_name).and_then(|name| unit.attr_string(name).ok());
            if tag == dw::DW_TAG_base_type && name.is_some_and(|name| name.slice() == b"char") {
                self.char_type = Some(offset);
            }
        }
        if current.value(dw::DW_AT_location).is_some_and(|location| may_be_local(&location)) {
            self.in_locals.push(offset);
        }
    }

    /// Adds the pointers that the unit lacks, of `size` bytes each, behind its last entry.
    pub(crate) fn add_pointers(
        self,
        unit: UnitRef<'_, Reader<'_>>,
        places: &Places,
        start: usize,
        language: Option<DwLang>,
        size: u8,
        output: &mut Output,
    ) {
        let Self { mut targets, pointers, pointed, char_type, in_locals } = self;
        let local_types: HashSet<UnitOffset> =
            in_locals.iter().filter_map(|&variable| variable_type(unit, variable)).collect();
        let has_pointer_in_local = pointers.iter().any(|pointer| local_types.contains(pointer));
        targets.retain(|target| !pointed.contains(target) && !local_types.contains(target));
        let mut adding = Adding { start, size, output, attributes: Attributes::default() };
        let mut all: Vec<u32> = pointers.iter().filter_map(|pointer| places.get(pointer.0)).collect();
        for target in targets {
            let Some(place) = places.get(target.0) else { continue };
            all.push(adding.pointer(Target::Written(place)));
        }
        if language.is_some_and(is_c) {
            // gdb takes this for its own type of functions that return nothing.
            adding.attributes.string(dw::DW_AT_name, b"void");
            adding.entry(dw::DW_TAG_unspecified_type, false);
            let char_type = char_type.and_then(|offset| places.get(offset.0));
            let char_type = char_type.unwrap_or_else(|| adding.char_type());
            for target in [Target::Void, Target::Written(char_type)] {
                // The usual casts. An entry that is there twice does no harm.
                adding.refer(target);
                let constant = adding.entry(dw::DW_TAG_const_type, false);
                let pointer = adding.pointer(target);
                let to_constant = adding.pointer(Target::Written(constant));
                all.extend([pointer, to_constant]);
                if !has_pointer_in_local {
                    let both = [pointer, to_constant].map(|to| adding.pointer(Target::Written(to)));
                    all.extend(both);
                }
            }
        }
        if all.is_empty() {
            return;
        }
        adding.attributes.number(dw::DW_AT_byte_size, size.into());
        adding.entry(dw::DW_TAG_union_type, true);
        for pointer in all {
            adding.attributes.written_reference(dw::DW_AT_type, pointer);
            adding.entry(dw::DW_TAG_member, false);
        }
        adding.output.sections.debug_info.bytes.push(0);
    }
}

/// Entries being added to a unit that begins at `start` in its part.
struct Adding<'o> {
    start: usize,
    size: u8,
    output: &'o mut Output,
    attributes: Attributes,
}

impl Adding<'_> {
    /// Writes an entry with the attributes that were given. Returns where in the unit it is.
    fn entry(&mut self, tag: DwTag, has_children: bool) -> u32 {
        // Its references are right: all that is referred to has been written.
        let (place, _) = self.output.entry(tag, has_children, &mut self.attributes, &mut Vec::new());
        super::bytes::small(place.saturating_sub(self.start))
    }

    fn refer(&mut self, target: Target) {
        if let Target::Written(place) = target {
            self.attributes.written_reference(dw::DW_AT_type, place);
        }
    }

    fn pointer(&mut self, target: Target) -> u32 {
        self.attributes.begin(dw::DW_AT_byte_size, dw::DW_FORM_data1).push(self.size);
        self.refer(target);
        self.entry(dw::DW_TAG_pointer_type, false)
    }

    fn char_type(&mut self) -> u32 {
        self.attributes.string(dw::DW_AT_name, b"char");
        self.attributes.number(dw::DW_AT_encoding, dw::DW_ATE_signed_char.0.into());
        self.attributes.number(dw::DW_AT_byte_size, 1);
        self.entry(dw::DW_TAG_base_type, false)
    }
}

/// Whether a variable lives in a Wasm local, at least for some time.
fn may_be_local(location: &AttributeValue<Reader<'_>>) -> bool {
    match location {
        AttributeValue::Exprloc(expression) => {
            expression.0.slice().first() == Some(&dw::DW_OP_WASM_location.0)
        }
        AttributeValue::LocationListsRef(_) | AttributeValue::DebugLocListsIndex(_) => true,
        _ => false,
    }
}

/// The type of a variable, which an instance of an inlined function has at its origin.
fn variable_type(unit: UnitRef<'_, Reader<'_>>, variable: UnitOffset) -> Option<UnitOffset> {
    let follow = |offset, name| match unit.entry(offset).ok()?.attr_value(name) {
        Some(AttributeValue::UnitRef(target)) => Some(target),
        _ => None,
    };
    let own = follow(variable, dw::DW_AT_type);
    own.or_else(|| follow(follow(variable, dw::DW_AT_abstract_origin)?, dw::DW_AT_type))
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
