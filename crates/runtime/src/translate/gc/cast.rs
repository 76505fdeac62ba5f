//! Casts: `ref.test`, `ref.cast`, and the branches on them.
//!
//! A reference to an object knows its defined type by number; functions know theirs in the `FuncRef`. Whether that
//! type extends the wanted one is known at once if they are equal or the wanted one is final, else the runtime says.

use crate::error::Error;
use crate::heap::{KIND, Kind, TYPE};
use crate::module::narrow_offset;
use crate::translate::function::FunctionTranslator;
use crate::translate::reference::non_null;
use crate::trap::TrapCode;
use crate::value::{HeapType, RefType, TypeId, ValueType};
use crate::vm::Builtin;
use crate::vm::offsets::{func_ref, reference};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Value, types};
use wasmparser::Operator;

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    ///
    /// # Errors
    /// When it names a type that this runtime does not have.
    pub(super) fn cast_operator(&mut self, operator: &Operator<'_>) -> Result<bool, Error> {
        match *operator {
            Operator::RefTestNonNull { hty } => self.ref_test(RefType::non_null(self.info.heap_type(hty)?)),
            Operator::RefTestNullable { hty } => self.ref_test(RefType::nullable(self.info.heap_type(hty)?)),
            Operator::RefCastNonNull { hty } => self.ref_cast(RefType::non_null(self.info.heap_type(hty)?)),
            Operator::RefCastNullable { hty } => self.ref_cast(RefType::nullable(self.info.heap_type(hty)?)),
            Operator::BrOnCast { relative_depth, to_ref_type, .. } => {
                self.branch_on_cast(relative_depth, self.info.ref_type(to_ref_type)?);
            }
            Operator::BrOnCastFail { relative_depth, to_ref_type, .. } => {
                self.branch_on_cast_fail(relative_depth, self.info.ref_type(to_ref_type)?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn ref_test(&mut self, to: RefType) {
        let from = self.state.top_type();
        let value = self.pop();
        let is = self.is_of_type(value, from, to);
        self.push(ValueType::I32, is);
    }

    fn ref_cast(&mut self, to: RefType) {
        let from = self.state.top_type();
        let value = self.pop();
        let is = self.is_of_type(value, from, to);
        self.trap_if_zero(is, TrapCode::CastFailure);
        self.push(ValueType::Ref(to), value);
    }

    fn branch_on_cast(&mut self, depth: u32, to: RefType) {
        let from = self.state.top_type();
        let value = self.pop();
        let is = self.is_of_type(value, from, to);
        let next = self.split(is);
        self.push(ValueType::Ref(to), value);
        self.branch(depth);
        self.state.drop_top();
        self.go_on(next);
        self.push(without(from, to), value);
    }

    fn branch_on_cast_fail(&mut self, depth: u32, to: RefType) {
        let from = self.state.top_type();
        let value = self.pop();
        let is = self.is_of_type(value, from, to);
        let is_not = self.builder.ins().icmp_imm_s(IntCC::Equal, is, 0);
        let next = self.split(is_not);
        self.push(without(from, to), value);
        self.branch(depth);
        self.state.drop_top();
        self.go_on(next);
        self.push(ValueType::Ref(to), value);
    }

    /// An `i32`: whether a reference that is known to be of type `from` is of type `to`.
    fn is_of_type(&mut self, value: Value, from: ValueType, to: RefType) -> Value {
        let done = self.builder.create_block();
        let is = self.builder.append_block_param(done, types::I32);
        let ValueType::Ref(from) = from else { return self.iconst32(0) };
        if from.nullable {
            let null = self.builder.ins().icmp_imm_s(IntCC::Equal, value, 0);
            self.answer_if(null, done, u32::from(to.nullable));
        }
        let answer = self.is_of_heap_type(value, from.heap, to.heap, done);
        self.builder.ins().jump(done, &[BlockArg::Value(answer)]);
        self.go_on(done);
        is
    }

    /// The same for a reference that is not null; may go to `done` with the answer.
    fn is_of_heap_type(&mut self, value: Value, from: HeapType, to: HeapType, done: Block) -> Value {
        match to {
            HeapType::Func | HeapType::Any | HeapType::Extern | HeapType::Exn => self.iconst32(1),
            HeapType::NoFunc | HeapType::None | HeapType::NoExtern | HeapType::NoExn => self.iconst32(0),
            HeapType::DefinedFunc(id) => {
                let found = self.load_type(value, func_ref::SIGNATURE);
                self.extends(found, id, done)
            }
            HeapType::DefinedStruct(id) | HeapType::DefinedArray(id) => {
                self.must_be_object(value, from, done);
                let found = self.load_type(value, narrow_offset(u64::from(TYPE)));
                self.extends(found, id, done)
            }
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

    /// An `i32`: whether the type `found` is `wanted` or extends it; may go to `done` with the answer.
    fn extends(&mut self, found: Value, wanted: TypeId, done: Block) -> Value {
        let same = self.builder.ins().icmp_imm_u(IntCC::Equal, found, i64::from(wanted.0));
        let is_final = self.info.types.iter().any(|ty| ty.id == wanted && ty.is_final);
        if is_final {
            return self.builder.ins().uextend(types::I32, same);
        }
        self.answer_if(same, done, 1);
        let wanted = self.iconst32(wanted.0);
        match self.call_builtin(Builtin::Extends, &[found, wanted]) {
            Some(answer) => answer,
            None => self.iconst32(0),
        }
    }

    /// Goes to `done` with `answer` if `condition` holds.
    fn answer_if(&mut self, condition: Value, done: Block, answer: u32) {
        let answer = self.iconst32(answer);
        let next = self.builder.create_block();
        self.builder.ins().brif(condition, done, &[BlockArg::Value(answer)], next, &[]);
        self.go_on(next);
    }
}

/// The type of what is of type `from` and is not of type `to`.
fn without(from: ValueType, to: RefType) -> ValueType {
    if to.nullable { non_null(from) } else { from }
}
