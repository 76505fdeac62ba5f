//! What kinds of entries and attributes there are, as far as their conversion differs.

use gimli::{
    AttributeValue, DebuggingInformationEntry, DwAt, DwLang, DwTag, UnitOffset, UnitRef, UnitType,
    constants as dw,
};

use super::entry::Current;
use crate::sections::Reader;

/// Whether a variable may be at one address: it is not in a frame or a local.
pub(crate) fn may_be_static(current: &Current<'_, '_>) -> bool {
    match current.value(dw::DW_AT_location) {
        Some(AttributeValue::Exprloc(location)) => !matches!(
            location.0.slice().first().map(|opcode| gimli::DwOp(*opcode)),
            None | Some(dw::DW_OP_fbreg | dw::DW_OP_WASM_location)
        ),
        _ => false,
    }
}

/// Whether an attribute says where in the source an inlined function was called. Debuggers show that as the position of
/// the caller.
pub(crate) fn is_call_position(name: DwAt) -> bool {
    matches!(name, dw::DW_AT_call_file | dw::DW_AT_call_line | dw::DW_AT_call_column)
}

/// Whether a type's values are addresses.
pub(crate) fn is_pointer(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_pointer_type
            | dw::DW_TAG_reference_type
            | dw::DW_TAG_rvalue_reference_type
            | dw::DW_TAG_ptr_to_member_type
    )
}

pub(crate) fn is_type(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_array_type
            | dw::DW_TAG_base_type
            | dw::DW_TAG_class_type
            | dw::DW_TAG_const_type
            | dw::DW_TAG_enumeration_type
            | dw::DW_TAG_pointer_type
            | dw::DW_TAG_ptr_to_member_type
            | dw::DW_TAG_reference_type
            | dw::DW_TAG_restrict_type
            | dw::DW_TAG_rvalue_reference_type
            | dw::DW_TAG_structure_type
            | dw::DW_TAG_subroutine_type
            | dw::DW_TAG_typedef
            | dw::DW_TAG_union_type
            | dw::DW_TAG_unspecified_type
            | dw::DW_TAG_volatile_type
    )
}

/// The language of a unit, if its root says one.
pub(crate) fn language(unit: UnitRef<'_, Reader<'_>>) -> Option<DwLang> {
    let mut root = DebuggingInformationEntry::null();
    unit.entries_raw(None).ok()?.read_entry(&mut root).ok()?;
    match root.attr_value(dw::DW_AT_language)? {
        AttributeValue::Language(language) => Some(language),
        _ => None,
    }
}

/// The type that a type unit is for.
pub(crate) fn signature(ty: UnitType<usize>) -> Option<(gimli::DebugTypeSignature, UnitOffset)> {
    match ty {
        UnitType::Type { type_signature, type_offset }
        | UnitType::SplitType { type_signature, type_offset } => Some((type_signature, type_offset)),
        _ => None,
    }
}
