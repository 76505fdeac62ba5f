//! The names that gdb finds when it looks through the units of a part, by its rules (`cooked_indexer` in its sources): what is
//! declared in no function, with the names of the namespaces and classes around it.

use gimli::write::Sections;
use gimli::{
    AttributeValue, DwLang, DwTag, EndianSlice, LittleEndian, SectionId, UnitOffset, UnitRef, constants as dw,
};

use super::canonical::canonical;
use super::names::hash;
use crate::convert::{Piece, Texts};

type Reader<'a> = EndianSlice<'a, LittleEndian>;
type Entry<'a> = gimli::DebuggingInformationEntry<Reader<'a>>;

/// Names are only so long: longer ones are no names.
const MAX_NAME: usize = 1 << 16;

/// An entry may complete another one, and that one a third.
const MAX_ORIGINS: u32 = 3;

/// Namespaces and types nested deeper are not looked into.
const MAX_DEPTH: u32 = 100;

const TYPE: u32 = 1 << 28;
const VARIABLE: u32 = 2 << 28;
const FUNCTION: u32 = 3 << 28;
const OTHER: u32 = 4 << 28;
const STATIC: u32 = 1 << 31;

/// What a part has.
#[derive(Debug, Default)]
pub(crate) struct PartSymbols {
    /// Bytes of the part's `.debug_info`.
    pub(super) length: u64,
    pub(super) units: Vec<Unit>,
    pub(super) names: Vec<Name>,
    /// The names' bytes, one behind the other.
    pub(super) text: Vec<u8>,
}

/// A unit of a part.
#[derive(Debug)]
pub(super) struct Unit {
    /// Where it begins in the part.
    pub(super) offset: u64,
    pub(super) length: u64,
    /// Where its code is: begin and end.
    pub(super) ranges: Vec<(u64, u64)>,
}

/// A name that a unit has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) hash: u32,
    pub(super) length: usize,
    /// Number of the unit in the part.
    pub(super) unit: u32,
    /// Its kind, and whether it is static.
    pub(super) flags: u32,
}

/// Looks through the units of a part. `texts` are the image's strings. A unit that cannot be read is in the index as far as
/// it could be.
pub(crate) fn scan(sections: &Sections<Piece>, texts: &Texts) -> PartSymbols {
    let section = |id| {
        let bytes = match id {
            SectionId::DebugStr => &texts.strings,
            SectionId::DebugLineStr => &texts.line_strings,
            _ => sections.get(id).map(Piece::bytes).unwrap_or_default(),
        };
        Ok::<_, std::convert::Infallible>(EndianSlice::new(bytes, LittleEndian))
    };
    let mut dwarf = match gimli::Dwarf::load(section) {
        Ok(dwarf) => dwarf,
        Err(never) => match never {},
    };
    dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
    let info = sections.debug_info.bytes().len();
    let mut found = PartSymbols { length: u64::try_from(info).unwrap_or(u64::MAX), ..PartSymbols::default() };
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let offset = header.debug_info_offset().map_or(0, |offset| offset.0);
        let wide = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let number = u32::try_from(found.units.len()).unwrap_or(u32::MAX);
        let length = wide(header.length_including_self());
        found.units.push(Unit { offset: wide(offset), length, ranges: Vec::new() });
        if let Ok(unit) = dwarf.unit(header) {
            let mut walk = Walk {
                unit: unit.unit_ref(&dwarf),
                number,
                found: &mut found,
                language: None,
                scopes: vec![Vec::new()],
                places: Vec::new(),
                elsewhere: Vec::new(),
            };
            // What comes behind an unreadable entry, gdb cannot read either.
            let _: gimli::Result<()> = walk.unit();
            walk.finish();
        }
    }
    found
}

struct Walk<'w, 'a> {
    unit: UnitRef<'w, Reader<'a>>,
    number: u32,
    found: &'w mut PartSymbols,
    language: Option<DwLang>,
    /// Scopes by number: what comes before the names in them. The first is that of the unit.
    scopes: Vec<Vec<u8>>,
    /// Which entries are in which other scope, in the order of their offsets.
    places: Vec<(UnitOffset, usize)>,
    /// What is defined outside of the scope in which it is declared: when all scopes are known, its name is.
    elsewhere: Vec<Elsewhere<'a>>,
}

/// What is known of an entry.
struct Known<'a> {
    name: Option<&'a [u8]>,
    linkage_name: Option<&'a [u8]>,
    /// The name of a declaration, which may have members.
    declared: Option<&'a [u8]>,
    is_external: bool,
    is_enum_class: bool,
    /// The entries that it completes.
    origins: Vec<UnitOffset>,
}

/// A name in the scope of one of the entries that it completes.
struct Elsewhere<'a> {
    name: &'a [u8],
    flags: u32,
    origins: Vec<UnitOffset>,
}

impl<'a> Walk<'_, 'a> {
    fn unit(&mut self) -> gimli::Result<()> {
        let mut ranges = Vec::new();
        let mut list = self.unit.unit_ranges()?;
        while let Ok(Some(range)) = list.next() {
            if range.begin < range.end {
                ranges.push((range.begin, range.end));
            }
        }
        let has_ranges = !ranges.is_empty();
        self.add_ranges(ranges);
        let mut entries = self.unit.entries_raw(None)?;
        let mut root = Entry::null();
        entries.read_entry(&mut root)?;
        self.language = match root.attr_value(dw::DW_AT_language) {
            Some(AttributeValue::Language(language)) => Some(language),
            _ => None,
        };
        if root.has_children() {
            self.entries(entries.next_offset(), 0, 0, !has_ranges)?;
        }
        Ok(())
    }

    fn add_ranges(&mut self, ranges: Vec<(u64, u64)>) {
        if let Some(unit) = self.found.units.last_mut() {
            unit.ranges.extend(ranges);
        }
    }

    /// Looks through the siblings from `first` on, which are in a scope. `wants_ranges` says whether
    /// functions say where the unit's code is. Returns where the entry behind them is.
    fn entries(
        &mut self,
        first: UnitOffset,
        scope: usize,
        depth: u32,
        wants_ranges: bool,
    ) -> gimli::Result<UnitOffset> {
        let mut entries = self.unit.entries_raw(Some(first))?;
        let mut entry = Entry::null();
        while !entries.is_empty() {
            if !entries.read_entry(&mut entry)? {
                break;
            }
            let tag = entry.tag();
            let mut inner = None;
            if is_interesting(tag) && (tag != dw::DW_TAG_variable || may_be_found(&entry)) {
                let known = self.known(&entry);
                if scope > 0 {
                    self.places.push((entry.offset(), scope));
                }
                self.add(tag, &known, scope);
                if wants_ranges && tag == dw::DW_TAG_subprogram {
                    self.ranges(&entry);
                }
                inner = self.inner(tag, &known, scope);
            }
            if !entry.has_children() {
                continue;
            }
            let next = match (inner, entry.attr_value(dw::DW_AT_sibling)) {
                (Some(inner), _) if depth < MAX_DEPTH => {
                    self.entries(entries.next_offset(), inner, depth + 1, wants_ranges)?
                }
                (_, Some(AttributeValue::UnitRef(sibling))) if sibling > entry.offset() => sibling,
                _ => {
                    let around = entries.next_depth();
                    while entries.next_depth() >= around && !entries.is_empty() {
                        entries.read_entry(&mut entry)?;
                    }
                    entries.next_offset()
                }
            };
            entries = self.unit.entries_raw(Some(next))?;
        }
        Ok(entries.next_offset())
    }

    fn ranges(&mut self, entry: &Entry<'a>) {
        let Ok(mut list) = self.unit.die_ranges(entry) else { return };
        while let Ok(Some(range)) = list.next() {
            if range.begin < range.end {
                self.add_ranges(vec![(range.begin, range.end)]);
            }
        }
    }

    /// The scope of an entry's children, if they are looked at.
    fn inner(&mut self, tag: DwTag, known: &Known<'a>, scope: usize) -> Option<usize> {
        let name = match tag {
            dw::DW_TAG_enumeration_type if !known.is_enum_class => return Some(scope),
            dw::DW_TAG_namespace => known.name.or(Some(ANONYMOUS)),
            dw::DW_TAG_module | dw::DW_TAG_enumeration_type => known.name,
            dw::DW_TAG_class_type
            | dw::DW_TAG_interface_type
            | dw::DW_TAG_structure_type
            | dw::DW_TAG_union_type => known.name.or(known.declared).filter(|_| !self.is_c()),
            _ => None,
        }?;
        let Some(separator) = self.separator() else { return Some(0) };
        let inner = [self.scope(scope), name, separator].concat();
        self.scopes.push(inner);
        self.scopes.len().checked_sub(1)
    }

    fn scope(&self, number: usize) -> &[u8] {
        self.scopes.get(number).map(Vec::as_slice).unwrap_or_default()
    }

    /// What stands between the names of a scope and what is in it.
    fn separator(&self) -> Option<&'static [u8]> {
        match self.language? {
            dw::DW_LANG_Go | dw::DW_LANG_D | dw::DW_LANG_Ada83 | dw::DW_LANG_Ada95 => Some(b"."),
            dw::DW_LANG_Rust => Some(b"::"),
            _ if self.is_cplus() => Some(b"::"),
            _ => None,
        }
    }

    fn is_cplus(&self) -> bool {
        matches!(
            self.language,
            Some(
                dw::DW_LANG_C_plus_plus
                    | dw::DW_LANG_C_plus_plus_03
                    | dw::DW_LANG_C_plus_plus_11
                    | dw::DW_LANG_C_plus_plus_14
                    | dw::DW_LANG_C_plus_plus_17
                    | dw::DW_LANG_C_plus_plus_20
            )
        )
    }

    fn is_c(&self) -> bool {
        matches!(
            self.language,
            Some(dw::DW_LANG_C | dw::DW_LANG_C89 | dw::DW_LANG_C99 | dw::DW_LANG_C11 | dw::DW_LANG_C17)
        )
    }

    fn text(&self, value: Option<AttributeValue<Reader<'a>>>) -> Option<&'a [u8]> {
        let text = self.unit.attr_string(value?).ok()?;
        Some(text.slice()).filter(|text| text.len() < MAX_NAME)
    }

    /// The name and so on of an entry, some of which may be with what it completes.
    fn known(&self, entry: &Entry<'a>) -> Known<'a> {
        let is_true = |entry: &Entry<'a>, name| entry.attr_value(name) == Some(AttributeValue::Flag(true));
        let mut known = Known {
            name: self.text(entry.attr_value(dw::DW_AT_name)),
            linkage_name: self.text(entry.attr_value(dw::DW_AT_linkage_name)),
            declared: None,
            is_external: is_true(entry, dw::DW_AT_external),
            is_enum_class: is_true(entry, dw::DW_AT_enum_class),
            origins: Vec::new(),
        };
        let is_declared_variable = entry.tag() == dw::DW_TAG_variable && known.is_external;
        if is_true(entry, dw::DW_AT_declaration) && !is_declared_variable {
            known.declared = known.name.take();
            known.linkage_name = None;
            return known;
        }
        let mut origin = origin(entry);
        for _ in 0..MAX_ORIGINS {
            let Some((unit, offset)) = origin.and_then(|value| self.follow(value)) else { break };
            let Ok(completed) = unit.entry(offset) else { break };
            known.origins.push(offset);
            known.name = known.name.or_else(|| self.text(completed.attr_value(dw::DW_AT_name)));
            known.linkage_name =
                known.linkage_name.or_else(|| self.text(completed.attr_value(dw::DW_AT_linkage_name)));
            known.is_external |= is_true(&completed, dw::DW_AT_external);
            origin = self::origin(&completed);
        }
        known
    }

    /// An entry of this unit.
    fn follow(&self, value: AttributeValue<Reader<'a>>) -> Option<(UnitRef<'_, Reader<'a>>, UnitOffset)> {
        match value {
            AttributeValue::UnitRef(offset) => Some((self.unit, offset)),
            // Parts with references to other units are not looked through.
            _ => None,
        }
    }

    fn add(&mut self, tag: DwTag, known: &Known<'a>, scope: usize) {
        let kind = match tag {
            dw::DW_TAG_subprogram => FUNCTION,
            dw::DW_TAG_variable | dw::DW_TAG_constant | dw::DW_TAG_enumerator => VARIABLE,
            dw::DW_TAG_module | dw::DW_TAG_common_block => OTHER,
            _ => TYPE,
        };
        let in_scope = matches!(
            tag,
            dw::DW_TAG_class_type
                | dw::DW_TAG_interface_type
                | dw::DW_TAG_structure_type
                | dw::DW_TAG_union_type
                | dw::DW_TAG_enumeration_type
                | dw::DW_TAG_enumerator
        );
        let is_global = known.is_external
            || matches!(tag, dw::DW_TAG_namespace | dw::DW_TAG_module)
            || in_scope && self.is_cplus();
        let flags = if is_global { kind } else { kind | STATIC };
        let name = match tag {
            dw::DW_TAG_namespace => known.name.or(Some(ANONYMOUS)),
            _ => known.name,
        };
        match name {
            Some(name) if scope == 0 && !known.origins.is_empty() && !self.is_c() => {
                self.elsewhere.push(Elsewhere { name, flags, origins: known.origins.clone() });
            }
            Some(name) => self.push(scope, name, flags),
            None => {}
        }
        // gdb finds those of C++ in the symbol table.
        if let Some(name) = known.linkage_name.filter(|_| !self.is_cplus() || known.name.is_none()) {
            self.push(0, name, flags);
        }
    }

    /// Adds what is defined outside of its scope.
    fn finish(&mut self) {
        for Elsewhere { name, flags, origins } in std::mem::take(&mut self.elsewhere) {
            let around = |origin: &UnitOffset| {
                let found = self.places.binary_search_by_key(&origin.0, |(offset, _)| offset.0).ok()?;
                self.places.get(found).map(|(_, scope)| *scope)
            };
            let scope = origins.iter().find_map(around).unwrap_or_default();
            self.push(scope, name, flags);
        }
    }

    fn push(&mut self, scope: usize, name: &[u8], flags: u32) {
        let start = self.found.text.len();
        let scope = self.scopes.get(scope).map(Vec::as_slice).unwrap_or_default();
        self.found.text.extend_from_slice(scope);
        self.found.text.extend_from_slice(name);
        let text = self.found.text.get(start..).unwrap_or_default();
        let other = if self.is_cplus() { canonical(text) } else { None };
        let name = |text: &[u8]| Name { hash: hash(text), length: text.len(), unit: self.number, flags };
        self.found.names.push(name(text));
        if let Some(other) = other {
            self.found.names.push(name(&other));
            self.found.text.extend_from_slice(&other);
        }
    }
}

/// What gdb calls a namespace without a name.
const ANONYMOUS: &[u8] = b"(anonymous namespace)";

/// The entry that an entry completes.
fn origin<'a>(entry: &Entry<'a>) -> Option<AttributeValue<Reader<'a>>> {
    let names = [dw::DW_AT_specification, dw::DW_AT_abstract_origin, dw::DW_AT_extension];
    names.into_iter().find_map(|name| entry.attr_value(name))
}

/// Whether a variable is somewhere, as far as its own entry says.
fn may_be_found(entry: &Entry<'_>) -> bool {
    let signs = [
        dw::DW_AT_location,
        dw::DW_AT_const_value,
        dw::DW_AT_external,
        dw::DW_AT_specification,
        dw::DW_AT_abstract_origin,
        dw::DW_AT_extension,
    ];
    signs.into_iter().any(|name| entry.has_attr(name))
}

fn is_interesting(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_base_type
            | dw::DW_TAG_class_type
            | dw::DW_TAG_common_block
            | dw::DW_TAG_constant
            | dw::DW_TAG_enumeration_type
            | dw::DW_TAG_enumerator
            | dw::DW_TAG_generic_subrange
            | dw::DW_TAG_interface_type
            | dw::DW_TAG_module
            | dw::DW_TAG_namespace
            | dw::DW_TAG_structure_type
            | dw::DW_TAG_subprogram
            | dw::DW_TAG_subrange_type
            | dw::DW_TAG_typedef
            | dw::DW_TAG_union_type
            | dw::DW_TAG_unspecified_type
            | dw::DW_TAG_variable
    )
}
