//! One frame: where it is, and its values.

use super::StopId;
use crate::instance::Instance;
use crate::module::narrow;
use crate::store::Store;
use crate::unwind::{RawFrame, is_lost, read_local, read_operand, write_place};
use crate::value::{Value, ValueType};
use frame_table::{LocalSetId, ModulePc, Operand, Place};
use std::sync::Arc;
use thiserror::Error;

/// Why a frame's value cannot be had.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The guest went on since the frame was found, or the store is another.
    #[error("the frame is stale: the program has run since")]
    Stale,
    /// There is no such local or operand.
    #[error("no such local or operand")]
    NoSuchValue,
    /// The code keeps no state.
    #[error("the value is not available")]
    Unavailable,
    /// The operand is a constant of the code or stands for a local: it has no place of its own.
    #[error("the operand is not a variable")]
    NotWritable,
    /// The value has another type.
    #[error("the value is a {0}")]
    Type(ValueType),
}

/// A frame of the stack.
#[derive(Clone)]
pub enum Frame {
    /// A Wasm function.
    Wasm(WasmFrame),
    /// A host function that Wasm code called: its name as `module.name`.
    Host(String),
    /// The host's frames between two activations.
    Gap,
    /// An activation of another store, whatever is in it.
    Foreign,
}

/// A frame of a Wasm function.
#[derive(Clone)]
pub struct WasmFrame {
    pub(super) raw: RawFrame,
    pub(super) stop: StopId,
    /// Index of the module in the store.
    pub module: usize,
    /// The instance; none in code that keeps no state.
    pub instance: Option<Instance>,
    /// Function index.
    pub function: u32,
    /// The operator: about to run or trapped in the innermost frame, the one after the call in a caller.
    pub pc: ModulePc,
    /// For a caller: the call that it waits in.
    pub call: Option<ModulePc>,
    pub(super) operands: Vec<Operand>,
    /// The locals that the state slot has.
    pub(super) held: LocalSetId,
    /// Number of the activation, counted from the outermost, which is 0.
    pub activation: u32,
}

/// The call before the operator that a frame is at.
#[derive(Clone, Debug)]
pub struct LastCall {
    /// The call operator.
    pub pc: ModulePc,
    /// What it took from the operand stack, bottom first.
    pub arguments: Vec<Option<Value>>,
    /// How many results it left there.
    pub results: usize,
}

impl WasmFrame {
    /// Types of the locals, parameters first.
    #[must_use]
    pub fn locals(&self) -> &[ValueType] {
        self.raw.code.frame.locals()
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_locals(&self) -> Arc<[ValueType]> {
        self.raw.code.frame.shared_locals()
    }

    /// Types of the operands, bottom first.
    pub fn operands(&self) -> impl ExactSizeIterator<Item = ValueType> {
        self.operands.iter().map(|operand| operand.ty)
    }

    /// The native frame pointer: the same as long as the frame lives, lower for inner frames.
    #[must_use]
    pub fn address(&self) -> usize {
        self.raw.fp
    }

    /// Bytes below [`WasmFrame::address`] that certainly belong to the frame; inner frames are further down.
    #[must_use]
    pub fn extent(&self) -> u32 {
        self.raw.code.frame.slot_below_fp()
    }

    fn check(&self, store: &Store) -> Result<(), FrameError> {
        if self.stop == store.debug.stop { Ok(()) } else { Err(FrameError::Stale) }
    }

    /// A local's value.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn local(&self, store: &Store, index: u32) -> Result<Value, FrameError> {
        self.check(store)?;
        let ty = *self.locals().get(index as usize).ok_or(FrameError::NoSuchValue)?;
        let bits = read_local(&self.raw, self.held, index, ty);
        Ok(store.value_of(ty, bits.ok_or(FrameError::Unavailable)?))
    }

    /// Changes a local. The program uses the new value when it goes on.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn set_local(&self, store: &mut Store, index: u32, value: Value) -> Result<(), FrameError> {
        self.check(store)?;
        let table = &self.raw.code.frame;
        let ty = *self.locals().get(index as usize).ok_or(FrameError::NoSuchValue)?;
        if !table.holds(self.held, index) {
            return Err(FrameError::Unavailable);
        }
        self.write(store, table.layout().local(index), ty, value)
    }

    /// An operand's value; 0 is the bottom of the stack.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn operand(&self, store: &Store, height: u32) -> Result<Value, FrameError> {
        self.check(store)?;
        let operand = *self.operands.get(height as usize).ok_or(FrameError::NoSuchValue)?;
        self.operand_value(store, height, operand)
    }

    fn operand_value(&self, store: &Store, height: u32, operand: Operand) -> Result<Value, FrameError> {
        let bits = read_operand(&self.raw, self.held, height, operand).ok_or(FrameError::Unavailable)?;
        Ok(store.value_of(operand.ty, bits))
    }

    /// Changes an operand. The program uses the new value when it goes on.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn set_operand(&self, store: &mut Store, height: u32, value: Value) -> Result<(), FrameError> {
        self.check(store)?;
        let operand = *self.operands.get(height as usize).ok_or(FrameError::NoSuchValue)?;
        if operand.place != Place::Slot {
            return Err(FrameError::NotWritable);
        }
        self.write(store, self.raw.code.frame.layout().operand(height), operand.ty, value)
    }

    fn write(&self, store: &mut Store, offset: u32, ty: ValueType, value: Value) -> Result<(), FrameError> {
        if !store.fits(value, ty) {
            return Err(FrameError::Type(ty));
        }
        if !store.will_read_slot(&self.raw) {
            return Err(FrameError::Unavailable);
        }
        let written = write_place(&self.raw, offset, ty, store.bits_of(value));
        written.then_some(()).ok_or(FrameError::Unavailable)
    }

    /// When the frame is at the operator right after a call: that call. For `call_indirect` the last argument is the
    /// index into the table.
    ///
    /// Arguments stay in the state slot until something is pushed over them, which the results of the call may have
    /// done; those are `None`, and all of a frame that was rebuilt when the call returned.
    #[must_use]
    pub fn last_call(&self, store: &Store) -> Option<LastCall> {
        self.check(store).ok()?;
        let table = &self.raw.code.frame;
        let call = table.call_before(self.pc)?;
        let before = table.points().binary_search_by_key(&call.pc, |point| point.pc).ok()?;
        let before = table.operands(table.points()[before].shape);
        let kept = table.operands(call.shape).len();
        let overwritten = self.operands.len();
        let args = before.iter().enumerate().skip(kept).map(|(height, operand)| {
            let is_overwritten = operand.place == Place::Slot && height < overwritten;
            let bits = read_operand(&self.raw, self.held, narrow(height), *operand);
            // A frame that was rebuilt after the call does not have them.
            let bits = bits.filter(|bits| !is_overwritten && !is_lost(*bits, operand.ty))?;
            Some(store.value_of(operand.ty, bits))
        });
        Some(LastCall { pc: call.pc, arguments: args.collect(), results: overwritten.saturating_sub(kept) })
    }
}
