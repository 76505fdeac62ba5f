//! The `name` section. It is not validated with the module: what cannot be read of it is left out.

use std::collections::HashMap;
use wasmparser::{Name, NameSectionReader};

/// Names of functions, locals, globals and tags.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) functions: HashMap<u32, String>,
    /// By function index, then local index.
    pub(crate) locals: HashMap<(u32, u32), String>,
    pub(crate) globals: HashMap<u32, String>,
    pub(crate) tags: HashMap<u32, String>,
}

impl Names {
    pub(crate) fn read(&mut self, section: NameSectionReader<'_>) {
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
