//! Constant expressions: initial values and segment offsets, decoded once and evaluated at instantiation.

use crate::error::Error;
use wasmparser::Operator;

/// One operator of a constant expression.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ConstOp {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    GlobalGet(u32),
    RefFunc(u32),
    RefNull,
    /// An `i32` becomes an `i31`.
    RefI31,
    // These name the type by its index in the module.
    StructNew(u32),
    StructNewDefault(u32),
    ArrayNew(u32),
    ArrayNewDefault(u32),
    /// With the number of elements.
    ArrayNewFixed(u32, u32),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

/// A constant expression, in postfix order.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConstExpr {
    pub(crate) ops: Vec<ConstOp>,
}

impl ConstExpr {
    pub(crate) fn of(op: ConstOp) -> Self {
        Self { ops: vec![op] }
    }

    pub(crate) fn read(expr: &wasmparser::ConstExpr<'_>) -> Result<Self, Error> {
        let mut ops = Vec::new();
        let mut reader = expr.get_operators_reader();
        while !reader.eof() {
            let offset = reader.original_position();
            ops.push(match reader.read()? {
                Operator::End => continue,
                Operator::I32Const { value } => ConstOp::I32(value),
                Operator::I64Const { value } => ConstOp::I64(value),
                Operator::F32Const { value } => ConstOp::F32(value.bits()),
                Operator::F64Const { value } => ConstOp::F64(value.bits()),
                Operator::V128Const { value } => ConstOp::V128(u128::from_le_bytes(*value.bytes())),
                Operator::GlobalGet { global_index } => ConstOp::GlobalGet(global_index),
                Operator::RefFunc { function_index } => ConstOp::RefFunc(function_index),
                Operator::RefNull { .. } => ConstOp::RefNull,
                Operator::RefI31 => ConstOp::RefI31,
                Operator::StructNew { struct_type_index } => ConstOp::StructNew(struct_type_index),
                Operator::StructNewDefault { struct_type_index } => {
                    ConstOp::StructNewDefault(struct_type_index)
                }
                Operator::ArrayNew { array_type_index } => ConstOp::ArrayNew(array_type_index),
                Operator::ArrayNewDefault { array_type_index } => ConstOp::ArrayNewDefault(array_type_index),
                Operator::ArrayNewFixed { array_type_index, array_size } => {
                    ConstOp::ArrayNewFixed(array_type_index, array_size)
                }
                // The same bits in both hierarchies.
                Operator::AnyConvertExtern | Operator::ExternConvertAny => continue,
                Operator::I32Add => ConstOp::I32Add,
                Operator::I32Sub => ConstOp::I32Sub,
                Operator::I32Mul => ConstOp::I32Mul,
                Operator::I64Add => ConstOp::I64Add,
                Operator::I64Sub => ConstOp::I64Sub,
                Operator::I64Mul => ConstOp::I64Mul,
                other => {
                    return Err(Error::Unsupported {
                        offset: super::parse::position(offset),
                        what: format!("constant operator {other:?}"),
                    });
                }
            });
        }
        Ok(Self { ops })
    }
}
