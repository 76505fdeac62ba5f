//! Stack shapes: the types of the operands at a point, and how to find each value.
//!
//! Why a shared-tail list? Neighbouring points differ by an operand or two at the top. A shape is a node that names
//! its top operand and the shape below it, so a function has about as many nodes as it has pushes.

use crate::ValueType;
use serde::{Deserialize, Serialize};

/// Where an operand's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Place {
    /// In the operand's own place of the state slot.
    Slot,
    /// Nowhere: it is this constant (the bits of an integer or float, zero-extended; 0 is the null reference).
    Constant(u64),
    /// In this local, which has not been written since the operand was pushed.
    Local(u32),
    /// Where no debugger can find it: in a register of code that has not stored it.
    Unknown,
}

/// One operand of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Operand {
    /// Its type.
    pub ty: ValueType,
    /// How to find its value.
    pub place: Place,
}

/// Names a shape in its [`StackShapes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShapeId(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Node {
    below: ShapeId,
    height: u32,
    top: Operand,
}

/// All stack shapes of one function.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StackShapes {
    /// Node `i` is shape `i + 1`; shape 0 is the empty stack.
    nodes: Vec<Node>,
}

impl StackShapes {
    /// The shape of an empty operand stack.
    pub const EMPTY: ShapeId = ShapeId(0);

    /// The shape with `top` on top of `below`.
    pub fn push(&mut self, below: ShapeId, top: Operand) -> ShapeId {
        let height = self.height(below) + 1;
        self.nodes.push(Node { below, height, top });
        ShapeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX))
    }

    /// How many operands a shape has.
    #[must_use]
    pub fn height(&self, shape: ShapeId) -> u32 {
        self.node(shape).map_or(0, |node| node.height)
    }

    /// The operands of a shape, bottom first.
    #[must_use]
    pub fn operands(&self, shape: ShapeId) -> Vec<Operand> {
        let mut operands = Vec::new();
        let mut at = shape;
        while let Some(node) = self.node(at) {
            operands.push(node.top);
            at = node.below;
        }
        operands.reverse();
        operands
    }

    fn node(&self, shape: ShapeId) -> Option<&Node> {
        let index = shape.0.checked_sub(1)?;
        self.nodes.get(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_share_their_tails() {
        let mut shapes = StackShapes::default();
        let one = Operand { ty: ValueType::I32, place: Place::Constant(1) };
        let two = Operand { ty: ValueType::F64, place: Place::Local(4) };
        let a = shapes.push(StackShapes::EMPTY, one);
        let b = shapes.push(a, two);
        let c = shapes.push(a, one);
        assert_eq!(shapes.operands(b), [one, two]);
        assert_eq!(shapes.operands(c), [one, one]);
        assert_eq!(shapes.operands(StackShapes::EMPTY), []);
        assert_eq!((shapes.height(c), shapes.height(StackShapes::EMPTY)), (2, 0));
    }
}
