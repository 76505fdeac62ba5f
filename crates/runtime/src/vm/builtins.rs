//! What the builtins do: bounds first, then the work, as the specification's bulk operators say.
#![expect(unsafe_code, reason = "knows the instance by a raw vmctx")]

use super::entries::{in_builtin, serve};
use super::vmctx::VmContext;
use super::{Builtin, gc_builtins};
use crate::store::Store;
use crate::trap::{Failure, TrapCode};

/// The address of a builtin's code.
pub(super) fn address(builtin: Builtin) -> usize {
    match builtin {
        Builtin::NewException => new_exception as *const () as usize,
        Builtin::ThrowRef => throw_ref as *const () as usize,
        Builtin::MemoryGrow => memory_grow as *const () as usize,
        Builtin::MemoryCopy => memory_copy as *const () as usize,
        Builtin::MemoryFill => memory_fill as *const () as usize,
        Builtin::MemoryInit => memory_init as *const () as usize,
        Builtin::AtomicNotify => super::atomics::notify as *const () as usize,
        Builtin::AtomicWait32 => super::atomics::wait32 as *const () as usize,
        Builtin::AtomicWait64 => super::atomics::wait64 as *const () as usize,
        Builtin::DataDrop => data_drop as *const () as usize,
        Builtin::TableGrow => table_grow as *const () as usize,
        Builtin::TableCopy => table_copy as *const () as usize,
        Builtin::TableFill => table_fill as *const () as usize,
        Builtin::TableInit => table_init as *const () as usize,
        Builtin::ElemDrop => elem_drop as *const () as usize,
        Builtin::Allocate => gc_builtins::allocate as *const () as usize,
        Builtin::Overwriting => gc_builtins::overwriting as *const () as usize,
        Builtin::ArrayFill => gc_builtins::array_fill as *const () as usize,
        Builtin::ArrayCopy => gc_builtins::array_copy as *const () as usize,
        Builtin::ArrayNewData => gc_builtins::array_new_data as *const () as usize,
        Builtin::ArrayInitData => gc_builtins::array_init_data as *const () as usize,
        Builtin::ArrayNewElem => gc_builtins::array_new_elem as *const () as usize,
        Builtin::ArrayInitElem => gc_builtins::array_init_elem as *const () as usize,
    }
}

/// Runs `work` with the store and the instance; a `TrapCode` is reported and leaves the Wasm code.
pub(super) fn run<T>(
    vmctx: usize,
    pc: usize,
    fp: usize,
    work: impl FnOnce(&mut Store, usize) -> Result<T, TrapCode>,
) -> T {
    // SAFETY: compiled code passes its own vmctx.
    let instance = unsafe { VmContext::instance_of(vmctx) } as usize;
    serve(in_builtin(pc, fp), |store| match work(store, instance) {
        Ok(value) => Ok(value),
        Err(code) => Err(store.trap_failure(code)),
    })
}

extern "C" fn new_exception(vmctx: usize, pc: usize, fp: usize, tag: u32) -> u64 {
    run(vmctx, pc, fp, |store, instance| {
        let tag = store.instances[instance].tags.get(tag as usize).copied();
        store.make_exception(tag.ok_or(TrapCode::HeapExhausted)?, &[])
    })
}

extern "C" fn throw_ref(_vmctx: usize, pc: usize, fp: usize, exception: u64) {
    serve(in_builtin(pc, fp), |store| match exception {
        0 => Err(store.trap_failure(TrapCode::NullException)),
        exception => Err(Failure::Exception(store.roots.get_mut().hold(exception))),
    })
}

/// `-1` for none.
fn or_minus_one(size: Option<u64>) -> u64 {
    size.unwrap_or(u64::MAX)
}

/// From `start` on, `length` places; none if there are no such numbers.
pub(crate) fn range(start: u64, length: u64) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(length)?;
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

extern "C" fn memory_grow(vmctx: usize, pc: usize, fp: usize, memory: u32, pages: u64) -> u64 {
    run(vmctx, pc, fp, |store, instance| {
        Ok(or_minus_one(store.memory_of(instance, memory).and_then(|memory| memory.grow(pages))))
    })
}

extern "C" fn memory_copy(
    vmctx: usize,
    pc: usize,
    fp: usize,
    to: u32,
    from: u32,
    at: u64,
    source: u64,
    length: u64,
) {
    run(vmctx, pc, fp, |store, instance| {
        let memories = store.memory_of(instance, to).zip(store.memory_of(instance, from));
        let copied = memories.and_then(|(to, from)| to.copy(at, from, source, length));
        copied.ok_or(TrapCode::MemoryOutOfBounds)
    });
}

extern "C" fn memory_fill(vmctx: usize, pc: usize, fp: usize, memory: u32, at: u64, value: u32, length: u64) {
    run(vmctx, pc, fp, |store, instance| {
        let memory = store.memory_of(instance, memory);
        let filled = memory.and_then(|memory| memory.fill(at, value.to_le_bytes()[0], length));
        filled.ok_or(TrapCode::MemoryOutOfBounds)
    });
}

extern "C" fn memory_init(
    vmctx: usize,
    pc: usize,
    fp: usize,
    memory: u32,
    data: u32,
    at: u64,
    source: u64,
    length: u64,
) {
    run(vmctx, pc, fp, |store, instance| store.init_memory(instance, memory, data, at, source, length));
}

extern "C" fn data_drop(vmctx: usize, pc: usize, fp: usize, data: u32) {
    run(vmctx, pc, fp, |store, instance| {
        store.drop_data(instance, data);
        Ok(())
    });
}

extern "C" fn table_grow(vmctx: usize, pc: usize, fp: usize, table: u32, value: u64, count: u64) -> u64 {
    run(vmctx, pc, fp, |store, instance| {
        Ok(or_minus_one(store.table_of_mut(instance, table).and_then(|table| table.grow(count, value))))
    })
}

extern "C" fn table_copy(
    vmctx: usize,
    pc: usize,
    fp: usize,
    to: u32,
    from: u32,
    at: u64,
    source: u64,
    length: u64,
) {
    run(vmctx, pc, fp, |store, instance| {
        let code = TrapCode::TableOutOfBounds;
        let (source, target) = range(source, length).zip(range(at, length)).ok_or(code)?;
        let copied = store.table_of(instance, from).ok_or(code)?.elements().get(source).ok_or(code)?.to_vec();
        let elements = store.table_of_mut(instance, to).ok_or(code)?.elements_mut();
        elements.get_mut(target).ok_or(code)?.copy_from_slice(&copied);
        Ok(())
    });
}

extern "C" fn table_fill(vmctx: usize, pc: usize, fp: usize, table: u32, at: u64, value: u64, length: u64) {
    run(vmctx, pc, fp, |store, instance| {
        let code = TrapCode::TableOutOfBounds;
        let elements = store.table_of_mut(instance, table).ok_or(code)?.elements_mut();
        elements.get_mut(range(at, length).ok_or(code)?).ok_or(code)?.fill(value);
        Ok(())
    });
}

extern "C" fn table_init(
    vmctx: usize,
    pc: usize,
    fp: usize,
    table: u32,
    elem: u32,
    at: u64,
    source: u64,
    length: u64,
) {
    run(vmctx, pc, fp, |store, instance| store.init_table(instance, table, elem, at, source, length));
}

extern "C" fn elem_drop(vmctx: usize, pc: usize, fp: usize, elem: u32) {
    run(vmctx, pc, fp, |store, instance| {
        store.drop_elem(instance, elem);
        Ok(())
    });
}
