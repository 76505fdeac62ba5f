//! Line tables. Rows keep their file, line, column and flags; sequences of removed code are left out. A function
//! whose first row is at its first operator gets one more at its start.

use gimli::write::{Address, FileId, FileInfo, LineProgram, LineRow, LineString, LineStringTable};
use gimli::{Encoding, LineEncoding, UnitRef, read};

use super::address::AddressMap;
use super::limits::Budget;
use crate::report::{Drop, Report};
use crate::sections::Reader;

/// Which file of the image's table each file index of the module's table is.
#[derive(Default)]
pub(crate) struct Files {
    ids: Vec<Option<FileId>>,
}

impl Files {
    pub(crate) fn get(&self, index: u64) -> Option<FileId> {
        self.ids.get(usize::try_from(index).ok()?).copied().flatten()
    }
}

/// Strings of line tables.
pub(crate) struct LineStrings<'s> {
    pub(crate) table: &'s mut LineStringTable,
    pub(crate) budget: &'s Budget,
}

impl LineStrings<'_> {
    fn add(&mut self, string: Reader<'_>, encoding: Encoding) -> Option<LineString> {
        self.budget.spend(string.len()).then(|| LineString::new(string.slice(), encoding, self.table))
    }
}

/// Converts the line table of a unit: of `unit` or, for a split unit, of its skeleton. `with_rows` is false when
/// only the file table is wanted.
pub(crate) fn convert<'a>(
    unit: UnitRef<'_, Reader<'a>>,
    name: Option<Reader<'a>>,
    encoding: Encoding,
    with_rows: bool,
    map: &AddressMap<'_>,
    strings: &mut LineStrings<'_>,
    report: &mut Report,
) -> Option<(LineProgram, Files)> {
    let program = unit.line_program.clone()?;
    let mut table = Table::new(unit, &program, name, encoding, strings)?;
    if with_rows && let Err(error) = table.rows(program, map, report) {
        report.drop(Drop::LineTable, error);
    }
    Some((table.program, Files { ids: table.ids }))
}

struct Table<'t, 's, 'a> {
    unit: UnitRef<'t, Reader<'a>>,
    program: LineProgram,
    ids: Vec<Option<FileId>>,
    strings: &'t mut LineStrings<'s>,
    encoding: Encoding,
}

/// A row on its way: its address and what is written.
struct Row {
    address: u64,
    row: LineRow,
}

impl<'t, 's, 'a> Table<'t, 's, 'a> {
    /// Starts the table with all directories and files of the header.
    fn new(
        unit: UnitRef<'t, Reader<'a>>,
        from: &read::IncompleteLineProgram<Reader<'a>>,
        name: Option<Reader<'a>>,
        encoding: Encoding,
        strings: &'t mut LineStrings<'s>,
    ) -> Option<Self> {
        let header = from.header();
        let directory = header.directory(0).and_then(|value| unit.dwarf.attr_line_string(value).ok());
        let directory = directory.or(unit.comp_dir).unwrap_or_default();
        let first = header.file(0).filter(|_| header.version() >= 5);
        let primary = first.and_then(|file| unit.dwarf.attr_line_string(file.path_name()).ok());
        let primary = primary.or(name).or(unit.name).unwrap_or_default();
        let mut program = LineProgram::new(
            encoding,
            LineEncoding::default(),
            strings.add(directory, encoding)?,
            None,
            strings.add(primary, encoding)?,
            None,
        );
        program.file_has_md5 = encoding.version >= 5 && header.file_has_md5();
        let mut table = Self { unit, program, ids: Vec::new(), strings, encoding };
        if header.version() <= 4 {
            // File numbers start at 1.
            table.ids.push(None);
        }
        for file in header.file_names() {
            table.add_file(header, file);
        }
        Some(table)
    }

    fn add_file(&mut self, header: &read::LineProgramHeader<Reader<'a>>, file: &read::FileEntry<Reader<'a>>) {
        let id = self.file(header, file);
        self.ids.push(id);
    }

    fn file(
        &mut self,
        header: &read::LineProgramHeader<Reader<'a>>,
        file: &read::FileEntry<Reader<'a>>,
    ) -> Option<FileId> {
        let path = self.unit.dwarf.attr_line_string(file.path_name()).ok()?;
        let directory = match file.directory_index() {
            // Not the directory of the header: a split unit's file may lack it.
            0 => self.program.default_directory(),
            _ => {
                let directory = self.unit.dwarf.attr_line_string(file.directory(header)?).ok()?;
                if directory.is_empty() {
                    return None;
                }
                self.program.add_directory(self.strings.add(directory, self.encoding)?)
            }
        };
        if path.is_empty() {
            return None;
        }
        let path = self.strings.add(path, self.encoding)?;
        let info = FileInfo { md5: *file.md5(), ..FileInfo::default() };
        Some(self.program.add_file(path, directory, Some(info)))
    }

    fn rows(
        &mut self,
        program: read::IncompleteLineProgram<Reader<'a>>,
        map: &AddressMap<'_>,
        report: &mut Report,
    ) -> read::Result<()> {
        let mut rows = program.rows();
        let mut sequence = Vec::new();
        // The body of the last row's function: there is nothing to look up but at its start.
        let mut behind_start = 0..0;
        while let Some((header, row)) = rows.next_row()? {
            if row.end_sequence() {
                self.sequence(&mut sequence, row.address(), map, report);
                continue;
            }
            // Files that the program defines as it goes.
            while let Some(file) = header.file(u64::try_from(self.ids.len()).unwrap_or(u64::MAX)) {
                self.add_file(header, file);
            }
            let index = usize::try_from(row.file_index()).unwrap_or(usize::MAX);
            let Some(&Some(file)) = self.ids.get(index) else { continue };
            let (address, row) = (row.address(), line_row(row, file));
            let may_be_start = !behind_start.contains(&address);
            if may_be_start {
                behind_start = map.behind_first_operator(address);
            }
            if may_be_start
                && let Some(start) = map.function_start(address)
                && sequence.last().is_none_or(|last: &Row| last.address < start)
            {
                sequence.push(Row { address: start, row: LineRow { prologue_end: false, ..row } });
            }
            sequence.push(Row { address, row });
        }
        if !sequence.is_empty() {
            report.drop(Drop::Sequence, "a sequence without an end");
        }
        Ok(())
    }

    /// Writes the rows of one sequence if its code is there. Empties `sequence`.
    fn sequence(&mut self, sequence: &mut Vec<Row>, end: u64, map: &AddressMap<'_>, report: &mut Report) {
        let rows = std::mem::take(sequence);
        let Some(start) = rows.first().map(|first| first.address) else { return };
        if map.range(start, end).is_none() {
            report.drop(Drop::Sequence, "no such code");
            return;
        }
        let order = |pair: &[Row]| matches!(pair, [a, b] if a.address > b.address);
        if rows.windows(2).any(order) || rows.last().is_some_and(|last| last.address > end) {
            report.drop(Drop::Sequence, "addresses that go backwards");
            return;
        }
        self.program.begin_sequence(Some(Address::Constant(map.text().wrapping_add(start))));
        for Row { address, row } in rows {
            *self.program.row() = LineRow { address_offset: address - start, ..row };
            self.program.generate_row();
        }
        self.program.end_sequence(end - start);
    }
}

fn line_row(from: &read::LineRow, file: FileId) -> LineRow {
    // Larger numbers are no lines and columns of any source, and would overflow in the writer.
    let small = |value: u64| if value > u64::from(u32::MAX) { 0 } else { value };
    LineRow {
        address_offset: 0,
        op_index: 0,
        file,
        line: from.line().map_or(0, |line| small(line.get())),
        column: match from.column() {
            read::ColumnType::LeftEdge => 0,
            read::ColumnType::Column(column) => small(column.get()),
        },
        discriminator: small(from.discriminator()),
        is_statement: from.is_stmt(),
        basic_block: from.basic_block(),
        prologue_end: from.prologue_end(),
        epilogue_begin: from.epilogue_begin(),
        isa: small(from.isa()),
    }
}
