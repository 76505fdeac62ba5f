//! What a reader of debug info sees, as a list: for each unit its entries with their attributes, and its lines.
//!
//! What depends on the file is put into words that do not: addresses count from the start of the code section, strings and
//! files are spelled out, references are the number of an entry, and a location is the bytes that it finds, for each
//! range of code.

use std::collections::{BTreeMap, HashMap};

use gimli::{
    AttributeValue, DebuggingInformationEntry, DwAt, DwTag, Dwarf, UnitOffset, UnitRef, constants as dw,
};

use crate::machine::{At, Bytes, Reader, Side, Stopped};

/// One attribute as a reader sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// In words.
    Text(String),
    /// Where the entry is in memory and frames: for each range of code, the bytes there, or why there are none.
    Place(Vec<Place>),
}

/// A range of code, what is found there, and the expression that finds it, for messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) found: Result<Bytes, String>,
    pub(crate) raw: String,
}

/// One entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) tag: DwTag,
    /// The number of the entry around it; the root's own is 0. Base types at the outer level have numbers of their own.
    pub(crate) parent: usize,
    pub(crate) attributes: BTreeMap<String, Shown>,
}

/// A row of a line table: address, path, line, column, flags. The end of a sequence has no path.
pub(crate) type Row = (u64, String, u64, u64, String);

/// One unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    pub(crate) name: String,
    /// Base types at the outer level, which may stand in front of everything.
    pub(crate) base_types: Vec<Entry>,
    /// All other entries.
    pub(crate) entries: Vec<Entry>,
    pub(crate) rows: Vec<Row>,
}

type Die<'a> = DebuggingInformationEntry<Reader<'a>>;

/// Lists all units whose names are wanted.
pub(crate) fn units(
    dwarf: &Dwarf<Reader<'_>>,
    stopped: Stopped<'_>,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Vec<Unit> {
    let mut read = Vec::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next().expect("units follow each other") {
        let unit = dwarf.unit(header).expect("the unit can be read");
        let name = unit.name.map(|name| name.to_string_lossy().into_owned());
        if is_wanted(&name.unwrap_or_default()) {
            read.push(unit);
        }
    }
    let mut types = dwarf.type_units();
    while let Some(header) = types.next().expect("type units follow each other") {
        read.push(dwarf.unit(header).expect("the type unit can be read"));
    }
    // The numbers first: entries refer to later ones.
    let mut walks: Vec<Walk<'_, '_>> =
        read.iter().map(|unit| Walk::new(unit.unit_ref(dwarf), stopped)).collect();
    let mut numbers = HashMap::new();
    for (unit, walk) in walks.iter().enumerate() {
        for kept in &walk.kept {
            let global = kept.offset.to_debug_info_offset(&walk.unit.header).map(|offset| offset.0);
            let kind = if kept.is_base_type { "base type" } else { "entry" };
            numbers.insert(global.unwrap_or(usize::MAX), format!("{kind} {unit}.{}", kept.number));
        }
    }
    walks.iter_mut().map(|walk| walk.list(&numbers)).collect()
}

/// An entry that the linker took the code of is not listed, and nothing in it but types.
struct Walk<'u, 'a> {
    unit: UnitRef<'u, Reader<'a>>,
    stopped: Stopped<'u>,
    kept: Vec<Kept>,
}

/// An entry that is listed.
struct Kept {
    offset: UnitOffset,
    number: usize,
    is_base_type: bool,
    /// Where the entry around it is among the listed ones, and its number.
    parent: (usize, usize),
}

impl<'u, 'a> Walk<'u, 'a> {
    fn new(unit: UnitRef<'u, Reader<'a>>, stopped: Stopped<'u>) -> Self {
        let mut walk = Self { unit, stopped, kept: Vec::new() };
        walk.find();
        walk
    }

    fn find(&mut self) {
        let mut entries = self.unit.entries_raw(None).expect("entries can be read");
        let mut die = Die::null();
        // Depth, place and number of the listed entries around the current one.
        let mut around: Vec<(isize, usize, usize)> = Vec::new();
        let mut counts = [0, 0];
        let mut dead: Option<isize> = None;
        let mut type_in_dead: Option<isize> = None;
        while !entries.is_empty() {
            let depth = entries.next_depth();
            if !entries.read_entry(&mut die).expect("the entry can be read") {
                continue;
            }
            around.retain(|(outer, ..)| *outer < depth);
            dead = dead.filter(|outer| depth > *outer);
            type_in_dead = type_in_dead.filter(|outer| depth > *outer);
            if dead.is_none() && die.tag() == dw::DW_TAG_subprogram && self.is_dead(&die) {
                dead = Some(depth);
            }
            if dead.is_some() && type_in_dead.is_none() {
                let name = die.tag().static_string().unwrap_or_default();
                if !(name.ends_with("_type") || name == "DW_TAG_typedef") || name == "DW_TAG_subrange_type" {
                    continue;
                }
                type_in_dead = Some(depth);
            }
            let parent = around.last().map_or((0, 0), |(_, place, number)| (*place, *number));
            let is_base_type =
                die.tag() == dw::DW_TAG_base_type && around.len() == 1 && !self.is_long_double(&die);
            let number = counts[usize::from(is_base_type)];
            counts[usize::from(is_base_type)] += 1;
            around.push((depth, self.kept.len(), number));
            self.kept.push(Kept { offset: die.offset(), number, is_base_type, parent });
        }
    }

    /// Whether an entry is a floating-point type of 16 bytes, which is no base type in the image.
    fn is_long_double(&self, die: &Die<'a>) -> bool {
        self.stopped.side == Side::Module
            && die.attr_value(dw::DW_AT_encoding) == Some(AttributeValue::Encoding(dw::DW_ATE_float))
            && die.attr(dw::DW_AT_byte_size).and_then(gimli::Attribute::udata_value) == Some(16)
    }

    fn is_dead(&self, die: &Die<'a>) -> bool {
        if die.attr_value(dw::DW_AT_low_pc).is_none() && die.attr_value(dw::DW_AT_ranges).is_none() {
            return false;
        }
        self.ranges(die).iter().all(|(begin, end)| !self.is_code(*begin, *end))
    }

    fn is_code(&self, begin: u64, end: u64) -> bool {
        let length = u64::from(self.stopped.module.code.end - self.stopped.module.code.start);
        begin > 0 && begin < end && end <= length
    }

    /// Where an entry has its code, counted from the start of the code section.
    fn ranges(&self, die: &Die<'a>) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        let mut ranges = self.unit.die_ranges(die).expect("ranges can be read");
        while let Ok(Some(range)) = ranges.next() {
            found.push((self.stopped.code(range.begin), self.stopped.code(range.end)));
        }
        found
    }

    fn list(&mut self, numbers: &HashMap<usize, String>) -> Unit {
        let mut unit = Unit::default();
        // For each listed entry, the function around it and the expression of its frame base.
        let mut scopes: Vec<Scope> = Vec::new();
        for (number, kept) in self.kept.iter().enumerate() {
            let die = self.unit.entry(kept.offset).expect("it was read before");
            let mut scope = if number == 0 { Scope::default() } else { scopes[kept.parent.0].clone() };
            if number > 0
                && let Some((begin, _)) = self.ranges(&die).first()
            {
                scope.address = Some(*begin);
            }
            if die.tag() == dw::DW_TAG_subprogram {
                scope.subprogram = Some(kept.offset);
            }
            let parent = kept.parent.1;
            let mut entry = Entry { tag: die.tag(), parent, attributes: BTreeMap::new() };
            for attribute in die.attrs() {
                let name = attribute.name().static_string().unwrap_or("unknown").to_owned();
                if let Some(shown) = self.attribute(attribute, &die, &scope, numbers) {
                    entry.attributes.insert(name, shown);
                }
            }
            // One word for all ways of saying it.
            for name in ["DW_AT_low_pc", "DW_AT_high_pc", "DW_AT_ranges"] {
                entry.attributes.remove(name);
            }
            let ranges: Vec<_> = self
                .ranges(&die)
                .into_iter()
                .filter(|(begin, end)| begin < end)
                .map(|(begin, end)| format!("{begin:#x}..{end:#x}"))
                .collect();
            if !ranges.is_empty() && number > 0 {
                entry.attributes.insert("code".to_owned(), Shown::Text(ranges.join(" ")));
            }
            if kept.is_base_type { &mut unit.base_types } else { &mut unit.entries }.push(entry);
            scopes.push(scope);
        }
        unit.name = self.unit.name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        unit.rows = self.rows();
        unit
    }

    fn spell(&self, data: gimli::Expression<Reader<'a>>) -> String {
        let mut operations = data.operations(self.unit.encoding());
        let mut words = Vec::new();
        while let Ok(Some(operation)) = operations.next() {
            words.push(format!("{operation:?}"));
        }
        words.join("; ")
    }

    fn attribute(
        &self,
        attribute: &gimli::Attribute<Reader<'a>>,
        die: &Die<'a>,
        scope: &Scope,
        numbers: &HashMap<usize, String>,
    ) -> Option<Shown> {
        let name = attribute.name();
        if is_encoding(name) {
            return None;
        }
        // None is what the linker removed.
        let global = |offset: usize| Some(Shown::Text(numbers.get(&offset)?.clone()));
        let text = |text: String| Some(Shown::Text(text));
        if let Some(string) = self.unit.attr_string(attribute.value()).ok().filter(|_| is_string(attribute)) {
            return text(string.to_string_lossy().into_owned());
        }
        match attribute.value() {
            AttributeValue::Exprloc(data) if name == dw::DW_AT_vtable_elem_location => {
                text(format!("{:?}", data.0.slice()))
            }
            AttributeValue::Exprloc(data) => {
                let address = scope.address;
                let found = self.evaluate(name, data, die, scope, address);
                Some(Shown::Place(vec![Place { begin: 0, end: 0, found, raw: self.spell(data) }]))
            }
            AttributeValue::LocationListsRef(_) | AttributeValue::DebugLocListsIndex(_) => {
                Some(Shown::Place(self.list_of_places(attribute, die, scope)))
            }
            AttributeValue::UnitRef(offset) => {
                let is_result = name == dw::DW_AT_type
                    && matches!(die.tag(), dw::DW_TAG_subprogram | dw::DW_TAG_subroutine_type);
                let offset = self.wrapped(offset).filter(|_| is_result).unwrap_or(offset);
                global(offset.to_debug_info_offset(&self.unit.header).map_or(usize::MAX, |offset| offset.0))
            }
            AttributeValue::DebugInfoRef(offset) => global(offset.0),
            AttributeValue::FileIndex(index) => text(self.file(index)?),
            AttributeValue::Addr(_) | AttributeValue::DebugAddrIndex(_) => {
                let address = self.unit.attr_address(attribute.value()).ok().flatten()?;
                text(format!("code {:#x}", self.stopped.code(address)))
            }
            AttributeValue::Data1(_)
            | AttributeValue::Data2(_)
            | AttributeValue::Data4(_)
            | AttributeValue::Data8(_)
            | AttributeValue::Udata(_) => text(attribute.udata_value()?.to_string()),
            AttributeValue::Block(block) => text(format!("{:?}", block.slice())),
            AttributeValue::SecOffset(_) => None,
            other => text(format!("{other:?}")),
        }
    }

    /// The type in a structure of the image that stands for a result which gdb would not find.
    fn wrapped(&self, offset: UnitOffset) -> Option<UnitOffset> {
        let structure = self.unit.entry(offset).ok()?;
        let is_ours = self.stopped.side == Side::Image
            && structure.tag() == dw::DW_TAG_structure_type
            && structure.attr(dw::DW_AT_name).is_none()
            && structure.attr(dw::DW_AT_decl_file).is_none();
        let mut entries = self.unit.entries_raw(Some(offset)).ok()?;
        let mut member = Die::null();
        entries.read_entry(&mut member).ok()?;
        entries.read_entry(&mut member).ok()?;
        match member.attr_value(dw::DW_AT_type) {
            Some(AttributeValue::UnitRef(ty)) if is_ours => Some(ty),
            _ => None,
        }
    }

    /// The bytes of a variable, or the number that another attribute is.
    fn evaluate(
        &self,
        name: DwAt,
        data: gimli::Expression<Reader<'a>>,
        die: &Die<'a>,
        scope: &Scope,
        address: Option<u64>,
    ) -> Result<Bytes, String> {
        let function = address.and_then(|address| self.stopped.function_at(address));
        let mut at = At { function, frame_base: None, size: 8, object: None, wide_operands: false };
        if name != dw::DW_AT_frame_base {
            at.frame_base = self.frame_base(scope, address);
        }
        if name == dw::DW_AT_location || name == dw::DW_AT_call_value || name == dw::DW_AT_GNU_call_site_value
        {
            at.size = self.size_of(die, 0).unwrap_or(4);
            return self.stopped.object(self.unit, data, at);
        }
        if name == dw::DW_AT_data_member_location
            || name == dw::DW_AT_data_location
            || name == dw::DW_AT_use_location
        {
            at.object = Some(0x1000);
        }
        if name == dw::DW_AT_frame_base {
            at.size = 4;
        }
        let number = self.stopped.number(self.unit, data, at)?;
        Ok(number.to_le_bytes().into_iter().take(4).map(Some).collect())
    }

    /// The frame base of the function around an entry.
    fn frame_base(&self, scope: &Scope, address: Option<u64>) -> Option<u64> {
        let subprogram = self.unit.entry(scope.subprogram?).ok()?;
        let function = address.and_then(|address| self.stopped.function_at(address));
        let at = At { function, frame_base: None, size: 4, object: None, wide_operands: false };
        match subprogram.attr_value(dw::DW_AT_frame_base)? {
            AttributeValue::Exprloc(data) => self.stopped.number(self.unit, data, at).ok(),
            value => {
                let mut locations = self.unit.attr_locations(value).ok()??;
                while let Ok(Some(location)) = locations.next() {
                    let range =
                        self.stopped.code(location.range.begin)..self.stopped.code(location.range.end);
                    if range.contains(&address?) {
                        return self.stopped.number(self.unit, location.data, at).ok();
                    }
                }
                None
            }
        }
    }

    fn list_of_places(
        &self,
        attribute: &gimli::Attribute<Reader<'a>>,
        die: &Die<'a>,
        scope: &Scope,
    ) -> Vec<Place> {
        let Ok(Some(mut locations)) = self.unit.attr_locations(attribute.value()) else { return Vec::new() };
        let mut read = Vec::new();
        let mut ends = Vec::new();
        while let Ok(Some(location)) = locations.next() {
            let (mut begin, mut end) =
                (self.stopped.code(location.range.begin), self.stopped.code(location.range.end));
            if (location.range.begin, location.range.end) == (0, u64::MAX)
                && let Some(function) = scope.address.and_then(|address| self.stopped.function_at(address))
            {
                let body = self.stopped.body(function);
                (begin, end) = (body.start, body.end);
            }
            if self.is_code(begin, end) {
                ends.extend([begin, end]);
                read.push((begin, end, location.data));
            }
        }
        ends.sort_unstable();
        ends.dedup();
        let mut places: Vec<Place> = Vec::new();
        for pair in ends.windows(2) {
            let &[begin, end] = pair else { continue };
            // Debuggers take the first that is there.
            let Some((.., data)) = read.iter().find(|(from, to, _)| *from <= begin && end <= *to) else {
                continue;
            };
            let found = self.evaluate(attribute.name(), *data, die, scope, Some(begin));
            match places.last_mut() {
                Some(last) if last.end == begin && last.found == found => last.end = end,
                _ => places.push(Place { begin, end, found, raw: self.spell(*data) }),
            }
        }
        places
    }

    /// Bytes of the type of an entry, which may be at its origin.
    fn size_of(&self, die: &Die<'a>, depth: u32) -> Option<u64> {
        if depth > 20 {
            return None;
        }
        let follow = |name| match die.attr_value(name) {
            Some(AttributeValue::UnitRef(offset)) => self.unit.entry(offset).ok(),
            _ => None,
        };
        if let Some(origin) = follow(dw::DW_AT_abstract_origin).or_else(|| follow(dw::DW_AT_specification)) {
            return self.size_of(&origin, depth + 1);
        }
        let mut ty = follow(dw::DW_AT_type)?;
        let mut times = 1;
        for _ in 0..20 {
            if let Some(size) = ty.attr(dw::DW_AT_byte_size).and_then(gimli::Attribute::udata_value) {
                return Some(size * times);
            }
            match ty.tag() {
                dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type => {
                    return Some(4 * times);
                }
                dw::DW_TAG_array_type => times *= self.elements(&ty),
                _ => {}
            }
            ty = match ty.attr_value(dw::DW_AT_type)? {
                AttributeValue::UnitRef(offset) => self.unit.entry(offset).ok()?,
                _ => return None,
            };
        }
        None
    }

    /// Number of elements of an array; some, if it is not known.
    fn elements(&self, array: &Die<'a>) -> u64 {
        let mut count = 1;
        let mut tree = self.unit.entries_tree(Some(array.offset())).expect("the array is there");
        let root = tree.root().expect("the array can be read");
        let mut children = root.children();
        while let Ok(Some(child)) = children.next() {
            let number = |name| child.entry().attr(name).and_then(gimli::Attribute::udata_value);
            let upper = number(dw::DW_AT_upper_bound).map(|upper| upper + 1);
            count *= number(dw::DW_AT_count).or(upper).unwrap_or(1);
        }
        count
    }

    fn file(&self, index: u64) -> Option<String> {
        let program = self.unit.line_program.as_ref()?;
        if index == 0 && program.header().version() <= 4 {
            return None;
        }
        Some(self.path(program.header(), index))
    }

    fn path(&self, header: &gimli::LineProgramHeader<Reader<'a>>, index: u64) -> String {
        let Some(file) = header.file(index) else { return format!("no file {index}") };
        let string = |value| {
            let string = self.unit.attr_string(value).map(|string| string.to_string_lossy().into_owned());
            string.unwrap_or_else(|error| error.to_string())
        };
        let folder = match file.directory_index() {
            0 => self.unit.comp_dir.map(|folder| folder.to_string_lossy().into_owned()),
            _ => file.directory(header).map(string),
        };
        format!("{}//{}", folder.unwrap_or_default(), string(file.path_name()))
    }

    fn rows(&self) -> Vec<Row> {
        let Some(program) = self.unit.line_program.clone() else { return Vec::new() };
        let mut found = Vec::new();
        let mut sequence: Vec<Row> = Vec::new();
        let mut rows = program.rows();
        while let Some((header, row)) = rows.next_row().expect("the line table can be read") {
            let address = self.stopped.code(row.address());
            if row.end_sequence() {
                sequence.push((address, String::new(), 0, 0, String::new()));
                if self.is_code(sequence[0].0, address) {
                    found.append(&mut sequence);
                }
                sequence.clear();
                continue;
            }
            let column = match row.column() {
                gimli::ColumnType::LeftEdge => 0,
                gimli::ColumnType::Column(column) => column.get(),
            };
            let flags = [
                (row.is_stmt(), "statement "),
                (row.prologue_end(), "prologue end "),
                (row.epilogue_begin(), "epilogue begin "),
                (row.basic_block(), "block "),
            ];
            let flags: String = flags.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect();
            let line = row.line().map_or(0, std::num::NonZero::get);
            sequence.push((address, self.path(header, row.file_index()), line, column, flags));
        }
        found
    }
}

/// Where an entry is.
#[derive(Clone, Default)]
struct Scope {
    /// The first address of the code around it.
    address: Option<u64>,
    subprogram: Option<UnitOffset>,
}

fn is_string(attribute: &gimli::Attribute<Reader<'_>>) -> bool {
    matches!(
        attribute.value(),
        AttributeValue::String(_)
            | AttributeValue::DebugStrRef(_)
            | AttributeValue::DebugLineStrRef(_)
            | AttributeValue::DebugStrOffsetsIndex(_)
    )
}

/// What says how the debug info is written, and not what it says.
fn is_encoding(name: DwAt) -> bool {
    matches!(
        name,
        dw::DW_AT_sibling
            | dw::DW_AT_stmt_list
            | dw::DW_AT_str_offsets_base
            | dw::DW_AT_addr_base
            | dw::DW_AT_rnglists_base
            | dw::DW_AT_loclists_base
            | dw::DW_AT_GNU_addr_base
            | dw::DW_AT_GNU_ranges_base
            | dw::DW_AT_GNU_pubnames
    )
}
