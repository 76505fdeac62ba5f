//! Line tables. The programs are copied, run by run (`run.rs`) and between these instruction by instruction: files, lines, columns
//! and flags stay as they are, and addresses are changed where the program sets them. Sequences of removed code are left out. A function whose first row is
//! at its first operator gets one more at its start.

use std::borrow::Cow;

use gimli::{AttributeValue, Reader as _, SectionId, UnitRef, constants as dw, read};

use super::address::{AddressMap, is_data_tombstone};
use super::bytes::{fixed, signed, small, unsigned};
use super::limits::Budget;
use super::piece::Piece;
use super::run::{End, Opcodes, Runs};
use super::strings::{Kind, StringSections};
use crate::PathMap;
use crate::report::{Drop, Report};
use crate::sections::Reader;

type Header<'a> = read::LineProgramHeader<Reader<'a>>;

/// The file indexes of a table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Files {
    first: u64,
    end: u64,
    /// Whether the table has rows.
    pub(crate) has_rows: bool,
}

impl Files {
    pub(crate) fn contains(self, index: u64) -> bool {
        index >= self.first && index < self.end
    }
}

/// What line tables are written with.
pub(crate) struct Lines<'l, 'a> {
    pub(crate) strings: &'l StringSections<'a>,
    /// How paths have changed.
    pub(crate) paths: &'l PathMap,
    /// For headers: several units can have the same table.
    pub(crate) budget: &'l Budget,
    /// Of an address in the image.
    pub(crate) address_size: u8,
}

/// Why a table was not, or not all, converted.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("{0}")]
    Read(#[from] gimli::Error),
    #[error("line tables are too long")]
    TooLong,
}

impl<'a> Lines<'_, 'a> {
    /// Converts the line table of a unit: of `unit` or, for a split unit, of its skeleton. `with_rows` is false when
    /// only the file table is wanted. Returns where the table is.
    pub(crate) fn convert(
        &self,
        out: &mut Tables<'_>,
        unit: UnitRef<'_, Reader<'a>>,
        with_rows: bool,
        map: &AddressMap<'_>,
        report: &mut Report,
    ) -> Option<(usize, Files)> {
        let program = unit.line_program.as_ref()?;
        let (start, mark) = (out.lines.bytes.len(), out.lines.mark());
        let header = program.header();
        if let Err(error) = self.header(out, unit, header) {
            report.drop(Drop::LineTable, error);
            out.lines.reset(mark);
            return None;
        }
        let out = &mut *out.lines;
        let first = if header.version() >= 5 { 0 } else { 1 };
        let count = u64::try_from(header.file_names().len()).unwrap_or(u64::MAX);
        let mut files = Files { first, end: first.saturating_add(count), has_rows: false };
        if with_rows {
            let mut rows = Rows::new(out, header, map, self.address_size, report);
            let done = rows.program();
            files.end = files.end.saturating_add(rows.defined_files);
            files.has_rows = rows.has_sequences;
            if let Err(error) = done {
                report.drop(Drop::LineTable, error);
            }
        }
        let length = small(out.bytes.len().saturating_sub(start).saturating_sub(4));
        out.put(start, &length.to_le_bytes());
        Some((start, files))
    }

    /// Writes a header, with all directories and files.
    fn header(
        &self,
        out: &mut Tables<'_>,
        unit: UnitRef<'_, Reader<'a>>,
        header: &Header<'a>,
    ) -> Result<(), Unusable> {
        let spent = header.header_length();
        if !self.budget.spend(spent) {
            return Err(Unusable::TooLong);
        }
        let version = header.version();
        let bytes = &mut out.lines.bytes;
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&version.to_le_bytes());
        if version >= 5 {
            bytes.extend_from_slice(&[self.address_size, 0]);
        }
        let length_at = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        bytes.push(header.minimum_instruction_length());
        if version >= 4 {
            bytes.push(header.maximum_operations_per_instruction());
        }
        let [base] = header.line_base().to_le_bytes();
        let is_statement = u8::from(header.default_is_stmt());
        bytes.extend_from_slice(&[is_statement, base, header.line_range(), header.opcode_base()]);
        bytes.extend_from_slice(header.standard_opcode_lengths().slice());
        if version >= 5 {
            self.tables(out, unit, header)?;
        } else {
            self.old_tables(bytes, unit, header)?;
        }
        let length = small(out.lines.bytes.len().saturating_sub(length_at).saturating_sub(4));
        out.lines.put(length_at, &length.to_le_bytes());
        Ok(())
    }

    /// Directories and files of DWARF 5.
    fn tables(
        &self,
        out: &mut Tables<'_>,
        unit: UnitRef<'_, Reader<'a>>,
        header: &Header<'a>,
    ) -> Result<(), Unusable> {
        let directories = header.include_directories();
        let bytes = &mut out.lines.bytes;
        bytes.push(1);
        unsigned(bytes, dw::DW_LNCT_path.0.into());
        unsigned(bytes, Kind::LineString.form().0.into());
        unsigned(bytes, wide(directories.len()));
        for directory in directories {
            self.path(out, unit, *directory)?;
        }

        let files = header.file_names();
        let has_md5 = header.file_has_md5();
        let bytes = &mut out.lines.bytes;
        bytes.push(if has_md5 { 3 } else { 2 });
        unsigned(bytes, dw::DW_LNCT_path.0.into());
        unsigned(bytes, Kind::LineString.form().0.into());
        unsigned(bytes, dw::DW_LNCT_directory_index.0.into());
        unsigned(bytes, dw::DW_FORM_udata.0.into());
        if has_md5 {
            unsigned(bytes, dw::DW_LNCT_MD5.0.into());
            unsigned(bytes, dw::DW_FORM_data16.0.into());
        }
        unsigned(bytes, wide(files.len()));
        for file in files {
            self.path(out, unit, file.path_name())?;
            unsigned(&mut out.lines.bytes, file.directory_index());
            if has_md5 {
                out.lines.bytes.extend_from_slice(file.md5());
            }
        }
        Ok(())
    }

    /// A path, as `DW_FORM_line_strp`: gdb loses files whose paths have another form.
    fn path(
        &self,
        out: &mut Tables<'_>,
        unit: UnitRef<'_, Reader<'a>>,
        value: AttributeValue<Reader<'a>>,
    ) -> Result<(), Unusable> {
        let place = match value {
            // Every section of strings ends in a zero.
            AttributeValue::DebugLineStrRef(offset) if self.paths.is_empty() => {
                self.strings.place(Kind::LineString, unit.dwarf, offset.0).unwrap_or_default()
            }
            value => {
                let text = self.text(unit, value)?;
                if !self.budget.spend(text.len()) {
                    return Err(Unusable::TooLong);
                }
                let place = out.strings.bytes.len();
                out.strings.bytes.extend_from_slice(&text);
                out.strings.bytes.push(0);
                let at = out.lines.bytes.len();
                out.lines.is_offset(at, SectionId::DebugLineStr);
                small(place)
            }
        };
        out.lines.bytes.extend_from_slice(&place.to_le_bytes());
        Ok(())
    }

    /// A path as it is now.
    fn text(
        &self,
        unit: UnitRef<'_, Reader<'a>>,
        value: AttributeValue<Reader<'a>>,
    ) -> Result<Cow<'a, [u8]>, Unusable> {
        let text = unit.dwarf.attr_line_string(value)?.slice();
        Ok(self.paths.apply(text).map_or(Cow::Borrowed(text), Cow::Owned))
    }

    /// A path, where it is read.
    fn inline(
        &self,
        out: &mut Vec<u8>,
        unit: UnitRef<'_, Reader<'a>>,
        value: AttributeValue<Reader<'a>>,
    ) -> Result<(), Unusable> {
        out.extend_from_slice(&self.text(unit, value)?);
        out.push(0);
        Ok(())
    }

    /// Directories and files before DWARF 5: the directory of the compilation is not among them.
    fn old_tables(
        &self,
        out: &mut Vec<u8>,
        unit: UnitRef<'_, Reader<'a>>,
        header: &Header<'a>,
    ) -> Result<(), Unusable> {
        for directory in header.include_directories() {
            self.inline(out, unit, *directory)?;
        }
        out.push(0);
        for file in header.file_names() {
            self.inline(out, unit, file.path_name())?;
            for number in [file.directory_index(), file.timestamp(), file.size()] {
                unsigned(out, number);
            }
        }
        out.push(0);
        Ok(())
    }
}

/// Where tables go.
pub(crate) struct Tables<'t> {
    /// `.debug_line`.
    pub(crate) lines: &'t mut Piece,
    /// `.debug_line_str`, behind that of the module.
    pub(crate) strings: &'t mut Piece,
}

fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// A program being copied.
struct Rows<'r, 'a, 'm> {
    out: &'r mut Piece,
    header: &'r Header<'a>,
    map: &'r AddressMap<'m>,
    address_size: u8,
    report: &'r mut Report,
    /// How many files the program defines as it goes.
    defined_files: u64,
    /// Whether there is a sequence in the image.
    has_sequences: bool,
    /// The address of the next row, as the unit counts.
    address: u64,
    operation: u64,
    sequence: Sequence,
    /// Instructions that are about the next row only.
    flags: Vec<u8>,
    discriminator: Vec<u8>,
    /// The body of the last row's function: there is nothing to look up but at its start.
    behind_start: std::ops::Range<u64>,
    /// What is copied at once. None if the table has rules of its own.
    runs: Option<Runs>,
    /// Whether the last instruction made a row.
    is_at_row: bool,
}

/// What is known of the current sequence.
#[derive(Clone, Copy, Default)]
struct Sequence {
    /// Where its instructions begin in the image.
    start: usize,
    /// The address of the first row, and of the last one.
    rows: Option<(u64, u64)>,
    goes_backwards: bool,
    /// Whether the program has said where it is.
    is_placed: bool,
    /// Whether what it said last stands for removed code: rows are left out until it says something else.
    is_removed: bool,
}

impl<'r, 'a, 'm> Rows<'r, 'a, 'm> {
    fn new(
        out: &'r mut Piece,
        header: &'r Header<'a>,
        map: &'r AddressMap<'m>,
        address_size: u8,
        report: &'r mut Report,
    ) -> Self {
        let sequence = Sequence { start: out.bytes.len(), ..Sequence::default() };
        Self {
            out,
            header,
            map,
            address_size,
            report,
            defined_files: 0,
            has_sequences: false,
            address: 0,
            operation: 0,
            sequence,
            flags: Vec::new(),
            discriminator: Vec::new(),
            behind_start: 0..0,
            runs: Runs::new(Opcodes {
                base: header.opcode_base(),
                line_range: header.line_range(),
                step: header.minimum_instruction_length(),
                operations: header.maximum_operations_per_instruction(),
                lengths: header.standard_opcode_lengths().slice(),
            }),
            is_at_row: false,
        }
    }

    /// Copies all sequences that are there. What follows a malformed instruction is left out.
    fn program(&mut self) -> Result<(), Unusable> {
        let mut input = self.header.raw_program_buf();
        let mut done = Ok(());
        while !input.is_empty() {
            if let Err(error) = self.instruction(&mut input) {
                done = Err(error.into());
                break;
            }
            if std::mem::take(&mut self.is_at_row) {
                self.run(&mut input);
            }
        }
        if self.sequence.rows.is_some() {
            self.report.drop(Drop::Sequence, "a sequence without an end");
        }
        self.out.bytes.truncate(self.sequence.start);
        done
    }

    /// Copies what comes behind a row as long as nothing is to be changed.
    fn run(&mut self, input: &mut Reader<'a>) {
        let (Some(runs), Some((first, _))) = (&self.runs, self.sequence.rows) else { return };
        let program = input.slice();
        let Some(End { length, address }) = runs.find(program, self.address, &self.behind_start) else {
            return;
        };
        if input.skip(length).is_ok() {
            self.out.bytes.extend_from_slice(program.get(..length).unwrap_or_default());
            self.address = address;
            self.sequence.rows = Some((first, address));
        }
    }

    fn instruction(&mut self, input: &mut Reader<'a>) -> gimli::Result<()> {
        let before = *input;
        let opcode = input.read_u8()?;
        if opcode >= self.header.opcode_base() {
            self.special(opcode);
            return Ok(());
        }
        match gimli::DwLns(opcode) {
            gimli::DwLns(0) => return self.extended(input),
            dw::DW_LNS_copy => {
                if self.sequence.is_removed {
                    self.forget_flags();
                } else {
                    self.row(0);
                    self.out.bytes.push(opcode);
                }
                return Ok(());
            }
            dw::DW_LNS_advance_pc => {
                let advance = input.read_uleb128()?;
                self.advance(advance);
            }
            dw::DW_LNS_const_add_pc => {
                let (advance, _) = self.split(255);
                self.advance(advance);
            }
            dw::DW_LNS_fixed_advance_pc => {
                let advance = u64::from(input.read_u16()?);
                if !self.sequence.is_removed {
                    (self.address, self.operation) = (self.address.wrapping_add(advance), 0);
                }
            }
            dw::DW_LNS_set_basic_block | dw::DW_LNS_set_prologue_end | dw::DW_LNS_set_epilogue_begin => {
                self.flags.push(opcode);
                return Ok(());
            }
            _ => {
                let lengths = self.header.standard_opcode_lengths().slice();
                let index = usize::from(opcode).wrapping_sub(1);
                for _ in 0..lengths.get(index).copied().unwrap_or_default() {
                    input.read_uleb128()?;
                }
            }
        }
        let moves = [dw::DW_LNS_advance_pc, dw::DW_LNS_const_add_pc, dw::DW_LNS_fixed_advance_pc];
        if self.sequence.is_removed && moves.contains(&gimli::DwLns(opcode)) {
            return Ok(());
        }
        let length = before.len().saturating_sub(input.len());
        self.out.bytes.extend_from_slice(before.slice().get(..length).unwrap_or_default());
        Ok(())
    }

    fn extended(&mut self, input: &mut Reader<'a>) -> gimli::Result<()> {
        let length = usize::try_from(input.read_uleb128()?).map_err(|_| gimli::Error::UnsupportedOffset)?;
        let mut instruction = input.split(length)?;
        let whole = instruction;
        match gimli::DwLne(instruction.read_u8()?) {
            dw::DW_LNE_end_sequence => self.end_sequence(),
            dw::DW_LNE_set_address => {
                let size = u8::try_from(instruction.len())
                    .map_err(|_| gimli::Error::UnsupportedAddressSize(u8::MAX))?;
                let address = instruction.read_address(size)?;
                self.sequence.is_removed = address < self.address || is_data_tombstone(address, size);
                if !self.sequence.is_removed {
                    (self.address, self.operation) = (address, 0);
                    self.sequence.is_placed = true;
                    self.set_address(address);
                }
            }
            dw::DW_LNE_set_discriminator => {
                self.discriminator.clear();
                self.discriminator.push(0);
                unsigned(&mut self.discriminator, wide(whole.len()));
                self.discriminator.extend_from_slice(whole.slice());
            }
            kind => {
                if kind == dw::DW_LNE_define_file {
                    self.defined_files += 1;
                }
                self.out.bytes.push(0);
                unsigned(&mut self.out.bytes, wide(whole.len()));
                self.out.bytes.extend_from_slice(whole.slice());
            }
        }
        Ok(())
    }

    /// What an opcode adds to the address, in operations, and to the line.
    fn split(&self, opcode: u8) -> (u64, i64) {
        let adjusted = opcode.saturating_sub(self.header.opcode_base());
        let range = self.header.line_range().max(1);
        (u64::from(adjusted / range), i64::from(self.header.line_base()) + i64::from(adjusted % range))
    }

    fn advance(&mut self, operations: u64) {
        if self.sequence.is_removed {
            return;
        }
        let in_one = u64::from(self.header.maximum_operations_per_instruction()).max(1);
        let step = u64::from(self.header.minimum_instruction_length());
        let all = self.operation.wrapping_add(operations);
        self.address = self.address.wrapping_add(step.wrapping_mul(all / in_one));
        self.operation = all % in_one;
    }

    fn special(&mut self, opcode: u8) {
        let (advance, lines) = self.split(opcode);
        if self.sequence.is_removed {
            self.forget_flags();
            self.out.bytes.push(dw::DW_LNS_advance_line.0);
            return signed(&mut self.out.bytes, lines);
        }
        self.advance(advance);
        if self.row(lines) {
            // The program has said address and line already.
            self.out.bytes.push(dw::DW_LNS_copy.0);
        } else {
            self.out.bytes.push(opcode);
        }
    }

    /// Before the instruction that makes a row, which adds `lines` to the line. True if the program has been told the address
    /// and the line of the row, so that nothing is to be added.
    fn row(&mut self, lines: i64) -> bool {
        let address = self.address;
        let last = self.sequence.rows.map(|(_, last)| last);
        let mut start = None;
        if !self.behind_start.contains(&address) {
            self.behind_start = self.map.behind_first_operator(address);
            let begin = self.map.function_start(address);
            start = begin.filter(|start| last.is_none_or(|last| last < *start));
        }
        // A program that has not said where it is counts from 0.
        let is_told = start.is_some() || !self.sequence.is_placed;
        if is_told && lines != 0 {
            self.out.bytes.push(dw::DW_LNS_advance_line.0);
            signed(&mut self.out.bytes, lines);
        }
        if let Some(start) = start {
            self.set_address(start);
            let flags = self.flags.iter().filter(|flag| **flag != dw::DW_LNS_set_prologue_end.0);
            self.out.bytes.extend(flags.chain(&self.discriminator));
            self.out.bytes.push(dw::DW_LNS_copy.0);
        }
        if is_told {
            self.set_address(address);
            self.sequence.is_placed = true;
        }
        self.out.bytes.append(&mut self.flags);
        self.out.bytes.append(&mut self.discriminator);
        self.sequence.goes_backwards |= last.is_some_and(|last| last > address);
        let first = self.sequence.rows.map(|(first, _)| first);
        self.sequence.rows = Some((first.or(start).unwrap_or(address), address));
        self.is_at_row = true;
        is_told
    }

    fn forget_flags(&mut self) {
        self.flags.clear();
        self.discriminator.clear();
    }

    fn set_address(&mut self, address: u64) {
        self.out.bytes.push(0);
        self.out.bytes.push(self.address_size.saturating_add(1));
        self.out.bytes.push(dw::DW_LNE_set_address.0);
        fixed(&mut self.out.bytes, self.map.text().wrapping_add(address), self.address_size);
    }

    /// Keeps the sequence if its code is there.
    fn end_sequence(&mut self) {
        let Sequence { start, rows, goes_backwards, .. } = self.sequence;
        let is_there = match rows {
            None => false,
            Some((first, _)) if self.map.range(first, self.address).is_none() => {
                self.report.drop(Drop::Sequence, "no such code");
                false
            }
            Some((_, last)) if goes_backwards || last > self.address => {
                self.report.drop(Drop::Sequence, "addresses that go backwards");
                false
            }
            Some(_) => true,
        };
        if is_there {
            self.has_sequences = true;
            self.out.bytes.extend_from_slice(&[0, 1, dw::DW_LNE_end_sequence.0]);
        } else {
            self.out.bytes.truncate(start);
        }
        self.forget_flags();
        (self.address, self.operation) = (0, 0);
        self.sequence = Sequence { start: self.out.bytes.len(), ..Sequence::default() };
    }
}
