//! The layout of a state slot, shared by the translator that writes it and the cursor that reads it.

use serde::{Deserialize, Serialize};

/// Offsets within one function's state slot, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotLayout {
    stride: u32,
    locals: u32,
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
        Self { stride: if has_v128 { 16 } else { 8 }, locals }
    }

    /// The place of a local, by index.
    #[must_use]
    pub const fn local(self, index: u32) -> u32 {
        HEADER + index * self.stride
    }

    /// The place of an operand; height 0 is the bottom of the operand stack.
    #[must_use]
    pub const fn operand(self, height: u32) -> u32 {
        HEADER + (self.locals + height) * self.stride
    }

    /// Bytes of a slot whose operand stack reaches `max_height` entries.
    #[must_use]
    pub const fn size(self, max_height: u32) -> u32 {
        self.operand(max_height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_do_not_overlap_and_vectors_stay_aligned() {
        let narrow = SlotLayout::new(3, false);
        assert_eq!((narrow.local(0), narrow.local(2), narrow.operand(0)), (16, 32, 40));
        let wide = SlotLayout::new(3, true);
        assert_eq!((wide.local(0), wide.operand(0), wide.size(2)), (16, 64, 96));
        assert!((0..8).all(|i| wide.local(i).is_multiple_of(16) && wide.operand(i).is_multiple_of(16)));
    }
}
