//! Runs one script of the suite, directive by directive.
//!
//! A directive that fails does not end the script: later ones that need what it should have made fail as well.

use std::collections::HashMap;
use std::sync::Arc;

use runtime::{
    DebugHook, Engine, EngineConfig, Error, Failure, Instance, Linker, Module, Store, Tiers, TrapCode, Value,
};
use wast::core::WastRetCore;
use wast::token::Id;
use wast::{QuoteWat, WastDirective, WastExecute, WastInvoke, WastRet};

use crate::mode::Mode;
use crate::repealed::Newest;
use crate::script::{parsed, split};
use crate::suite::Script;
use crate::tally::Tally;
use crate::watcher::Watcher;
use crate::{spectest, values};

/// A directive that did not do what it should.
#[derive(Debug)]
pub(crate) struct Mishap {
    /// Line of the script, from 1.
    pub(crate) line: usize,
    /// What happened instead.
    pub(crate) why: String,
}

/// What came of a script.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) mishaps: Vec<Mishap>,
    pub(crate) tally: Tally,
}

/// Bytes of stack for the thread that runs a script: more than the guest may use.
const THREAD_STACK: usize = 16 << 20;

/// Bytes of stack for a guest that is stepped.
const STEPPED_STACK: usize = 64 << 10;

/// Runs a script on a thread of its own.
pub(crate) fn run(mode: Mode, script: &Script, newest: &Newest) -> Result<Report, String> {
    std::thread::scope(|scope| {
        let body = || run_here(mode, script, newest);
        let thread = std::thread::Builder::new().stack_size(THREAD_STACK).spawn_scoped(scope, body);
        let thread = thread.map_err(|error| error.to_string())?;
        thread.join().map_err(|_| "the runtime panicked".to_owned())?
    })
}

fn run_here(mode: Mode, script: &Script, newest: &Newest) -> Result<Report, String> {
    let mut interpreter = Interpreter::new(mode).map_err(|error| error.to_string())?;
    let mut report = Report { tally: Tally { scripts: 1, ..Tally::default() }, ..Report::default() };
    let tally = &mut report.tally;
    let pieces = split(&script.text)?;
    for (index, piece) in pieces.iter().copied().enumerate() {
        let done = parsed(piece, |directive| interpreter.directive(directive));
        let lost = interpreter.watcher.take_complaint();
        tally.directives += 1;
        let asserts = piece.keyword.starts_with("assert_");
        let returns = piece.keyword == "assert_return";
        tally.assertions += u64::from(asserts);
        tally.returns += u64::from(returns);
        let why = match (done, lost) {
            (_, Some(lost)) => lost,
            (Ok(Outcome::Done), None) => {
                tally.passed += u64::from(asserts);
                tally.returns_passed += u64::from(returns);
                continue;
            }
            (Ok(Outcome::Taken), None) if newest.takes(&script.name, piece) => {
                tally.repealed += 1;
                continue;
            }
            (Ok(Outcome::Taken), None) => "the module was taken".to_owned(),
            (Err(_), None) if newest.contradicts(&script.name, &pieces, index) => {
                tally.repealed += 1;
                continue;
            }
            (Err(why), None) => why,
        };
        report.mishaps.push(Mishap { line: piece.line, why });
    }
    (report.tally.stops, report.tally.compared) = interpreter.watcher.figures();
    let changes = interpreter.store.tier_changes();
    report.tally.switched = [changes.to_debug, changes.to_run];
    Ok(report)
}

/// What a directive did.
enum Outcome {
    /// What it should.
    Done,
    /// A module is valid that should be refused.
    Taken,
}

/// What a script has made so far.
struct Interpreter {
    mode: Mode,
    engine: Engine,
    store: Box<Store>,
    linker: Linker,
    watcher: Arc<Watcher>,
    /// Instances by the name that the script gave them.
    named: HashMap<String, Instance>,
    /// The instance that was made last, which directives without a name mean.
    last: Option<Instance>,
    /// Modules that were defined and can be instantiated by name.
    definitions: HashMap<String, Module>,
    last_definition: Option<Module>,
}

/// Where chance begins.
const SEED: u64 = 0x5eed;

/// The outer error is the script's or ours, the inner one the guest's.
type Executed = Result<Result<Vec<Value>, Failure>, String>;

impl Interpreter {
    fn new(mode: Mode) -> Result<Self, Error> {
        let tiers = match mode {
            Mode::Plain => Tiers::Run,
            Mode::Instrumented | Mode::Stepped => Tiers::Debug,
            Mode::Switched => Tiers::Automatic,
        };
        let tier_stress = (mode == Mode::Switched).then_some(SEED);
        // At each of its steps the watcher walks the stack, so that the scripts that exhaust it need a short one.
        let max_stack = if mode == Mode::Stepped { STEPPED_STACK } else { EngineConfig::default().max_stack };
        // A collection at every stop, if there is an object: references that a frame alone holds must survive it.
        let gc_stress = mode != Mode::Plain;
        let config = EngineConfig { tiers, max_stack, gc_stress, tier_stress, ..EngineConfig::default() };
        let engine = Engine::new(config)?;
        let mut store = Store::new(&engine)?;
        let mut linker = Linker::new();
        spectest::define(&engine, &mut linker, &mut store)?;
        let watcher = Arc::new(Watcher::new(mode));
        if mode.is_watched() {
            let hook: Arc<dyn DebugHook> = Arc::<Watcher>::clone(&watcher);
            store.set_debug_hook(Some(hook));
        }
        Ok(Self {
            mode,
            engine,
            store,
            linker,
            watcher,
            named: HashMap::new(),
            last: None,
            definitions: HashMap::new(),
            last_definition: None,
        })
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Result<Outcome, String> {
        if self.mode.is_watched() {
            self.watcher.begin(&mut self.store);
        }
        match directive {
            WastDirective::Module(module) => self.module(module)?,
            WastDirective::ModuleDefinition(module) => self.define(module)?,
            WastDirective::ModuleInstance { instance, module, .. } => self.instance_of(instance, module)?,
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                self.linker.define_instance(&self.store, name, instance);
            }
            WastDirective::Invoke(invoke) => {
                self.invoke(&invoke)?.map_err(|failure| failure.to_string())?;
            }
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results)?,
            WastDirective::AssertTrap { exec, message, .. } => match self.execute(exec)? {
                Err(Failure::Trap(code)) if same_words(&code.to_string(), message) => {}
                other => return Err(format!("{other:?} where {message:?} was due")),
            },
            WastDirective::AssertExhaustion { call, .. } => match self.invoke(&call)? {
                Err(Failure::Trap(TrapCode::StackOverflow)) => {}
                other => return Err(format!("{other:?} where the stack should be exhausted")),
            },
            WastDirective::AssertException { exec, .. } => match self.execute(exec)? {
                Err(Failure::Exception(_)) => {}
                other => return Err(format!("{other:?} where an exception was due")),
            },
            WastDirective::AssertInvalid { module, .. } | WastDirective::AssertMalformed { module, .. } => {
                return Ok(self.assert_refused(module, false));
            }
            WastDirective::AssertInvalidCustom { module, .. }
            | WastDirective::AssertMalformedCustom { module, .. } => {
                return Ok(self.assert_refused(module, true));
            }
            WastDirective::AssertUnlinkable { mut module, message, .. } => {
                let bytes = module.encode().map_err(|error| error.to_string())?;
                match self.instantiate(&bytes) {
                    Err(error) if same_words(&error.to_string(), message) => {}
                    Err(error) => return Err(format!("{error} where {message:?} was due")),
                    Ok(_) => return Err(format!("it was linked, where {message:?} was due")),
                }
            }
            other => return Err(format!("no such directive here: {other:?}")),
        }
        Ok(Outcome::Done)
    }

    fn module(&mut self, mut module: QuoteWat<'_>) -> Result<(), String> {
        let name = module.name().map(|id| id.name().to_owned());
        self.last = None;
        let bytes = module.encode().map_err(|error| error.to_string())?;
        let instance = self.instantiate(&bytes).map_err(|error| error.to_string())?;
        self.named.extend(name.map(|name| (name, instance)));
        self.last = Some(instance);
        Ok(())
    }

    fn define(&mut self, mut module: QuoteWat<'_>) -> Result<(), String> {
        let name = module.name().map(|id| id.name().to_owned());
        self.last_definition = None;
        let bytes = module.encode().map_err(|error| error.to_string())?;
        let module = Module::new(&self.engine, &bytes, "script").map_err(|error| error.to_string())?;
        self.definitions.extend(name.map(|name| (name, module.clone())));
        self.last_definition = Some(module);
        Ok(())
    }

    fn instance_of(&mut self, instance: Option<Id<'_>>, module: Option<Id<'_>>) -> Result<(), String> {
        let definition = match module {
            Some(name) => self.definitions.get(name.name()),
            None => self.last_definition.as_ref(),
        };
        let definition = definition.ok_or("the module was not defined")?;
        self.last = None;
        let made = Instance::new(&mut self.store, definition, &self.linker);
        let made = made.map_err(|error| error.to_string())?;
        self.named.extend(instance.map(|name| (name.name().to_owned(), made)));
        self.last = Some(made);
        Ok(())
    }

    fn instantiate(&mut self, bytes: &[u8]) -> Result<Instance, Error> {
        let module = Module::new(&self.engine, bytes, "script")?;
        Instance::new(&mut self.store, &module, &self.linker)
    }

    fn instance(&self, name: Option<Id<'_>>) -> Result<Instance, String> {
        let found = match name {
            Some(name) => self.named.get(name.name()).copied(),
            None => self.last,
        };
        found.ok_or_else(|| "the module was not instantiated".to_owned())
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Executed {
        let instance = self.instance(invoke.module)?;
        let function = instance.get_func(&self.store, invoke.name);
        let function = function.ok_or_else(|| format!("no function {:?}", invoke.name))?;
        let args = invoke.args.iter().map(values::argument).collect::<Option<Vec<_>>>();
        let args = args.ok_or_else(|| format!("arguments {:?}", invoke.args))?;
        let outcome = function.call(&mut self.store, &args);
        if let Ok(results) = &outcome {
            self.watcher.returned(results);
        }
        Ok(outcome)
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Executed {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                let value = instance.get_global(&self.store, global);
                Ok(Ok(vec![value.ok_or_else(|| format!("no global {global:?}"))?]))
            }
            WastExecute::Wat(mut module) => {
                let bytes = module.encode().map_err(|error| error.to_string())?;
                match self.instantiate(&bytes) {
                    Ok(_) => Ok(Ok(Vec::new())),
                    Err(Error::Start(failure)) => Ok(Err(failure)),
                    Err(error) => Err(error.to_string()),
                }
            }
        }
    }

    fn assert_return(&mut self, exec: WastExecute<'_>, results: &[WastRet<'_>]) -> Result<(), String> {
        let values = self.execute(exec)?.map_err(|failure| failure.to_string())?;
        let expected: Vec<&WastRetCore<'_>> = results
            .iter()
            .map(|result| match result {
                WastRet::Core(result) => Ok(result),
                _ => Err(format!("a result of another kind: {result:?}")),
            })
            .collect::<Result<_, _>>()?;
        let store = &self.store;
        let fits = values.len() == expected.len()
            && values.iter().zip(&expected).all(|(value, expected)| values::fits(store, *value, expected));
        if fits { Ok(()) } else { Err(format!("{values:?} where {expected:?} was due")) }
    }

    /// A custom section is never refused: what is wrong with it is said.
    fn assert_refused(&self, mut module: QuoteWat<'_>, custom: bool) -> Outcome {
        // A text that the parser refuses never reaches the runtime.
        let Ok(bytes) = module.encode() else { return Outcome::Done };
        match Module::new(&self.engine, &bytes, "script") {
            Err(_) => Outcome::Done,
            Ok(module) if custom && !module.custom_section_problems().is_empty() => Outcome::Done,
            Ok(_) => Outcome::Taken,
        }
    }
}

/// Whether our words are the script's, which sometimes say less and sometimes more (`uninitialized element 2`).
fn same_words(ours: &str, theirs: &str) -> bool {
    ours.starts_with(theirs) || theirs.starts_with(ours)
}
