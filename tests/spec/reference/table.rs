//! Operators on tables.

use runtime::{TrapCode, Value};
use wasmparser::Operator;

use super::bulk::size_value;
use super::machine::Machine;
use super::step::{Expected, Step, Write};

/// How many elements around the written ones are compared as well.
const AROUND: u64 = 2;

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    match operator {
        Operator::TableGet { table } => {
            let found = machine.elements(*table, machine.index(0)?, 1);
            let value = found.and_then(|elements| elements.first().copied());
            Some(vec![value.map_or(OUT_OF_BOUNDS, |value| Step::push(1, value))])
        }
        Operator::TableSet { table } => {
            let value = vec![Expected::Exactly(machine.top(0)?)];
            Some(vec![written(machine, *table, machine.index(1)?, value, 2)])
        }
        Operator::TableSize { table } => {
            let size = machine.store.table_size(machine.at.instance, *table)?;
            Some(vec![Step::push(0, size_value(size, is_wide(machine, *table)?))])
        }
        Operator::TableGrow { table } => grow(machine, *table),
        Operator::TableFill { table } => {
            let (at, value, length) = (machine.index(2)?, machine.top(1)?, machine.index(0)?);
            if machine.elements(*table, at, length).is_none() {
                return Some(vec![OUT_OF_BOUNDS]);
            }
            let all = vec![Expected::Exactly(value); usize::try_from(length).ok()?];
            Some(vec![written(machine, *table, at, all, 3)])
        }
        Operator::TableCopy { dst_table, src_table } => {
            let found = machine.elements(*src_table, machine.index(1)?, machine.index(0)?);
            let Some(elements) = found else { return Some(vec![OUT_OF_BOUNDS]) };
            let elements = elements.into_iter().map(Expected::Exactly).collect();
            Some(vec![written(machine, *dst_table, machine.index(2)?, elements, 3)])
        }
        Operator::TableInit { elem_index, table } => init(machine, *elem_index, *table),
        _ => None,
    }
}

const OUT_OF_BOUNDS: Step = Step {
    pops: 0,
    pushes: Vec::new(),
    writes: Vec::new(),
    then: super::step::Then::Trap(TrapCode::TableOutOfBounds),
};

fn is_wide(machine: &Machine<'_>, table: u32) -> Option<bool> {
    let ty = machine.store.table_type(machine.at.instance, table)?;
    Some(ty.index == runtime::IndexType::I64)
}

/// Writes elements from `at` on; those around stay.
fn written(machine: &Machine<'_>, table: u32, at: u64, elements: Vec<Expected>, pops: usize) -> Step {
    let written = || {
        let size = machine.store.table_size(machine.at.instance, table)?;
        let end = at.checked_add(elements.len() as u64).filter(|end| *end <= size)?;
        let (start, limit) = (at.saturating_sub(AROUND), end.saturating_add(AROUND).min(size));
        let mut window: Vec<Expected> =
            machine.elements(table, start, limit - start)?.into_iter().map(Expected::Exactly).collect();
        let offset = usize::try_from(at - start).ok()?;
        window.splice(offset..offset + elements.len(), elements.iter().cloned());
        Some(Write::Table { table, at: start, elements: window })
    };
    written().map_or(OUT_OF_BOUNDS, |write| Step::write(pops, write))
}

/// Grows or, which is allowed at any time, does not.
fn grow(machine: &Machine<'_>, table: u32) -> Option<Vec<Step>> {
    let (value, wide) = (machine.top(1)?, is_wide(machine, table)?);
    let old = machine.store.table_size(machine.at.instance, table)?;
    let maximum = machine.store.table_type(machine.at.instance, table)?.maximum;
    let stay = Step {
        writes: vec![Write::TableSize { table, size: old }],
        ..Step::push(2, if wide { Value::I64(-1) } else { Value::I32(-1) })
    };
    let limit = maximum.unwrap_or(if wide { u64::MAX } else { u32::MAX.into() });
    let Some(size) = old.checked_add(machine.index(0)?).filter(|new| *new <= limit) else {
        return Some(vec![stay]);
    };
    // The first of the new ones stand for all.
    let shown = usize::try_from((size - old).min(64)).ok()?;
    let elements = Write::Table { table, at: old, elements: vec![Expected::Exactly(value); shown] };
    let grown = Step {
        writes: vec![Write::TableSize { table, size }, elements],
        ..Step::push(2, size_value(old, wide))
    };
    Some(vec![grown, stay])
}

/// From the segment, or, if that was dropped, from none.
fn init(machine: &Machine<'_>, segment: u32, table: u32) -> Option<Vec<Step>> {
    let ty = machine.store.table_type(machine.at.instance, table)?;
    let any = Expected::OfType(runtime::ValueType::Ref(ty.element));
    let all = machine.items(segment, &any)?;
    let (at, source, length) = (machine.index(2)?, machine.index(1)?, machine.index(0)?);
    let part = |all: &[Expected]| {
        let end = usize::try_from(source.checked_add(length)?).ok()?;
        all.get(usize::try_from(source).ok()?..end).map(<[Expected]>::to_vec)
    };
    let step = |all: &[Expected]| {
        part(all).map_or(OUT_OF_BOUNDS, |elements| written(machine, table, at, elements, 3))
    };
    Some(vec![step(&all), step(&[])])
}
