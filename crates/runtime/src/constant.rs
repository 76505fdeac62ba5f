//! Evaluating constant expressions: initial values, segment offsets. They can make objects.

use crate::error::Error;
use crate::module::{ConstExpr, ConstOp};
use crate::store::Store;
use crate::trap::{Failure, TrapCode};
use crate::value::Value;
use crate::vm::offsets::reference;
use frame_table::TypeId;

/// An operand: its bits, and whether they may refer to an object.
type Operand = (u128, bool);

impl Store {
    /// The bits of a constant expression of an instance.
    ///
    /// # Errors
    /// When it makes objects and the heap is full.
    pub(crate) fn evaluate(&mut self, instance: usize, expr: &ConstExpr) -> Result<u128, Error> {
        self.constant(instance, expr).map_err(|code| Error::Start(Failure::Trap(code)))
    }

    /// The bits of a constant expression of an instance. The validator made sure that it is well-formed.
    ///
    /// # Errors
    /// When it makes objects and the heap is full.
    pub(crate) fn constant(&mut self, instance: usize, expr: &ConstExpr) -> Result<u128, TrapCode> {
        let mut stack: Vec<Operand> = Vec::new();
        for op in &expr.ops {
            let value = match *op {
                ConstOp::I32(value) => (u128::from(value.cast_unsigned()), false),
                ConstOp::I64(value) => (u128::from(value.cast_unsigned()), false),
                ConstOp::F32(bits) => (u128::from(bits), false),
                ConstOp::F64(bits) => (u128::from(bits), false),
                ConstOp::V128(bits) => (bits, false),
                ConstOp::RefNull => (0, false),
                ConstOp::RefI31 => {
                    let value = pop(&mut stack) & 0x7fff_ffff;
                    ((value << 1) | u128::from(reference::I31), false)
                }
                ConstOp::RefFunc(index) => {
                    let handle = self.instances[instance].function(index);
                    (self.bits_of(Value::FuncRef(handle)), false)
                }
                ConstOp::GlobalGet(index) => {
                    let global = self.instances[instance].globals.get(index as usize);
                    global
                        .and_then(|global| self.globals.get(*global))
                        .map_or((0, false), |(global, ty)| (global.get(), ty.content.holds_objects()))
                }
                ConstOp::I32Add | ConstOp::I32Sub | ConstOp::I32Mul => {
                    (arithmetic(*op, &mut stack) & u128::from(u32::MAX), false)
                }
                ConstOp::I64Add | ConstOp::I64Sub | ConstOp::I64Mul => {
                    (arithmetic(*op, &mut stack) & u128::from(u64::MAX), false)
                }
                ConstOp::StructNew(ty)
                | ConstOp::StructNewDefault(ty)
                | ConstOp::ArrayNew(ty)
                | ConstOp::ArrayNewDefault(ty)
                | ConstOp::ArrayNewFixed(ty, _) => {
                    (self.constant_object(self.instances[instance].type_id(ty), *op, &mut stack)?, true)
                }
            };
            stack.push(value);
        }
        Ok(pop(&mut stack))
    }

    fn constant_object(
        &mut self,
        ty: Option<TypeId>,
        op: ConstOp,
        stack: &mut Vec<Operand>,
    ) -> Result<u128, TrapCode> {
        let ty = ty.ok_or(TrapCode::HeapExhausted)?;
        let mut length = 0;
        if matches!(op, ConstOp::ArrayNew(_) | ConstOp::ArrayNewDefault(_)) {
            length = u32::try_from(pop(stack) & u128::from(u32::MAX)).unwrap_or_default();
        }
        let count = match op {
            ConstOp::StructNew(_) => self.num_fields(ty),
            ConstOp::ArrayNew(_) => 1,
            ConstOp::ArrayNewFixed(_, count) => {
                length = count;
                count as usize
            }
            _ => 0,
        };
        // What is on the stack is held by nobody else.
        let held: Vec<u64> =
            stack.iter().filter(|value| value.1).filter_map(|value| u64::try_from(value.0).ok()).collect();
        let object = self.allocate_object(ty, length, &held)?;
        let values = stack.split_off(stack.len().saturating_sub(count));
        let values: Vec<u128> = values.into_iter().map(|value| value.0).collect();
        match (op, values.first()) {
            (ConstOp::ArrayNew(_), Some(value)) => self.fill_array(object, 0, *value, length)?,
            _ => self.fill_fields(object, &values),
        }
        Ok(u128::from(object))
    }
}

fn pop(stack: &mut Vec<Operand>) -> u128 {
    stack.pop().unwrap_or_default().0
}

fn arithmetic(op: ConstOp, stack: &mut Vec<Operand>) -> u128 {
    let right = pop(stack);
    let left = pop(stack);
    match op {
        ConstOp::I32Add | ConstOp::I64Add => left.wrapping_add(right),
        ConstOp::I32Sub | ConstOp::I64Sub => left.wrapping_sub(right),
        _ => left.wrapping_mul(right),
    }
}
