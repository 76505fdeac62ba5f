//! The frame table of one compiled function: its program points, and the three ways to find one.
//!
//! A frame is found by a native offset. Which lookup applies depends on why the frame is there:
//!
//! - the innermost frame stopped at an operator: [`FrameTable::by_site`], the return address of the patched call;
//! - a frame on a cold path, where everything was stored: [`FrameTable::by_site`] again, the exact offset;
//! - a frame that trapped elsewhere: [`FrameTable::by_trap`], the operator whose code *contains* the offset;
//! - a caller: [`FrameTable::by_call`], the call whose code *ends* at the offset.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    LocalSetId, LocalSets, ModulePc, Operand, ShapeId, SlotLayout, StackShapes, TextOffset, ValueType,
};

/// The state before one operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramPoint {
    /// The operator that is about to run.
    pub pc: ModulePc,
    /// Where the patchable call before it returns to; none in code that cannot stop here.
    pub site: Option<TextOffset>,
    /// The operand stack before the operator.
    pub shape: ShapeId,
    /// The locals that the state slot has.
    pub held: LocalSetId,
}

/// The state of a frame while a call that it made runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSite {
    /// Where the call returns to.
    pub returns_to: TextOffset,
    /// The call operator.
    pub pc: ModulePc,
    /// The operator after it, at which the frame goes on.
    pub next_pc: ModulePc,
    /// The operand stack with the arguments taken and no result pushed.
    pub shape: ShapeId,
    /// The locals that the state slot has.
    pub held: LocalSetId,
}

/// What a compiler hands over to make a [`FrameTable`]. Order does not matter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FrameTableParts {
    /// Types of all locals, parameters first.
    pub locals: Vec<ValueType>,
    /// How many of them are parameters.
    pub params: u32,
    /// Layout of the state slot.
    pub layout: SlotLayout,
    /// The state slot starts this many bytes below the frame pointer.
    pub slot_below_fp: u32,
    /// All stack shapes that the points and calls name.
    pub shapes: StackShapes,
    /// All sets of locals that they name.
    pub local_sets: LocalSets,
    /// One per operator that can be stopped at or can trap.
    pub points: Vec<ProgramPoint>,
    /// States on cold paths, where more is stored than at the operator's point. The site is an offset at which the
    /// frame is found: what a call there returns to, or the instruction that traps.
    pub cold: Vec<ProgramPoint>,
    /// One per call.
    pub calls: Vec<CallSite>,
    /// Where the code of each operator starts: it ends where the next one starts.
    pub spans: Vec<(TextOffset, ModulePc)>,
}

/// What is where in the frames of one compiled function.
#[derive(Clone, Debug)]
pub struct FrameTable {
    locals: Arc<[ValueType]>,
    params: u32,
    layout: SlotLayout,
    slot_below_fp: u32,
    shapes: StackShapes,
    local_sets: LocalSets,
    /// Invariant: sorted by `pc`, at most one each.
    points: Box<[ProgramPoint]>,
    /// Invariant: sorted; (site, index into `points`).
    sites: Box<[(TextOffset, u32)]>,
    /// Invariant: sorted by `site`, which all have.
    cold: Box<[ProgramPoint]>,
    /// Invariant: sorted by `returns_to`.
    calls: Box<[CallSite]>,
    /// Invariant: sorted by offset.
    spans: Box<[(TextOffset, ModulePc)]>,
}

impl FrameTable {
    /// Sorts the parts into a table.
    #[must_use]
    pub fn new(parts: FrameTableParts) -> Self {
        let FrameTableParts { locals, params, layout, slot_below_fp, shapes, local_sets, .. } = parts;
        let FrameTableParts { mut points, mut cold, mut calls, mut spans, .. } = parts;
        cold.retain(|point| point.site.is_some());
        cold.sort_by_key(|point| point.site);
        points.sort_by_key(|point| point.pc);
        points.dedup_by_key(|point| point.pc);
        calls.sort_by_key(|call| call.returns_to);
        spans.sort_by_key(|span| span.0);
        let mut sites: Vec<_> = points
            .iter()
            .zip(0..)
            .filter_map(|(point, index)| point.site.map(|site| (site, index)))
            .collect();
        sites.sort_unstable();
        Self {
            locals: locals.into(),
            params,
            layout,
            slot_below_fp,
            shapes,
            local_sets,
            points: points.into(),
            sites: sites.into(),
            cold: cold.into(),
            calls: calls.into(),
            spans: spans.into(),
        }
    }

    /// Types of all locals, parameters first.
    #[must_use]
    pub fn locals(&self) -> &[ValueType] {
        &self.locals
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_locals(&self) -> Arc<[ValueType]> {
        Arc::clone(&self.locals)
    }

    /// Whether a local is none of the parameters: where the function is entered, it is zero.
    #[must_use]
    pub fn is_zero_at_entry(&self, local: u32) -> bool {
        local >= self.params
    }

    /// Layout of the state slot.
    #[must_use]
    pub fn layout(&self) -> SlotLayout {
        self.layout
    }

    /// The state slot starts this many bytes below the frame pointer.
    #[must_use]
    pub fn slot_below_fp(&self) -> u32 {
        self.slot_below_fp
    }

    /// The operands of a shape of this function, bottom first.
    #[must_use]
    pub fn operands(&self, shape: ShapeId) -> Vec<Operand> {
        self.shapes.operands(shape)
    }

    /// Whether the state slot has a local, at a point or call of this function with this set.
    #[must_use]
    pub fn holds(&self, held: LocalSetId, local: u32) -> bool {
        self.local_sets.contains(held, local)
    }

    /// All points, by ascending PC.
    #[must_use]
    pub fn points(&self) -> &[ProgramPoint] {
        &self.points
    }

    /// All calls, by ascending native offset.
    #[must_use]
    pub fn calls(&self) -> &[CallSite] {
        &self.calls
    }

    /// The point at `pc`, or else the next one after it in this function: the *slip* of a breakpoint.
    #[must_use]
    pub fn at_or_after(&self, pc: ModulePc) -> Option<&ProgramPoint> {
        let from = self.points.partition_point(|point| point.pc < pc);
        self.points.get(from)
    }

    /// The point whose patchable call returns to `site`, or the state of a cold path there.
    #[must_use]
    pub fn by_site(&self, site: TextOffset) -> Option<&ProgramPoint> {
        if let Ok(found) = self.cold.binary_search_by_key(&Some(site), |point| point.site) {
            return self.cold.get(found);
        }
        let found = self.sites.binary_search_by_key(&site, |entry| entry.0).ok()?;
        let (_, index) = self.sites.get(found)?;
        self.points.get(usize::try_from(*index).ok()?)
    }

    /// The call that returns to `offset`.
    #[must_use]
    pub fn by_call(&self, offset: TextOffset) -> Option<&CallSite> {
        let found = self.calls.binary_search_by_key(&offset, |call| call.returns_to).ok()?;
        self.calls.get(found)
    }

    /// The cold path's state at `offset`, or else the point of the operator whose code contains it.
    #[must_use]
    pub fn by_trap(&self, offset: TextOffset) -> Option<&ProgramPoint> {
        if let Ok(found) = self.cold.binary_search_by_key(&Some(offset), |point| point.site) {
            return self.cold.get(found);
        }
        let after = self.spans.partition_point(|span| span.0 <= offset);
        let (_, pc) = self.spans.get(after.checked_sub(1)?)?;
        let found = self.points.binary_search_by_key(pc, |point| point.pc).ok()?;
        self.points.get(found)
    }

    /// The call right before the operator at `next_pc`.
    #[must_use]
    pub fn call_before(&self, next_pc: ModulePc) -> Option<&CallSite> {
        self.calls.iter().find(|call| call.next_pc == next_pc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;

    /// Three operators at 10, 12 and 13; the second is a call, the third has code before the first's.
    fn table() -> FrameTable {
        let mut shapes = StackShapes::default();
        let one = shapes.push(StackShapes::EMPTY, Operand { ty: ValueType::I32, place: Place::Slot });
        let held = LocalSets::ALL;
        let point =
            |pc, site, shape| ProgramPoint { pc: ModulePc(pc), site: Some(TextOffset(site)), shape, held };
        FrameTable::new(FrameTableParts {
            locals: vec![ValueType::I32],
            params: 1,
            layout: SlotLayout::new(1, false),
            slot_below_fp: 64,
            shapes,
            local_sets: LocalSets::default(),
            cold: vec![point(12, 22, StackShapes::EMPTY)],
            points: vec![point(13, 5, one), point(10, 20, StackShapes::EMPTY), point(12, 30, one)],
            calls: vec![CallSite {
                returns_to: TextOffset(38),
                pc: ModulePc(12),
                next_pc: ModulePc(13),
                shape: StackShapes::EMPTY,
                held,
            }],
            spans: vec![
                (TextOffset(15), ModulePc(10)),
                (TextOffset(25), ModulePc(12)),
                (TextOffset(0), ModulePc(13)),
            ],
        })
    }

    #[test]
    fn a_breakpoint_slips_to_the_next_operator() {
        let table = table();
        let slipped = |pc| table.at_or_after(ModulePc(pc)).map(|point| point.pc.0);
        assert_eq!(
            [slipped(0), slipped(10), slipped(11), slipped(13), slipped(14)],
            [Some(10), Some(10), Some(12), Some(13), None]
        );
    }

    #[test]
    fn a_stop_is_found_by_its_site_only() {
        let table = table();
        assert_eq!(table.by_site(TextOffset(20)).map(|point| point.pc), Some(ModulePc(10)));
        assert_eq!(table.by_site(TextOffset(21)), None);
    }

    #[test]
    fn a_cold_path_has_a_state_of_its_own() {
        let table = table();
        assert_eq!(table.by_site(TextOffset(22)).map(|point| point.pc), Some(ModulePc(12)));
        assert_eq!(table.by_trap(TextOffset(22)).map(|point| point.shape), Some(StackShapes::EMPTY));
        assert_eq!(table.by_trap(TextOffset(23)).map(|point| point.pc), Some(ModulePc(10)));
    }

    #[test]
    fn a_trap_is_found_by_the_code_around_it_and_a_caller_by_the_call_that_ends_there() {
        let table = table();
        let trapped = |offset| table.by_trap(TextOffset(offset)).map(|point| point.pc.0);
        assert_eq!(
            [trapped(0), trapped(14), trapped(15), trapped(24), trapped(99)],
            [Some(13), Some(13), Some(10), Some(10), Some(12)]
        );
        assert_eq!(table.by_call(TextOffset(38)).map(|call| call.next_pc), Some(ModulePc(13)));
        assert_eq!(table.by_call(TextOffset(37)), None);
        assert_eq!(table.call_before(ModulePc(13)).map(|call| call.pc), Some(ModulePc(12)));
    }
}
