//! Runs one script of the suite, directive by directive.
//!
//! A directive that fails does not end the script: later ones that need what it should have made fail as well.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, PoisonError};

use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, Error, Failure, Frame, FuncType, HeapType, Instance, Linker,
    MemoryType, Module, RefType, Resumption, Store, TableType, Tier, TrapCode, Value, ValueType,
};
use wast::core::WastRetCore;
use wast::parser::{ParseBuffer, parse};
use wast::token::Id;
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet};

use crate::values;

/// How the scripts are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Plain code.
    Plain,
    /// Instrumented code.
    Instrumented,
    /// Instrumented code that stops at every operator.
    Stepped,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Instrumented, Self::Stepped];
}

impl Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Instrumented => "instrumented",
            Self::Stepped => "stepped",
        })
    }
}

/// A directive that did not do what it should.
#[derive(Debug)]
pub(crate) struct Mishap {
    /// Line of the script, from 1.
    pub(crate) line: usize,
    /// What happened instead.
    pub(crate) why: String,
}

/// Bytes of stack for the thread that runs a script: more than the guest may use.
const THREAD_STACK: usize = 16 << 20;

/// Bytes of stack for a guest that is stepped.
const STEPPED_STACK: usize = 64 << 10;

/// Runs a script on a thread of its own and returns the directives that failed.
pub(crate) fn run(mode: Mode, script: &str) -> Result<Vec<Mishap>, String> {
    std::thread::scope(|scope| {
        let body = || run_here(mode, script);
        let thread = std::thread::Builder::new().stack_size(THREAD_STACK).spawn_scoped(scope, body);
        let thread = thread.map_err(|error| error.to_string())?;
        thread.join().map_err(|_| "the runtime panicked".to_owned())?
    })
}

fn run_here(mode: Mode, script: &str) -> Result<Vec<Mishap>, String> {
    let mut lexer = wast::lexer::Lexer::new(script);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(|error| error.to_string())?;
    let directives = parse::<Wast<'_>>(&buffer).map_err(|error| error.to_string())?.directives;
    let mut interpreter = Interpreter::new(mode).map_err(|error| error.to_string())?;
    let mut mishaps = Vec::new();
    for directive in directives {
        let line = directive.span().linecol_in(script).0 + 1;
        let mut done = interpreter.directive(directive);
        if let Some(lost) = interpreter.watcher.take_complaint() {
            done = Err(lost);
        }
        if let Err(why) = done {
            mishaps.push(Mishap { line, why });
        }
    }
    Ok(mishaps)
}

/// What a script has made so far.
struct Interpreter {
    engine: Engine,
    store: Box<Store>,
    linker: Linker,
    watcher: Arc<Watcher>,
    /// Instances by the name that the script gave them.
    named: HashMap<String, Instance>,
    /// The instance that was made last, which directives without a name mean.
    last: Option<Instance>,
}

type Done = Result<(), String>;

impl Interpreter {
    fn new(mode: Mode) -> Result<Self, Error> {
        let tier = if mode == Mode::Plain { Tier::Run } else { Tier::Debug };
        // At each of its steps the watcher walks the stack, so that the scripts that exhaust it need a short one.
        let max_stack = if mode == Mode::Stepped { STEPPED_STACK } else { EngineConfig::default().max_stack };
        let engine = Engine::new(EngineConfig { tier, max_stack, ..EngineConfig::default() })?;
        let mut store = Store::new(&engine)?;
        let mut linker = Linker::new();
        define_spectest(&mut linker, &mut store)?;
        let watcher = Arc::new(Watcher::default());
        if mode == Mode::Stepped {
            let hook: Arc<dyn DebugHook> = Arc::<Watcher>::clone(&watcher);
            store.set_debug_hook(Some(hook));
            store.set_stepping(true);
        }
        Ok(Self { engine, store, linker, watcher, named: HashMap::new(), last: None })
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Done {
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name().map(|id| id.name().to_owned());
                let bytes = module.encode().map_err(|error| error.to_string())?;
                self.last = None;
                let instance = self.instantiate(&bytes).map_err(|error| error.to_string())?;
                self.named.extend(name.map(|name| (name, instance)));
                self.last = Some(instance);
                Ok(())
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                self.linker.define_instance(&self.store, name, instance);
                Ok(())
            }
            WastDirective::Invoke(invoke) => {
                self.invoke(&invoke)?.map(drop).map_err(|failure| failure.to_string())
            }
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => match self.execute(exec)? {
                Err(Failure::Trap(code)) if same_words(&code.to_string(), message) => Ok(()),
                other => Err(format!("{other:?} where {message:?} was due")),
            },
            WastDirective::AssertExhaustion { call, .. } => match self.invoke(&call)? {
                Err(Failure::Trap(TrapCode::StackOverflow)) => Ok(()),
                other => Err(format!("{other:?} where the stack should be exhausted")),
            },
            WastDirective::AssertInvalid { module, .. } | WastDirective::AssertMalformed { module, .. } => {
                self.assert_refused(module)
            }
            WastDirective::AssertUnlinkable { mut module, message, .. } => {
                let bytes = module.encode().map_err(|error| error.to_string())?;
                match self.instantiate(&bytes) {
                    Err(error) if same_words(&error.to_string(), message) => Ok(()),
                    Err(error) => Err(format!("{error} where {message:?} was due")),
                    Ok(_) => Err(format!("it was linked, where {message:?} was due")),
                }
            }
            other => Err(format!("no such directive here: {other:?}")),
        }
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

    /// The outer error is the script's or ours, the inner one the guest's.
    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Result<Vec<Value>, Failure>, String> {
        let instance = self.instance(invoke.module)?;
        let function = instance.get_func(&self.store, invoke.name);
        let function = function.ok_or_else(|| format!("no function {:?}", invoke.name))?;
        let args = invoke.args.iter().map(values::argument).collect::<Option<Vec<_>>>();
        let args = args.ok_or_else(|| format!("arguments {:?}", invoke.args))?;
        Ok(function.call(&mut self.store, &args))
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Result<Vec<Value>, Failure>, String> {
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

    fn assert_return(&mut self, exec: WastExecute<'_>, results: &[WastRet<'_>]) -> Done {
        let values = self.execute(exec)?.map_err(|failure| failure.to_string())?;
        let expected: Vec<&WastRetCore<'_>> = results
            .iter()
            .map(|result| match result {
                WastRet::Core(result) => Ok(result),
                _ => Err(format!("a result of another kind: {result:?}")),
            })
            .collect::<Result<_, _>>()?;
        let fits = values.len() == expected.len()
            && values.iter().zip(&expected).all(|(value, expected)| values::fits(*value, expected));
        if fits { Ok(()) } else { Err(format!("{values:?} where {expected:?} was due")) }
    }

    fn assert_refused(&self, mut module: QuoteWat<'_>) -> Done {
        // A text that the parser refuses never reaches the runtime.
        let Ok(bytes) = module.encode() else { return Ok(()) };
        match Module::new(&self.engine, &bytes, "script") {
            Err(_) => Ok(()),
            Ok(_) => Err("the module was taken".to_owned()),
        }
    }
}

/// Whether our words are the script's, which sometimes say less and sometimes more (`uninitialized element 2`).
fn same_words(ours: &str, theirs: &str) -> bool {
    ours.starts_with(theirs) || theirs.starts_with(ours)
}

/// The instance that all scripts may import.
fn define_spectest(linker: &mut Linker, store: &mut Store) -> Result<(), Error> {
    use ValueType::{F32, F64, I32, I64};
    let prints: [(&str, &[ValueType]); 7] = [
        ("print", &[]),
        ("print_i32", &[I32]),
        ("print_i64", &[I64]),
        ("print_f32", &[F32]),
        ("print_f64", &[F64]),
        ("print_i32_f32", &[I32, F32]),
        ("print_f64_f64", &[F64, F64]),
    ];
    for (name, params) in prints {
        linker.define_func("spectest", name, FuncType::new(params, []), |_, _| Ok(Vec::new()));
    }
    let globals = [
        ("global_i32", Value::I32(666)),
        ("global_i64", Value::I64(666)),
        ("global_f32", Value::F32(666.6_f32.to_bits())),
        ("global_f64", Value::F64(666.6_f64.to_bits())),
    ];
    for (name, value) in globals {
        linker.define_global(store, "spectest", name, false, value);
    }
    let table = TableType::new(RefType::nullable(HeapType::Func), 10, Some(20));
    linker.define_table(store, "spectest", "table", table)?;
    linker.define_memory(store, "spectest", "memory", MemoryType::new(1, Some(2)))
}

/// Looks at every operator that runs: all of the frame must be readable, and of the types that it states.
#[derive(Default)]
struct Watcher {
    complaint: Mutex<Option<String>>,
}

impl Watcher {
    fn take_complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn look(store: &Store) -> Result<(), String> {
        let Some(Frame::Wasm(frame)) = store.frames().into_iter().next() else {
            return Err("the innermost frame of a point is no Wasm frame".to_owned());
        };
        for (index, ty) in (0..).zip(frame.locals()) {
            let value = frame.local(store, index).map_err(|error| format!("local {index}: {error}"))?;
            // A local that can not be null is null until it is first written.
            let unset = matches!(ty, ValueType::Ref(ty) if !ty.nullable && value == Value::null(ty.heap));
            if !unset && !store.fits(value, *ty) {
                return Err(format!("local {index} is {value:?}, its type {ty}"));
            }
        }
        for (height, ty) in (0..).zip(frame.operands()) {
            let value = frame.operand(store, height).map_err(|error| format!("operand {height}: {error}"))?;
            if !store.fits(value, ty) {
                return Err(format!("operand {height} is {value:?}, its type {ty}"));
            }
        }
        Ok(())
    }
}

impl DebugHook for Watcher {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        if matches!(event, DebugEvent::Point { .. })
            && let Err(why) = Self::look(store)
        {
            self.complaint.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        }
        Resumption::Continue
    }
}
