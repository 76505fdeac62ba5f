//! How functions return structures: what clang for wasm32 does, and where gdb looks for it.
//!
//! clang returns a structure of more than one scalar through a hidden first parameter, a pointer to memory of the
//! caller. gdb believes in the System V ABI of x86-64: up to 16 bytes come back in registers, and the type decides in
//! which. To answer gdb's `finish`, a persona copies the memory that the pointer (local 0 of the function) points to
//! into those registers.
//!
//! Numbers of 16 bytes, and structures of only one, gdb looks for nowhere, or in a register that is too short for them: it
//! would show 0. So the image has functions return a structure with the number in it, which is long enough for memory.

use gimli::{AttributeValue, DwTag, UnitOffset, UnitRef, constants as dw, read};

use crate::sections::Reader;

/// Structures nested deeper are taken for memory.
const MAX_DEPTH: u32 = 16;
/// Bytes that fit registers.
const MAX_SIZE: u64 = 16;
/// Entries to look at before a type is taken for memory.
const MAX_STEPS: u32 = 10_000;
/// More `typedef`s and qualifiers on top of each other are no type.
const MAX_CHAIN: u32 = 64;

/// How one function returns a value that is not one scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionReturn {
    /// Size of the returned value in bytes.
    pub byte_size: u64,
    /// Whether the function stores the value through its hidden first parameter, and has no Wasm result.
    pub hidden_pointer: bool,
    /// Whether its first local is that pointer for as long as it runs: no operator changes the local.
    pub keeps_pointer: bool,
    /// Where gdb looks for it.
    pub place: ReturnPlace,
}

/// Where the System V ABI of x86-64 puts a returned value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReturnPlace {
    /// In memory, with the address in `rax`.
    Memory,
    /// In registers: one class for each 8 bytes of the value.
    Registers(Vec<RegisterClass>),
}

/// Which sequence of registers 8 bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterClass {
    /// The next of `rax`, `rdx`.
    Integer,
    /// The next of `xmm0`, `xmm1`.
    Sse,
}

/// The ABI's class of 8 bytes while they are being looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    None,
    Integer,
    Sse,
    /// Half of a number of 16 bytes.
    Long,
}

/// How a function with the given return type returns it; `None` for scalars that Wasm returns as results, and for
/// types that cannot be read.
pub(crate) fn function_return(
    unit: UnitRef<'_, Reader<'_>>,
    ty: UnitOffset,
    has_results: bool,
) -> Option<FunctionReturn> {
    let (offset, entry) = strip(unit, ty)?;
    let byte_size = size(unit, &entry)?;
    let encoding = entry.attr_value(dw::DW_AT_encoding);
    let is_complex = encoding == Some(AttributeValue::Encoding(dw::DW_ATE_complex_float));
    // An optimiser may drop the result of a function that returns a scalar. That makes no hidden parameter.
    let is_scalar = !is_aggregate(entry.tag()) && (has_results || (byte_size <= 8 && !is_complex));
    if is_scalar {
        return None;
    }
    let place = place_of(unit, offset, byte_size);
    Some(FunctionReturn { byte_size, hidden_pointer: !has_results, keeps_pointer: false, place })
}

/// Where the ABI puts a value of a stripped type.
pub(crate) fn place_of(unit: UnitRef<'_, Reader<'_>>, offset: UnitOffset, byte_size: u64) -> ReturnPlace {
    let mut classifier = Classifier { unit, classes: [Class::None; 2], steps: MAX_STEPS };
    let fits = byte_size <= MAX_SIZE && classifier.add(offset, 0, 0).is_some();
    if fits { place(classifier.classes, byte_size) } else { ReturnPlace::Memory }
}

/// The size of a type if gdb finds no returned value of it, or only a part.
pub(crate) fn lost_size(unit: UnitRef<'_, Reader<'_>>, ty: UnitOffset) -> Option<u64> {
    let (offset, entry) = strip(unit, ty)?;
    let byte_size = size(unit, &entry)?;
    let is_lost = if byte_size == MAX_SIZE {
        let mut classifier = Classifier { unit, classes: [Class::None; 2], steps: MAX_STEPS };
        classifier.add(offset, 0, 0).is_some() && classifier.classes.contains(&Class::Long)
    } else {
        entry.tag() == dw::DW_TAG_base_type && byte_size > MAX_SIZE
    };
    is_lost.then_some(byte_size)
}

/// The scalar that is all that a structure has, however deep in it.
pub(crate) fn only_scalar<'a>(unit: UnitRef<'_, Reader<'a>>, structure: UnitOffset) -> Option<Entry<'a>> {
    let mut offset = structure;
    for _ in 0..MAX_DEPTH {
        let mut classifier = Classifier { unit, classes: [Class::None; 2], steps: MAX_STEPS };
        let members = classifier.members(offset)?;
        let [member] = &*members else { return None };
        let (inner, mut entry) = strip(unit, type_of(member)?)?;
        offset = inner;
        if entry.tag() == dw::DW_TAG_array_type && elements(unit, inner) == Some(1) {
            (offset, entry) = strip(unit, type_of(&entry)?)?;
        }
        if !is_aggregate(entry.tag()) {
            return Some(entry);
        }
    }
    None
}

fn place(classes: [Class; 2], byte_size: u64) -> ReturnPlace {
    if classes.contains(&Class::Long) {
        return ReturnPlace::Memory;
    }
    let count = usize::try_from(byte_size.div_ceil(8)).unwrap_or(2);
    let register = |class| if class == Class::Sse { RegisterClass::Sse } else { RegisterClass::Integer };
    ReturnPlace::Registers(classes.into_iter().take(count).map(register).collect())
}

fn is_aggregate(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type | dw::DW_TAG_array_type
    )
}

pub(crate) type Entry<'a> = gimli::DebuggingInformationEntry<Reader<'a>>;

/// The type behind typedefs and qualifiers.
pub(crate) fn strip<'a>(unit: UnitRef<'_, Reader<'a>>, ty: UnitOffset) -> Option<(UnitOffset, Entry<'a>)> {
    let mut offset = ty;
    for _ in 0..MAX_CHAIN {
        let entry = unit.entry(offset).ok()?;
        match entry.tag() {
            dw::DW_TAG_typedef
            | dw::DW_TAG_const_type
            | dw::DW_TAG_volatile_type
            | dw::DW_TAG_restrict_type
            | dw::DW_TAG_atomic_type => offset = type_of(&entry)?,
            _ => return Some((offset, entry)),
        }
    }
    None
}

pub(crate) fn type_of(entry: &Entry<'_>) -> Option<UnitOffset> {
    match entry.attr_value(dw::DW_AT_type)? {
        AttributeValue::UnitRef(offset) => Some(offset),
        _ => None,
    }
}

fn number(entry: &Entry<'_>, name: gimli::DwAt) -> Option<u64> {
    entry.attr(name)?.udata_value()
}

/// The size of a type in bytes.
pub(crate) fn type_size(unit: UnitRef<'_, Reader<'_>>, ty: UnitOffset) -> Option<u64> {
    size(unit, &strip(unit, ty)?.1)
}

/// The size of a stripped type in bytes.
pub(crate) fn size(unit: UnitRef<'_, Reader<'_>>, entry: &Entry<'_>) -> Option<u64> {
    if let Some(size) = number(entry, dw::DW_AT_byte_size) {
        return Some(size);
    }
    match entry.tag() {
        dw::DW_TAG_pointer_type
        | dw::DW_TAG_reference_type
        | dw::DW_TAG_rvalue_reference_type
        | dw::DW_TAG_ptr_to_member_type => Some(u64::from(unit.encoding().address_size)),
        dw::DW_TAG_array_type => {
            let (_, element) = strip(unit, type_of(entry)?)?;
            // An array of arrays has one entry with several ranges, so this does not recurse far.
            if element.tag() == dw::DW_TAG_array_type {
                return None;
            }
            size(unit, &element)?.checked_mul(elements(unit, entry.offset())?)
        }
        _ => None,
    }
}

/// Number of elements of an array type.
fn elements(unit: UnitRef<'_, Reader<'_>>, array: UnitOffset) -> Option<u64> {
    let mut entries = unit.entries_raw(Some(array)).ok()?;
    let mut entry = Entry::null();
    entries.read_entry(&mut entry).ok()?;
    let mut count = 1_u64;
    for _ in 0..MAX_CHAIN {
        if entries.next_depth() <= 0 || entries.is_empty() {
            return Some(count);
        }
        if entries.read_entry(&mut entry).ok()? && entry.tag() == dw::DW_TAG_subrange_type {
            let upper = number(&entry, dw::DW_AT_upper_bound).and_then(|upper| upper.checked_add(1));
            count = count.checked_mul(number(&entry, dw::DW_AT_count).or(upper)?)?;
        }
    }
    None
}

/// Looks at the parts of a type. Counts its steps, because a malformed type can contain itself many times.
struct Classifier<'u, 'a> {
    unit: UnitRef<'u, Reader<'a>>,
    classes: [Class; 2],
    steps: u32,
}

impl<'a> Classifier<'_, 'a> {
    /// Adds the classes of a value of type `ty` at byte `at` of the returned value. `None` means memory.
    fn add(&mut self, ty: UnitOffset, at: u64, depth: u32) -> Option<()> {
        let (offset, entry) = strip(self.unit, ty)?;
        if depth > MAX_DEPTH {
            return None;
        }
        match entry.tag() {
            dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type => {
                let members = self.members(offset)?;
                members.iter().try_for_each(|member| self.add_member(member, at, depth))
            }
            dw::DW_TAG_array_type => {
                let (element, element_entry) = strip(self.unit, type_of(&entry)?)?;
                let step = size(self.unit, &element_entry)?.max(1);
                let count = elements(self.unit, offset)?.min(MAX_SIZE);
                (0..count).try_for_each(|i| self.add(element, at.checked_add(i * step)?, depth + 1))
            }
            _ => self.add_scalar(&entry, at),
        }
    }

    fn add_member(&mut self, member: &Entry<'a>, at: u64, depth: u32) -> Option<()> {
        if let Some(bit) = number(member, dw::DW_AT_data_bit_offset) {
            return self.merge(at.checked_add(bit / 8)?, 1, Class::Integer);
        }
        let start = match member.attr_value(dw::DW_AT_data_member_location) {
            None => 0,
            Some(AttributeValue::Exprloc(location)) => {
                // DWARF 2 and 3: an operator that adds to the address of the structure.
                match location.operations(self.unit.encoding()).next().ok()?? {
                    read::Operation::PlusConstant { value } => value,
                    _ => return None,
                }
            }
            Some(_) => number(member, dw::DW_AT_data_member_location)?,
        };
        self.add(type_of(member)?, at.checked_add(start)?, depth + 1)
    }

    fn add_scalar(&mut self, entry: &Entry<'a>, at: u64) -> Option<()> {
        let size = size(self.unit, entry)?;
        let encoding = match entry.attr_value(dw::DW_AT_encoding) {
            Some(AttributeValue::Encoding(encoding)) => Some(encoding),
            _ => None,
        };
        let (class, align) = match encoding {
            Some(dw::DW_ATE_complex_float) => (Class::Sse, size / 2),
            _ if size > 8 => (Class::Long, size),
            Some(dw::DW_ATE_float) => (Class::Sse, size),
            _ => (Class::Integer, size),
        };
        if at.checked_rem(align) != Some(0) {
            // Members of packed structures make the whole of it memory.
            return None;
        }
        self.merge(at, size, class)
    }

    /// Combines `class` into the classes of the bytes from `at`.
    fn merge(&mut self, at: u64, size: u64, class: Class) -> Option<()> {
        let last = at.checked_add(size.max(1))?.checked_sub(1)? / 8;
        for index in at / 8..=last {
            let slot = self.classes.get_mut(usize::try_from(index).ok()?)?;
            *slot = match (*slot, class) {
                (Class::None, new) => new,
                (old, new) if old == new => old,
                (Class::Long, _) | (_, Class::Long) => Class::Long,
                _ => Class::Integer,
            };
        }
        Some(())
    }

    /// The members and base classes of a structure.
    fn members(&mut self, structure: UnitOffset) -> Option<Vec<Entry<'a>>> {
        let mut entries = self.unit.entries_raw(Some(structure)).ok()?;
        let mut entry = Entry::null();
        entries.read_entry(&mut entry).ok()?;
        let mut members = Vec::new();
        while entries.next_depth() > 0 && !entries.is_empty() {
            self.steps = self.steps.checked_sub(1)?;
            let is_entry = entries.read_entry(&mut entry).ok()?;
            let is_field = matches!(entry.tag(), dw::DW_TAG_member | dw::DW_TAG_inheritance)
                // Static members are elsewhere.
                && !entry.has_attr(dw::DW_AT_external);
            if is_entry && entry.depth() == 1 && is_field {
                members.push(entry.clone());
            }
        }
        Some(members)
    }
}

/// The return type of a function whose entry may be a definition of what another entry declares.
pub(crate) fn return_type(
    unit: UnitRef<'_, Reader<'_>>,
    subprogram: &read::DebuggingInformationEntry<Reader<'_>>,
) -> Option<UnitOffset> {
    if let Some(ty) = type_of(subprogram) {
        return Some(ty);
    }
    let origin = subprogram
        .attr_value(dw::DW_AT_abstract_origin)
        .or_else(|| subprogram.attr_value(dw::DW_AT_specification))?;
    let AttributeValue::UnitRef(origin) = origin else { return None };
    let origin = unit.entry(origin).ok()?;
    match (type_of(&origin), origin.attr_value(dw::DW_AT_specification)) {
        (Some(ty), _) => Some(ty),
        (None, Some(AttributeValue::UnitRef(declared))) => type_of(&unit.entry(declared).ok()?),
        _ => None,
    }
}
