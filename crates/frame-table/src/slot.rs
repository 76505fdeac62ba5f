//! The layout of a state slot, shared by the translator that writes it and the cursor that reads it.

use crate::LocalSet;
use std::sync::Arc;

/// Offsets within one function's state slot, in bytes from its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotLayout {
    stride: u32,
    /// How many locals have places.
    locals: u32,
    /// Which of them these are, ascending; none if all have.
    kept: Option<Arc<[u32]>>,
}

/// Bytes before the first local: the vmctx pointer, padded so that a `v128` place stays aligned.
const HEADER: u32 = 16;

impl SlotLayout {
    /// Where the vmctx pointer is kept.
    pub const VMCTX: u32 = 0;

    /// A layout for a function with `locals` locals, parameters included. Places are 16 bytes apart if a `v128` may
    /// stand in one of them, else 8.
    #[must_use]
    pub const fn new(locals: u32, has_v128: bool) -> Self {
        Self { stride: if has_v128 { 16 } else { 8 }, locals, kept: None }
    }

    /// The same with places for the locals of `kept` only. Small frames are fast.
    #[must_use]
    pub fn keeping(&self, kept: &LocalSet) -> Self {
        let kept: Arc<[u32]> = kept.iter().collect();
        Self { stride: self.stride, locals: u32::try_from(kept.len()).unwrap_or(u32::MAX), kept: Some(kept) }
    }

    /// The place of a local, by index, if it has one.
    #[must_use]
    pub fn local(&self, index: u32) -> Option<u32> {
        let position = match &self.kept {
            None => index,
            Some(kept) => u32::try_from(kept.binary_search(&index).ok()?).ok()?,
        };
        Some(HEADER + position * self.stride)
    }

    /// The place of an operand; height 0 is the bottom of the operand stack.
    #[must_use]
    pub const fn operand(&self, height: u32) -> u32 {
        HEADER + (self.locals + height) * self.stride
    }

    /// Bytes of a slot whose operand stack reaches `max_height` entries.
    #[must_use]
    pub const fn size(&self, max_height: u32) -> u32 {
        self.operand(max_height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_do_not_overlap_and_vectors_stay_aligned() {
        let narrow = SlotLayout::new(3, false);
        assert_eq!((narrow.local(0), narrow.local(2), narrow.operand(0)), (Some(16), Some(32), 40));
        let wide = SlotLayout::new(3, true);
        assert_eq!((wide.local(0), wide.operand(0), wide.size(2)), (Some(16), 64, 96));
        let is_aligned = |offset: u32| offset.is_multiple_of(16);
        assert!((0..8).all(|i| wide.local(i).is_some_and(is_aligned) && is_aligned(wide.operand(i))));
    }

    #[test]
    fn only_locals_that_are_kept_have_places() {
        let mut kept = LocalSet::default();
        kept.insert(70);
        kept.insert(3);
        let layout = SlotLayout::new(100, false).keeping(&kept);
        assert_eq!([3, 4, 70].map(|index| layout.local(index)), [Some(16), None, Some(24)]);
        assert_eq!(layout.operand(0), 32);
    }
}
