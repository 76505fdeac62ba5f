//! What the reference may look at before an operator: the frame, as the debugger's interface shows it, and the
//! instance's memories, tables and globals.

use runtime::{FuncHandle, Instance, Store, Value};

use super::code::{Code, Item};
use super::refs::null_of;
use super::step::{Expected, Write};

/// A frame at an operator, as it was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Snapshot {
    /// Index of the module in the store.
    pub(crate) module: usize,
    pub(crate) instance: Instance,
    /// Function index, with the imports.
    pub(crate) function: u32,
    pub(crate) pc: u32,
    /// What tells it from other frames that live at the same time; lower for inner ones.
    pub(crate) address: usize,
    pub(crate) locals: Vec<Value>,
    /// The bottom one first.
    pub(crate) operands: Vec<Value>,
}

/// A frame, and what its operator can reach.
pub(super) struct Machine<'a> {
    pub(super) store: &'a Store,
    pub(super) code: &'a Code,
    pub(super) at: &'a Snapshot,
}

/// How many bytes or elements around the written ones are compared as well.
const AROUND: u64 = 8;

impl Machine<'_> {
    /// An operand, counted from the top.
    pub(super) fn top(&self, depth: usize) -> Option<Value> {
        let operands = &self.at.operands;
        operands.get(operands.len().checked_sub(depth + 1)?).copied()
    }

    /// An operand that is an address, an index or a length, counted from the top.
    pub(super) fn index(&self, depth: usize) -> Option<u64> {
        match self.top(depth)? {
            Value::I32(number) => Some(number.cast_unsigned().into()),
            Value::I64(number) => Some(number.cast_unsigned()),
            _ => None,
        }
    }

    pub(super) fn function(&self, index: u32) -> Option<FuncHandle> {
        self.store.function(self.at.instance, index)
    }

    /// Bytes of a memory; none if some are outside of it.
    pub(super) fn bytes(&self, memory: u32, at: u64, length: u64) -> Option<Vec<u8>> {
        let size = self.store.memory_size(self.at.instance, memory)?;
        let end = at.checked_add(length).filter(|end| *end <= size)?;
        let mut bytes = vec![0; usize::try_from(end - at).ok()?];
        let read = self.store.read_memory(self.at.instance, memory, at, &mut bytes)?;
        (read == bytes.len()).then_some(bytes)
    }

    /// What writes some bytes, those around them included; out of bounds it is none.
    pub(super) fn write_bytes(&self, memory: u32, at: u64, bytes: &[u8]) -> Option<Write> {
        let size = self.store.memory_size(self.at.instance, memory)?;
        let length = bytes.len() as u64;
        let end = at.checked_add(length).filter(|end| *end <= size)?;
        let (start, limit) = (at.saturating_sub(AROUND), end.saturating_add(AROUND).min(size));
        let mut window = self.bytes(memory, start, limit - start)?;
        let offset = usize::try_from(at - start).ok()?;
        window.get_mut(offset..offset + bytes.len())?.copy_from_slice(bytes);
        Some(Write::Memory { memory, at: start, bytes: window })
    }

    /// Elements of a table; none if some are outside of it.
    pub(super) fn elements(&self, table: u32, at: u64, length: u64) -> Option<Vec<Value>> {
        let size = self.store.table_size(self.at.instance, table)?;
        let end = at.checked_add(length).filter(|end| *end <= size)?;
        (at..end).map(|index| self.store.table_element(self.at.instance, table, index)).collect()
    }

    /// What an element segment holds; `any` stands for what is computed.
    pub(super) fn items(&self, segment: u32, any: &Expected) -> Option<Vec<Expected>> {
        let items = self.code.elements.get(segment as usize)?.iter();
        let value = |item: &Item| match item {
            Item::Function(index) => Some(Expected::Exactly(Value::FuncRef(Some(self.function(*index)?)))),
            Item::Null(heap) => Some(Expected::Exactly(null_of(self, *heap)?)),
            Item::Other => Some(any.clone()),
        };
        items.map(value).collect()
    }
}
