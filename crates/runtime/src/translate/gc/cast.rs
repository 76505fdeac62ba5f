//! Casts: `ref.test`, `ref.cast`, and the branches on them.
//!
//! A reference to an object knows its defined type by number; functions know theirs in the `FuncRef`. Whether that
//! type extends the wanted one is seen in its row of supertypes (`heap/supertypes.rs`).

use crate::error::Error;
use crate::heap::{KIND, Kind, TYPE};
use crate::module::narrow_offset;
use crate::translate::function::FunctionTranslator;
use crate::translate::reference::non_null;
use crate::trap::TrapCode;
use crate::types::TypeDef;
use crate::value::{HeapType, RefType, ValueType};
use crate::vm::offsets::{self, func_ref, reference};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Value, types};
use std::sync::Arc;
use wasmparser::Operator;

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    ///
    /// # Errors
    /// When it names a type that this runtime does not have.
    pub(super) fn cast_operator(&mut self, operator: &Operator<'_>) -> Result<bool, Error> {
        match *operator {
            Operator::RefTestNonNull { hty } => self.ref_test(&self.cast_target(false, hty)?),
            Operator::RefTestNullable { hty } => self.ref_test(&self.cast_target(true, hty)?),
            Operator::RefCastNonNull { hty } => self.ref_cast(&self.cast_target(false, hty)?),
            Operator::RefCastNullable { hty } => self.ref_cast(&self.cast_target(true, hty)?),
            Operator::BrOnCast { relative_depth, to_ref_type: to, .. } => {
                self.branch_on_cast(relative_depth, &self.cast_target(to.is_nullable(), to.heap_type())?);
            }
            Operator::BrOnCastFail { relative_depth, to_ref_type: to, .. } => {
                self.branch_on_cast_fail(
                    relative_depth,
                    &self.cast_target(to.is_nullable(), to.heap_type())?,
                );
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn cast_target(&self, nullable: bool, heap: wasmparser::HeapType) -> Result<Target, Error> {
        let defined = match heap {
            wasmparser::HeapType::Concrete(index) => {
                index.as_module_index().map(|index| self.type_def(index))
            }
            _ => None,
        };
        Ok(Target { ty: RefType { nullable, heap: self.info.heap_type(heap)? }, defined })
    }

    fn ref_test(&mut self, to: &Target) {
        let from = self.state.top_type();
        let value = self.pop();
        let is = self.is_of_type(value, from, to);
        self.push(ValueType::I32, is);
    }

    fn ref_cast(&mut self, to: &Target) {
        let from = self.state.top_type();
        let value = self.pop();
        let is = self.is_of_type(value, from, to);
        self.trap_if_zero(is, TrapCode::CastFailure);
        self.push(ValueType::Ref(to.ty), value);
    }

    fn branch_on_cast(&mut self, depth: u32, to: &Target) {
        let from = self.state.top_type();
        let value = self.pop();
        let is = self.is_of_type(value, from, to);
        let next = self.split(is);
        self.push(ValueType::Ref(to.ty), value);
        self.branch(depth);
        self.state.drop_top();
        self.go_on(next);
        self.push(without(from, to.ty), value);
    }

    fn branch_on_cast_fail(&mut self, depth: u32, to: &Target) {
        let from = self.state.top_type();
        let value = self.pop();
        let is = self.is_of_type(value, from, to);
        let is_not = self.builder.ins().icmp_imm_s(IntCC::Equal, is, 0);
        let next = self.split(is_not);
        self.push(without(from, to.ty), value);
        self.branch(depth);
        self.state.drop_top();
        self.go_on(next);
        self.push(ValueType::Ref(to.ty), value);
    }

    /// An `i32`: whether a reference that is known to be of type `from` is of type `to`.
    fn is_of_type(&mut self, value: Value, from: ValueType, to: &Target) -> Value {
        let done = self.builder.create_block();
        let is = self.builder.append_block_param(done, types::I32);
        let ValueType::Ref(from) = from else { return self.iconst32(0) };
        if from.nullable {
            let null = self.builder.ins().icmp_imm_s(IntCC::Equal, value, 0);
            self.answer_if(null, done, u32::from(to.ty.nullable));
        }
        let answer = self.is_of_heap_type(value, from.heap, to, done);
        self.builder.ins().jump(done, &[BlockArg::Value(answer)]);
        self.go_on(done);
        is
    }

    /// The same for a reference that is not null; may go to `done` with the answer.
    fn is_of_heap_type(&mut self, value: Value, from: HeapType, to: &Target, done: Block) -> Value {
        if let Some(wanted) = &to.defined {
            let found = if wanted.func().is_some() {
                self.load_type(value, func_ref::SIGNATURE)
            } else {
                self.must_be_object(value, from, done);
                self.load_type(value, narrow_offset(u64::from(TYPE)))
            };
            return self.extends(found, wanted);
        }
        match to.ty.heap {
            HeapType::Func | HeapType::Any | HeapType::Extern | HeapType::Exn => self.iconst32(1),
            HeapType::NoFunc | HeapType::None | HeapType::NoExtern | HeapType::NoExn => self.iconst32(0),
            HeapType::Struct => self.is_of_kind(value, from, Kind::Struct, done),
            HeapType::Array => self.is_of_kind(value, from, Kind::Array, done),
            HeapType::I31 => {
                let bit = self.builder.ins().ireduce(types::I32, value);
                self.builder.ins().band_imm_u(bit, reference::I31.cast_signed())
            }
            HeapType::Eq => {
                // All but what is the host's.
                let tag = self.builder.ins().band_imm_u(value, reference::TAG.cast_signed());
                let is = self.builder.ins().icmp_imm_u(IntCC::NotEqual, tag, reference::HOST.cast_signed());
                self.builder.ins().uextend(types::I32, is)
            }
            HeapType::DefinedFunc(_) | HeapType::DefinedStruct(_) | HeapType::DefinedArray(_) => {
                unreachable!("a defined type is known by its definition")
            }
        }
    }

    fn is_of_kind(&mut self, value: Value, from: HeapType, kind: Kind, done: Block) -> Value {
        self.must_be_object(value, from, done);
        let flags = MemFlagsData::trusted().with_readonly();
        let found = self.builder.ins().load(types::I8, flags, value, narrow_offset(u64::from(KIND)));
        let is = self.builder.ins().icmp_imm_u(IntCC::Equal, found, i64::from(kind as u8));
        self.builder.ins().uextend(types::I32, is)
    }

    /// Goes to `done` with 0 if a reference is to no object.
    fn must_be_object(&mut self, value: Value, from: HeapType, done: Block) {
        let known = matches!(
            from,
            HeapType::Struct | HeapType::Array | HeapType::DefinedStruct(_) | HeapType::DefinedArray(_)
        );
        if !known {
            let tag = self.builder.ins().band_imm_u(value, reference::TAG.cast_signed());
            self.answer_if(tag, done, 0);
        }
    }

    fn load_type(&mut self, value: Value, offset: i32) -> Value {
        self.builder.ins().load(types::I32, MemFlagsData::trusted().with_readonly(), value, offset)
    }

    /// An `i32`: whether the type with the number `found` is `wanted` or extends it.
    pub(in crate::translate) fn extends(&mut self, found: Value, wanted: &TypeDef) -> Value {
        let mut found = found;
        if !wanted.is_final {
            let heap = self.vmctx_pointer(offsets::HEAP);
            let flags = MemFlagsData::trusted();
            let shift = self.builder.ins().load(types::I32, flags, heap, offsets::heap::ROW_SHIFT);
            // They move when the store comes to know more types.
            let rows = self.builder.ins().load(types::I64, flags, heap, offsets::heap::ROWS);
            let number = self.builder.ins().uextend(types::I64, found);
            let row = self.builder.ins().ishl(number, shift);
            let row = self.builder.ins().iadd(rows, row);
            let entry = narrow_offset(4 * wanted.depth() as u64);
            found = self.builder.ins().load(types::I32, flags, row, entry);
        }
        let same = self.builder.ins().icmp_imm_u(IntCC::Equal, found, i64::from(wanted.id.0));
        self.builder.ins().uextend(types::I32, same)
    }

    /// Goes to `done` with `answer` if `condition` holds.
    fn answer_if(&mut self, condition: Value, done: Block, answer: u32) {
        let answer = self.iconst32(answer);
        let next = self.builder.create_block();
        self.builder.ins().brif(condition, done, &[BlockArg::Value(answer)], next, &[]);
        self.go_on(next);
    }
}

/// What a reference is cast to.
struct Target {
    ty: RefType,
    /// The definition of a defined type.
    defined: Option<Arc<TypeDef>>,
}

/// The type of what is of type `from` and is not of type `to`.
fn without(from: ValueType, to: RefType) -> ValueType {
    if to.nullable { non_null(from) } else { from }
}
