//! Arrays.

use runtime::{GcRef, TrapCode, Value};
use wasmparser::{Operator, StorageType, ValType};

use super::super::cast::{low_u32, low_u64};
use super::super::machine::Machine;
use super::super::memory::number;
use super::super::step::{Expected, Step, Write};
use super::{any_of, default, loaded, made, object, storages, stored};

const OUT_OF_BOUNDS: TrapCode = TrapCode::ArrayOutOfBounds;

/// Longer arrays may not fit the heap.
const LONG: usize = 1 << 20;

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    match operator {
        Operator::ArrayNew { array_type_index: ty } => {
            let value = stored(machine.top(1)?, element(machine, *ty)?);
            new(machine, *ty, 2, Some(vec![Expected::Exactly(value); length(machine, 0)?]))
        }
        Operator::ArrayNewDefault { array_type_index: ty } => {
            let value = default(machine, element(machine, *ty)?)?;
            new(machine, *ty, 1, Some(vec![Expected::Exactly(value); length(machine, 0)?]))
        }
        Operator::ArrayNewFixed { array_type_index: ty, array_size } => {
            let (storage, count) = (element(machine, *ty)?, *array_size as usize);
            let values = (0..count)
                .rev()
                .map(|depth| Some(Expected::Exactly(stored(machine.top(depth)?, storage))))
                .collect::<Option<_>>()?;
            new(machine, *ty, count, Some(values))
        }
        Operator::ArrayNewData { array_type_index: ty, array_data_index } => {
            from_segment(machine, |dropped| {
                let part = data(machine, *ty, *array_data_index, dropped);
                Some(match part {
                    Some(part) => new(machine, *ty, 2, Some(part))?,
                    None => vec![Step::trap(TrapCode::MemoryOutOfBounds)],
                })
            })
        }
        Operator::ArrayNewElem { array_type_index: ty, array_elem_index } => {
            from_segment(machine, |dropped| {
                let part = elements(machine, *ty, *array_elem_index, dropped);
                Some(match part {
                    Some(part) => new(machine, *ty, 2, Some(part))?,
                    None => vec![Step::trap(TrapCode::TableOutOfBounds)],
                })
            })
        }
        _ => change(machine, operator),
    }
}

/// Operators on an array that is there.
fn change(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    match operator {
        Operator::ArrayInitData { array_type_index: ty, array_data_index } => {
            from_segment(machine, |dropped| {
                let part = data(machine, *ty, *array_data_index, dropped);
                init(machine, part, TrapCode::MemoryOutOfBounds)
            })
        }
        Operator::ArrayInitElem { array_type_index: ty, array_elem_index } => {
            from_segment(machine, |dropped| {
                let part = elements(machine, *ty, *array_elem_index, dropped);
                init(machine, part, TrapCode::TableOutOfBounds)
            })
        }
        Operator::ArrayLen => {
            let Some(array) = object(machine, 0)? else { return null() };
            let length = machine.store.object(array).ok()?.len();
            Some(vec![Step::push(1, Value::I32(length.cast_signed()))])
        }
        Operator::ArrayGet { array_type_index: ty }
        | Operator::ArrayGetS { array_type_index: ty }
        | Operator::ArrayGetU { array_type_index: ty } => {
            let Some(array) = object(machine, 1)? else { return null() };
            let Some(value) = parts(machine, array, 0, 1).and_then(|part| part.first().copied()) else {
                return Some(vec![Step::trap(OUT_OF_BOUNDS)]);
            };
            let signed = matches!(operator, Operator::ArrayGetS { .. });
            Some(vec![Step::push(2, loaded(value, element(machine, *ty)?, signed))])
        }
        Operator::ArraySet { array_type_index: ty } => {
            let value = stored(machine.top(0)?, element(machine, *ty)?);
            write(machine, 2, vec![Expected::Exactly(value)], 3)
        }
        Operator::ArrayFill { array_type_index: ty } => {
            let value = stored(machine.top(1)?, element(machine, *ty)?);
            let Some(array) = object(machine, 3)? else { return null() };
            // Out of bounds before so many values are made.
            let fits = parts_at(machine, array, machine.index(2)?, machine.index(0)?).is_some();
            if !fits {
                return Some(vec![Step::trap(OUT_OF_BOUNDS)]);
            }
            write(machine, 3, vec![Expected::Exactly(value); length(machine, 0)?], 4)
        }
        Operator::ArrayCopy { .. } => {
            let (to, from) = (object(machine, 4)?, object(machine, 2)?);
            let (Some(_), Some(from)) = (to, from) else { return null() };
            let Some(part) = parts_at(machine, from, machine.index(1)?, machine.index(0)?) else {
                return Some(vec![Step::trap(OUT_OF_BOUNDS)]);
            };
            write(machine, 4, part.into_iter().map(Expected::Exactly).collect(), 5)
        }
        _ => None,
    }
}

fn null() -> Option<Vec<Step>> {
    Some(vec![Step::trap(TrapCode::NullArray)])
}

fn element(machine: &Machine<'_>, ty: u32) -> Option<StorageType> {
    storages(machine, ty)?.first().copied()
}

fn length(machine: &Machine<'_>, depth: usize) -> Option<usize> {
    usize::try_from(machine.index(depth)?).ok()
}

/// A new array, unless it is too long for the heap.
fn new(machine: &Machine<'_>, ty: u32, pops: usize, elements: Option<Vec<Expected>>) -> Option<Vec<Step>> {
    let elements = elements?;
    let long = elements.len() > LONG;
    let mut steps = vec![Step::next(pops, vec![made(machine, ty, elements)?])];
    steps.extend(long.then(|| Step::trap(TrapCode::HeapExhausted)));
    Some(steps)
}

/// What is done with a segment, and with one that was dropped.
fn from_segment(machine: &Machine<'_>, steps: impl Fn(bool) -> Option<Vec<Step>>) -> Option<Vec<Step>> {
    debug_assert!(machine.top(0).is_some());
    let mut all = steps(false)?;
    all.extend(steps(true)?);
    Some(all)
}

/// Part of a list, from the offset below the length, which are the two topmost operands; `width` in items.
fn part<'a, T>(machine: &Machine<'_>, all: &'a [T], width: u64) -> Option<&'a [T]> {
    let start = machine.index(1)?;
    let end = start.checked_add(machine.index(0)?.checked_mul(width)?)?;
    all.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// Values from a data segment; none if some are outside of it.
fn data(machine: &Machine<'_>, ty: u32, segment: u32, dropped: bool) -> Option<Vec<Expected>> {
    let all = if dropped { &[] } else { machine.code.segment(segment)? };
    let storage = element(machine, ty)?;
    let width = match storage {
        StorageType::I8 => 1,
        StorageType::I16 => 2,
        StorageType::Val(ValType::I32 | ValType::F32) => 4,
        StorageType::Val(ValType::I64 | ValType::F64) => 8,
        StorageType::Val(_) => 16,
    };
    let bytes = part(machine, all, width)?;
    let value = |bytes: &[u8]| {
        let bits = number(bytes);
        let low = low_u64(bits);
        match storage {
            StorageType::Val(ValType::I64) => Value::I64(low.cast_signed()),
            StorageType::Val(ValType::F32) => Value::F32(low_u32(low)),
            StorageType::Val(ValType::F64) => Value::F64(low),
            StorageType::Val(ValType::V128) => Value::V128(bits),
            _ => Value::I32(low_u32(low).cast_signed()),
        }
    };
    let items = bytes.chunks(usize::try_from(width).ok()?);
    Some(items.map(|bytes| Expected::Exactly(value(bytes))).collect())
}

/// References of an element segment; none if some are outside of it.
fn elements(machine: &Machine<'_>, ty: u32, segment: u32, dropped: bool) -> Option<Vec<Expected>> {
    let any = any_of(machine, element(machine, ty)?)?;
    let all = machine.items(segment, &any)?;
    part(machine, if dropped { &[] } else { &all }, 1).map(<[Expected]>::to_vec)
}

/// Elements of an array from the topmost operand on.
fn parts(machine: &Machine<'_>, array: GcRef, depth: usize, count: u64) -> Option<Vec<Value>> {
    parts_at(machine, array, machine.index(depth)?, count)
}

/// Elements of an array; none if some are outside of it.
fn parts_at(machine: &Machine<'_>, array: GcRef, at: u64, count: u64) -> Option<Vec<Value>> {
    let length = u64::from(machine.store.object(array).ok()?.len());
    let end = at.checked_add(count).filter(|end| *end <= length)?;
    (at..end).map(|index| machine.store.field(array, u32::try_from(index).ok()?).ok()).collect()
}

/// Writes elements into the array at `depth`, from the operand above it on; those beside them stay.
fn write(machine: &Machine<'_>, depth: usize, elements: Vec<Expected>, pops: usize) -> Option<Vec<Step>> {
    let Some(array) = object(machine, depth)? else { return null() };
    let at = machine.index(depth - 1)?;
    let count = elements.len() as u64;
    if parts_at(machine, array, at, count).is_none() {
        return Some(vec![Step::trap(OUT_OF_BOUNDS)]);
    }
    let length = u64::from(machine.store.object(array).ok()?.len());
    let (start, end) = (at.saturating_sub(2), (at + count + 2).min(length));
    let around = parts_at(machine, array, start, end - start)?;
    let mut fields: Vec<Expected> = around.into_iter().map(Expected::Exactly).collect();
    let offset = usize::try_from(at - start).ok()?;
    fields.splice(offset..offset + elements.len(), elements);
    let at = u32::try_from(start).ok()?;
    Some(vec![Step::write(pops, Write::Fields { object: array, at, fields })])
}

/// Writes part of a segment; where both it and the array are too short, either trap is right.
fn init(machine: &Machine<'_>, part: Option<Vec<Expected>>, code: TrapCode) -> Option<Vec<Step>> {
    let Some(array) = object(machine, 3)? else { return null() };
    if let Some(part) = part {
        return write(machine, 3, part, 4);
    }
    let mut steps = vec![Step::trap(code)];
    if parts_at(machine, array, machine.index(2)?, machine.index(0)?).is_none() {
        steps.push(Step::trap(OUT_OF_BOUNDS));
    }
    Some(steps)
}
