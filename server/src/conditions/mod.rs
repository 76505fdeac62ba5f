//! Breakpoints that users make with `monitor break`: names and lines of the source become operators, and conditions are
//! looked at where the program runs, so that it stops only for hits that count. So are the values that `monitor dprintf` prints.
//!
//! What a client's own breakpoints do is `gdb`'s; this is for clients that look at conditions themselves, as lldb does.

mod evaluate;
mod parse;
mod places;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use debugger::{Condition, Frame, Paused};
use frame_table::ModulePc;
use gdb::{Program, SourcePlace, Sources, Values};

use crate::backtrace::FrameState;
use crate::debug_info::{self, DebugInfo, SourceFunction};
use crate::variables::{Looking, Scope, Variable};
use parse::Expression;

/// The modules of a program, by number, with their debug info once somebody wanted it.
#[derive(Debug)]
pub(crate) struct SourcesOf {
    modules: Vec<Module>,
}

struct Module {
    program: Program,
    image: OnceLock<Option<Arc<Vec<u8>>>>,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("path", &self.program.path).finish_non_exhaustive()
    }
}

impl SourcesOf {
    /// The sources of modules in the order of their numbers.
    pub(crate) fn new(modules: impl Iterator<Item = Program>) -> Self {
        Self { modules: modules.map(|program| Module { program, image: OnceLock::new() }).collect() }
    }

    fn image(&self, module: u32) -> Option<&Arc<Vec<u8>>> {
        let module = self.modules.get(usize::try_from(module).ok()?)?;
        let make = || {
            let Program { module, debug_files, paths, .. } = &module.program;
            debug_info::image(module, debug_files, paths).map(Arc::new)
        };
        module.image.get_or_init(make).as_ref()
    }
}

impl Sources for SourcesOf {
    fn places(&self, wanted: &str) -> Vec<SourcePlace> {
        let in_module = |(number, module): (u32, &Module)| {
            let image = self.image(number)?;
            let info = DebugInfo::read(image)?;
            let functions = dwarf::Module::parse(&module.program.module).ok()?;
            let place = |pc| SourcePlace { module: number, pc, name: place_name(&info, &functions, pc) };
            let found = places::find(&info, &functions, wanted);
            Some(found.into_iter().map(place).collect::<Vec<_>>())
        };
        (0..).zip(&self.modules).filter_map(in_module).flatten().collect()
    }

    fn condition(&self, module: u32, pc: ModulePc, text: &str) -> Result<Arc<dyn Condition>, String> {
        let expressions = vec![parse::parse(text)?];
        Ok(Arc::new(self.in_scope(module, pc, expressions)?))
    }

    fn values(&self, module: u32, pc: ModulePc, text: &str) -> Result<Arc<dyn Values>, String> {
        let expressions = parse::parse_list(text)?;
        Ok(Arc::new(self.in_scope(module, pc, expressions)?))
    }
}

impl SourcesOf {
    fn in_scope(&self, module: u32, pc: ModulePc, expressions: Vec<Expression>) -> Result<InScope, String> {
        let unknown = || "there is no debug info for it".to_owned();
        let image = Arc::clone(self.image(module).ok_or_else(unknown)?);
        let info = DebugInfo::read(&image).ok_or_else(unknown)?;
        let scope = Scope::at(&info.dwarf, pc).ok_or_else(unknown)?;
        let mut variables = BTreeMap::new();
        let object = scope.find(&info.dwarf, evaluate::OBJECT);
        for name in expressions.iter().flat_map(evaluate::names) {
            // What is no variable may be a member of the object.
            match (scope.find(&info.dwarf, name), object) {
                (Some(variable), _) => variables.insert(name.to_owned(), variable),
                (None, Some(object)) => variables.insert(evaluate::OBJECT.to_owned(), object),
                (None, None) => return Err(format!("there is no variable `{name}` here")),
            };
        }
        drop(info);
        Ok(InScope { image, scope, variables, expressions })
    }
}

/// `fib at steps.c:13`.
fn place_name(info: &DebugInfo<'_>, functions: &dwarf::Module<'_>, pc: ModulePc) -> String {
    let SourceFunction { name, position } = info.functions_at(pc).into_iter().next().unwrap_or_default();
    // The debug info has the linker's names of C++ and Rust.
    let plain = || functions.function_at(pc).map(|function| function.name.to_string());
    let name = name.filter(|name| !name.starts_with("_Z") && !name.starts_with("_R")).or_else(plain);
    let name = name.unwrap_or_else(|| format!("{pc}"));
    match position {
        Some(position) => {
            let file = position.file.rsplit('/').next().unwrap_or_default().to_owned();
            format!("{name} at {file}:{}", position.line)
        }
        None => name,
    }
}

/// Expressions for the innermost frame.
struct InScope {
    image: Arc<Vec<u8>>,
    scope: Scope,
    variables: BTreeMap<String, Variable>,
    expressions: Vec<Expression>,
}

impl fmt::Debug for InScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InScope").field("expressions", &self.expressions).finish_non_exhaustive()
    }
}

impl InScope {
    /// Looks at the frame. None if there is none with a place in the source.
    fn look<R>(&self, paused: &mut Paused<'_>, look: impl FnOnce(&Looking<'_, '_>) -> R) -> Option<R> {
        let frames = paused.near();
        let Some(Frame::Wasm(frame)) = frames.first() else { return None };
        let state = FrameState { paused, index: 0, frame };
        let dwarf = debug_info::sections(&self.image)?;
        self.scope.look(&dwarf, &state, look)
    }
}

impl Condition for InScope {
    /// One that has no value holds: the user sees why.
    fn holds(&self, paused: &mut Paused<'_>) -> bool {
        let all_hold = self.look(paused, |looking| {
            let holds = |expression| evaluate::evaluate(expression, &self.variables, looking) != Ok(0);
            self.expressions.iter().all(holds)
        });
        all_hold.unwrap_or(true)
    }
}

impl Values for InScope {
    fn count(&self) -> usize {
        self.expressions.len()
    }

    fn values(&self, paused: &mut Paused<'_>) -> Result<Vec<u64>, String> {
        let values = self.look(paused, |looking| {
            let bits = |expression| evaluate::bits(expression, &self.variables, looking);
            self.expressions.iter().map(bits).collect()
        });
        values.ok_or("its variables cannot be looked up")?
    }
}
