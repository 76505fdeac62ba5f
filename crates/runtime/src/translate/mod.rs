//! Function bodies to CLIF, with the instrumentation of a [`Tier`].
//!
//! A file per family of operators; [`state`] keeps the Wasm state (locals and operand stack), [`points`] records what
//! is where. Translation is pure: it reads a validated module and touches no memory of a running store, so that
//! functions can be compiled on several threads.

mod atomic;
mod call;
mod control;
mod effects;
mod exception;
mod function;
mod gc;
mod guard;
mod held;
mod locals;
mod memory;
mod numeric;
mod points;
mod reference;
mod region;
mod simd;
mod state;
mod stops;
mod table;
mod variable;

use crate::access::Accesses;
use crate::engine::{Engine, Tier};
use crate::error::Error;
use crate::module::ModuleInfo;
use crate::value::{FuncType, ValueType};
use cranelift_codegen::ir::{self, AbiParam, Signature, types};
use cranelift_codegen::isa::CallConv;
use frame_table::ModulePc;
pub(crate) use function::{Callee, builtin_signature};
pub(crate) use guard::Guard;
pub(crate) use points::{CALL_TAG, COLD_TAG, Call, POLL_TAG, Point, Points};
use serde::{Deserialize, Serialize};

/// Which code of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Version {
    /// The debug tier's, which calls come to: it can stop at every operator, and then all values are in the state slot. It
    /// goes on with those that are in registers.
    Debug(Guard),
    /// The debug tier's, for frames that were something else. Nothing but the state slot outlives an operator, so a frame
    /// can be put at any point of it, and goes on with what is in the slot.
    Landing,
    /// The run tier's.
    Run(Guard),
    /// As [`Version::Run`] or [`Version::Debug`], entered at the loop whose first operator is at this PC, with the state that
    /// the store's limits point to. Otherwise it is called like the function.
    Resumed(Tier, ModulePc, Guard),
}

impl Version {
    /// Whether values are in the state slot only, between operators.
    pub(crate) fn lives_in_slot(self) -> bool {
        self == Self::Landing
    }

    /// Which accesses it compares with what is watched. Landing code can stop before each of them.
    pub(crate) fn guard(self) -> Guard {
        match self {
            Self::Debug(guard) | Self::Run(guard) | Self::Resumed(_, _, guard) => guard,
            Self::Landing => Guard { accesses: Accesses::BOTH, spread: true },
        }
    }

    /// The tier that it is of.
    pub(crate) fn tier(self) -> Tier {
        match self {
            Self::Debug(_) | Self::Landing => Tier::Debug,
            Self::Run(_) => Tier::Run,
            Self::Resumed(tier, ..) => tier,
        }
    }
}

/// A translated function, ready for the code generator.
pub(crate) struct Translated {
    /// Its CLIF.
    pub(crate) clif: ir::Function,
    /// The state slot and what is in it, without native offsets.
    pub(crate) points: Points,
}

/// Translates a defined function; `index` counts imports. A `large` one checks the stack limit before it has a frame.
pub(crate) fn translate(
    engine: &Engine,
    info: &ModuleInfo,
    index: u32,
    version: Version,
    large: bool,
) -> Result<Translated, Error> {
    let mut translated = function::translate(engine, info, index, version)?;
    if large {
        function::check_stack_first(&mut translated.clif);
    }
    Ok(translated)
}

/// How a Wasm type is kept in registers.
pub(crate) fn clif_type(ty: ValueType) -> ir::Type {
    match ty {
        ValueType::I32 => types::I32,
        ValueType::F32 => types::F32,
        ValueType::F64 => types::F64,
        ValueType::V128 => types::I8X16,
        ValueType::I64 | ValueType::Ref(_) => types::I64,
    }
}

/// The native signature of a Wasm function: the callee's vmctx, the caller's vmctx, then the Wasm parameters.
///
/// Why the `tail` convention? Wasm tail calls need it: the callee takes its stack arguments away, so a frame can be
/// replaced by one with more of them. And a call that ends by an exception restores no register, so whoever throws
/// need not look for any.
pub(crate) fn native_signature(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend([AbiParam::new(types::I64); 2]);
    signature.params.extend(ty.params().iter().map(|param| AbiParam::new(clif_type(*param))));
    signature.returns.extend(ty.results().iter().map(|result| AbiParam::new(clif_type(*result))));
    signature
}
