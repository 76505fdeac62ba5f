//! Instances: linking a module's imports, filling its memories and tables, running its start function.

use crate::engine::Engine;
use crate::error::Error;
use crate::exception::Tag;
use crate::linker::{Definition, Linker};
use crate::module::{
    ExternIndex, ExternType, GlobalType, Import, IndexType, Module, ModuleInfo, SegmentMode, TableType,
    narrow,
};
use crate::store::{FuncHandle, Store};
use crate::trap::{Failure, TrapCode};
use crate::value::{Value, ValueType};
use crate::vm::{FuncRef, Global, Limits, Table, VmContext, VmOffsets, offsets, range};
use frame_table::TypeId;
use std::borrow::Cow;
use std::sync::Arc;

/// An instance of a module in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instance(u32);

/// What the store keeps of an instance. All index spaces start with the imports.
pub(crate) struct InstanceData {
    /// Index of the module in the store.
    pub(crate) module: usize,
    info: Arc<ModuleInfo>,
    pub(crate) vmctx: VmContext,
    /// Indices in the store.
    pub(crate) memories: Vec<usize>,
    pub(crate) tables: Vec<usize>,
    pub(crate) globals: Vec<usize>,
    pub(crate) tags: Vec<Tag>,
    imported_functions: Vec<FuncHandle>,
    /// References of each element segment that was not dropped.
    elements: Vec<Vec<u64>>,
    dropped_data: Vec<bool>,
    number: u32,
}

impl InstanceData {
    pub(crate) fn info(&self) -> &ModuleInfo {
        &self.info
    }

    /// The bytes of a data segment; none of them once it was dropped.
    pub(crate) fn data(&self, data: u32) -> &[u8] {
        let dropped = self.dropped_data.get(data as usize).copied().unwrap_or(true);
        let segment = self.info.data.get(data as usize).filter(|_| !dropped);
        segment.and_then(|segment| self.info.bytes.get(segment.bytes.clone())).unwrap_or_default()
    }

    /// A type of its module by its index.
    pub(crate) fn type_id(&self, index: u32) -> Option<TypeId> {
        self.info.types.get(index as usize).map(|ty| ty.id)
    }

    /// The element segments that can hold references to objects.
    pub(crate) fn segments_of_objects(&self) -> impl Iterator<Item = &[u64]> {
        let segments = self.elements.iter().zip(&self.info.elements);
        segments.filter(|(_, segment)| segment.holds_objects).map(|(items, _)| items.as_slice())
    }

    /// A function by its index: whose it is in the end.
    pub(crate) fn function(&self, index: u32) -> Option<FuncHandle> {
        match index.checked_sub(self.info.imported.functions) {
            None => self.imported_functions.get(index as usize).copied(),
            Some(_) if (index as usize) < self.info.functions.len() => {
                Some(FuncHandle { instance: self.number, index })
            }
            Some(_) => None,
        }
    }
}

/// Imports by kind, as the linker found them.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) functions: Vec<FuncHandle>,
    pub(crate) memories: Vec<usize>,
    pub(crate) tables: Vec<usize>,
    pub(crate) globals: Vec<usize>,
    pub(crate) tags: Vec<Tag>,
}

impl Instance {
    /// Instantiates a module and runs its start function.
    ///
    /// # Errors
    /// When imports are missing (all of them are named) or of other types, when memory runs out, or when a segment or
    /// the start function traps.
    pub fn new(store: &mut Store, module: &Module, linker: &Linker) -> Result<Self, Error> {
        let instance = Self::allocate(store, module, linker)?;
        if store.engine().config().compile_ahead {
            store.compile_all(module)?;
        }
        store.report_loaded(instance);
        let start = Error::Start;
        store.run_segments(instance.index()).map_err(|code| start(Failure::Trap(code)))?;
        if let Some(function) = module.info().start {
            let handle = FuncHandle { instance: instance.0, index: function };
            handle.call(store, &[]).map_err(start)?;
        }
        Ok(instance)
    }

    pub(crate) fn from_index(index: u32) -> Self {
        Self(index)
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// Its number in the store, in the order of instantiation.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// An exported function.
    #[must_use]
    pub fn get_func(self, store: &Store, name: &str) -> Option<FuncHandle> {
        let data = store.instances.get(self.index())?;
        match data.info().export(name)? {
            ExternIndex::Function(index) => data.function(index),
            _ => None,
        }
    }

    /// An exported global's value.
    #[must_use]
    pub fn get_global(self, store: &Store, name: &str) -> Option<Value> {
        match store.instances.get(self.index())?.info().export(name)? {
            ExternIndex::Global(index) => store.global(self, index),
            _ => None,
        }
    }

    /// An exported tag.
    #[must_use]
    pub fn get_tag(self, store: &Store, name: &str) -> Option<Tag> {
        let data = store.instances.get(self.index())?;
        match data.info().export(name)? {
            ExternIndex::Tag(index) => data.tags.get(index as usize).copied(),
            _ => None,
        }
    }

    fn allocate(store: &mut Store, module: &Module, linker: &Linker) -> Result<Self, Error> {
        let info = Arc::clone(module.info());
        store.check_room_for_instance()?;
        let mut found = link(store, &info, linker)?;
        let module_index = store.load(module)?;
        for ty in &info.memories[info.imported.memories as usize..] {
            found.memories.push(store.add_memory(*ty)?);
        }
        store.add_tags(&info, info.imported.tags, &mut found);
        let instance = store.assemble(module_index, &info, found)?;
        store.fill_globals_and_tables(instance.index())?;
        store.fill_views(instance.index(), VmOffsets::new(&info));
        store.set_stop_at_loops(store.limits().requested(Limits::SWITCH));
        store.place_guards();
        Ok(instance)
    }
}

fn link(store: &mut Store, info: &ModuleInfo, linker: &Linker) -> Result<Found, Error> {
    let imports = info.imports.iter();
    let missing = imports.filter(|import| linker.find(&import.module, &import.name).is_none());
    let missing: Vec<&Import> = missing.collect();
    if !missing.is_empty() && !linker.stands_in() {
        let names = missing.iter().map(|import| format!("{}.{}", import.module, import.name));
        return Err(Error::MissingImports(names.collect()));
    }
    let mut linker = Cow::Borrowed(linker);
    for import in missing {
        linker.to_mut().define_stand_in(store, import)?;
    }
    let mut found = Found::default();
    let mut functions = info.functions.iter();
    let mut tags = info.tags.iter();
    for import in &info.imports {
        let Some(definition) = linker.find(&import.module, &import.name) else { continue };
        let actual = store.type_of(definition);
        let fits = match &import.ty {
            ExternType::Function(_) => {
                let wanted = functions.next().and_then(|ty| info.types.get(*ty as usize));
                let found = store.type_id_of(definition);
                wanted.zip(found).is_some_and(|(wanted, found)| store.engine().extends(found, wanted.id))
            }
            ExternType::Tag(_) => {
                let wanted = tags.next().and_then(|ty| info.types.get(*ty as usize));
                let found = match definition {
                    Definition::Tag(tag) => store.tag(*tag),
                    _ => None,
                };
                wanted.zip(found).is_some_and(|(wanted, found)| found.id == wanted.id)
            }
            wanted => actual.as_ref().is_some_and(|actual| fits(store.engine(), actual, wanted)),
        };
        if !fits {
            return Err(Error::ImportType {
                name: format!("{}.{}", import.module, import.name),
                wanted: describe(&import.ty),
                found: actual.as_ref().map_or_else(|| "nothing".to_owned(), describe),
            });
        }
        match definition {
            Definition::HostFunction { ty, function } => {
                let name = format!("{}.{}", import.module, import.name);
                found.functions.push(store.add_host_function(name, ty.clone(), Arc::clone(function))?);
            }
            Definition::Function(handle) => found.functions.push(*handle),
            Definition::Memory(index) => found.memories.push(*index),
            Definition::SharedMemory(memory) => found.memories.push(store.use_shared_memory(memory)),
            Definition::Table(index) => found.tables.push(*index),
            Definition::Global(index) => found.globals.push(*index),
            Definition::Tag(tag) => found.tags.push(*tag),
        }
    }
    Ok(found)
}

/// Whether something of type `actual` may be imported as `wanted`.
fn fits(engine: &Engine, actual: &ExternType, wanted: &ExternType) -> bool {
    let sizes = |(have, have_max): (u64, Option<u64>), (want, want_max): (u64, Option<u64>)| {
        have >= want && want_max.is_none_or(|want_max| have_max.is_some_and(|have_max| have_max <= want_max))
    };
    match (actual, wanted) {
        (ExternType::Table(a), ExternType::Table(w)) => {
            let same = engine.ref_matches(a.element, w.element) && engine.ref_matches(w.element, a.element);
            same && a.index == w.index && sizes((a.minimum, a.maximum), (w.minimum, w.maximum))
        }
        (ExternType::Memory(a), ExternType::Memory(w)) => {
            let same = (a.index, a.shared) == (w.index, w.shared);
            same && sizes((a.minimum, a.maximum), (w.minimum, w.maximum))
        }
        (ExternType::Global(a), ExternType::Global(w)) => {
            let reads = engine.matches(a.content, w.content);
            a.mutable == w.mutable && reads && (!a.mutable || engine.matches(w.content, a.content))
        }
        _ => false,
    }
}

fn describe(ty: &ExternType) -> String {
    let wide = |kind: &str, index| match index {
        IndexType::I32 => kind.to_owned(),
        IndexType::I64 => format!("64-bit {kind}"),
    };
    let sizes = |minimum: u64, maximum: Option<u64>, unit: &str| match maximum {
        Some(maximum) => format!(", {minimum} to {maximum}{unit}"),
        None => format!(", {minimum}{unit} or more"),
    };
    match ty {
        ExternType::Function(ty) => format!("a function {ty}"),
        ExternType::Table(ty) => {
            format!("a {} of {}{}", wide("table", ty.index), ty.element, sizes(ty.minimum, ty.maximum, ""))
        }
        ExternType::Memory(ty) => {
            let shared = if ty.shared { "shared " } else { "" };
            let kind = wide("memory", ty.index);
            format!("a {shared}{kind}{}", sizes(ty.minimum, ty.maximum, " pages"))
        }
        ExternType::Tag(ty) => format!("a tag {ty}"),
        ExternType::Global(ty) => {
            format!("a {} of {}", if ty.mutable { "variable" } else { "constant" }, ty.content)
        }
    }
}

impl Store {
    pub(crate) fn check_room_for_instance(&self) -> Result<(), Error> {
        let limit = self.engine().config().max_instances;
        if self.instances.len() >= limit as usize {
            return Err(Error::Limit(format!("there are {limit} instances already, which is the limit")));
        }
        Ok(())
    }

    /// Adds the module's tags from one on.
    pub(crate) fn add_tags(&mut self, info: &ModuleInfo, first: u32, found: &mut Found) {
        for tag in first..narrow(info.tags.len()) {
            let ty = info.types.get(info.tags[tag as usize] as usize);
            let Some((ty, id)) = ty.and_then(|ty| Some((ty.func()?.clone(), ty.id))) else { continue };
            found.tags.push(self.add_tag(info.tag_name(tag), ty, id));
        }
    }

    /// An instance of these parts, with its functions, and without what it defines and `found` has not.
    pub(crate) fn assemble(
        &mut self,
        module: usize,
        info: &Arc<ModuleInfo>,
        found: Found,
    ) -> Result<Instance, Error> {
        let number = narrow(self.instances.len());
        let offsets = VmOffsets::new(info);
        let vmctx = VmContext::new(offsets.size());
        self.instances.push(InstanceData {
            module,
            info: Arc::clone(info),
            vmctx,
            memories: found.memories,
            tables: found.tables,
            globals: found.globals,
            tags: found.tags,
            imported_functions: found.functions,
            elements: Vec::new(),
            dropped_data: vec![false; info.data.len()],
            number,
        });
        let instance = Instance(number);
        self.fill_functions(instance.index(), offsets)?;
        Ok(instance)
    }

    fn type_of(&self, definition: &Definition) -> Option<ExternType> {
        Some(match definition {
            Definition::HostFunction { ty, .. } => ExternType::Function(ty.clone()),
            Definition::Function(handle) => ExternType::Function(handle.ty(self)?),
            Definition::Memory(index) => ExternType::Memory(self.memories.get(*index)?.ty()),
            Definition::SharedMemory(memory) => ExternType::Memory(memory.ty()),
            Definition::Table(index) => ExternType::Table(self.tables.get(*index)?.ty()),
            Definition::Global(index) => ExternType::Global(self.globals.get(*index)?.1),
            Definition::Tag(tag) => ExternType::Tag(self.tag_type(*tag)?.clone()),
        })
    }

    /// The defined type of a function.
    fn type_id_of(&self, definition: &Definition) -> Option<TypeId> {
        match definition {
            Definition::HostFunction { ty, .. } => Some(self.engine().type_of_host(ty)),
            Definition::Function(handle) => self.type_id(*handle),
            _ => None,
        }
    }

    pub(crate) fn add_table(&mut self, ty: TableType, init: u64) -> Result<usize, Error> {
        let limit = self.engine().config().max_table;
        self.tables.push(Table::new(ty, init, limit).ok_or_else(|| {
            Error::Limit(format!("a table of {} elements is above the limit of {limit}", ty.minimum))
        })?);
        Ok(self.tables.len() - 1)
    }

    pub(crate) fn add_global(&mut self, ty: GlobalType, bits: u128) -> usize {
        self.globals.push((Box::new(Global::new(bits)), ty));
        self.globals.len() - 1
    }

    fn fill_functions(&mut self, instance: usize, offsets: VmOffsets) -> Result<(), Error> {
        let data = &self.instances[instance];
        let info = Arc::clone(&data.info);
        let (module, vmctx, number) = (data.module, data.vmctx.address(), data.number);
        let imported: Vec<_> = data.imported_functions.clone();
        for (index, handle) in (0..).zip(imported) {
            let address =
                self.func_ref_address(handle).ok_or_else(|| Error::Limit("a function is gone".into()))?;
            self.instances[instance].vmctx.set_pointer(offsets.imported_function(index), address);
        }
        for defined in 0..narrow(info.bodies.len()) {
            let index = info.imported.functions + defined;
            let Some(ty) = info.function_def(index) else { continue };
            let code = match self.compiled_already(module, defined) {
                Some(code) => code.start,
                None => self.modules[module].stubs[defined as usize],
            };
            let func_ref = FuncRef { code, vmctx, signature: ty.id.0, instance: number, index, padding: 0 };
            self.instances[instance].vmctx.set_func_ref(offsets.defined_function(defined), func_ref);
        }
        Ok(())
    }

    fn fill_globals_and_tables(&mut self, instance: usize) -> Result<(), Error> {
        let info = Arc::clone(&self.instances[instance].info);
        for (ty, init) in info.globals[info.imported.globals as usize..].iter().zip(&info.global_inits) {
            let bits = self.evaluate(instance, init)?;
            let index = self.add_global(*ty, bits);
            self.instances[instance].globals.push(index);
        }
        for (ty, init) in info.tables[info.imported.tables as usize..].iter().zip(&info.table_inits) {
            let bits = reference(self.evaluate(instance, init)?);
            let index = self.add_table(*ty, bits)?;
            self.instances[instance].tables.push(index);
        }
        for (index, segment) in info.elements.iter().enumerate() {
            self.instances[instance].elements.push(Vec::new());
            for item in &segment.items {
                let bits = reference(self.evaluate(instance, item)?);
                self.instances[instance].elements[index].push(bits);
            }
        }
        Ok(())
    }

    pub(crate) fn fill_views(&mut self, instance: usize, layout: VmOffsets) {
        let mut pointers = vec![(offsets::LIMITS, self.limits().address())];
        pointers.push((offsets::HEAP, self.heap.view_address()));
        pointers.push((offsets::BUILTINS, self.code().builtins().as_ptr().expose_provenance()));
        let data = &self.instances[instance];
        for (index, memory) in (0..).zip(&data.memories) {
            pointers.push((layout.memory(index), self.memories[*memory].view_address()));
            pointers.push((layout.memory_base(index), self.memories[*memory].base()));
        }
        for (index, table) in (0..).zip(&data.tables) {
            pointers.push((layout.table(index), self.tables[*table].view_address()));
        }
        for (index, global) in (0..).zip(&data.globals) {
            pointers.push((layout.global(index), self.globals[*global].0.address()));
        }
        let data = &mut self.instances[instance];
        data.vmctx.set_word(offsets::INSTANCE, u64::from(data.number));
        for (offset, pointer) in pointers {
            data.vmctx.set_pointer(offset, pointer);
        }
    }

    /// Copies active segments to where they belong, in order.
    fn run_segments(&mut self, instance: usize) -> Result<(), TrapCode> {
        let info = Arc::clone(&self.instances[instance].info);
        let at = |store: &mut Self, offset| store.constant(instance, offset).map(reference);
        for (index, segment) in (0..).zip(&info.elements) {
            if let SegmentMode::Active { target, offset } = &segment.mode {
                let offset = at(self, offset)?;
                self.init_table(instance, *target, index, offset, 0, segment.items.len() as u64)?;
            }
            if !matches!(segment.mode, SegmentMode::Passive) {
                self.drop_elem(instance, index);
            }
        }
        for (index, segment) in (0..).zip(&info.data) {
            if let SegmentMode::Active { target, offset } = &segment.mode {
                let offset = at(self, offset)?;
                self.init_memory(instance, *target, index, offset, 0, segment.bytes.len() as u64)?;
                self.drop_data(instance, index);
            }
        }
        Ok(())
    }

    pub(crate) fn table_of(&self, instance: usize, table: u32) -> Option<&Table> {
        let index = *self.instances.get(instance)?.tables.get(table as usize)?;
        self.tables.get(index)
    }

    pub(crate) fn table_of_mut(&mut self, instance: usize, table: u32) -> Option<&mut Table> {
        let index = *self.instances.get(instance)?.tables.get(table as usize)?;
        self.tables.get_mut(index)
    }

    /// The references of an element segment; none if it was dropped.
    pub(crate) fn element_segment(&self, instance: usize, elem: u32) -> &[u64] {
        self.instances[instance].elements.get(elem as usize).map_or(&[], Vec::as_slice)
    }

    /// `data.drop`.
    pub(crate) fn drop_data(&mut self, instance: usize, data: u32) {
        if let Some(dropped) = self.instances[instance].dropped_data.get_mut(data as usize) {
            *dropped = true;
        }
    }

    /// `table.init`.
    pub(crate) fn init_table(
        &mut self,
        instance: usize,
        table: u32,
        elem: u32,
        at: u64,
        source: u64,
        length: u64,
    ) -> Result<(), TrapCode> {
        let code = TrapCode::TableOutOfBounds;
        let segment = self.instances[instance].elements.get(elem as usize).ok_or(code)?;
        let items = segment.get(range(source, length).ok_or(code)?).ok_or(code)?.to_vec();
        let elements = self.table_of_mut(instance, table).ok_or(code)?.elements_mut();
        elements.get_mut(range(at, length).ok_or(code)?).ok_or(code)?.copy_from_slice(&items);
        Ok(())
    }

    /// `elem.drop`.
    pub(crate) fn drop_elem(&mut self, instance: usize, elem: u32) {
        if let Some(segment) = self.instances[instance].elements.get_mut(elem as usize) {
            *segment = Vec::new();
        }
    }

    /// A global's value.
    #[must_use]
    pub fn global(&self, instance: Instance, index: u32) -> Option<Value> {
        let index = *self.instances.get(instance.index())?.globals.get(index as usize)?;
        let (global, ty) = self.globals.get(index)?;
        Some(self.value_of(ty.content, global.get()))
    }

    /// A table's element.
    #[must_use]
    pub fn table_element(&self, instance: Instance, table: u32, index: u64) -> Option<Value> {
        let table = self.table_of(instance.index(), table)?;
        let bits = *table.elements().get(usize::try_from(index).ok()?)?;
        Some(self.value_of(ValueType::Ref(table.ty().element), u128::from(bits)))
    }
}

fn reference(bits: u128) -> u64 {
    u64::try_from(bits).unwrap_or_default()
}
