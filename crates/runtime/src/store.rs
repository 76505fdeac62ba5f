//! A store: everything that running instances share, on the one thread that runs them.

use crate::debug::DebugState;
use crate::engine::{Engine, Tiers};
use crate::error::Error;
use crate::exception::TagData;
use crate::heap::{Heap, Roots, object_address};
use crate::instance::InstanceData;
use crate::jit::{Audience, CodeMemory, CodePages, Compiled, FunctionCode, compile_function};
use crate::memory::MemoryBytes;
use crate::module::{Module, narrow};
use crate::tier::{TierStress, Versions};
use crate::translate::{Guard, Version};
use crate::trap::{Failure, HostError, TrapCode};
use crate::unwind::Switching;
use crate::value::{FuncType, HeapType, Reference, Value, ValueType};
use crate::vm::offsets::reference;
use crate::vm::{
    FuncRef, Global, Limits, Memory, Table, VmOffsets, func_ref_address, func_ref_from, host_entries,
};
use frame_table::ModulePc;
use std::cell::RefCell;
use std::sync::Arc;

/// What a host function does.
pub(crate) type HostFn = dyn Fn(&mut Caller<'_>, &[Value]) -> Result<Vec<Value>, HostError> + Send + Sync;

/// A function of an instance, or of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FuncHandle {
    /// Index of the instance in the store, or [`FuncRef::HOST`].
    pub(crate) instance: u32,
    pub(crate) index: u32,
}

/// What compiled code passes to the host-function entry in place of a vmctx.
#[repr(C)]
pub(crate) struct HostContext {
    pub(crate) index: u32,
}

/// A host function, as instances of this store import it.
pub(crate) struct HostFunction {
    pub(crate) name: String,
    pub(crate) ty: FuncType,
    function: Arc<HostFn>,
    /// Boxed, since compiled code keeps its address.
    context: Box<HostContext>,
    func_ref: Box<FuncRef>,
}

/// A module of which the store has instances.
pub(crate) struct LoadedModule {
    pub(crate) module: Module,
    /// Address of each defined function's stub.
    pub(crate) stubs: Vec<usize>,
    /// Code of the defined functions.
    pub(crate) functions: Vec<Versions>,
}

impl LoadedModule {
    /// Code of the functions that were compiled.
    pub(crate) fn compiled(&self) -> impl Iterator<Item = &Arc<FunctionCode>> {
        self.functions.iter().flat_map(Versions::iter)
    }
}

/// Instances, their memories, tables, globals and code. It stays where it is while instances live, hence the `Box`.
pub struct Store {
    engine: Engine,
    // Declared before what compiled code points to, so that it goes first.
    code: CodeMemory,
    limits: Arc<Limits>,
    pub(crate) modules: Vec<LoadedModule>,
    pub(crate) instances: Vec<InstanceData>,
    host: Vec<HostFunction>,
    pub(crate) memories: Vec<Arc<Memory>>,
    pub(crate) tables: Vec<Table>,
    pub(crate) globals: Vec<(Box<Global>, crate::GlobalType)>,
    pub(crate) heap: Heap,
    /// What the host holds of the heap. References are given out with every value that is read.
    pub(crate) roots: RefCell<Roots>,
    pub(crate) tags: Vec<TagData>,
    failure: Option<Failure>,
    pub(crate) debug: DebugState,
    pub(crate) switching: Switching,
    pub(crate) tier_stress: TierStress,
}

/// Interrupts a guest from another thread.
#[derive(Clone, Debug)]
pub struct InterruptHandle {
    limits: Arc<Limits>,
    pages: CodePages,
}

impl InterruptHandle {
    /// Asks the guest to stop at its next program point. It does so within a few operators, unless it is in a host
    /// function; that may ask [`Caller::interrupted`].
    pub fn interrupt(&self) {
        self.limits.request(Limits::INTERRUPT);
        self.pages.forbid();
    }

    /// Whether somebody asked, and nothing has stopped for it yet.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.limits.requested(Limits::INTERRUPT)
    }
}

/// What a host function is given: the store, and who called.
pub struct Caller<'a> {
    store: &'a mut Store,
    instance: Option<u32>,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(store: &'a mut Store, instance: Option<u32>) -> Self {
        Self { store, instance }
    }

    /// The bytes of the calling instance's memory: its export named `memory`, else its first.
    pub fn memory(&mut self) -> Option<MemoryBytes<'_>> {
        let instance = self.instance? as usize;
        let index = match self.store.instances.get(instance)?.info().export("memory") {
            Some(crate::module::ExternIndex::Memory(index)) => index,
            _ => 0,
        };
        self.store.memory_bytes(instance, index)
    }

    /// The store; a host function may call Wasm functions with it.
    pub fn store(&mut self) -> &mut Store {
        self.store
    }

    /// Whether somebody wants the guest to stop. A function that waits calls [`Caller::stop_if_interrupted`] often.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.store.limits.requested(Limits::INTERRUPT)
    }

    /// If somebody wants the guest to stop, lets the debugger have it here, with the host function as the innermost
    /// frame; returns when the guest is resumed.
    ///
    /// # Errors
    /// When the guest is to end. The function returns the error at once.
    pub fn stop_if_interrupted(&mut self) -> Result<(), HostError> {
        self.store.stop_in_host().map(drop).map_err(|_killed| HostError::Killed)
    }
}

impl Store {
    /// An empty store.
    ///
    /// # Errors
    /// When there is no memory for code.
    pub fn new(engine: &Engine) -> Result<Box<Self>, Error> {
        let limits: Arc<Limits> = Arc::default();
        if engine.config().gc_stress {
            limits.request(Limits::COLLECT);
        }
        if engine.config().tier_stress.is_some() {
            limits.request(Limits::SWITCH);
        }
        Ok(Box::new(Self {
            engine: engine.clone(),
            code: CodeMemory::new(engine, host_entries())?,
            limits,
            modules: Vec::new(),
            instances: Vec::new(),
            host: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            heap: Heap::new(engine),
            roots: RefCell::default(),
            tags: Vec::new(),
            failure: None,
            debug: DebugState::default(),
            switching: Switching::default(),
            tier_stress: TierStress::new(engine.config().tier_stress),
        }))
    }

    /// Something with which another thread can interrupt the guest.
    #[must_use]
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle { limits: Arc::clone(&self.limits), pages: self.code.pages().clone() }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn code(&self) -> &CodeMemory {
        &self.code
    }

    pub(crate) fn code_mut(&mut self) -> &mut CodeMemory {
        &mut self.code
    }

    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    pub(crate) fn set_failure(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    pub(crate) fn take_failure(&mut self) -> Failure {
        self.failure.take().unwrap_or_else(|| Failure::Host("left Wasm code without a reason".into()))
    }

    /// Makes a module known before there is an instance of it. Returns its index, which it keeps; modules have theirs in the
    /// order in which they become known.
    ///
    /// # Errors
    /// When there is no space for its code.
    pub fn load(&mut self, module: &Module) -> Result<usize, Error> {
        let same = |loaded: &LoadedModule| Arc::ptr_eq(loaded.module.info(), module.info());
        if let Some(index) = self.modules.iter().position(same) {
            return Ok(index);
        }
        self.heap.learn_types();
        let count = module.info().bodies.len();
        let stubs = self.code.publish_stubs(count)?;
        self.modules.push(LoadedModule {
            module: module.clone(),
            stubs,
            functions: vec![Versions::default(); count],
        });
        Ok(self.modules.len() - 1)
    }

    /// The code of a defined function, counted without imports, that callers are to have. Compiles it if need be, and
    /// makes all instances use it.
    pub(crate) fn compiled(&mut self, module: usize, defined: u32) -> Result<Arc<FunctionCode>, Error> {
        self.pin(module, defined);
        if let Some(code) = self.compiled_already(module, defined) {
            return Ok(Arc::clone(code));
        }
        self.expect_stop_in(module, defined);
        let code = self.version_of(module, defined, self.wanted_version(module, defined))?;
        if self.compiled_already(module, defined).is_none() {
            self.code.announce(defined, &code);
            self.announce(&code, defined);
        }
        Ok(code)
    }

    /// All instances use this code of a function.
    fn announce(&mut self, code: &Arc<FunctionCode>, defined: u32) {
        let loaded = &mut self.modules[code.module];
        let offset = VmOffsets::new(loaded.module.info()).defined_function(defined);
        if let Some(versions) = loaded.versions_mut(defined) {
            versions.set_known(code);
        }
        for instance in self.instances.iter_mut().filter(|instance| instance.module == code.module) {
            instance.vmctx.set_pointer(offset, code.start);
        }
    }

    /// A version of a defined function's code. Compiles it if need be.
    pub(crate) fn version_of(
        &mut self,
        module: usize,
        defined: u32,
        version: Version,
    ) -> Result<Arc<FunctionCode>, Error> {
        self.pin(module, defined);
        let loaded = self.modules.get(module).ok_or_else(|| Error::Limit("no such module".into()))?;
        if let Some(code) = loaded.versions(defined).and_then(|versions| versions.get(version)) {
            return Ok(Arc::clone(code));
        }
        let info = Arc::clone(loaded.module.info());
        let compiled = compile_function(&self.engine, &info, info.imported.functions + defined, version)?;
        let adopted = self.adopt(module, vec![(defined, compiled)])?;
        adopted.into_iter().next().ok_or_else(|| Error::Limit("the code was not placed".into()))
    }

    /// The code of a defined function that callers have, if it was compiled.
    pub(crate) fn compiled_already(&self, module: usize, defined: u32) -> Option<&Arc<FunctionCode>> {
        self.modules.get(module)?.versions(defined)?.known()
    }

    /// Whether one of the instances has its vmctx there.
    pub(crate) fn has_vmctx(&self, address: usize) -> bool {
        self.instances.iter().any(|instance| instance.vmctx.address() == address)
    }

    /// For stubs: the address of a function's code.
    pub(crate) fn compile_for_call(&mut self, instance: u32, defined: u32) -> Result<usize, Failure> {
        let module = self.instances.get(instance as usize).map(|instance| instance.module);
        let module = module.ok_or_else(|| Failure::Host("no such instance".into()))?;
        match self.compiled(module, defined) {
            Ok(code) => Ok(code.start),
            Err(error) => {
                tracing::error!(%error, "compilation failed");
                Err(self.trap_failure(TrapCode::Compilation))
            }
        }
    }

    /// Compiles every function of a module that is not compiled yet, on all processors.
    ///
    /// # Errors
    /// When a function cannot be compiled.
    pub fn compile_all(&mut self, module: &Module) -> Result<(), Error> {
        let index = self.load(module)?;
        let info = Arc::clone(module.info());
        let missing: Vec<u32> = (0..narrow(info.bodies.len()))
            .filter(|defined| self.compiled_already(index, *defined).is_none())
            .collect();
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let share = missing.len().div_ceil(workers).max(1);
        for defined in &missing {
            self.pin(index, *defined);
        }
        let missing: Vec<(u32, Version)> =
            missing.into_iter().map(|defined| (defined, self.wanted_version(index, defined))).collect();
        let (engine, info) = (&self.engine, &*info);
        let work = |part: &[(u32, Version)]| -> Result<Vec<_>, Error> {
            part.iter()
                .map(|(defined, version)| {
                    let index = info.imported.functions + defined;
                    Ok((*defined, compile_function(engine, info, index, *version)?))
                })
                .collect()
        };
        let compiled = std::thread::scope(|scope| {
            let threads: Vec<_> = missing.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|_| Err(Error::Limit("the code generator failed".into())))
            };
            threads.into_iter().map(join).collect::<Result<Vec<_>, Error>>()
        })?;
        self.adopt(index, compiled.into_iter().flatten().collect())?;
        Ok(())
    }

    /// Bytes of machine code of all functions that were compiled.
    #[must_use]
    pub fn code_size(&self) -> u64 {
        self.code.size()
    }

    /// A type of host function's thunk and a place among the store's host functions; returns the new index.
    pub(crate) fn add_host_function(
        &mut self,
        name: String,
        ty: FuncType,
        function: Arc<HostFn>,
    ) -> Result<FuncHandle, Error> {
        let index = narrow(self.host.len());
        let signature = self.engine.type_of_host(&ty);
        self.heap.learn_types();
        let context = Box::new(HostContext { index });
        let func_ref = Box::new(FuncRef {
            code: self.code.host_thunk(&ty)?,
            vmctx: (&raw const *context).expose_provenance(),
            signature: signature.0,
            instance: FuncRef::HOST,
            index,
            padding: 0,
        });
        self.host.push(HostFunction { name, ty, function, context, func_ref });
        Ok(FuncHandle { instance: FuncRef::HOST, index })
    }

    pub(crate) fn host_function(&self, index: u32) -> Result<(FuncType, Arc<HostFn>), Failure> {
        let found = self.host.get(index as usize).filter(|function| function.context.index == index);
        let found = found.ok_or_else(|| Failure::Host("no such host function".into()))?;
        Ok((found.ty.clone(), Arc::clone(&found.function)))
    }

    /// `module.name` of a host function.
    pub(crate) fn host_function_name(&self, index: u32) -> Option<&str> {
        self.host.get(index as usize).map(|function| function.name.as_str())
    }

    /// The address that stands for a function in compiled code.
    pub(crate) fn func_ref_address(&self, handle: FuncHandle) -> Option<usize> {
        if handle.instance == FuncRef::HOST {
            return self
                .host
                .get(handle.index as usize)
                .map(|host| (&raw const *host.func_ref).expose_provenance());
        }
        func_ref_address(self.instances.get(handle.instance as usize)?, handle.index)
    }

    /// A value from its bits in compiled code.
    pub(crate) fn value_of(&self, ty: ValueType, bits: u128) -> Value {
        let low = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
        let narrow = u32::try_from(low & u64::from(u32::MAX)).unwrap_or_default();
        match ty {
            ValueType::I32 => Value::I32(narrow.cast_signed()),
            ValueType::I64 => Value::I64(low.cast_signed()),
            ValueType::F32 => Value::F32(narrow),
            ValueType::F64 => Value::F64(low),
            ValueType::V128 => Value::V128(bits),
            ValueType::Ref(ty) => match ty.heap.top() {
                HeapType::Func => Value::FuncRef(func_ref_from(low)),
                HeapType::Extern => Value::ExternRef(self.reference_of(low)),
                HeapType::Exn => {
                    Value::ExnRef(object_address(low).map(|at| self.roots.borrow_mut().acquire(at)))
                }
                _ => Value::AnyRef(self.reference_of(low)),
            },
        }
    }

    /// The bits of a value in compiled code. A reference to what this store does not have becomes null.
    pub(crate) fn bits_of(&self, value: Value) -> u128 {
        match value {
            Value::I32(value) => u128::from(value.cast_unsigned()),
            Value::I64(value) => u128::from(value.cast_unsigned()),
            Value::F32(bits) => u128::from(bits),
            Value::F64(bits) => u128::from(bits),
            Value::V128(bits) => bits,
            Value::FuncRef(handle) => {
                handle.and_then(|handle| self.func_ref_address(handle)).map_or(0, |address| address as u128)
            }
            Value::ExternRef(value) | Value::AnyRef(value) => {
                value.map_or(0, |value| u128::from(self.reference_bits(value)))
            }
            Value::ExnRef(value) => {
                value.and_then(|name| self.roots.borrow().get(name)).map_or(0, u128::from)
            }
        }
    }

    /// Publishes the code of defined functions; if it is the first of each, and wanted, all instances use it.
    fn adopt(
        &mut self,
        module: usize,
        compiled: Vec<(u32, Compiled)>,
    ) -> Result<Vec<Arc<FunctionCode>>, Error> {
        let imported = self.modules[module].module.num_imported_functions();
        let is_for_callers = |(defined, compiled): &(u32, Compiled)| {
            self.compiled_already(module, *defined).is_none()
                && compiled.version == self.wanted_version(module, *defined)
        };
        let audience = if compiled.iter().all(is_for_callers) { Audience::Callers } else { Audience::Nobody };
        let published = self.code.publish_functions(module, imported, compiled, audience)?;
        for code in &published {
            let defined = code.function - imported;
            if let Some(versions) = self.modules[module].versions_mut(defined) {
                versions.add(Arc::clone(code));
            }
            if audience == Audience::Callers {
                self.announce(code, defined);
            }
            self.arm_breakpoints_of(code);
        }
        Ok(published)
    }

    /// The program point at `pc` of a module, or the next one in the same function; compiles the function.
    ///
    /// # Errors
    /// When the function cannot be compiled.
    pub fn program_point(&mut self, module: usize, pc: ModulePc) -> Result<Option<ModulePc>, Error> {
        let Some(loaded) = self.modules.get(module) else { return Ok(None) };
        let Some(function) = loaded.module.function_at(pc) else { return Ok(None) };
        let defined = function - loaded.module.num_imported_functions();
        if self.engine.config().tiers == Tiers::Run {
            return Ok(None);
        }
        let code = self.version_of(module, defined, Version::Debug(Guard::NONE))?;
        Ok(code.frame.at_or_after(pc).map(|point| point.pc))
    }

    /// What a reference outside of the `func` hierarchy is: see `offsets::reference`.
    fn reference_of(&self, bits: u64) -> Option<Reference> {
        if let Some(at) = object_address(bits) {
            return Some(Reference::Object(self.roots.borrow_mut().acquire(at)));
        }
        if bits & reference::I31 != 0 {
            return Some(Reference::I31(u32::try_from(bits >> 1).unwrap_or_default()));
        }
        let number = u32::try_from(bits >> reference::SHIFT).unwrap_or_default();
        (bits & reference::TAG == reference::HOST).then_some(Reference::Host(number))
    }

    fn reference_bits(&self, value: Reference) -> u64 {
        match value {
            Reference::I31(value) => (u64::from(value & 0x7fff_ffff) << 1) | reference::I31,
            Reference::Host(number) => (u64::from(number) << reference::SHIFT) | reference::HOST,
            Reference::Object(name) => self.roots.borrow().get(name).unwrap_or(0),
        }
    }
}
