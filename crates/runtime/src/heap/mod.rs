//! The garbage-collected heap of a store: structures, arrays and exceptions.
//!
//! Mark and sweep, incremental, and objects never move: a reference is an object's address as long as it lives, so
//! nothing that holds one needs to be told of a collection, and values that a debugger reads and writes in frames are
//! plain. A cycle of collection:
//!
//! 1. *Roots*: what frames, globals, tables, element segments and the host hold is marked, at once
//!    (`heap/collect.rs` finds it).
//! 2. *Marking*: with each few kilobytes that are allocated, some marked objects' fields are looked at. Everything
//!    that could be reached when the roots were taken is marked in the end: before a reference in an object is
//!    overwritten, it is marked (the *barrier*), and new objects are marked from the start. So nothing that holds
//!    references other than objects needs a barrier: frames, globals and tables were seen.
//! 3. *Sweeping*: blocks are swept when memory is wanted, and some with each allocation (`heap/cells.rs`).
//!
//! Marked is who has the living *colour*, of which there are two: a new cycle begins by changing it.
//!
//! Why not copying? Frames would have to be written at every collection, code could keep no address over a call, and
//! a debugger's references would need a level of indirection.

mod cells;
mod collect;
mod layout;
mod object;
mod roots;
mod runs;
mod supertypes;

use crate::engine::Engine;
use crate::types::TypeDef;
use crate::vm::{HeapView, offsets::reference};
use cells::Cells;
use frame_table::TypeId;
pub(crate) use layout::{ELEMENTS, KIND, Kind, LENGTH, Layout, TAG, TYPE};
pub use object::{Object, ObjectError, ObjectKind};
pub(crate) use roots::Roots;
use std::sync::Arc;
use std::time::Duration;
use supertypes::Supertypes;

/// Bytes allocated before marking or sweeping goes on for a while.
const STEP: u64 = 16 << 10;
/// Bytes of objects that are marked for each byte that is allocated.
const MARK_RATIO: u64 = 4;
/// Bytes of objects that are marked in one go at the most.
const MARK_MAX: u64 = 256 << 10;
/// Blocks that are swept in one go.
const SWEEP_BLOCKS: usize = 8;
/// Bytes that are allocated between two cycles at the least, unless the heap is small.
const PAUSE_MIN: u64 = 1 << 20;
/// Elements of an array that are looked at in one go.
const ELEMENTS_AT_ONCE: u32 = 1024;

/// What a store's garbage-collected heap did and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapStatistics {
    /// Collections that ended.
    pub collections: u64,
    /// Bytes of all objects that were ever made.
    pub allocated: u64,
    /// Bytes of memory in use, for objects that live and those whose end is not noticed yet.
    pub used: usize,
    /// Bytes of the objects that the last collection found alive.
    pub live: u64,
    /// How often the program waited for a part of a collection.
    pub pauses: u64,
    /// The longest time that the program waited for a part of a collection.
    pub longest_pause: Duration,
    /// The time of all parts of collections.
    pub collecting: Duration,
}

/// What a collection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Marking,
    Sweeping,
}

/// An object whose references are not all marked.
#[derive(Clone, Copy)]
struct Grey {
    at: u64,
    /// The first element that was not looked at.
    from: u32,
}

/// The objects of a store.
pub(crate) struct Heap {
    engine: Engine,
    /// All types of the engine, by their number, as far as they were needed.
    types: Vec<Arc<TypeDef>>,
    supertypes: Supertypes,
    cells: Cells,
    grey: Vec<Grey>,
    phase: Phase,
    /// Boxed, since compiled code keeps its address.
    view: Box<HeapView>,
    /// Bytes allocated since the last step.
    debt: u64,
    /// Bytes allocated since the last cycle ended.
    since: u64,
    /// How many of them there may be.
    pause: u64,
    /// Bytes of the objects that this cycle has marked.
    marked: u64,
    statistics: HeapStatistics,
}

impl Heap {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            types: Vec::new(),
            supertypes: Supertypes::default(),
            cells: Cells::new(engine.config().gc_stress),
            grey: Vec::new(),
            phase: Phase::Idle,
            view: Box::default(),
            debt: 0,
            since: 0,
            pause: first_pause(engine.config().gc_heap_limit),
            marked: 0,
            statistics: HeapStatistics::default(),
        }
    }

    pub(crate) fn view_address(&self) -> usize {
        self.view.address()
    }

    fn limit(&self) -> usize {
        self.engine.config().gc_heap_limit
    }

    pub(crate) fn statistics(&self) -> HeapStatistics {
        HeapStatistics { used: self.cells.used(), ..self.statistics }
    }

    /// A type by its number.
    fn ty(&mut self, id: TypeId) -> Option<&Arc<TypeDef>> {
        if self.types.len() <= id.0 as usize {
            self.learn_types();
        }
        self.types.get(id.0 as usize)
    }

    /// Takes in the engine's types, so that compiled code can ask for their supertypes. Before code can come across
    /// an object or a function of a new type.
    pub(crate) fn learn_types(&mut self) {
        self.types.extend(self.engine.types_from(self.types.len()));
        self.supertypes.extend(&self.types);
        self.view.set_rows(self.supertypes.rows(), self.supertypes.shift());
    }

    /// Zeroed memory with an object's header. None if there is no room.
    fn place(&mut self, id: TypeId, length: u32) -> Option<u64> {
        let layout = &self.ty(id)?.layout;
        let (kind, size) = (layout.kind, layout.size(length));
        let limit = self.limit();
        let bytes = usize::try_from(size).ok().filter(|size| *size <= limit)?;
        if !self.cells.reserve(limit) {
            return None;
        }
        let at = self.cells.take(bytes, kind as u8)?;
        self.cells.space.write(at + u64::from(TYPE), &id.0.to_le_bytes());
        if kind == Kind::Array {
            self.cells.space.write(at + u64::from(LENGTH), &length.to_le_bytes());
        }
        self.debt += size;
        self.since += size;
        self.statistics.allocated += size;
        Some(at)
    }

    /// Whether an object of this size could ever be made.
    fn can_hold(&mut self, id: TypeId, length: u32) -> bool {
        let limit = self.limit() as u64;
        self.ty(id).is_some_and(|ty| ty.layout.size(length) <= limit)
    }

    /// Marks what `bits` refer to, if that is an object.
    pub(crate) fn mark(&mut self, bits: u64) {
        grey(&mut self.cells, &mut self.grey, bits);
    }

    /// Before a reference in an object is overwritten: it may be the last one to something that is to be marked.
    pub(crate) fn before_overwriting(&mut self, old: u64) {
        if self.phase == Phase::Marking {
            self.mark(old);
        }
    }

    /// Begins a cycle; the roots are to be marked now.
    fn begin_marking(&mut self) {
        self.cells.colour = 3 - self.cells.colour;
        self.phase = Phase::Marking;
        self.marked = 0;
        self.view.set_marking(true);
    }

    /// Looks at marked objects until `budget` bytes of them were seen or none is left.
    fn mark_some(&mut self, budget: u64) {
        let mut seen = 0;
        while seen < budget {
            let Some(next) = self.grey.pop() else {
                self.end_marking();
                return;
            };
            seen += self.scan(next);
        }
    }

    /// Marks what an object refers to; returns how many bytes were looked at.
    fn scan(&mut self, Grey { at, from }: Grey) -> u64 {
        let Self { cells, grey: stack, types, marked, .. } = self;
        let id = cells.space.read_u32(at + u64::from(TYPE));
        let Some(layout) = types.get(id as usize).map(|ty| &ty.layout) else { return 0 };
        if layout.kind != Kind::Array {
            for offset in &layout.references {
                let bits = cells.space.read_u64(at + u64::from(*offset));
                grey(cells, stack, bits);
            }
            *marked += layout.size(0);
            return layout.size(0);
        }
        let length = cells.space.read_u32(at + u64::from(LENGTH));
        if from == 0 {
            *marked += layout.size(length);
        }
        if layout.references.is_empty() {
            return u64::from(ELEMENTS);
        }
        let end = length.min(from.saturating_add(ELEMENTS_AT_ONCE));
        if end < length {
            stack.push(Grey { at, from: end });
        }
        for index in from..end {
            let bits = cells.space.read_u64(at + u64::from(ELEMENTS) + 8 * u64::from(index));
            grey(cells, stack, bits);
        }
        u64::from(ELEMENTS) + 8 * u64::from(end - from)
    }

    fn end_marking(&mut self) {
        self.view.set_marking(false);
        self.statistics.live = self.marked;
        self.cells.begin_sweep();
        self.phase = Phase::Sweeping;
    }

    /// Sweeps some blocks; ends the cycle if all are swept.
    fn sweep_some(&mut self, count: usize) {
        for _ in 0..count {
            if !self.cells.sweep_some() {
                self.phase = Phase::Idle;
                self.statistics.collections += 1;
                self.since = 0;
                let limit = self.limit();
                let room = (limit as u64).saturating_sub(self.marked);
                self.pause = self.marked.max(first_pause(limit)).min(room / 2);
                return;
            }
        }
    }

    /// Does all that is left of the cycle that has begun.
    fn finish_cycle(&mut self) {
        while self.phase == Phase::Marking {
            self.mark_some(u64::MAX);
        }
        while self.phase == Phase::Sweeping {
            self.sweep_some(usize::MAX);
        }
    }

    /// What an object is: its type, and of an array its length. None if `bits` do not refer to an object.
    pub(crate) fn header(&self, bits: u64) -> Option<(TypeId, Kind, u32)> {
        let at = object_address(bits)?;
        let kind = match self.cells.space.read(at + u64::from(KIND)) {
            [1] => Kind::Struct,
            [2] => Kind::Array,
            [3] => Kind::Exception,
            _ => return None,
        };
        let id = TypeId(self.cells.space.read_u32(at + u64::from(TYPE)));
        let length = if kind == Kind::Array { self.cells.space.read_u32(at + u64::from(LENGTH)) } else { 0 };
        Some((id, kind, length))
    }

    /// The type of an object that was found in this heap.
    fn definition(&self, id: TypeId) -> Option<&Arc<TypeDef>> {
        self.types.get(id.0 as usize)
    }

    /// Bytes of an object.
    pub(crate) fn bytes(&self, at: u64, offset: u64, length: usize) -> &[u8] {
        self.cells.space.bytes(at + offset, length)
    }

    /// Bytes of an object. References among them are first shown to [`Heap::before_overwriting`].
    pub(crate) fn bytes_mut(&mut self, at: u64, offset: u64, length: usize) -> &mut [u8] {
        self.cells.space.bytes_mut(at + offset, length)
    }

    /// Copies bytes within the heap; the places may overlap.
    fn copy(&mut self, from: u64, to: u64, length: usize) {
        self.cells.space.copy(from, to, length);
    }

    fn is_marking(&self) -> bool {
        self.phase == Phase::Marking
    }

    fn note_pause(&mut self, pause: Duration) {
        self.statistics.pauses += 1;
        self.statistics.longest_pause = self.statistics.longest_pause.max(pause);
        self.statistics.collecting += pause;
    }
}

/// How much is allocated before the first collection.
fn first_pause(limit: usize) -> u64 {
    PAUSE_MIN.min(limit as u64 / 4)
}

/// The address of the object that a reference outside of the `func` hierarchy is to.
pub(crate) fn object_address(bits: u64) -> Option<u64> {
    (bits != 0 && bits & reference::TAG == 0).then_some(bits)
}

/// Marks what `bits` refer to, if that is an object that is not marked yet.
fn grey(cells: &mut Cells, stack: &mut Vec<Grey>, bits: u64) {
    let Some(at) = object_address(bits) else { return };
    let [kind, colour] = cells.space.read(at + u64::from(KIND));
    assert!(kind != 0, "a reference to an object that is gone: {at:#x}");
    if colour != cells.colour {
        cells.space.write(at + u64::from(layout::COLOUR), &[cells.colour]);
        stack.push(Grey { at, from: 0 });
    }
}
