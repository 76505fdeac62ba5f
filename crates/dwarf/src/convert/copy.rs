//! Entries of which only a few bytes change: most of what compilers write without optimisation. What is to be done with the
//! entries of an abbreviation is found out once, and the bytes between are copied as they are.
//!
//! An entry with something that this does not know is converted attribute by attribute: `attribute.rs` has the rules, and
//! what is here only takes what comes out of them as it went in, with references and addresses put right.

use gimli::{
    Abbreviation, AttributeSpecification, DebugAddrIndex, DebugStrOffsetsIndex, DwAt, DwForm, DwTag, Format,
    UnitRef, constants as dw,
};

use super::abbreviation::{Abbreviations, Specification};
use super::attribute::{AttributeConverter, frame_offset, is_metadata};
use super::bytes::{fixed, read_unsigned, unsigned};
use super::output::Output;
use super::part::{PlannedUnit, Shared};
use super::reference::Waiting;
use super::strings::Kind;
use crate::sections::Reader;

/// Bytes of a reference or of an offset between sections.
const OFFSET: usize = 4;

/// Abbreviations with larger codes are looked at each time.
const MAX_CODE: usize = 1 << 12;

/// What is done with a piece of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// So many bytes stay.
    Bytes(usize),
    /// A LEB128 number stays.
    Number,
    /// A string stays.
    Text,
    /// The offset of a string stays, if there is one.
    String(Kind),
    /// The index of a string, of so many bytes, becomes an offset.
    IndexedString(usize),
    /// The number of a file, of so many bytes, stays if there is such a file.
    File(usize),
    /// A reference is put right.
    Reference,
    /// An expression stays that is an offset in the frame.
    FrameOffset,
    /// The address of code is put right.
    Start,
    /// The index of an address of code, of so many bytes, becomes an address.
    IndexedStart(usize),
    /// So many bytes are left out.
    Skip(usize),
}

/// How entries of one abbreviation are copied.
#[derive(Debug)]
pub(super) struct Recipe {
    /// Of the abbreviation in the image.
    code: u32,
    pub(super) tag: DwTag,
    pub(super) has_children: bool,
    /// Whether it says where the entry behind it and its children is.
    has_sibling: bool,
    steps: Vec<Step>,
}

/// The recipes of a unit.
pub(super) struct Recipes {
    /// By code, of those that were asked for. None inside for what is not copied.
    known: Vec<Option<Option<Recipe>>>,
    /// Whether there are any.
    is_possible: bool,
}

/// A copy.
pub(super) struct Copied {
    /// Bytes that were read.
    pub(super) length: usize,
    /// Where its code begins, as the unit counts.
    pub(super) start: Option<u64>,
    /// Where the place of its sibling is to be written.
    pub(super) sibling: Option<usize>,
}

/// Whether readers skip the children of such an entry; we do as well (`index`).
pub(super) fn is_skipped(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_subprogram | dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type
    )
}

impl Recipes {
    /// Those of a unit. None of its entries is copied if something is to be done with all of them. `is_whole` says that it keeps
    /// all references.
    pub(super) fn new(shared: &Shared<'_, '_>, planned: &PlannedUnit<'_>, is_whole: bool) -> Self {
        let encoding = planned.source.unit.encoding();
        let is_possible = is_whole
            && encoding.version >= 4
            && encoding.format == Format::Dwarf32
            && encoding.address_size == shared.layout.machine.address_size()
            && shared.layout.has_variables
            && !planned.without_lines;
        Self { known: Vec::new(), is_possible }
    }

    /// The recipe for entries of an abbreviation, if they can be copied.
    pub(super) fn get(
        &mut self,
        abbreviation: &Abbreviation,
        written: &mut Abbreviations,
    ) -> Option<&Recipe> {
        let code = usize::try_from(abbreviation.code()).ok().filter(|code| *code <= MAX_CODE)?;
        if !self.is_possible {
            return None;
        }
        if self.known.len() <= code {
            self.known.resize_with(code.saturating_add(1), || None);
        }
        let known = self.known.get_mut(code)?;
        known.get_or_insert_with(|| Recipe::new(abbreviation, written)).as_ref()
    }
}

impl Recipe {
    fn new(abbreviation: &Abbreviation, written: &mut Abbreviations) -> Option<Self> {
        let (tag, has_children) = (abbreviation.tag(), abbreviation.has_children());
        // Functions and numbers are looked at more closely.
        if matches!(tag, dw::DW_TAG_subprogram | dw::DW_TAG_subroutine_type | dw::DW_TAG_base_type) {
            return None;
        }
        let mut steps: Vec<Step> = Vec::new();
        let mut specifications = Vec::new();
        let mut has_sibling = has_children && is_skipped(tag);
        let mut has_start = false;
        for attribute in abbreviation.attributes() {
            let (step, form) = step(attribute)?;
            has_sibling |= has_children && attribute.name() == dw::DW_AT_sibling;
            has_start |= matches!(step, Step::Start | Step::IndexedStart(_));
            // Without a beginning, an end is nothing.
            if attribute.name() == dw::DW_AT_high_pc && !has_start {
                return None;
            }
            match (steps.last_mut(), step) {
                (_, Step::Bytes(0)) => {}
                (Some(Step::Bytes(before)), Step::Bytes(more)) => *before = before.checked_add(more)?,
                _ => steps.push(step),
            }
            if !matches!(step, Step::Skip(_)) {
                specifications.push(Specification::new(attribute.name(), form));
            }
        }
        if has_sibling {
            specifications.push(Specification::new(dw::DW_AT_sibling, dw::DW_FORM_ref4));
        }
        let code = written.code(tag, has_children, specifications.into_iter());
        Some(Self { code, tag, has_children, has_sibling, steps })
    }

    /// Copies an entry from `input`, where its attributes begin, to the end of the unit. None if something else is to be done
    /// with it, and nothing is written then.
    pub(super) fn copy<'a>(
        &self,
        input: &[u8],
        unit: UnitRef<'_, Reader<'a>>,
        attributes: &mut AttributeConverter<'_, 'a>,
        output: &mut Output,
    ) -> Option<Copied> {
        let out = &mut output.sections.debug_info.bytes;
        let (begin, waiting) = (out.len(), attributes.waiting.len());
        unsigned(out, self.code.into());
        let mut copying = Copying { input, at: 0, done: 0, start: None, expressions: 0, names_file: false };
        let copied = self.steps.iter().try_for_each(|step| copying.step(*step, unit, attributes, out));
        let Some(()) = copied.and_then(|()| copying.write(out)) else {
            out.truncate(begin);
            attributes.waiting.truncate(waiting);
            return None;
        };
        let sibling = self.has_sibling.then_some(out.len());
        if self.has_sibling {
            out.extend_from_slice(&[0; 4]);
        }
        attributes.names_file |= copying.names_file;
        attributes.report.expressions += copying.expressions;
        attributes.report.entries += 1;
        Some(Copied { length: copying.at, start: copying.start, sibling })
    }
}

/// An entry that is being copied.
struct Copying<'i> {
    /// From its attributes to the end of the unit.
    input: &'i [u8],
    /// How much was read.
    at: usize,
    /// How much of that was written, or is not to be.
    done: usize,
    start: Option<u64>,
    expressions: u64,
    names_file: bool,
}

impl Copying<'_> {
    /// Writes what was read and not written.
    fn write(&mut self, out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(self.input.get(self.done..self.at)?);
        self.done = self.at;
        Some(())
    }

    /// Leaves out so many bytes.
    fn skip(&mut self, count: usize, out: &mut Vec<u8>) -> Option<()> {
        self.write(out)?;
        self.at = self.at.checked_add(count)?;
        self.done = self.at;
        Some(())
    }

    fn step<'a>(
        &mut self,
        step: Step,
        unit: UnitRef<'_, Reader<'a>>,
        attributes: &mut AttributeConverter<'_, 'a>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let rest = self.input.get(self.at..)?;
        let length = match step {
            Step::Bytes(count) => count,
            Step::Number => read_unsigned(rest)?.1,
            Step::Text => rest.iter().position(|byte| *byte == 0)?.checked_add(1)?,
            Step::String(kind) => {
                let offset = u32::from_le_bytes(*rest.first_chunk()?);
                let place = attributes.string_place(unit, kind, usize::try_from(offset).ok()?)?;
                if place != offset {
                    self.skip(OFFSET, out)?;
                    out.extend_from_slice(&place.to_le_bytes());
                    return Some(());
                }
                OFFSET
            }
            Step::IndexedString(size) => {
                let (index, length) = index(rest, size)?;
                let offset = unit.string_offset(DebugStrOffsetsIndex(index)).ok()?;
                let place = attributes.string_place(unit, Kind::String, offset.0)?;
                self.skip(length, out)?;
                out.extend_from_slice(&place.to_le_bytes());
                return Some(());
            }
            Step::File(size) => {
                let (file, length) = index(rest, size)?;
                if !attributes.files.contains(u64::try_from(file).ok()?) {
                    return None;
                }
                self.names_file = true;
                length
            }
            Step::Reference => {
                let target = u32::from_le_bytes(*rest.first_chunk()?);
                let place = out.len().checked_add(self.at.checked_sub(self.done)?)?;
                attributes.waiting.push(Waiting::entry(place, usize::try_from(target).ok()?));
                OFFSET
            }
            Step::FrameOffset => {
                self.expressions += 1;
                frame_offset(rest)?
            }
            Step::Start => {
                let length = usize::from(unit.encoding().address_size);
                return self.start(little_endian(rest.get(..length)?), length, unit, attributes, out);
            }
            Step::IndexedStart(size) => {
                let (index, length) = index(rest, size)?;
                let address = unit.address(DebugAddrIndex(index)).ok()?;
                return self.start(address, length, unit, attributes, out);
            }
            Step::Skip(count) => return self.skip(count, out),
        };
        self.at = self.at.checked_add(length)?;
        Some(())
    }

    /// An address of code, which was read from so many bytes.
    fn start<'a>(
        &mut self,
        address: u64,
        length: usize,
        unit: UnitRef<'_, Reader<'a>>,
        attributes: &AttributeConverter<'_, 'a>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let place = attributes.map.code(address)?;
        self.skip(length, out)?;
        fixed(out, place, unit.encoding().address_size);
        self.start = Some(address);
        Some(())
    }
}

/// What is done with an attribute, and the form that it has then. None if that depends.
fn step(attribute: &AttributeSpecification) -> Option<(Step, DwForm)> {
    let (name, form) = (attribute.name(), attribute.form());
    if name == dw::DW_AT_sibling && form == dw::DW_FORM_ref4 {
        return Some((Step::Skip(OFFSET), form));
    }
    if is_metadata(name) || is_looked_at(name) {
        return None;
    }
    let is_start = name == dw::DW_AT_low_pc;
    let is_file = matches!(name, dw::DW_AT_decl_file | dw::DW_AT_call_file);
    let step = match form {
        dw::DW_FORM_addr if is_start => Step::Start,
        dw::DW_FORM_addrx if is_start => return Some((Step::IndexedStart(0), dw::DW_FORM_addr)),
        dw::DW_FORM_addrx1 if is_start => return Some((Step::IndexedStart(1), dw::DW_FORM_addr)),
        dw::DW_FORM_addrx2 if is_start => return Some((Step::IndexedStart(2), dw::DW_FORM_addr)),
        _ if is_start => return None,
        dw::DW_FORM_data1 if is_file => Step::File(1),
        dw::DW_FORM_data2 if is_file => Step::File(2),
        dw::DW_FORM_udata if is_file => Step::File(0),
        _ if is_file => return None,
        dw::DW_FORM_flag_present => Step::Bytes(0),
        dw::DW_FORM_data1 | dw::DW_FORM_flag => Step::Bytes(1),
        dw::DW_FORM_data2 => Step::Bytes(2),
        dw::DW_FORM_data4 => Step::Bytes(4),
        dw::DW_FORM_data8 => Step::Bytes(8),
        dw::DW_FORM_udata | dw::DW_FORM_sdata => Step::Number,
        dw::DW_FORM_string => Step::Text,
        dw::DW_FORM_strp => Step::String(Kind::String),
        dw::DW_FORM_line_strp => Step::String(Kind::LineString),
        dw::DW_FORM_strx => return Some((Step::IndexedString(0), dw::DW_FORM_strp)),
        dw::DW_FORM_strx1 => return Some((Step::IndexedString(1), dw::DW_FORM_strp)),
        dw::DW_FORM_strx2 => return Some((Step::IndexedString(2), dw::DW_FORM_strp)),
        dw::DW_FORM_ref4 => Step::Reference,
        dw::DW_FORM_exprloc if name == dw::DW_AT_location => Step::FrameOffset,
        _ => return None,
    };
    Some((step, form))
}

/// What an entry is looked at for.
fn is_looked_at(name: DwAt) -> bool {
    // `main` has another one.
    matches!(name, dw::DW_AT_linkage_name | dw::DW_AT_ranges | dw::DW_AT_vtable_elem_location)
}

/// An index of so many bytes, or a LEB128 number if that is 0; and its length.
fn index(bytes: &[u8], size: usize) -> Option<(usize, usize)> {
    let (value, length) = match size {
        0 => read_unsigned(bytes)?,
        size => (little_endian(bytes.get(..size)?), size),
    };
    Some((usize::try_from(value).ok()?, length))
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}
