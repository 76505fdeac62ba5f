//! What the bytes of a variable mean, by its type in the debug info, in the manner of gdb.

use addr2line::gimli::{self, AttributeValue, UnitOffset, UnitRef};

use crate::debug_info::Reader;

/// Bytes of a value; `None` where the program keeps them nowhere.
pub(crate) type Bytes = Vec<Option<u8>>;

/// Types in types, beyond which `...` is printed.
const MAX_DEPTH: usize = 4;

/// Elements and members that are printed.
const MAX_ELEMENTS: usize = 16;

/// Characters of a string that are printed.
const MAX_STRING: usize = 64;

/// Values of more bytes are not read.
const MAX_SIZE: u64 = 1 << 20;

/// Said of bytes that are nowhere.
const NOWHERE: &str = "<optimized out>";

/// The types of a unit, and the memory that pointers point to.
pub(crate) struct Types<'a, 'd> {
    /// The unit.
    pub(crate) unit: UnitRef<'a, Reader<'d>>,
    /// Reads memory: all of the bytes or none.
    pub(crate) memory: &'a dyn Fn(u64, usize) -> Option<Vec<u8>>,
}

/// An entry of the debug info.
pub(crate) type Entry<'d> = gimli::DebuggingInformationEntry<Reader<'d>>;

/// An unsigned number of at most 8 bytes.
#[must_use]
pub(crate) fn unsigned(bytes: &[u8]) -> Option<u64> {
    let mut value = [0; 8];
    value.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(value))
}

/// A signed number of at most 8 bytes.
#[must_use]
pub(crate) fn signed(bytes: &[u8]) -> Option<i64> {
    let shift = 64u32.checked_sub(u32::try_from(bytes.len()).ok()? * 8).filter(|shift| *shift < 64)?;
    Some((unsigned(bytes)? << shift).cast_signed() >> shift)
}

/// All bytes, if all are known.
fn known(bytes: &[Option<u8>]) -> Option<Vec<u8>> {
    bytes.iter().copied().collect()
}

impl<'d> Types<'_, 'd> {
    /// Bytes of a value of a type. None if the debug info does not say, or if they are absurdly many.
    #[must_use]
    pub(crate) fn size(&self, ty: UnitOffset) -> Option<usize> {
        let size = self.size_at(ty, 0).filter(|size| *size <= MAX_SIZE)?;
        usize::try_from(size).ok()
    }

    fn size_at(&self, ty: UnitOffset, depth: usize) -> Option<u64> {
        if depth > 16 {
            return None;
        }
        let entry = self.unit.entry(ty).ok()?;
        if let Some(size) = entry.attr_value(gimli::DW_AT_byte_size) {
            return size.udata_value();
        }
        match entry.tag() {
            gimli::DW_TAG_array_type => {
                let element = self.size_at(inner(&entry)?, depth + 1)?;
                self.dimensions(ty).into_iter().try_fold(element, u64::checked_mul)
            }
            gimli::DW_TAG_pointer_type
            | gimli::DW_TAG_reference_type
            | gimli::DW_TAG_rvalue_reference_type => Some(u64::from(self.unit.encoding().address_size)),
            _ => self.size_at(inner(&entry)?, depth + 1),
        }
    }

    /// Numbers of elements, outermost first.
    fn dimensions(&self, array: UnitOffset) -> Vec<u64> {
        let mut found = Vec::new();
        self.each_child(array, |child| {
            if child.tag() == gimli::DW_TAG_subrange_type {
                let number = |name| child.attr_value(name).and_then(|value| value.udata_value());
                let last = || number(gimli::DW_AT_upper_bound)?.checked_add(1);
                found.push(number(gimli::DW_AT_count).or_else(last).unwrap_or(0));
            }
        });
        found
    }

    /// Visits the entries right below one.
    pub(crate) fn each_child(&self, parent: UnitOffset, mut visit: impl FnMut(&Entry<'d>)) {
        let Ok(mut tree) = self.unit.entries_tree(Some(parent)) else { return };
        let Ok(root) = tree.root() else { return };
        let mut children = root.children();
        while let Ok(Some(child)) = children.next() {
            visit(child.entry());
        }
    }

    /// The name that an entry has itself.
    pub(crate) fn name(&self, entry: &Entry<'d>) -> Option<String> {
        let name = self.unit.attr_string(entry.attr_value(gimli::DW_AT_name)?).ok()?;
        Some(name.to_string_lossy().into_owned())
    }

    /// A value in words.
    #[must_use]
    pub(crate) fn show(&self, ty: UnitOffset, bytes: &[Option<u8>]) -> String {
        self.show_at(ty, bytes, 0).unwrap_or_else(|| NOWHERE.to_owned())
    }

    fn show_at(&self, ty: UnitOffset, bytes: &[Option<u8>], depth: usize) -> Option<String> {
        let entry = self.unit.entry(ty).ok()?;
        if depth > MAX_DEPTH {
            return Some("...".to_owned());
        }
        match entry.tag() {
            gimli::DW_TAG_base_type => show_base(&entry, &known(bytes)?),
            gimli::DW_TAG_pointer_type => self.show_pointer(&entry, &known(bytes)?),
            gimli::DW_TAG_reference_type | gimli::DW_TAG_rvalue_reference_type => {
                Some(format!("@{:#x}", unsigned(&known(bytes)?)?))
            }
            gimli::DW_TAG_enumeration_type => self.show_enumerator(ty, &known(bytes)?),
            gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_union_type => {
                Some(self.show_members(ty, bytes, depth))
            }
            gimli::DW_TAG_array_type => {
                let dimensions = self.dimensions(ty);
                self.show_array(inner(&entry)?, &dimensions, bytes, depth)
            }
            // Names for other types, and qualifiers. Not a level for the reader.
            _ => match inner(&entry) {
                Some(inner) if inner != ty => self.show_through(inner, bytes, depth),
                _ => None,
            },
        }
    }

    /// Follows names and qualifiers, of which damaged debug info may have a ring.
    fn show_through(&self, mut ty: UnitOffset, bytes: &[Option<u8>], depth: usize) -> Option<String> {
        for _ in 0..16 {
            let entry = self.unit.entry(ty).ok()?;
            if !is_alias(entry.tag()) {
                return self.show_at(ty, bytes, depth);
            }
            ty = inner(&entry)?;
        }
        None
    }

    fn show_pointer(&self, entry: &Entry<'d>, bytes: &[u8]) -> Option<String> {
        let address = unsigned(bytes)?;
        let target = inner(entry).and_then(|ty| self.without_aliases(ty));
        let text = target
            .filter(|target| is_character(target) && address != 0)
            .and_then(|_| self.string_at(address));
        Some(text.map_or_else(|| format!("{address:#x}"), |text| format!("{address:#x} {text}")))
    }

    /// The type that names and qualifiers stand for.
    pub(crate) fn without_aliases(&self, mut ty: UnitOffset) -> Option<Entry<'d>> {
        for _ in 0..16 {
            let entry = self.unit.entry(ty).ok()?;
            if !is_alias(entry.tag()) {
                return Some(entry);
            }
            ty = inner(&entry)?;
        }
        None
    }

    fn string_at(&self, address: u64) -> Option<String> {
        let mut text = Vec::new();
        while text.len() < MAX_STRING {
            let byte = (self.memory)(address + text.len() as u64, 1)?[0];
            if byte == 0 {
                return Some(quoted(&text, false));
            }
            text.push(byte);
        }
        Some(quoted(&text, true))
    }

    fn show_enumerator(&self, ty: UnitOffset, bytes: &[u8]) -> Option<String> {
        let value = signed(bytes)?;
        let unsigned = unsigned(bytes)?;
        let mut name = None;
        self.each_child(ty, |child| {
            let constant = child.attr_value(gimli::DW_AT_const_value);
            let same = constant.is_some_and(|constant| {
                constant.sdata_value() == Some(value) || constant.udata_value() == Some(unsigned)
            });
            if same && name.is_none() {
                name = self.name(child);
            }
        });
        Some(name.unwrap_or_else(|| value.to_string()))
    }

    fn show_members(&self, ty: UnitOffset, bytes: &[Option<u8>], depth: usize) -> String {
        let mut shown = Vec::new();
        self.each_child(ty, |child| {
            if !matches!(child.tag(), gimli::DW_TAG_member | gimli::DW_TAG_inheritance) {
                return;
            }
            // A static member is declared here and lives elsewhere.
            if child.attr_value(gimli::DW_AT_external).is_some() {
                return;
            }
            if shown.len() == MAX_ELEMENTS {
                shown.push("...".to_owned());
            }
            if shown.len() < MAX_ELEMENTS {
                let value = self.show_member(child, bytes, depth).unwrap_or_else(|| NOWHERE.to_owned());
                shown
                    .push(self.name(child).map_or_else(|| value.clone(), |name| format!("{name} = {value}")));
            }
        });
        format!("{{{}}}", shown.join(", "))
    }

    fn show_member(&self, member: &Entry<'d>, bytes: &[Option<u8>], depth: usize) -> Option<String> {
        let ty = inner(member)?;
        let number = |name| member.attr_value(name).and_then(|value: AttributeValue<_>| value.udata_value());
        if let Some(bits) = number(gimli::DW_AT_bit_size) {
            return self.show_bits(ty, number(gimli::DW_AT_data_bit_offset)?, bits, bytes);
        }
        let offset = usize::try_from(number(gimli::DW_AT_data_member_location).unwrap_or(0)).ok()?;
        let bytes = bytes.get(offset..offset.checked_add(self.size(ty)?)?)?;
        self.show_at(ty, bytes, depth + 1)
    }

    fn show_bits(&self, ty: UnitOffset, offset: u64, bits: u64, bytes: &[Option<u8>]) -> Option<String> {
        self.show_at(ty, &self.bits(ty, offset, bits, bytes)?, 0)
    }

    /// The value of a bit field as its type has it.
    pub(crate) fn bits(&self, ty: UnitOffset, offset: u64, bits: u64, bytes: &[Option<u8>]) -> Option<Bytes> {
        let (offset, bits) = (usize::try_from(offset).ok()?, usize::try_from(bits).ok()?);
        let bit = |index: usize| Some(u128::from(((*bytes.get(index / 8)?)? >> (index % 8)) & 1));
        let mut value = 0;
        for index in 0..bits.min(64) {
            value |= bit(offset + index)? << index;
        }
        let is_signed =
            self.without_aliases(ty).is_some_and(|entry| encoding(&entry) == Some(gimli::DW_ATE_signed));
        if is_signed && bits > 0 && value >> (bits - 1) == 1 {
            value |= u128::MAX << bits;
        }
        Some(value.to_le_bytes().into_iter().take(self.size(ty)?).map(Some).collect())
    }

    fn show_array(
        &self,
        element: UnitOffset,
        dimensions: &[u64],
        bytes: &[Option<u8>],
        depth: usize,
    ) -> Option<String> {
        let [_, inner @ ..] = dimensions else { return self.show_at(element, bytes, depth) };
        let is_text =
            inner.is_empty() && self.without_aliases(element).is_some_and(|entry| is_character(&entry));
        if is_text && let Some(text) = known(bytes) {
            let end = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            return Some(quoted(&text[..end.min(MAX_STRING)], end > MAX_STRING));
        }
        let inner_count = inner.iter().try_fold(1, |all: u64, one| all.checked_mul(*one))?;
        let size = self.size(element)?.checked_mul(usize::try_from(inner_count).ok()?)?.max(1);
        let mut shown = Vec::new();
        for part in bytes.chunks(size).take(MAX_ELEMENTS) {
            let text = self.show_array(element, inner, part, depth + 1);
            shown.push(text.unwrap_or_else(|| NOWHERE.to_owned()));
        }
        if bytes.len() > size * MAX_ELEMENTS {
            shown.push("...".to_owned());
        }
        Some(format!("{{{}}}", shown.join(", ")))
    }
}

/// The type that an entry refers to.
pub(crate) fn inner(entry: &Entry<'_>) -> Option<UnitOffset> {
    match entry.attr_value(gimli::DW_AT_type)? {
        AttributeValue::UnitRef(offset) => Some(offset),
        _ => None,
    }
}

fn is_alias(tag: gimli::DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_typedef
            | gimli::DW_TAG_const_type
            | gimli::DW_TAG_volatile_type
            | gimli::DW_TAG_restrict_type
            | gimli::DW_TAG_atomic_type
    )
}

/// How a base type's bytes are meant.
pub(crate) fn encoding(entry: &Entry<'_>) -> Option<gimli::DwAte> {
    match entry.attr_value(gimli::DW_AT_encoding)? {
        AttributeValue::Encoding(encoding) => Some(encoding),
        _ => None,
    }
}

fn is_character(entry: &Entry<'_>) -> bool {
    let size = entry.attr_value(gimli::DW_AT_byte_size).and_then(|size| size.udata_value());
    size == Some(1)
        && matches!(encoding(entry), Some(gimli::DW_ATE_signed_char | gimli::DW_ATE_unsigned_char))
}

fn show_base(entry: &Entry<'_>, bytes: &[u8]) -> Option<String> {
    Some(match (encoding(entry)?, bytes.len()) {
        (gimli::DW_ATE_boolean, _) => (unsigned(bytes)? != 0).to_string(),
        (gimli::DW_ATE_float, 4) => f32::from_le_bytes(bytes.try_into().ok()?).to_string(),
        (gimli::DW_ATE_float, 8) => f64::from_le_bytes(bytes.try_into().ok()?).to_string(),
        (gimli::DW_ATE_signed_char, 1) => format!("{} {}", signed(bytes)?, character(bytes[0])),
        (gimli::DW_ATE_unsigned_char, 1) => format!("{} {}", bytes[0], character(bytes[0])),
        (gimli::DW_ATE_signed | gimli::DW_ATE_signed_char, 1..=8) => signed(bytes)?.to_string(),
        (_, 1..=8) => unsigned(bytes)?.to_string(),
        (gimli::DW_ATE_signed, 16) => i128::from_le_bytes(bytes.try_into().ok()?).to_string(),
        (_, 16) => format!("{:#034x}", u128::from_le_bytes(bytes.try_into().ok()?)),
        _ => return None,
    })
}

fn character(byte: u8) -> String {
    format!("'{}'", byte.escape_ascii())
}

fn quoted(text: &[u8], is_cut: bool) -> String {
    format!("\"{}\"{}", text.escape_ascii(), if is_cut { "..." } else { "" })
}
