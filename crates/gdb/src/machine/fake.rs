//! A machine made of plain data, for tests: one module, one memory, two frames of one activation and a host function.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use debugger::{Frame, HostFrame, InstanceId, ModuleId, Value, ValueType, WasmFrame, WatchAccess};
use frame_table::ModulePc;
use runtime::{Engine, EngineConfig, Linker, Module, Store};

use super::{
    Contents, Fault, InstanceContents, Machine, Referenced, ReturnedCall, ValuePlace, Watchable, Watching,
};
use crate::persona::wasm::image::Image;

/// The machine. Fields may be set at will.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    pub(crate) thread_ordinal: u32,
    pub(crate) frames: Vec<Frame>,
    /// Locals and operands by frame; a missing one is unavailable.
    pub(crate) values: HashMap<(usize, bool, u32), Value>,
    pub(crate) globals: Vec<Value>,
    pub(crate) table: Vec<Value>,
    pub(crate) memory: Vec<u8>,
    pub(crate) returned: Option<ReturnedCall>,
    pub(crate) first_operator: Option<ModulePc>,
    pub(crate) host_arguments: Option<Vec<Value>>,
}

/// The first instance of a store. Only a store can make one.
fn instance() -> InstanceId {
    static FIRST: OnceLock<InstanceId> = OnceLock::new();
    *FIRST.get_or_init(|| {
        let engine = Engine::new(EngineConfig::default()).unwrap();
        let module = Module::new(&engine, b"(module)", "empty").unwrap();
        InstanceId::new(&mut Store::new(&engine).unwrap(), &module, &Linker::new()).unwrap()
    })
}

/// A Wasm frame.
pub(crate) fn wasm_frame(
    function: u32,
    pc: u32,
    locals: &[ValueType],
    operands: &[ValueType],
    depth: u64,
) -> Frame {
    Frame::Wasm(WasmFrame {
        module: ModuleId(0),
        instance: instance(),
        function,
        pc: ModulePc(pc),
        locals: Arc::from(locals),
        operands: operands.to_vec(),
        depth,
        call: None,
        activation: 0,
    })
}

/// A frame of an imported function.
pub(crate) fn host_frame(function: u32, depth: u64) -> Frame {
    Frame::Host(HostFrame {
        name: "env.host".to_owned(),
        function: Some(function),
        module: ModuleId(0),
        depth,
    })
}

impl Fake {
    /// Function 2 (two locals, two operands) called from function 1 (one local), called from the host.
    pub(crate) fn new() -> Self {
        let inner =
            wasm_frame(2, 0x60, &[ValueType::I32, ValueType::I64], &[ValueType::F32, ValueType::I32], 0x100);
        let outer = wasm_frame(1, 0x50, &[ValueType::F64], &[], 0x40);
        Self {
            thread_ordinal: 0,
            frames: vec![inner, outer],
            values: HashMap::from([
                ((0, false, 0), Value::I32(-2)),
                ((0, false, 1), Value::I64(0x1122_3344_5566_7788)),
                ((0, true, 0), Value::F32(1.5_f32.to_bits())),
                ((0, true, 1), Value::I32(0x4142_4344)),
                ((1, false, 0), Value::F64(2.5_f64.to_bits())),
            ]),
            globals: vec![Value::I32(7), Value::I64(-1)],
            table: vec![Value::FuncRef(None), Value::ExternRef(Some(debugger::Reference::Host(4)))],
            memory: (0..=255).cycle().take(0x1_0000).collect(),
            returned: None,
            first_operator: None,
            host_arguments: None,
        }
    }
}

impl Machine for Fake {
    fn thread_ordinal(&self) -> u32 {
        self.thread_ordinal
    }

    fn frames(&self) -> &[Frame] {
        &self.frames
    }

    fn near(&self) -> &[Frame] {
        &self.frames
    }

    fn innermost(&self) -> Option<&Frame> {
        self.frames.first()
    }

    fn first_operator(&self) -> Option<ModulePc> {
        self.first_operator
    }

    fn instance_number(&self, instance: InstanceId) -> u32 {
        instance.number()
    }

    fn value(&self, place: ValuePlace) -> Result<Value, Fault> {
        let value = match place {
            ValuePlace::Local { frame, index } => self.values.get(&(frame, false, index)),
            ValuePlace::Operand { frame, index } => self.values.get(&(frame, true, index)),
            ValuePlace::Global { instance: 0, index } => {
                return self.globals.get(index as usize).copied().ok_or(Fault::Unmapped);
            }
            ValuePlace::Element { instance: 0, table: 0, index } => {
                return self.table.get(index as usize).copied().ok_or(Fault::Unmapped);
            }
            ValuePlace::Global { .. } | ValuePlace::Element { .. } => return Err(Fault::Unmapped),
        };
        value.copied().ok_or(Fault::Unavailable)
    }

    fn set_value(&mut self, place: ValuePlace, value: Value) -> Result<(), Fault> {
        match place {
            ValuePlace::Local { frame, index } => self.values.insert((frame, false, index), value),
            ValuePlace::Operand { frame, index } => self.values.insert((frame, true, index), value),
            ValuePlace::Global { index, .. } => {
                self.globals[index as usize] = value;
                None
            }
            ValuePlace::Element { .. } => return Err(Fault::Fixed),
        };
        Ok(())
    }

    fn read_memory(&self, instance: u32, memory: u32, offset: u64, into: &mut [u8]) -> usize {
        if (instance, memory) != (0, 0) {
            return 0;
        }
        let rest = self.memory.get(crate::int::index(offset)..).unwrap_or_default();
        into.iter_mut().zip(rest).map(|(to, from)| *to = *from).count()
    }

    fn write_memory(&mut self, instance: u32, memory: u32, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        if (instance, memory) != (0, 0) {
            return Err(Fault::Unmapped);
        }
        let start = crate::int::index(offset);
        let target = self.memory.get_mut(start..start + bytes.len()).ok_or(Fault::Unmapped)?;
        target.copy_from_slice(bytes);
        Ok(())
    }

    fn watch(&mut self, _what: Watchable, _access: WatchAccess) -> Result<Watching, Fault> {
        Err(Fault::Fixed)
    }

    fn code(&self, module: u32) -> Option<Range<ModulePc>> {
        (module == 0).then_some(ModulePc(0x40)..ModulePc(0x80))
    }

    fn bytecode(&self, module: u32) -> Option<&[u8]> {
        (module == 0).then_some(b"\0asm\x01\0\0\0")
    }

    fn plugin_image(&self, module: u32) -> Option<Arc<Image>> {
        (module == 0).then(|| {
            let file = bytes::Bytes::from_static(b"\0asm\x01\0\0\0doctored");
            Arc::new(Image::new(&file, std::iter::empty(), std::iter::empty()))
        })
    }

    fn imported_functions(&self, module: u32) -> u32 {
        u32::from(module == 0)
    }

    fn referenced(&self, _reference: Value) -> Option<Referenced> {
        None
    }

    fn contents(&self) -> Vec<Contents> {
        vec![Contents {
            module: 0,
            name: "fake".to_owned(),
            globals: crate::int::narrow(self.globals.len()),
            instances: vec![InstanceContents {
                number: 0,
                memories: vec![crate::int::wide(self.memory.len())],
                tables: vec![crate::int::wide(self.table.len())],
            }],
        }]
    }

    fn host_arguments(&self) -> Option<Vec<Value>> {
        self.host_arguments.clone()
    }

    fn returned_call(&self) -> Option<ReturnedCall> {
        self.returned.clone()
    }
}
