//! Source maps: which line of which source an operator comes from, as compilers of the web say it.
//!
//! A map of a module has one generated "line", and its columns are offsets in the module's file. The format is ECMA-426.

use std::ops::Range;
use std::path::{Component, Path};

use serde_json::Value;

/// A source map that was read.
#[derive(Debug, Default)]
pub(super) struct SourceMap {
    pub(super) sources: Vec<Source>,
    /// In ascending order of offsets.
    pub(super) mappings: Vec<Mapping>,
}

/// A file that is mapped to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// As the map says.
    pub(super) name: String,
    /// The same below the map's root: where the file is.
    pub(super) path: String,
    /// What is in it, if the map has that.
    pub(super) contents: Option<String>,
}

/// From an offset on, up to the next mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// In the module's file.
    pub(super) offset: u32,
    /// Source and line, from 1. None for what comes from no source.
    pub(super) line: Option<(u32, u32)>,
}

impl SourceMap {
    /// Reads a map.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn read(json: &[u8]) -> Result<Self, String> {
        // Some servers put this in front, so that the file is no script.
        let json = json.strip_prefix(b")]}'").unwrap_or(json);
        let map: Value = serde_json::from_slice(json).map_err(|error| format!("it is no JSON: {error}"))?;
        if map.get("sections").is_some() {
            return Err("it is made of several maps".to_owned());
        }
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let root = text(map.get("sourceRoot")).unwrap_or_default();
        let contents = map.get("sourcesContent").and_then(Value::as_array);
        let sources = map.get("sources").and_then(Value::as_array).ok_or("it has no sources")?;
        let source = |(number, source): (usize, &Value)| Source {
            name: source.as_str().unwrap_or_default().to_owned(),
            path: join(&root, source.as_str().unwrap_or_default()),
            contents: text(contents.and_then(|contents| contents.get(number))),
        };
        let sources: Vec<Source> = sources.iter().enumerate().map(source).collect();
        let mappings = map.get("mappings").and_then(Value::as_str).ok_or("it has no mappings")?;
        let mappings = mappings_of(mappings, sources.len()).ok_or("its mappings are malformed")?;
        Ok(Self { sources, mappings })
    }
}

/// Those of some mappings that are in a part of the module's file.
pub(super) fn part<'m>(mappings: &'m [Mapping], range: &Range<u32>) -> &'m [Mapping] {
    let from = mappings.partition_point(|mapping| mapping.offset < range.start);
    let to = mappings.partition_point(|mapping| mapping.offset < range.end);
    mappings.get(from..to).unwrap_or_default()
}

fn join(root: &str, source: &str) -> String {
    let is_whole = root.is_empty() || source.starts_with('/') || source.contains("://");
    if is_whole { source.to_owned() } else { format!("{}/{source}", root.trim_end_matches('/')) }
}

/// The path below a folder at which a source's contents are put: what it is called, without a scheme, and without a way out of
/// the folder.
pub(super) fn path_in_folder(source: &str) -> String {
    let source = source.split_once("://").map_or(source, |(_, path)| path);
    let parts = Path::new(source).components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    let path = parts.collect::<Vec<_>>().join("/").replace('\0', "_");
    if path.is_empty() { "source".to_owned() } else { path }
}

/// The path of a source that is a file.
pub(super) fn path_of_file(source: &str) -> &str {
    source.strip_prefix("file://").unwrap_or(source)
}

/// Segments of numbers in base 64, each number the difference to the one before in its place: offset, source, line, column,
/// name.
fn mappings_of(text: &str, sources: usize) -> Option<Vec<Mapping>> {
    let mut mappings = Vec::new();
    let (mut offset, mut source, mut line) = (0_i64, 0_i64, 0_i64);
    // Of other lines than the first nothing is in the module.
    let first = text.split(';').next().unwrap_or_default();
    for segment in first.split(',').filter(|segment| !segment.is_empty()) {
        let mut digits = segment.bytes();
        offset = offset.checked_add(number(&mut digits)?)?;
        let mut mapping = Mapping { offset: u32::try_from(offset).ok()?, line: None };
        if digits.len() > 0 {
            source = source.checked_add(number(&mut digits)?)?;
            line = line.checked_add(number(&mut digits)?)?;
            let known = u32::try_from(source)
                .ok()
                .filter(|known| usize::try_from(*known).is_ok_and(|known| known < sources));
            mapping.line = known.zip(u32::try_from(line.checked_add(1)?).ok());
        }
        mappings.push(mapping);
    }
    mappings.sort_by_key(|mapping| mapping.offset);
    Some(mappings)
}

/// A number in digits of five bits, lowest first; the lowest bit is its sign.
fn number(digits: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let mut value = 0_i64;
    for shift in (0..60).step_by(5) {
        let digit = i64::from(digit(digits.next()?)?);
        value |= (digit & 0x1f) << shift;
        if digit & 0x20 == 0 {
            let magnitude = value >> 1;
            return Some(if value & 1 == 1 { -magnitude } else { magnitude });
        }
    }
    None
}

fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// What a `data:` URL holds; None if it is another URL, or malformed.
pub(super) fn data_url(url: &str) -> Option<Vec<u8>> {
    let (kind, data) = url.strip_prefix("data:")?.split_once(',')?;
    if kind.ends_with(";base64") { base64(data) } else { Some(percent(data)) }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.trim_end_matches('=').bytes().map(digit).collect();
    let mut bytes = Vec::new();
    for digits in digits?.chunks(4) {
        let group = digits.iter().fold(0_u32, |group, digit| (group << 6) | u32::from(*digit));
        let group = group << (6 * (4 - digits.len()));
        let [_, first, second, third] = group.to_be_bytes();
        bytes.extend([first, second, third].iter().take(digits.len().saturating_sub(1)));
    }
    Some(bytes)
}

fn percent(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = byte.map_or(after, |_| after.get(2..).unwrap_or_default());
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[cfg(test)]
mod tests;
