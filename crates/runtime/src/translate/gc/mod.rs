//! Objects of the garbage-collected heap: structures, arrays, and casts.
//!
//! Objects never move, so code may keep an address over a call; what it holds is found by the state slot or by stack
//! maps. An allocation is a call of the runtime; reading and writing fields is not, but for the barrier of a running
//! collection (`heap/mod.rs`).

mod array;
mod cast;
mod structure;

use super::clif_type;
use super::function::FunctionTranslator;
use crate::error::Error;
use crate::heap::Layout;
use crate::types::{Storage, TypeDef};
use crate::vm::{Builtin, offsets};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use std::sync::Arc;
use wasmparser::Operator;

/// How a packed field becomes an `i32`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    Signed,
    /// Of fields that are not packed, none.
    Unsigned,
}

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    ///
    /// # Errors
    /// When it names a type that this runtime does not have.
    pub(super) fn gc_operator(&mut self, operator: &Operator<'_>) -> Result<bool, Error> {
        Ok(self.struct_operator(operator) || self.array_operator(operator) || self.cast_operator(operator)?)
    }

    fn type_def(&self, index: u32) -> Arc<TypeDef> {
        Arc::clone(&self.info.types[index as usize])
    }

    /// A new object, zeroed; `length` is an array's.
    fn allocate(&mut self, ty: &TypeDef, length: Value) -> Value {
        let id = self.iconst32(ty.id.0);
        self.call_for_reference(Builtin::Allocate, &[id, length])
    }

    /// Calls a builtin that returns a reference to an object, which the collector must know of.
    pub(super) fn call_for_reference(&mut self, builtin: Builtin, args: &[Value]) -> Value {
        let result = self.call_builtin(builtin, args);
        let result = result.unwrap_or_else(|| unreachable!("{builtin:?} returns a reference"));
        self.builder.declare_value_needs_stack_map(result);
        result
    }

    /// Pops the initial values of fields and stores them into a new object.
    pub(super) fn store_fields(&mut self, object: Value, layout: &Layout, values: &[Value]) {
        for (index, value) in (0..).zip(values) {
            let Some((offset, storage)) = layout.field(index) else { continue };
            // Nothing is overwritten, so there is no barrier.
            self.store_field(object, crate::module::narrow_offset(offset), storage, *value);
        }
    }

    pub(super) fn load_field(
        &mut self,
        address: Value,
        offset: i32,
        storage: Storage,
        extension: Extension,
    ) -> Value {
        let wide = clif_type(storage.value_type());
        let narrow = stored_type(storage);
        let value = self.builder.ins().load(narrow, MemFlagsData::trusted(), address, offset);
        match extension {
            _ if wide == narrow => value,
            Extension::Signed => self.builder.ins().sextend(wide, value),
            Extension::Unsigned => self.builder.ins().uextend(wide, value),
        }
    }

    fn store_field(&mut self, address: Value, offset: i32, storage: Storage, value: Value) {
        let narrow = stored_type(storage);
        let packed = self.builder.func.dfg.value_type(value) != narrow;
        let value = if packed { self.builder.ins().ireduce(narrow, value) } else { value };
        self.builder.ins().store(MemFlagsData::trusted(), value, address, offset);
    }

    /// Stores a value over another one: a running collection sees the old one first.
    fn overwrite_field(&mut self, address: Value, offset: i32, storage: Storage, value: Value) {
        if storage.holds_objects() {
            let heap = self.vmctx_pointer(offsets::HEAP);
            let flags = MemFlagsData::trusted();
            let marking = self.builder.ins().load(types::I32, flags, heap, offsets::heap::MARKING);
            let cold = self.builder.create_block();
            let next = self.builder.create_block();
            self.builder.set_cold_block(cold);
            self.builder.ins().brif(marking, cold, &[], next, &[]);
            self.go_on(cold);
            let old = self.builder.ins().load(types::I64, flags, address, offset);
            self.call_builtin(Builtin::Overwriting, &[old]);
            self.builder.ins().jump(next, &[]);
            self.go_on(next);
        }
        self.store_field(address, offset, storage, value);
    }

    /// The two halves of a value's bits, as builtins take them.
    fn halves(&mut self, value: Value) -> [Value; 2] {
        let zero = self.builder.ins().iconst(types::I64, 0);
        match self.builder.func.dfg.value_type(value) {
            types::I32 => [self.builder.ins().uextend(types::I64, value), zero],
            types::F32 => {
                let bits = self.builder.ins().bitcast(types::I32, MemFlagsData::new(), value);
                [self.builder.ins().uextend(types::I64, bits), zero]
            }
            types::F64 => [self.builder.ins().bitcast(types::I64, MemFlagsData::new(), value), zero],
            types::I8X16 => {
                let flags = MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
                let lanes = self.builder.ins().bitcast(types::I64X2, flags, value);
                [0, 1].map(|lane| self.builder.ins().extractlane(lanes, lane))
            }
            _ => [value, zero],
        }
    }
}

/// How a field is kept in memory.
fn stored_type(storage: Storage) -> Type {
    match storage {
        Storage::I8 => types::I8,
        Storage::I16 => types::I16,
        Storage::Value(ty) => clif_type(ty),
    }
}
