//! Vectors: each operator is a line of a table, as in `numeric.rs`; a file of tables per kind of operator.
//!
//! A `v128` is kept as sixteen bytes. An operator that has lanes of another type takes the same bits as that type.

mod float;
mod integer;
mod lane;
mod memory;
mod width;

use super::function::FunctionTranslator;
use crate::value::ValueType;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{I8, I8X16, I16, I32, I32X4};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value};
use cranelift_frontend::FunctionBuilder;
use wasmparser::Operator;

type Unary = fn(&mut FunctionBuilder<'_>, Value) -> Value;
type Binary = fn(&mut FunctionBuilder<'_>, Value, Value) -> Value;
type Ternary = fn(&mut FunctionBuilder<'_>, Value, Value, Value) -> Value;

/// How an operator is translated; the types are those of its operands' lanes.
enum Form {
    Unary(Type, Unary),
    Binary(Type, Binary),
    Ternary(Type, Ternary),
    /// A vector and a number of bits.
    Shift(Type, Binary),
    Compare(Type, IntCC),
    CompareFloat(Type, FloatCC),
    /// A vector to a truth value.
    Truth(Type, Unary),
    /// The highest bit of each lane.
    Bits(Type),
    /// Bits of the first operand where the third has ones, else of the second.
    Select,
    Splat(Type),
    Extract(Type, u8, Wide),
    Replace(Type, u8),
    Shuffle([u8; 16]),
    Constant([u8; 16]),
    /// Sums of four neighbouring products, added to the third operand.
    Dot,
}

/// How a lane that is narrower than its scalar is extended.
#[derive(Clone, Copy)]
enum Wide {
    Same,
    Signed,
    Unsigned,
}

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn simd_operator(&mut self, operator: &Operator<'_>) -> bool {
        let form = integer::arithmetic(operator)
            .or_else(|| integer::comparison(operator))
            .or_else(|| float::arithmetic(operator))
            .or_else(|| float::conversion(operator))
            .or_else(|| width::width(operator))
            .or_else(|| width::product(operator))
            .or_else(|| lane::lane(operator));
        match form {
            Some(form) => self.simd(form),
            None => return self.simd_memory_operator(operator),
        }
        true
    }

    fn simd(&mut self, form: Form) {
        let value = match form {
            Form::Unary(ty, emit) => {
                let x = self.pop_lanes(ty);
                emit(&mut self.builder, x)
            }
            Form::Binary(ty, emit) => {
                let [y, x] = [self.pop_lanes(ty), self.pop_lanes(ty)];
                emit(&mut self.builder, x, y)
            }
            Form::Ternary(ty, emit) => {
                let [z, y, x] = [self.pop_lanes(ty), self.pop_lanes(ty), self.pop_lanes(ty)];
                emit(&mut self.builder, x, y, z)
            }
            Form::Shift(ty, emit) => {
                let amount = self.pop();
                let x = self.pop_lanes(ty);
                emit(&mut self.builder, x, amount)
            }
            Form::Compare(ty, condition) => {
                let [y, x] = [self.pop_lanes(ty), self.pop_lanes(ty)];
                self.builder.ins().icmp(condition, x, y)
            }
            Form::CompareFloat(ty, condition) => {
                let [y, x] = [self.pop_lanes(ty), self.pop_lanes(ty)];
                self.builder.ins().fcmp(condition, x, y)
            }
            Form::Select => {
                let [mask, y, x] = [self.pop(), self.pop(), self.pop()];
                self.builder.ins().bitselect(mask, x, y)
            }
            Form::Dot => {
                let sum = self.pop_lanes(I32X4);
                let [y, x] = [self.pop_lanes(I8X16), self.pop_lanes(I8X16)];
                let products = width::dot(&mut self.builder, x, y);
                let [low, high] =
                    [self.builder.ins().swiden_low(products), self.builder.ins().swiden_high(products)];
                let sums = self.builder.ins().iadd_pairwise(low, high);
                self.builder.ins().iadd(sums, sum)
            }
            Form::Constant(bytes) => {
                let constant = self.builder.func.dfg.constants.insert(bytes.as_slice().into());
                self.builder.ins().vconst(I8X16, constant)
            }
            Form::Shuffle(lanes) => {
                let [y, x] = [self.pop(), self.pop()];
                let mask = self.builder.func.dfg.immediates.push(lanes.as_slice().into());
                self.builder.ins().shuffle(x, y, mask)
            }
            Form::Splat(ty) => {
                let lane = self.pop_lane(ty);
                self.builder.ins().splat(ty, lane)
            }
            Form::Replace(ty, index) => {
                let lane = self.pop_lane(ty);
                let x = self.pop_lanes(ty);
                self.builder.ins().insertlane(x, lane, index)
            }
            scalar => return self.simd_to_scalar(scalar),
        };
        self.push_lanes(value);
    }

    /// What leaves a scalar.
    fn simd_to_scalar(&mut self, form: Form) {
        match form {
            Form::Truth(ty, emit) => {
                let x = self.pop_lanes(ty);
                let truth = emit(&mut self.builder, x);
                let truth = self.builder.ins().uextend(I32, truth);
                self.push(ValueType::I32, truth);
            }
            Form::Bits(ty) => {
                let x = self.pop_lanes(ty);
                let bits = self.builder.ins().vhigh_bits(I32, x);
                self.push(ValueType::I32, bits);
            }
            Form::Extract(ty, index, wide) => {
                let x = self.pop_lanes(ty);
                let lane = self.builder.ins().extractlane(x, index);
                let lane = match wide {
                    Wide::Same => lane,
                    Wide::Signed => self.builder.ins().sextend(I32, lane),
                    Wide::Unsigned => self.builder.ins().uextend(I32, lane),
                };
                self.push(scalar_type(ty), lane);
            }
            _ => {}
        }
    }

    fn pop_lanes(&mut self, ty: Type) -> Value {
        let value = self.pop();
        bits(&mut self.builder, ty, value)
    }

    /// Pops a scalar and cuts it down to a lane of `ty`.
    fn pop_lane(&mut self, ty: Type) -> Value {
        let value = self.pop();
        let lane = ty.lane_type();
        if lane == I8 || lane == I16 { self.builder.ins().ireduce(lane, value) } else { value }
    }

    fn push_lanes(&mut self, value: Value) {
        let value = bits(&mut self.builder, I8X16, value);
        self.push(ValueType::V128, value);
    }
}

/// The scalar that a lane of `ty` is taken out as.
fn scalar_type(ty: Type) -> ValueType {
    use cranelift_codegen::ir::types::{F32X4, F64X2, I64X2};
    match ty {
        I64X2 => ValueType::I64,
        F32X4 => ValueType::F32,
        F64X2 => ValueType::F64,
        _ => ValueType::I32,
    }
}

/// The same bits with lanes of another type.
fn bits(b: &mut FunctionBuilder<'_>, ty: Type, value: Value) -> Value {
    if b.func.dfg.value_type(value) == ty {
        return value;
    }
    b.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), value)
}
