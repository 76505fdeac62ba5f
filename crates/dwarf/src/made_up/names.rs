//! What things of a module are called: in the WAT text, and in debuggers, where a name must be one that users can type.

use std::borrow::Cow;
use std::collections::HashSet;

use super::outline::Outline;
use super::readable::readable;
use crate::naming::Naming;

/// Ids in the text format. What has no name is called by its kind and index, as debuggers call it.
pub(super) struct Names {
    functions: Vec<String>,
    globals: Vec<String>,
    others: Others,
}

/// Ids of what there are few of, by index; an index that has none stands for itself.
struct Others {
    memories: Vec<(u32, String)>,
    tables: Vec<(u32, String)>,
    tags: Vec<(u32, String)>,
    types: Vec<(u32, String)>,
    data: Vec<(u32, String)>,
}

impl Names {
    pub(super) fn new(outline: &Outline<'_>) -> Self {
        let few = |names: &Naming<'_>| {
            let mut taken = HashSet::new();
            names.iter().map(|(index, name)| (index, unique_id(name.to_owned(), index, &mut taken))).collect()
        };
        let Outline { functions, globals, import_names, .. } = outline;
        let import = |index: u32| import_names.get(usize::try_from(index).ok()?).map(String::as_str);
        let function = |index: u32| {
            let name = outline.function_names.get(index);
            name.or_else(|| import(index)).or_else(|| outline.function_exports.get(&index).copied())
        };
        let global = |index: u32| {
            outline.global_names.get(index).or_else(|| outline.global_exports.get(&index).copied())
        };
        Self {
            functions: named(functions.len(), FUNCTION, function),
            globals: named(globals.len(), GLOBAL, global),
            others: Others {
                memories: few(&outline.memory_names),
                tables: few(&outline.table_names),
                tags: few(&outline.tag_names),
                types: few(&outline.type_names),
                data: few(&outline.data_names),
            },
        }
    }

    /// Everything is called by its index.
    pub(super) fn none() -> Self {
        Self::new(&Outline::default())
    }

    pub(super) fn function(&self, index: u32) -> Cow<'_, str> {
        by_index(&self.functions, index)
    }

    pub(super) fn global(&self, index: u32) -> Cow<'_, str> {
        by_index(&self.globals, index)
    }

    pub(super) fn memory(&self, index: u32) -> Cow<'_, str> {
        find(&self.others.memories, index)
    }

    pub(super) fn table(&self, index: u32) -> Cow<'_, str> {
        find(&self.others.tables, index)
    }

    pub(super) fn tag(&self, index: u32) -> Cow<'_, str> {
        find(&self.others.tags, index)
    }

    pub(super) fn ty(&self, index: u32) -> Cow<'_, str> {
        find(&self.others.types, index)
    }

    pub(super) fn data(&self, index: u32) -> Cow<'_, str> {
        find(&self.others.data, index)
    }
}

/// Ids of so many things of a kind.
fn named<'n>(count: usize, kind: &str, name: impl Fn(u32) -> Option<&'n str>) -> Vec<String> {
    let mut taken = HashSet::new();
    let id = |index: u32| {
        let name = name(index).map_or_else(|| format!("{kind}{index}"), |name| readable(name).into_owned());
        unique_id(name, index, &mut taken)
    };
    (0..).take(count).map(id).collect()
}

/// How functions, globals and locals without a name are called, with their indices behind it.
pub(super) const FUNCTION: &str = "func";
const GLOBAL: &str = "global";
const LOCAL: &str = "local";

fn by_index(ids: &[String], index: u32) -> Cow<'_, str> {
    let found = usize::try_from(index).ok().and_then(|index| ids.get(index));
    found.map_or_else(|| Cow::Owned(index.to_string()), |id| Cow::Borrowed(id.as_str()))
}

fn find(ids: &[(u32, String)], index: u32) -> Cow<'_, str> {
    let found = ids.binary_search_by_key(&index, |(known, _)| *known).ok().and_then(|place| ids.get(place));
    found.map_or_else(|| Cow::Owned(index.to_string()), |(_, id)| Cow::Borrowed(id.as_str()))
}

/// `$name`, or `$name#index` if another thing has that.
fn unique_id(mut name: String, index: u32, taken: &mut HashSet<String>) -> String {
    if taken.contains(&name) {
        name = format!("{name}#{index}");
    }
    taken.insert(name.clone());
    id(&name)
}

/// A name as an id of the text format.
pub(super) fn id(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-./:<=>?@\\^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_plain) {
        return format!("${name}");
    }
    let mut id = "$\"".to_owned();
    for c in name.chars() {
        match c {
            '"' | '\\' => id.extend(['\\', c]),
            c if c.is_control() => id.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => id.push(c),
        }
    }
    id.push('"');
    id
}

/// Names of a function's parameters and locals: those for the text, and those for debuggers, which are what C takes for
/// names.
pub(super) struct LocalNames {
    pub(super) ids: Vec<String>,
    pub(super) typed: Vec<String>,
}

impl LocalNames {
    /// For a function with so many parameters and locals.
    pub(super) fn new(outline: &Outline<'_>, function: u32, count: usize) -> Self {
        let names = outline.local_names.get(&function);
        let (mut taken, mut typed_taken) = (HashSet::new(), HashSet::new());
        let mut all = Self { ids: Vec::with_capacity(count), typed: Vec::with_capacity(count) };
        for index in (0..).take(count) {
            let name = names.and_then(|names| names.get(index));
            let name = name.map_or_else(|| format!("{LOCAL}{index}"), str::to_owned);
            all.typed.push(unique_word(&name, index, &mut typed_taken));
            all.ids.push(unique_id(name, index, &mut taken));
        }
        all
    }
}

/// What debuggers call a global.
pub(super) fn global(outline: &Outline<'_>, index: u32) -> String {
    let name = outline.global_names.get(index).or_else(|| outline.global_exports.get(&index).copied());
    name.map_or_else(|| format!("{GLOBAL}{index}"), str::to_owned)
}

fn unique_word(name: &str, index: u32, taken: &mut HashSet<String>) -> String {
    let mut word = word(name);
    if taken.contains(&word) {
        word = format!("{word}_{index}");
    }
    taken.insert(word.clone());
    word
}

/// A name with `_` for what cannot be in a name of C.
pub(super) fn word(name: &str) -> String {
    let mut word: String =
        name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
        word.insert(0, '_');
    }
    word
}
