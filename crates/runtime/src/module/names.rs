//! The `name` section. It is not validated with the module: what cannot be read of it is left out. It is read when somebody asks for
//! a name: a large module has tens of thousands.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;
use wasmparser::{BinaryReader, Name, NameSectionReader};

/// Names of functions, locals, globals and tags.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) functions: HashMap<u32, String>,
    /// By function index, then local index.
    pub(crate) locals: HashMap<(u32, u32), String>,
    pub(crate) globals: HashMap<u32, String>,
    pub(crate) tags: HashMap<u32, String>,
}

/// The names in some sections of a module.
#[derive(Default)]
pub(crate) struct NameSections {
    /// Where the contents of each are.
    pub(super) sections: Vec<Range<usize>>,
    names: OnceLock<Names>,
}

impl NameSections {
    /// The names in a module's file.
    pub(crate) fn of(&self, bytes: &[u8]) -> &Names {
        self.names.get_or_init(|| {
            let mut names = Names::default();
            for section in &self.sections {
                let contents = bytes.get(section.clone()).unwrap_or_default();
                names.read(NameSectionReader::new(BinaryReader::new(contents, section.start as u64)));
            }
            names
        })
    }
}

impl Names {
    fn read(&mut self, section: NameSectionReader<'_>) {
        for subsection in section {
            match subsection {
                Ok(Name::Function(names)) => {
                    self.functions.extend(names.into_iter().flatten().map(|n| (n.index, n.name.to_owned())));
                }
                Ok(Name::Local(functions)) => {
                    for function in functions.into_iter().flatten() {
                        let of_function = function.names.flatten();
                        self.locals
                            .extend(of_function.map(|n| ((function.index, n.index), n.name.to_owned())));
                    }
                }
                Ok(Name::Global(names)) => {
                    self.globals.extend(names.into_iter().flatten().map(|n| (n.index, n.name.to_owned())));
                }
                Ok(Name::Tag(names)) => {
                    self.tags.extend(names.into_iter().flatten().map(|n| (n.index, n.name.to_owned())));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "name section cut short");
                    return;
                }
            }
        }
    }
}
