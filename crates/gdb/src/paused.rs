//! A real stopped guest as a [`Machine`]: indices become the debugger's ids, its errors become faults.

use std::ops::Range;

use debugger::{Frame, InstanceId, LoadedModule, ModuleId, Paused, Stop, Value};
use frame_table::ModulePc;

use crate::frame_image::module_index;
use crate::machine::{Fault, Machine, Referenced, ReturnedCall, ValuePlace};
use crate::symbols::Symbols;

/// The stopped guest, with the debug info's facts about its functions.
pub(crate) struct View<'a, 'p> {
    pub(crate) paused: &'a mut Paused<'p>,
    pub(crate) symbols: &'a Symbols,
}

impl View<'_, '_> {
    fn module(&self, module: u32) -> Option<&LoadedModule> {
        self.paused.modules().iter().find(|loaded| loaded.id == ModuleId(module))
    }
}

impl Machine for View<'_, '_> {
    fn frames(&self) -> &[Frame] {
        self.paused.frames()
    }

    fn requested_pc(&self) -> Option<(u32, ModulePc)> {
        match *self.paused.stop() {
            Stop::Breakpoint { module, pc } => Some((module_index(module), pc)),
            _ => None,
        }
    }

    fn value(&self, place: ValuePlace) -> Result<Value, Fault> {
        let value = match place {
            ValuePlace::Local { frame, index } => self.paused.local(frame, index),
            ValuePlace::Operand { frame, index } => self.paused.operand(frame, index),
            ValuePlace::Global { instance, index } => {
                return self.paused.global(InstanceId(instance), index).map_err(|_| Fault::Unmapped);
            }
            ValuePlace::Element { instance, table, index } => {
                let element = self.paused.table_element(InstanceId(instance), table, index);
                return element.map_err(|_| Fault::Unmapped);
            }
        };
        value.map_err(|_| Fault::Unavailable)
    }

    fn set_value(&mut self, place: ValuePlace, value: Value) -> Result<(), Fault> {
        match place {
            ValuePlace::Local { frame, index } => self.paused.set_local(frame, index, value),
            ValuePlace::Operand { frame, index } => self.paused.set_operand(frame, index, value),
            ValuePlace::Global { instance, index } => {
                self.paused.set_global(InstanceId(instance), index, value)
            }
            ValuePlace::Element { .. } => return Err(Fault::Fixed),
        }
        .map_err(|_| Fault::Fixed)
    }

    fn read_memory(&self, instance: u32, memory: u32, offset: u64, into: &mut [u8]) -> usize {
        self.paused.read_memory(InstanceId(instance), memory, offset, into).unwrap_or(0)
    }

    fn write_memory(&mut self, instance: u32, memory: u32, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.paused.write_memory(InstanceId(instance), memory, offset, bytes).map_err(|_| Fault::Unmapped)
    }

    fn code(&self, module: u32) -> Option<Range<ModulePc>> {
        Some(self.module(module)?.module.code_section())
    }

    fn bytecode(&self, module: u32) -> Option<&[u8]> {
        Some(self.module(module)?.module.bytes())
    }

    fn imported_functions(&self, module: u32) -> u32 {
        self.module(module).map_or(0, |loaded| loaded.module.num_imported_functions())
    }

    fn referenced(&self, reference: Value) -> Option<Referenced> {
        let Value::FuncRef(Some(handle)) = reference else { return None };
        let (instance, function) = self.paused.function_of(handle);
        // One module is instantiated once, so that their numbers agree.
        let module = crate::frame_image::instance_index(instance);
        let body = self.module(module)?.module.body_range(function).map(|body| body.start);
        Some(Referenced { module, function, body })
    }

    fn returned_call(&self) -> Option<ReturnedCall> {
        let (function, arguments) = self.paused.arguments_of_last_call()?;
        let Some(Frame::Wasm(frame)) = self.paused.frames().first() else { return None };
        let module = module_index(frame.module);
        let results = self.module(module)?.module.function_type(function)?.results().len();
        let shape = self.symbols.function_return(module, function);
        Some(ReturnedCall { module, function, results, arguments, shape })
    }
}
