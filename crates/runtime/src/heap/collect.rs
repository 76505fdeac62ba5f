//! When the heap is collected, and what the roots are.

use super::{Heap, HeapStatistics, MARK_MAX, MARK_RATIO, Phase, STEP, SWEEP_BLOCKS};
use crate::store::Store;
use crate::trap::TrapCode;
use crate::unwind::frame_references;
use frame_table::{TypeId, ValueType};
use std::time::Instant;

impl Store {
    /// Memory for an object, zeroed but for its header; `length` is an array's. `held` are references that nobody but
    /// the caller holds, which stay alive.
    ///
    /// # Errors
    /// When the heap is full.
    pub(crate) fn allocate_object(&mut self, ty: TypeId, length: u32, held: &[u64]) -> Result<u64, TrapCode> {
        if self.engine().config().gc_stress {
            self.collect(held);
        } else if self.heap.debt >= STEP {
            self.step_collection(held);
        }
        if let Some(at) = self.heap.place(ty, length) {
            return Ok(at);
        }
        if self.heap.can_hold(ty, length) {
            self.collect(held);
        }
        self.heap.place(ty, length).ok_or(TrapCode::HeapExhausted)
    }

    /// Collects all garbage, at once. The runtime does so by itself, in small steps, while objects are made.
    pub fn collect_garbage(&mut self) {
        self.collect(&[]);
    }

    /// What the garbage-collected heap did and holds.
    #[must_use]
    pub fn heap_statistics(&self) -> HeapStatistics {
        self.heap.statistics()
    }

    /// In stress mode: collects, since this is a place where a collection may happen. Not before there is any object.
    pub(crate) fn collect_if_stressed(&mut self) {
        if self.engine().config().gc_stress && self.heap.statistics().used > 0 {
            self.collect(&[]);
        }
    }

    /// A whole cycle, after what is left of the one that has begun.
    fn collect(&mut self, held: &[u64]) {
        let start = Instant::now();
        self.heap.finish_cycle();
        if self.mark_roots(held) {
            self.heap.finish_cycle();
        }
        self.heap.note_pause(start.elapsed());
    }

    /// The part of a collection that is due.
    fn step_collection(&mut self, held: &[u64]) {
        let debt = std::mem::take(&mut self.heap.debt);
        if self.heap.phase == Phase::Idle && self.heap.since < self.heap.pause {
            return;
        }
        let start = Instant::now();
        match self.heap.phase {
            Phase::Idle => {
                self.mark_roots(held);
            }
            Phase::Marking => self.heap.mark_some((debt * MARK_RATIO).min(MARK_MAX)),
            Phase::Sweeping => self.heap.sweep_some(SWEEP_BLOCKS),
        }
        self.heap.note_pause(start.elapsed());
    }

    /// Begins a cycle with everything that the program and the host hold. False, and no cycle, if a frame on the
    /// stack is not understood.
    fn mark_roots(&mut self, held: &[u64]) -> bool {
        let Some(in_frames) = frame_references(self) else {
            tracing::error!("a frame without a description; no garbage is collected");
            return false;
        };
        let Self { heap, roots, globals, tables, instances, .. } = self;
        heap.begin_marking();
        mark_all(heap, in_frames);
        mark_all(heap, held.iter().copied());
        mark_all(heap, roots.borrow().objects());
        for (global, _) in globals.iter().filter(|(_, ty)| ty.content.holds_objects()) {
            heap.mark(u64::try_from(global.get()).unwrap_or_default());
        }
        for table in tables.iter().filter(|table| ValueType::Ref(table.ty().element).holds_objects()) {
            mark_all(heap, table.elements().iter().copied());
        }
        for instance in instances.iter() {
            for segment in instance.segments_of_objects() {
                mark_all(heap, segment.iter().copied());
            }
        }
        true
    }
}

fn mark_all(heap: &mut Heap, references: impl IntoIterator<Item = u64>) {
    for bits in references {
        heap.mark(bits);
    }
}
