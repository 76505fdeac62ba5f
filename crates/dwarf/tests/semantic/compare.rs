//! What the reader of a module sees and what the reader of its image sees, side by side.
//!
//! The image is to differ in nothing but what is listed here: [`is_added`], [`is_meant`], [`is_row_of_start`].

use std::collections::BTreeMap;

use dwarf::Module;
use gimli::constants as dw;

use crate::listing::{Entry, Place, Row, Shown, Unit};
use crate::machine::Bytes;

/// How much was compared, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) units: usize,
    pub(crate) functions: usize,
    pub(crate) entries: usize,
    pub(crate) attributes: usize,
    pub(crate) lines: usize,
    /// Places and other expressions of which both readers found the same bytes.
    pub(crate) places: usize,
    /// Of them, those that are partly or wholly optimized out in both.
    pub(crate) incomplete: usize,
    /// What only the reader of the module can evaluate: what is at which expression, and how often.
    pub(crate) lost: BTreeMap<String, usize>,
    /// Operands that only the reader of the module sees in the middle of the call that has taken them.
    pub(crate) taken: usize,
    /// Where the reader of the image sees something else.
    pub(crate) different: Vec<String>,
}

impl Outcome {
    /// Compares all units.
    pub(crate) fn compare(&mut self, (module, code): (&Module<'_>, &[u8]), read: &[Unit], image: &[Unit]) {
        if read.len() != image.len() {
            self.different.push(format!("{} units became {}", read.len(), image.len()));
        }
        for (read, image) in read.iter().zip(image) {
            self.units += 1;
            let before = self.different.len();
            self.unit((module, code), read, image);
            for different in &mut self.different[before..] {
                *different = format!("{}: {different}", read.name);
            }
        }
    }

    fn unit(&mut self, (module, code): (&Module<'_>, &[u8]), read: &Unit, image: &Unit) {
        for (read, image) in [(&read.base_types, &image.base_types), (&read.entries, &image.entries)] {
            self.entries(code, read, image);
        }
        self.rows(module, &read.rows, &image.rows);
    }

    fn entries(&mut self, code: &[u8], read: &[Entry], image: &[Entry]) {
        for (number, entry) in read.iter().enumerate() {
            let Some(other) = image.get(number) else {
                self.different.push(format!("entry {number}, {}, is not there", entry.tag));
                return;
            };
            self.entries += 1;
            self.functions +=
                usize::from(entry.tag == dw::DW_TAG_subprogram && entry.attributes.contains_key("code"));
            let before = self.different.len();
            self.entry(code, entry, other);
            let name = match entry.attributes.get("DW_AT_name") {
                Some(Shown::Text(name)) => name.as_str(),
                _ => "",
            };
            for different in &mut self.different[before..] {
                *different = format!("entry {number} {} {name}: {different}", entry.tag);
            }
        }
        for added in image.iter().skip(read.len()) {
            if !is_added(added) {
                self.different.push(format!("one more {}: {:?}", added.tag, added.attributes));
            }
        }
    }

    fn entry(&mut self, code: &[u8], read: &Entry, image: &Entry) {
        if read.parent != image.parent {
            self.different.push(format!("in entry {}, not {}", image.parent, read.parent));
        }
        if is_long_double(read) {
            if image.tag != dw::DW_TAG_typedef {
                self.different.push("no name of a type".to_owned());
            }
            return;
        }
        if read.tag != image.tag {
            self.different.push(format!("became a {}", image.tag));
            return;
        }
        for (name, shown) in &read.attributes {
            self.attributes += 1;
            match (shown, image.attributes.get(name)) {
                (Shown::Place(read_places), other) => {
                    let places = match other {
                        Some(Shown::Place(places)) => places.as_slice(),
                        None => &[],
                        Some(other) => {
                            self.different.push(format!("{name}: {other:?}"));
                            continue;
                        }
                    };
                    self.compare_places(code, name, read_places, places);
                }
                (shown, other) if Some(shown) == other || is_meant(read, name, Some(shown), other) => {}
                (shown, other) => self.different.push(format!("{name}: {shown:?} became {other:?}")),
            }
        }
        for (name, shown) in &image.attributes {
            if !read.attributes.contains_key(name) && !is_meant(read, name, None, Some(shown)) {
                self.different.push(format!("one more attribute, {name}: {shown:?}"));
            }
        }
    }

    fn compare_places(&mut self, code: &[u8], name: &str, read: &[Place], image: &[Place]) {
        let mut ends: Vec<u64> =
            read.iter().chain(image).flat_map(|place| [place.begin, place.end]).collect();
        ends.sort_unstable();
        ends.dedup();
        if ends.len() == 1 {
            ends.push(ends[0]);
        }
        for pair in ends.windows(2) {
            let &[begin, end] = pair else { continue };
            let (place, other) = (find(read, begin, end), find(image, begin, end));
            let raw = |place: Option<&Place>| place.map_or(String::new(), |place| place.raw.clone());
            let found = |place: Option<&Place>| place.map_or(Ok(Bytes::new()), |place| place.found.clone());
            match (found(place), found(other)) {
                (Ok(expected), Ok(found)) if agree(&expected, &found) => {
                    self.places += 1;
                    self.incomplete += usize::from(expected.is_empty() || expected.contains(&None));
                }
                (Ok(expected), Err(_)) | (Ok(expected), Ok(_))
                    if !expected.is_empty() && is_nothing(other) =>
                {
                    if raw(place).contains("WasmStack") && is_rest_of_call(code, begin, end) {
                        self.taken += 1;
                        continue;
                    }
                    *self.lost.entry(format!("{name}: {}", raw(place))).or_default() += 1;
                }
                // Nobody can evaluate it; in the image it may be left out.
                (Err(_), Err(_)) => self.places += 1,
                (Err(_), Ok(found)) if found.is_empty() => self.places += 1,
                (expected, found) => {
                    self.different.push(format!(
                        "{name} at {begin:#x}..{end:#x}: {} became {}: {} became {}",
                        spell(&expected),
                        spell(&found),
                        raw(place),
                        raw(other)
                    ));
                }
            }
        }
    }

    fn rows(&mut self, module: &Module<'_>, read: &[Row], image: &[Row]) {
        let mut expected = read.iter().peekable();
        for row in image {
            if expected.peek() == Some(&row) {
                self.lines += 1;
                expected.next();
            } else if !is_row_of_start(module, row, expected.peek().copied()) {
                self.different.push(format!("row {row:?}, not {:?}", expected.peek()));
                return;
            }
        }
        if let Some(row) = expected.next() {
            self.different.push(format!("no row {row:?}"));
        }
    }
}

fn find(places: &[Place], begin: u64, end: u64) -> Option<&Place> {
    places.iter().find(|place| place.begin <= begin && end <= place.end)
}

/// Whether the image says nothing.
fn is_nothing(place: Option<&Place>) -> bool {
    place.is_none_or(|place| place.found.as_ref().is_ok_and(Vec::is_empty))
}

/// Whether code is all of a call but its first byte: one or two numbers in LEB128.
fn is_rest_of_call(code: &[u8], begin: u64, end: u64) -> bool {
    let [begin, end] = [begin, end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
    let before = begin.checked_sub(1).and_then(|before| code.get(before..end));
    let Some((opcode, rest)) = before.and_then(<[u8]>::split_first) else { return false };
    let numbers = rest.iter().filter(|byte| **byte < 0x80).count();
    let is_whole = rest.last().is_some_and(|byte| *byte < 0x80);
    is_whole && matches!((*opcode, numbers), (0x10 | 0x14, 1) | (0x11, 2))
}

/// A reader of the image may see more of a value than is in it: the rest of its slot, which is zero.
fn agree(expected: &Bytes, found: &Bytes) -> bool {
    let common = expected.len().min(found.len());
    (common > 0 || expected.len() == found.len())
        && expected.len() <= found.len()
        && expected[..common] == found[..common]
}

fn spell(found: &Result<Bytes, String>) -> String {
    match found {
        Err(error) => error.clone(),
        Ok(bytes) if bytes.is_empty() => "optimized out".to_owned(),
        Ok(bytes) => {
            bytes.iter().map(|byte| byte.map_or("--".to_owned(), |byte| format!("{byte:02x}"))).collect()
        }
    }
}

/// A floating-point type of 16 bytes becomes the name of a type that gdb knows to be an IEEE number.
fn is_long_double(read: &Entry) -> bool {
    read.tag == dw::DW_TAG_base_type
        && read.attributes.get("DW_AT_byte_size") == Some(&Shown::Text("16".to_owned()))
        && read.attributes.get("DW_AT_encoding") == Some(&Shown::Text("Encoding(DwAte(4))".to_owned()))
}

/// What stands behind the module's own entries of a unit: pointers to its types with the program's size, and what they
/// point to, and structures with results.
fn is_added(entry: &Entry) -> bool {
    matches!(
        entry.tag,
        dw::DW_TAG_pointer_type
            | dw::DW_TAG_const_type
            | dw::DW_TAG_unspecified_type
            | dw::DW_TAG_base_type
            | dw::DW_TAG_structure_type
            | dw::DW_TAG_union_type
            | dw::DW_TAG_member
    )
}

/// Whether an attribute differs as it is meant to.
fn is_meant(entry: &Entry, name: &str, read: Option<&Shown>, image: Option<&Shown>) -> bool {
    let text = |shown: Option<&Shown>| match shown {
        Some(Shown::Text(text)) => Some(text.clone()),
        _ => None,
    };
    match (name, text(read), text(image)) {
        // gdb trusts the lines of clang.
        ("DW_AT_producer", read, Some(image)) => image == format!("clang {}", read.unwrap_or_default()),
        // Debuggers are to call `main` so.
        ("DW_AT_linkage_name", Some(read), None) => {
            ["__main_argc_argv", "__main_void", "__original_main"].contains(&read.as_str())
        }
        // Only so, gdb takes its parts for IEEE numbers.
        ("DW_AT_name", Some(_), Some(image)) => {
            image == "complex _Float128"
                && text(entry.attributes.get("DW_AT_byte_size")) == Some("32".to_owned())
        }
        // The machine's own pointers may be longer.
        ("DW_AT_byte_size", None, Some(image)) => {
            entry.tag.static_string().is_some_and(|tag| {
                tag.contains("pointer") || tag.contains("reference") || tag.contains("ptr")
            }) && image == "4"
        }
        _ => false,
    }
}

/// Whether a row is the one that a function gets at its start, if its own first row is at its first operator.
fn is_row_of_start(module: &Module<'_>, row: &Row, next: Option<&Row>) -> bool {
    let Some(next) = next else { return false };
    let at =
        |address: u64| u32::try_from(address).ok().and_then(|address| address.checked_add(module.code.start));
    let (Some(start), Some(first)) = (at(row.0), at(next.0)) else { return false };
    let flags = next.4.replace("prologue end ", "");
    module.functions.iter().any(|function| function.body.start == start && function.first_operator.0 == first)
        && (&row.1, row.2, row.3, &row.4) == (&next.1, next.2, next.3, &flags)
}
