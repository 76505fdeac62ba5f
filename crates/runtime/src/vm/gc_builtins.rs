//! The builtins of the garbage-collected heap: making objects, and operators on parts of arrays.

use super::builtins::run;
use crate::store::Store;
use crate::trap::TrapCode;
use frame_table::TypeId;

/// Two halves of a value's bits.
fn join(low: u64, high: u64) -> u128 {
    u128::from(low) | u128::from(high) << 64
}

pub(super) extern "C" fn allocate(vmctx: usize, pc: usize, fp: usize, ty: u32, length: u32) -> u64 {
    run(vmctx, pc, fp, |store, _| store.allocate_object(TypeId(ty), length, &[]))
}

pub(super) extern "C" fn overwriting(vmctx: usize, pc: usize, fp: usize, old: u64) {
    run(vmctx, pc, fp, |store, _| {
        store.heap.before_overwriting(old);
        Ok(())
    });
}

pub(super) extern "C" fn array_fill(
    vmctx: usize,
    pc: usize,
    fp: usize,
    array: u64,
    start: u32,
    low: u64,
    high: u64,
    length: u32,
) {
    run(vmctx, pc, fp, |store, _| store.fill_array(array, start, join(low, high), length));
}

pub(super) extern "C" fn array_copy(
    vmctx: usize,
    pc: usize,
    fp: usize,
    to: u64,
    at: u32,
    from: u64,
    start: u32,
    length: u32,
) {
    run(vmctx, pc, fp, |store, _| store.copy_array((to, at), (from, start), length));
}

pub(super) extern "C" fn array_new_data(
    vmctx: usize,
    pc: usize,
    fp: usize,
    ty: u32,
    data: u32,
    source: u32,
    length: u32,
) -> u64 {
    run(vmctx, pc, fp, |store, instance| {
        let element = store.element_bytes(TypeId(ty));
        let bytes = data_part(store, instance, data, source, length, element)?;
        let array = store.allocate_object(TypeId(ty), length, &[])?;
        store.write_array(array, 0, length, &bytes)?;
        Ok(array)
    })
}

pub(super) extern "C" fn array_init_data(
    vmctx: usize,
    pc: usize,
    fp: usize,
    data: u32,
    array: u64,
    at: u32,
    source: u32,
    length: u32,
) {
    run(vmctx, pc, fp, |store, instance| {
        let part = store.array_part(array, at, length)?;
        let bytes = data_part(store, instance, data, source, length, part.element)?;
        store.write_array(array, at, length, &bytes)
    });
}

pub(super) extern "C" fn array_new_elem(
    vmctx: usize,
    pc: usize,
    fp: usize,
    ty: u32,
    elem: u32,
    source: u32,
    length: u32,
) -> u64 {
    run(vmctx, pc, fp, |store, instance| {
        let bytes = elem_part(store, instance, elem, source, length)?;
        let array = store.allocate_object(TypeId(ty), length, &[])?;
        store.write_array(array, 0, length, &bytes)?;
        Ok(array)
    })
}

pub(super) extern "C" fn array_init_elem(
    vmctx: usize,
    pc: usize,
    fp: usize,
    elem: u32,
    array: u64,
    at: u32,
    source: u32,
    length: u32,
) {
    run(vmctx, pc, fp, |store, instance| {
        store.array_part(array, at, length)?;
        let bytes = elem_part(store, instance, elem, source, length)?;
        store.write_array(array, at, length, &bytes)
    });
}

/// The bytes of `length` elements of a data segment, from the byte at `source` on.
fn data_part(
    store: &Store,
    instance: usize,
    data: u32,
    source: u32,
    length: u32,
    element: usize,
) -> Result<Vec<u8>, TrapCode> {
    let bytes = store.instances[instance].data(data);
    let end = element.checked_mul(length as usize).and_then(|count| count.checked_add(source as usize));
    let part = end.and_then(|end| bytes.get(source as usize..end));
    part.map(<[u8]>::to_vec).ok_or(TrapCode::MemoryOutOfBounds)
}

/// The bytes of `length` references of an element segment.
fn elem_part(
    store: &Store,
    instance: usize,
    elem: u32,
    source: u32,
    length: u32,
) -> Result<Vec<u8>, TrapCode> {
    let items = store.element_segment(instance, elem);
    let end = (source as usize).checked_add(length as usize);
    let part = end.and_then(|end| items.get(source as usize..end)).ok_or(TrapCode::TableOutOfBounds)?;
    Ok(part.iter().flat_map(|bits| bits.to_le_bytes()).collect())
}
