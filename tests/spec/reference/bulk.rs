//! Sizes of memories, and operators on many bytes.

use runtime::{TrapCode, Value};
use wasmparser::Operator;

use super::cast;
use super::machine::Machine;
use super::step::{Step, Write};

/// Bytes of a page.
const PAGE: u64 = 1 << 16;

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    match operator {
        Operator::MemorySize { mem } => {
            let ty = machine.store.memory_type(machine.at.instance, *mem)?;
            Some(vec![Step::push(0, size_value(pages(machine, *mem)?, ty.index == runtime::IndexType::I64))])
        }
        Operator::MemoryGrow { mem } => grow(machine, *mem),
        Operator::MemoryFill { mem } => {
            let Value::I32(byte) = machine.top(1)? else { return None };
            let bytes = filled(machine, *mem, byte)?;
            Some(vec![written(machine, *mem, bytes)?])
        }
        Operator::MemoryCopy { dst_mem, src_mem } => {
            let bytes = machine.bytes(*src_mem, machine.index(1)?, machine.index(0)?);
            Some(vec![written(machine, *dst_mem, bytes)?])
        }
        Operator::MemoryInit { data_index, mem } => init(machine, *data_index, *mem),
        Operator::DataDrop { .. } | Operator::ElemDrop { .. } | Operator::AtomicFence { .. } => {
            Some(vec![Step::next(0, Vec::new())])
        }
        _ => None,
    }
}

fn pages(machine: &Machine<'_>, memory: u32) -> Option<u64> {
    Some(machine.store.memory_size(machine.at.instance, memory)? / PAGE)
}

/// A size as an operand: 32 or 64 bits.
pub(super) fn size_value(size: u64, wide: bool) -> Value {
    if wide { Value::I64(size.cast_signed()) } else { Value::I32(cast::low_u32(size).cast_signed()) }
}

/// Grows or, which is allowed at any time, does not.
fn grow(machine: &Machine<'_>, memory: u32) -> Option<Vec<Step>> {
    let wide = matches!(machine.top(0)?, Value::I64(_));
    let ty = machine.store.memory_type(machine.at.instance, memory)?;
    let old = pages(machine, memory)?;
    let stay = Step {
        writes: vec![Write::MemorySize { memory, pages: old }],
        ..Step::push(1, if wide { Value::I64(-1) } else { Value::I32(-1) })
    };
    let limit = ty.maximum.unwrap_or(if wide { 1 << 48 } else { 1 << 16 });
    let new = old.checked_add(machine.index(0)?).filter(|new| *new <= limit);
    let Some(pages) = new else { return Some(vec![stay]) };
    let grown =
        Step { writes: vec![Write::MemorySize { memory, pages }], ..Step::push(1, size_value(old, wide)) };
    Some(vec![grown, stay])
}

/// What `memory.fill` writes, unless its end is out of bounds.
fn filled(machine: &Machine<'_>, memory: u32, byte: i32) -> Option<Option<Vec<u8>>> {
    let (at, length) = (machine.index(2)?, machine.index(0)?);
    let size = machine.store.memory_size(machine.at.instance, memory)?;
    let fits = at.checked_add(length).is_some_and(|end| end <= size);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Some(fits.then(|| vec![byte.to_le_bytes()[0]; length]))
}

/// Writes bytes at the address that is the third operand from the top.
fn written(machine: &Machine<'_>, memory: u32, bytes: Option<Vec<u8>>) -> Option<Step> {
    let at = machine.index(2)?;
    let write = bytes.and_then(|bytes| machine.write_bytes(memory, at, &bytes));
    Some(write.map_or(Step::trap(TrapCode::MemoryOutOfBounds), |write| Step::write(3, write)))
}

/// From the segment, or, if that was dropped, from none.
fn init(machine: &Machine<'_>, data: u32, memory: u32) -> Option<Vec<Step>> {
    let all = machine.code.segment(data)?;
    let (source, length) = (machine.index(1)?, machine.index(0)?);
    let part = |all: &[u8]| {
        let end = usize::try_from(source.checked_add(length)?).ok()?;
        all.get(usize::try_from(source).ok()?..end).map(<[u8]>::to_vec)
    };
    let kept = written(machine, memory, part(all))?;
    let dropped = written(machine, memory, part(&[]))?;
    Some(vec![kept, dropped])
}
