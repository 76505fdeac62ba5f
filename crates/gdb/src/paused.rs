//! A real stopped guest as a [`Machine`]: indices become the debugger's ids, its errors become faults.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use debugger::{Frame, InstanceId, LoadedModule, ModuleId, Paused, Stop, Value, WatchAccess, WatchTarget};
use frame_table::ModulePc;

use crate::awaited::Awaited;
use crate::frame_image::module_index;
use crate::int::narrow;
use crate::machine::{
    Contents, Fault, InstanceContents, Machine, Referenced, ReturnedCall, ValuePlace, Watchable, Watching,
};
use crate::persona::wasm;
use crate::symbols::Symbols;

/// The number by which clients know an instance. The program's own is made after those that it imports from, and has the
/// first number all the same: its memory is the one whose addresses are the program's pointers. Those before it count from 1.
pub(crate) fn number_of(instance: InstanceId, modules: &[LoadedModule]) -> u32 {
    let own = modules.first().and_then(|loaded| loaded.instances.first().copied());
    match own {
        Some(own) if own == instance => 0,
        Some(own) if own < instance => instance.number(),
        _ => instance.number().saturating_add(1),
    }
}

/// The stopped guest, with the debug info's facts about its functions.
pub(crate) struct View<'a, 'p> {
    paused: &'a mut Paused<'p>,
    symbols: &'a Symbols,
    /// Returns of the thread that the client waits for.
    awaited: Vec<Awaited>,
    /// Once somebody asked for them.
    modules: OnceCell<Vec<LoadedModule>>,
}

impl<'a, 'p> View<'a, 'p> {
    pub(crate) fn new(paused: &'a mut Paused<'p>, symbols: &'a Symbols) -> Self {
        Self { paused, symbols, awaited: Vec::new(), modules: OnceCell::new() }
    }

    /// With what is known of returns that the client waits for.
    pub(crate) fn awaiting(self, awaited: Vec<Awaited>) -> Self {
        Self { awaited, ..self }
    }

    fn modules(&self) -> &[LoadedModule] {
        self.modules.get_or_init(|| self.paused.modules())
    }

    fn module(&self, module: u32) -> Option<&LoadedModule> {
        self.modules().iter().find(|loaded| loaded.id == ModuleId(module))
    }

    fn instance(&self, number: u32) -> Result<InstanceId, Fault> {
        let mut instances = self.modules().iter().flat_map(|loaded| &loaded.instances).copied();
        instances.find(|instance| self.instance_number(*instance) == number).ok_or(Fault::Unmapped)
    }
}

impl Machine for View<'_, '_> {
    fn thread_ordinal(&self) -> u32 {
        self.paused.thread_ordinal()
    }

    fn frames(&self) -> &[Frame] {
        self.paused.frames()
    }

    fn near(&self) -> &[Frame] {
        self.paused.near()
    }

    fn innermost(&self) -> Option<&Frame> {
        self.paused.innermost()
    }

    fn first_operator(&self) -> Option<ModulePc> {
        let Some(Frame::Wasm(frame)) = self.paused.innermost() else { return None };
        let (start, operator) = self.module(module_index(frame.module))?.module.entry(frame.function)?;
        let is_at_breakpoint = matches!(self.paused.stop().reason(), Stop::Breakpoint { .. });
        (frame.pc == start && !is_at_breakpoint).then_some(operator)
    }

    fn instance_number(&self, instance: InstanceId) -> u32 {
        number_of(instance, self.modules())
    }

    fn value(&self, place: ValuePlace) -> Result<Value, Fault> {
        match place {
            ValuePlace::Local { frame, index } => {
                self.paused.local(frame, index).map_err(|_| Fault::Unavailable)
            }
            ValuePlace::Operand { frame, index } => {
                self.paused.operand(frame, index).map_err(|_| Fault::Unavailable)
            }
            ValuePlace::Global { instance, index } => {
                self.paused.global(self.instance(instance)?, index).map_err(|_| Fault::Unmapped)
            }
            ValuePlace::Element { instance, table, index } => {
                let instance = self.instance(instance)?;
                self.paused.table_element(instance, table, index.into()).map_err(|_| Fault::Unmapped)
            }
        }
    }

    fn set_value(&mut self, place: ValuePlace, value: Value) -> Result<(), Fault> {
        match place {
            ValuePlace::Local { frame, index } => self.paused.set_local(frame, index, value),
            ValuePlace::Operand { frame, index } => self.paused.set_operand(frame, index, value),
            ValuePlace::Global { instance, index } => {
                self.paused.set_global(self.instance(instance)?, index, value)
            }
            ValuePlace::Element { .. } => return Err(Fault::Fixed),
        }
        .map_err(|_| Fault::Fixed)
    }

    fn read_memory(&self, instance: u32, memory: u32, offset: u64, into: &mut [u8]) -> usize {
        let Ok(instance) = self.instance(instance) else { return 0 };
        self.paused.read_memory(instance, memory, offset, into).unwrap_or(0)
    }

    fn write_memory(&mut self, instance: u32, memory: u32, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        let instance = self.instance(instance)?;
        self.paused.write_memory(instance, memory, offset, bytes).map_err(|_| Fault::Unmapped)
    }

    fn watch(&mut self, what: Watchable, access: WatchAccess) -> Result<Watching, Fault> {
        let target = match what {
            Watchable::Memory { instance, memory, offset, length } => {
                WatchTarget::Memory { instance: self.instance(instance)?, memory, start: offset, length }
            }
            Watchable::Value(ValuePlace::Global { instance, index }) => {
                WatchTarget::Global { instance: self.instance(instance)?, index }
            }
            Watchable::Value(ValuePlace::Local { frame, index }) => {
                self.paused.local_target(frame, index).map_err(|_| Fault::Unmapped)?
            }
            Watchable::Value(ValuePlace::Operand { .. } | ValuePlace::Element { .. }) => {
                return Err(Fault::Fixed);
            }
        };
        let id = self.paused.add_watchpoint(target, access).map_err(|error| {
            tracing::debug!(%error, ?what, "cannot be watched");
            Fault::Unmapped
        })?;
        Ok((id, target))
    }

    fn code(&self, module: u32) -> Option<Range<ModulePc>> {
        Some(self.module(module)?.module.code_section())
    }

    fn bytecode(&self, module: u32) -> Option<&[u8]> {
        Some(self.module(module)?.module.bytes())
    }

    fn plugin_image(&self, module: u32) -> Option<Arc<wasm::image::Image>> {
        let loaded = &self.module(module)?.module;
        let functions = loaded.num_functions();
        let image = self.symbols.plugin_image(module, loaded.bytes(), || {
            let entries = (0..functions).filter_map(|function| loaded.entry(function));
            let name =
                |function| loaded.function_name(function).unwrap_or_else(|| format!("func[{function}]"));
            let declarations = entries.map(|(start, operator)| start..operator);
            let mut image = wasm::image::Image::new(loaded.bytes(), declarations, (0..functions).map(name));
            image.push_sections(&self.symbols.made_up_sections(module, loaded.bytes()));
            image
        });
        Some(image)
    }

    fn imported_functions(&self, module: u32) -> u32 {
        self.module(module).map_or(0, |loaded| loaded.module.num_imported_functions())
    }

    fn referenced(&self, reference: Value) -> Option<Referenced> {
        let Value::FuncRef(Some(handle)) = reference else { return None };
        let (instance, function) = self.paused.function_of(handle)?;
        let loaded = self.modules().iter().find(|loaded| loaded.instances.contains(&instance))?;
        let body = loaded.module.body_range(function).map(|body| body.start);
        Some(Referenced { module: module_index(loaded.id), function, body })
    }

    fn contents(&self) -> Vec<Contents> {
        let sizes =
            |size: &dyn Fn(u32) -> Result<u64, debugger::Error>| (0..).map_while(|n| size(n).ok()).collect();
        let of_instance = |instance: &InstanceId| InstanceContents {
            number: self.instance_number(*instance),
            memories: sizes(&|memory| self.paused.memory_size(*instance, memory)),
            tables: sizes(&|table| self.paused.table_size(*instance, table)),
        };
        let of_module = |loaded: &LoadedModule| Contents {
            module: module_index(loaded.id),
            name: loaded.name.clone(),
            globals: narrow(loaded.module.globals().len()),
            instances: loaded.instances.iter().map(of_instance).collect(),
        };
        self.modules().iter().map(of_module).collect()
    }

    fn host_arguments(&self) -> Option<Vec<Value>> {
        match self.paused.stop() {
            Stop::HostCall { arguments, .. } => Some(arguments.clone()),
            _ => None,
        }
    }

    fn returned_call(&self) -> Option<ReturnedCall> {
        let mut call = self.paused.last_call(0)?;
        let Some(Frame::Wasm(frame)) = self.paused.innermost() else { return None };
        let has_results = call.results > 0;
        let awaited = self.awaited.iter().find(|awaited| {
            awaited.place == (frame.module, frame.pc)
                && awaited.depth == frame.depth
                && call.callee.is_none_or(|callee| callee == awaited.callee)
        });
        if let Some(Awaited { callee, pointer, .. }) = awaited {
            call.callee = Some(*callee);
            if let Some(first @ None) = call.arguments.first_mut() {
                *first = *pointer;
            }
        }
        let shape =
            call.callee.and_then(|callee| self.symbols.function_return(module_index(frame.module), callee));
        Some(ReturnedCall { has_results, arguments: call.arguments, shape })
    }
}
